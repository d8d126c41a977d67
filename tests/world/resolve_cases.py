#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""resolve_cases.py [PROBE] - resolve_txt() against name servers that lie,
flood, drip and fall silent, in a network and mount namespace of its own."""

import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from dnslib import CNAME, DNSRecord, QTYPE, RCODE, RR, TXT

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("MTA_STS_BUILD", "build")
PROBE = os.path.join(HERE, "..", "..", BUILD, "tests/world/resolve_probe")

GOOD = "127.0.0.1"
SERVFAILS = "127.0.0.2"
SILENT = "127.0.0.3"
NOBODY = "127.0.0.4"
REFUSES = "127.0.0.5"
LAME = "127.0.0.6"
NO_TCP = "127.0.0.7"
SILENT_TOO = "127.0.0.8"
V6 = "::1"
LINK_LOCAL = "fe80::53%lo"

LATE_MS = 300  # what a loaded machine may add to a time limit
RECORD = b"v=STSv1; id=20240101;"
BIG = [bytes([65 + i % 26]) * 255 for i in range(255)]


# --- what the server says, by the first label of the name -------------------
def txt(query, *records, ttl=300):
    reply = query.reply()
    for strings in records or ((RECORD,),):
        reply.add_answer(RR(query.q.qname, QTYPE.TXT, ttl=ttl,
                            rdata=TXT(list(strings))))
    return reply


def failing(query, rcode):
    reply = query.reply()
    reply.header.rcode = getattr(RCODE, rcode)
    return reply


def cut(query):
    reply = query.reply()
    reply.header.tc = 1
    return reply


def chain(query):
    """Three names in a row, told backwards."""
    a = query.q.qname
    reply = query.reply()
    reply.add_answer(RR("c.test", QTYPE.TXT, ttl=900, rdata=TXT(RECORD)))
    reply.add_answer(RR("b.test", QTYPE.CNAME, ttl=60, rdata=CNAME("C.test")))
    reply.add_answer(RR(a, QTYPE.CNAME, ttl=3600, rdata=CNAME("b.test")))
    return reply


def as_asked(query):
    """A record that says how the question looked."""
    opt = [rr for rr in query.ar if rr.rtype == QTYPE.OPT]
    h = query.header
    said = (f"rd={h.rd} tc={h.tc} q={len(query.questions)} "
            f"counts={h.a}/{h.auth}/{h.ar} class={query.q.qclass} "
            f"type={query.q.qtype} size={opt[0].rclass if opt else 0} "
            f"edns={opt[0].ttl if opt else '-'}")
    return txt(query, (said.encode(),))


def other_case(query):
    wire = bytearray(txt(query).pack())
    end = wire.index(0, 12)
    wire[12:end] = wire[12:end].upper()
    return bytes(wire)


def patched(query, offset, value):
    wire = bytearray(txt(query).pack())
    wire[offset] = value
    return bytes(wire)


def wrong_id(query):
    return patched(query, 0, (query.header.id >> 8) ^ 0xff)


def wrong_name(query):
    other = DNSRecord.question("other.test", "TXT")
    other.header.id = query.header.id
    return txt(other)


def wrong_type(query):
    other = DNSRecord.question(str(query.q.qname), "A")
    other.header.id = query.header.id
    return txt(other)


def wrong_class(query):
    wire = bytearray(txt(query).pack())
    wire[wire.index(0, 12) + 4] = 3
    return bytes(wire)


def only_header(query, rcode):
    return struct.pack(">HHHHHH", query.header.id, 0x8000 | rcode, 0, 0, 0, 0)


def old_server(query, refusal):
    return txt(query) if not query.ar else refusal


def lies_about_counts(query):
    return patched(query, 6, 0xff)


class Drop:
    """Loses the first packet of each name."""

    def __init__(self, loses):
        self.loses = loses
        self.seen = 0

    def __call__(self, query):
        self.seen += 1
        return txt(query) if self.seen > self.loses else None


class Late:
    """Answers the first packet after some time, and no other."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.seen = 0

    def __call__(self, query):
        self.seen += 1
        if self.seen > 1:
            return None
        time.sleep(self.seconds)
        return txt(query)


class Flood:
    """False answers without end, and a true one after some time."""

    def __init__(self, make, seconds, true_after=None):
        self.make, self.seconds, self.true_after = make, seconds, true_after

    def send(self, query, say):
        packet = packed(self.make(query))
        begun = time.monotonic()
        told = self.true_after is None
        while time.monotonic() - begun < self.seconds:
            say(packet)
            if not told and time.monotonic() - begun > self.true_after:
                say(packed(txt(query)))
                told = True


