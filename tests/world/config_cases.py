# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration: every macro of the recipe set by a site, parts that are
missing, and what INSTALL has the administrator look at."""

import os
import re
import shutil

from delivery_cases import enforced
from parts.case import case, contains, equal, lacks
from parts.exim import (PROGRAM, SO, has_dlfunc, has_gnutls, part_in_use,
                        run_as)
from parts.recipe import ALTERED, INSTALLED, altered, configure_file
from parts.world import policy_text

KEY = "/etc/exim4/dkim.key"


def accepted(world):
    """exim -bV, as INSTALL's step 6 has it: nothing to complain about."""
    del world
    done = run_as("root", PROGRAM, "-bV")
    equal((done.returncode, done.stderr), (0, ""), "exim -bV")
    contains(done.stdout, "Configuration file is", "exim -bV")


def delivered(world, server):
    """One message under the policy; as it arrived, with the log."""
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    contains(delivery.text(), "T=mta_sts_smtp", "transport")
    contains(delivery.text(), "CV=yes", "verification")
    return server.messages[-1], delivery.text()


def header(name, value):
    def check(server, _log):
        contains(server.messages[-1].text, f"{name}: {value}", "header")
    return check


def session(name, value):
    """What the receiver saw of the connection."""
    def check(server, _log):
        equal(getattr(server.sessions[-1], name), value, name)
    return check


def signed(part):
    def check(server, _log):
        unfolded = re.sub(r"\r\n\s+", "", server.messages[-1].text)
        found = re.search(r"DKIM-Signature: (.*)\r\n", unfolded)
        assert found, "no signature in " + unfolded
        contains(found.group(1).replace(" ", ""), part, "signature")
    return check


def from_sender(sender):
    def check(server, _log):
        equal(server.messages[-1].sender, sender, "return path")
    return check


def nothing(_server, _log):
    """The delivery itself is the proof, or a case below."""


def without_header(server, _log):
    lacks(server.messages[-1].text, "X-Secret", "message")


SIGN = {"MTA_STS_SIGN_DOMAIN": "sender.test", "MTA_STS_SIGN_SELECTOR": "s1",
        "MTA_STS_SIGN_PRIVATE": KEY}
# A site's macro, its value (and what else it needs), and what must be seen.
MACROS = (
    ({"MTA_STS_ETC": ALTERED}, nothing),
    ({"MTA_STS_SO": "/etc/exim4/other.so"}, nothing),
    ({"MTA_STS_TOOL": "/etc/exim4/other-tool"}, nothing),
    ({"MTA_STS_DOMAINS": "enforce.test"}, nothing),
    ({"MTA_STS_POLICY_DOMAIN": "${lc:$domain}"}
     if has_dlfunc() else {"MTA_STS_POLICY_DOMAIN": "enforce.test"}, nothing),
    ({"MTA_STS_NEVER_HOSTS": "<; 127.0.0.0/8 ; ::1 ; 10.0.0.0/8"}, nothing),
    ({"MTA_STS_RETRY": "F,2d,1m; F,4d,1h"}, nothing),
    ({"MTA_STS_CA": "/etc/ssl/certs/world-root.pem"}, nothing),
    ({"MTA_STS_RELAY_HOSTS": ": 203.0.114.9"}, nothing),
    ({"MTA_STS_RCPT_LOG": "no"}, nothing),
    ({"MTA_STS_HELO_DATA": "helo.sender.test"},
     session("helo", "helo.sender.test")),
    ({"MTA_STS_INTERFACE": "203.0.114.7"}, session("peer", "203.0.114.7")),
    ({"MTA_STS_RETURN_PATH": "bounces@sender.test"},
     from_sender("bounces@sender.test")),
    ({"MTA_STS_HEADERS_ADD": "X-Site: added"}, header("X-Site", "added")),
    ({"MTA_STS_HEADERS_REMOVE": "X-Secret"}, without_header),
    ({"MTA_STS_HEADERS_REWRITE": "*@sender.test $1@public.test f"},
     header("From", "alice@public.test")),
    ({"MTA_STS_LENGTH_LIMIT": "5000"}, nothing),
    ({"MTA_STS_OWN_CERTIFICATE": KEY + ".pem",
      "MTA_STS_OWN_KEY": KEY + ".pem"}, session("client", "sender.test")),
    ({"MTA_STS_DH_BITS": "2048"}, nothing),
    (SIGN, signed("d=sender.test;s=s1;")),
    ({**SIGN, "MTA_STS_SIGN_IDENTITY": "alice@sender.test"},
     signed("i=alice@sender.test")),
    ({**SIGN, "MTA_STS_SIGN_CANON": "simple"}, signed("c=simple/simple")),
    ({**SIGN, "MTA_STS_SIGN_STRICT": "1"}, signed("d=sender.test")),
    ({**SIGN, "MTA_STS_SIGN_HEADERS": "From:Subject"},
     signed("h=Subject:From;")),
    ({**SIGN, "MTA_STS_SIGN_HASH": "sha512"}, signed("a=rsa-sha512")),
    ({**SIGN, "MTA_STS_SIGN_TIMESTAMPS": "3600"}, signed("x=")),
    ({"MTA_STS_USUALLY_REQUIRE_TLS": "*"}, nothing),
    ({"MTA_STS_USUALLY_AVOID_TLS": "*"}, nothing),
    ({"MTA_STS_REPORT_ALL": "yes"}, nothing),
    ({"MTA_STS_TLSRPT_CONTACT": "tls-reports@sender.test",
      "MTA_STS_TLSRPT_SELECTOR": "s2",
      "MTA_STS_TLSRPT_KEY": KEY + ".pem"}, nothing),
)
GNUTLS_CIPHERS = "NORMAL:-VERS-ALL:+VERS-TLS1.2"
OPENSSL_CIPHERS = "ECDHE+AESGCM"


