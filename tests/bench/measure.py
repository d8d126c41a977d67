# SPDX-License-Identifier: GPL-2.0-or-later
"""How things are measured: in alternation, as medians, or in instructions."""

import os
import re
import statistics
import subprocess
import tempfile
import time

EXIM = "/usr/sbin/exim4"
PLAIN_EXIM = "/tmp/exim"  # a copy without setuid: valgrind refuses the other


def program(name):
    build = os.environ.get("MTA_STS_BUILD", "build")
    return os.path.abspath(os.path.join(build, "tests/bench", name))


def dlfunc(so, function, domain):
    return "${dlfunc{%s}{%s}{%s}}" % (so, function, domain)


def lines_file(lines):
    """An open file with these lines, to be read from its beginning."""
    out = tempfile.TemporaryFile("w+", encoding="ascii")
    out.write("".join(line + "\n" for line in lines))
    out.seek(0)
    return out


def run(argv, stdin=None):
    """Seconds that it takes; it must end well."""
    if stdin:
        stdin.seek(0)
    begun = time.perf_counter()
    subprocess.run(argv, stdin=stdin or subprocess.DEVNULL, check=True,
                   stdout=subprocess.DEVNULL, timeout=600)
    return time.perf_counter() - begun


def alternate(rounds, **ways):
    """Medians of the seconds of each way, run in turn."""
    took = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            took[name].append(way())
    return {name: statistics.median(all_) for name, all_ in took.items()}


def expand(lines):
    """A way: exim -be on these lines."""
    source = lines_file(lines)
    return lambda: run([EXIM, "-be"], source)


def instructions(argv, lines=(), found=""):
    """User instructions by callgrind; every line's answer holds `found`."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         *argv], stdin=lines_file(lines), capture_output=True, text=True,
        timeout=600, check=False)
    count = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not count:
        raise RuntimeError(f"callgrind {argv}: {done.stderr}")
    if found and done.stdout.count(found) != len(lines):
        raise RuntimeError(f"not {found} every time: {done.stdout[:300]}")
    return int(count[1])


def exim_instructions(lines, found=""):
    return instructions([PLAIN_EXIM, "-be"], lines, found)


def peak(argv, stdout):
    """KiB of the largest process, and the exit status.  Not by wait4() here: a
    child is as large as we are until it is another program."""
    done = subprocess.run([program("peak"), *argv], stdout=stdout,
                          stderr=subprocess.PIPE, text=True, timeout=900,
                          check=False)
    return int(done.stderr.splitlines()[-1]), done.returncode


def system_calls(lines):
    """Names of the system calls of exim -be between its outputs."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as log:
        subprocess.run(["strace", "-o", log.name, EXIM, "-be"], check=True,
                       stdin=lines_file(lines), stdout=subprocess.DEVNULL,
                       timeout=60)
        return re.findall(r"^(\w+)\(", log.read(), re.M)
