# SPDX-License-Identifier: GPL-2.0-or-later
"""What `mta-sts explain` foretells, and what the administrator's exceptions,
observe mode, export and import make of deliveries."""

import contextlib
import json
import os
import socket
import time

from parts.case import case, contains, equal, eventually, lacks
from parts.exim import PROGRAM, run_as
from parts.listener import Listener
from parts.world import policy_text

EXCEPTIONS = "/etc/exim4/mta-sts.exceptions"


def explain(world, domain, *options, user="root"):
    """Its exit code, and the JSON object."""
    done = world.tool("explain", "--json", *options, domain, user=user)
    return done.returncode, json.loads(done.stdout)


def domain_with(world, domain, mode="enforce", **habits):
    """A domain with one permitted mail host."""
    server = world.mail_host("mx1." + domain, **habits)
    world.mx(domain, "mx1." + domain)
    return server, world.policy(domain, mode, "mx1." + domain)


@contextlib.contextmanager
def exceptions(world, *commands):
    """While this lasts there are exceptions, made by the tool."""
    try:
        for words in commands:
            done = world.tool("except", *words)
            equal(done.returncode, 0, f"except {words}: {done.stderr}")
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(EXCEPTIONS)


# What is wrong with a host, and the word for it (or several); None: nothing.
# Garbage comes behind the reply to STARTTLS or with it, as TCP pleases.
HOSTS = (
    ({}, None),
    ({"certificate": "wildcard"}, None),
    ({"version": "1.2"}, None),
    ({"certificate": "expired"}, "cert-expired"),
    ({"certificate": "not-yet-valid"}, "cert-not-yet-valid"),
    ({"certificate": "wrong-name"}, "cert-name"),
    ({"certificate": "cn-only"}, "cert-name"),
    ({"certificate": "wildcard-two"}, "cert-name"),
    ({"certificate": "self-signed"}, "cert-untrusted"),
    ({"certificate": "unknown-ca"}, "cert-untrusted"),
    ({"version": "1.1"}, "tls"),
    ({"starttls": "none"}, "no-starttls"),
    ({"starttls": "454"}, "starttls-refused"),
    ({"starttls": "drop"}, "tls"),
    ({"starttls": "garbage"}, ("tls", "smtp-reply")),
    ({"banner": "554 go away"}, "smtp-reply"),
)


@case(seconds=180)
def explain_foretells(world):
    """explain --connect foretells what Exim does, for each thing that can be
    wrong with a host"""
    for number, (habits, word) in enumerate(HOSTS):
        domain = f"d{number}.test"
        server, _ = domain_with(world, domain, **habits)
        code, seen = explain(world, domain, "--connect")
        host = seen["hosts"][0]
        words = word if isinstance(word, tuple) else (word,)
        assert host.get("reason") in words, (habits, host)
        equal((code, seen["mail"]), (1, "deferred") if word else (0, "goes"),
              f"verdict on {habits}")
        equal(server.leaked(), False, "envelope in clear")
        equal([one.senders for one in server.sessions], [[]], "sessions")
        # A host that wants nobody is no matter of policies: Exim bounces.
        if word != "smtp-reply":
            wanted = "deferred" if word else "delivered"
            equal(world.exim.send("bob@" + domain).outcome(), wanted,
                  f"Exim and {habits}")


@case
def explain_for_a_ticket(world):
    """explain tells record, policy, hosts and verdict, with the RFC's
    sections"""
    domain_with(world, "good.test")
    world.dns.add("_mta-sts.good.test", "TXT", "v=spf1 -all")
    world.mail_host("mx.other.test")
    world.dns.add("good.test", "MX", (20, "mx.other.test"))
    done = world.tool("explain", "--connect", "good.test")
    equal(done.returncode, 0, done.stdout + done.stderr)
    for part in ("1. Domain (RFC 8461 3.4)\n   good.test\n",
                 '"v=STSv1; id=20240101T000000;": valid, id 20240101T000000\n',
                 '"v=spf1 -all": not about MTA-STS\n',
                 "   no policy (none)\n", "   enforce (fresh)\n",
                 "   10 mx1.good.test: match, mx1.good.test\n",
                 "     TLS and certificate do: 203.0.114.100 TLSv1.3 TLS_",
                 "   20 mx.other.test: mismatch\n",
                 "   Mail would go over verified TLS to mx1.good.test, and to "
                 "no other host.\n"):
        contains(done.stdout, part, "text")


