#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""refresh.py - refresh and status as the administrator uses them, where nobody
answers.  As root, in a network and a cache of its own; both are gone
afterwards.  What needs policy hosts is proven in the test world."""

import functools
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import tempfile
import time

from prometheus_client.parser import text_string_to_metric_families
from wishes import BUILD, LIMIT, OWNER, ROOT, STRANGER, WEEK, Place, contains, equal

DAY = 86400
_TESTS = []


def test(function):
    _TESTS.append(function)
    return function


def fill(place, *arguments):
    subprocess.run([BUILD / "tests/tool/fill", place.cache,
                    *map(str, arguments)], check=True, timeout=60)


def policy(place, domain, age=100, mode="enforce", max_age=WEEK, **more):
    fill(place, "policy", domain, mode, "mx." + domain, age, max_age,
         *more.values())


def start(place, *arguments):
    return subprocess.Popen(
        [place.tool, "refresh", "--config", place.conf, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={})


def soon(true, what):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_at_work(process):
    """Whether a refresh has workers."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children",
              encoding="ascii") as text:
        return text.read() != ""


def is_refused(place):
    """Whether another refresh holds the cache."""
    return "another refresh is at work" in place.run("refresh").err


# --- the command line ----------------------------------------------------------

@test
def wrong_usage(place):
    """what makes no sense is wrong usage, said on stderr alone"""
    for wrong in (["--jobs", "0"], ["--jobs", "65"], ["--jobs", "8x"],
                  ["--jobs", "-1"], ["--jobs", ""], ["--older", "soon"],
                  ["--older", "-1"], ["--jitter", "2d"],
                  ["--older", "1h", "a.example"],
                  ["--jitter", "1h", "a.example"], ["--all"]):
        done = place.does(2, "refresh", *wrong)
        equal(done.out, "", f"{wrong}: output")
        contains(done.err, "mta-sts: ", f"{wrong}: message")
    for wrong in (["a.example"], ["--json", "--check"],
                  ["--check", "--prometheus"]):
        equal(place.does(2, "status", *wrong).out, "", f"{wrong}: output")


@test
def nothing_due(place):
    """where nothing is due a line says so, and the good copy is written"""
    policy(place, "good.example")
    done = place.does(0, "refresh")
    equal((done.out, done.err),
          ("refreshed: 0 of 1 policies due, 0 renewed; cache sound\n", ""),
          "what it says")
    for name in ("policies.tdb.1", "refresh.json"):
        seen = (place.cache / name).stat()
        equal((seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)),
              (OWNER, OWNER, 0o640), name)


@test
def counted_in_json(place):
    """--json is one object of numbers, and refresh.json is the same"""
    policy(place, "good.example")
    found = place.json(0, "refresh")
    equal(len(found), 1, "objects")
    equal({key: found[0][key] for key in (
        "policies", "due", "renewed", "changed", "changed_same_id", "failed",
        "busy", "exempt", "unused", "forgotten", "absences_forgotten",
        "alerts", "trouble", "exit")},
          {"policies": 1, "due": 0, "renewed": 0, "changed": 0,
           "changed_same_id": 0, "failed": 0, "busy": 0, "exempt": 0,
           "unused": 0, "forgotten": 0, "absences_forgotten": 0, "alerts": 0,
           "trouble": 0, "exit": 0}, "numbers")
    equal(0 <= found[0]["seconds"] < 30, True, "seconds")
    equal((found[0]["check"], found[0]["saved"], found[0]["interrupted"]),
          ("sound", True, False), "cache")
    equal(json.loads((place.cache / "refresh.json").read_text()), found[0],
          "refresh.json")


@test
def unknown_domains(place):
    """a domain that is not cached, or none, exits 1 and is named"""
    done = place.does(1, "refresh", "new.example", "a b")
    equal(done.out, "", "output")
    contains(done.err, "new.example: not cached", "message")
    contains(done.err, "a b: not a mail domain", "message")


