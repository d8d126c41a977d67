#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fetch_cases.py - mta-sts-fetch against policy hosts of every kind, over real
DNS, TCP and TLS, in a network and mount namespace of its own."""

import concurrent.futures
import dataclasses
import gzip
import http.server
import itertools
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings

import fetch_world
from fetch_world import TRAPS, WEB, WEB6, World

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(HERE, "../..", os.environ.get("MTA_STS_BUILD", "build"))
FETCH = os.path.join(BUILD, "mta-sts-fetch")
PROBE = os.path.join(BUILD, "tests/world/fetch_probe")
NOBODY = 65534
LIMIT = 8  # seconds for a fetch that should not need them
LATE = 1.0  # seconds that a loaded machine may add
WORKERS = 8
MAX = 65536  # bytes of a policy

POLICY = (b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.com\r\n"
          b"max_age: 604800\r\n")


# --- what policy hosts say --------------------------------------------------
def answer(status="200 OK", body=POLICY, length=None, kind="text/plain",
           more=(), proto="HTTP/1.1"):
    """A whole answer; length: what Content-Length says, False for none."""
    lines = [f"{proto} {status}"]
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    if length is None:
        length = len(body)
    if length is not False:
        lines.append(f"Content-Length: {length}")
    head = "\r\n".join([*lines, *more, "", ""])
    return head.encode("latin-1") + body


def chunks(*parts, last=True):
    data = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return answer(length=False, more=["Transfer-Encoding: chunked"],
                  body=data + (b"0\r\n\r\n" if last else b""))


def redirect(code, target="https://mta-sts.goal.test/.well-known/mta-sts.txt"):
    return answer(f"{code} Elsewhere", more=[f"Location: {target}"])


def interim(code, times=1, line="Link: </x>; rel=preload"):
    return f"HTTP/1.1 {code} Wait\r\n{line}\r\n\r\n".encode() * times


def sent(*parts, pause=0.0, end="unwrap"):
    """Sends the parts and ends: unwrap (properly), cut (without TLS's
    goodbye), reset, or silence (the client has to go)."""
    def serve(tls):
        for part in parts:
            tls.sendall(part)
            time.sleep(pause)
        if end == "unwrap":
            tls.unwrap()
        elif end == "reset":
            tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
        elif end == "silence":
            tls.recv(1)
    return serve


def repeated(head, part, pause=0.0):
    """Goes on until the client goes."""
    def serve(tls):
        tls.sendall(head)
        while True:
            tls.sendall(part)
            time.sleep(pause)
    return serve


PADDED = POLICY + b"#" * (MAX - len(POLICY))


# --- cases ------------------------------------------------------------------
@dataclasses.dataclass
class Case:
    """One site, one fetch."""
    sentence: str
    want: str  # "ok", or the word
    answer: object = answer()
    kind: str = "good"  # of certificate
    body: bytes = POLICY
    address: tuple = (WEB,)  # A or AAAA
    args: tuple = ()
    limit: float = LIMIT
    timed_out: bool = False  # takes all of limit


def late(sentence, said, want="timeout", limit=1.0):
    return Case(sentence, want, said, limit=limit, timed_out=True)


def bad_cert(kind, word):
    return Case(f"certificate: {kind}", word, kind=kind)


def good_cert(kind):
    return Case(f"certificate: {kind}", "ok", kind=kind)


CASES = (
    Case("a policy", "ok"),
    Case("HTTP/1.0", "ok", answer(proto="HTTP/1.0")),
    Case("by IPv6", "ok", address=(WEB6,)),
    Case("by both", "ok", address=(WEB6, WEB)),
    Case("an empty policy is the parser's affair", "ok", answer(body=b""),
         body=b""),
    Case("a NUL is the parser's affair", "ok", answer(body=b"\0a\0"),
         body=b"\0a\0"),
    Case("UTF-16 is the parser's affair", "ok",
         answer(body=POLICY.decode().encode("utf-16")),
         body=POLICY.decode().encode("utf-16")),

    *(Case(f"HTTP {code} without a body", f"http-{code}",
           answer(f"{code} No", body=b""))
      for code in (404, 410, 500, 503)),
    *(Case(f"HTTP {code} with a policy", f"http-{code}",
           answer(f"{code} No"))
      for code in (201, 202, 203, 206, 400, 401, 403, 404, 429, 500, 599)),
    Case("HTTP 204", "http-204", answer("204 Nothing", b"", length=False)),
    Case("HTTP 205 with a policy", "http-205", answer("205 Reset")),
    Case("HTTP 404 with an endless page", "http-404",
         repeated(answer("404 No", b"", length=10**10), b"x" * 4096)),
    *(Case(f"HTTP {code} with a policy", "redirect", redirect(code))
      for code in (300, 301, 302, 303, 307, 308)),
    Case("HTTP 304", "redirect", answer("304 Same", b"", length=False)),
    Case("a redirect to the same URL", "redirect",
         redirect(302, "/.well-known/mta-sts.txt")),
    Case("a redirect to a file", "redirect",
         redirect(302, "file:///etc/passwd")),
    Case("103, then 200", "ok", interim(103) + answer()),
    Case("100, 102, 103, then 200", "ok",
         interim(100) + interim(102) + interim(103) + answer()),
    Case("103, then 404", "http-404", interim(103) + answer("404 No")),
    Case("103 with the type, 200 without", "content-type",
         interim(103, line="Content-Type: text/plain") + answer(kind=None)),
    Case("endless interim answers", "too-large",
         repeated(b"", interim(103, 100))),

    Case("type text/plain; charset=utf-8", "ok",
         answer(kind="text/plain; charset=utf-8")),
    Case("type TEXT/Plain", "ok", answer(kind="TEXT/Plain")),
    Case("type with blanks around", "ok", answer(kind=" \ttext/plain \t")),
    Case("type text/html", "content-type", answer(kind="text/html")),
    Case("type text/plainer", "content-type", answer(kind="text/plainer")),
    Case("type text/plain and NBSP", "content-type",
         answer(kind="text/plain\u00a0")),
    Case("no type", "content-type", answer(kind=None)),
    Case("an empty type", "content-type", answer(kind="")),
    Case("two types", "content-type",
         answer(more=["Content-Type: text/html"])),
    Case("the same type twice", "content-type",
         answer(more=["Content-Type: text/plain"])),
    Case("a type of 60,000 bytes", "content-type",
         answer(kind="text/plain;" + "x" * 60000)),

    *(good_cert(kind) for kind in ("wildcard", "second of two",
                                   "upper case")),
    *(bad_cert(kind, "cert-name") for kind in (
        "CN only", "IP only", "URI only", "partial at the end",
        "partial at the start", "two stars", "wildcard too high",
        "wildcard too low", "domain only", "elsewhere")),
    bad_cert("expired", "cert-expired"),
    bad_cert("expired intermediate", "cert-expired"),
    bad_cert("not yet valid", "cert-not-yet-valid"),
    *(bad_cert(kind, "cert-untrusted") for kind in (
        "self-signed", "unknown CA", "no intermediate")),
    *(bad_cert(kind, "cert-invalid") for kind in (
        "issuer is no CA", "for clients")),

    Case("65,536 bytes", "ok", answer(body=PADDED), body=PADDED),
    Case("65,536 bytes, chunked", "ok", chunks(PADDED[:1], PADDED[1:]),
         body=PADDED),
    Case("65,536 bytes until the end", "ok",
         answer(body=PADDED, length=False), body=PADDED),
    Case("65,537 bytes", "too-large", answer(body=PADDED + b"#")),
    Case("65,537 bytes, chunked", "too-large", chunks(PADDED, b"#")),
    Case("65,537 bytes until the end", "too-large",
         answer(body=PADDED + b"#", length=False)),
    Case("10 GB announced, nothing sent", "too-large",
         sent(answer(body=b"", length=10**10), end="silence")),
    Case("a length of 30 digits", "too-large",
         sent(answer(body=b"", length="9" * 30), end="silence")),
    Case("endless chunks", "too-large",
         repeated(chunks(last=False), b"400\r\n" + b"#" * 1024 + b"\r\n")),
    Case("endless until the end", "too-large",
         repeated(answer(body=b"", length=False), b"#" * 1024)),
    Case("1,000 header lines", "ok",
         answer(more=[f"X-{n}: {n}" for n in range(1000)])),
    Case("100,000 header lines", "too-large",
         answer(more=[f"X-{n}: {n}" for n in range(100000)])),
    Case("a header line of 60,000 bytes", "ok",
         answer(more=["X: " + "x" * 60000])),
    Case("a header line of 200,000 bytes", "too-large",
         answer(more=["X: " + "x" * 200000])),
    Case("an endless header line", "too-large",
         repeated(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 4096)),
    Case("endless trailers", "too-large",
         repeated(chunks(POLICY, last=False) + b"0\r\n", b"X: x\r\n" * 99)),

    Case("cut before the announced length", "truncated",
         answer(length=len(POLICY) + 1)),
    Case("cut without TLS's goodbye before the length", "truncated",
         sent(answer(length=len(POLICY) + 1), end="cut")),
    Case("chunks without a last one", "truncated",
         chunks(POLICY, last=False)),
    Case("no length, and no goodbye of TLS", "truncated",
         sent(answer(length=False), end="cut")),
    Case("no length, and a reset", "truncated",
         sent(answer(length=False), end="reset")),
    Case("no length, and TLS's goodbye", "ok", answer(length=False)),
    Case("the whole length, and no goodbye", "ok",
         sent(answer(), end="cut")),
    Case("more than the length", "ok", answer() + b"more"),
    Case("cut in the head", "truncated",
         b"HTTP/1.1 200 OK\r\nContent-"),
    Case("no answer at all", "truncated", b""),

    Case("gzip not asked for", "encoding",
         answer(body=gzip.compress(POLICY),
                more=["Content-Encoding: gzip"])),
    Case("a gzip bomb", "encoding",
         answer(body=gzip.compress(bytes(10**7)),
                more=["Content-Encoding: gzip"])),
    Case("encoded twice", "encoding",
         answer(more=["Content-Encoding: gzip, br"])),
    Case("identity is no encoding", "ok",
         answer(more=["Content-Encoding: identity"])),
    Case("an unknown Transfer-Encoding", "http-protocol",
         answer(length=False, more=["Transfer-Encoding: rot13"])),
    Case("a bad chunk", "truncated",
         answer(length=False, more=["Transfer-Encoding: chunked"],
                body=b"zzz\r\nabc")),

    late("a byte each 50 ms",
         sent(answer(body=b"", length=999), *[b"#"] * 99, pause=.05)),
    late("a byte of the head each 50 ms",
         sent(*[bytes([c]) for c in answer()], pause=.05)),
    late("silence after the head",
         sent(answer(body=b"", length=99), end="silence")),
    late("silence after the question", sent(end="silence")),
    late("silence in mid-body", sent(answer(length=999), end="silence")),

    Case("HTTP/0.9", "http-protocol", POLICY),
    Case("SMTP", "http-protocol", b"220 mail ESMTP\r\n"),
    Case("HTTP/2 not asked for", "http-protocol",
         b"\0\0\0\4\0\0\0\0\0" * 3),
    Case("an unknown HTTP version", "http-protocol",
         answer(proto="HTTP/7.0")),
    Case("a status that is no number", "http-protocol", answer("OK")),
    Case("NULs", "http-protocol", bytes(1000)),
    Case("HSTS, Alt-Svc and a cookie change nothing", "ok",
         answer(more=["Strict-Transport-Security: max-age=99999999",
                      "Alt-Svc: h2=\"mta-sts.goal.test:443\"; ma=9999",
                      "Set-Cookie: a=b; Domain=test"])),
    Case("Refresh changes nothing", "ok",
         answer(more=["Refresh: 0; url=https://mta-sts.goal.test/"])),

    *(Case(f"{address} is refused", "address-refused", address=(address,))
      for address in (*TRAPS, "0.0.0.0", "224.0.0.1", "255.255.255.255",
                      "192.88.99.1", "198.51.100.1", "::", "fe80::1",
                      "ff02::1", "::ffff:7f00:1", "::7f00:1",
                      "100::1", "2002:7f00:1::1", "64:ff9b::7f00:1")),
    Case("two private addresses", "address-refused",
         address=("10.0.0.1", "192.168.0.1", "::1")),
    Case("a private address beside a public one", "ok",
         address=("127.0.0.1", WEB, "10.0.0.1")),
    Case("a private address when allowed", "ok", address=("127.0.0.9",),
         args=("--allow-private",)),
    Case("a private IPv6 address when allowed", "ok",
         address=("fc00::9",), args=("--allow-private",)),

    Case("a timeout of part of a second", "timeout",
         sent(end="silence"), limit=0.5, timed_out=True),
)

SPECIAL = []


def special(function):
    """A case that needs more than a table: its docstring is its sentence."""
    SPECIAL.append(function)
    return function


# --- running the helper -----------------------------------------------------
@dataclasses.dataclass
class Done:
    """How a run of mta-sts-fetch ended."""
    code: int
    out: bytes
    err: str
    took: float

    @property
    def word(self):
        if self.code == 0:
            return "ok"
        return self.err.partition(":")[0]


def run(*args, env=None):
    began = time.monotonic()
    done = subprocess.run([FETCH, *args], env=env or {}, cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=30, check=False)
    return Done(done.returncode, done.stdout, done.stderr.decode("latin-1"),
                time.monotonic() - began)


def fetch(domain, *args, limit=LIMIT, env=None):
    return run("--timeout", str(limit), *args, "--", domain, env=env)


def code_of(word):
    if word == "ok":
        return 0
    return 11 if word.startswith("cert-") else 10


def expect(done, want, body=POLICY):
    """The helper's side of fetch.h, to the letter."""
    assert done.word == want, f"got {done.err.strip() or 'ok'}, want {want}"
    assert done.code == code_of(want), f"exit code {done.code}"
    if want == "ok":
        assert done.out == body, f"body of {len(done.out)} bytes"
        assert done.err == "", done.err
        return
    assert done.out == b"", "a body with a failure"
    assert re.fullmatch(r"[a-z0-9-]{1,31}: [ -~]{1,199}\n", done.err), \
        repr(done.err)


