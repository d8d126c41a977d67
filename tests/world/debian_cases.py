# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's own configuration, split and in a single file, with what
`make install-debian` and `mta-sts setup` add to it."""

import contextlib
import glob
import os
import re
import shutil
import subprocess

from attack_cases import forged_mx, smtp, VICTIM
from config_cases import KEY, signing_key
from delivery_cases import enforced
from parts.case import case, contains, equal, lacks
from parts.exim import CONFIGURATION, PROGRAM, Skipped, run_as

ETC = "/etc/exim4"
KEPT = "/run/world/debian"
SETTINGS = ETC + "/update-exim4.conf.conf"
TEMPLATE = ETC + "/exim4.conf.template"
MACROS = {True: ETC + "/conf.d/main/000_localmacros",
          False: ETC + "/exim4.conf.localmacros"}
OUR_ROUTERS = ["mta_sts_lookup", "mta_sts_enforce", "mta_sts_refused",
               "mta_sts_testing"]


def remove_marked_lines(path):
    """What `mta-sts setup` of this machine's own has put in."""
    with open(path, encoding="utf-8") as text:
        was = text.read()
    with open(path, "w", encoding="utf-8") as out:
        out.write(re.sub(r"^# >>> mta-sts.*?^# <<< mta-sts.*?\n", "", was,
                         flags=re.M | re.S))


def furnish(kind, split):
    """Debian's files, as its package brings them, for a site of this kind."""
    if not os.path.isdir(KEPT):
        raise Skipped("Debian's configuration is not there")
    shutil.copytree(KEPT, ETC, dirs_exist_ok=True, symlinks=True)
    for path in (CONFIGURATION, *MACROS.values(),
                 *glob.glob(ETC + "/conf.d/*/*mta-sts*")):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    remove_marked_lines(TEMPLATE)
    with open(SETTINGS, "w", encoding="utf-8") as out:
        out.write(f"dc_eximconfig_configtype='{kind}'\n"
                  "dc_other_hostnames='sender.test'\n"
                  "dc_local_interfaces='127.0.0.1 ; ::1'\n"
                  "dc_readhost='sender.test'\ndc_relay_domains=''\n"
                  "dc_minimaldns='false'\n"
                  "dc_relay_nets='203.0.114.9'\ndc_smarthost='smart.test'\n"
                  f"dc_use_split_config='{str(split).lower()}'\n"
                  "dc_hide_mailname=''\ndc_mailname_in_oh='true'\n"
                  "dc_localdelivery='mail_spool'\n")


def install(world, split):
    if split:
        done = subprocess.run(
            ["make", "--no-print-directory", "install-debian"],
            cwd=world.exim.source, capture_output=True, text=True,
            timeout=60, check=False)
    else:
        done = world.tool("setup")
    equal(done.returncode, 0, f"installation: {done.stdout}{done.stderr}")


def update():
    """update-exim4.conf and exim -bV, as INSTALL has them: in silence."""
    done = run_as("root", "/usr/sbin/update-exim4.conf")
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""),
          "update-exim4.conf")
    done = run_as("root", PROGRAM, "-bV")
    equal((done.returncode, done.stderr), (0, ""), "exim -bV")
    contains(done.stdout, "Configuration file is /var/lib/exim4/config.auto",
             "exim -bV")
    lacks(done.stdout.lower(), "warn", "exim -bV")


def site(world, split, kind="internet", **macros):
    """A Debian site with these macros, and ours installed."""
    furnish(kind, split)
    with open(MACROS[split], "w", encoding="utf-8") as out:
        for name, value in macros.items():
            out.write(f"{name} = {value}\n")
    if split or kind == "internet":
        install(world, split)
    update()


def names(what):
    return run_as("root", PROGRAM, "-bP", what).stdout.split()


def route(world, split):
    """What INSTALL's step 6 looks at, and three messages."""
    site(world, split)
    routers = names("router_list")
    at = routers.index("mta_sts_lookup")
    equal(routers[at:at + 4], OUR_ROUTERS, "our routers, side by side")
    equal(routers.index("hubbed_hosts") < at, True, "after hubbed_hosts")
    for other in ("dnslookup_relay_to_domains", "dnslookup"):
        equal(routers.index(other) > at + 3, True, "before " + other)
    done = run_as("root", PROGRAM, "-brt", "mx.example", "tls_required")
    contains(done.stdout, "F,4d,1s", "the retry rule, before Debian's own")
    server, _ = enforced(world)
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome under enforce")
    contains(delivery.text(), "T=mta_sts_smtp", "transport")
    contains(delivery.text(), "CV=yes", "verification")
    equal(len(server.messages), 1, "messages under enforce")
    evil = forged_mx(world)
    equal(world.exim.send(VICTIM).outcome(), "deferred", "forged MX")
    equal(evil.sessions, [], "connections to the forged MX")
    plain = world.mail_host("mx.plain.test", starttls="none")
    world.mx("plain.test", "mx.plain.test")
    delivery = world.exim.send("bob@plain.test")
    equal(delivery.outcome(), "delivered", "outcome without a policy")
    contains(delivery.text(), "R=dnslookup T=remote_smtp", "the usual way")
    equal(len(plain.messages), 1, "messages without a policy")


@case
def split_configuration(world):
    """Debian's split configuration takes the drop-ins without a word, and
    delivers by them"""
    route(world, True)


@case
def single_file(world):
    """Debian's single file takes the lines of mta-sts setup without a word,
    and delivers by them"""
    route(world, False)


