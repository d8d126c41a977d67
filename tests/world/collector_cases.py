# SPDX-License-Identifier: GPL-2.0-or-later
"""What the collector of reports is told: by its own datagram protocol, as
libtlsrpt writes it, and never at a delivery's cost."""

import contextlib
import ctypes
import glob
import json
import os
import random
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

from delivery_cases import enforced
from parts.case import case, equal, eventually
from parts.exim import Skipped, USER
from parts.world import SOURCE
from report_cases import CONTACT, counted, totals
from tls_cases import two_hosts

PLACE = "/run/collector"
PATH = PLACE + "/collectd.sock"
SOCKET = f"tlsrpt_contact = {CONTACT}\ntlsrpt = socket:{PATH}\n"
RECORD = "v=TLSRPTv1; rua=mailto:tls@Rcpt.test , https://rcpt.test/v1;"
CANONICAL = "v=TLSRPTv1;rua=mailto:tls@rcpt.test,https://rcpt.test/v1"


class Collector:
    """A socket as tlsrpt-collectd has one, to which Exim's user may write."""

    def __init__(self):
        os.makedirs(PLACE, exist_ok=True)
        os.chmod(PLACE, 0o755)
        if os.path.exists(PATH):
            os.unlink(PATH)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(PATH)
        os.chmod(PATH, 0o660)
        subprocess.run(["chown", f"root:{USER}", PATH], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(PATH)

    def raw(self, seconds=3):
        """The next datagram; None when none comes."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1 << 20)
        except TimeoutError:
            return None

    def next(self, seconds=3):
        got = self.raw(seconds)
        return json.loads(got) if got else None


def tlsrpt(world, domain, record=RECORD):
    world.dns.put("_smtp._tls." + domain, "TXT", record)


@case
def collector_is_told(world):
    """collector: each session comes as one datagram with the domain's record
    in its canonical spelling, which is asked for once an hour"""
    world.configure(SOCKET)
    first, _ = two_hosts(world, "enforce", {"certificate": "expired"})
    tlsrpt(world, "mail.test")
    with Collector() as collector:
        for _ in range(3):
            world.exim.send("bob@mail.test")
        # Exim tries the first host again after a second.
        failed = len(first.sessions)
        got = [collector.next() for _ in range(failed + 3)]
        equal(collector.next(0.2), None, "one datagram more")
    # Those that began before the first answer ask, too.
    equal(world.dns.asked("_smtp._tls.mail.test", "TXT") in
          range(1, failed + 3), True, "questions for the record")
    for one in got:
        equal((one["dpv"], one["d"], one["pr"]),
              ("1", "mail.test", CANONICAL), "head")
        policy = one["policies"][0]
        equal((policy["policy-type"], policy["policy-domain"],
               policy["policy-string"][1], policy["mx-host"]),
              (2, "mail.test", "mode: enforce",
               ["mx1.mail.test", "mx2.mail.test"]), "policy")
    bad = [one["policies"][0] for one in got if one["policies"][0]["f"]]
    good = [one["policies"][0] for one in got if not one["policies"][0]["f"]]
    equal((len(bad), len(good)), (failed, 3), "sessions")
    equal([(one["t"], "failure-details" in one) for one in good],
          [(0, False)] * 3, "successes")
    for one in bad:
        equal(one["t"], 1, "number of details")
        detail = one["failure-details"][0]
        equal((detail["c"], detail["s"], detail["n"], detail["r"]),
              (204, "203.0.114.1", first.name, first.address), "detail")
    equal(counted(world), [], "rows counted")


@case
def both_sinks(world):
    """collector: with both it is told, and the session is counted"""
    world.configure(SOCKET.replace("socket:", "both:"))
    enforced(world)
    tlsrpt(world, "enforce.test")
    with Collector() as collector:
        world.exim.send("bob@enforce.test")
        equal(collector.next()["d"], "enforce.test", "datagram")
    equal(totals(counted(world)), [("enforce.test", "sts", 1, 0)], "rows")


@case
def no_record_no_datagram(world):
    """collector: of a domain that wants no reports, by having no record, two
    of them, or one whose addresses are refused, nothing is told"""
    for records in ((), (RECORD, RECORD), ("v=TLSRPTv1; rua=ftp://x.test/",),
                    ("v=TLSRPTv1; rua=mailto:root@localhost",)):
        world.reset()
        world.configure(SOCKET)
        enforced(world)
        if records:
            world.dns.put("_smtp._tls.enforce.test", "TXT", *records)
        with Collector() as collector:
            for _ in range(2):
                world.exim.send("bob@enforce.test")
            eventually(lambda: world.dns.asked("_smtp._tls.enforce.test",
                                               "TXT") > 0, "a question")
            equal(collector.next(0.3), None, f"datagram with {records}")


@case
def no_collector_no_matter(world):
    """collector: without its socket, with one that may not be written to,
    and with a full queue, mail is delivered all the same and in time"""
    world.configure(SOCKET)
    server, _ = enforced(world)
    tlsrpt(world, "enforce.test")
    world.exim.send("bob@enforce.test")  # the record is known from now on

    def deliver(count=1):
        began = time.monotonic()
        for _ in range(count):
            equal(world.exim.send("bob@enforce.test").outcome(), "delivered",
                  "outcome")
        assert time.monotonic() - began < 3 * count, "a delivery took long"
    deliver()
    with Collector() as collector:
        os.chmod(PATH, 0o600)
        os.chown(PATH, 0, 0)
        deliver()
        subprocess.run(["chown", USER, PATH], check=True)
        deliver(14)
        kept = 0
        while collector.next(0.1):
            kept += 1
        assert kept >= 10, f"{kept} datagrams"
    equal(len(server.messages), 17, "messages")


# --- libtlsrpt -----------------------------------------------------------------

PRINTABLE = "".join(map(chr, range(0x20, 0x7f)))


def libtlsrpt():
    found = glob.glob("/usr/lib/*/libtlsrpt.so.0")
    if not found:
        raise Skipped("no libtlsrpt here")
    return ctypes.CDLL(found[0])


def words(chance, least, most):
    return "".join(chance.choice(PRINTABLE)
                   for _ in range(chance.randint(least, most)))


def some_verdict(chance):
    names = ["a.test", "xn--bcher-kva.example", "mx1.a.test", "*.a.test"]
    details = [[str(chance.choice((201, 202, 203, 204, 205, 301, 302, 303,
                                   304, 305, 306))),
                chance.choice(("", "192.0.2.1", "2001:db8::1")),
                chance.choice(("", *names)), words(chance, 0, 255),
                chance.choice(("", "198.51.100.7")), words(chance, 0, 255)]
               for _ in range(chance.choice((0, 0, 1, 1, 2, 16)))]
    return {"domain": chance.choice(names), "record": CANONICAL,
            "type": chance.choice((1, 2, 9)),
            "policy_domain": chance.choice(names),
            "strings": [words(chance, 1, 60)
                        for _ in range(chance.randint(0, 6))],
            "mx": [chance.choice(names) for _ in range(chance.randint(0, 4))],
            "success": chance.randint(0, 1), "details": details}


def theirs(library, collector, verdict):
    """The datagram that the calls of an MTA make libtlsrpt send."""
    def text(value):
        return value.encode() or None
    con, request = ctypes.c_void_p(), ctypes.c_void_p()

    def must(result):
        equal(result, 0, "libtlsrpt")
    must(library.tlsrpt_open(ctypes.byref(con), PATH.encode()))
    must(library.tlsrpt_init_delivery_request(
        ctypes.byref(request), con, text(verdict["domain"]),
        text(verdict["record"])))
    must(library.tlsrpt_init_policy(request, verdict["type"],
                                    text(verdict["policy_domain"])))
    for line in verdict["strings"]:
        must(library.tlsrpt_add_policy_string(request, text(line)))
    for name in verdict["mx"]:
        must(library.tlsrpt_add_mx_host_pattern(request, text(name)))
    for code, sip, name, helo, rip, reason in verdict["details"]:
        must(library.tlsrpt_add_delivery_request_failure(
            request, int(code), text(sip), text(name), text(helo), text(rip),
            None, text(reason)))
    must(library.tlsrpt_finish_policy(request, 1 - verdict["success"]))
    must(library.tlsrpt_finish_delivery_request(ctypes.byref(request)))
    must(library.tlsrpt_close(ctypes.byref(con)))
    return collector.raw()


def ours(verdicts):
    lines = []
    for one in verdicts:
        lines.append("\t".join((
            one["domain"], one["record"], str(one["type"]),
            one["policy_domain"], "\v".join(one["strings"]),
            ":".join(one["mx"]), str(one["success"]),
            str(len(one["details"])))))
        lines += ["\t".join(detail) for detail in one["details"]]
    build = os.path.join(SOURCE, os.environ.get("MTA_STS_BUILD", "build"))
    done = subprocess.run([build + "/tests/world/told"],
                          input="\n".join(lines + [""]), text=True,
                          capture_output=True, check=True, timeout=30)
    return done.stdout.encode().splitlines()


@case
def same_as_libtlsrpt(world):
    """collector: what is told is, byte for byte, what libtlsrpt sends for the
    same session, a thousand of them made by chance"""
    del world
    library = libtlsrpt()
    chance = random.Random(8460)
    verdicts = [some_verdict(chance) for _ in range(1000)]
    told = ours(verdicts)
    equal(len(told), len(verdicts), "datagrams")
    with Collector() as collector:
        for one, mine in zip(verdicts, told):
            other = theirs(library, collector, one)
            json.loads(mine)
            # Debian 13's library does not name the version yet.
            if not other.startswith(b'{"dpv": '):
                mine = mine.replace(b'"dpv": "1",', b"", 1)
            equal(mine, other, "datagram")
            assert re.fullmatch(rb"[ -~]+", mine), mine


# --- the real collector ---------------------------------------------------------

PLUGINS = """[tlsrpt.collectd]
sqlite = tlsrpt_reporter.tlsrpt:TLSRPTCollectdSQLite
"""


@contextlib.contextmanager
def real_collector():
    """sys4's tlsrpt-collectd out of the source that TLSRPT_REPORTER names;
    what it has stored is in the list when it has ended."""
    source = os.environ.get("TLSRPT_REPORTER")
    if not source:
        raise Skipped("no TLSRPT_REPORTER")
    work = tempfile.mkdtemp()
    os.makedirs(work + "/meta/x.dist-info")
    for name, text in (("entry_points.txt", PLUGINS),
                       ("METADATA", "Metadata-Version: 2.1\nName: x\n"
                        "Version: 1\n")):
        with open(f"{work}/meta/x.dist-info/{name}", "w",
                  encoding="ascii") as out:
            out.write(text)
    os.makedirs(PLACE, exist_ok=True)
    os.chmod(PLACE, 0o755)
    running = subprocess.Popen(
        [sys.executable, "-m", "tlsrpt_reporter.tlsrpt_collectd",
         "--storage", f"sqlite://{work}/db", "--socketname", PATH,
         "--socketmode", "0666", "--logfilename", work + "/log"],
        env={"PYTHONPATH": f"{source}:{work}/meta", "PATH": "/usr/bin:/bin"},
        cwd=work)
    stored = {}
    try:
        def listens():
            return os.path.exists(work + "/db.yesterday") and \
                os.path.exists(PATH)
        eventually(listens, "the collector", 20)
        time.sleep(1)
        yield stored
        equal(running.poll(), None, "exit of the collector")
    finally:
        running.terminate()
        equal(running.wait(30), 0, "end of the collector")
        with open(work + "/log", encoding="utf-8") as text:
            stored["log"] = text.read()
    base = sqlite3.connect(work + "/db")
    stored["sessions"] = base.execute(
        "SELECT domain, tlsrptrecord, policy, cntrtotal, cntrfailure "
        "FROM finalresults ORDER BY domain, policy").fetchall()
    stored["failures"] = base.execute(
        "SELECT domain, reason, cntr FROM failures ORDER BY domain, reason"
    ).fetchall()
    base.close()


@case(seconds=120)
def real_collector_takes_all(world):
    """collector: sys4's own takes what Exim's sessions tell, a hostile
    greeting and three hundred of all printable characters, with not a word of
    complaint, and its sums are right"""
    with real_collector() as stored:
        world.configure(SOCKET)
        bad, _ = two_hosts(world, "enforce", {"certificate": "expired"})
        tlsrpt(world, "mail.test")
        for _ in range(3):
            world.exim.send("bob@mail.test")
        hostile = world.mail_host("mx1.evil.test", starttls="none")
        hostile.greeting = "\x80\xff\x07\x1b[2J\"\\" + "x" * 400
        world.mx("evil.test", "mx1.evil.test")
        world.policy("evil.test", "testing", "mx1.evil.test")
        tlsrpt(world, "evil.test")
        world.exim.send("bob@evil.test")
        chance = random.Random(8461)
        told = ours([dict(some_verdict(chance), domain="chance.test")
                     for _ in range(300)])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            for one in told:
                out.sendto(one, PATH)
        time.sleep(2)
    for line in stored["log"].splitlines():
        assert not re.search(" (ERROR|WARNING|CRITICAL) ", line), line
    sums = {}
    for domain, record, _, total, failed in stored["sessions"]:
        equal(record, CANONICAL, "record")
        was = sums.get(domain, (0, 0))
        sums[domain] = (was[0] + total, was[1] + failed)
    wrong = sum(json.loads(one)["policies"][0]["f"] for one in told)
    equal(sums, {"mail.test": (4, 1), "evil.test": (1, 1),
                 "chance.test": (300, wrong)}, "sums")
    failures = [json.loads(reason) for domain, reason, _ in
                stored["failures"] if domain != "chance.test"]
    equal([(one["c"], one["r"]) for one in failures],
          [(201, hostile.address), (204, bad.address)], "failures")
