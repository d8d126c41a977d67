# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of a message, by policy and by the state of the mail hosts."""

from parts.case import case, contains, equal, eventually


def enforced(world, domain="enforce.test", **habits):
    """A domain whose one mail host is permitted by an enforce policy."""
    host = "mx1." + domain
    server = world.mail_host(host, **habits)
    world.mx(domain, host)
    return server, world.policy(domain, "enforce", host)


def refused(world, server, delivery):
    """Deferred, not bounced, and nothing said to the server in clear."""
    equal(delivery.outcome(), "deferred", "outcome")
    equal(server.messages, [], "messages taken by " + server.name)
    equal(server.leaked(), False, "envelope in clear")
    equal(world.exim.waiting(), [delivery.message], "queue")


@case
def enforce_good(world):
    """mail under an enforce policy goes over verified TLS to a permitted
    host"""
    server, policy_host = enforced(world)
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    contains(delivery.text(), "T=mta_sts_smtp", "transport")
    contains(delivery.text(), "CV=yes", "verification")
    message = server.messages[0]
    equal(message.tls, "TLSv1.3", "TLS as the server saw it")
    equal(message.sni, "mx1.enforce.test", "server name indication")
    equal(message.recipients, ["bob@enforce.test"], "recipients")
    equal(server.leaked(), False, "envelope in clear")
    equal(len(policy_host.requests), 1, "HTTPS requests")


@case
def second_message_does_not_fetch(world):
    """the second message neither fetches the policy nor asks for its record"""
    server, policy_host = enforced(world)
    for name in ("bob", "carol"):
        delivery = world.exim.send(name + "@enforce.test")
        equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 2, "messages")
    equal(policy_host.connections, 1, "HTTPS connections")
    equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), 1, "TXT queries")


@case
def the_request(world):
    """the policy is asked for with SNI, Host and path as RFC 8461 3.3 says"""
    _, policy_host = enforced(world)
    world.exim.send("bob@enforce.test")
    request = policy_host.requests[0]
    equal(request.sni, "mta-sts.enforce.test", "SNI")
    equal(request.line, "GET /.well-known/mta-sts.txt HTTP/1.1", "request")
    equal(request.headers["host"], "mta-sts.enforce.test", "Host")
    equal("cookie" in request.headers, False, "cookies")
    equal("accept-encoding" in request.headers, False, "compression")


@case
def mx_not_permitted(world):
    """an MX host that the policy does not name gets nothing, though its
    certificate is good"""
    evil = world.mail_host("mx.evil.test")
    world.mx("spoofed.test", "mx.evil.test")
    world.policy("spoofed.test", "enforce", "mx1.spoofed.test")
    delivery = world.exim.send("bob@spoofed.test")
    refused(world, evil, delivery)
    equal(evil.sessions, [], "connections")
    contains(delivery.text(), "spoofed.test", "reason")
    contains(delivery.text(), "permitted", "reason")
    # The tool tells syslog, which takes a moment.
    eventually(lambda: "no MX host is left" in "\n".join(world.log()), "line")
    line = [one for one in world.log() if "no MX host is left" in one][0]
    contains(line, "MTA-STS: spoofed.test: no MX host is left: DNS has "
             "mx.evil.test; the policy (id 20240101T000000, fetched ", "log")
    contains(line, ' ago) permits mx1.spoofed.test; run "mta-sts explain '
             'spoofed.test"', "log")


@case
def second_mx_used(world):
    """a permitted MX host is used when the preferred one is not permitted"""
    evil = world.mail_host("mx.evil.test")
    good = world.mail_host("mx2.enforce.test")
    world.mx("enforce.test", "mx.evil.test", "mx2.enforce.test")
    world.policy("enforce.test", "enforce", "mx2.enforce.test")
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(good.messages), 1, "messages at the permitted host")
    equal(evil.sessions, [], "connections to the other")


@case
def next_mx_after_bad_ones(world):
    """after an expired certificate and a missing STARTTLS the third MX host
    is tried and gets the message"""
    names = [f"mx{place}.enforce.test" for place in (1, 2, 3)]
    expired = world.mail_host(names[0], "expired")
    plain = world.mail_host(names[1], starttls="none")
    good = world.mail_host(names[2])
    world.mx("enforce.test", *names)
    world.policy("enforce.test", "enforce", "*.enforce.test")
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(good.messages), 1, "messages at the third")
    equal((len(expired.sessions), len(plain.sessions)), (1, 1), "tries")
    equal(expired.leaked() or plain.leaked(), False, "envelope in clear")


@case
def wildcard(world):
    """a wildcard in the policy stands for exactly one label"""
    one = world.mail_host("mx.one.test")
    two = world.mail_host("a.mx.two.test")
    world.mx("one.test", "mx.one.test")
    world.mx("two.test", "a.mx.two.test")
    world.policy("one.test", "enforce", "*.one.test")
    world.policy("two.test", "enforce", "*.two.test")
    delivery = world.exim.send("bob@one.test", "bob@two.test")
    equal(delivery.outcome("bob@one.test"), "delivered", "one label")
    equal(delivery.outcome("bob@two.test"), "deferred", "two labels")
    equal((len(one.messages), len(two.sessions)), (1, 0), "what arrived")


