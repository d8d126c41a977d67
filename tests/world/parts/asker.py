# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that uses the module as Exim does (asker.c), in whatever straits
a case puts it."""

import contextlib
import dataclasses
import os
import pwd
import shutil
import subprocess

from .exim import SO

LIMIT = 60  # seconds for anything


def program():
    """Where /usr is that of the world, the build is where it was."""
    here = os.path.join(os.path.dirname(__file__), "../../..")
    build = os.environ.get("MTA_STS_BUILD", "build")
    return os.path.realpath(os.path.join(here, build, "tests/world/asker"))


@dataclasses.dataclass
class Answer:
    """What came of one look-up, how long it took, what it left behind."""
    line: dict
    seconds: float
    left: str

    @property
    def mode(self):
        return self.line.get("mode")


def parse(text):
    began, ended, left, line = text.rstrip("\n").split(" ", 3)
    return Answer(dict(item.partition("=")[::2] for item in line.split()),
                  (int(ended) - int(began)) / 1000, left)


class Asker:
    """limits are prlimit's; clock is how many seconds it is wrong by."""

    def __init__(self, *limits, user="root", clock=0):
        entry = pwd.getpwnam(user)
        argv = [*((shutil.which("prlimit"), *limits) if limits else ()),
                program(), SO]
        # pylint: disable=consider-using-with
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, cwd="/", bufsize=1,
            user=entry.pw_uid, group=entry.pw_gid, extra_groups=[],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
        with contextlib.suppress(BrokenPipeError):  # ask() will tell
            self._process.stdin.write(f"@{clock}\n")

    def ask(self, domain):
        """The Answer, or None from a process that has ended."""
        try:
            self._process.stdin.write(domain + "\n")
            text = self._process.stdout.readline()
        except BrokenPipeError:
            return None
        return parse(text) if text else None

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        try:
            self._process.communicate(timeout=LIMIT)
        except (BrokenPipeError, ValueError):
            self._process.wait(LIMIT)

    @property
    def code(self):
        return self._process.returncode