def host_of(domain):
    return "mta-sts." + domain


def publish(world, domain, *addresses):
    """DNS for domain's policy host."""
    for address in addresses:
        world.dns.add(host_of(domain), "AAAA" if ":" in address else "A",
                      address)


def check(world, case, domain):
    site = world.add(host_of(domain), case.answer, case.kind)
    publish(world, domain, *case.address)
    done = fetch(domain, *case.args, limit=case.limit)
    expect(done, case.want, case.body)
    least = case.limit - 0.1 if case.timed_out else 0
    most = case.limit + LATE if case.timed_out else LIMIT / 2
    assert least <= done.took <= most, f"took {done.took:.2f} s"
    if case.want == "address-refused" or case.want.startswith("cert-"):
        assert not site.requests, "something was asked"
    if case.want == "address-refused":
        assert site.connections == 0, "connected"


# --- cases of their own -----------------------------------------------------
@special
def what_is_asked(world, domain):
    """the question is the smallest there is"""
    site = world.add(host_of(domain), answer())
    publish(world, domain, WEB)
    expect(fetch(domain), "ok")
    request, = site.requests
    assert request.line == "GET /.well-known/mta-sts.txt HTTP/1.1", \
        request.line
    assert request.headers == {"host": host_of(domain), "accept": "*/*",
                               "user-agent": request.headers["user-agent"]}
    assert re.fullmatch(r"exim-mta-sts/[0-9.]+",
                        request.headers["user-agent"])
    assert request.alpn == "http/1.1", request.alpn
    assert request.tls == "TLSv1.3", request.tls


