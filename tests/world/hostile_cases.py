# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains, records, policies, HTTP answers and cache files that mean harm."""

import os
import random
import time

from delivery_cases import enforced
from outage_cases import lookup
from parts.case import case, contains, equal, eventually
from parts.exim import CACHE, USER, call
from parts.world import POLICY_ID, policy_text

DOMAINS = (
    "", " ", ".", "..", "a..test", "-a.test", "a_b.test", "a b.test",
    " a.test", "a.test ", "a" * 300, ("a" * 60 + ".") * 5 + "test",
    "a" * 64 + ".test", 'a".test', "a'.test", "`id`.test", "a\nb.test",
    "a\tb.test", "\x01\x02", "\x7f.test", b"\xff\xfe.test", b"a\x80.test",
    "[1.2.3.4]", "[IPv6:2a0f::1]", "1.2.3.4", "../x", "/etc/passwd",
    "a/b.test", "a\\b.test", "${run{/bin/touch /tmp/pwned}}",
    "$domain", "a;b.test", "a|b.test", "a:b.test", "%n%n%s%s", "*.test",
    "a.test/../b", "<a@b.test>", "a@b.test")


def printable(lines):
    """Are these lines safe for any terminal and any log reader?"""
    return all(" " <= char <= "~" for line in lines for char in line)


@case
def hostile_domains_by_dlfunc(world):
    """a domain that is none gets none/notadomain from the module, without a
    query, a file or a crash"""
    for domain in DOMAINS:
        argument = domain if isinstance(domain, str) else \
            os.fsdecode(domain)
        wanted = {"mta_sts_lookup": "mode=none status=notadomain",
                  "mta_sts_mode": "none", "mta_sts_prefetch": ""}
        for function, line in wanted.items():
            done = world.exim.expand(call(function, argument), USER)
            equal((done.returncode, done.stdout.strip()), (0, line),
                  f"{function} of {domain!r}")
    done = world.exim.expand(call("mta_sts_match", "[1.2.3.4]", "a.test"))
    equal(done.stdout.strip(), "nopolicy", "mta_sts_match")
    equal(dict(world.dns.queries), {}, "DNS queries")
    equal(os.path.exists("/tmp/pwned"), False, "an expanded argument")


@case
def hostile_domains_by_tool(world):
    """a domain that is none gets none/notadomain from mta-sts lookup, exit 0,
    nothing on stderr"""
    for domain in DOMAINS:
        argument = domain if isinstance(domain, str) else \
            os.fsdecode(domain)
        if argument.startswith("-"):
            continue  # no such domain gets through Exim's own check
        done = world.tool("lookup", argument)
        equal((done.returncode, done.stdout, done.stderr),
              (0, "mode=none status=notadomain\n", ""), f"{domain!r}")
    equal(dict(world.dns.queries), {}, "DNS queries")


@case
def wrong_number_of_arguments(world):
    """a wrong number of arguments gives tempfail, not a crash"""
    for arguments in ((), ("a.test", "b.test"), ("a",) * 7):
        done = world.exim.expand(call("mta_sts_lookup", *arguments))
        contains(done.stdout, "mode=tempfail", f"{len(arguments)} arguments")
        contains(done.stdout, "reason=usage", f"{len(arguments)} arguments")


def unusable(world, policy_host, word):
    """The look-up ends in "no policy" with word in the log, in good time."""
    began = time.monotonic()
    line = lookup(world, "hostile.test")
    took = time.monotonic() - began
    equal((line["mode"], line["status"]), ("none", "unusable"), word)
    eventually(lambda: word in world.syslog.text(), word + " in the log")
    equal(printable(world.syslog.lines), True, "log can be printed")
    equal(took < 5, True, f"{word} within 5 s ({took:.1f} s)")
    if policy_host:
        policy_host.down()


def hostile(world, **attributes):
    """A policy host with these attributes and an else good policy."""
    world.reset()
    world.configure(tool_conf="fetch_timeout = 2s\ndns_timeout = 2s\n")
    policy_host = world.policy("hostile.test", "enforce", "mx.hostile.test")
    for name, value in attributes.items():
        assert hasattr(policy_host, name), name
        setattr(policy_host, name, value)
    return policy_host


