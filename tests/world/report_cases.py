# SPDX-License-Identifier: GPL-2.0-or-later
"""What is counted of SMTP sessions for the reports to the domains' owners (RFC
8460 4): each session once, with its policy, its result and nobody's address."""

import datetime
import json
import os
import re
import time

from dane_cases import RIGHT, WRONG, secured
from delivery_cases import enforced
from parts.case import case, contains, equal
from parts.exim import CACHE, has_gnutls, run_as
from parts.world import SOURCE
from tls_cases import FAULTS, GOOD, two_hosts

CONTACT = "tls-reports@sender.test"
ON = f"tlsrpt_contact = {CONTACT}\n"
SENDING = "203.0.114.1"

# Result and reason, under enforce and under testing.  What the TLS library
# says in its own words is only looked for.
STARTTLS, REJECTED = ("starttls-not-supported", ""), \
    ("starttls-not-supported", "starttls-rejected")
MISMATCH = ("certificate-host-mismatch", "")
BROKEN = ("validation-failure", re.compile(r"\(\w+\): \w.*"))
RESULTS = {
    "no STARTTLS": (STARTTLS, STARTTLS),
    "STARTTLS answered by 454": (REJECTED, REJECTED),
    "STARTTLS answered by 501": (REJECTED, REJECTED),
    "a connection that drops after STARTTLS": (BROKEN, BROKEN),
    "garbage after STARTTLS": (BROKEN, BROKEN),
    "an expired certificate": (("certificate-expired", ""),) * 2,
    "a certificate not yet valid": (
        ("certificate-not-trusted", "certificate-not-yet-valid"),) * 2,
    "a self-signed certificate": (
        ("certificate-not-trusted", "self-signed-certificate"),) * 2,
    # OpenSSL gives up at the first that failed: here the root.
    "a certificate of an unknown CA": (
        ("certificate-not-trusted", "untrusted-issuer" if has_gnutls() else
         "self-signed-certificate"),
        ("certificate-not-trusted", "untrusted-issuer")),
    "a certificate for another name": (MISMATCH, MISMATCH),
    "a certificate with a CN only": (
        ("certificate-host-mismatch", "no-subject-alt-name"),) * 2,
    "a wildcard certificate two labels up": (MISMATCH, MISMATCH),
    "a partial wildcard certificate": (MISMATCH, MISMATCH),
    # OpenSSL refuses it in testing mode, too.
    "TLS 1.1 only": (BROKEN, ("validation-failure", "tls-version-before-1.2")
                     if has_gnutls() else BROKEN),
}


def counted(world):
    """The rows of today, or of yesterday if it is just past midnight."""
    del world
    build = os.path.join(SOURCE, os.environ.get("MTA_STS_BUILD", "build"))
    now = datetime.datetime.now(datetime.timezone.utc)
    rows = []
    for day in (now - datetime.timedelta(minutes=5), now):
        name = day.strftime("%Y-%m-%d")
        if rows and day.date() == now.date() == last:
            continue
        done = run_as("root", build + "/tests/world/counted", CACHE, name)
        rows += [json.loads(line) for line in done.stdout.splitlines()]
        last = day.date()
    return rows


def totals(rows):
    return [(row["domain"], row["type"], row["success"], row["failure"])
            for row in rows]


def detail(failure, server=None, helo=None, reason=None, count=1):
    """A detail as it must be; server: whom the session was with."""
    result, expected = failure
    return {"result": result, "reason": expected if reason is None else reason,
            "sending_ip": SENDING if server else "",
            "mx": server.name if server else "",
            "receiving_ip": server.address if server else "",
            "helo": helo if helo is not None else
            (server.name if server else ""), "count": count}


def details_are(got, want):
    """Field by field; a reason may be a pattern."""
    equal(len(got), len(want), f"details in {got}")
    for one, other in zip(got, want):
        pattern = other["reason"]
        if isinstance(pattern, re.Pattern):
            assert pattern.fullmatch(one["reason"]), \
                f"reason {one['reason']!r} is not {pattern.pattern}"
            other = dict(other, reason=one["reason"])
        equal(one, other, "detail")