@case
def explain_sends_sni(world):
    """explain --connect says the host's name before it sees a certificate,
    and connects to no host that the policy forbids"""
    server, _ = domain_with(world, "good.test")
    evil = world.mail_host("mx.evil.test")
    world.dns.add("good.test", "MX", (5, "mx.evil.test"))
    explain(world, "good.test", "--connect")
    equal([one.sni for one in server.sessions], ["mx1.good.test"], "SNI")
    equal(evil.sessions, [], "sessions with a host that is forbidden")
    explain(world, "good.test")
    equal(len(server.sessions), 1, "sessions without --connect")


@case
def explain_no_permitted_host(world):
    """where the policy permits no host explain and Exim both say deferred"""
    world.mail_host("mx.evil.test")
    world.mx("spoofed.test", "mx.evil.test")
    world.policy("spoofed.test", "enforce", "mx1.spoofed.test")
    code, seen = explain(world, "spoofed.test")
    equal((code, seen["mail"]), (1, "deferred"), "verdict")
    equal(seen["hosts"][0]["result"], "mismatch", "host")
    contains(seen["verdict"], "permits none", "verdict")
    equal(world.exim.send("bob@spoofed.test").outcome(), "deferred", "Exim")


@case
def explain_useless_address(world):
    """where a permitted host has no address that mail may go to explain, the
    log and Exim say so"""
    for domain, address in (("inside.test", "10.1.2.3"), ("none.test", None)):
        host = "mx1." + domain
        world.mx(domain, host)
        if address:
            world.dns.put(host, "A", address)
        world.policy(domain, "enforce", host)
        delivery = world.exim.send("bob@" + domain)
        equal(delivery.outcome(), "deferred", "Exim")
        contains(delivery.text(), f"no MX host of {domain} with an address "
                 "that mail may go to is permitted", "reason")
        eventually(lambda told=host: f"DNS has {told} (permitted, but with "
                   "no address that mail may go to, or" in
                   "\n".join(world.log()), "line")
        code, seen = explain(world, domain)
        equal((code, seen["mail"]), (1, "deferred"), "verdict")
        equal(seen["hosts"][0]["reason"], "address-refused" if address else
              "host-not-found", "reason")
        contains(seen["verdict"], "has an address that mail may go to",
                 "verdict")
    lacks(world.tool("explain", "none.test").stdout, "mta-sts except",
          "advice")


@case
def explain_kinds_of_mx(world):
    """explain knows implicit MX, null MX, aliases, and long lists over TCP"""
    world.mail_host("implicit.test")
    world.policy("implicit.test", "enforce", "implicit.test")
    code, seen = explain(world, "implicit.test", "--connect")
    equal((code, seen["hosts"][0]["host"]), (0, "implicit.test"), "implicit")
    equal(seen["hosts"][0]["tls"], True, "TLS of the implicit one")
    world.dns.put("null.test", "MX", (0, "."))
    world.policy("null.test", "enforce", "mx1.null.test")
    code, seen = explain(world, "null.test")
    equal((code, seen["takes_no_mail"]), (1, True), "null MX")
    world.dns.put("alias.test", "CNAME", "real.test")
    world.mx("real.test", *(f"mx{n}.a-rather-long-name.test"
                            for n in range(40)))
    world.policy("alias.test", "enforce", "*.a-rather-long-name.test")
    world.dns.put("mx3.a-rather-long-name.test", "A", "203.0.114.50")
    code, seen = explain(world, "alias.test")
    equal(code, 0, "alias")
    equal(len(seen["hosts"]), 32, "hosts shown")
    equal(seen["hosts"][0]["pattern"], "*.a-rather-long-name.test", "pattern")
    world.policy("lost.test", "enforce", "mx1.lost.test")
    world.dns.faults["lost.test", "MX"] = "servfail"
    code, seen = explain(world, "lost.test")
    equal(code, 1, "MX records that cannot be had")
    contains(seen["hosts_error"], "SERVFAIL", "why")


