# SPDX-License-Identifier: GPL-2.0-or-later
"""Of each line of the recipe that keeps mail safe: what happens without it.
The larger attacks are in attack_cases; here are the lines that are left, and
the proof that none was forgotten."""

import os
import re
import time

import attack_cases
import dane_cases
import fault_cases
import verify_cases
from attack_cases import (FILTER, VICTIM, forged_address, forged_mx, outcome,
                          smtp, to_victim, victim)
from delivery_cases import enforced
from outage_cases import cached, lookup
from parts.case import case, contains, equal
from parts.exim import CACHE, Skipped, has_dlfunc, has_gnutls, part_in_use
from parts.recipe import INSTALLED, altered, without

CLOSED_LIST = ("${if inlist{MTA_STS_MODE}{none:testing:enforce}\\\n"
               "\t{}{:defer:")
NOT_ENFORCED = "condition = ${if !inlist{MTA_STS_MODE}{none:testing}}"
REFUSED = ("  driver = redirect\n  domains = MTA_STS_DOMAINS\n  no_verify\n"
           "  no_expn\n  " + NOT_ENFORCED)
ANSWER = "  address_data = MTA_STS_ANSWER\n"


# --- routers -----------------------------------------------------------------


@case
def without_refused(world):
    """without mta_sts_refused the mail of a domain whose MX record is forged
    goes on to the site's own router, and to the forged host"""
    altered(world, ("routers", REFUSED, "  driver = redirect\n"
                    "  condition = no\n"))
    evil = forged_mx(world)
    equal(outcome(world, VICTIM), ["delivered"], "outcome")
    equal(len(to_victim(evil)), 1, "messages to the victim")


EMPTY = ("routers", "  data = MTA_STS_TELL_REFUSED:defer: MTA-STS: \\\n",
         "  data = ${if eq{a}{b}}${if eq{a}{a}{}{\\\n"), \
        ("routers", 'run "mta-sts explain MTA_STS_NAME"\n  no_more',
         'run "mta-sts explain MTA_STS_NAME"}}\n  no_more')


@case
def without_no_more(world):
    """should the text of mta_sts_refused come out empty, no_more alone keeps
    the mail from the site's own router, and from a forged host"""
    for edits, evil_gets in ((EMPTY, 0),
                             (EMPTY + (("routers", "  no_more\n", ""),), 1)):
        world.reset()
        altered(world, *edits)
        evil = forged_mx(world)
        outcome(world, VICTIM)
        equal(len(to_victim(evil)), evil_gets, "messages to the victim")


def unreadable_cache(world, *edits):
    """The victim's policy is cached but cannot be read, his host has lost
    STARTTLS; did the message go out in clear?"""
    server, policy_host = cached(world)
    altered(world, *edits)
    policy_host.down()
    server.starttls = "none"
    path = CACHE + "/policies.tdb"
    os.rename(path, path + ".away")
    os.mkdir(path)
    try:
        became = outcome(world, "carol@enforce.test")
    finally:
        os.rmdir(path)
        os.rename(path + ".away", path)
    return became[0], server.leaked()


@case
def without_closed_lists(world):
    """what is none of the known modes is stopped twice: by the closed list of
    mta_sts_lookup and by that of mta_sts_refused; without both it would go
    out in clear"""
    first = ("routers", CLOSED_LIST, "${if eq{a}{a}{}{:defer:")
    second = ("routers", NOT_ENFORCED,
              "condition = ${if eq{MTA_STS_MODE}{enforce}}")
    for edits, want in (((first,), ("deferred", False)),
                        ((second,), ("deferred", False)),
                        ((first, second), ("delivered", True))):
        world.reset()
        equal(unreadable_cache(world, *edits), want, "what became of it")


@case(panics=True)
def condition_for_address_data(world):
    """with the look-up in a condition in the place of address_data a missing
    module would let mail go out in clear"""
    if not has_dlfunc():
        raise Skipped("${run} has an answer for that itself")
    was = ANSWER + "  allow_defer\n"
    becomes = "  condition = ${if !eq{}{MTA_STS_ANSWER}}\n  allow_defer\n"
    for edits, want in (((), ("deferred", False)),
                        ((("routers", was, becomes),
                          ("routers", NOT_ENFORCED, "condition = no")),
                         ("delivered", True))):
        world.reset()
        altered(world, *edits)
        server, _ = enforced(world, starttls="none")
        with world.away(part_in_use()):
            became = outcome(world, "bob@enforce.test")
        equal((became[0], server.leaked()), want, "what became of it")