GOOD = policy_text("enforce", "mx.hostile.test").encode()
ANSWERS = (
    ("http-404", {"status": "404 Not Found"}),
    ("http-500", {"status": "500 Oops"}),
    ("http-204", {"status": "204 No Content"}),
    ("http-206", {"status": "206 Partial Content"}),
    ("redirect", {"status": "301 Moved Permanently", "headers": {
        "Location": "https://mta-sts.hostile.test/.well-known/mta-sts.txt"}}),
    ("redirect", {"status": "302 Found",
                  "headers": {"Location": "file:///etc/passwd"}}),
    ("content-type", {"content_type": "text/html"}),
    ("content-type", {"content_type": None}),
    ("content-type", {"content_type": "text/plainly"}),
    ("too-large", {"body": GOOD + b"x: " + b"a" * 70000}),
    ("too-large", {"raw": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          b"Transfer-Encoding: chunked\r\n\r\n" +
                          b"1000\r\n" + b"a" * 4096 + b"\r\n" * 1 +
                          (b"1000\r\n" + b"a" * 4096 + b"\r\n") * 20}),
    ("truncated", {"headers": {"Content-Length": "1000"}}),
    ("timeout", {"delay": 10}),
    ("timeout", {"stall": True}),
    ("cert-expired", {"certificate": "expired"}),
    ("cert-name", {"certificate": "wrong-name"}),
    ("cert-name", {"certificate": "cn-only"}),
    ("cert-name", {"certificate": "wildcard-partial"}),
    ("cert-untrusted", {"certificate": "unknown-ca"}),
    ("cert-untrusted", {"certificate": "self-signed"}),
    ("policy-empty", {"body": ""}),
    ("policy-no-version", {"body": "mode: none\r\nmax_age: 86400\r\n"}),
    ("policy-no-mode", {"body": "version: STSv1\r\nmax_age: 86400\r\n"}),
    ("policy-no-max-age", {"body": "version: STSv1\r\nmode: none\r\n"}),
    ("policy-version", {"body": GOOD.replace(b"STSv1", b"STSv2")}),
    ("policy-no-mx", {"body": policy_text("enforce")}),
    ("policy-mode", {"body": policy_text("enforced", "mx.hostile.test")}),
    ("policy-max-age", {"body": policy_text("enforce", "mx.hostile.test",
                                            max_age="-1")}),
    ("policy-mx", {"body": policy_text("enforce", "${run{/bin/true}}")}),
    ("policy-", {"body": b"\0" * 1000}),
    ("policy-", {"body": random.Random(1).randbytes(60000)}),
    ("policy-", {"body": GOOD.replace(b"\r\n", b"\r")}),
    ("policy-", {"body": b"\xff\xfe" + "version: STSv1".encode("utf-16le")}),
)


@case(seconds=150)
def hostile_answers(world):
    """each refused HTTP answer, certificate or policy gives a word in the
    log, in good time, and never a policy"""
    for word, attributes in ANSWERS:
        unusable(world, hostile(world, **attributes), word)


@case
def answer_that_is_not_http(world):
    """an HTTPS server that does not speak HTTP gives no policy"""
    for raw in (b"", b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100,
                b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100000):
        unusable(world, hostile(world, raw=raw), "hostile.test")


@case
def policy_host_at_a_private_address(world):
    """a policy host with an address that is not public is not connected to"""
    for address in ("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254",
                    "100.64.0.1", "0.0.0.0", "224.0.0.1"):
        policy_host = hostile(world)
        world.dns.put("mta-sts.hostile.test", "A", address)
        unusable(world, policy_host, "address-refused")
    for address in ("::1", "fe80::1", "fc00::1", "::ffff:7f00:1"):
        policy_host = hostile(world)
        world.dns.put("mta-sts.hostile.test", "A")
        world.dns.put("mta-sts.hostile.test", "AAAA", address)
        unusable(world, policy_host, "address-refused")


@case
def policy_host_missing(world):
    """a policy host that has no address, or refuses, gives a word"""
    policy_host = hostile(world)
    world.dns.put("mta-sts.hostile.test", "A")
    unusable(world, policy_host, "host-not-found")
    policy_host = hostile(world)
    policy_host.down()
    unusable(world, None, "connect")


RECORDS = (
    [],
    ["v=STSv1"], ["v=STSv1; id=;"], ["v=STSv1; id=a-b;"],
    ["v=STSv1; id=" + "1" * 33 + ";"], ["v=STSv2; id=1;"],
    ["v=STSv1; id=1;", "v=STSv1; id=2;"],
    ["v=STSv1; id=1;\r\nforged=log line"], ["\x1b[2J" * 20],
    ["%s%n%s%n" * 10], ["v=STSv1; id=${run{/bin/true}};"],
    [["x" * 255] * 200],
    ["junk %d" % place for place in range(500)],
)


