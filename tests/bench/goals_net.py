# SPDX-License-Identifier: GPL-2.0-or-later
"""What asks others, or is asked in our place: G5 to G8, G11."""

import contextlib
import json
import os
import re
import subprocess
import time

import servers
from goals_exim import constant, lookup, per_line, warm_instructions
from measure import (EXIM, alternate, dlfunc, expand, instructions, peak,
                     program, run)
from place import CONSTANT, DOMAINS, domain
from parts.exim import CACHE, SPOOL
from parts.world import STATE

SOCKET = STATE + "/smallest"
CERTS = STATE + "/certs"
HELPER = "/usr/lib/exim4/mta-sts/mta-sts-fetch"
PORTS = {"internal": 8461, "sqlite": 8462}
KNOWN = 200  # domains that the peers have in their caches
GOALS = {"internal": 90, "sqlite": 250, "smallest": 35}


def _socketmap(port, i):
    question = f"postfix d{i % KNOWN}.test"
    return "${readsocket{inet:127.0.0.1:%d}{%d:%s,}{5s}}" % (
        port, len(question), question)


def _check_peer(port):
    """Asks for every domain once: it must know them all then."""
    done = subprocess.run(
        [EXIM, "-be"], input="".join(_socketmap(port, i) + "\n"
                                     for i in range(KNOWN)),
        capture_output=True, text=True, timeout=120, check=True)
    answers = done.stdout.count("OK secure match=")
    assert answers == KNOWN, f"the peer knew {answers} of {KNOWN} policies"


def peers(place):
    for i in range(KNOWN):
        place.certs.pem(f"mta-sts.d{i}.test")
    count = {"ours": 100000, "constant": 100000, "plain": 100000,
             "internal": 3000, "sqlite": 1000, "smallest": 5000}
    with contextlib.ExitStack() as stack:
        stack.enter_context(servers.unbound())
        stack.enter_context(servers.nginx(CERTS))
        stack.enter_context(servers.smallest_daemon(SOCKET))
        for kind, port in PORTS.items():
            stack.enter_context(servers.peer(kind, port))
            _check_peer(port)
        ways = {kind: expand([_socketmap(port, i)
                              for i in range(count[kind])])
                for kind, port in PORTS.items()}
        ways["smallest"] = expand(["${readsocket{%s}{d}}" % SOCKET] *
                                  count["smallest"])
        ways["ours"] = expand([lookup(place, i)
                               for i in range(count["ours"])])
        ways["constant"] = expand([constant(i)
                                   for i in range(count["constant"])])
        ways["plain"] = expand(["x"] * count["plain"])
        took = alternate(5, **ways)
    start = 0.007  # of Exim itself: nothing beside that many lines
    each = {way: (seconds - start) / count[way]
            for way, seconds in took.items()}
    net = {way: seconds - each["plain"] for way, seconds in each.items()}
    names = {"internal": "mta-sts-daemon, internal cache",
             "sqlite": "mta-sts-daemon, SQLite (Debian's default)",
             "smallest": "a trivial C daemon"}
    return [(f">= {goal} x faster than ${{readsocket}} to {names[kind]}",
             f"{net[kind] / net['ours']:.0f} x ({net[kind] * 1e6:.0f} : "
             f"{net['ours'] * 1e6:.1f} us; a constant dlfunc "
             f"{net[kind] / net['constant']:.0f} x)",
             net[kind] / net["ours"] >= goal)
            for kind, goal in GOALS.items()]


# --- G6 ------------------------------------------------------------------------

EXIM_CONF = """keep_environment =
primary_hostname = sender.test
log_selector = -all
log_file_path = syslog
syslog_timestamp = no
no_message_logs
queue_only
trusted_users = root
never_users =
begin routers
all:
  driver = manualroute
  address_data = %s
  route_list = * %s byname
  self = send
  transport = out
begin transports
out:
  driver = smtp
  allow_localhost
  hosts_avoid_tls = *
  hosts_try_prdr = :
  max_rcpt = 1
begin retry
* * F,1h,1h
"""
MESSAGES = 200


def _queue(value):
    """A way: one runner delivers MESSAGES, each to another domain."""
    def way(place):
        place.configure_exim(EXIM_CONF % (value, servers.HOST))
        place.empty_spool()
        batch = "".join(
            f"MAIL FROM:<a@sender.test>\nRCPT TO:<b@{domain(i)}>\nDATA\n"
            "Subject: x\n\nx\n.\n" for i in range(MESSAGES))
        subprocess.run([EXIM, "-odq", "-bS"], input=batch, text=True,
                       check=True, timeout=60, stdout=subprocess.DEVNULL)
        took = run([EXIM, "-q"])
        left = subprocess.run([EXIM, "-bpc"], capture_output=True, text=True,
                              check=True, timeout=20).stdout.strip()
        assert left == "0", f"{left} messages were not delivered"
        return took
    return way