def another_line(expires_in):
    """The edit by which the look-up finds a policy that names no host."""
    expires = int(time.time()) + expires_in
    return ("routers", "address_data = MTA_STS_ANSWER",
            "address_data = domain=victim.test mode=enforce id=1 "
            f"max_age=86400 expires={expires}")


@case
def line_without_hosts(world):
    """a line that names no permitted host permits none, because of the
    default in ignore_target_hosts, and because a list of Exim's that ends in
    a negated item matches all else"""
    default = ("routers", "{$value}{*}}", "{$value}{}}")
    last = ("routers", "+mta_sts_never : !@[] :", "+mta_sts_never :")
    for edits, want in (((), "deferred"), ((last,), "deferred"),
                        ((default,), "deferred"),
                        ((last, default), "delivered")):
        world.reset()
        altered(world, another_line(3600), *edits)
        world.mail_host("mx1.victim.test")
        victim(world)
        equal(outcome(world, VICTIM), [want], "outcome")


@case
def clock_set_back(world):
    """a policy fetched in the future, by the clock of now, spoils no text"""
    altered(world, another_line(2 * 86400))
    forged_mx(world)
    delivery = world.exim.send(VICTIM)
    contains(delivery.text(), "is permitted by its policy (id 1, fetched 0s "
             "ago); run ", "text")


@case
def without_never_list(world):
    """without +mta_sts_never a forged address of a permitted host leads to
    any address inside"""
    for edits, connections in (
            ((), 0), ((("routers", "+mta_sts_never : !@[]", "!@[]"),), 1)):
        world.reset()
        altered(world, *edits, MTA_STS_NEVER_HOSTS="<; 203.0.114.0/24")
        evil = forged_address(world)
        equal(outcome(world, VICTIM), ["deferred"], "outcome")
        equal(len(evil.sessions), connections, "connections")


@case
def without_dnssec(world):
    """without DNSSEC asked for by the router DANE would be out of use, and a
    wrong TLSA record mean nothing"""
    altered(world, ("routers", "  dnssec_request_domains = *\n",
                    "  dnssec_request_domains = :\n"))
    server = dane_cases.secured(world, "enforce", dane_cases.WRONG)
    dane_cases.sent(world, server, "delivered")


@case
def without_no_expn(world):
    """without no_expn a stranger's EXPN would make a look-up of the domain of
    his choice"""
    acl = ("example", "acl_smtp_rcpt = acl_check_rcpt\n",
           "acl_smtp_rcpt = acl_check_rcpt\nacl_smtp_expn = accept\n")
    for edits, asked in (((), 0), ((("routers", "  no_expn\n", ""),), 1)):
        world.reset()
        altered(world, acl, *edits)
        enforced(world)
        smtp("EXPN bob@enforce.test", client="203.0.114.66")
        equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), asked,
              "questions")


# --- the transport -----------------------------------------------------------


@case
def tryclear_beside_requirement(world):
    """should hosts_require_tls ever fail, tls_tempfail_tryclear = false
    still keeps mail from a host that refuses STARTTLS"""
    line = "tls_tempfail_tryclear = false"
    first = without("hosts_require_tls = *")
    for edits, want in (((first,), "deferred"),
                        ((first, without(line)), "delivered")):
        world.reset()
        altered(world, *edits)
        evil = forged_address(world, starttls="454")
        equal(outcome(world, VICTIM), [want], "outcome")
        equal(evil.leaked(), want == "delivered", "envelope in clear")


@case
def foreign_authorities(world):
    """tls_verify_certificates decides whose certificates count; OpenSSL adds
    its own, as exim-mta-sts(5) says"""
    altered(world, ("transports", "tls_verify_certificates = MTA_STS_CA",
                    "tls_verify_certificates = /run/world/foreign.pem"))
    chain = world.certs.pem("mx1.victim.test", "unknown-ca")
    with open(chain, encoding="ascii") as text:
        root = text.read().rpartition("-----BEGIN CERTIFICATE")
    with open("/run/world/foreign.pem", "w", encoding="ascii") as out:
        out.write(root[1] + root[2])
    good = "deferred" if has_gnutls() else "delivered"
    for kind, want in (("unknown-ca", "delivered"), ("good", good)):
        world.exim.reset()
        server = world.mail_host("mx1.victim.test", kind)
        victim(world)
        world.dns.put("mx1.victim.test", "A", server.address)
        equal(outcome(world, VICTIM), [want], "outcome with " + kind)


@case
def without_sni(world):
    """without tls_sni no host is told which certificate is wanted"""
    altered(world, without("tls_sni = $host"))
    server, _ = enforced(world)
    world.exim.send("bob@enforce.test")
    equal([one.sni for one in server.sessions], [""], "names that came")


