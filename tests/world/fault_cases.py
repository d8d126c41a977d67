# SPDX-License-Identifier: GPL-2.0-or-later
"""When a part of ours is missing, broken, full or slow: nothing in clear to an
enforce domain whose policy is cached, and plain mail is not held up."""

import contextlib
import glob
import os
import shutil
import subprocess
import time

from delivery_cases import enforced
from outage_cases import HELPER, NEW_ID, cached, lookup
from parts.case import case, contains, equal, eventually, lacks
from parts.exim import CACHE, SO, USER, Skipped, has_dlfunc, part_in_use
from parts.left import forget_reports
from parts.recipe import altered
from parts.world import policy_text
from tls_cases import FAULTS

SETTINGS = "/etc/exim4/mta-sts.conf"


def plain(world):
    """A domain without MTA-STS, and without STARTTLS."""
    server = world.mail_host("mx.plain.test", starttls="none")
    world.mx("plain.test", "mx.plain.test")
    return server


def timed(world, recipient):
    """The outcome, and how long Exim took."""
    began = time.monotonic()
    delivery = world.exim.send(recipient)
    return delivery.outcome(), time.monotonic() - began


def strip(server):
    """The attack under which all is tried: a host that is good has no
    STARTTLS any more."""
    server.starttls = "none"
    server.messages.clear()
    server.sessions.clear()


def closed(world, server):
    """Mail for the cached enforce domain waits, and nothing was said in
    clear."""
    message = world.exim.send("carol@enforce.test").message
    contains(world.exim.waiting(), message, "queue")
    equal((server.messages, server.leaked()), ([], False), "what arrived")


@contextlib.contextmanager
def replaced(path, content):
    with open(path, "rb") as text:
        was = text.read()
    mode = os.stat(path).st_mode
    os.unlink(path)
    with open(path, "wb") as out:
        out.write(content)
    os.chmod(path, mode)
    try:
        yield
    finally:
        os.unlink(path)
        with open(path, "wb") as out:
            out.write(was)
        os.chmod(path, mode)


def broken_part(kind, content):
    def check(world):
        server, _ = cached(world)
        strip(server)
        with replaced(part_in_use(), content):
            closed(world, server)
        closed(world, server)
        server.starttls = "yes"
        world.exim.run_queue()
        equal(len(server.messages), 2, "messages once all is well")
        # libc itself dies of half a file, before a line of ours has run.
        forget_reports()

    check.__doc__ = (f"with {kind} in the place of what Exim calls mail under "
                     "enforce waits, and goes out once it is repaired")
    return check


with open("/bin/true", "rb") as program:
    OTHER_PROGRAM = program.read()
for what, bytes_of_it in (("an empty file", b""),
                          ("garbage", b"\x7fELF" + b"\xff" * 500),
                          ("half a file", OTHER_PROGRAM[:5000])):
    case(panics=True)(broken_part(what, bytes_of_it))


@case(panics=True)
def library_of_another_kind(world):
    """a module without our functions defers mail"""
    if not has_dlfunc():
        raise Skipped("this Exim has no dlfunc")
    server, _ = cached(world)
    strip(server)
    with open("/usr/lib/x86_64-linux-gnu/libtdb.so.1", "rb") as text:
        other = text.read()
    with replaced(SO, other):
        closed(world, server)


@case
def libtdb_missing(world):
    """without libtdb, which the module loads only to write or to mend, a
    cached policy is enforced, a domain without MTA-STS gets its mail, and the
    log says what is missing"""
    if not has_dlfunc():
        raise Skipped("this Exim has no dlfunc")
    server, _ = cached(world)
    strip(server)
    other = plain(world)
    library = os.path.realpath(next(glob.iglob("/usr/lib/*/libtdb.so.1")))
    was = sorted(os.listdir(CACHE))
    with world.away(library):
        closed(world, server)
        equal(timed(world, "bob@plain.test")[0], "delivered", "plain")
    contains("\n".join(world.log()), "Can not access a needed shared library",
             "log")
    equal(sorted(os.listdir(CACHE)), was, "files of the cache")
    equal(len(other.messages), 1, "messages to the domain without MTA-STS")
    server.starttls = "yes"
    world.exim.run_queue()
    equal(len(server.messages), 1, "messages once it is there")