@case
def no_starttls(world):
    """without STARTTLS under enforce nothing is sent, and it says why"""
    server, _ = enforced(world, starttls="none")
    delivery = world.exim.send("bob@enforce.test")
    refused(world, server, delivery)
    contains(delivery.text(), "a TLS session is required", "reason")


@case
def starttls_fails(world):
    """a STARTTLS that is refused, dropped or garbled under enforce sends
    nothing in clear"""
    for habit in ("454", "501", "drop", "garbage"):
        world.reset()
        server, _ = enforced(world, starttls=habit)
        refused(world, server, world.exim.send("bob@enforce.test"))
        equal(len(server.sessions), 1, f"tries with {habit}")


@case
def wrong_certificate(world):
    """a certificate that is not right for the host gets nothing under
    enforce"""
    for kind in ("expired", "not-yet-valid", "self-signed", "unknown-ca",
                 "wrong-name", "cn-only", "wildcard-two", "wildcard-partial"):
        world.reset()
        server, _ = enforced(world, certificate=kind)
        delivery = world.exim.send("bob@enforce.test")
        refused(world, server, delivery)
        contains(delivery.text(), "TLS session", "reason with " + kind)


@case
def wildcard_certificate(world):
    """a wildcard certificate covers a host one label below it"""
    server, _ = enforced(world, certificate="wildcard")
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")


@case
def tls_versions(world):
    """under enforce TLS 1.2 and 1.3 will do, TLS 1.1 will not"""
    for version, outcome in (("1.1", "deferred"), ("1.2", "delivered"),
                             ("1.3", "delivered")):
        world.reset()
        server, _ = enforced(world, version=version)
        delivery = world.exim.send("bob@enforce.test")
        equal(delivery.outcome(), outcome, "TLS " + version)
        equal(server.leaked(), False, "envelope in clear")


@case
def testing_delivers(world):
    """under a testing policy mail is delivered whatever the faults"""
    faults = ({"starttls": "none"}, {"certificate": "expired"},
              {"certificate": "wrong-name"}, {"starttls": "drop"}, {})
    for fault in faults:
        world.reset()
        server = world.mail_host("mx1.testing.test", **fault)
        world.mx("testing.test", "mx1.testing.test")
        world.policy("testing.test", "testing", "mx1.testing.test")
        delivery = world.exim.send("bob@testing.test")
        equal(delivery.outcome(), "delivered", f"with {fault}")
        equal(len(server.messages), 1, f"messages with {fault}")


@case
def testing_other_mx(world):
    """under a testing policy an MX host that it does not name gets mail"""
    server = world.mail_host("mx.other.test")
    world.mx("testing.test", "mx.other.test")
    world.policy("testing.test", "testing", "mx1.testing.test")
    delivery = world.exim.send("bob@testing.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")


@case
def mode_none(world):
    """with mode none mail goes as if there were no policy"""
    server = world.mail_host("mx.none.test", starttls="none")
    world.mx("none.test", "mx.none.test")
    world.policy("none.test", "none")
    delivery = world.exim.send("bob@none.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")
    equal("mta_sts" in delivery.text(), False, "a router or transport of ours")


@case
def no_record(world):
    """a domain without MTA-STS is delivered as always, and no policy host
    is asked"""
    server = world.mail_host("mx.plain.test", starttls="none")
    world.mx("plain.test", "mx.plain.test")
    policy_host = world.policy_host("plain.test", "not asked for")
    for _ in range(2):
        delivery = world.exim.send("bob@plain.test")
        equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 2, "messages")
    equal(policy_host.connections, 0, "HTTPS connections")
    equal(world.dns.asked("_mta-sts.plain.test", "TXT"), 1, "TXT queries")


@case
def domains_side_by_side(world):
    """one message to domains of every kind: each recipient gets what its own
    policy says"""
    good, _ = enforced(world, "good.test")
    bad, _ = enforced(world, "bad.test", starttls="none")
    plain = world.mail_host("mx.plain.test", starttls="none")
    world.mx("plain.test", "mx.plain.test")
    delivery = world.exim.send("a@good.test", "b@bad.test", "c@plain.test")
    equal(delivery.outcome("a@good.test"), "delivered", "enforce, good")
    equal(delivery.outcome("b@bad.test"), "deferred", "enforce, no STARTTLS")
    equal(delivery.outcome("c@plain.test"), "delivered", "no MTA-STS")
    equal([len(one.messages) for one in (good, bad, plain)], [1, 0, 1],
          "what arrived")
    equal(good.messages[0].recipients, ["a@good.test"], "one domain at a time")


@case
def over_ipv6(world):
    """a mail host with an IPv6 address only gets its message, verified"""
    server, _ = enforced(world)
    server.down()
    server.address = "2a0f:5707::25"
    server.up()
    world.dns.put(server.name, "A")
    world.dns.put(server.name, "AAAA", server.address)
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    contains(delivery.text(), "CV=yes", "verification")
    equal(len(server.messages), 1, "messages")