@case
def single_file_ignores_drop_ins(world):
    """the drop-ins do nothing under the single file, and mta-sts setup is
    what INSTALL names instead"""
    furnish("internet", False)
    install(world, True)
    update()
    lacks(names("router_list"), "mta_sts_lookup", "routers")


@case
def other_kinds_of_sites(world):
    """the drop-ins are silent and do nothing where Debian's Exim is not an
    internet site"""
    for kind in ("smarthost", "satellite", "local", "none"):
        world.reset()
        site(world, True, kind)
        equal([one for one in names("router_list") + names("transport_list")
               if one.startswith("mta_sts")], [], "ours on " + kind)


# Debian's macro, its value, and what the receiver (or the log) must show.
SITE = {
    "REMOTE_SMTP_HELO_DATA": "helo.sender.test",
    "REMOTE_SMTP_INTERFACE": "203.0.114.7",
    "REMOTE_SMTP_RETURN_PATH": "bounces@sender.test",
    "REMOTE_SMTP_HEADERS_REWRITE": "*@sender.test $1@public.test f",
    "REMOTE_SMTP_TRANSPORTS_HEADERS_REMOVE": "X-Secret",
    "IGNORE_SMTP_LINE_LENGTH_LIMIT": "yes",
    "TLS_DH_MIN_BITS": "2048",
    "REMOTE_SMTP_TLS_CERTIFICATE": KEY + ".pem",
    "REMOTE_SMTP_PRIVATEKEY": KEY + ".pem",
    "DKIM_DOMAIN": "sender.test",
    "DKIM_SELECTOR": "s1",
    "DKIM_PRIVATE_KEY": KEY,
    "DKIM_IDENTITY": "alice@sender.test",
    "DKIM_CANON": "simple",
    "DKIM_STRICT": "1",
    "DKIM_SIGN_HEADERS": "From:Subject",
    "DKIM_TIMESTAMPS": "3600",
    "REMOTE_SMTP_HOSTS_REQUIRE_TLS": "enforce.test",
    "REMOTE_SMTP_HOSTS_AVOID_TLS": "*",
}
SIGNATURE = ("d=sender.test;", "s=s1;", "i=alice@sender.test",
             "c=simple/simple", "h=Subject:From", "x=")


def as_the_site_wants(server):
    """Does the message look as by the site's own transport?"""
    for one in server.sessions:
        equal((one.helo, one.peer), ("helo.sender.test", "203.0.114.7"),
              "EHLO and interface")
    message = server.messages[0]
    equal(message.sender, "bounces@sender.test", "return path")
    contains(message.text, "From: alice@public.test", "header")
    lacks(message.text, "X-Secret", "header")
    equal(max(len(line) for line in message.text.split("\r\n")) > 4000, True,
          "the long line")
    signature = re.sub(r"\s", "", re.search(
        r"DKIM-Signature: (.*?)\r\n(?!\s)", message.text, re.S).group(1))
    for part in SIGNATURE:
        contains(signature, part, "signature")


@case
def debian_s_own_macros(world):
    """what a Debian site sets by REMOTE_SMTP_* and DKIM_* holds under enforce
    and in testing mode; what it says of TLS does not weaken enforce"""
    for split in (True, False):
        for mode in ("enforce", "testing"):
            world.reset()
            site(world, split, **SITE)
            shutil.copy(world.certs.pem("sender.test"), KEY + ".pem")
            signing_key()
            server, policy_host = enforced(world)
            policy_host.body = policy_host.body.replace("enforce\r", mode +
                                                        "\r")
            delivery = world.exim.send(
                "bob@enforce.test", text="From: alice@sender.test\n"
                "Subject: x\nX-Secret: y\n\n" + 4500 * "z" + "\n")
            equal(delivery.outcome(), "delivered", "outcome under " + mode)
            as_the_site_wants(server)
            equal(server.leaked(), mode == "testing",
                  "in clear, as REMOTE_SMTP_HOSTS_AVOID_TLS has it")


@case
def each_of_debian_s_macros_is_taken(world):
    """every macro that Debian's remote_smtp knows is taken over"""
    furnish("internet", True)
    path = ETC + "/conf.d/transport/30_exim4-config_remote_smtp"
    with open(path, encoding="utf-8") as text:
        whole = text.read()
    section = whole[whole.index("remote_smtp:"):]
    found = set(re.findall(r"^\.ifn?def ((?!_)[A-Z_]+)", section, re.M))
    equal(len(found) > 12, True, "macros found")
    equal(sorted(found - set(SITE)), [], "macros not taken over")
    del world


@case
def at_rcpt(world):
    """with MTA_STS_AT_RCPT the policy is logged at RCPT for the site's own
    clients, and Debian's ACL goes on deciding"""
    for split in (True, False):
        world.reset()
        site(world, split, MTA_STS_AT_RCPT="yes")
        _, policy_host = enforced(world)
        said = smtp("MAIL FROM:<alice@other.test>",
                    "RCPT TO:<bob@enforce.test>", client="203.0.114.66")
        contains(said, "\n550 ", "a stranger's recipient")
        equal(policy_host.connections, 0, "connections for a stranger")
        said = smtp("MAIL FROM:<alice@sender.test>",
                    "RCPT TO:<bob@enforce.test>", client="203.0.114.9")
        contains(said, "\n250 Accepted", "our client's recipient")
        contains("\n".join(world.exim.mainlog()), "MTA-STS: "
                 "domain=enforce.test mode=enforce", "log")
