# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks on a domain under enforce by somebody who can forge DNS answers and
has an honest domain of his own.  Of each defence a case shows that the attack
succeeds without it."""

import contextlib
import os
import subprocess
import time

from parts.case import case, contains, equal, eventually, lacks
from parts.exim import PROGRAM, SPOOL, has_gnutls, run_as
from parts.recipe import altered, without
from parts.world import policy_text

VICTIM = "bob@victim.test"
ATTACKER = "eve@attacker.test"
NO_REUSE = (without("connection_max_messages = 1"),
            without("hosts_nopass_tls = *"))
# Exim 4.100 reuses nothing where this is set: it would hide what the other two
# lines are for.
ANY_ADDRESS = without("interface = <; 0.0.0.0 ; ::0")
FILTER = ("+mta_sts_never : !@[] : \\\n"
          "\t${extract{ignore}{$address_data}{$value}{*}}")


def victim(world, *names):
    """victim.test under enforce: mx1.victim.test only, with MX records for
    these names (his own when there are none)."""
    world.mx("victim.test", *(names or ("mx1.victim.test",)))
    world.policy("victim.test", "enforce", "mx1.victim.test")


def evil_host(world, certificate_for="mx.evil.test", **habits):
    """The attacker's mail server, with a good certificate for a name of
    his."""
    return world.mail_host(certificate_for, **habits)


def to_victim(server):
    return [message for message in server.messages
            if VICTIM in message.recipients]


def outcome(world, *recipients):
    """Sends to all in one message; what became of each."""
    delivery = world.exim.send(*recipients)
    return [delivery.outcome(one) for one in recipients]


# --- forged names and addresses ----------------------------------------------


def forged_mx(world):
    evil = evil_host(world)
    victim(world, "mx.evil.test")
    return evil


@case
def forged_mx_refused(world):
    """a forged MX record leads nowhere"""
    evil = forged_mx(world)
    equal(outcome(world, VICTIM), ["deferred"], "outcome")
    equal(evil.sessions, [], "connections")


@case
def forged_mx_without_filter(world):
    """without the filter by MX name a forged MX record gets the mail"""
    altered(world, ("routers", FILTER, "+mta_sts_never"))
    evil = forged_mx(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(to_victim(evil)), 1, "messages to the victim")


def forged_address(world, **habits):
    """The permitted name leads to the attacker's host."""
    evil = evil_host(world, **habits)
    victim(world)
    world.dns.put("mx1.victim.test", "A", evil.address)
    return evil


@case
def forged_address_refused(world):
    """a forged address of a permitted MX host leads nowhere: the
    certificate there is not for its name"""
    evil = forged_address(world)
    equal(outcome(world, VICTIM), ["deferred"], "outcome")
    equal((evil.messages, evil.leaked()), ([], False), "what arrived")


@case
def forged_address_without_verification(world):
    """without tls_verify_hosts a forged address of a permitted MX host gets
    the mail"""
    altered(world, without("tls_verify_hosts = *"))
    evil = forged_address(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(to_victim(evil)), 1, "messages to the victim")


@case
def forged_address_without_names(world):
    """with tls_verify_cert_hostnames empty a forged address of a permitted
    MX host gets the mail"""
    altered(world, ("transports", "tls_verify_cert_hostnames = *",
                    "tls_verify_cert_hostnames = :"))
    evil = forged_address(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(to_victim(evil)), 1, "messages to the victim")


@case
def stripped_starttls_without_requirement(world):
    """without hosts_require_tls a host that offers no STARTTLS gets the mail
    in clear"""
    altered(world, without("hosts_require_tls = *"))
    evil = forged_address(world, starttls="none")
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(evil.leaked(), True, "envelope in clear")


@case
def certificate_without_san_without_event(world):
    """without the check of the SAN a certificate with a CN only gets the
    mail"""
    start = "${if MTA_STS_LACKS_SAN "
    altered(world, ("transports", "event_action = " + start,
                    "event_action = ${if bool{no} "))
    server = world.mail_host("mx1.victim.test", "cn-only")
    victim(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(server.messages), 1, "messages")


