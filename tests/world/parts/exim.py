# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's Exim as the sender: its configuration, its runs, its logs."""

import contextlib
import dataclasses
import functools
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess

PROGRAM = "/usr/sbin/exim4"
SPOOL = "/var/spool/exim4"
CACHE = SPOOL + "/mta-sts"
MAINLOG = "/var/log/exim4/mainlog"
PANICLOG = "/var/log/exim4/paniclog"
CONFIGURATION = "/etc/exim4/exim4.conf"
MAIN_FRAGMENT = "/usr/lib/exim4/mta-sts/exim-conf/mta-sts.main"
USER = "Debian-exim"
SO = "/usr/lib/exim4/mta-sts/mta_sts.so"
TOOL = "/usr/sbin/mta-sts"
ARGUMENT_MAX = 250  # bytes that Exim takes as one argument
LIMIT = 60  # seconds for one run of anything
_OURS = re.compile(r"/(exim4|mta-sts|mta-sts-fetch)( \(deleted\))?$")
_OUTCOMES = {"=>": "delivered", "->": "delivered", "==": "deferred",
             "**": "bounced", "*>": "skipped"}


class Skipped(Exception):
    """The case needs what this Exim has not."""


@functools.cache
def has_dlfunc():
    """Debian's light daemon has none: the recipe uses ${run} there."""
    done = run_as("root", PROGRAM, "-bP", "macros")
    return "_HAVE_DLFUNC" in done.stdout


@functools.cache
def has_gnutls():
    """Else OpenSSL, which refuses TLS 1.1 by itself (security level 1)."""
    done = run_as("root", PROGRAM, "-bP", "macros")
    return "_HAVE_GNUTLS" in done.stdout


def without_sanitizer(why):
    """Skips a case that cannot be run with one: see `asan`."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        raise Skipped("under a sanitizer " + why)


def part_in_use():
    """What Exim calls: the module, or without dlfunc the tool."""
    return SO if has_dlfunc() else TOOL


def describe():
    """The version, and what it has for TLS and for calling us."""
    version = run_as("root", PROGRAM, "-bV").stdout.split()[2]
    library = "GnuTLS" if has_gnutls() else "OpenSSL"
    return f"{version}, {library}, {'dlfunc' if has_dlfunc() else 'run'}"


def call(function, *arguments):
    """The expansion that calls function of the module; its arguments are
    not expanded themselves."""
    if not has_dlfunc():
        raise Skipped("this Exim has no dlfunc")
    quoted = "".join("{\\N" + argument + "\\N}" for argument in arguments)
    return "${dlfunc{" + SO + "}{" + function + "}" + quoted + "}"


def run_as(user, *argv, stdin=""):
    """Runs a program as user with nothing of our environment but a PATH."""
    entry = pwd.getpwnam(user)
    return subprocess.run(
        argv, input=stdin, text=True, errors="replace", timeout=LIMIT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


@dataclasses.dataclass
class Delivery:
    """What the log says of one message so far."""
    message: str
    lines: list

    def outcome(self, recipient=None):
        """The last word on recipient (or on the only one): "delivered",
        "deferred", "bounced", or "nothing" when the log has none."""
        last = "nothing"
        for line in self.lines:
            words = line.split(" ")
            if len(words) > 5 and words[3] in _OUTCOMES and \
                    (recipient is None or recipient in
                     (words[4].rstrip(":"), words[5])):
                last = _OUTCOMES[words[3]]
        return last

    def text(self):
        return "\n".join(self.lines)


class Exim:
    """One at a time; reset() between the cases."""

    def __init__(self, source):
        self.source = source
        # "dlfunc", or "run" as an Exim without ${dlfunc} reads the fragments.
        self.way = "dlfunc"

    def configure(self, **macros):
        """The project's own complete example, with macros set before it."""
        with open(os.path.join(self.source, "exim-conf/mta-sts.main"),
                  encoding="utf-8") as text:
            fragment = text.read()
        if self.way == "run":
            fragment = fragment.replace("_HAVE_DLFUNC", "_HAVE_NO_DLFUNC")
        with open(MAIN_FRAGMENT, "w", encoding="utf-8") as out:
            out.write(fragment)
        example = "/etc/exim4/example.conf"
        shutil.copy(os.path.join(self.source, "exim-conf/example.conf"),
                    example)
        with open(CONFIGURATION, "w", encoding="utf-8") as out:
            for name, value in macros.items():
                out.write(f"{name} = {value}\n")
            out.write(f".include {example}\n")
        os.chmod(CONFIGURATION, 0o644)
        os.chmod(example, 0o644)

    def reset(self):
        """No message, hint, log line or policy is left."""
        kill_strays()
        for pattern in ("input/*", "msglog/*", "db/*", "mta-sts/*"):
            for path in glob.glob(os.path.join(SPOOL, pattern)):
                with contextlib.suppress(IsADirectoryError):
                    os.unlink(path)
        shutil.rmtree(CACHE + "/reports", ignore_errors=True)
        for path in (MAINLOG, PANICLOG):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def send(self, *recipients, sender="alice@sender.test", user="root",
             options=("-odi",), text="Subject: hello\n\nHello.\n"):
        """Hands a message to Exim, which tries it at once; the Delivery."""
        before = len(self.mainlog())
        done = run_as(user, PROGRAM, *options, "-oi", "-f", sender,
                      *recipients, stdin=text)
        for line in self.mainlog()[before:]:
            words = line.split(" ")
            if len(words) > 3 and words[3] == "<=":
                return self.delivery(words[2])
        raise AssertionError(f"Exim took no message: {done.stderr}"
                             f"{self.paniclog()}")

    def delivery(self, message):
        return Delivery(message, [line for line in self.mainlog()
                                  if f" {message} " in line])

    def run_queue(self, *options):
        """Tries every message again, whatever its retry time."""
        run_as("root", PROGRAM, "-qff", *options)

    def waiting(self):
        """The ids of the messages that are still in the queue."""
        done = run_as("root", PROGRAM, "-bpr")
        return re.findall(r"^ *\S+ +\S+ (\S+) <", done.stdout, re.M)

    def expand(self, text, user="root"):
        """exim -be.  A long text has to come by stdin, where it is a line
        and the answer follows a prompt."""
        if len(os.fsencode(text)) <= ARGUMENT_MAX:
            return run_as(user, PROGRAM, "-be", text)
        done = run_as(user, PROGRAM, "-be", stdin=text + "\n")
        done.stdout = re.sub(r"^> |\n> \n?$", "", done.stdout)
        return done

    def route(self, address, user="root"):
        """exim -bt: all routers run, as root whoever asks."""
        return run_as(user, PROGRAM, "-bt", address)

    @staticmethod
    def mainlog():
        return _lines_of(MAINLOG)

    @staticmethod
    def paniclog():
        return "\n".join(_lines_of(PANICLOG))


def _lines_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as text:
            return text.read().splitlines()
    except FileNotFoundError:
        return []


def kill_strays():
    """Ends what a case left running; only this world's processes are seen
    here.  Answers the names of the programs."""
    killed = []
    for pid in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            program = os.readlink(pid + "/exe")
            if _OURS.search(program):
                os.kill(int(pid.rpartition("/")[2]), signal.SIGKILL)
                killed.append(program)
    return killed
