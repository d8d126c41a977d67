# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases, and how they are run: a function whose docstring is the sentence
that it proves, called with the world, failing by an exception."""

import itertools
import os
import pwd
import re
import signal
import stat
import threading
import time
import traceback

from .exim import CACHE, USER, Skipped
from .left import all_left, forget_reports

LIMIT = 60  # seconds for a case that does not say otherwise
_CASES = []
_NUMBERS = itertools.count(1)


def case(function=None, *, seconds=LIMIT, panics=False):
    """Marks a case.  panics: it provokes lines in Exim's panic log."""
    def mark(marked):
        marked.seconds = seconds
        marked.panics = panics
        _CASES.append(marked)
        return marked
    return mark(function) if function else mark


def equal(got, want, what):
    assert got == want, f"{what}: got {got!r}, want {want!r}"


def contains(text, part, what):
    assert part in text, f"{what}: no {part!r} in {text!r}"


def lacks(text, part, what):
    assert part not in text, f"{what}: {part!r} in {text!r}"


def eventually(true, what, seconds=5):
    """For what another process does in its own time."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def _out_of_time(_signal, _frame):
    raise TimeoutError("the case took too long")


def _sentence(function):
    return " ".join(function.__doc__.split()).rstrip(".")


def wrong_files():
    """Files of the cache that are not Exim's alone, whoever made them."""
    owner = pwd.getpwnam(USER)
    wrong = []
    for folder, folders, files in os.walk(CACHE):
        for name in sorted(folders + files):
            seen = os.lstat(os.path.join(folder, name))
            mode = stat.S_IMODE(seen.st_mode)
            want = 0o750 if name in folders else 0o640
            if (seen.st_uid, seen.st_gid, mode) != \
                    (owner.pw_uid, owner.pw_gid, want):
                wrong.append(f"{name} {seen.st_uid}:{seen.st_gid} {mode:o}")
    return wrong


def _always(function, world, crashes):
    """What holds after every case."""
    assert not crashes, "a server of the world broke: " + crashes[0]
    if not function.panics:
        equal(world.exim.paniclog(), "", "panic log")
    equal(wrong_files(), [], "cache files not Exim's alone")
    left = []

    def nothing():
        left[:] = all_left()
        return not left

    # What was started in the background ends in its own time.
    try:
        eventually(nothing, "", 20)
    except AssertionError as error:
        raise AssertionError(f"left behind: {left}") from error


def _run_one(function, world):
    """None, or why it failed; a Skipped when it cannot be run here."""
    crashes = []
    threading.excepthook = lambda seen: crashes.append(
        "".join(traceback.format_exception(seen.exc_type, seen.exc_value,
                                           seen.exc_traceback)))
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(function.seconds)
    try:
        world.reset()
        forget_reports()
        function(world)
        _always(function, world, crashes)
    except Skipped as error:
        return error
    except Exception as error:  # whatever it is, the next case must run
        return _account(error, world, crashes)
    finally:
        signal.alarm(0)
    return None


def _account(error, world, crashes):
    place = traceback.extract_tb(error.__traceback__)
    at = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.line}"
          for frame in place if frame.name != "_run_one"]
    lines = [f"{type(error).__name__}: {error}", *at]
    lines += ["server: " + crash for crash in crashes]
    lines += ["mainlog: " + line for line in world.exim.mainlog()[-12:]]
    lines += ["paniclog: " + line
              for line in world.exim.paniclog().splitlines()[-5:]]
    lines += ["syslog: " + line for line in world.syslog.lines[-8:]]
    return lines


def run_cases(world, pattern="", module="", note=""):
    """Runs the cases (of one module) whose name or sentence matches; the
    sentence goes on with note.  (passed, failed)."""
    passed = failed = skipped = 0
    for function in _CASES:
        sentence = _sentence(function) + note
        if module not in ("", function.__module__):
            continue
        if not re.search(pattern, f"{function.__name__} {sentence}"):
            continue
        began = time.monotonic()
        account = _run_one(function, world)
        took = time.monotonic() - began
        if isinstance(account, Skipped):
            skipped += 1
            print(f"skipped - {sentence}: {account}")
            continue
        word = "not ok" if account else "ok"
        print(f"{word} {next(_NUMBERS)} - {sentence} ({took:.1f} s)")
        for line in account or []:
            print("#   " + line.replace("\n", "\n#   "))
        passed, failed = passed + (not account), failed + bool(account)
    if skipped:
        print(f"# {skipped} skipped")
    return passed, failed
