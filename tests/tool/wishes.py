#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""wishes.py - exceptions, history, export and import as the administrator uses
them.  As root, in a network where nobody answers and in a cache of its own;
both are gone afterwards."""

import datetime
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MTA_STS_BUILD", "build")
OWNER = 54321  # no user of this machine needs to have it
STRANGER = 54322
LIMIT = 30  # seconds for one run of the tool
WEEK = 604800
_TESTS = []


def test(function):
    _TESTS.append(function)
    return function


def equal(got, want, what):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def contains(text, part, what):
    assert part in text, f"{what}: no {part!r} in {text!r}"


class Place:
    """A directory with the tool, a cache, a configuration and exceptions."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.dir.chmod(0o755)
        self.tool = self.dir / "mta-sts"
        shutil.copy(BUILD / "mta-sts", self.tool)
        self.conf = self.dir / "mta-sts.conf"
        self.etc = self.dir / "etc"
        self.exceptions = self.etc / "exceptions"
        self.cache = self.dir / "cache"
        self.reset()

    def reset(self):
        for path in (self.etc, self.cache):
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
        self.etc.chmod(0o755)
        self.cache.chmod(0o750)
        os.chown(self.cache, OWNER, OWNER)
        self.conf.write_text(f"cache_dir = {self.cache}\n"
                             f"exceptions = {self.exceptions}\n"
                             "dns_timeout = 1s\n", encoding="ascii")

    def run(self, *arguments, stdin=b"", uid=0):
        """The end of `mta-sts ARGUMENTS`; out and err as text."""
        done = subprocess.run(
            [self.tool, arguments[0], "--config", self.conf, *arguments[1:]],
            input=stdin, capture_output=True, timeout=LIMIT, check=False,
            user=uid, group=uid, extra_groups=[], env={})
        done.out = done.stdout.decode("ascii", "replace")
        done.err = done.stderr.decode("ascii", "replace")
        return done

    def does(self, code, *arguments, **options):
        done = self.run(*arguments, **options)
        equal(done.returncode, code,
              " ".join(map(str, arguments)) + f": {done.out}{done.err}: exit")
        return done

    def json(self, code, *arguments, **options):
        done = self.does(code, arguments[0], "--json", *arguments[1:],
                         **options)
        return [json.loads(line) for line in done.out.splitlines()]

    def write(self, data):
        self.exceptions.write_bytes(
            data if isinstance(data, bytes) else data.encode())

    def read(self):
        return self.exceptions.read_bytes().decode("latin-1")


# --- except -------------------------------------------------------------------

@test
def the_first_exception_makes_the_file(place):
    """the first exception makes the file, which everybody may read"""
    done = place.does(0, "except", "Example.COM.", "testing", "--why",
                      "ticket 47 11")
    line = 'example.com testing why="ticket 47 11"\n'
    equal(done.out, line, "what it says")
    equal(place.read(), line, "the file")
    equal(place.exceptions.stat().st_mode & 0o7777, 0o644, "its mode")
    equal(os.listdir(place.etc), ["exceptions"], "files")


@test
def all_else_stays_byte_for_byte(place):
    """an exception is added, and all else stays byte for byte"""
    old = (b"# a comment\r\n\n  \t\n.example.net\t ignore \n"
           b"broken line \xff\0 here\nexample.org ignore # no\nlast ignore")
    place.write(old)
    os.chown(place.exceptions, OWNER, STRANGER)
    place.exceptions.chmod(0o640)
    place.does(0, "except", "example.com", "ignore")
    equal(place.exceptions.read_bytes(),
          old + b"\nexample.com ignore\n", "the file")
    seen = place.exceptions.stat()
    equal((seen.st_uid, seen.st_gid, seen.st_mode & 0o7777),
          (OWNER, STRANGER, 0o640), "owner, group and mode")
    equal(os.listdir(place.etc), ["exceptions"], "files")