@case
def old_tls_without_ciphers(world):
    """with ciphers of another kind in tls_require_ciphers a host that knows
    TLS 1.1 only gets the mail"""
    line = "tls_require_ciphers = "
    other = "NORMAL" if has_gnutls() else "ALL:@SECLEVEL=0"
    altered(world, ("transports", line + "MTA_STS_CIPHERS", line + other))
    server = world.mail_host("mx1.victim.test", version="1.1")
    victim(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(server.messages[0].tls, "TLSv1.1", "TLS version")


@case
def answers_slipped_in_before_tls(world):
    """answers that somebody slips in before TLS begins are never taken for
    the host's own, neither for a delivery nor for a refusal"""
    for injected in ("250 evil.test\r\n", "550 evil.test\r\n",
                     "250 evil.test\r\n250 OK\r\n550 no\r\n",
                     "250 evil.test\r\n250 OK\r\n250 OK\r\n354 go\r\n"
                     "250 taken, believe me\r\n"):
        for rcpt in ("250 OK", "550 not here"):
            world.reset()
            server = world.mail_host("mx1.victim.test", injected=injected,
                                     rcpt=rcpt)
            victim(world)
            equal(outcome(world, VICTIM), ["deferred"], "outcome")
            equal(server.messages, [], "messages")


@case
def refusal_before_tls(world):
    """a host that refuses before TLS, whoever that is, gets nothing; the next
    one is tried, and only without one Exim bounces, as exim-mta-sts(5)
    warns"""
    for names, want in ((("mx1.victim.test", "mx2.victim.test"), "delivered"),
                        (("mx1.victim.test",), "bounced")):
        world.reset()
        evil = evil_host(world, banner="554 go away")
        good = world.mail_host("mx2.victim.test")
        world.mx("victim.test", *names)
        world.policy("victim.test", "enforce", "*.victim.test")
        world.dns.put("mx1.victim.test", "A", evil.address)
        delivery = world.exim.send(VICTIM)
        equal(delivery.outcome(VICTIM), want, "outcome")
        equal((evil.messages, evil.leaked()), ([], False), "what evil got")
        equal(len(good.messages), int(want == "delivered"), "messages")


@case
def second_address(world):
    """of two addresses of a permitted MX host, one of them forged, only the
    one with the certificate gets the mail"""
    for place in (0, 1):
        world.reset()
        evil = evil_host(world)
        good = world.mail_host("mx1.victim.test")
        victim(world)
        addresses = [good.address]
        addresses.insert(place, evil.address)
        world.dns.put("mx1.victim.test", "A", *addresses)
        equal(outcome(world, VICTIM), ["delivered"], "outcome")
        equal((len(good.messages), evil.messages), (1, []), "messages")
        equal(evil.leaked(), False, "envelope in clear")


@case
def permitted_names_in_other_forms(world):
    """a permitted MX name counts in capitals, too, and when it is an alias;
    the certificate is for the permitted name"""
    for name in ("MX1.Victim.TEST", "mx1.victim.test"):
        world.reset()
        server = world.mail_host("mx1.victim.test")
        victim(world, name)
        if name.islower():
            world.dns.put("mx1.victim.test", "A")
            world.dns.put("mx1.victim.test", "CNAME", "real.other.test")
            world.dns.put("real.other.test", "A", server.address)
        equal(outcome(world, VICTIM), ["delivered"], "outcome with " + name)
        equal(len(server.messages), 1, "messages")


def missing_name(world):
    """The permitted name does not exist, says DNS; another MX does."""
    evil = evil_host(world)
    victim(world, "mx1.victim.test", "mx.evil.test")
    equal(("mx1.victim.test", "A") in world.dns.records, False, "an address")
    return evil


@case
def missing_name_refused(world):
    """when the permitted MX host does not exist no other one is taken"""
    evil = missing_name(world)
    equal(outcome(world, VICTIM), ["deferred"], "outcome")
    equal(evil.sessions, [], "connections")


@case
def missing_name_with_plain_names(world):
    """with plain names for the patterns in ignore_target_hosts the missing
    address of a permitted MX host would open the list to all"""
    altered(world, ("routers", FILTER, "+mta_sts_never : "
                    "!mx1.victim.test : *"))
    evil = missing_name(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(to_victim(evil)), 1, "messages to the victim")


@case
def failing_name_refused(world):
    """when DNS fails for the permitted MX host no other one is taken"""
    evil = missing_name(world)
    world.dns.faults["mx1.victim.test"] = "servfail"
    equal(outcome(world, VICTIM), ["deferred"], "outcome")
    equal(evil.sessions, [], "connections")


@case
def alias_to_permitted_name(world):
    """an MX name that is an alias for a permitted one is not permitted
    itself"""
    world.mail_host("mx1.victim.test")
    victim(world, "mx.evil.test")
    world.dns.put("mx.evil.test", "CNAME", "mx1.victim.test")
    equal(outcome(world, VICTIM), ["deferred"], "outcome")


@case
def null_mx_and_no_mx(world):
    """a null MX and a vanished MX record defer as long as the policy is in
    force"""
    for records in ([(0, "")], []):
        world.reset()
        victim(world)
        world.dns.put("victim.test", "MX", *records)
        world.dns.put("victim.test", "TXT", "still there")
        equal(outcome(world, VICTIM), ["deferred"], f"outcome with {records}")


# --- one connection for two domains ------------------------------------------


def honest_attacker(world, evil, alias):
    """attacker.test has an honest policy, and a mail host with the right
    certificate, whose name is an alias."""
    world.mx("attacker.test", evil.name)
    world.policy("attacker.test", "enforce", evil.name)
    world.dns.put(evil.name, "A")
    world.dns.put(evil.name, "CNAME", alias)
    world.dns.put(alias, "A", evil.address)


def attack_b(world):
    """Both MX names are aliases for evil.attacker.test."""
    evil = evil_host(world, "mx.attacker.test")
    honest_attacker(world, evil, "evil.attacker.test")
    victim(world)
    world.dns.put("mx1.victim.test", "CNAME", "evil.attacker.test")
    return evil


def attack_d3(world):
    """The attacker's MX name is an alias for the victim's, whose address is
    forged."""
    evil = evil_host(world, "mx.attacker.test")
    honest_attacker(world, evil, "mx1.victim.test")
    victim(world)
    return evil


@case
def batching(world):
    """two domains whose MX names are aliases for one host do not share a
    connection"""
    for recipients in ((ATTACKER, VICTIM), (VICTIM, ATTACKER)):
        world.reset()
        evil = attack_b(world)
        became = dict(zip(recipients, outcome(world, *recipients)))
        equal(became, {ATTACKER: "delivered", VICTIM: "deferred"}, "outcome")
        equal(to_victim(evil), [], "messages to the victim")


@case
def batching_without_defence(world):
    """without multi_domain = false the victim's mail goes down the
    attacker's verified connection"""
    altered(world, without("multi_domain = false"))
    evil = attack_b(world)
    outcome(world, ATTACKER, VICTIM)
    equal(len(to_victim(evil)), 1, "messages to the victim")


def waiting_message(world, evil):
    """The victim's message fails first and waits; then one to the attacker
    opens a verified connection."""
    evil.banner = "421 not now"
    equal(outcome(world, VICTIM), ["deferred"], "the victim's message")
    evil.banner = "220 mx.attacker.test ESMTP"
    time.sleep(1.1)  # the retry time of the host
    equal(outcome(world, ATTACKER), ["delivered"], "the attacker's message")


def settle():
    """Until no process of Exim's is left."""
    def none_left():
        return run_as("root", "pgrep", "-x", "exim4").returncode != 0
    eventually(none_left, "all deliveries over", 15)


REUSE = {"an alias for both (D)": attack_b,
         "an alias for the victim's host (D3)": attack_d3}
SHORT = {"SITE_RETRY": "F,1d,1s"}


def reuse_refused(name, attack, edits, what):
    def check(world):
        altered(world, *edits, **SHORT)
        evil = attack(world)
        waiting_message(world, evil)
        settle()
        equal(to_victim(evil), [], "messages to the victim")
        equal(evil.leaked(), False, "envelope in clear")

    check.__doc__ = (f"a waiting message does not go down another domain's "
                     f"connection: {name}, {what}")
    return check


def reuse_succeeds(name, attack):
    def check(world):
        altered(world, *NO_REUSE, ANY_ADDRESS, **SHORT)
        evil = attack(world)
        waiting_message(world, evil)
        eventually(lambda: len(to_victim(evil)) == 1,
                   "the victim's message at the attacker's host")

    check.__doc__ = ("without connection_max_messages = 1 and "
                     "hosts_nopass_tls = * a waiting message goes down "
                     f"another domain's connection: {name}")
    return check


def make_cases():
    for name, attack in REUSE.items():
        case(reuse_refused(name, attack, (), "with both lines"))
        case(reuse_refused(name, attack, (NO_REUSE[0], ANY_ADDRESS),
                           "with hosts_nopass_tls = * alone"))
        case(reuse_refused(name, attack, (NO_REUSE[1], ANY_ADDRESS),
                           "with connection_max_messages = 1 alone"))
        case(reuse_succeeds(name, attack))


make_cases()


@case
def reuse_without_alias(world):
    """attack H: with equal MX names the victim's message neither shares nor
    inherits a connection, in one message or in turn"""
    world.configure(**SHORT)
    evil = evil_host(world, "evil.attacker.test")
    world.mx("attacker.test", evil.name)
    world.policy("attacker.test", "enforce", evil.name)
    victim(world, evil.name)
    equal(outcome(world, ATTACKER, VICTIM), ["delivered", "deferred"],
          "in one message")
    equal(outcome(world, VICTIM), ["deferred"], "first")
    equal(outcome(world, ATTACKER), ["delivered"], "then the attacker's")
    world.exim.run_queue()
    settle()
    equal(to_victim(evil), [], "messages to the victim")


@case
def queue_run_in_two_passes(world):
    """attacks D and D3 do not succeed in a queue run of two passes, which
    sorts waiting messages by host"""
    for attack in REUSE.values():
        world.reset()
        world.configure(**SHORT)
        evil = attack(world)
        evil.banner = "421 not now"
        for recipient in (VICTIM, ATTACKER, VICTIM, ATTACKER):
            world.exim.send(recipient)
        evil.banner = "220 mx.attacker.test ESMTP"
        time.sleep(1.1)
        run_as("root", PROGRAM, "-qqff")
        settle()
        equal(to_victim(evil), [], "messages to the victim")
        equal(len(evil.messages), 2, "messages to the attacker")


def hints(name):
    """The keys of a hints database of Exim's."""
    done = subprocess.run(["exim_dumpdb", SPOOL, name], check=False,
                          capture_output=True, text=True, timeout=10)
    return done.stdout


@case
def no_waiting_hints(world):
    """no message is noted as waiting for a host, and none is without
    connection_max_messages = 1 where that is left out"""
    for edits, noted in (((), False), (NO_REUSE, True)):
        world.reset()
        altered(world, *edits, **SHORT)
        evil = attack_b(world)
        evil.banner = "421 not now"
        equal(outcome(world, VICTIM), ["deferred"], "outcome")
        found = "evil.attacker.test" in hints("wait-mta_sts_smtp")
        equal(found, noted, "a hint")


@case
def each_message_its_own_connection(world):
    """ten waiting messages for one host go out by ten verified
    connections"""
    world.configure(**SHORT)
    server = world.mail_host("mx1.victim.test", banner="421 not now")
    victim(world)
    for _ in range(10):
        world.exim.send(VICTIM)
    server.banner = "220 mx1.victim.test ESMTP"
    server.sessions.clear()
    time.sleep(1.1)
    world.exim.run_queue()
    equal(len(server.messages), 10, "messages")
    used = [one for one in server.sessions if one.recipients]
    equal(len(used), 10, "connections with a message")
    equal({one.tls for one in used}, {"TLSv1.3"}, "TLS")


# --- cutthrough --------------------------------------------------------------


def smtp(*commands, client="203.0.114.9"):
    """A dialogue with Exim as a client of that address has it; the
    replies."""
    text = "\r\n".join(["EHLO client.test", *commands, "QUIT", ""])
    return run_as("root", PROGRAM, "-bs", "-oMa", client, stdin=text).stdout


@case
def cutthrough(world):
    """control = cutthrough_delivery hands a victim's message to a forged
    host, as exim-mta-sts(5) warns; without it nothing does"""
    accept = "  accept\n    hosts = +relay_from_hosts\n"
    control = "    control = cutthrough_delivery\n"
    for added, succeeds in (("", False), (control, True)):
        world.reset()
        altered(world, ("example", accept, accept + added),
                SITE_RELAY_NETS="203.0.114.9")
        evil = forged_mx(world)
        smtp("MAIL FROM:<alice@sender.test>", f"RCPT TO:<{VICTIM}>", "DATA",
             "Subject: x\r\n\r\nsecret\r\n.")
        settle()
        equal(len(to_victim(evil)), int(succeeds), "messages to the victim")


@case
def manual_warns_of_cutthrough(world):
    """the manual says what cutthrough_delivery breaks, and the example does
    not use it"""
    source = world.exim.source
    with open(os.path.join(source, "module/man/exim-mta-sts.5"),
              encoding="utf-8") as text:
        contains(text.read(), "cutthrough_delivery", "manual")
    with open(os.path.join(source, "exim-conf/example.conf"),
              encoding="utf-8") as text:
        lines = [line for line in text.read().splitlines()
                 if not line.lstrip().startswith("#")]
    lacks("\n".join(lines), "cutthrough", "example")


# --- loops (RFC 8461 8.4) ----------------------------------------------------

SELF = "sender.test"


def own_mx(world, *names):
    """A domain among whose MX hosts this host is."""
    world.dns.put(SELF, "A", "203.0.114.1")
    world.mx("victim.test", *names)
    host = policy_text("enforce", "*.victim.test")
    world.record("victim.test")
    world.policy_host("victim.test", host)


@case
def own_mx_first(world):
    """an MX set that leads back to this host is deferred with that reason,
    neither frozen nor sent on to a worse host"""
    worse = world.mail_host("mx2.victim.test")
    own_mx(world, SELF, "mx2.victim.test")
    delivery = world.exim.send(VICTIM)
    equal(delivery.outcome(), "deferred", "outcome")
    contains(delivery.text(), "this host is an MX host of victim.test",
             "reason")
    lacks(delivery.text(), "Frozen", "log")
    equal(worse.sessions, [], "connections")


@case
def own_mx_between(world):
    """of the MX hosts after this host's own none is used"""
    better = world.mail_host("mx1.victim.test")
    worse = world.mail_host("mx3.victim.test")
    own_mx(world, "mx1.victim.test", SELF, "mx3.victim.test")
    better.down()
    equal(outcome(world, VICTIM), ["deferred"], "better one down")
    equal(worse.sessions, [], "connections")
    better.up()
    world.exim.run_queue()
    equal(len(better.messages), 1, "messages at the better one")


@case
def own_mx_hidden(world):
    """without !@[] a worse MX host than this one would get the mail"""
    altered(world, ("routers", "+mta_sts_never : !@[] :",
                    "+mta_sts_never :"))
    worse = world.mail_host("mx2.victim.test")
    own_mx(world, SELF, "mx2.victim.test")
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(worse.messages), 1, "messages at the worse one")


