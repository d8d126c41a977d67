#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""versions.py - the tool on what another version of it has written, as after
an upgrade or a downgrade of the package.  As root, in a network where nobody
answers and in a cache of its own; both are gone afterwards."""

import json
import os
import shutil
import subprocess
import sys

import wishes
from wishes import BUILD, LIMIT, OWNER, WEEK, contains, equal

_TESTS = []
OTHERS = (1, -1, 100)  # versions after this one, and before it
TEMPFAIL = ("domain=a.example mode=tempfail status=error "
            "reason=cache-damaged\n")


def test(function):
    _TESTS.append(function)
    return function


def lookup(place, domain):
    return subprocess.run(
        [place.tool, "--config", place.conf, "lookup", domain], check=True,
        capture_output=True, timeout=LIMIT, text=True, env={}).stdout


def written_by(place, difference):
    """Policies, an absence and a history as that version writes them."""
    place.reset()
    wishes.offer(place, wishes.policy(), wishes.policy("b.example"))
    subprocess.run([BUILD / "tests/tool/fill", place.cache, "absence",
                    "none.example", "10"], check=True)
    for name in ("policies.tdb", "absent.tdb"):
        subprocess.run([BUILD / "tests/world/version", place.cache / name,
                        str(difference)], check=True, stdout=subprocess.DEVNULL)


@test
def its_policies(place):
    """a policy of another version is never taken for none, shown as damaged,
    not exported, and no command stumbles over it"""
    for difference in OTHERS:
        written_by(place, difference)
        equal(lookup(place, "a.example"), TEMPFAIL, f"look-up, {difference}")
        for code, command in ((0, "list"), (0, "list --absences"),
                              (0, "show a.example"), (0, "export"),
                              (0, "history a.example"), (0, "status"),
                              (2, "status --check"),
                              (0, "status --prometheus"),
                              (3, "query a.example"),
                              (3, "explain a.example")):
            place.does(code, *command.split())
        equal(place.does(0, "export").out.count("\n"), 1, "exported")
        found = place.json(0, "show", "a.example")[0]
        equal(found["status"], "damaged", "show")
        # In this network nobody answers: nothing may be lost by that.
        place.run("refresh", "--older", "0")
        equal(lookup(place, "b.example").replace("b.ex", "a.ex"), TEMPFAIL,
              f"after a refresh, {difference}")


@test
def its_absences(place):
    """an absence of another version does not count"""
    for difference in OTHERS:
        written_by(place, difference)
        equal(place.json(0, "list", "--absences"),
              [{"domain": "none.example", "status": "damaged"}], "list")
        equal(place.json(0, "status")[0]["policies"]["absences"], 0, "status")
        equal(lookup(place, "none.example"), "domain=none.example mode=none "
              "status=unusable\n", f"look-up, {difference}")


@test
def a_file_that_is_no_longer_ours(place):
    """a cache file of another kind is set aside with a line that says so, and
    a new one begun"""
    for junk in (b"SQLite format 3\0" + bytes(4096), b"", b"x" * 70000):
        place.reset()
        wishes.offer(place, wishes.policy())
        for name in ("policies.tdb", "absent.tdb", "history.tdb"):
            path = place.cache / name
            path.write_bytes(junk)
            os.chown(path, OWNER, OWNER)
        place.does(0, "list")
        place.run("history", "a.example")
        wishes.offer(place, wishes.policy())
        equal([one["domain"] for one in wishes.exported(place)],
              ["a.example"], f"after {junk[:10]}")
        contains(place.does(0, "status").out, "was set aside", "status")


@test
def its_other_files(place):
    """words of a later version in mta-sts.conf, the exceptions and
    refresh.json are told of, and the rest counts"""
    wishes.offer(place, wishes.policy())
    place.does(0, "refresh")
    path = place.cache / "refresh.json"
    found = json.loads(path.read_text())
    found.update({"later": {"a": [1]}, "due": "many", "check": "splendid"})
    path.write_text(json.dumps(found))
    place.write("c.example later-word\na.example ignore\n")
    with open(place.conf, "a", encoding="ascii") as out:
        out.write("later = yes\n")
    contains(place.does(0, "status").out, "last refresh: now: ", "status")
    done = place.does(1, "config")
    contains(done.err, "line 4: ", "the key's line")
    contains(done.err, "line 1: not understood: later-word", "the exception")
    contains(lookup(place, "a.example"), "mode=none status=exempt",
             "the line behind")


def main():
    if os.geteuid() != 0:
        print("versions.py: needs root, to be other users", file=sys.stderr)
        return 3
    wishes.inside(__file__)
    sys.stdout.reconfigure(line_buffering=True)
    passed = failed = 0
    place = wishes.Place()
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
    print(f"versions: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