@case
def explain_without_enforcement(world):
    """no policy, mode none, testing and an unusable policy let mail go, and
    explain says why"""
    for domain, mode in (("testing.test", "testing"), ("none.test", "none")):
        domain_with(world, domain, mode, certificate="expired")
    world.mail_host("mx1.plain.test")
    world.mx("plain.test", "mx1.plain.test")
    world.record("broken.test")
    world.policy_host("broken.test", "not a policy")
    for domain, part in (
            ("testing.test", "the policy is a testing one; enforcement would "
                             "defer it."),
            ("none.test", "its policy has mode none."),
            ("plain.test", "the domain has no policy."),
            ("broken.test", "no policy is to be had (")):
        code, seen = explain(world, domain, "--connect")
        equal((code, seen["mail"]), (0, "goes"), domain)
        contains(seen["verdict"], part, domain)


@case
def explain_stale(world):
    """explain tells of a new id in DNS beside the cached policy"""
    world.configure("recheck = 1h\n")
    domain_with(world, "good.test")
    explain(world, "good.test")
    world.record("good.test", "20250101T000000")
    done = world.tool("explain", "good.test")
    contains(done.stdout, "its id is 20250101T000000", "record")
    contains(done.stdout, "DNS has another id", "cache")


@case
def explain_in_bounds(world):
    """a host that accepts and says nothing costs fetch_timeout, no more"""
    world.configure("fetch_timeout = 2s\n")
    world.policy("slow.test", "enforce", "mx1.slow.test")
    world.mx("slow.test", "mx1.slow.test")
    address = world.address()
    world.dns.add("mx1.slow.test", "A", address)

    def sleep(conn, _peer):
        with contextlib.suppress(OSError):
            conn.settimeout(30)
            conn.recv(1)
    listener = Listener(address, 25, sleep)
    try:
        began = time.monotonic()
        code, seen = explain(world, "slow.test", "--connect")
        took = time.monotonic() - began
    finally:
        listener.close()
    equal((code, seen["hosts"][0]["reason"]), (1, "timeout"), "host")
    assert took < 5, f"took {took:.1f} s"


@case
def explain_hostile_hosts(world):
    """hosts that flood, lie or slip in words get a word and no more"""
    def flood(conn):
        with contextlib.suppress(OSError):
            conn.sendall(b"220-" + b"x" * 5000000)

    def endless(conn):
        with contextlib.suppress(OSError):
            conn.sendall(b"220-x\r\n" * 500)

    def escape(conn):
        conn.sendall(b"554 \x1b[2J\xff\r\n")

    def inject(conn):
        conn.sendall(b"220 x\r\n")
        conn.recv(1000)
        conn.sendall(b"250-x\r\n250 STARTTLS\r\n")
        conn.recv(1000)
        conn.sendall(b"220 go\r\n250 injected\r\n")

    def silent(conn):
        conn.shutdown(socket.SHUT_RDWR)

    for number, act in enumerate((flood, endless, escape, inject, silent)):
        domain = f"h{number}.test"
        world.policy(domain, "enforce", "mx." + domain)
        world.mx(domain, "mx." + domain)
        address = world.address()
        world.dns.add("mx." + domain, "A", address)

        def serve(conn, _peer, act=act):
            with contextlib.suppress(OSError), conn:
                act(conn)
                time.sleep(0.2)
        listener = Listener(address, 25, serve)
        try:
            code, seen = explain(world, domain, "--connect")
        finally:
            listener.close()
        equal((code, seen["hosts"][0]["reason"]), (1, "smtp-reply"),
              act.__name__)
        lacks(seen["hosts"][0]["error"], "\x1b", "error")


@case
def explain_is_no_way_inside(world):
    """explain --connect goes to no private address, unless it may"""
    world.policy("inside.test", "enforce", "mx.inside.test")
    world.mx("inside.test", "mx.inside.test")
    world.dns.add("mx.inside.test", "A", "127.0.0.1")
    _, seen = explain(world, "inside.test", "--connect")
    equal(seen["hosts"][0]["reason"], "address-refused", "reason")
    world.configure("allow_private_addresses = yes\n")
    _, seen = explain(world, "inside.test", "--connect")
    equal(seen["hosts"][0]["reason"], "connect", "reason when it may")