def furnish(world):
    """The files that the values name."""
    shutil.copytree(INSTALLED, ALTERED, dirs_exist_ok=True)
    shutil.copy(SO, "/etc/exim4/other.so")
    shutil.copy("/usr/sbin/mta-sts", "/etc/exim4/other-tool")
    shutil.copy(world.certs.pem("sender.test"), KEY + ".pem")
    signing_key()


def signing_key():
    """Made once: it takes time."""
    kept = "/run/world/dkim.key"
    if not os.path.exists(kept):
        done = run_as("root", "openssl", "genrsa", "-out", kept, "2048")
        equal(done.returncode, 0, "a key")
    shutil.copy(kept, KEY)
    for path in (KEY, KEY + ".pem"):
        os.chmod(path, 0o644)


def macro_case(macros, check):
    names = [name for name in macros if macros is SIGN or name not in SIGN]

    def run(world):
        furnish(world)
        world.configure(**macros)
        accepted(world)
        server, _ = enforced(world, asks_certificate=True)
        delivery = world.exim.send(
            "bob@enforce.test",
            text="From: alice@sender.test\nSubject: x\nX-Secret: y\n\nz\n")
        equal(delivery.outcome(), "delivered", "outcome")
        contains(delivery.text(), "T=mta_sts_smtp", "transport")
        contains(delivery.text(), "CV=yes", "verification")
        check(server, delivery.text())

    run.__doc__ = ("the recipe with a site's own " + " and ".join(names) +
                   " is accepted and delivers")
    return run


def make_cases():
    for macros, check in MACROS:
        case(macro_case(macros, check))


make_cases()


@case
def each_macro_has_a_case(world):
    """there is a case for every macro that a site may set"""
    known = {"MTA_STS_SMARTHOST", "MTA_STS_CIPHERS"}
    for macros, _ in MACROS:
        known |= set(macros)
    found = set()
    for name in ("main", "site", "transports", "routers", "retry",
                 "report-router", "report-smtp"):
        with open(f"{INSTALLED}/mta-sts.{name}", encoding="utf-8") as text:
            found |= set(re.findall(r"^\.ifn?def (MTA_STS_\w+)", text.read(),
                                    re.M))
    equal(sorted(found - known), [], "macros without a case")
    del world


@case
def ciphers(world):
    """the recipe with a site's own MTA_STS_CIPHERS is accepted and
    delivers"""
    gnutls = has_gnutls()
    world.configure(MTA_STS_CIPHERS=GNUTLS_CIPHERS if gnutls
                    else OPENSSL_CIPHERS)
    accepted(world)
    server, _ = enforced(world)
    message, _ = delivered(world, server)
    equal(message.tls in ("TLSv1.2", "TLSv1.3"), True, "TLS version")
    if gnutls:
        equal(message.tls, "TLSv1.2", "TLS version")