@special
def nobody_asks(world, domain):
    """started by root, it is nobody before it asks anything"""
    site = world.add(host_of(domain), answer())
    publish(world, domain, WEB)
    expect(fetch(domain), "ok")
    client = site.requests[0].client
    assert client.uids == [NOBODY] * 4, client.uids
    assert client.gids == [NOBODY] * 4, client.gids
    assert client.groups == [NOBODY], client.groups
    assert client.capabilities == 0 and client.no_new_privs


@special
def as_the_module_starts_it(world, domain):
    """started by the module it works within its limits, with nothing else"""
    site = world.add(host_of(domain), answer(body=PADDED))
    publish(world, domain, WEB)
    first, body = probe(domain)
    assert first[:2] == ["ok", "-"] and body == PADDED, first
    client = site.requests[0].client
    assert client.uids == [NOBODY] * 4 and client.gids == [NOBODY] * 4
    assert client.environment == b"", client.environment
    assert client.program == os.path.realpath(FETCH), client.program
    assert client.descriptors[:3] == [0, 1, 2]
    assert len(client.descriptors) < 8, client.descriptors


def probe(domain, limit=LIMIT):
    """The words of fetch_probe's first line, and the body."""
    done = subprocess.run([PROBE, FETCH, str(int(limit * 1000)), domain],
                          capture_output=True, timeout=30, check=True)
    first, _, body = done.stdout.partition(b"\n")
    return first.decode("ascii").split(" "), body