UDP = {
    "plain": txt,
    "asked": as_asked,
    "id": lambda q: txt(q, (b"%d" % q.header.id,)),
    "strings": lambda q: txt(q, (b"v=STS", b"", b"v1; id=", b"1;")),
    "records": lambda q: txt(q, (b"one",), (b"two",), (b"three", b"!")),
    "bytes": lambda q: txt(q, (bytes(range(255)),)),
    "chain": chain,
    "case": other_case,
    "nxdomain": lambda q: failing(q, "NXDOMAIN"),
    "nodata": lambda q: q.reply(),
    "servfail": lambda q: failing(q, "SERVFAIL"),
    "refused": lambda q: failing(q, "REFUSED"),
    "notauth": lambda q: failing(q, "NOTAUTH"),
    "silence": lambda q: None,
    "drop": Drop(1),
    "droptwo": Drop(2),
    "late": Late(1.3),
    "latest": Late(1.25),
    "wrongid": wrong_id,
    "wrongname": wrong_name,
    "wrongtype": wrong_type,
    "wrongclass": wrong_class,
    "echo": lambda q: q.pack(),
    "opcode": lambda q: patched(q, 2, 0x95),
    "twoquestions": lambda q: patched(q, 5, 2),
    "short": lambda q: txt(q).pack()[:20],
    "empty": lambda q: b"",
    "counts": lies_about_counts,
    "garbage": lambda q: random.Random(1).randbytes(700),
    "flood": Flood(wrong_id, 1.5),
    "floodnoise": Flood(lambda q: b"x" * 600, 1.5),
    "floodtrue": Flood(wrong_id, 0.6, true_after=0.3),
    "formerr": lambda q: old_server(q, failing(q, "FORMERR")),
    "formerrbare": lambda q: old_server(q, only_header(q, 1)),
    "notimp": lambda q: old_server(q, failing(q, "NOTIMP")),
    "formerrever": lambda q: failing(q, "FORMERR"),
    "refusedbare": lambda q: only_header(q, 5),
    "toolong": lambda q: txt(q, (b"x" * 255,) * 8),
}


def tcp_silence(_query, _conn):
    time.sleep(5)


def tcp_drip(query, conn):
    wire = packed(txt(query, BIG))
    for byte in struct.pack(">H", len(wire)) + wire:
        conn.sendall(bytes([byte]))
        time.sleep(0.02)


def tcp_length_only(_query, conn):
    conn.sendall(b"\xff\xff")
    time.sleep(5)