@case
def parts_elsewhere(world):
    """module and tool are taken from where MTA_STS_SO and MTA_STS_TOOL
    say"""
    furnish(world)
    world.configure(MTA_STS_SO="/etc/exim4/other.so",
                    MTA_STS_TOOL="/etc/exim4/other-tool")
    server, _ = enforced(world)
    with world.away(part_in_use()):
        delivered(world, server)


@case
def long_lines(world):
    """a line longer than SMTP's limit is sent where MTA_STS_LENGTH_LIMIT is
    as the site's own, and only there"""
    for macros, want in (({}, "bounced"),
                         ({"MTA_STS_LENGTH_LIMIT": "5000"}, "delivered")):
        world.reset()
        world.configure(**macros)
        enforced(world)
        delivery = world.exim.send("bob@enforce.test", text="Subject: x\n\n" +
                                   "y" * 4000 + "\n")
        equal(delivery.outcome("bob@enforce.test"), want, "outcome")


@case
def testing_as_the_site_does(world):
    """in testing mode TLS is demanded, or avoided, where the site's own
    transport does so; enforce is not weakened by that"""
    for macros, mode, starttls, want, in_clear in (
            ({"MTA_STS_USUALLY_REQUIRE_TLS": "*"}, "testing", "none",
             "deferred", False),
            ({"MTA_STS_USUALLY_AVOID_TLS": "*"}, "testing", "yes",
             "delivered", True),
            ({"MTA_STS_USUALLY_AVOID_TLS": "*"}, "enforce", "yes",
             "delivered", False)):
        world.reset()
        world.configure(**macros)
        server, policy_host = enforced(world, starttls=starttls)
        policy_host.body = policy_text(mode, server.name)
        equal(world.exim.send("bob@enforce.test").outcome(), want, "outcome")
        equal(server.leaked(), in_clear, f"in clear with {macros}, {mode}")


@case
def excluded_domain(world):
    """a domain that MTA_STS_DOMAINS leaves out is delivered to as without a
    policy, and nobody is asked"""
    world.configure(MTA_STS_DOMAINS="! enforce.test : *")
    server, policy_host = enforced(world, starttls="none")
    equal(world.exim.send("bob@enforce.test").outcome(), "delivered",
          "outcome")
    equal((len(server.messages), policy_host.connections), (1, 0), "what came")


@case
def never_hosts(world):
    """an MX host with an address of MTA_STS_NEVER_HOSTS gets nothing"""
    world.configure(MTA_STS_NEVER_HOSTS="<; 203.0.114.0/24")
    server, _ = enforced(world)
    equal(world.exim.send("bob@enforce.test").outcome(), "deferred",
          "outcome")
    equal(server.sessions, [], "connections")


@case
def missing_fragment(world):
    """with any fragment missing Exim does not start, and says which"""
    for name in ("main", "routers", "transports", "retry", "site", "acl"):
        altered(world)
        os.unlink(f"{ALTERED}/mta-sts.{name}")
        done = run_as("root", PROGRAM, "-bV")
        equal(done.returncode == 0, False, "exim -bV without " + name)
        contains(done.stdout + done.stderr, "mta-sts." + name, "complaint")


@case(panics=True)
def missing_lists(world):
    """without the usual domain lists the verify step of INSTALL tells it,
    and mail waits"""
    for name in ("local_domains", "relay_to_domains"):
        world.reset()
        server, _ = enforced(world)
        altered(world, ("example", f"domainlist {name} =",
                        f"domainlist another_{name} ="))
        done = world.exim.route("bob@enforce.test")
        contains(done.stdout + done.stderr,
                 f'unknown named domain list "+{name}', "exim -bt")
        equal(done.returncode, 1, "exit of exim -bt")
        delivery = world.exim.send("bob@enforce.test")
        equal(delivery.outcome(), "deferred", "outcome")
        equal(server.sessions, [], "connections")


@case
def install_says_so(world):
    """INSTALL's verify step names the complaint about a missing list"""
    with open(os.path.join(world.exim.source, "INSTALL"),
              encoding="utf-8") as text:
        contains(text.read(), "unknown named domain list", "INSTALL")


def recipe_of_the_manual(world):
    """exim-mta-sts(5), and its section with the recipe."""
    with open(os.path.join(world.exim.source, "module/man/exim-mta-sts.5"),
              encoding="utf-8") as text:
        page = text.read()
    begin = page.index("\n.Sh THE RECIPE")
    return page, page[begin:page.index("\n.Sh EVENTS", begin)]