@case
def explain_second_address(world):
    """explain --connect tries a host's next address when one refuses"""
    server, _ = domain_with(world, "good.test")
    world.dns.put("mx1.good.test", "A", world.address(), server.address)
    code, seen = explain(world, "good.test", "--connect")
    equal(code, 0, "exit")
    contains(seen["hosts"][0]["session"], server.address, "address")


@case
def explain_our_trouble(world):
    """explain says that the trouble is ours, and exits with 3"""
    domain_with(world, "good.test")
    explain(world, "good.test")
    done = world.tool("explain", "good.test", user="nobody")
    equal(done.returncode, 3, "exit for somebody else")
    contains(done.stderr, "no permission", "message")
    os.rename("/var/spool/exim4/mta-sts/policies.tdb",
              "/var/spool/exim4/mta-sts/kept")
    os.mkdir("/var/spool/exim4/mta-sts/policies.tdb")
    try:
        done = world.tool("explain", "good.test")
    finally:
        os.rmdir("/var/spool/exim4/mta-sts/policies.tdb")
        os.unlink("/var/spool/exim4/mta-sts/kept")
    equal(done.returncode, 3, "exit with a broken cache")
    contains(done.stdout, "nobody can tell", "verdict")


# --- exceptions -------------------------------------------------------------------

@case
def exception_testing(world):
    """at 3 a.m.: a domain's certificate has expired, `except testing` lets
    its mail go, as explain says, and the log says so"""
    server, _ = domain_with(world, "late.test", certificate="expired")
    equal(world.exim.send("bob@late.test").outcome(), "deferred", "before")
    way_out = "mta-sts except late.test testing --until +7d\n"
    contains(world.tool("explain", "--connect", "late.test").stdout, way_out,
             "explain, before")
    with exceptions(world, ("late.test", "testing", "--until", "+2d",
                            "--why", "ticket 4711")):
        # As INSTALL has it, section 9.
        run_as("root", PROGRAM, "-Rff", "late.test")
        equal(len(server.messages), 1, "messages, after the exception")
        lacks(world.tool("explain", "--connect", "late.test").stdout, way_out,
              "explain, with the exception")
        log = "\n".join(world.log())
        contains(log, "MTA-STS: late.test: exception used: testing (line 1): "
                      "ticket 4711; WARNING: it runs out soon, at ", "log")
        contains(log, "enforcement would have deferred", "log")
    world.exim.send("bob@late.test")
    equal(len(server.messages), 1, "messages, without it again")


@case
def exception_ignore(world):
    """a domain to ignore is as one without MTA-STS, and nobody is asked"""
    server, policy_host = domain_with(world, "x.ignored.test",
                                      starttls="none")
    with exceptions(world, (".ignored.test", "ignore")):
        delivery = world.exim.send("bob@x.ignored.test")
        code, seen = explain(world, "x.ignored.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")
    equal(world.dns.asked("_mta-sts.x.ignored.test", "TXT"), 0, "TXT queries")
    equal(policy_host.connections, 0, "HTTPS connections")
    equal((code, seen["status"], seen["exception"]["name"]),
          (0, "exempt", ".ignored.test"), "explain")


@case
def exception_pin(world):
    """a pinned domain is enforced though it publishes nothing, and nobody is
    asked"""
    good = world.mail_host("mx1.pinned.test")
    evil = world.mail_host("mx2.pinned.test")
    world.mx("pinned.test", "mx2.pinned.test", "mx1.pinned.test")
    with exceptions(world, ("pinned.test", "enforce", "mx=mx1.pinned.test")):
        delivery = world.exim.send("bob@pinned.test")
        equal(delivery.outcome(), "delivered", "outcome")
        contains(delivery.text(), "T=mta_sts_smtp", "transport")
        world.mx("pinned.test", "mx2.pinned.test")
        again = world.exim.send("bob@pinned.test")
        equal(again.outcome(), "deferred", "without the pinned host")
    equal((len(good.messages), evil.sessions), (1, []), "who was spoken to")
    equal(world.dns.asked("_mta-sts.pinned.test", "TXT"), 0, "TXT queries")