@test
def the_domains_own_line_is_replaced(place):
    """a domain's own lines, sound or broken, give way to the new one"""
    place.write("a.example ignore\nEXAMPLE.com. testing\n"
                ".example.com ignore\n example.com testng\nb.example ignore\n")
    place.does(0, "except", "example.com", "mx=mx.example:*.example.net")
    equal(place.read(), "a.example ignore\n"
          "example.com mx=mx.example:*.example.net\n"
          ".example.com ignore\nb.example ignore\n", "the file")
    answer = place.json(0, "except", ".example.com", "testing")
    equal(answer, [{"name": ".example.com", "replaced": 1,
                    "line": ".example.com testing"}], "JSON")


@test
def removal(place):
    """--remove takes away a domain's lines and no others"""
    place.write("# x\na.example ignore\n.a.example ignore\na.example x\n")
    done = place.does(0, "except", "--remove", "a.example")
    equal(done.out, "a.example: removed\n", "what it says")
    equal(place.read(), "# x\n.a.example ignore\n", "the file")
    before = place.exceptions.stat()
    done = place.does(1, "except", "--remove", "a.example")
    contains(done.err, "no exception", "message")
    equal(place.exceptions.stat(), before, "the untouched file")
    equal(os.listdir(place.etc), ["exceptions"], "files")


@test
def until(place):
    """--until takes a date or a span from now, and nothing else"""
    now = time.time()
    for span, seconds in (("+7d", 7 * 86400), ("+12h", 12 * 3600),
                          ("+30m", 1800), ("+2w", 14 * 86400)):
        place.does(0, "except", "a.example", "ignore", "--until", span)
        end = place.read().strip().partition("until=")[2]
        got = datetime.datetime.strptime(end, "%Y-%m-%dT%H:%M:%SZ").replace(
            tzinfo=datetime.timezone.utc).timestamp()
        assert 0 <= got - int(now) - seconds < 20, (span, end)
    for date in ("2999-01-31", "2999-01-31T12:00:00Z"):
        place.does(0, "except", "a.example", "ignore", "--until", date)
        equal(place.read(), f"a.example ignore until={date}\n", "the file")
    kept = place.read()
    for bad in ("2020-01-31", "+7", "+7y", "7d", "+-7d", "+0d", "", "+",
                "+99999d", "+99999999999999999999h", "2999-02-30", "soon",
                "+1d x", "2999-01-31 ignore"):
        done = place.does(2, "except", "a.example", "ignore", "--until", bad)
        contains(done.err, "--until", bad)
        equal(place.read(), kept, f"the file after {bad!r}")


@test
def nothing_broken_is_written(place):
    """what would be a broken line, or two lines, is refused"""
    place.write("b.example ignore\n")
    for arguments in (
            ["a.example", "enforce"], ["a.example", "ignroe"],
            ["a.example", "testing", "mx=a"], ["a.example", "mx=a b"],
            ["a.example", "mx=-"], ["a.example", "mx=a\nb.example ignore"],
            ["a.example", "ignore", "testing"], ["192.0.2.1", "ignore"],
            ["a.example\nb.example", "ignore"], ["*.example", "ignore"],
            ["a.example", "ignore\n"], ["", "ignore"], ["#", "ignore"],
            ["a.example", "ignore", "--why", 'a"b'],
            ["a.example", "ignore", "--why", "a\nb.example testing"],
            ["a.example", "ignore", "--why", "x" * 161],
            ["a.example", "ignore", "--why", "\x1b[2J"],
            ["a.example", "mx=" + ":".join(["a" * 60 + ".example"] * 80)],
            ["--remove", "a.example", "ignore"], ["--remove"],
            ["--until", "+7d"], ["a.example", "--why", "x"],
            ["a.example", "enforce", "mx=a", "mx=b"]):
        done = place.does(2, "except", *arguments)
        assert done.err and not done.out, arguments
        assert "\x1b" not in done.err, arguments
        equal(place.read(), "b.example ignore\n", f"file after {arguments}")
    equal(os.listdir(place.etc), ["exceptions"], "files")