@case
def manual_explains_each_line(world):
    """exim-mta-sts(5) explains every option of the recipe, every macro and
    every guard"""
    page, recipe = recipe_of_the_manual(world)
    for name, place in (("routers", recipe), ("transports", recipe),
                        ("acl", recipe), ("retry", recipe),
                        ("site", page), ("main", page),
                        ("report-router", page), ("report-smtp", page)):
        with open(f"{INSTALLED}/mta-sts.{name}", encoding="utf-8") as text:
            whole = text.read().replace("\\\n", "")
        # "set", "hosts" and "domains" of an ACL are words of its text.
        found = set() if name == "acl" else \
            set(re.findall(r"^ +(\w+)(?: =|$)", whole, re.M))
        found |= set(re.findall(r"^(\w+):$", whole, re.M))
        equal(name in ("main", "acl", "retry") or bool(found), True,
              "options found")
        for option in sorted(found):
            equal(bool(re.search(rf"\b{option}\b", place)), True,
                  f"explained: {option} of mta-sts.{name}")
        for macro in sorted(set(re.findall(r"^\.ifn?def (\w+)", whole, re.M) +
                                re.findall(r"^(\w+) =", whole, re.M))):
            contains(page, macro, "manual")


@case
def manual_names_the_traps(world):
    """exim-mta-sts(5) names the traps, and what is protected and what not"""
    page, _ = recipe_of_the_manual(world)
    traps = page[page.index(".Sh TRAPS"):page.index(".Sh SMART HOSTS")]
    for trap in ("cutthrough_delivery", "callout", "same_domain_copy_routing",
                 "alias", "Connection reuse", "Retry records",
                 "extra_local_interfaces", "missing domain lists"):
        contains(traps.lower(), trap.lower(), "traps")
    contains(page, ".Sh WHAT IS PROTECTED", "manual")
    contains(page, "What is not protected:", "manual")


# --- smart host (RFC 8461 3.4) -----------------------------------------------

SMARTHOST = "smarthost.conf.example"


def smart_host(world, mode, **habits):
    server = world.mail_host("mx1.smart.test", **habits)
    world.mx("smart.test", "mx1.smart.test")
    if mode:
        world.policy("smart.test", mode, "mx1.smart.test")
    configure_file(os.path.join(world.exim.source, "exim-conf", SMARTHOST),
                   MTA_STS_SMARTHOST="smart.test")
    accepted(world)
    return server


@case
def smart_host_policy(world):
    """with a smart host its own policy counts, not the recipient's"""
    server = smart_host(world, "enforce")
    world.mx("far.test", "mx1.far.test")
    policy_host = world.policy("far.test", "enforce", "mx1.far.test")
    delivery = world.exim.send("bob@far.test")
    equal(delivery.outcome(), "delivered", "outcome")
    contains(delivery.text(), "T=mta_sts_smtp", "transport")
    contains(delivery.text(), "CV=yes", "verification")
    equal(server.messages[0].recipients, ["bob@far.test"], "recipients")
    equal(world.dns.asked_below("far.test"), 0, "questions about far.test")
    equal(policy_host.connections, 0, "HTTPS connections")


@case
def smart_host_faults(world):
    """a smart host that fails its enforce policy, or is not permitted by it,
    gets nothing"""
    for habits in ({"starttls": "none"}, {"certificate": "wrong-name"}):
        world.reset()
        server = smart_host(world, "enforce", **habits)
        equal(world.exim.send("bob@far.test").outcome(), "deferred",
              "outcome")
        equal((server.messages, server.leaked()), ([], False), "taken")
    world.reset()
    server = smart_host(world, None)
    world.policy("smart.test", "enforce", "mx9.smart.test")
    delivery = world.exim.send("bob@far.test")
    equal(delivery.outcome(), "deferred", "outcome")
    contains(delivery.text(), "may go to is permitted by its policy",
             "reason")
    equal(server.sessions, [], "connections")


@case
def smart_host_without_enforce(world):
    """a smart host without a policy, or with one in testing mode, is used as
    ever"""
    for mode in (None, "testing"):
        world.reset()
        server = smart_host(world, mode, starttls="none")
        equal(world.exim.send("bob@far.test").outcome(), "delivered",
              f"outcome with {mode}")
        equal(len(server.messages), 1, "messages")