def delivery(place):
    same = "${if eq{$domain}{}{}{x}}"
    ways = {"without": same, "again": same,
            "constant": dlfunc(CONSTANT, "constant", "$domain"),
            "ours": dlfunc(place.so, "mta_sts_lookup", "$domain")}
    with servers.sink():
        took = alternate(15, **{
            name: lambda way=_queue(value): way(place)
            for name, value in ways.items()})
    place.configure_exim("keep_environment =\n")
    base = took["without"]
    ratio = took["ours"] / base
    return [("delivery <= 1.10 x the same Exim without us, in wall time",
             f"{ratio:.3f} x ({took['ours'] / MESSAGES * 1e3:.2f} ms a "
             f"message; a constant dlfunc {took['constant'] / base:.3f} x; "
             f"the same again {took['again'] / base:.3f} x)",
             ratio <= 1.10)]


# --- DNS, HTTPS ----------------------------------------------------------------

def _dns_floor():
    return (instructions([program("smallest_dns"), "1100"]) -
            instructions([program("smallest_dns"), "100"])) / 1000


def _questions(place):
    """How often one process asks DNS for one domain that it looks up three
    times."""
    text = lookup(place, 1)
    with open("/run/world/trace", "w+", encoding="utf-8") as log:
        subprocess.run(["strace", "-f", "-e", "trace=sendto,sendmmsg",
                        "-o", log.name, EXIM, "-be"], check=True, text=True,
                       input=f"{text}\n" * 3, stdout=subprocess.DEVNULL,
                       timeout=30)
        return len(re.findall(r"_mta-sts", log.read()))


def recheck(place):
    warm = warm_instructions(place)
    place.configure("recheck = 0\n")
    with servers.unbound():
        ours = per_line(lambda i: lookup(place, i), "status=checked") - \
            per_line(constant, "status=cached")
        floor = _dns_floor()
        asked = _questions(place)
    place.fill()
    limit = 1.2 * floor + warm
    return [
        ("look-up with a TXT re-check <= 1.2 x the instructions of "
         "res_nquery, plus G1",
         f"{ours:,.0f} ({ours / limit:.2f} x the limit; res_nquery "
         f"{floor:,.0f}, G1 {warm:,.0f})", ours <= limit),
        ("one TXT query per domain and process", f"{asked}", asked == 1)]


def miss(place):
    place.certs.pem("mta-sts.d1.test")
    url = "https://mta-sts.d1.test/.well-known/mta-sts.txt"
    small = program("smallest_fetch")
    with servers.unbound(), servers.nginx(CERTS):
        took = alternate(
            40, ours=lambda: run([HELPER, "d1.test"]),
            capath=lambda: run([small, url, "/etc/ssl/certs"]),
            bundle=lambda: run([small, url]))
    hashed, bundle = (took["ours"] / took[way] for way in
                      ("capath", "bundle"))
    return [
        ("helper <= 1.3 x the smallest libcurl program with CAPATH",
         f"{hashed:.2f} x ({took['ours'] * 1e3:.1f} : "
         f"{took['capath'] * 1e3:.1f} ms)", hashed <= 1.3),
        ("... and <= 0.3 x that with Debian's default bundle",
         f"{bundle:.2f} x ({took['bundle'] * 1e3:.1f} ms)", bundle <= 0.3)]


def _refresh(place, count):
    """Fetches a second, and KiB of the largest process, when count policies
    are due."""
    place.fill(count, age=22 * 3600)
    os.makedirs(SPOOL, exist_ok=True)
    begun = time.monotonic()
    with open("/dev/null", "wb") as out:
        largest, status = peak(
            ["/usr/sbin/mta-sts", "refresh", "--jitter", "0"], out)
    took = time.monotonic() - begun
    assert status == 0, f"refresh: {status}"
    with open(CACHE + "/refresh.json", encoding="ascii") as text:
        renewed = json.load(text)["renewed"]
    assert renewed == count, f"{renewed} of {count} were renewed"
    return count / took, largest


def refresh(place):
    for i in range(DOMAINS):
        place.certs.pem(f"mta-sts.d{i}.test")
    with servers.unbound(), servers.nginx(CERTS):
        _, little = _refresh(place, DOMAINS // 10)
        rate, much = _refresh(place, DOMAINS)
    place.fill()
    return [
        ("refresh of 10,000 policies >= 150 fetches/s",
         f"{rate:.0f}/s", rate >= 150),
        ("... memory flat", f"{much} KiB, {little} KiB for "
         f"{DOMAINS // 10:,}", much <= little * 1.2)]