@special
def words_reach_the_module(world, domain):
    """the helper's words come out of fetch_policy() with their status"""
    for number, (status, word, said, kind) in enumerate((
            ("fetch", "http-404", answer("404 No"), "good"),
            ("fetch", "redirect", redirect(301), "good"),
            ("fetch", "too-large", answer(body=PADDED + b"#"), "good"),
            ("cert", "cert-name", answer(), "domain only"),
            ("cert", "cert-expired", answer(), "expired"))):
        name = f"p{number}.{domain}"
        world.add(host_of(name), said, kind)
        publish(world, name, WEB)
        first, body = probe(name)
        assert first[:2] == [status, word] and body == b"", first


def ask_standby(helper, *args):
    """One question to a helper that stands by: as run() has it."""
    began = time.monotonic()
    (out, to_out), (why, to_why) = os.pipe(), os.pipe()
    text = "".join(arg + "\0" for arg in (FETCH, *args)).encode()
    socket.send_fds(helper, [text], [to_out, to_why])
    os.close(to_out)
    os.close(to_why)
    with open(out, "rb") as body, open(why, encoding="latin-1") as reason:
        said = body.read(), reason.read()
    status = os.waitstatus_to_exitcode(
        struct.unpack("=i", helper.recv(16))[0])
    return Done(status, *said, time.monotonic() - began)