# --- who may -------------------------------------------------------------------

@test
def others_may_not(place):
    """others have no permission; a cache of root's and none are trouble"""
    policy(place, "good.example")
    for command in ("refresh", "status"):
        done = place.does(3, command, uid=STRANGER)
        contains(done.err, "no permission to use the cache", command)
    done = place.does(3, "status", "--check", uid=STRANGER)
    contains(done.out, "MTA-STS UNKNOWN - no permission", "--check")
    place.does(0, "refresh", uid=OWNER)
    os.chown(place.cache, 0, 0)
    contains(place.does(3, "refresh").err, "belongs to root", "root's")
    shutil.rmtree(place.cache)
    contains(place.does(3, "refresh").err, "No such file", "none")
    done = place.does(2, "status", "--check")
    contains(done.out, "MTA-STS CRITICAL - ", "--check")
    place.cache.mkdir()


# --- while it runs ---------------------------------------------------------------

@test
def the_second_leaves(place):
    """a second refresh leaves at once; one by name may go on"""
    policy(place, "old.example", DAY)
    first = start(place, "--jitter", "1d")
    soon(lambda: is_at_work(first), "the first one is at work")
    equal(is_refused(place), True, "the second is refused")
    equal(place.does(1, "refresh", "new.example").err,
          "mta-sts: new.example: not cached\n", "by name")
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=20)
    equal(time.monotonic() - began < 2, True, "its end comes soon")
    equal((first.returncode, err), (1, ""), "its end")
    contains(out, "interrupted: 1 of 1 policies due, 0 renewed", "summary")
    found = json.loads((place.cache / "refresh.json").read_text())
    equal(found["interrupted"], True, "refresh.json")


@test
def killed_it_leaves_no_lock(place):
    """after kill -9 no worker and no lock is left"""
    policy(place, "old.example", DAY)
    first = start(place, "--jitter", "1d")
    soon(lambda: is_at_work(first), "the first one is at work")
    equal(is_refused(place), True, "the second is refused")
    first.kill()
    first.communicate(timeout=20)
    soon(lambda: not is_refused(place), "the lock is free")


@test
def a_bar_on_the_terminal(place):
    """a terminal sees a bar, which is gone at the end; stdout does not"""
    for number in range(20):
        policy(place, f"d{number}.example", DAY)
    ours, theirs = pty.openpty()
    subprocess.run([place.tool, "refresh", "--config", place.conf,
                    "--jobs", "1"], stdout=subprocess.PIPE, stderr=theirs,
                   stdin=subprocess.DEVNULL, timeout=60, check=False, env={})
    os.close(theirs)
    seen = b""
    try:
        while more := os.read(ours, 4096):
            seen += more
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert re.search(rb"\r\x1b\[K\[[#-]{30}\] \d+/20 d\d+\.example", seen), seen
    contains(seen, b"\r\x1b[K", "the bar's end")


# --- what goes ---------------------------------------------------------------------

def cached(place, *options):
    return {found["domain"] for found in place.json(0, "list", *options)}


@test
def what_is_forgotten(place):
    """what is of no use goes: long ended, ended and unused, ended none, old
    marks of damage, old absences"""
    policy(place, "good.example")
    policy(place, "ended.example", 15 * DAY)
    policy(place, "none.example", 8 * DAY, mode="none")
    policy(place, "unused.example", 190 * DAY, max_age=185 * DAY)
    policy(place, "resting.example", 190 * DAY, max_age=300 * DAY)
    fill(place, "damaged", "healed.example", -10)
    fill(place, "absence", "old.example", 3 * DAY)
    fill(place, "absence", "new.example", 10)
    found = place.json(0, "refresh")[0]
    equal((found["policies"], found["due"], found["forgotten"],
           found["unused"], found["absences_forgotten"]), (6, 0, 4, 1, 1),
          "numbers")
    equal(cached(place), {"good.example", "resting.example"}, "policies")
    equal(cached(place, "--absences"), {"new.example"}, "absences")