@case
def nobody_told(world):
    """without word of a failure the next look-up would take what it knows
    for good (RFC 8461 5)"""
    tell = ("transports", "\t{MTA_STS_TELL_ENFORCE}}\n", "\t{}}\n")
    refused = ("routers", "data = MTA_STS_TELL_REFUSED:defer:",
               "data = :defer:")
    for edit, fail in ((tell, forged_address), (refused, forged_mx)):
        for edits, asked in (((), 2), ((edit,), 1)):
            world.reset()
            altered(world, *edits)
            fail(world)
            equal(outcome(world, VICTIM), ["deferred"], "outcome")
            lookup(world, "victim.test")
            equal(world.dns.asked("_mta-sts.victim.test", "TXT"), asked,
                  "TXT queries")


# --- that none was forgotten -------------------------------------------------

# A line (or its beginning) of the enforcing routers and of mta_sts_smtp, and
# the case that shows what happens without it; a text where that cannot be.
LINES = {
    "driver = redirect": "what a router is",
    "driver = dnslookup": "what a router is",
    "driver = manualroute": "what a router is",
    "driver = smtp": "what a transport is",
    "transport = mta_sts_smtp": "what the router is for",
    "route_list": "of a smart host: config_cases",
    "host_find_failed": "of a smart host: config_cases",
    "host_all_ignored": "of a smart host: config_cases",
    "domains": "the site's choice: config_cases",
    "allow_defer": "without it the text is an error, and deferred as one",
    "no_verify": verify_cases.verify_asks_without_no_verify,
    "no_expn": without_no_expn,
    "address_data": condition_for_address_data,
    "data = ${if inlist": without_closed_lists,
    "condition = ${if eq{MTA_STS_MODE}{enforce}}":
        "without it all mail would be enforced",
    "condition = ${if !inlist": without_closed_lists,
    "ignore_target_hosts": attack_cases.forged_mx_without_filter,
    "self = pass": attack_cases.own_mx_frozen,
    "dnssec_request_domains": without_dnssec,
    "data = MTA_STS_TELL_REFUSED": without_refused,
    "no_more": without_no_more,
    "multi_domain = false": attack_cases.batching_without_defence,
    # Each alone is enough against every attack known.
    "connection_max_messages = 1": attack_cases.reuse_succeeds,
    "hosts_nopass_tls = *": attack_cases.reuse_succeeds,
    "tls_resumption_hosts": "its default; GnuTLS verifies the name again",
    "hosts_require_tls = *":
        attack_cases.stripped_starttls_without_requirement,
    "tls_tempfail_tryclear": tryclear_beside_requirement,
    "tls_verify_hosts = *":
        attack_cases.forged_address_without_verification,
    "tls_verify_cert_hostnames = *":
        attack_cases.forged_address_without_names,
    "tls_verify_certificates": foreign_authorities,
    "tls_require_ciphers": attack_cases.old_tls_without_ciphers,
    "tls_sni": without_sni,
    "hosts_try_dane": dane_cases.rescued_without_dane,
    "event_action": attack_cases.certificate_without_san_without_event,
    "interface": fault_cases.retry_records_without_interface,
    "delay_after_cutoff":
        fault_cases.retry_records_of_an_alias_past_the_cutoff,
}


def options(name, *sections):
    """The options of these routers or transports, each as one line."""
    with open(f"{INSTALLED}/mta-sts.{name}", encoding="utf-8") as text:
        whole = text.read().replace("\\\n", "")
    found = []
    for section in sections:
        body = re.search(rf"^{section}:\n(.*?)(?=^\w+:\n|\Z)", whole,
                         re.M | re.S)
        assert body, f"no {section} in {name}"
        found += [line.strip() for line in body.group(1).splitlines()
                  if re.match(r"  \w", line)]
    return found


@case
def each_line_has_a_case(world):
    """for each line of the enforcing routers and transport there is a case
    that shows what it is for, or a reason why there is none"""
    lines = options("routers", "mta_sts_lookup", "mta_sts_enforce",
                    "mta_sts_refused")
    lines += options("transports", "mta_sts_smtp")
    equal(len(lines) > 40, True, "lines found")
    for line in lines:
        found = [start for start in LINES if line.startswith(start)]
        equal(bool(found), True, "known: " + line)
    for start in LINES:
        equal(any(line.startswith(start) for line in lines), True,
              "still there: " + start)
    del world


@case
def filter_as_altered(world):
    """the filter that the cases take out is the one of the recipe"""
    with open(f"{INSTALLED}/mta-sts.routers", encoding="utf-8") as text:
        contains(text.read(), FILTER, "routers")
    del world