@special
def standby_says_the_same(world, domain):
    """what a helper that stands by forks says what one executed says"""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with subprocess.Popen([FETCH, "--standby"], env={}, cwd="/", stdin=its,
                          stderr=subprocess.PIPE) as helper, ours:
        its.close()
        for number, (want, said, kind) in enumerate((
                ("ok", answer(), "good"), ("ok", chunks(POLICY), "good"),
                ("http-404", answer("404 No"), "good"),
                ("redirect", redirect(301), "good"),
                ("cert-name", answer(), "domain only"),
                ("cert-expired", answer(), "expired"),
                ("timeout", sent(end="silence"), "good"))):
            name = f"b{number}.{domain}"
            world.add(host_of(name), said, kind)
            publish(world, name, WEB)
            expect(ask_standby(ours, "--timeout", "1" if want == "timeout"
                               else str(LIMIT), "--", name), want)
        codes = [ask_standby(ours, *args).code for args in (
            ("--nonsense",), ("--standby",), ("--version",))]
        assert codes == [2, 2, 0], codes
        ours.shutdown(socket.SHUT_RDWR)
        assert helper.wait(LIMIT) == 0 and helper.stderr.read() == b""


@special
def module_time_limit(world, domain):
    """a silent policy host costs the module its time limit, not more"""
    world.add(host_of(domain), sent(end="silence"))
    publish(world, domain, WEB)
    first, body = probe(domain, limit=1)
    assert first[:2] == ["fetch", "timeout"] and body == b"", first
    assert 700 <= int(first[2]) <= 1000 + LATE * 1000, first
    assert "bytes received" in " ".join(first), "the helper was killed"


@special
def target_of_a_redirect(world, _domain):
    """nobody has ever contacted the goal of a redirect or an Alt-Svc"""
    goal = world.add("mta-sts.goal.test", answer())
    publish(world, "goal.test", WEB)
    for number, said in enumerate((redirect(301), redirect(307), answer(
            more=["Alt-Svc: h2=\"mta-sts.goal.test:443\"; ma=9999"]))):
        name = f"r{number}.test"
        world.add(host_of(name), said)
        publish(world, name, WEB)
        fetch(name)
        fetch(name)
    assert goal.connections == 0 and goal.requests == []
    assert world.dns.asked("mta-sts.goal.test", "A") == 0


@special
def nothing_is_remembered(world, domain):
    """the second question is as the first, whatever the answer was"""
    site = world.add(host_of(domain), answer(
        more=["Set-Cookie: a=b", "ETag: \"1\"", "Cache-Control: max-age=9999",
              "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT"]))
    publish(world, domain, WEB)
    expect(fetch(domain), "ok")
    expect(fetch(domain), "ok")
    first, second = site.requests
    assert first.headers == second.headers, second.headers


@special
def traps(world, _domain):
    """the address guard is on by default and off when told so"""
    for number, address in enumerate(("127.0.0.66", "10.6.6.6", "fd00::6")):
        name = f"t{number}.test"
        world.listen(address)
        world.add(host_of(name), answer())
        publish(world, name, address)
        expect(fetch(name), "address-refused")
        assert world.reached[address] == 0, "connected"
        expect(fetch(name, "--allow-private"), "ok")
        assert world.reached[address] == 1


@special
def public_beside_private(world, domain):
    """with a dead public address the private ones are still not tried"""
    trap, dead = "127.0.0.67", world.new_address()
    world.listen(trap)
    world.add(host_of(domain), answer())
    publish(world, domain, dead, trap)
    expect(fetch(domain), "connect")
    assert world.reached[trap] == 0


class Rebound(list):
    """Data that is other data from the second question on."""

    def __init__(self, first, then):
        super().__init__([first])
        self._answers = itertools.chain([[first]], itertools.repeat([then]))

    def __iter__(self):
        return iter(next(self._answers))


@special
def rebinding(world, domain):
    """an address that turns private once it was asked for is not used"""
    trap = "127.0.0.68"
    world.listen(trap)
    world.add(host_of(domain), answer())
    world.dns.records[host_of(domain), "A"] = Rebound(WEB, trap)
    expect(fetch(domain), "ok")
    assert world.dns.asked(host_of(domain), "A") == 1
    expect(fetch(domain), "address-refused")
    assert world.reached[trap] == 0


@special
def aliases(world, domain):
    """a policy host may be an alias; the certificate is for its own name"""
    for number, (kind, want) in enumerate((("good", "ok"),
                                           ("alias", "cert-name"))):
        name = f"a{number}.{domain}"
        world.add(host_of(name), answer(), kind)
        world.dns.add(host_of(name), "CNAME", f"alias{number}.hosting.test")
        world.dns.add(f"alias{number}.hosting.test", "A", WEB)
        expect(fetch(name), want)


