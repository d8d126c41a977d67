#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench.py [GOALS] - measures the goals, or some ("G1,G9"), and prints what
came of it as Markdown; must be called through run."""

import datetime
import os
import platform
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "../world"))
# pylint: disable=wrong-import-position
import goals_exim
import goals_net
import goals_store
from place import Place

GOALS = {
    "G1": goals_exim.warm, "G2": goals_exim.again, "G3": goals_exim.first,
    "G4": goals_exim.libraries, "G5": goals_net.peers,
    "G6": goals_net.delivery, "G7": goals_net.recheck, "G8": goals_net.miss,
    "G9": goals_store.million, "G10": goals_store.crowd,
    "G11": goals_net.refresh, "run": goals_exim.by_run,
    "events": goals_exim.events,
}
PACKAGES = ("exim4-daemon-heavy", "libtdb1", "libcurl4", "libssl3",
            "postfix-mta-sts-resolver", "unbound", "nginx", "valgrind")

HEAD = """# Measured

By `make bench`, side by side in one run; medians of what ran in alternation.
Ratios count, not times.  Instructions are callgrind's: of user space only.

- {date}, exim-mta-sts {version}
- {machine}, {cpus} CPUs, Linux {kernel}, load {load} when it began
- {packages}

| # | goal | measured | met |
|---|---|---|---|"""


def _output(*argv):
    return subprocess.run(argv, capture_output=True, text=True, timeout=20,
                          check=False).stdout


def _machine():
    with open("/proc/cpuinfo", encoding="utf-8") as text:
        for line in text:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _head():
    versions = _output("dpkg-query", "-W", "-f", "${Package} ${Version}\n",
                       *PACKAGES)
    with open("VERSION", encoding="ascii") as text:
        version = text.read().strip()
    return HEAD.format(
        date=datetime.date.today().isoformat(), version=version,
        machine=_machine(), cpus=os.cpu_count(), kernel=platform.release(),
        load=f"{os.getloadavg()[0]:.1f}",
        packages=", ".join(versions.strip().splitlines()))


def main():
    wanted = [goal for goal in (sys.argv[1] if len(sys.argv) > 1 else "")
              .split(",") if goal] or list(GOALS)
    place = Place()
    print(_head(), flush=True)
    for goal in wanted:
        print(f"# {goal}", file=sys.stderr, flush=True)
        try:
            rows = GOALS[goal](place)
        except Exception as error:  # the other goals shall still be measured
            rows = [(goal, f"not measured: {error}", None)]
            print(repr(error), file=sys.stderr)
        for text, measured, met in rows:
            word = {True: "yes", False: "**no**", None: "-"}[met]
            print(f"| {goal} | {text} | {measured} | {word} |", flush=True)
    notes = os.path.join(os.path.dirname(__file__), "notes.md")
    with open(notes, encoding="utf-8") as text:
        print("\n" + text.read(), end="")


if __name__ == "__main__":
    main()