def tcp_reset(_query, conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


def tcp_message(make):
    def answer(query, conn):
        wire = packed(make(query))
        conn.sendall(struct.pack(">H", len(wire)) + wire)
    return answer


def tcp_half(query, conn):
    wire = packed(txt(query))
    conn.sendall(struct.pack(">H", len(wire)) + wire[:30])


# Names that are truncated over UDP, and what TCP says then.
TCP = {
    "tc": tcp_message(txt),
    "tcbig": tcp_message(lambda q: txt(q, BIG)),
    "tcsilence": tcp_silence,
    "tcdrip": tcp_drip,
    "tclength": tcp_length_only,
    "tcclose": lambda q, c: None,
    "tcreset": tcp_reset,
    "tchalf": tcp_half,
    "tcwrongid": tcp_message(wrong_id),
    "tcagain": tcp_message(cut),
    "tcshort": tcp_message(lambda q: b"12345"),
    "tcservfail": tcp_message(lambda q: failing(q, "SERVFAIL")),
    "tcnxdomain": tcp_message(lambda q: failing(q, "NXDOMAIN")),
    "tcformerr": tcp_message(lambda q: old_server(q, only_header(q, 1))),
    "toolong": tcp_message(UDP["toolong"]),
}


# --- the server ---------------------------------------------------------------
def packed(reply):
    return reply.pack() if isinstance(reply, DNSRecord) else bytes(reply)


def behaviour(address, query):
    if address == SERVFAILS:
        return lambda q: failing(q, "SERVFAIL")
    if address in (SILENT, SILENT_TOO):
        return lambda q: None
    if address == REFUSES:
        return lambda q: failing(q, "REFUSED")
    if address == LAME:
        return lambda q: q.reply(ra=0, aa=0)
    label = str(query.q.qname).split(".", 1)[0].lower()
    return UDP.get(label, cut)


def answer_datagram(sock, address, data, peer):
    query = DNSRecord.parse(data)
    act = behaviour(address, query)
    try:
        if isinstance(act, Flood):
            act.send(query, lambda packet: sock.sendto(packet, peer))
            return
        reply = act(query)
        if reply is not None:
            sock.sendto(packed(reply), peer)
    except OSError:
        pass  # the asker has gone


def serve_datagrams(sock, address):
    while True:
        try:
            data, peer = sock.recvfrom(4096)
        except ConnectionError:
            continue
        start(answer_datagram, sock, address, data, peer)


def answer_stream(conn):
    with conn:
        try:
            size, = struct.unpack(">H", conn.recv(2, socket.MSG_WAITALL))
            query = DNSRecord.parse(conn.recv(size, socket.MSG_WAITALL))
            label = str(query.q.qname).split(".", 1)[0]
            TCP.get(label, tcp_message(UDP.get(label, txt)))(query, conn)
        except (OSError, struct.error):
            pass  # the asker has gone


def serve_streams(sock):
    while True:
        start(answer_stream, sock.accept()[0])


def start(task, *args):
    threading.Thread(target=task, args=args, daemon=True).start()


def bound(kind, address):
    info = socket.getaddrinfo(address, 53, type=kind)[0]
    sock = socket.socket(info[0], kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(info[4])
    return sock


def serve():
    for address in (GOOD, SERVFAILS, SILENT, REFUSES, LAME, NO_TCP,
                    SILENT_TOO, V6, LINK_LOCAL):
        start(serve_datagrams, bound(socket.SOCK_DGRAM, address), address)
    for address in (GOOD, V6, LINK_LOCAL):
        sock = bound(socket.SOCK_STREAM, address)
        sock.listen(16)
        start(serve_streams, sock)


# --- the cases ----------------------------------------------------------------
class Case:
    def __init__(self, sentence, name, want, records=None, servers=(GOOD,),
                 limit=600, least=0, most=None, ttl=None, options=""):
        self.sentence, self.name, self.want = sentence, name, want
        self.servers, self.limit, self.options = servers, limit, options
        self.records = records
        if records is None:
            self.records = [RECORD] if want == "ok" else []
        self.least = least
        self.most = limit + LATE_MS if most is None else most
        self.ttl = ttl


def good(sentence, name, records=None, **more):
    return Case(sentence, name, "ok", records, limit=3000, most=LATE_MS,
                **more)


def bad(sentence, name, word, **more):
    more.setdefault("most", LATE_MS)
    return Case(sentence, name, f"dns {word}", **more)


def timed_out(sentence, name, word="dns-timeout", limit=600, **more):
    """Fails when its time is over: no later, and not much earlier."""
    return bad(sentence, name, word, limit=limit, least=limit - 20,
               most=limit + LATE_MS, **more)


ASKED = b"rd=1 tc=0 q=1 counts=0/0/1 class=1 type=16 size=1232 edns=0"

CASES = (
    good("one record", "plain", ttl=300),
    good("the question is well formed, with EDNS0", "asked", [ASKED]),
    good("strings of a record are joined", "strings",
         [b"v=STSv1; id=1;"]),
    good("several records in order", "records", [b"one", b"two", b"three!"]),
    good("any byte", "bytes", [bytes(range(255))]),
    good("a chain of CNAMEs told backwards, smallest TTL", "chain", ttl=60),
    good("the question in other case", "case"),
    Case("NXDOMAIN", "nxdomain", "absent nxdomain", most=LATE_MS),
    Case("no TXT record", "nodata", "absent nodata", most=LATE_MS),
    Case("a name too long for DNS", ".".join(["x" * 61] * 4) + ".abcdefg",
         "absent nxdomain", most=LATE_MS),
    bad("SERVFAIL", "servfail", "servfail"),
    bad("REFUSED", "refused", "refused"),
    bad("a code that makes no sense", "notauth", "dns-garbage"),
    timed_out("a silent server", "silence"),
    timed_out("three silent servers", "silence",
              servers=(SILENT, SILENT_TOO, SILENT)),
    bad("no time at all", "plain", "dns-timeout", limit=0),
    bad("a deadline in the past", "plain", "dns-timeout", limit=-5000),
    Case("the first packet is lost", "drop", "ok", limit=3000, least=900,
         most=1000 + LATE_MS),
    Case("two packets are lost", "droptwo", "ok", limit=1500, least=900,
         most=1000 + LATE_MS),
    Case("a late answer to the first packet counts", "late", "ok",
         limit=3000, least=1250, most=1300 + LATE_MS),

    timed_out("only answers with a wrong id", "wrongid", "dns-garbage"),
    timed_out("a flood of wrong ids", "flood", "dns-garbage"),
    timed_out("a flood of noise", "floodnoise", "dns-garbage"),
    Case("the true answer within a flood", "floodtrue", "ok", limit=1000,
         least=250, most=700),
    timed_out("another name", "wrongname", "dns-garbage", limit=600),
    timed_out("another type", "wrongtype", "dns-garbage", limit=600),
    timed_out("another class", "wrongclass", "dns-garbage", limit=600),
    timed_out("our own question", "echo", "dns-garbage", limit=600),
    timed_out("another opcode", "opcode", "dns-garbage", limit=600),
    timed_out("two questions", "twoquestions", "dns-garbage", limit=600),
    timed_out("half a question", "short", "dns-garbage", limit=600),
    timed_out("an empty packet", "empty", "dns-garbage", limit=600),
    timed_out("random bytes", "garbage", "dns-garbage", limit=600),
    bad("more records promised than there are", "counts", "dns-garbage"),

    good("FORMERR to EDNS0, then asked without", "formerr"),
    good("FORMERR that repeats no question", "formerrbare"),
    good("NOTIMP to EDNS0, then asked without", "notimp"),
    timed_out("FORMERR whatever is asked", "formerrever", "dns-garbage"),
    timed_out("REFUSED that repeats no question", "refusedbare",
              "dns-garbage", limit=600),

    good("truncated, then TCP", "tc"),
    good("65,025 bytes over TCP", "tcbig", [b"".join(BIG)]),
    good("more over UDP than we take, then TCP", "toolong",
         [b"x" * 255 * 8]),
    timed_out("TCP never answers", "tcsilence"),
    timed_out("TCP drips", "tcdrip"),
    timed_out("TCP sends a length and stops", "tclength"),
    bad("TCP refuses", "tc", "dns-unreachable", servers=(NO_TCP,)),
    bad("TCP hangs up", "tcclose", "dns-garbage"),
    bad("TCP resets", "tcreset", "dns-unreachable"),
    bad("TCP hangs up in mid-answer", "tchalf", "dns-garbage"),
    bad("TCP answers with a wrong id", "tcwrongid", "dns-garbage"),
    bad("TCP truncates too", "tcagain", "dns-garbage"),
    bad("TCP sends less than a header", "tcshort", "dns-garbage"),
    bad("TCP says SERVFAIL", "tcservfail", "servfail"),
    Case("TCP says NXDOMAIN", "tcnxdomain", "absent nxdomain", most=LATE_MS),
    good("TCP knows no EDNS0", "tcformerr"),
    good("resolv.conf wants TCP only", "asked", [ASKED], options="use-vc"),
    bad("TCP only, and nobody there", "plain", "dns-unreachable",
        servers=(NO_TCP,), options="use-vc"),

    good("the first server is not there", "plain", servers=(NOBODY, GOOD)),
    Case("the first server is silent", "plain", "ok", limit=3000,
         servers=(SILENT, GOOD), least=400, most=500 + LATE_MS),
    good("the first server says SERVFAIL", "plain",
         servers=(SERVFAILS, GOOD)),
    good("the first server refuses", "plain", servers=(REFUSES, GOOD)),
    good("the first server does not recurse", "plain", servers=(LAME, GOOD)),
    Case("the first server's TCP hangs", "tcsilence", "dns servfail",
         servers=(GOOD, SERVFAILS), least=250, most=300 + LATE_MS),
    Case("a slow server's answer counts when all turns are over", "latest",
         "ok", limit=1500, servers=(GOOD, SERVFAILS), least=1200,
         most=1500 + LATE_MS),
    Case("NXDOMAIN is the last word", "nxdomain", "absent nxdomain",
         servers=(GOOD, SERVFAILS), most=LATE_MS),
    bad("nobody there", "plain", "dns-unreachable", servers=(NOBODY,)),
    bad("no way there", "plain", "dns-unreachable", servers=("192.0.2.1",)),
    bad("no server recurses", "plain", "refused", servers=(LAME,)),
    timed_out("SERVFAIL tells more than silence", "plain", "servfail",
              servers=(SERVFAILS, SILENT)),
    timed_out("silence tells more than nobody there", "plain",
              servers=(NOBODY, SILENT)),
    bad("SERVFAIL tells more than REFUSED", "plain", "servfail",
        servers=(REFUSES, SERVFAILS, NOBODY)),
    good("a server of IPv6", "plain", servers=(V6,)),
    good("a server of IPv6 over TCP", "tc", servers=(V6,)),
    good("a link-local server", "plain", servers=(LINK_LOCAL,)),
    good("servers of both families", "plain",
         servers=(NOBODY, V6, SERVFAILS)),
    good("an empty resolv.conf means 127.0.0.1", "plain", servers=()),
)


class Resolver:
    """The probe, and the resolv.conf it sees."""

    def __init__(self, probe, resolv_conf):
        self.probe, self.path = probe, resolv_conf

    def configure(self, servers, options=""):
        with open(self.path, "w", encoding="ascii") as conf:
            for address in servers:
                conf.write(f"nameserver {address}\n")
            if options:
                conf.write(f"options {options}\n")

    def ask(self, name, limit):
        done = subprocess.run([self.probe, name, str(limit)], timeout=20,
                              capture_output=True, check=False, text=True)
        if done.returncode != 0:
            raise AssertionError(f"probe ended with {done.returncode}")
        head, *records = done.stdout.splitlines()
        status, word, ttl, elapsed = head.split()
        return (status, word, int(ttl), int(elapsed),
                [bytes.fromhex(r) for r in records])


def check(resolver, case):
    resolver.configure(case.servers, case.options)
    name = case.name if "." in case.name else case.name + ".test"
    status, word, ttl, elapsed, records = resolver.ask(name, case.limit)
    got = "ok" if status == "ok" else f"{status} {word}"
    assert got == case.want, f"got {got}, want {case.want}"
    assert records == case.records, f"got {records!r:.200}"
    assert case.ttl in (None, ttl), f"got TTL {ttl}, want {case.ttl}"
    assert case.least <= elapsed <= case.most, \
        f"took {elapsed} ms, not {case.least} to {case.most}"


def check_ids(resolver):
    """Ids are not to be guessed: 12 of them hardly repeat."""
    resolver.configure([GOOD])
    ids = {resolver.ask("id.test", 1000)[4][0] for _ in range(12)}
    assert len(ids) > 9, f"only {len(ids)} different ids of 12"


def run(probe):
    broken = []  # a server that fails proves nothing about the client
    threading.excepthook = lambda why: broken.append(why.exc_value)
    resolver = Resolver(probe, "/etc/resolv.conf")
    tests = [(c.sentence, lambda r, c=c: check(r, c)) for c in CASES]
    tests.append(("ids are random", check_ids))
    failed = 0
    for sentence, test in tests:
        try:
            test(resolver)
            assert not broken, f"the server failed: {broken.pop()!r}"
        except (AssertionError, ValueError,
                subprocess.TimeoutExpired) as why:
            failed += 1
            print(f"FAIL {sentence}: {why}")
    print(f"resolve: {len(tests) - failed} passed, {failed} failed")
    return 1 if failed else 0


# --- a world of its own -------------------------------------------------------
def namespaces():
    return ":".join(os.readlink(f"/proc/self/ns/{n}") for n in ("net", "mnt"))


def enter(probe):
    """Runs this script again where it may change what it likes."""
    os.execvp("unshare", ["unshare", "-nm", "--propagation", "private", "--",
                          sys.executable, os.path.abspath(__file__), probe,
                          namespaces()])


def make_world(directory):
    """Loopback, a link-local address, and a resolv.conf of our own."""
    mine = os.path.join(directory, "resolv.conf")
    with open(mine, "w", encoding="ascii"):
        pass
    for command in (["ip", "link", "set", "lo", "up"],
                    ["ip", "-6", "addr", "add", "fe80::53/64", "dev", "lo",
                     "nodad"],
                    ["mount", "--bind", mine,
                     os.path.realpath("/etc/resolv.conf")]):
        subprocess.run(command, check=True)


def main():
    probe = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else PROBE)
    if os.geteuid() != 0:
        print("resolve: needs root", file=sys.stderr)
        return 3
    if len(sys.argv) < 3 or sys.argv[2] == namespaces():
        enter(probe)
    with tempfile.TemporaryDirectory() as directory:
        make_world(directory)
        serve()
        return run(probe)


if __name__ == "__main__":
    sys.exit(main())