@special
def alias_to_private(world, domain):
    """an alias into a private network is refused like an address"""
    world.add(host_of(domain), answer())
    world.dns.add(host_of(domain), "CNAME", "inside.hosting.test")
    world.dns.add("inside.hosting.test", "A", "192.168.0.1")
    expect(fetch(domain), "address-refused")


@special
def names_not_found(world, domain):
    """no such name, and a name without addresses: host-not-found"""
    expect(fetch(f"missing.{domain}"), "host-not-found")
    world.dns.add(host_of(domain), "TXT", "no address")
    expect(fetch(domain), "host-not-found")


@special
def search_list(world, domain):
    """this host's search list is not used"""
    world.dns.add(host_of(domain) + ".search.test", "A", WEB)
    expect(fetch(domain), "host-not-found")
    assert world.dns.asked(host_of(domain) + ".search.test", "A") == 0


@special
def dns_failure(world, domain):
    """SERVFAIL is the word dns"""
    world.dns.faults[host_of(domain)] = "servfail"
    expect(fetch(domain), "dns")


@special
def dns_silence(world, domain):
    """a silent resolver costs the time limit, not more"""
    world.dns.faults[host_of(domain)] = "silence"
    done = fetch(domain, limit=1)
    expect(done, "timeout")
    assert 0.9 <= done.took <= 1 + LATE, f"took {done.took:.2f} s"


@special
def dns_late(world, domain):
    """what DNS took is not there for HTTPS any more"""
    world.dns.faults[host_of(domain)] = 0.6
    world.add(host_of(domain), sent(end="silence"))
    publish(world, domain, WEB)
    done = fetch(domain, limit=1)
    expect(done, "timeout")
    assert 0.9 <= done.took <= 1 + LATE / 2, f"took {done.took:.2f} s"


@special
def dead_address(world, domain):
    """where one address refuses, the next one is asked"""
    world.add(host_of(domain), answer())
    publish(world, domain, world.new_address(), WEB, "2a0f:5707::dead")
    expect(fetch(domain), "ok")


@special
def many_addresses(world, domain):
    """40 dead addresses are not all tried"""
    world.add(host_of(domain), answer())
    publish(world, domain, *(world.new_address() for _ in range(40)))
    expect(fetch(domain), "connect")


@special
def black_hole(world, domain):
    """where one address swallows packets, the next one is asked in time"""
    world.add(host_of(domain), answer())
    publish(world, domain, world.black_hole(), WEB)
    done = fetch(domain, limit=2)
    expect(done, "ok")
    assert done.took < 2, f"took {done.took:.2f} s"


@special
def only_black_hole(world, domain):
    """an address that swallows packets costs the time limit"""
    publish(world, domain, world.black_hole())
    done = fetch(domain, limit=1)
    expect(done, "timeout")
    assert 0.9 <= done.took <= 1 + LATE, f"took {done.took:.2f} s"


@special
def nobody_listens(world, domain):
    """nobody at port 443 is the word connect"""
    publish(world, domain, world.new_address())
    expect(fetch(domain), "connect")


def alone(world, domain):
    """A site with an address of its own, as it speaks before any name."""
    site = world.add(host_of(domain), answer())
    address = world.new_address()
    world.by_address[address] = site
    world.listen(address)
    publish(world, domain, address)
    return site, address


@special
def old_tls(world, domain):
    """TLS 1.1 is not spoken, though the server would"""
    site, address = alone(world, domain)
    site.context = fetch_world.old_context(
        world.certs.chain(site.host, "good"))
    expect(fetch(domain), "tls")
    assert site.requests == []
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = ssl.TLSVersion.TLSv1
    client.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection((address, 443), timeout=5) as conn, \
            client.wrap_socket(conn) as tls:
        assert tls.version() == "TLSv1.1", "the server does not"


@special
def tls_1_2(world, domain):
    """TLS 1.2 is good enough"""
    site, _ = alone(world, domain)
    site.context.maximum_version = ssl.TLSVersion.TLSv1_2
    expect(fetch(domain), "ok")
    assert site.requests[0].tls == "TLSv1.2"


@special
def certificate_by_name(world, domain):
    """without a name the server shows another certificate: SNI is sent"""
    world.add(host_of(domain), answer())
    publish(world, domain, WEB)
    expect(fetch(domain), "ok")
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    with socket.create_connection((WEB, 443), timeout=5) as conn, \
            client.wrap_socket(conn) as tls:
        shown = tls.getpeercert(binary_form=True)
    assert b"elsewhere.test" in shown, "the server shows the right one"


