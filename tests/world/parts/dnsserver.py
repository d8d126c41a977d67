# SPDX-License-Identifier: GPL-2.0-or-later
"""The world's only DNS server: it answers for every name there is, as a
validating resolver would, and can be told to fail in many ways."""

import collections
import socket
import struct
import threading
import time

import dnslib
from dnslib import QTYPE, RCODE, RR

from .listener import Listener, bound_socket

ADDRESS = "203.0.114.53"
TTL = 60
_RDATA = {
    "A": dnslib.A,
    "AAAA": dnslib.AAAA,
    "CNAME": dnslib.CNAME,
    "MX": lambda pair: dnslib.MX(pair[1], pair[0]),
    "TXT": dnslib.TXT,  # one string, or a list of the strings of one record
    "TLSA": lambda four: dnslib.TLSA(*four),
}
_SOA = dnslib.SOA("ns.test", "root.test", (1, 60, 60, 60, 60))
_RCODES = {"servfail": RCODE.SERVFAIL, "refused": RCODE.REFUSED,
           "nxdomain": RCODE.NXDOMAIN}


class DnsServer:
    """records[name, type] is a list of data, changeable at any time.

    faults[name, type] (or faults[name], for all types): "servfail",
    "refused", "nxdomain", "silence", "garbage", "cut" (half of the answer),
    "question" (an answer to another one), "flood" (64 KiB by TCP), or seconds
    of delay.
    secure is a set of domains whose names are answered with the AD bit.
    queries counts what was asked, by (name, type).
    """

    def __init__(self):
        self.records = {}
        self.faults = {}
        self.secure = set()
        self.queries = collections.Counter()
        self._lock = threading.Lock()
        self._udp = bound_socket(ADDRESS, 53, socket.SOCK_DGRAM)
        threading.Thread(target=self._serve_udp, daemon=True).start()
        Listener(ADDRESS, 53, self._serve_tcp)

    def reset(self):
        for kept in (self.records, self.faults, self.secure, self.queries):
            kept.clear()

    def add(self, name, kind, *data):
        self.records.setdefault((name.lower(), kind), []).extend(data)

    def put(self, name, kind, *data):
        """The record set from now on; without data it is gone."""
        if data:
            self.records[name.lower(), kind] = list(data)
        else:
            self.records.pop((name.lower(), kind), None)

    def asked(self, name, kind):
        return self.queries[name.lower(), kind]

    def asked_below(self, domain):
        """Queries for domain and every name under it."""
        return sum(count for (name, _), count in self.queries.items()
                   if name == domain or name.endswith("." + domain))

    def _serve_udp(self):
        while True:
            packet, peer = self._udp.recvfrom(65535)
            threading.Thread(target=self._answer_udp, args=(packet, peer),
                             daemon=True).start()

    def _answer_udp(self, packet, peer):
        answer = self._answer(packet, True)
        if answer:
            self._udp.sendto(answer, peer)

    def _serve_tcp(self, conn, _peer):
        stream = conn.makefile("rb")
        while True:
            head = stream.read(2)
            if len(head) < 2:
                return
            packet = stream.read(struct.unpack("!H", head)[0])
            answer = self._answer(packet, False)
            if not answer:
                return
            conn.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, packet, over_udp):
        try:
            query = dnslib.DNSRecord.parse(packet)
        except dnslib.DNSError:
            return None
        name = str(query.q.qname).rstrip(".").lower()
        kind = QTYPE.get(query.q.qtype, str(query.q.qtype))
        with self._lock:
            self.queries[name, kind] += 1
        fault = self.faults.get((name, kind), self.faults.get(name))
        if isinstance(fault, (int, float)):
            time.sleep(fault)
        if fault == "silence":
            return None
        if fault == "garbage":
            return packet[:2] + b"\x81\x80" + b"\xff" * 40
        if fault == "question":
            query.q.qname = dnslib.DNSLabel("other." + name)
            name = "other." + name
        reply = self._reply(query, name, kind, fault)
        if fault == "flood":
            for place in range(230):
                reply.add_answer(RR(name, QTYPE.TXT, ttl=TTL,
                                    rdata=dnslib.TXT(f"{place:0>255}")))
        packet = self._fit(query, reply, over_udp)
        return packet[:len(packet) // 2] if fault == "cut" else packet

    def _reply(self, query, name, kind, fault):
        reply = query.reply(ra=1, aa=0)
        reply.header.ad = self._is_secure(name)
        if fault in _RCODES:
            reply.header.rcode = _RCODES[fault]
            return reply
        last = self._follow(reply, name, kind)
        if not self._exists(last):
            reply.header.rcode = RCODE.NXDOMAIN
        if not any(QTYPE.get(rr.rtype) == kind for rr in reply.rr):
            reply.add_auth(RR("test", QTYPE.SOA, rdata=_SOA, ttl=TTL))
        return reply

    def _follow(self, reply, name, kind):
        """Adds the answer behind up to eight aliases; the last name."""
        for _ in range(8):
            alias = self.records.get((name, "CNAME"))
            if kind == "CNAME" or not alias:
                break
            self._add(reply, name, "CNAME", alias)
            name = alias[0].rstrip(".").lower()
        self._add(reply, name, kind, self.records.get((name, kind), []))
        return name

    @staticmethod
    def _add(reply, name, kind, data):
        for item in data:
            reply.add_answer(RR(name, getattr(QTYPE, kind), ttl=TTL,
                                rdata=_RDATA[kind](item)))

    def _exists(self, name):
        return any(known == name or known.endswith("." + name)
                   for known, _ in self.records)

    def _is_secure(self, name):
        return any(name == zone or name.endswith("." + zone)
                   for zone in self.secure)

    @staticmethod
    def _fit(query, reply, over_udp):
        room = 512
        for extra in query.ar:
            if extra.rtype == QTYPE.OPT:
                room = max(room, extra.edns_len)
                reply.add_ar(dnslib.EDNS0(udp_len=4096,
                                          flags="do" if extra.edns_do else ""))
        packet = reply.pack()
        if over_udp and len(packet) > room:
            # Not reply.truncate(): that drops the question, too.
            short = query.reply(ra=1, aa=0)
            short.header.tc = 1
            packet = short.pack()
        return packet