@case
def helper_missing(world):
    """without the fetch helper a cached policy is enforced, a domain without
    MTA-STS gets its mail, and one that has a record waits"""
    server, _ = cached(world)
    strip(server)
    other = plain(world)
    unknown, _ = enforced(world, "unknown.test")
    with world.away(HELPER):
        closed(world, server)
        equal(timed(world, "bob@plain.test")[0], "delivered", "plain")
        equal(timed(world, "bob@unknown.test")[0], "deferred", "unknown")
    equal((len(other.messages), unknown.sessions), (1, []), "what arrived")
    world.exim.run_queue()
    equal(len(unknown.messages), 1, "messages afterwards")


@contextlib.contextmanager
def unreadable(path):
    mode = os.stat(path).st_mode
    seen = os.stat(path)
    os.chown(path, 0, 0)
    os.chmod(path, 0)
    try:
        yield
    finally:
        os.chown(path, seen.st_uid, seen.st_gid)
        os.chmod(path, mode & 0o7777)


@case
def cache_unreadable_by_rights(world):
    """a cache file that Exim's user may not read is never taken for an empty
    one"""
    server, _ = cached(world)
    strip(server)
    with unreadable(CACHE + "/policies.tdb"):
        closed(world, server)


@case
def cache_directory_gone(world):
    """without a cache directory the policy is fetched each time, and
    enforced"""
    server, policy_host = cached(world)
    strip(server)
    other = plain(world)
    with world.away(CACHE):
        closed(world, server)
        equal(timed(world, "bob@plain.test")[0], "delivered", "plain")
    equal(len(other.messages), 1, "messages without policy")
    equal(len(policy_host.requests) > 1, True, "fetched again")


def fill(path):
    """Until not another byte fits."""
    with open(path, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while out.write(b"x" * 512):
            pass
    os.chmod(path, 0o640)


@contextlib.contextmanager
def full_disk():
    """The cache on a disk of its own, full to the last byte."""
    kept = CACHE + ".kept"
    shutil.copytree(CACHE, kept)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=0750",
                    "world", CACHE], check=True, timeout=10)
    try:
        shutil.copytree(kept, CACHE, dirs_exist_ok=True)
        fill(CACHE + "/filler")
        for name in ("", *os.listdir(CACHE)):
            shutil.chown(os.path.join(CACHE, name), USER, USER)
        yield
    finally:
        subprocess.run(["umount", CACHE], check=True, timeout=10)
        shutil.rmtree(kept)


@case
def disk_full(world):
    """on a full disk a cached policy is enforced, a new one too, plain mail
    goes out, and the log says that answers are not cached"""
    server, _ = cached(world)
    strip(server)
    other = plain(world)
    fresh, _ = enforced(world, "fresh.test", starttls="none")
    with full_disk():
        closed(world, server)
        equal(timed(world, "bob@plain.test")[0], "delivered", "plain")
        equal(timed(world, "bob@fresh.test")[0], "deferred", "new policy")
    equal((len(other.messages), fresh.leaked()), (1, False), "what arrived")
    contains("\n".join(world.log()), "answers are not cached", "log")


@case
def settings_unreadable(world):
    """with a mta-sts.conf that cannot be read nobody knows where the cache is:
    mail waits"""
    server, policy_host = cached(world)
    policy_host.down()
    world.dns.faults["_mta-sts.enforce.test"] = "nxdomain"
    strip(server)
    with world.away(SETTINGS):
        os.mkdir(SETTINGS)
        try:
            delivery = world.exim.send("carol@enforce.test")
        finally:
            os.rmdir(SETTINGS)
    equal(delivery.outcome(), "deferred", "outcome")
    contains(delivery.text(), "reason=config", "reason")
    equal(server.leaked(), False, "envelope in clear")