def raw_case(sentence, want, raw, timed_out=False):
    def case(world, domain):
        site, _ = alone(world, domain)
        site.raw = raw
        done = fetch(domain, limit=1)
        expect(done, want)
        assert (done.took > 0.9) == timed_out, f"took {done.took:.2f} s"
        assert done.took < 1 + LATE, f"took {done.took:.2f} s"
    case.__doc__ = sentence
    special(case)


def reset(conn):
    conn.recv(1)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


def drip_tls(conn):
    """A TLS record of 16 KB, a byte now and then."""
    for byte in b"\x16\x03\x03\x40\x00" + bytes(200):
        conn.sendall(bytes([byte]))
        time.sleep(0.05)


raw_case("TCP is accepted and TLS never answered", "timeout",
         lambda conn: conn.recv(65536) and conn.recv(1) and None,
         timed_out=True)
raw_case("TLS drips", "timeout", drip_tls, timed_out=True)
raw_case("HTTP without TLS", "tls", lambda conn: conn.sendall(answer()))
raw_case("SMTP without TLS", "tls",
         lambda conn: conn.sendall(b"220 mail ESMTP\r\n"))
raw_case("the connection is closed at once", "tls", lambda conn: None)
raw_case("the connection is reset in TLS", "tls", reset)
raw_case("random bytes for TLS", "tls",
         lambda conn: conn.sendall(os.urandom(5000)))


@special
def environment(world, domain):
    """proxy, authorities and files of the environment are not used"""
    asked = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        """Notes that it was found."""

        def do_CONNECT(self):
            asked.append(self.path)
            self.send_error(502)

        def log_message(self, *_args):
            pass

    proxy = http.server.HTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{proxy.server_port}"
    home = os.path.join(world.directory, "home")
    os.mkdir(home)
    os.chmod(home, 0o755)
    for name, line in ((".netrc", "default login me password secret\n"),
                       (".curlrc", f"proxy = {url}\ninsecure\n"),
                       ("openssl.cnf", "openssl_conf = broken\n")):
        with open(os.path.join(home, name), "w", encoding="ascii") as out:
            out.write(line)
    foreign = os.path.join(home, "foreign.pem")
    world.certs.write_root("foreign", foreign)
    env = {"https_proxy": url, "HTTPS_PROXY": url, "all_proxy": url,
           "ALL_PROXY": url, "HOME": home, "CURL_HOME": home,
           "OPENSSL_CONF": os.path.join(home, "openssl.cnf"),
           "SSL_CERT_FILE": foreign, "CURL_CA_BUNDLE": foreign,
           "SSLKEYLOGFILE": os.path.join(home, "keys"),
           "RES_OPTIONS": "timeout:1", "HOSTALIASES": "/nonexistent"}
    os.chmod(home, 0o777)
    site = world.add(host_of(domain), answer())
    publish(world, domain, WEB)
    expect(fetch(domain, env=env), "ok")
    assert "authorization" not in site.requests[0].headers
    world.add(host_of("x" + domain), answer(), "unknown CA")
    publish(world, "x" + domain, WEB)
    expect(fetch("x" + domain, env=env), "cert-untrusted")
    assert asked == [], "the proxy was asked"
    assert not os.path.exists(os.path.join(home, "keys"))
    proxy.shutdown()
    proxy.server_close()


@special
def authorities(world, domain):
    """--ca-file is trusted alone, --ca-path instead of the system's"""
    foreign = os.path.join(world.directory, "ca-foreign.pem")
    root = os.path.join(world.directory, "ca-root.pem")
    path = os.path.join(world.directory, "ca-foreign")
    world.certs.write_root("foreign", foreign)
    world.certs.write_root("root", root)
    os.mkdir(path)
    os.chmod(path, 0o755)
    world.certs.hashed_directory("foreign", path)
    world.add(host_of(domain), answer())
    world.add(host_of("x" + domain), answer(), "unknown CA")
    publish(world, domain, WEB)
    publish(world, "x" + domain, WEB)
    for args, ours, theirs in (
            ((), "ok", "cert-untrusted"),
            (("--ca-file", root), "ok", "cert-untrusted"),
            (("--ca-file", foreign), "cert-untrusted", "ok"),
            (("--ca-path", path), "cert-untrusted", "ok"),
            (("--ca-file", root, "--ca-path", path), "ok", "ok")):
        expect(fetch(domain, *args), ours)
        expect(fetch("x" + domain, *args), theirs)


