# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fault that TLS can have at a mail host, under an enforce and under a
testing policy."""

import os
import re
import time

import dnslib

from delivery_cases import enforced
from parts.case import case, contains, equal, eventually, lacks
from parts.exim import has_dlfunc, has_gnutls
from parts.world import policy_text

# What is wrong, the host's habits, what the log says of it in testing mode.
NO_TLS = "no TLS"
NOT_VALID = "its certificate is not valid for it"
FAULTS = {
    "no STARTTLS": ({"starttls": "none"}, NO_TLS),
    "STARTTLS answered by 454": ({"starttls": "454"}, NO_TLS),
    "STARTTLS answered by 501": ({"starttls": "501"}, NO_TLS),
    "a connection that drops after STARTTLS": ({"starttls": "drop"}, NO_TLS),
    "garbage after STARTTLS": ({"starttls": "garbage"}, NO_TLS),
    "an expired certificate": ({"certificate": "expired"}, NOT_VALID),
    "a certificate not yet valid": ({"certificate": "not-yet-valid"},
                                    NOT_VALID),
    "a self-signed certificate": ({"certificate": "self-signed"}, NOT_VALID),
    "a certificate of an unknown CA": ({"certificate": "unknown-ca"},
                                       NOT_VALID),
    "a certificate for another name": ({"certificate": "wrong-name"},
                                       NOT_VALID),
    "a certificate with a CN only": (
        {"certificate": "cn-only"}, "its certificate has no name in its SAN"),
    "a wildcard certificate two labels up": (
        {"certificate": "wildcard-two"}, NOT_VALID),
    "a partial wildcard certificate": (
        {"certificate": "wildcard-partial"}, NOT_VALID),
    "TLS 1.1 only": ({"version": "1.1"},
                     "a TLS version before 1.2" if has_gnutls() else NO_TLS),
}
GOOD = {
    "TLS 1.2": {"version": "1.2"},
    "TLS 1.3": {"version": "1.3"},
    "a wildcard certificate one label up": {"certificate": "wildcard"},
}


def two_hosts(world, mode, habits):
    """A domain whose first MX host has these habits, and whose second is
    good."""
    first = world.mail_host("mx1.mail.test", **habits)
    second = world.mail_host("mx2.mail.test")
    world.mx("mail.test", "mx1.mail.test", "mx2.mail.test")
    world.policy("mail.test", mode, "mx1.mail.test", "mx2.mail.test")
    return first, second


def our_line(world, part, at_least=1):
    """What we have told; the tool's lines take a moment."""
    def found():
        return [line for line in world.log() if "MTA-STS: " + part in line]
    eventually(lambda: len(found()) >= at_least, "a line: " + part)
    return found()


def our_lines(world, part, at_least=1):
    """The same of mail.test."""
    return our_line(world, "mail.test: " + part, at_least)


def enforce_fault(name, habits):
    def check(world):
        first, second = two_hosts(world, "enforce", habits)
        delivery = world.exim.send("bob@mail.test")
        equal(delivery.outcome(), "delivered", "outcome")
        contains(delivery.text(), "H=mx2.mail.test", "who took it")
        equal((len(first.messages), len(second.messages)), (0, 1), "messages")
        equal(first.leaked(), False, "envelope in clear")
        equal(len(first.sessions), 1, "tries at the first host")
        told = our_lines(world, "not delivered to mx1.mail.test")
        equal(len(told), 1, "lines about the first host")
        contains(told[0], "the policy (id 20240101T000000, fetched ", "line")
        contains(told[0], 'run "mta-sts explain mail.test"', "line")

    check.__doc__ = (f"enforce: {name} gets nothing, the log says so once, "
                     "and the next MX host gets the message")
    return check


def enforce_only_host(name, habits):
    def check(world):
        world.configure(SITE_RETRY="F,1d,1s")
        server, _ = enforced(world, **habits)
        message = world.exim.send("bob@enforce.test").message
        world.exim.run_queue()
        delivery = world.exim.delivery(message)
        equal(delivery.outcome(), "deferred", "outcome")
        equal(world.exim.waiting(), [message], "queue")
        equal(len(server.sessions), 2, "tries")
        equal((server.messages, server.leaked()), ([], False), "taken")

    check.__doc__ = f"enforce: {name} at the only MX host defers, each time"
    return check