@test
def listing(place):
    """except alone lists, and tells of broken lines"""
    equal(place.does(0, "except").out, "", "without a file")
    place.write("# x\nexample.com testing until=2999-01-31 why=\"t 1\"\n"
                "broken\n.example.net mx=a.example:b.example\n"
                "old.example ignore until=2020-01-31\n")
    done = place.does(1, "except")
    contains(done.err, "line 3: no action", "broken line")
    contains(done.out, "example.com: testing\n", "name and action")
    contains(done.out, "old.example: ignore (over", "one that is over")
    seen = place.json(1, "except")
    equal(seen[0], {"name": "example.com", "action": "testing", "why": "t 1",
                    "until": "2999-02-01T00:00:00Z", "over": False,
                    "line": 2}, "JSON")
    equal([one["line"] for one in seen], [2, 4, 5], "lines")
    equal(seen[1]["mx"], ["a.example", "b.example"], "mx")
    equal(seen[2]["over"], True, "over")


@test
def the_line_that_counts(place):
    """except DOMAIN shows the line that counts for it"""
    place.write(".example.com ignore\na.example.com testing\n"
                "b.example.com ignore until=2020-01-01\n")
    for asked, line in (("a.example.com", 2), ("x.example.com", 1),
                        ("b.example.com", 1), (".example.com", 1)):
        equal(place.json(0, "except", asked)[0]["line"], line, asked)
    done = place.does(1, "except", "example.com")
    contains(done.err, "no exception", "message")


@test
def a_link_stays_a_link(place):
    """a symbolic link stays one, and the file behind it is changed"""
    real = place.dir / "real"
    real.write_text("b.example ignore\n", encoding="ascii")
    place.exceptions.symlink_to(real)
    place.does(0, "except", "a.example", "ignore")
    assert place.exceptions.is_symlink()
    equal(real.read_text(encoding="ascii"),
          "b.example ignore\na.example ignore\n", "the file")
    real.unlink()
    (place.dir / "real.lock").unlink(missing_ok=True)


@test
def somebody_else(place):
    """somebody else may look, and is told that he may not change"""
    place.write("a.example ignore\n")
    equal(place.does(0, "except", uid=STRANGER).out, "a.example: ignore\n",
          "list")
    done = place.does(3, "except", "b.example", "ignore", uid=STRANGER)
    contains(done.err, "no permission", "message")
    equal(place.read(), "a.example ignore\n", "the file")
    place.exceptions.chmod(0o600)
    done = place.does(3, "except", uid=STRANGER)
    contains(done.err, "Permission denied", "message")


@test
def two_at_once(place):
    """many changes at once are all made"""
    names = [f"d{i}.example" for i in range(12)]
    threads = [threading.Thread(target=place.does,
                                args=(0, "except", name, "ignore"))
               for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(place.read().split("\n")),
          sorted([""] + [f"{name} ignore" for name in names]), "lines")
    equal(os.listdir(place.etc), ["exceptions"], "files")


@test
def a_lock_that_stays(place):
    """a change that hangs lets others go after some seconds; one that was
    killed is no hindrance"""
    lock = place.etc / "exceptions.lock"
    lock.touch(0o600)
    place.does(0, "except", "a.example", "ignore")
    with open(lock, "w", encoding="ascii") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        done = place.does(3, "except", "b.example", "ignore")
    contains(done.err, "somebody else", "message")
    equal(place.read(), "a.example ignore\n", "the file")


@test
def a_full_disk(place):
    """what cannot be written whole leaves the file as it was"""
    full = place.dir / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", full],
                   check=True)
    try:
        place.conf.write_text(f"cache_dir = {place.cache}\n"
                              f"exceptions = {full}/x\n", encoding="ascii")
        (full / "x").write_text("# " + "x" * 40000 + "\n", encoding="ascii")
        done = place.does(3, "except", "a.example", "ignore")
        contains(done.err, "No space", "message")
        equal((full / "x").stat().st_size, 40003, "size")
        equal(os.listdir(full), ["x"], "files")
    finally:
        subprocess.run(["umount", full], check=True)