@contextlib.contextmanager
def private_address(address):
    """An address of this host's own, while this lasts."""
    def change(what):
        subprocess.run(["ip", "addr", what, address + "/32", "dev", "lo"],
                       check=True, timeout=10)

    change("add")
    try:
        yield
    finally:
        change("del")


@case
def own_private_mx(world):
    """this host's own MX records are not hidden where its address is a
    private one; without mta_sts_own a worse host would get the mail"""
    line = "mta_sts_never = !+mta_sts_own : +mta_sts_forbidden"
    for edits, want in (((), "deferred"),
                        ((("main", line, "mta_sts_never = "
                           "+mta_sts_forbidden"),), "delivered")):
        world.reset()
        altered(world, *edits)
        with private_address("10.9.9.9"):
            worse = world.mail_host("mx2.victim.test")
            own_mx(world, SELF, "mx2.victim.test")
            world.dns.put(SELF, "A", "10.9.9.9")
            equal(world.exim.send(VICTIM).outcome(VICTIM), want, "outcome")
            equal(len(worse.sessions) > 0, want == "delivered", "sessions")


@case
def loopback_mx(world):
    """an MX record that names 127.0.0.1 is not this host's own: it is passed
    over"""
    other = world.mail_host("mx2.victim.test")
    own_mx(world, SELF, "mx2.victim.test")
    for address in ("127.0.0.1", "127.9.9.9", "0.0.0.0"):
        world.dns.put(SELF, "A", address)
        equal(outcome(world, VICTIM), ["delivered"], address)
    equal(len(other.messages), 3, "messages")


@case
def own_mx_in_testing_mode(world):
    """in testing mode, too, an MX set that leads back to this host is
    deferred, not frozen, as it would be by the site's own router"""
    for edits, frozen in (((), False),
                          ((("routers", "  self = defer\n",
                             "  self = pass\n"),), True)):
        world.reset()
        altered(world, *edits)
        own_mx(world, SELF)
        world.policy_host("victim.test", policy_text("testing",
                                                     "*.victim.test"))
        delivery = world.exim.send(VICTIM)
        equal(delivery.outcome(VICTIM), "deferred", "outcome")
        equal("Frozen" in delivery.text(), frozen, "frozen")


@case
def own_mx_frozen(world):
    """without self = pass an MX record that leads here would freeze mail"""
    altered(world, ("routers", "  self = pass\n", ""))
    own_mx(world, SELF)
    delivery = world.exim.send(VICTIM)
    contains(delivery.text(), "Frozen", "log")