@case
def fetch_hangs(world):
    """a policy host that hangs holds mail up no longer than fetch_timeout,
    and plain mail not at all; a cached policy is enforced meanwhile"""
    world.configure(tool_conf="fetch_timeout = 2s\nrecheck = 0\n")
    server, policy_host = cached(world)
    strip(server)
    other = plain(world)
    unknown, hanging = enforced(world, "unknown.test", starttls="none")
    world.record("enforce.test", NEW_ID)
    policy_host.delay = hanging.delay = 8
    began = time.monotonic()
    closed(world, server)
    equal(time.monotonic() - began < 5, True, "cached policy in time")
    outcome, took = timed(world, "bob@unknown.test")
    equal((outcome, took < 5), ("delivered", True), f"unknown ({took:.1f} s)")
    equal(len(unknown.messages), 1, "messages without a policy to be had")
    outcome, took = timed(world, "bob@plain.test")
    equal((outcome, took < 1.5), ("delivered", True), f"plain ({took:.1f} s)")
    equal(len(other.messages), 1, "plain messages")


# --- retry records -----------------------------------------------------------


def shared_host(world):
    """A host that takes mail for a domain under enforce and for a plain
    one."""
    server = world.mail_host("mx1.shared.test")
    for domain in ("enforce.test", "plain.test"):
        world.mx(domain, "mx1.shared.test")
    world.policy("enforce.test", "enforce", "mx1.shared.test")
    return server


def after_failure_under_policy(world):
    """Of plain mail after enforced mail failed at the same host."""
    server = shared_host(world)
    server.certificate = "expired"
    equal(timed(world, "bob@enforce.test")[0], "deferred", "under enforce")
    return timed(world, "bob@plain.test")[0]


def after_plain_failure(world):
    """Of enforced mail after plain mail failed at the same host."""
    server = shared_host(world)
    server.down()
    equal(timed(world, "bob@plain.test")[0], "deferred", "plain mail")
    server.up()
    return timed(world, "bob@enforce.test")[0]


@case
def retry_records_apart(world):
    """a failure under a policy does not hold back other mail for the same
    host, nor the other way round"""
    equal(after_failure_under_policy(world), "delivered", "plain mail")
    world.reset()
    equal(after_plain_failure(world), "delivered", "enforced mail")


@case
def retry_records_without_interface(world):
    """without an interface of its own a failure under a policy would hold
    back other mail for the same host"""
    line = "  interface = <; 0.0.0.0 ; ::0\n"
    altered(world, ("transports", line, ""), MTA_STS_RETRY="F,1h,1h")
    equal(after_failure_under_policy(world), "deferred", "plain mail")


def alias_of_the_victim(world):
    """Somebody whose policy permits an alias of another domain's host, for
    which that host has no certificate."""
    server = world.mail_host("mx1.victim.test")
    world.mx("victim.test", "mx1.victim.test")
    world.policy("victim.test", "enforce", "mx1.victim.test")
    world.mx("attacker.test", "mx.attacker.test")
    world.dns.put("mx.attacker.test", "CNAME", "mx1.victim.test")
    world.policy("attacker.test", "enforce", "mx.attacker.test",
                 "mx1.victim.test")
    return server


def after_a_failure_of_the_alias(world):
    """Of the victim's mail a second after the attacker's failed."""
    server = alias_of_the_victim(world)
    equal(world.exim.send("eve@attacker.test").outcome(), "deferred",
          "the attacker's")
    time.sleep(1.1)
    outcome = world.exim.send("bob@victim.test").outcome("bob@victim.test")
    equal(server.leaked(), False, "envelope in clear")
    return outcome


@case
def retry_records_of_an_alias(world):
    """a domain whose MX host is an alias of another's cannot hold back that
    one's mail"""
    equal(after_a_failure_of_the_alias(world), "delivered", "the victim's")


@case
def retry_records_of_an_alias_without_the_rule(world):
    """without the rule for tls_required such an alias would hold back the
    other domain's mail"""
    rule = "*  tls_required  MTA_STS_RETRY\n"
    altered(world, ("retry", rule, ""))
    equal(after_a_failure_of_the_alias(world), "deferred", "the victim's")