def policy_is(row, mode, *mx):
    equal(row["policy_domain"], row["domain"], "policy domain")
    equal(row["strings"].split("\n"),
          ["version: STSv1", f"mode: {mode}"] +
          [f"mx: {pattern}" for pattern in mx] + ["max_age: 604800"],
          "policy-string")
    equal(row["mx"].split(":"), list(mx), "mx-host")


HOSTS = ("mx1.mail.test", "mx2.mail.test")


def count_enforce(name, habits):
    def check(world):
        world.configure(ON)
        first, _ = two_hosts(world, "enforce", habits)
        equal(world.exim.send("bob@mail.test").outcome(), "delivered",
              "outcome")
        rows = counted(world)
        equal(totals(rows), [("mail.test", "sts", 1, 1)], "sessions")
        policy_is(rows[0], "enforce", *HOSTS)
        details_are(rows[0]["details"], [detail(RESULTS[name][0], first)])

    check.__doc__ = f"reports: enforce: {name} is counted, field by field"
    return check


def count_testing(name, habits):
    def check(world):
        world.configure(ON)
        first, _ = two_hosts(world, "testing", habits)
        equal(world.exim.send("bob@mail.test").outcome(), "delivered",
              "outcome")
        rows = counted(world)
        equal(totals(rows), [("mail.test", "sts", 0, 1)], "sessions")
        policy_is(rows[0], "testing", *HOSTS)
        details_are(rows[0]["details"], [detail(RESULTS[name][1], first)])

    check.__doc__ = f"reports: testing: {name} is counted, field by field"
    return check


def count_good(name, habits):
    def check(world):
        for mode in ("enforce", "testing"):
            world.reset()
            world.configure(ON)
            two_hosts(world, mode, habits)
            world.exim.send("bob@mail.test")
            rows = counted(world)
            equal(totals(rows), [("mail.test", "sts", 1, 0)], "sessions")
            policy_is(rows[0], mode, *HOSTS)
            equal(rows[0]["details"], [], "details")

    check.__doc__ = f"reports: {name} counts as one success"
    return check


def make_cases():
    equal(set(RESULTS), set(FAULTS), "faults that have a result")
    for name, (habits, _) in FAULTS.items():
        case(count_enforce(name, habits))
        case(count_testing(name, habits))
    for name, habits in GOOD.items():
        case(count_good(name, habits))


make_cases()


# --- DANE --------------------------------------------------------------------

@case
def dane_success(world):
    """reports: a session that DANE verified is a success of the TLSA record,
    whatever policy there is, and none of MTA-STS"""
    for mode in ("enforce", "testing", None):
        world.reset()
        world.configure(ON, MTA_STS_REPORT_ALL="yes")
        secured(world, mode, RIGHT)
        world.exim.send("bob@dane.test")
        rows = counted(world)
        equal(totals(rows), [("dane.test", "tlsa", 1, 0)], f"with {mode}")
        equal(rows[0]["policy_domain"], "mx1.dane.test", "policy domain")
        equal(rows[0]["details"], [], "details")


@case
def dane_failure(world):
    """reports: a certificate that is not the TLSA record's is a failure of
    that record"""
    for mode in ("enforce", "testing", None):
        world.reset()
        world.configure(ON, MTA_STS_REPORT_ALL="yes")
        server = secured(world, mode, WRONG)
        world.exim.send("bob@dane.test")
        rows = counted(world)
        equal(totals(rows), [("dane.test", "tlsa", 0, 1)], f"with {mode}")
        equal(rows[0]["policy_domain"], "mx1.dane.test", "policy domain")
        details_are(rows[0]["details"], [detail(
            ("validation-failure", "dane-no-match"), server)])