@case
def exception_mx(world):
    """other patterns for a domain whose policy forgot a host"""
    domain_with(world, "moved.test")
    new = world.mail_host("mx.new.test")
    world.mx("moved.test", "mx.new.test")
    equal(world.exim.send("bob@moved.test").outcome(), "deferred", "before")
    with exceptions(world, ("moved.test", "mx=*.new.test")):
        world.exim.run_queue()
    equal(len(new.messages), 1, "messages")
    equal(new.leaked(), False, "envelope in clear")


@case
def exception_broken(world):
    """a broken line opens nothing, and is in the log"""
    server, _ = domain_with(world, "late.test", certificate="expired")
    with exceptions(world):
        with open(EXCEPTIONS, "w", encoding="ascii") as out:
            out.write("late.test testng\n.test testing until=2027-02-30\n")
        delivery = world.exim.send("bob@late.test")
    equal((delivery.outcome(), server.messages), ("deferred", []), "outcome")
    log = "\n".join(world.log())
    contains(log, f"MTA-STS: {EXCEPTIONS} line 1: not understood: testng",
             "log")
    contains(log, f"MTA-STS: {EXCEPTIONS} line 2: not a date", "log")


# --- observe mode -------------------------------------------------------------------

@case
def observe(world):
    """in observe mode what would be deferred goes, and the log says what
    would have been"""
    world.configure("mode = observe\n")
    late, _ = domain_with(world, "late.test", certificate="expired")
    evil = world.mail_host("mx.evil.test")
    world.mx("spoofed.test", "mx.evil.test")
    world.policy("spoofed.test", "enforce", "mx1.spoofed.test")
    for domain in ("late.test", "spoofed.test"):
        equal(world.exim.send("bob@" + domain).outcome(), "delivered", domain)
    equal((len(late.messages), len(evil.messages)), (1, 1), "messages")
    log = "\n".join(world.log())
    for part in (f"late.test: testing: enforcement would have deferred at "
                 f"mx1.late.test [{late.address}]: its certificate is not "
                 "valid for it",
                 f"spoofed.test: testing: enforcement would have deferred at "
                 f"mx.evil.test [{evil.address}]: the policy does not permit "
                 "this host"):
        contains(log, part, "log")
    code, seen = explain(world, "late.test", "--connect")
    equal((code, seen["mode"], seen["observe"]), (0, "testing", True),
          "explain")
    contains(seen["verdict"], "observe mode", "verdict")


# --- history, export, import -----------------------------------------------------------

@case
def downgrade(world):
    """a policy that becomes weaker raises an alarm, and history shows both"""
    world.configure("recheck = 0s\nlog = none\n")
    _, policy_host = domain_with(world, "weak.test")
    world.exim.send("bob@weak.test")
    lacks("\n".join(world.log()), "downgrade", "log before")
    policy_host.body = policy_text("none")
    world.record("weak.test", "20250101T000000")
    world.exim.send("bob@weak.test")
    eventually(lambda: any(
        "MTA-STS: downgrade: weak.test: mode enforce (id=20240101T000000) "
        "becomes none (id=20250101T000000)" in line for line in world.log()),
        "an alarm")
    done = world.tool("history", "--json", "weak.test")
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    equal([one["mode"] for one in seen], ["none", "enforce"], "history")


@case
def a_new_server(world):
    """what an old server exports a new one trusts, though the domain's web
    server is out of reach"""
    _, policy_host = domain_with(world, "good.test", certificate="expired")
    explain(world, "good.test")
    dump = world.tool("export").stdout
    equal(world.tool("purge", "good.test").returncode, 0, "purge")
    policy_host.down()
    world.dns.put("_mta-sts.good.test", "TXT")
    with open("/tmp/dump", "w", encoding="ascii") as out:
        out.write(dump)
    done = world.tool("import", "/tmp/dump")
    os.unlink("/tmp/dump")
    equal((done.returncode, done.stdout),
          (0, "added 1, extended 0, unchanged 0, skipped 0\n"), "import")
    delivery = world.exim.send("bob@good.test")
    equal(delivery.outcome(), "deferred", "outcome")
