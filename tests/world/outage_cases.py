# SPDX-License-Identifier: GPL-2.0-or-later
"""When DNS, the policy host or a part of ours is missing or broken."""

import os
import time

from delivery_cases import enforced, refused
from parts.case import case, contains, equal, eventually
from parts.exim import CACHE, call, part_in_use
from parts.world import policy_text

HELPER = "/usr/lib/exim4/mta-sts/mta-sts-fetch"
NEW_ID = "20250101T000000"


def lookup(world, domain):
    """The line as a router would get it, asked for by root."""
    done = world.tool("lookup", domain)
    equal((done.returncode, done.stderr), (0, ""), "lookup's end")
    return dict(item.partition("=")[::2] for item in done.stdout.split())


def cached(world):
    """An enforced domain whose policy is in the cache by a delivery."""
    server, policy_host = enforced(world)
    equal(world.exim.send("bob@enforce.test").outcome(), "delivered", "first")
    equal(len(policy_host.requests), 1, "HTTPS requests")
    return server, policy_host


@case
def policy_host_down_uncached(world):
    """with no policy cached and the policy host down mail goes as without
    MTA-STS"""
    server, policy_host = enforced(world, starttls="none")
    policy_host.down()
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")
    equal(lookup(world, "enforce.test")["status"], "unusable", "status")


@case
def policy_host_down_cached(world):
    """a cached enforce policy stays in force while its host is down"""
    server, policy_host = cached(world)
    policy_host.down()
    world.record("enforce.test", NEW_ID)
    world.configure(tool_conf="recheck = 0\n")
    server.starttls = "none"
    delivery = world.exim.send("carol@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome")
    equal(len(server.messages), 1, "messages")
    equal(server.leaked(), False, "envelope in clear")


@case
def record_gone_cached(world):
    """a cached enforce policy survives that its record is taken away, by
    whatever kind of DNS answer"""
    for fault in ("nxdomain", "servfail", "refused", "garbage"):
        world.reset()
        server, _ = cached(world)
        world.dns.faults["_mta-sts.enforce.test"] = fault
        world.configure(tool_conf="recheck = 0\ndns_timeout = 2s\n")
        server.starttls = "none"
        delivery = world.exim.send("carol@enforce.test")
        equal(delivery.outcome(), "deferred", "outcome after " + fault)
        equal(server.leaked(), False, "envelope in clear")


@case
def dns_silent(world):
    """a name server that does not answer for the record holds mail up no
    longer than dns_timeout"""
    world.configure(tool_conf="dns_timeout = 2s\n")
    server = world.mail_host("mx.plain.test", starttls="none")
    world.mx("plain.test", "mx.plain.test")
    world.dns.faults["_mta-sts.plain.test"] = "silence"
    delivery = world.exim.send("bob@plain.test")
    equal(delivery.outcome(), "delivered", "outcome")
    equal(len(server.messages), 1, "messages")


@case(panics=True)
def missing_module(world):
    """without mta_sts.so (or the tool, for an Exim without dlfunc) mail is
    deferred, and goes out once it is back"""
    server, _ = enforced(world)
    with world.away(part_in_use()):
        delivery = world.exim.send("bob@enforce.test")
        refused(world, server, delivery)
        contains(delivery.text(), "mta_sts", "reason")
    world.exim.run_queue()
    delivery = world.exim.delivery(delivery.message)
    equal(delivery.outcome(), "delivered", "outcome afterwards")


@case
def missing_helper_cached(world):
    """without the fetch helper a cached policy stays in force"""
    server, _ = cached(world)
    world.record("enforce.test", NEW_ID)
    world.configure(tool_conf="recheck = 0\n")
    server.starttls = "none"
    with world.away(HELPER):
        delivery = world.exim.send("carol@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome")
    equal(server.leaked(), False, "envelope in clear")


@case
def new_policy_by_new_id(world):
    """a new id brings the new policy into force, and an old id does not"""
    server, policy_host = cached(world)
    policy_host.body = policy_text("testing", "mx1.enforce.test")
    server.starttls = "none"
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome under the cached policy")
    world.record("enforce.test", NEW_ID)
    world.configure(tool_conf="recheck = 0\n")
    line = lookup(world, "enforce.test")
    equal(line["mode"], "testing", "mode")
    equal(line["id"], NEW_ID, "id")
    equal(line["status"], "fresh", "status")


@case
def failed_delivery_asks_again(world):
    """after a delivery that failed under its policy the next look-up asks
    DNS at once, and a changed policy is in force"""
    server, policy_host = enforced(world, starttls="none")
    world.exim.send("bob@enforce.test")
    equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), 1, "TXT queries")
    policy_host.body = policy_text("testing", "mx1.enforce.test")
    world.record("enforce.test", NEW_ID)
    world.exim.run_queue()
    equal(world.dns.asked("_mta-sts.enforce.test", "TXT"), 2, "TXT queries")
    equal(len(server.messages), 1, "messages under the new policy")


@case
def refused_router_asks_again(world):
    """after a message for which no MX host was permitted the next look-up
    asks DNS at once, and a changed policy is in force"""
    server = world.mail_host("mx2.enforce.test")
    world.mx("enforce.test", "mx2.enforce.test")
    policy_host = world.policy("enforce.test", "enforce", "mx1.enforce.test")
    delivery = world.exim.send("bob@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome under the old policy")
    policy_host.body = policy_text("enforce", "mx2.enforce.test")
    world.record("enforce.test", NEW_ID)
    world.exim.run_queue()
    equal(len(server.messages), 1, "messages under the new policy")


@case
def dns_failure_deferred(world):
    """with dns_failure = defer mail waits while the record cannot be asked
    for"""
    world.configure(tool_conf="dns_failure = defer\n")
    server = world.mail_host("mx.plain.test")
    world.mx("plain.test", "mx.plain.test")
    world.dns.faults["_mta-sts.plain.test"] = "servfail"
    delivery = world.exim.send("bob@plain.test")
    equal(delivery.outcome(), "deferred", "outcome")
    contains(delivery.text(), "reason=dns", "reason")
    equal(server.sessions, [], "connections")


@case
def prefetch_does_not_wait(world):
    """prefetch returns at once, and warms the cache behind it"""
    _, policy_host = enforced(world)
    policy_host.delay = 1
    began = time.monotonic()
    world.exim.expand(call("mta_sts_prefetch", "enforce.test"))
    world.tool("prefetch", "enforce.test")
    equal(time.monotonic() - began < 0.9, True, "back at once")
    eventually(lambda: lookup(world, "enforce.test")["status"] == "cached",
               "a warm cache")
    equal(len(policy_host.requests), 1, "HTTPS requests")


@case
def cache_unreadable(world):
    """a cache that is there and cannot be read defers mail instead of
    letting it go in clear"""
    server, policy_host = cached(world)
    policy_host.down()
    server.starttls = "none"
    path = CACHE + "/policies.tdb"
    os.rename(path, path + ".away")
    os.mkdir(path)
    try:
        delivery = world.exim.send("carol@enforce.test")
    finally:
        os.rmdir(path)
    equal(delivery.outcome(), "deferred", "outcome")
    equal(server.leaked(), False, "envelope in clear")
    os.unlink(path + ".away")
