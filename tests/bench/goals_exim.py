# SPDX-License-Identifier: GPL-2.0-or-later
"""What a look-up costs inside Exim: G1 to G4, and by ${run}."""

import os
import re
import subprocess

from measure import (EXIM, alternate, dlfunc, exim_instructions, expand,
                     instructions, lines_file, program, run, system_calls)
from place import CONSTANT, DOMAINS, domain
from parts.exim import CACHE

MANY = 100000
FILE = CACHE + "/policies.tdb"


def lookup(place, i):
    return dlfunc(place.so, "mta_sts_lookup", domain(i))


def constant(i):
    return dlfunc(CONSTANT, "constant", domain(i))


def per_line(lines_of, found):
    """User instructions of one line more, each answered by `found`."""
    few, many = ([lines_of(i) for i in range(n)] for n in (20, 1020))
    return (exim_instructions(many, found) -
            exim_instructions(few, found)) / 1000


def _raw():
    done = subprocess.run([program("raw"), FILE, str(DOMAINS), str(MANY)],
                          check=True, capture_output=True, timeout=60)
    return float(done.stdout) * 1e-9


def warm_instructions(place):
    """Of a look-up, above those of a constant."""
    return (per_line(lambda i: lookup(place, i), "status=cached") -
            per_line(constant, "status=cached"))


def warm(place):
    took = alternate(
        7, ours=expand([lookup(place, i) for i in range(MANY)]),
        constant=expand([constant(i) for i in range(MANY)]), raw=_raw)
    net = (took["ours"] - took["constant"]) / MANY
    ratio = net / took["raw"]
    more = warm_instructions(place)
    floor = (instructions([program("raw"), FILE, "10000", "11000"]) -
             instructions([program("raw"), FILE, "10000", "1000"])) / 10000
    return [
        ("warm look-up, above a constant dlfunc, <= 1.6 x raw TDB",
         f"{ratio:.2f} x ({net * 1e6:.2f} : {took['raw'] * 1e6:.2f} us)",
         ratio <= 1.6),
        ("... and <= 2,500 instructions above it",
         f"{more:,.0f} (raw TDB, with making its key: {floor:,.0f})",
         more <= 2500)]


def again(place):
    same = dlfunc(place.so, "mta_sts_lookup", "d1.test")
    took = alternate(9, ours=expand([same] * MANY),
                     constant=expand([constant(1)] * MANY),
                     plain=expand(["d1.test"] * MANY))
    ratio = took["ours"] / took["constant"]
    net = (took["ours"] - took["plain"]) / (took["constant"] - took["plain"])
    once = system_calls([same, "x", "x"])
    more = len(system_calls([same, same, same])) - len(once)
    return [
        ("same domain again <= 1.15 x a constant dlfunc",
         f"{ratio:.2f} x (without Exim's own line: {net:.2f} x)",
         ratio <= 1.15),
        ("... and no system call", f"{more}", more == 0)]


def first(place):
    nothing = exim_instructions(["x"])
    added = exim_instructions([lookup(place, 1)], "status=cached") - nothing
    least = exim_instructions([constant(1)]) - nothing
    lines = {"nothing": ["x"], "ours": [lookup(place, 1)],
             "constant": [constant(1)]}
    files = {name: lines_file(text) for name, text in lines.items()}
    took = alternate(200, **{
        name: lambda source=source: run([EXIM, "-be"], source)
        for name, source in files.items()})
    return [("first look-up in a process adds <= 240,000 instructions",
             f"{added:,} (constant: {least:,}); " + ", ".join(
                 f"{name} {seconds * 1e3:.2f} ms"
                 for name, seconds in took.items()), added <= 240000)]


def libraries(place):
    maps = subprocess.run(
        [EXIM, "-be", lookup(place, 1) + "${readfile{/proc/self/maps}}"],
        capture_output=True, text=True, check=True, timeout=20).stdout
    bare = subprocess.run(
        [EXIM, "-be", "${readfile{/proc/self/maps}}"],
        capture_output=True, text=True, check=True, timeout=20).stdout
    assert "status=cached" in maps
    mapped = set(re.findall(r"/[^/\s]+\.so[.\d]*$", maps, re.M)) - \
        set(re.findall(r"/[^/\s]+\.so[.\d]*$", bare, re.M))
    bad = [name for name in mapped
           if re.search("curl|ssl|crypto|gnutls|nghttp|jansson", name)]
    return [("a cached answer maps no TLS, HTTP or JSON library",
             "maps " + ", ".join(sorted(name[1:] for name in mapped)),
             not bad)]


def by_run(place):
    del place
    count = 300
    took = alternate(
        5, ours=expand(["${run{/usr/sbin/mta-sts lookup %s}}" % domain(i)
                        for i in range(count)]),
        true=expand(["${run{/bin/true}}"] * count),
        plain=expand(["x"] * count))
    ours, true = (took[way] - took["plain"] for way in ("ours", "true"))
    return [("${run} of the tool <= 1.5 x ${run{/bin/true}}",
             f"{ours / true:.2f} x ({ours / count * 1e3:.2f} : "
             f"{true / count * 1e3:.2f} ms)", ours / true <= 1.5)]


def events(place):
    """A session's events, each session in a process of its own, counted for
    the reports: of domains that had none that day, and then again."""
    del place
    owner = os.stat(CACHE)
    command = [program("events"), CACHE, str(DOMAINS), "4000",
               str(owner.st_uid), str(owner.st_gid)]
    first, later = (
        [float(word) for word in subprocess.run(
            command, check=True, capture_output=True, text=True,
            timeout=120).stdout.split()] for _ in range(2))
    return [("an event costs a delivery <= 50 us, with reports on",
             f"{first[0]:.1f} us in a domain's first session of the day, "
             f"{later[0]:.1f} in a later one ({first[1]:.1f} on the way; the "
             f"one that counts it {first[2]:.0f} and {later[2]:.0f}, where "
             f"it failed {first[3]:.0f} and {later[3]:.0f})",
             max(first[0], later[0]) <= 50)]
