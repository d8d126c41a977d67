# SPDX-License-Identifier: GPL-2.0-or-later
"""What the cache bears: G9, G10."""

import os
import subprocess
import tempfile

from measure import alternate, dlfunc, expand, peak, program
from parts.exim import CACHE
from place import DOMAINS, LARGE_TABLE, SMALL_TABLE, domain

MILLION = 1000000
LINES = 50000


def _lookups(place, count):
    return expand([dlfunc(place.so, "mta_sts_lookup", domain(i, count))
                   for i in range(LINES)])


def _timed(place, count, table):
    """Seconds of a look-up, and bytes of a policy in the file."""
    path = place.fill(count, table)
    took = alternate(3, ours=_lookups(place, count),
                     plain=expand(["x"] * LINES))
    return ((took["ours"] - took["plain"]) / LINES,
            os.stat(path).st_size / count)


def _list_memory():
    """Largest resident size in KiB of `mta-sts list`, and its lines."""
    with tempfile.TemporaryFile() as out:
        largest, status = peak(["/usr/sbin/mta-sts", "list"], out)
        assert status == 0, f"list: {status}"
        out.seek(0)
        return largest, sum(1 for _ in out)


def million(place):
    few, _ = _timed(place, DOMAINS, SMALL_TABLE)
    small_list, _ = _list_memory()
    unfit, _ = _timed(place, MILLION, SMALL_TABLE)
    many, size = _timed(place, MILLION, LARGE_TABLE)
    large_list, lines = _list_memory()
    place.fill()
    ratio = many / few
    return [
        ("look-up among 1,000,000 domains <= 3 x among 10,000",
         f"{ratio:.2f} x ({many * 1e6:.1f} : {few * 1e6:.1f} us; in a file "
         f"that no refresh has fitted yet: {unfit / few:.1f} x)",
         ratio <= 3),
        ("file <= 500 bytes a policy", f"{size:.0f}", size <= 500),
        ("`mta-sts list` in constant memory",
         f"{large_list} KiB for {lines - 1:,} policies, {small_list} KiB for "
         f"{DOMAINS:,}", large_list <= small_list * 1.2 and
         lines == MILLION + 1)]


def crowd(place):
    place.fill()
    done = subprocess.run(
        [program("crowd"), CACHE, str(DOMAINS), "32", "10", "1050", "100"],
        check=True, capture_output=True, text=True, timeout=60)
    reads, stores, misses, torn, errors, median, p99 = map(
        float, done.stdout.split())
    place.fill()
    return [
        ("32 readers, a writer: no false miss, nothing torn",
         f"{misses:.0f} misses, {torn:.0f} torn, {errors:.0f} errors at "
         f"{reads:,.0f} reads/s, {stores:.0f} stores/s",
         misses + torn + errors == 0),
        ("... at 25,000 reads/s and 100 stores/s", f"{reads:,.0f}, "
         f"{stores:.0f}", reads >= 25000 and stores >= 95),
        ("... p99 of a read <= 20 x its median",
         f"{p99 / median:.1f} x ({p99:.0f} : {median:.1f} us)",
         p99 <= 20 * median)]