@case(seconds=120)
def dane_minds_no_certificate(world):
    """reports: with a TLSA record that is right no fault of the certificate is
    counted"""
    for name, (habits, _) in FAULTS.items():
        if "certificate" not in habits:
            continue
        for mode in ("enforce", "testing", None):
            world.reset()
            world.configure(ON, MTA_STS_REPORT_ALL="yes")
            secured(world, mode, RIGHT, **habits)
            world.exim.send("bob@dane.test")
            rows = counted(world)
            equal((totals(rows), rows[0]["details"]),
                  ([("dane.test", "tlsa", 1, 0)], []), f"{name}, {mode}")


def secured_but(world, mode, habits):
    """A host with a TLSA record that is right, whose TLS does not begin."""
    server = secured(world, mode, RIGHT)
    for habit, value in habits.items():
        setattr(server, habit, value)
    return server


@case(seconds=180)
def dane_without_tls(world):
    """reports: under DANE a host whose TLS does not begin, or breaks off, is a
    failure of the TLSA record, field by field"""
    for name, (habits, _) in FAULTS.items():
        if "starttls" not in habits:
            continue
        for mode in ("enforce", "testing", None):
            world.reset()
            world.configure(ON, MTA_STS_REPORT_ALL="yes")
            server = secured_but(world, mode, habits)
            equal(world.exim.send("bob@dane.test").outcome(), "deferred",
                  f"{name}, {mode}")
            rows = counted(world)
            equal(totals(rows), [("dane.test", "tlsa", 0, 1)],
                  f"{name}, {mode}")
            equal(rows[0]["policy_domain"], "mx1.dane.test", "policy domain")
            details_are(rows[0]["details"],
                        [detail(RESULTS[name][0], server)])


@case(seconds=180)
def secure_without_tlsa(world):
    """reports: DNSSEC alone is no DANE: the same hosts without a TLSA record
    are failures of the policy"""
    for name, (habits, _) in FAULTS.items():
        if "starttls" not in habits:
            continue
        for mode in ("enforce", "testing"):
            world.reset()
            world.configure(ON)
            server = secured_but(world, mode, habits)
            world.dns.put("_25._tcp.mx1.dane.test", "TLSA")
            world.exim.send("bob@dane.test")
            rows = counted(world)
            equal(totals(rows), [("dane.test", "sts", 0, 1)],
                  f"{name}, {mode}")
            details_are(rows[0]["details"],
                        [detail(RESULTS[name][0], server)])


@case
def dane_unknown(world):
    """reports: a TLSA record that cannot be had is dnssec-invalid"""
    for mode in ("enforce", "testing", None):
        world.reset()
        world.configure(ON, MTA_STS_REPORT_ALL="yes")
        server = secured(world, mode, RIGHT)
        world.dns.faults["_25._tcp.mx1.dane.test"] = "servfail"
        world.exim.send("bob@dane.test")
        rows = counted(world)
        equal(totals(rows), [("dane.test", "tlsa", 0, 1)], f"with {mode}")
        got = rows[0]["details"]
        equal(len(got), 1, f"details with {mode}")
        equal((got[0]["result"], got[0]["mx"], got[0]["receiving_ip"]),
              ("dnssec-invalid", server.name, server.address), "detail")


# --- MX hosts that the policy keeps out ---------------------------------------

KEPT_OUT = ("validation-failure", "mx-not-in-sts-policy")


def kept_out(name):
    return dict(detail(KEPT_OUT), mx=name)


@case
def some_kept_out(world):
    """reports: MX hosts that the policy keeps out are told with the session
    that there was, once for a message"""
    world.configure(ON)
    world.mail_host("mx1.mail.test", starttls="none")
    good = world.mail_host("mx2.mail.test")
    world.mail_host("mx.evil.test")
    world.mx("mail.test", "mx.evil.test", "mx1.mail.test", "mx2.mail.test")
    world.policy("mail.test", "enforce", "*.mail.test")
    world.exim.send("bob@mail.test")
    equal(len(good.messages), 1, "messages")
    rows = counted(world)
    equal(totals(rows), [("mail.test", "sts", 1, 1)], "sessions")
    got = [one for one in rows[0]["details"] if one["mx"] == "mx.evil.test"]
    equal(got, [kept_out("mx.evil.test")], "kept out")