@test
def config_finds_broken_exceptions(place):
    """config tells of broken exceptions, with line numbers, and fails"""
    equal(place.does(0, "config").err, "", "no file")
    place.write("a.example ignore\nb.example ignroe\n")
    done = place.does(1, "config")
    contains(done.err, "exceptions line 2: not understood: ignroe", "message")
    seen = place.json(1, "config")[0]
    equal(seen["valid"], False, "valid")
    equal(seen["errors"], [{"file": str(place.exceptions), "line": 2,
                            "error": "not understood: ignroe"}], "errors")
    place.exceptions.unlink()
    place.exceptions.mkdir()
    contains(place.does(1, "config").err, "cannot be read", "a directory")


@test
def exim_hears_of_it_at_once(place):
    """the next look-up heeds a new exception"""
    place.does(0, "except", ".example", "enforce", "mx=mx.b.example")
    done = subprocess.run(
        [place.tool, "--config", place.conf, "lookup", "a.example"],
        capture_output=True, timeout=LIMIT, check=False, text=True)
    contains(done.stdout, "domain=a.example mode=enforce status=exempt "
             "id=exception max_age=86400 expires=", "line")
    contains(done.stdout, " mx=mx.b.example "
             "ignore=!^mx[.]b[.]example$:*\n", "line")


# --- export, import, history ----------------------------------------------------

HEAD = {"format": "mta-sts-policies", "version": 1}