def testing_fault(name, habits, why):
    def check(world):
        first, second = two_hosts(world, "testing", habits)
        delivery = world.exim.send("bob@mail.test")
        equal(delivery.outcome(), "delivered", "outcome")
        equal((len(first.messages), len(second.messages)), (1, 0), "messages")
        told = our_lines(world, "testing: ")
        equal(len(told), 1, "lines of what enforcement would have done")
        contains(told[0], "enforcement would have deferred at mx1.mail.test",
                 "line")
        contains(told[0], ": " + why, "reason")

    check.__doc__ = f"testing: {name} is delivered to and told of once"
    return check


def nothing_wrong(name, habits):
    def check(world):
        for mode in ("enforce", "testing"):
            world.reset()
            first, _ = two_hosts(world, mode, habits)
            delivery = world.exim.send("bob@mail.test")
            equal(delivery.outcome(), "delivered", "outcome under " + mode)
            equal(len(first.messages), 1, "messages under " + mode)
            contains(delivery.text(), "CV=yes", "verification")
            lacks("\n".join(world.log()), "not delivered", "log")
            lacks("\n".join(world.log()), "would have", "log")

    check.__doc__ = f"enforce and testing: {name} is delivered to in silence"
    return check


def make_cases():
    for name, (habits, why) in FAULTS.items():
        case(enforce_fault(name, habits))
        case(enforce_only_host(name, habits))
        case(testing_fault(name, habits, why))
    for name, habits in GOOD.items():
        case(nothing_wrong(name, habits))


make_cases()


@case
def testing_never_greeted(world):
    """testing: of a host that sends us away before EHLO nothing is told"""
    _, second = two_hosts(world, "testing", {"banner": "421 not now"})
    world.exim.send("bob@mail.test")
    equal(len(second.messages), 1, "messages at the next host")
    if has_dlfunc():
        equal(our_lines(world, "testing: ", 0), [], "lines")


@case
def testing_other_host_told(world):
    """testing: an MX host that the policy does not name is told of once"""
    world.mail_host("mx.other.test")
    world.mx("mail.test", "mx.other.test")
    world.policy("mail.test", "testing", "mx1.mail.test")
    world.exim.send("bob@mail.test")
    told = our_lines(world, "testing: ")
    equal(len(told), 1, "lines")
    contains(told[0], "the policy does not permit this host", "reason")


def faulty_domains(world):
    """{recipient: what is wrong} for each fault, and for a forged MX."""
    domains = {"forged@spoofed.test": "no MX host of spoofed.test with an "
               "address that mail may go to is permitted by its policy (id "
               "20240101T000000, fetched "}
    world.mx("spoofed.test", world.mail_host("mx.evil.test").name)
    world.policy("spoofed.test", "enforce", "mx1.spoofed.test")
    for place, (habits, _) in enumerate(FAULTS.values()):
        enforced(world, f"fault{place}.test", **habits)
        domains[f"bob@fault{place}.test"] = f"mx1.fault{place}.test"
    return domains