@case
def no_event_asks_dns(world):
    """reports: no event of a delivery waits for DNS, which falls silent once
    the session has begun; what the policy keeps out is told all the same"""
    world.configure(ON)
    good = world.mail_host("mx1.mail.test")
    world.mail_host("mx.evil.test")
    world.mx("mail.test", "mx.evil.test", "mx1.mail.test")
    world.policy("mail.test", "enforce", "mx1.mail.test")
    began, context = [], good.context

    def fall_silent(session):
        began.append(time.monotonic())
        world.dns.faults["mail.test", "MX"] = "silence"
        return context(session)

    good.context = fall_silent
    world.exim.send("bob@mail.test")
    equal(len(good.messages), 1, "messages")
    took = time.monotonic() - began[0]
    equal(took < 2, True, f"a session of {took:.1f} s")
    rows = counted(world)
    equal(totals(rows), [("mail.test", "sts", 1, 0)], "sessions")
    equal(rows[0]["details"][0]["mx"], "mx.evil.test", "kept out")


@case
def all_kept_out(world):
    """reports: where no MX host is left, each is told, and the message counts
    as one failed session, whatever number of recipients it has"""
    world.configure(ON)
    for name in ("mx.evil.test", "mx.bad.test"):
        world.mail_host(name)
    world.mx("mail.test", "mx.evil.test", "mx.bad.test")
    world.policy("mail.test", "enforce", "mx1.mail.test")
    delivery = world.exim.send("bob@mail.test", "carol@mail.test")
    equal(delivery.outcome("bob@mail.test"), "deferred", "outcome")
    rows = counted(world)
    equal(totals(rows), [("mail.test", "sts", 0, 1)], "sessions")
    got = sorted(rows[0]["details"], key=lambda one: one["mx"])
    equal(got, [kept_out(name)
                for name in ("mx.bad.test", "mx.evil.test")], "kept out")


@case
def testing_other_host(world):
    """reports: testing: a host that the policy does not name is a failure,
    however good its TLS is"""
    world.configure(ON)
    server = world.mail_host("mx.other.test")
    world.mx("mail.test", "mx.other.test")
    world.policy("mail.test", "testing", "mx1.mail.test")
    world.exim.send("bob@mail.test")
    rows = counted(world)
    equal(totals(rows), [("mail.test", "sts", 0, 1)], "sessions")
    details_are(rows[0]["details"], [detail(KEPT_OUT, server)])


# --- policies that cannot be had ----------------------------------------------

def unusable(world, **how):
    """A domain whose policy host is broken in that way."""
    server = world.mail_host("mx1.mail.test")
    world.mx("mail.test", "mx1.mail.test")
    host = world.policy("mail.test", "enforce", "mx1.mail.test")
    for habit, value in how.items():
        assert hasattr(host, habit), habit
        setattr(host, habit, value)
    return server, host


POLICY_FAULTS = {
    "sts-policy-fetch-error": ({"status": "404 Not Found"}, "http-404"),
    "sts-policy-invalid": ({"body": "version: STSv1\r\nmode: maybe\r\n"},
                           None),
    "sts-webpki-invalid": ({"certificate": "expired"}, None),
}


@case
def no_policy_to_be_had(world):
    """reports: a policy that cannot be fetched, is invalid, or whose host has
    a bad certificate is a failed session, with either configuration"""
    for macros in ({}, {"MTA_STS_REPORT_ALL": "yes"}):
        for result, (how, reason) in POLICY_FAULTS.items():
            world.reset()
            world.configure(ON, **macros)
            server, _ = unusable(world, **how)
            world.exim.send("bob@mail.test")
            equal(len(server.messages), 1, "messages")
            rows = counted(world)
            equal(totals(rows), [("mail.test", "sts", 0, 1)],
                  f"sessions, {result}, {macros}")
            equal((rows[0]["strings"], rows[0]["mx"]), ("", ""), "policy")
            got = rows[0]["details"]
            equal([(one["result"], one["mx"], one["count"]) for one in got],
                  [(result, "", 1)], "details")
            if reason:
                equal(got[0]["reason"], reason, "reason")
            assert got[0]["reason"], "a reason"