@test
def waste_goes(place):
    """a file that is mostly waste is compacted, and nothing else lost"""
    fill(place, "policies", 3000, "enforce", "mx.example:" * 300 + "x", 100,
         WEEK)
    big = (place.cache / "policies.tdb").stat().st_size
    place.does(0, "purge", *(f"p{n}.example" for n in range(100, 3000)))
    equal(place.json(0, "refresh")[0]["compacted"], True, "compacted")
    small = (place.cache / "policies.tdb").stat().st_size
    equal(small < big / 4, True, f"{big} bytes became {small}")
    equal(len(cached(place)), 100, "policies")
    equal(place.json(0, "refresh")[0]["compacted"], False, "again")


@test
def damage_without_a_copy(place):
    """a damaged cache without a good copy is begun anew, and status says
    so"""
    policy(place, "good.example")
    with open(place.cache / "policies.tdb", "r+b") as file:
        file.truncate(300)
    place.does(0, "refresh")
    done = place.does(1, "status", "--check")
    contains(done.out, "a damaged cache file was set aside", "--check")


MANY = 100000


@functools.cache
def policies_of_many():
    """A cache file with as many policies; made once, since that takes
    longest."""
    made = pathlib.Path(tempfile.mkdtemp())
    os.chown(made, OWNER, OWNER)
    subprocess.run([BUILD / "tests/tool/fill", made, "policies", str(MANY),
                    "enforce", "mx.example", "100", str(WEEK)], check=True,
                   timeout=120)
    return made / "policies.tdb"


def many(place):
    path = place.cache / "policies.tdb"
    shutil.copy(policies_of_many(), path)
    os.chown(path, OWNER, OWNER)
    path.chmod(0o640)


@test
def one_hundred_thousand(place):
    """100,000 policies are walked, checked and copied in seconds, in little
    memory"""
    many(place)
    began = time.monotonic()
    found = place.json(0, "refresh")[0]
    took = time.monotonic() - began
    equal((found["policies"], found["due"]), (MANY, 0), "numbers")
    equal(took < 20, True, f"{took:.1f} s")
    # The copy is mapped; nothing else of that size is.
    if "asan" not in str(BUILD):
        done = subprocess.run(
            ["/usr/bin/prlimit", f"--data={32 << 20}", place.tool, "refresh",
             "--config", place.conf], timeout=60, check=False,
            capture_output=True, env={})
        equal((done.returncode, done.stderr), (0, b""), "in 32 MB")
    for command, out in (("status", None), ("list", MANY + 1),
                         ("export", MANY + 1)):
        began = time.monotonic()
        done = place.does(0, command)
        took = time.monotonic() - began
        equal(took < 20, True, f"{command}: {took:.1f} s")
        if out is not None:
            equal(done.out.count("\n"), out, f"lines of {command}")


def timed_lookups(place, until):
    """Seconds of each look-up, one after the other, while until() is
    false."""
    took = []
    while not until():
        began = time.monotonic()
        done = subprocess.run(
            [place.tool, "--config", place.conf, "lookup",
             f"p{len(took) * 7919 % MANY}.example"], stdout=subprocess.PIPE,
            timeout=LIMIT, check=True, env={})
        took.append(time.monotonic() - began)
        contains(done.stdout, b" mode=enforce status=cached ", "look-up")
    return took