def past_the_retry_time(world, *edits):
    """Of the victim's mail right after the attacker's failed, for longer than
    the retry rule lasts."""
    altered(world, *edits, MTA_STS_RETRY="F,1s,3s")
    server = alias_of_the_victim(world)
    eventually(lambda: world.exim.send("eve@attacker.test").outcome(
        "eve@attacker.test") == "bounced", "the end of the retry time", 20)
    outcome = world.exim.send("bob@victim.test").outcome("bob@victim.test")
    equal(server.leaked(), False, "envelope in clear")
    return outcome


@case(seconds=60)
def retry_records_of_an_alias_past_the_cutoff(world):
    """nor can such an alias make that mail bounce, once a host has failed for
    longer than the retry rule lasts; without delay_after_cutoff it would"""
    equal(past_the_retry_time(world), "delivered", "the victim's")
    world.reset()
    line = "  delay_after_cutoff = false\n"
    equal(past_the_retry_time(world, ("transports", line, "")), "bounced",
          "without it")


@case
def retry_records_with_a_site_s_interface(world):
    """where the site's own transport and the recipe bind to one address a
    failure holds back the other's mail, as exim-mta-sts(5) says"""
    address = "203.0.114.1"
    driver = "remote_smtp:\n  driver = smtp\n"
    altered(world, ("example", driver, f"{driver}  interface = {address}\n"),
            MTA_STS_INTERFACE=address, MTA_STS_RETRY="F,1h,1h")
    equal(after_failure_under_policy(world), "deferred", "plain mail")


# --- a new policy after a failed delivery (RFC 8461 5) -----------------------


def own_program(name, *arguments):
    """Runs one of the small programs beside this file."""
    path = os.path.join(os.environ.get("MTA_STS_BUILD", "build"),
                        "tests/world", name)
    if not os.path.isabs(path):
        path = os.path.join(os.path.dirname(__file__), "../..", path)
    subprocess.run([path, *map(str, arguments)], check=True, timeout=10,
                   stdout=subprocess.DEVNULL)


def age(domain, seconds):
    """Makes what the cache knows of domain older."""
    own_program("age", CACHE, domain, seconds)


def changed_hosts(world):
    """enforce.test, whose policy is cached, has a new MX host, which its
    policy now names; the record's id is forgotten."""
    old, policy_host = cached(world)
    old.down()
    new = world.mail_host("mx2.enforce.test")
    world.mx("enforce.test", "mx2.enforce.test")
    policy_host.body = policy_text("enforce", "mx2.enforce.test")
    policy_host.requests.clear()
    return new, policy_host


@case
def new_hosts_with_the_id_forgotten(world):
    """an owner who changes MX hosts and policy but not the id is reachable
    again once five minutes have passed since the fetch"""
    new, policy_host = changed_hosts(world)
    delivery = world.exim.send("carol@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome at first")
    world.exim.run_queue()
    equal(len(policy_host.requests), 0, "fetches within five minutes")
    age("enforce.test", 301)
    world.exim.run_queue()
    equal(len(policy_host.requests), 1, "fetches after five minutes")
    equal(len(new.messages), 1, "messages at the new host")
    equal(world.exim.waiting(), [], "queue")


@case
def mode_changed_with_the_id_forgotten(world):
    """an owner whose host lost TLS and who takes enforcement back, but
    forgets the id, is reachable again after five minutes"""
    server, policy_host = cached(world)
    strip(server)
    policy_host.body = policy_text("none")
    world.exim.send("carol@enforce.test")
    age("enforce.test", 301)
    world.exim.run_queue()
    equal(len(server.messages), 1, "messages")


@case
def asked_again_while_no_host_is_tried(world):
    """while Exim waits for the retry time of a host the policy is looked for
    all the same, every five minutes"""
    world.configure(SITE_RETRY="F,4d,6h", MTA_STS_RETRY="F,4d,6h")
    server, policy_host = cached(world)
    strip(server)
    policy_host.requests.clear()
    world.exim.send("carol@enforce.test")
    for _ in range(3):
        age("enforce.test", 301)
        equal(world.exim.send("dave@enforce.test").outcome(), "deferred",
              "outcome")
    equal(len(policy_host.requests), 3, "fetches in fifteen minutes")
    policy_host.body = policy_text("none")
    age("enforce.test", 301)
    equal(world.exim.send("erin@enforce.test").outcome(), "delivered",
          "outcome once the policy is taken back")