@case
def no_policy_and_no_session(world):
    """reports: a policy that cannot be had is told with sessions and only with
    them: one for a message of two recipients, none where the host is not
    reached, none more while the message waits in the queue"""
    world.configure(ON, SITE_RETRY="F,1d,1h")
    server, _ = unusable(world, status="404 Not Found")
    world.exim.send("bob@mail.test", "carol@mail.test")
    equal([len(server.messages), totals(counted(world))],
          [1, [("mail.test", "sts", 0, 1)]], "with two recipients")
    world.reset()
    world.configure(ON, SITE_RETRY="F,1d,1h")
    unusable(world, status="404 Not Found")
    world.dns.put("mx1.mail.test", "A", "203.0.114.254")
    world.exim.send("bob@mail.test")
    for _ in range(2):
        world.exim.run_queue()
    equal(totals(counted(world)), [], "not reached")


@case
def no_policy_beside_dane(world):
    """reports: where DANE verified the session, a policy of MTA-STS that
    cannot be had is not in its way (RFC 8461 2)"""
    for macros in ({}, {"MTA_STS_REPORT_ALL": "yes"}):
        world.reset()
        world.configure(ON, **macros)
        server = secured(world, None, RIGHT)
        world.policy("dane.test", "enforce",
                     "mx1.dane.test").status = "404 Not Found"
        world.exim.send("bob@dane.test")
        equal(len(server.messages), 1, "messages")
        equal(totals(counted(world)), [("dane.test", "tlsa", 1, 0)],
              f"sessions with {macros}")


@case
def old_policy_in_force(world):
    """reports: while an older policy is in force, its session succeeds, and
    that no newer one can be had is told with it"""
    world.configure(ON + "recheck = 0\n")
    _, host = unusable(world)
    world.exim.send("bob@mail.test")
    host.status = "500 Oops"
    world.record("mail.test", "2")
    world.exim.send("bob@mail.test")
    rows = counted(world)
    equal(totals(rows), [("mail.test", "sts", 2, 0)], "sessions")
    policy_is(rows[0], "enforce", "mx1.mail.test")
    equal([(one["result"], one["reason"], one["count"])
           for one in rows[0]["details"]],
          [("sts-policy-fetch-error", "http-500", 1)], "details")


# --- domains without a policy -------------------------------------------------

@case
def without_policy(world):
    """reports: domains without a policy are counted only where the
    configuration wants that, and any TLS will do for them"""
    for macros, want in (({}, []), ({"MTA_STS_REPORT_ALL": "yes"},
                                    [("a.test", 1, 0), ("b.test", 0, 1),
                                     ("c.test", 1, 0)])):
        world.reset()
        world.configure(ON, **macros)
        for name, habits in (("a.test", {}), ("b.test", {"starttls": "none"}),
                             ("c.test", {"certificate": "self-signed"})):
            world.mail_host("mx1." + name, **habits)
            world.mx(name, "mx1." + name)
            equal(world.exim.send("bob@" + name).outcome(), "delivered",
                  "outcome")
        rows = counted(world)
        equal([(row["domain"], row["success"], row["failure"])
               for row in rows], want, "sessions")
        for row in rows:
            equal((row["type"], row["strings"], row["mx"]),
                  ("no-policy-found", "", ""), "policy")
        if want:
            equal(rows[1]["details"][0]["result"], "starttls-not-supported",
                  "result")


# --- what is not counted ------------------------------------------------------