def iso(seconds):
    return datetime.datetime.fromtimestamp(
        int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def policy(domain="a.example", mode="enforce", mx=("mx.a.example",), ago=3600,
           max_age=WEEK, policy_id="1", put=None):
    """A line of a dump; put has members other than they should be (None:
    left out)."""
    at = int(time.time()) - ago
    lines = ["version: STSv1", f"mode: {mode}", f"max_age: {max_age}"]
    text = "\r\n".join(lines + [f"mx: {one}" for one in mx]) + "\r\n"
    line = {"domain": domain, "mode": mode, "id": policy_id,
            "max_age": max_age, "fetched_at": iso(at),
            "expires": iso(at + max_age), "mx": list(mx), "text": text}
    line.update(put or {})
    return {key: value for key, value in line.items() if value is not None}


def dump(*lines, head=HEAD):
    return "".join((line if isinstance(line, str) else json.dumps(line)) + "\n"
                   for line in (head, *lines)).encode()


def exported(place):
    done = place.does(0, "export")
    return [json.loads(line) for line in done.out.splitlines()][1:]


def offer(place, *lines, code=0):
    """What import says of these lines, and the reasons."""
    *skipped, total = place.json(code, "import", "-", stdin=dump(*lines))
    equal(total["skipped"], len(skipped), "number of the skipped")
    return total, [one["skipped"] for one in skipped]


@test
def there_and_back(place):
    """what one host exports another imports, and exports alike"""
    lines = [policy(), policy("b.example", "testing", ["*.b.example", "c"]),
             policy("c.example", "none", []),
             policy("xn--bcher-kva.example", max_age=31557600)]
    done = place.does(0, "import", "-", stdin=dump(*lines))
    equal(done.out, "added 4, extended 0, unchanged 0, skipped 0\n", "told")
    text = place.does(0, "export").out
    head = json.loads(text.splitlines()[0])
    equal({key: head[key] for key in HEAD}, HEAD, "head")
    by_name = sorted(exported(place), key=lambda one: one["domain"])
    equal(by_name, lines, "exported")
    total, _ = offer(place, *by_name)
    equal(total, {"added": 0, "extended": 0, "unchanged": 4, "skipped": 0},
          "the second time")
    saved = place.dir / "dump"
    saved.write_text(text, encoding="ascii")
    shutil.rmtree(place.cache)
    place.reset()
    place.does(0, "import", saved)
    equal(sorted(exported(place), key=lambda one: one["domain"]), lines,
          "on the other host")
    for name in os.listdir(place.cache):
        seen = (place.cache / name).stat()
        equal((seen.st_uid, seen.st_mode & 0o7777), (OWNER, 0o640), name)


REFUSED = [
    ("not JSON", "{", "not a JSON object"),
    ("a list", "[]", "not a JSON object"),
    ("a member twice", '{"domain":"a.example","domain":"b.example"}',
     "not a JSON object"),
    ("too deep", "[" * 100000, "not a JSON object"),
    ("the second of two objects on a line", "{} {}", "not a JSON object"),
    ("too long", " " * 600000, "the line is too long"),
    ("no domain", policy(put={"domain": None}), "its domain is none"),
    ("a domain in capitals", policy("A.example"), "its domain is none"),
    ("an address", policy("192.0.2.1"), "its domain is none"),
    ("a path", policy("../a"), "its domain is none"),
    ("a NUL in the domain", policy("a.example\0"), "its domain is none"),
    ("a number for a domain", policy(1), "its domain is none"),
    ("no id", policy(put={"id": None}), "its id is none"),
    ("an id that is none", policy(put={"id": "a b"}), "its id is none"),
    ("an id with a second field", policy(put={"id": "1;id=2"}), "its id is none"),
    ("an id too long", policy(put={"id": "1" * 33}), "its id is none"),
    ("no text", policy(put={"text": None}), "its text is no policy"),
    ("an empty text", policy(put={"text": ""}), "its text is no policy"),
    ("a text that is none", policy(put={"text": "mode: none"}),
     "its text is no policy"),
    ("a NUL in the text", policy(put={"text": policy()["text"] + "\0"}),
     "its text is no policy"),
    ("another mode", policy(put={"mode": "none"}),
     "its mode is not"),
    ("another max_age", policy(put={"max_age": 1}),
     "its max_age is not"),
    ("a max_age in words", policy(put={"max_age": str(WEEK)}), "its max_age is not"),
    ("a negative max_age", policy(put={"max_age": -1}),
     "its max_age is not"),
    ("other patterns", policy(put={"mx": ["b"]}),
     "its mx is not"),
    ("a pattern more", policy(put={"mx": ["mx.a.example", "b"]}), "its mx is not"),
    ("a pattern less", policy(put={"mx": []}), "its mx is not"),
    ("no patterns", policy(put={"mx": None}), "its mx is not"),
    ("no time", policy(put={"fetched_at": None}), "a time is missing"),
    ("a time without a zone", policy(put={"fetched_at": "2026-01-01T00:00:00"}),
     "a time is missing"),
    ("a day", policy(put={"fetched_at": "2026-01-01"}), "a time is missing"),
    ("a number for a time", policy(put={"fetched_at": 1}), "a time is missing"),
    ("the future", policy(ago=-60), "in the future"),
    ("a longer life", policy(put={"expires": iso(time.time() + 2 * WEEK)}),
     "its end is not"),
    ("the past", policy(ago=WEEK + 5), "past its max_age"),
]


@test
def strangers_lines(place):
    """each thing that can be wrong with a line skips it, and it alone"""
    for name, line, why in REFUSED:
        total, skipped = offer(place, line, policy("good.example"), code=1)
        assert len(skipped) == 1 and why in skipped[0], (name, skipped)
        equal(sum(total.values()) - total["skipped"], 1, name)
    equal([one["domain"] for one in exported(place)], ["good.example"],
          "in the cache")


@test
def strangers_files(place):
    """a file that is no dump of this version is refused whole"""
    for name, head in (
            ("nothing", b""), ("an empty line", b"\n"), ("noise", b"\0\xff" * 9),
            ("no head", dump(head=policy())),
            ("another format", dump(policy(), head={"format": "x",
                                                    "version": 1})),
            ("a newer version", dump(policy(), head={**HEAD, "version": 2})),
            ("a version in words", dump(policy(), head={**HEAD,
                                                        "version": "1"})),
            ("an endless line", b"x" * 5000000)):
        done = place.does(1, "import", "-", stdin=head)
        contains(done.err, "not what mta-sts export", name)
        equal(exported(place), [], name)
    place.does(3, "import", "/nonexistent")
    place.does(3, "import", "/")


@test
def a_torn_file(place):
    """of a file that breaks off the whole lines count"""
    whole = dump(policy(), policy("b.example"))
    done = place.does(1, "import", "-", stdin=whole[:-40])
    contains(done.err, "line 3: skipped: not a JSON object", "message")
    equal([one["domain"] for one in exported(place)], ["a.example"], "kept")


STRENGTH = [
    # name, here, offered, why not (or None), what then is there
    ("the same, fetched later", {}, {"ago": 60}, None),
    ("the same, fetched earlier", {}, {"ago": 7200}, "fetched later"),
    ("testing over enforce", {}, {"mode": "testing", "ago": 60}, "stronger"),
    ("none over enforce", {}, {"mode": "none", "ago": 60, "mx": []},
     "stronger"),
    ("none over testing", {"mode": "testing"},
     {"mode": "none", "ago": 60, "mx": []}, "stronger"),
    ("enforce over testing", {"mode": "testing"}, {"ago": 60}, None),
    ("testing over none", {"mode": "none", "mx": []},
     {"mode": "testing", "ago": 60}, None),
    ("older enforce over testing", {"mode": "testing"}, {"ago": 7200},
     "fetched later"),
    ("other mx over enforce", {}, {"ago": 60, "mx": ["evil.example"]},
     "other mx"),
    ("a wider mx over enforce", {}, {"ago": 60, "mx": ["mx.a.example", "b"]},
     "other mx"),
    ("other mx over testing", {"mode": "testing"},
     {"mode": "testing", "ago": 60, "mx": ["b.example"]}, None),
    ("a shorter life", {}, {"ago": 60, "max_age": 86400}, "ends later"),
    ("a shorter life and a stronger mode", {"mode": "testing"},
     {"ago": 60, "max_age": 86400}, "ends later"),
    ("another id, all else the same", {}, {"ago": 60, "policy_id": "2"},
     None),
]


@test
def never_weaker(place):
    """what is in force is never weakened or shortened"""
    for number, (name, here, offered, why) in enumerate(STRENGTH):
        domain = f"d{number}.example"
        old, new = policy(domain, **here), policy(domain, **offered)
        offer(place, old)
        total, skipped = offer(place, new, code=1 if why else 0)
        got = [one for one in exported(place) if one["domain"] == domain]
        equal(got, [old if why else new], name)
        equal(total["extended"], 0 if why else 1, name)
        if why:
            assert why in skipped[0], (name, skipped)


@test
def past_is_past(place):
    """a policy that is over gives way to one that is not"""
    offer(place, policy(ago=10, max_age=12))
    time.sleep(2.1)
    equal(exported(place), [], "what is over is not exported")
    total, _ = offer(place, policy(mode="testing"))
    equal(total["added"], 1, "added")


@test
def damage_stays_for_the_lookup(place):
    """a damaged entry is left to the look-up, not to a file"""
    subprocess.run([BUILD / "tests/tool/fill", place.cache, "damaged",
                    "a.example", "3000"], check=True)
    _, skipped = offer(place, policy(mode="none", mx=[]), code=1)
    contains(skipped[0], "damaged", "reason")
    done = place.does(0, "export")
    contains(done.err, "1 damaged", "export")


@test
def history(place):
    """history shows what was in force, newest first; purge forgets it"""
    contains(place.does(1, "history", "a.example").err, "no policy known",
             "at first")
    for number in range(7):
        offer(place, policy(ago=1000 - number, policy_id=str(number)))
    seen = place.json(0, "history", "A.example")
    equal([one["id"] for one in seen], ["6", "5", "4", "3", "2"], "ids")
    equal({key: seen[0][key] for key in ("domain", "mode", "max_age", "mx")},
          {"domain": "a.example", "mode": "enforce", "max_age": WEEK,
           "mx": ["mx.a.example"]}, "members")
    equal(place.does(0, "history", "a.example").out.count("a.example: enforce"),
          5, "for people")
    place.does(1, "history", "..")
    offer(place, policy("b.example"))
    place.does(0, "purge", "a.example")
    place.does(1, "history", "a.example")
    place.does(1, "purge", "a.example")
    place.does(0, "history", "b.example")
    place.does(0, "purge", "--all")
    place.does(1, "history", "b.example")


@test
def strangers_are_told(place):
    """somebody else is told that he has no permission"""
    offer(place, policy())
    for arguments in (["history", "a.example"], ["export"],
                      ["explain", "a.example"]):
        done = place.does(3, *arguments, uid=STRANGER)
        contains(done.err, "no permission", arguments[0])
    done = place.does(3, "import", "-", stdin=dump(policy("b.example")),
                      uid=STRANGER)
    contains(done.err, "no permission", "import")
    for arguments in (["history", "a.example"], ["export"]):
        place.does(0, *arguments, uid=OWNER)
    place.does(0, "import", "-", stdin=dump(policy("b.example")), uid=OWNER)


# --- explain without a network -----------------------------------------------------

@test
def explain_tells_what_is_known(place):
    """explain goes on where DNS does not answer"""
    offer(place, policy(ago=60))
    done = place.does(1, "explain", "a.example")
    contains(done.out, "1. Domain (RFC 8461 3.4)\n   a.example\n", "domain")
    contains(done.out, "no usable record (dns", "record")
    contains(done.out, "enforce (", "policy")
    contains(done.out, "7. Verdict\n   Mail would be deferred or returned",
             "verdict")
    seen = place.json(1, "explain", "a.example")[0]
    equal((seen["mail"], seen["mode"], seen["cached"]["mode"]),
          ("deferred", "enforce", "enforce"), "JSON")
    place.does(2, "explain")
    place.does(1, "explain", "192.0.2.1")


@test
def explain_an_exception(place):
    """explain tells of the exception that leaves nothing to ask"""
    place.write("a.example ignore why=\"t 1\"\nbroken\n")
    done = place.does(0, "explain", "a.example")
    contains(done.out, "line 1: a.example ignore, nobody is asked", "line")
    contains(done.out, "1 broken lines", "broken")
    contains(done.out, "an exception says so.", "verdict")
    seen = place.json(0, "explain", "a.example")[0]
    equal(seen["exception"], {"name": "a.example", "action": "ignore",
                              "why": "t 1", "line": 1}, "JSON")


def inside(script=__file__):
    """True in a network and mounts of our own; else starts that."""
    if os.environ.get("WISHES_INSIDE") == str(os.getppid()):
        return True
    os.environ["WISHES_INSIDE"] = str(os.getpid())
    sys.exit(subprocess.run(
        ["unshare", "-nm", "--fork", "--kill-child", "--",
         "/bin/sh", "-c", 'WISHES_INSIDE=$$ "$@"; exit $?', "sh",
         sys.executable, script, *sys.argv[1:]], check=False).returncode)


def main():
    if os.geteuid() != 0:
        print("wishes.py: needs root, to be other users", file=sys.stderr)
        return 3
    inside()
    sys.stdout.reconfigure(line_buffering=True)
    passed = failed = 0
    place = Place()
    try:
        for function in _TESTS:
            place.reset()
            sentence = " ".join(function.__doc__.split())
            try:
                function(place)
            except (AssertionError, OSError, ValueError, KeyError, IndexError,
                    subprocess.SubprocessError) as error:
                failed += 1
                print(f"not ok {passed + failed} - {sentence}\n#   {error!r}")
            else:
                passed += 1
                print(f"ok {passed + failed} - {sentence}")
    finally:
        shutil.rmtree(place.dir)
    print(f"wishes: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