@case(seconds=60)
def asked_again_before_a_bounce(world):
    """once a host's retry time is over, and all mail for it bounces at once,
    the policy is looked for before that (RFC 8461 5)"""
    rule = "F,1s,1s; F,2s,600s"
    world.configure(SITE_RETRY=rule, MTA_STS_RETRY=rule)
    server, policy_host = cached(world)
    strip(server)
    world.exim.send("carol@enforce.test")
    eventually(lambda: world.exim.run_queue() or not world.exim.waiting(),
               "the end of the retry time", 20)
    for _ in range(2):
        age("enforce.test", 301)
        policy_host.requests.clear()
        equal(world.exim.send("dave@enforce.test").outcome(
            "dave@enforce.test"), "bounced", "outcome")
        equal(len(policy_host.requests), 1, "fetches before a bounce")
    policy_host.body = policy_text("none")
    age("enforce.test", 301)
    equal(world.exim.send("erin@enforce.test").outcome(), "delivered",
          "outcome once the policy is taken back")
    equal(len(server.messages), 1, "messages")


@case
def not_asked_again_after_a_success(world):
    """one delivery that works ends it: the policy is fetched no more"""
    server, policy_host = cached(world)
    strip(server)
    world.exim.send("carol@enforce.test")
    server.starttls = "yes"
    world.exim.run_queue()
    equal(world.exim.waiting(), [], "queue")
    policy_host.requests.clear()
    age("enforce.test", 301)
    equal(world.exim.send("dave@enforce.test").outcome(), "delivered",
          "outcome")
    equal(len(policy_host.requests), 0, "fetches")


def asked_again_after(name, habits):
    def check(world):
        server, policy_host = cached(world)
        for habit, value in habits.items():
            setattr(server, habit, value)
        policy_host.requests.clear()
        equal(world.exim.send("carol@enforce.test").outcome(), "deferred",
              "outcome")
        asked = world.dns.asked("_mta-sts.enforce.test", "TXT")
        # A look-up takes back the time that the next delivery has to wait.
        age("enforce.test", 290)
        equal(lookup(world, "enforce.test")["status"], "checked", "status")
        equal(len(policy_host.requests), 0, "fetches within five minutes")
        equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), asked + 1,
              "TXT queries")
        world.exim.run_queue()
        age("enforce.test", 15)
        equal(lookup(world, "enforce.test")["status"], "fresh", "status")
        equal(len(policy_host.requests), 1, "fetches after five minutes")

    check.__doc__ = (f"after a delivery that failed by {name} DNS is asked at "
                     "once, and the policy fetched again once five minutes "
                     "have passed, not before")
    return check


def make_cases():
    for name, (habits, _) in FAULTS.items():
        case(asked_again_after(name, habits))


make_cases()


@case
def asked_again_at_most_every_five_minutes(world):
    """while deliveries go on failing the policy is fetched again at most
    every five minutes, and its record is looked at each time"""
    server, policy_host = cached(world)
    strip(server)
    policy_host.requests.clear()
    world.exim.send("carol@enforce.test")
    age("enforce.test", 301)
    for _ in range(4):
        world.exim.run_queue()
    equal(len(policy_host.requests), 1, "fetches")
    equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), 5, "TXT queries")
    equal(server.leaked(), False, "envelope in clear")


@case
def working_domain_is_not_asked_again(world):
    """a domain whose deliveries work is not asked again before its time"""
    server, policy_host = cached(world)
    age("enforce.test", 250)
    policy_host.requests.clear()
    world.exim.send("carol@enforce.test")
    equal(len(server.messages), 2, "messages")
    equal(len(policy_host.requests), 0, "fetches")
    equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), 1, "TXT queries")


@case
def expired_policy(world):
    """a policy past its max_age is no longer enforced when nothing replaces
    it"""
    server, policy_host = cached(world)
    strip(server)
    policy_host.down()
    world.dns.put("_mta-sts.enforce.test", "TXT")
    age("enforce.test", 604800)
    equal(lookup(world, "enforce.test")["mode"], "none", "mode")
    delivery = world.exim.send("carol@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    lacks(delivery.text(), "T=mta_sts", "transport")