@case
def not_counted(world):
    """reports: nothing is counted without a contact, for an excluded domain,
    a report mail, a callout, or who tries out an address"""
    for conf, sender in (("", "alice@sender.test"),
                         (ON + "tlsrpt = off\n", "alice@sender.test"),
                         (ON + "tlsrpt_exclude = x.test : *.test\n",
                          "alice@sender.test"),
                         (ON, CONTACT), (ON, CONTACT.upper()), (ON, "<>")):
        world.reset()
        world.configure(conf, MTA_STS_TLSRPT_CONTACT=CONTACT)
        server, _ = enforced(world)
        world.exim.send("bob@enforce.test", sender=sender)
        equal(len(server.messages), 1, "messages")
        equal(counted(world), [], f"rows with {conf!r}, {sender}")
    world.reset()
    world.configure(ON)
    world.mail_host("mx.evil.test")
    world.mx("mail.test", "mx.evil.test")
    world.policy("mail.test", "enforce", "mx1.mail.test")
    world.exim.route("bob@mail.test")
    run_as("root", "/usr/sbin/exim4", "-bv", "bob@mail.test")
    equal(counted(world), [], "rows after -bt and -bv")


@case
def callout_not_counted(world):
    """reports: a callout that meets a bad certificate is no session"""
    from parts.recipe import altered
    altered(world, ("routers", "  no_verify\n  no_expn\n  condition = "
                    "${if eq{MTA_STS_MODE}{enforce}}",
                    "  condition = ${if eq{MTA_STS_MODE}{enforce}}"),
            ("routers", "  no_verify\n", ""),
            ("example", "    verify = recipient\n",
             "    verify = recipient/callout\n"))
    with open("/etc/exim4/mta-sts.conf", "w", encoding="ascii") as out:
        out.write(ON)
    server, _ = enforced(world, certificate="expired")
    run_as("root", "/usr/sbin/exim4", "-bv", "bob@enforce.test")
    run_as("root", "/usr/sbin/exim4", "-bh", "192.0.2.9",
           stdin="EHLO x\r\nMAIL FROM:<a@x.test>\r\n"
           "RCPT TO:<bob@enforce.test>\r\nQUIT\r\n")
    del server
    equal(counted(world), [], "rows")


@case
def privacy(world):
    """reports: with the switches neither our address nor a reason in words is
    kept, and never an address, a subject or an id of a mail"""
    for conf, ip, reason in (("", True, True),
                             ("tlsrpt_include_sending_ip = no\n", False,
                              True),
                             ("tlsrpt_include_reason = no\n", True, False)):
        world.reset()
        world.configure(ON + conf)
        enforced(world, certificate="self-signed")
        delivery = world.exim.send("bob@enforce.test")
        got = counted(world)[0]["details"][0]
        equal(got["sending_ip"], SENDING if ip else "", "our address")
        equal(got["reason"], "self-signed-certificate" if reason else "",
              "reason")
        for folder, _, names in os.walk(CACHE + "/reports"):
            for name in names:
                with open(os.path.join(folder, name), "rb") as raw:
                    kept = raw.read()
                for part in ("bob", "alice", "hello", delivery.message):
                    equal(part.encode() in kept, False, f"{part} in {name}")


SPY = "/usr/local/bin/spy"


def only_run(world, **macros):
    """Exim's configuration as without dlfunc, and with our tool watched."""
    way, world.exim.way = world.exim.way, "run"
    try:
        world.configure(ON, MTA_STS_TOOL=SPY, **macros)
    finally:
        world.exim.way = way
    with open(SPY, "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nprintf '%s\\n' \"$*\" >>/tmp/spied\n"
                  "exec /usr/sbin/mta-sts \"$@\"\n")
    os.chmod(SPY, 0o755)
    with open("/tmp/spied", "w", encoding="ascii"):
        os.chmod("/tmp/spied", 0o666)


def spied():
    with open("/tmp/spied", encoding="latin-1") as text:
        return text.read()


@case
def nobody_named(world):
    """reports: what a process by ${run} is given, for all on the host to see,
    names no sender, no recipient and no message"""
    for mode, refuses in (("enforce", "mail"), ("testing", "rcpt"),
                          (None, "mail")):
        world.reset()
        only_run(world, MTA_STS_REPORT_ALL="yes")
        server = world.mail_host("mx1.mail.test")
        world.mx("mail.test", "mx1.mail.test")
        if mode:
            world.policy("mail.test", mode, "mx1.mail.test")
        setattr(server, refuses, "450 not from <alice@sender.test>")
        mail = world.exim.send("bob@mail.test")
        equal(mail.outcome(), "deferred", "outcome")
        equal(totals(counted(world)), [(
            "mail.test", "sts" if mode else "no-policy-found", 1, 0)],
            "sessions")
        given = spied()
        contains(given, "event smtp:ehlo", "what is given")
        for word in ("bob", "alice", mail.message):
            equal(word in given, False, f"{word} in {given}")
        os.unlink("/tmp/spied")


