#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py [PATTERN] - the cases of the test world whose name or sentence
matches; must be called through `enter`."""

import importlib
import sys

from parts.case import run_cases
from parts.exim import describe, has_dlfunc
from parts.world import World, install

CASES = ("delivery_cases", "outage_cases", "privilege_cases",
         "hostile_cases", "storm_cases", "tls_cases", "attack_cases",
         "dane_cases", "defence_cases", "debian_cases",
         "verify_cases", "config_cases", "fault_cases", "queue_cases",
         "explain_cases", "manual_cases", "abi_cases", "refresh_cases",
         "systemd_cases", "report_cases", "collector_cases",
         "mail_report_cases")


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    for name in CASES:
        importlib.import_module(name)
    sys.stdout.reconfigure(line_buffering=True)
    install()
    world = World()
    print("# Exim " + describe())
    passed, failed = run_cases(world, pattern)
    if has_dlfunc():
        # The rest by ${run} is for Exims that have no other way.
        world.exim.way = "run"
        more = run_cases(world, pattern, "delivery_cases", ", also by ${run}")
        passed, failed = passed + more[0], failed + more[1]
    print(f"world: {passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