@test
def lookups_meanwhile(place):
    """while 100,000 policies are checked, copied and compacted look-ups are
    answered as fast as ever, none waits long, none is wrong"""
    many(place)
    # Waste, so that there is something to compact.
    for patterns in (2000, 1):
        fill(place, "policies", 2500, "enforce",
             ":".join(["mx.example"] * patterns), 100, WEEK)
    ticks = iter(range(300))
    quiet = timed_lookups(place, lambda: next(ticks, None) is None)
    busy, runs, compacted = [], 0, False
    while len(busy) < 200 or not compacted:
        running = start(place, "--json")
        busy += timed_lookups(place, lambda: running.poll() is not None)
        out, _ = running.communicate(timeout=LIMIT)
        equal(running.returncode, 0, out)
        compacted |= json.loads(out)["compacted"]
        runs += 1
    usual, now = statistics.median(quiet), statistics.median(busy)
    print(f"# a look-up takes {usual * 1e3:.1f} ms, during {runs} refreshes "
          f"{now * 1e3:.1f} ms; the slowest {max(quiet) * 1e3:.0f} and "
          f"{max(busy) * 1e3:.0f} ms")
    equal(now < 5 * usual + 0.02, True, "median")
    equal(max(busy) < 2, True, f"the slowest: {max(busy):.1f} s")


# --- status --------------------------------------------------------------------------

def alerts(place):
    found = place.json(0, "status")[0]
    return {item["domain"]: "alert" in item for item in found["failures"]}


@test
def alarms(place):
    """who is alarmed for: in time, not for none, not for the unused"""
    policy(place, "fresh.example", 100)
    policy(place, "week.example", 5 * DAY)  # two days left, nobody tried
    policy(place, "none.example", 6 * DAY, mode="none")
    policy(place, "year.example", 100 * DAY, max_age=365 * DAY)
    policy(place, "yearend.example", 300 * DAY, max_age=365 * DAY)
    policy(place, "ended.example", 8 * DAY)
    equal(alerts(place), {"week.example": True, "ended.example": True},
          "alerts")


@test
def ages_and_ends(place):
    """status counts by mode and shows what ends first"""
    policy(place, "a.example", 2 * DAY)
    policy(place, "b.example", DAY, mode="testing")
    policy(place, "c.example", 100, mode="none")
    fill(place, "damaged", "hurt.example", 500)
    fill(place, "absence", "gone.example", 5)
    found = place.json(0, "status")[0]
    equal({key: found["policies"][key] for key in (
        "enforce", "testing", "none", "ended", "damaged", "absences")},
          {"enforce": 1, "testing": 1, "none": 1, "ended": 0, "damaged": 1,
           "absences": 1}, "policies")
    equal([item["domain"] for item in found["next"]],
          ["a.example", "b.example", "c.example"], "next")
    contains(place.does(2, "status", "--check").out, "1 damaged policies",
             "--check")