@special
def no_authorities(world, domain):
    """authorities that are not there are our trouble, not the remote's"""
    site = world.add(host_of(domain), answer())
    publish(world, domain, WEB)
    rubbish = os.path.join(world.directory, "rubbish.pem")
    with open(rubbish, "w", encoding="ascii") as out:
        out.write("no certificate\n")
    secret = os.path.join(world.directory, "secret.pem")
    world.certs.write_root("root", secret)
    os.chmod(secret, 0o600)
    for args, word in ((("--ca-file", "/nonexistent"), "ca-file"),
                       (("--ca-file", rubbish), "ca-file"),
                       (("--ca-file", secret), "ca-file"),
                       (("--ca-path", "/nonexistent"), "ca-path")):
        done = fetch(domain, *args)
        assert (done.code, done.word) == (3, word), done.err
        assert done.out == b""
    assert site.requests == []


@special
def usage(_world, _domain):
    """wrong arguments: exit 2, one line, nothing asked"""
    for args in ((), ("a.test", "b.test"), ("--nonsense", "a.test"),
                 ("--timeout", "0", "a.test"), ("--timeout", "", "a.test"),
                 ("--timeout", "nan", "a.test"),
                 ("--timeout", "5x", "a.test"),
                 ("--timeout", "99999", "a.test"), ("--timeout",), ("",),
                 ("a..test",), ("127.0.0.1",), ("[::1]",), ("a b.test",),
                 ("a.test/x",), ("a.test:80",), ("user@a.test",),
                 ("a" * 64 + ".test",), ("\n",)):
        done = run(*args)
        assert done.code == 2 and done.out == b"", (args, done)
        assert re.fullmatch(r"[a-z0-9-]{1,31}: [ -~]{1,199}\n", done.err), \
            (args, done.err)


@special
def help_and_version(_world, _domain):
    """--help and --version say so"""
    done = run("--help")
    assert done.code == 0 and done.out.startswith(b"usage: mta-sts-fetch ")
    done = run("--version")
    assert done.code == 0
    assert re.fullmatch(rb"mta-sts-fetch [0-9.]+\nseccomp: (yes|no)\n"
                        rb"Landlock: (version [0-9]+|no)\n", done.out), \
        done.out


@special
def spellings(world, _domain):
    """any spelling of a domain leads to its one policy host"""
    world.add("mta-sts.xn--bcher-kva.test", answer())
    publish(world, "xn--bcher-kva.test", WEB)
    for name in ("b\u00fccher.test", "xn--bcher-kva.test",
                 "XN--BCHER-KVA.Test", "xn--bcher-kva.test."):
        expect(fetch(name), "ok")


@special
def longest_name(world, _domain):
    """a name as long as can be"""
    name = ".".join(["a" * 60] * 3 + ["b" * 55, "test"])
    world.add(host_of(name), answer())
    publish(world, name, WEB)
    expect(fetch(name), "ok")


@special
def closed_output(world, domain):
    """a body that nobody takes is no success"""
    world.add(host_of(domain), answer(body=PADDED))
    publish(world, domain, WEB)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([FETCH, domain], env={}, stdout=full,
                              stderr=subprocess.PIPE, timeout=30,
                              check=False)
    assert done.returncode == 3, done.returncode
    assert done.stderr.startswith(b"write: "), done.stderr


# --- running all ------------------------------------------------------------
def tests():
    for number, case in enumerate(CASES):
        yield case.sentence, (lambda world, domain, case=case:
                              check(world, case, domain)), f"c{number}.test"
    for number, function in enumerate(SPECIAL):
        yield function.__doc__, function, f"s{number}.test"


def attempt(world, sentence, function, domain):
    try:
        function(world, domain)
    except (AssertionError, OSError, ValueError, IndexError,
            subprocess.SubprocessError) as why:
        return f"FAIL {sentence}: {why!r}"
    return None


def run_all(world):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(attempt, world, *test) for test in tests()]
        failures = [f.result() for f in futures if f.result()]
    count = len(futures)
    # What no single case would notice.
    reached = [a for a in TRAPS if world.reached[a]]
    if reached:
        failures.append(f"FAIL a trap was reached: {reached}")
    failures += [f"FAIL a server failed: {why!r}" for why in world.broken]
    for line in failures:
        print(line)
    count = max(count, len(failures))
    print(f"fetch: {count - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


def main():
    if os.geteuid() != 0:
        print("fetch: needs root", file=sys.stderr)
        return 3
    if len(sys.argv) < 2 or sys.argv[1] == fetch_world.namespaces():
        fetch_world.enter(os.path.abspath(__file__))
    directory = tempfile.mkdtemp()
    try:
        os.chmod(directory, 0o755)
        fetch_world.make_network()
        fetch_world.make_files(directory)
        world = World(directory)
        world.certs.hashed_directory("root", fetch_world.STORE)
        for address in ("127.0.0.9", "fc00::9"):
            world.listen(address)
        return run_all(world)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