@case
def hostile_records(world):
    """a record set without exactly one valid record gives no policy, and no
    HTTPS connection"""
    for records in RECORDS:
        policy_host = hostile(world)
        world.dns.put("_mta-sts.hostile.test", "TXT", *records)
        line = lookup(world, "hostile.test")
        equal(line["mode"], "none", f"mode with {records!r:.60}")
        equal(policy_host.connections, 0, "HTTPS connections")
        equal(printable(world.syslog.lines), True, "log can be printed")


@case
def hostile_dns_answers(world):
    """a DNS answer that is none gives no policy within dns_timeout"""
    for fault in ("garbage", "servfail", "refused", "silence"):
        policy_host = hostile(world)
        world.dns.faults["_mta-sts.hostile.test"] = fault
        began = time.monotonic()
        line = lookup(world, "hostile.test")
        equal(line["mode"], "none", "mode with " + fault)
        equal(time.monotonic() - began < 4, True, fault + " in time")
        equal(policy_host.connections, 0, "HTTPS connections")


def cache_path(name="policies.tdb"):
    return os.path.join(CACHE, name)


def overwrite(change):
    """Changes the cache's bytes in place: change(bytes) gives the new."""
    with open(cache_path(), "r+b") as file:
        old = file.read()
        new = change(old)
        assert new != old
        file.seek(0)
        file.write(new)
        file.truncate()


def in_the_policy(data):
    place = data.index(b"mode: enforce")
    return data[:place] + b"mode: testing" + data[place + 13:]



HARM = {
    "a policy changed": in_the_policy,
    "all zeros": lambda data: bytes(len(data)),
    "cut to nothing": lambda data: b"",
    "cut within the policy": lambda data: data[:data.index(b"max_age")],
    "random bytes": lambda data: random.Random(2).randbytes(len(data)),
    "a random tail": lambda data: data[:256] + random.Random(3).randbytes(
        len(data) - 256),
    "text": lambda data: b"this is no database\n" * 1000,
}


@case(seconds=120)
def hostile_cache_files(world):
    """whatever the cache file holds, a domain under enforce gets no mail in
    clear, Exim does not crash, and the log says what is wrong"""
    for harm, change in HARM.items():
        world.reset()
        server, _ = enforced(world)
        equal(world.exim.send("bob@enforce.test").outcome(), "delivered",
              "before " + harm)
        overwrite(change)
        server.starttls = "none"
        delivery = world.exim.send("carol@enforce.test")
        equal(delivery.outcome(), "deferred", "after " + harm)
        contains("\n".join(world.log()), "damaged", "after " + harm)
        equal(server.leaked(), False, "envelope in clear after " + harm)
        server.starttls = "yes"
        world.exim.run_queue()
        delivery = world.exim.delivery(delivery.message)
        equal(delivery.outcome(), "delivered", "in the end, after " + harm)


@case
def damaged_value_without_policy_host(world):
    """a damaged cached policy is never taken for none, also when it cannot
    be fetched again"""
    server, policy_host = enforced(world)
    world.exim.send("bob@enforce.test")
    overwrite(in_the_policy)
    policy_host.down()
    server.starttls = "none"
    delivery = world.exim.send("carol@enforce.test")
    equal(delivery.outcome(), "deferred", "outcome")
    equal(server.leaked(), False, "envelope in clear")
    line = lookup(world, "enforce.test")
    equal((line["mode"], line["status"]), ("tempfail", "error"), "the line")


@case
def line_of_a_policy(world):
    """the returned line has the fields of the design, in order, and nothing
    else"""
    world.policy("enforce.test", "enforce", "mx1.enforce.test",
                 "*.example.net")
    done = world.tool("lookup", "Enforce.TEST.")
    keys = [item.partition("=")[0] for item in done.stdout.split()]
    equal(keys, "domain mode status id max_age expires mx ignore".split(),
          "fields")
    line = lookup(world, "enforce.test")
    equal(line["domain"], "enforce.test", "domain")
    world.mx("enforce.test", "a b.evil.test", "mx1.enforce.test",
             "mx.evil.test")
    world.configure("tlsrpt_contact = tls@sender.test\n")
    line = lookup(world, "enforce.test")
    equal((line["report"], line["kept_out"]), ("yes", "mx.evil.test"),
          "for the reports")
    equal(line["id"], POLICY_ID, "id")
    equal(line["max_age"], "604800", "max_age")
    equal(line["mx"], "mx1.enforce.test:*.example.net", "mx")
    equal(line["ignore"], "!^mx1[.]enforce[.]test$:!^[^.]+[.]example"
          "[.]net$:*", "ignore")
    equal(line["status"], "cached", "status")