@case(seconds=120)
def only_bounced_after_the_retry_time(world):
    """enforce: whatever the fault, mail is never bounced within the retry
    time, and after it with the reason"""
    mailbox = "/tmp/bounces"
    world.configure(SITE_RETRY="F,4s,1s", MTA_STS_RETRY="F,4s,1s",
                    SITE_MAILBOX=mailbox)
    domains = faulty_domains(world)
    began = time.monotonic()
    sent = world.exim.send(*domains)
    while time.monotonic() - began < 2:
        world.exim.run_queue()
        if time.monotonic() - began < 4:
            lacks(world.exim.delivery(sent.message).text(), " ** ", "log")
    eventually(lambda: world.exim.run_queue() or not world.exim.waiting(),
               "an end", 30)
    lines = world.exim.delivery(sent.message).lines
    log = "\n".join(world.log())
    eventually(lambda: all(who in read(mailbox) for who in domains),
               "every recipient in a bounce")
    bounces = " ".join(read(mailbox).split())
    os.unlink(mailbox)
    for who, why in domains.items():
        # RFC 8461 5: before it fails for good a new policy is looked for.
        tries = [line for line in lines if f" == {who} " in line]
        equal(world.dns.asked("_mta-sts." + who.partition("@")[2], "TXT"),
              len(tries), f"TXT queries in {len(tries)} tries")
        last = [line for line in lines if f" {who}" in line][-2:]
        contains(last[1], f"** {who}: retry timeout exceeded", "the end")
        contains(bounces, why, "bounce")
        # Of a host that failed Exim's bounce names the host alone; the log
        # says what was wrong there.
        if who == "forged@spoofed.test":
            contains(bounces, 'run "mta-sts explain spoofed.test"', "bounce")
            contains(last[0], why, "the reason before it")
        else:
            contains(last[0], f"H={why} ", "the host before it")
            contains(last[0], "TLS", "the reason before it")
            domain = who.partition("@")[2]
            contains(log, f"MTA-STS: {domain}: not delivered to {why} ", "log")
            contains(log, f'run "mta-sts explain {domain}"', "log")


def read(path):
    try:
        with open(path, encoding="utf-8") as text:
            return text.read()
    except FileNotFoundError:
        return ""


EVIL = "\x1b[2J\x07 no\x7f\xff\u2028 %s%n 2026-01-01 MTA-STS: forged"
LINES = "\r\n454-".join([EVIL, EVIL, "x" * 400])
WORDS = {
    "its answer to STARTTLS": {"starttls": "454 " + EVIL},
    "a long answer to STARTTLS": {"starttls": "454-" + LINES +
                                  "\r\n454 " + EVIL},
    "its banner": {"banner": "421 " + EVIL},
    "a banner that is none": {"banner": EVIL},
    "its name in EHLO": {"greeting": EVIL},
    "its answer to MAIL": {"mail": "451 " + EVIL},
    "its answer to RCPT": {"rcpt": "451 " + EVIL},
    "its certificate": {"certificate": "hostile-name"},
    "garbage for TLS": {"starttls": "garbage"},
}
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


def hostile_words(name, habits):
    def check(world):
        for mode in ("enforce", "testing"):
            world.reset()
            server, policy_host = enforced(world, **habits)
            policy_host.body = policy_text(mode, "mx1.enforce.test")
            message = world.exim.send("bob@enforce.test").message
            world.exim.run_queue()
            contains(world.exim.delivery(message).text(), "mx1.enforce.test",
                     "log")
            for line in world.exim.mainlog():
                equal(bool(LOG_LINE.match(line)), True, f"a line: {line!r}")
            for line in world.log():
                equal(all(" " <= char <= "~" for char in line), True,
                      f"printable under {mode}: {line!r}")
            equal(bool(server.sessions), True, "connections")

    check.__doc__ = (f"what a mail host says by {name} reaches the log "
                     "without a control character or a line of its own, "
                     "under enforce and in testing mode")
    return check


for said, by in WORDS.items():
    case(hostile_words(said, by))


@case
def hostile_mail_host_names(world):
    """an MX record with a name that is none reaches the log without a control
    character or a line of its own"""
    for mode in ("enforce", "testing"):
        # No % among them: of that Exim 4.96 dies, with a policy or without.
        for label in (b"\x1b[2J", b"a\nb", b"a b", b"$h", b"\xff", b'"',
                      b"\\", b"a'b;c|d`e", b"." * 60):
            world.reset()
            name = dnslib.DNSLabel((label, b"evil", b"test"))
            world.dns.put("victim.test", "MX", (10, name))
            world.policy("victim.test", mode, "mx1.victim.test")
            world.exim.send("bob@victim.test")
            if mode == "enforce":
                our_line(world, "victim.test: no MX host is left: DNS has ")
            for line in world.log():
                equal(all(" " <= char <= "~" for char in line), True,
                      f"printable under {mode}: {line!r}")
            for line in world.exim.mainlog():
                equal(bool(LOG_LINE.match(line)), True, f"a line: {line!r}")