def families(text):
    """What Prometheus' own parser makes of it: the samples of each family;
    twice the same is a mistake."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in found, f"{family.name} twice"
        equal(family.type, "gauge", family.name)
        assert family.documentation, f"{family.name}: no HELP"
        found[family.name] = {}
        for sample in family.samples:
            key = tuple(sorted(sample.labels.items()))
            assert key not in found[family.name], sample
            found[family.name][key] = sample.value
    return found


@test
def prometheus(place):
    """--prometheus is what Prometheus' own parser reads, with the numbers
    that status --json has"""
    policy(place, "a.example", 2 * DAY)
    policy(place, "b.example", 100, mode="testing")
    place.write("c.example ignore\nbroken\n")
    place.does(0, "refresh", "--older", "3d")
    fill(place, "damaged", "hurt.example", 500)
    found = families(place.does(0, "status", "--prometheus",
                                "--check-file").out)
    json_found = place.json(0, "status", "--check-file")[0]
    equal(found["mta_sts_info"],
          {(("exim", json_found["exim"]["version"]),
            ("version", json_found["version"])): 1}, "versions")
    equal({dict(key)["mode"]: value
           for key, value in found["mta_sts_policies"].items()},
          {mode: json_found["policies"][mode]
           for mode in ("enforce", "testing", "none")}, "by mode")
    for name, want in (
            ("up", 1), ("policies_damaged", 1), ("exceptions", 1),
            ("exception_errors", 1), ("policies_alert", 0),
            ("refresh_exit", 0), ("cache_sound", 1),
            ("absences", json_found["policies"]["absences"]),
            ("active", int(json_found["exim"]["active"] == "yes"))):
        equal(found["mta_sts_" + name], {(): want}, name)
    results = {dict(key)["result"]
               for key in found["mta_sts_refresh_policies"]}
    equal({"renewed", "failed"} <= results, True, results)
    for name in ("oldest_fetch", "next_end", "cache_saved"):
        stamp, = found[f"mta_sts_{name}_timestamp_seconds"].values()
        equal(abs(stamp - time.time()) < 8 * DAY, True, name)


@test
def prometheus_without_a_cache(place):
    """where the cache cannot be read --prometheus is well-formed, and says
    that it is down"""
    shutil.rmtree(place.cache)
    found = families(place.run("status", "--prometheus").out)
    place.cache.mkdir()
    equal(found["mta_sts_up"], {(): 0}, "up")


@test
def nagios(place):
    """--check is one line: status, text, and after a bar numbers as Nagios
    wants them"""
    policy(place, "a.example", 2 * DAY)
    fill(place, "damaged", "hurt.example", 500)
    line = place.does(2, "status", "--check").out
    match = re.fullmatch(r"MTA-STS (OK|WARNING|CRITICAL|UNKNOWN) - "
                         r"[^|\n]+ \| ([^|\n]+)\n", line)
    assert match and match[1] == "CRITICAL", line
    numbers = dict(part.split("=") for part in match[2].split(" "))
    for label, value in numbers.items():
        assert re.fullmatch(r"[a-z_]+", label), line
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?(us|ms|s|%|[KMGT]?B|c)?",
                            value), line
    equal((numbers["enforce"], numbers["testing"]), ("1", "0"), "numbers")


@test
def what_lies_in_the_way(place):
    """what the owner of the cache may plant as refresh.json does no harm"""
    policy(place, "a.example")
    path = place.cache / "refresh.json"
    for make in (lambda: path.symlink_to("/etc/passwd"),
                 lambda: os.mkfifo(path),
                 lambda: path.write_text("[1, 2"),
                 lambda: path.write_text("[]"),
                 lambda: path.write_text('{"exit": "x", "due": 1e300}')):
        make()
        done = place.does(0, "status")
        contains(done.out, "last refresh: ", "status")
        path.unlink()
    path.symlink_to("/etc/passwd.new")
    place.does(0, "refresh")
    equal(path.is_symlink(), False, "replaced")


# --- units -----------------------------------------------------------------------------

@test
def units_start_what_is_there(place):
    """the units and the cron line say what the tool takes"""
    for name in ("exim4-mta-sts-refresh.service", "exim4-mta-sts.cron"):
        text = (ROOT / "systemd" / name).read_text(encoding="ascii")
        match = re.search(r"/usr/sbin/mta-sts (refresh --jitter [0-9]+[mh])\b",
                          text)
        assert match, name
        place.does(0, *match[1].split())


def inside():
    """Goes on in a network and on a disk of its own."""
    if os.environ.get("REFRESH_INSIDE") == str(os.getppid()):
        return
    sys.exit(subprocess.run(
        ["/usr/bin/unshare", "-nm", "--fork", "--kill-child", "--",
         "/bin/sh", "-c",
         "mount -t tmpfs -o mode=1777 refresh /run || exit 3; "
         'export TMPDIR=/run; REFRESH_INSIDE=$$ "$@"; exit $?', "sh",
         sys.executable, __file__, *sys.argv[1:]], check=False).returncode)


def main():
    if os.geteuid() != 0:
        print("refresh.py: needs root, to be other users", file=sys.stderr)
        return 3
    inside()
    sys.stdout.reconfigure(line_buffering=True)
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    place = Place()
    try:
        for function in _TESTS:
            if wanted not in function.__name__:
                continue
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
        if policies_of_many.cache_info().currsize:
            shutil.rmtree(policies_of_many().parent)
    print(f"refresh: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