@case
def hostile_certificate(world):
    """reports: names in a certificate that hold line ends, bars and braces
    stay what they are, by either way"""
    for configure in (lambda: world.configure(ON), lambda: only_run(world)):
        world.reset()
        configure()
        server, _ = enforced(world, certificate="hostile-sans")
        equal(world.exim.send("bob@enforce.test").outcome(), "deferred",
              "outcome")
        rows = counted(world)
        equal(totals(rows), [("enforce.test", "sts", 0, 1)], "sessions")
        details_are(rows[0]["details"], [detail(MISMATCH, server)])
    contains(spied(), "msg:host:defer", "what is given")
    equal(spied().count("msg:host:defer"), 1, "processes")
    os.unlink("/tmp/spied")


@case
def tls_is_avoided(world):
    """reports: a host that this site itself avoids TLS with has not failed"""
    for mode in ("testing", None):
        world.reset()
        world.configure(ON, MTA_STS_USUALLY_AVOID_TLS="*",
                        MTA_STS_REPORT_ALL="yes")
        server = world.mail_host("mx1.mail.test")
        world.mx("mail.test", "mx1.mail.test")
        if mode:
            world.policy("mail.test", mode, "mx1.mail.test")
        world.exim.send("bob@mail.test")
        equal(len(server.messages), 1, "messages")
        equal(counted(world), [], f"rows with {mode}")


@case
def numbers_come_again(world):
    """reports: by ${run} a process of Exim's that has the number of an earlier
    one, with the same message, counts what it does"""
    last = "/proc/sys/kernel/ns_last_pid"
    only_run(world, SITE_RETRY="F,1d,1s")
    server, _ = enforced(world, certificate="expired")
    message = world.exim.send("bob@enforce.test").message
    with open(last, encoding="ascii") as text:
        number = text.read()
    for _ in range(2):
        with open(last, "w", encoding="ascii") as out:
            out.write(number)
        run_as("root", "/usr/sbin/exim4", "-M", message)
    equal(len(server.sessions), 3, "sessions")
    equal(totals(counted(world)), [("enforce.test", "sts", 0, 3)], "counted")
    os.unlink("/tmp/spied")


# --- sums ----------------------------------------------------------------------

@case
def sums(world):
    """reports: the sums are the sessions that there were: many messages, many
    recipients, a queue run over waiting messages"""
    world.configure(ON, SITE_RETRY="F,1d,1s")
    good, _ = enforced(world)
    bad, _ = enforced(world, "other.test", certificate="expired")
    for number in range(4):
        world.exim.send("a@enforce.test", f"b{number}@enforce.test",
                        "c@other.test")
    world.exim.run_queue()
    world.exim.run_queue("-R", "other.test")
    rows = counted(world)
    equal([(row["domain"], row["success"], row["failure"]) for row in rows],
          [("enforce.test", len(good.sessions), 0),
           ("other.test", 0, len(bad.sessions))], "sums")
    equal(rows[1]["details"][0]["count"], len(bad.sessions), "details")
    assert len(bad.sessions) >= 8, "sessions that fail"


@case
def hostile_greeting(world):
    """reports: whatever a mail host says is kept as printable ASCII, and
    bounded"""
    world.configure(ON)
    server = world.mail_host("mx1.mail.test", starttls="none")
    server.greeting = "\x80\xff\x07\x1b[2J\"\\" + "x" * 400
    world.mx("mail.test", "mx1.mail.test")
    world.policy("mail.test", "testing", "mx1.mail.test")
    world.exim.send("bob@mail.test")
    helo = counted(world)[0]["details"][0]["helo"]
    assert re.fullmatch(r"[!-~]{200,255}", helo), helo
