#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""post_cases.py - mta-sts-fetch --post: reports to hosts of every kind, over
real DNS, TCP and TLS, in a network and mount namespace of its own."""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile

import fetch_world
from fetch_cases import FETCH, NOBODY, answer, redirect, repeated, sent
from fetch_world import TRAPS, WEB, WEB6, World

TYPE = "application/tlsrpt+gzip"
LIMIT = 8  # seconds for a post that should not need them
MOST = 10 << 20  # bytes of a report
REPORT = gzip.compress(b'{"report-id":"1"}')

# Sentence, answer, word; more: kind of certificate, addresses, options.
ANSWERS = (
    ("HTTP 200", answer(), "ok", {}),
    ("HTTP 201 without a body", answer("201 Made", b""), "ok", {}),
    ("HTTP 202 of a strange type, compressed",
     answer("202 Yes", kind="text/html", more=["Content-Encoding: gzip"]),
     "ok", {}),
    ("HTTP 204", answer("204 Nothing", b"", length=False, kind=None), "ok",
     {}),
    ("HTTP 299", answer("299 Well"), "ok", {}),
    ("103, then 200", b"HTTP/1.1 103 Wait\r\n\r\n" + answer(), "ok", {}),
    ("200, and a page without end", repeated(answer(length=10**10), b"x" * 4096),
     "ok", {}),
    ("200, and then nothing more", sent(answer(length=99), end="silence"),
     "ok", {}),
    ("by IPv6", answer(), "ok", {"address": (WEB6,)}),
    *((f"HTTP {code}", answer(f"{code} No"), f"http-{code}", {})
      for code in (400, 401, 404, 413, 429, 500, 503)),
    *((f"HTTP {code}", redirect(code), "redirect", {})
      for code in (301, 302, 303, 307, 308)),
    ("no answer", b"", "truncated", {}),
    ("no HTTP", b"220 mail ESMTP\r\n", "http-protocol", {}),
    ("silence", sent(end="silence"), "timeout", {"limit": 1}),
    ("a byte each 50 ms", sent(*[bytes([c]) for c in answer()], pause=.05),
     "timeout", {"limit": 1}),
    *((f"certificate: {kind}", answer(), word, {"kind": kind})
      for kind, word in (("expired", "cert-expired"),
                         ("self-signed", "cert-untrusted"),
                         ("elsewhere", "cert-name"),
                         ("CN only", "cert-name"))),
    *((f"{address} is refused", answer(), "address-refused",
       {"address": (address,)}) for address in (*TRAPS, "::ffff:7f00:1")),
    ("a private address when allowed", answer(), "ok",
     {"address": ("127.0.0.9",), "options": ("--allow-private",)}),
)

# Where nothing may be sent at all.
URLS = (
    ("http", "http://{host}/"),
    ("another port", "https://{host}:8443/"),
    ("even that port", "https://{host}:443/"),
    ("a user", "https://me@{host}/"),
    ("a password", "https://me:too@{host}/"),
    ("an address", "https://203.0.114.10/"),
    ("an IPv6 address", "https://[2a0f:5707::10]/"),
    ("no host", "https:///tls"),
    ("a blank", "https://{host}/a b"),
    ("a line end", "https://{host}/a\r\nX-Evil: 1"),
    ("a fragment", "https://{host}/#a"),
    ("a backslash", "https://{host}\\@evil.test/"),
    ("bytes that are not ASCII", "https://{host}/\u00e4"),
    ("a file", "file:///etc/passwd"),
    ("a URL without end", "https://{host}/" + "a" * 2000),
)


def post(url, report=REPORT, limit=LIMIT, options=()):
    done = subprocess.run(
        [FETCH, "--timeout", str(limit), *options, "--post", TYPE, "--", url],
        input=report, env={}, cwd="/", capture_output=True, check=False,
        timeout=limit + 10)
    assert done.stdout == b"", done.stdout
    return ("ok" if done.returncode == 0 else
            done.stderr.decode().partition(":")[0]), done


def know(world, host, *addresses):
    for address in addresses:
        world.dns.add(host, "AAAA" if ":" in address else "A", address)


def answered(world, host, said, want, kind="good", address=(WEB,), limit=LIMIT,
             options=()):
    know(world, host, *address)
    site = world.add(host, said, kind)
    word, done = post(f"https://{host}/v1/tls?a=b", limit=limit,
                      options=options)
    assert word == want, done
    taken = [request.body for request in site.requests]
    # At most once, whatever came of it.
    assert taken in ([REPORT], []), taken
    assert taken == [REPORT] or want != "ok", "not sent"
    if want.startswith(("cert-", "address-")):
        assert not taken, "sent to a stranger"


def as_it_was_sent(world, host):
    """the request is a POST of that type to that path, and says no more"""
    know(world, host, WEB)
    site = world.add(host, answer("201 Made", b""))
    assert post(f"https://{host.upper()}/v1/tls?a=b")[0] == "ok"
    request, = site.requests
    assert request.line == "POST /v1/tls?a=b HTTP/1.1", request.line
    assert set(request.headers) == {
        "host", "user-agent", "accept", "content-type",
        "content-length"}, request.headers
    assert request.headers["content-type"] == TYPE
    assert request.headers["host"] == host
    assert set(request.client.uids) == {NOBODY}, request.client.uids
    assert post(f"https://{host}")[0] == "ok"
    assert site.requests[1].line == "POST / HTTP/1.1"


def large(world, host):
    """10 MiB are sent, one byte more is not"""
    know(world, host, WEB)
    site = world.add(host, answer("200 Yes", b""))
    whole = os.urandom(1 << 20) * (MOST >> 20)
    assert post(f"https://{host}/", whole)[0] == "ok"
    assert site.requests[0].body == whole
    word, done = post(f"https://{host}/", whole + b"x")
    assert (word, done.returncode) == ("too-large", 3), done
    assert len(site.requests) == 1


def refused_urls(world, host):
    """to what is no plain https://HOST/PATH nothing is sent"""
    know(world, host, WEB)
    site = world.add(host, answer())
    for what, url in URLS:
        word, done = post(url.format(host=host))
        assert (word, done.returncode) == ("url", 2), (what, done)
    assert site.connections == 0


def tests():
    for number, (sentence, said, want, more) in enumerate(ANSWERS):
        yield (f"{sentence}: {want}", lambda world, host, said=said, want=want,
               more=more: answered(world, host, said, want, **more),
               f"p{number}.test")
    for number, function in enumerate((as_it_was_sent, large, refused_urls)):
        yield function.__doc__, function, f"s{number}.test"


def run_all(world):
    passed = failed = 0
    for sentence, function, host in tests():
        try:
            function(world, host)
        except (AssertionError, OSError, ValueError, IndexError,
                subprocess.SubprocessError) as why:
            failed += 1
            print(f"FAIL {sentence}: {why!r}")
        else:
            passed += 1
    reached = [address for address in TRAPS if world.reached[address]]
    if reached:
        failed += 1
        print(f"FAIL a trap was reached: {reached}")
    print(f"post: {passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    if os.geteuid() != 0:
        print("post: needs root", file=sys.stderr)
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
        world.listen("127.0.0.9")
        return run_all(world)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
