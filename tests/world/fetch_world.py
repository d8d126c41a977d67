# SPDX-License-Identifier: GPL-2.0-or-later
"""The internet as mta-sts-fetch sees it: a network of its own, DNS, and
policy hosts on port 443 of many addresses that do what they are told."""

import collections
import os
import socket
import ssl
import subprocess
import sys
import threading
import warnings

from parts.dnsserver import ADDRESS as DNS_ADDRESS, DnsServer
from parts.listener import Listener, bound_socket
from parts.peer import peer_process

from fetch_certs import Certs

WEB = "203.0.114.10"
WEB6 = "2a0f:5707::10"
# Where nobody of the internet may send us; connections are counted.
TRAPS = ("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1",
         "169.254.169.254", "198.18.0.1", "192.0.2.1", "203.0.113.1",
         "192.0.0.8", "::1", "fc00::1", "fec0::1", "2001:db8::1",
         "64:ff9b::a00:1", "2002:a00:1::1", "2001::1")
ROUTES = ("203.0.114.0/24", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
          "100.64.0.0/10", "169.254.0.0/16", "198.18.0.0/15", "192.0.2.0/24",
          "203.0.113.0/24", "192.0.0.0/24")
ROUTES6 = ("2a0f:5707::/64", "fc00::/7", "fec0::/10", "2001:db8::/32",
           "64:ff9b::/96", "2002::/16", "2001::/32")
HEAD_MAX = 16384
STORE = "/etc/ssl/certs"


class Request:
    """What a client asked over a connection, and which process it was."""

    def __init__(self, tls):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_MAX:
            more = tls.recv(4096)
            if not more:
                raise EOFError
            head += more
        head, _, self.body = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = {name.lower(): value.strip() for name, _, value in
                        (line.partition(":") for line in lines[1:]) if name}
        while len(self.body) < int(self.headers.get("content-length", 0)):
            more = tls.recv(65536)
            if not more:
                raise EOFError
            self.body += more
        self.tls = tls.version()
        self.alpn = tls.selected_alpn_protocol()
        self.client = peer_process(tls)


class Site:
    """A policy host.  answer is bytes, or a function of the TLS socket;
    raw is a function of the TCP socket before any TLS."""

    def __init__(self, host, answer, chain):
        self.host = host
        self.answer = answer
        self.raw = None
        self.requests = []
        self.connections = 0
        self.context = server_context(chain)


def server_context(chain):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def old_context(chain):
    """TLS 1.1 and nothing newer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(chain)
    return context


class World:
    """Sites by name; addresses with a site each, or one for all names."""

    def __init__(self, directory):
        self.directory = directory
        self.dns = DnsServer()
        self.certs = Certs(directory)
        self.by_address = {}
        self.reached = collections.Counter()  # connections, by address
        self.broken = []  # a server that fails proves nothing
        self._sites = {}
        self._lock = threading.Lock()
        self._next = 100
        self._default = server_context(
            self.certs.chain("default.test", "elsewhere"))
        self._default.sni_callback = self._choose
        threading.excepthook = lambda why: self.broken.append(why.exc_value)
        for address in (WEB, WEB6, *TRAPS):
            self.listen(address)

    def listen(self, address):
        return Listener(address, 443, self._serve)

    def new_address(self):
        """A public one that nobody has yet."""
        with self._lock:
            self._next += 1
            return f"203.0.114.{self._next}"

    def black_hole(self):
        """A public address whose SYNs get no answer: its queue is full."""
        address = self.new_address()
        full = bound_socket(address, 443, socket.SOCK_STREAM)
        full.listen(0)
        kept = [full]
        for _ in range(3):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex((address, 443))
            kept.append(client)
        self._kept = getattr(self, "_kept", []) + kept
        return address

    def add(self, host, answer, kind="good"):
        site = Site(host, answer, self.certs.chain(host, kind))
        self._sites[host] = site
        return site

    def _choose(self, tls, name, _context):
        site = self._sites.get(name)
        if site:
            tls.site = site
            with self._lock:
                site.connections += 1
            tls.context = site.context

    def _serve(self, conn, _peer):
        address = conn.getsockname()[0]
        with self._lock:
            self.reached[address] += 1
        alone = self.by_address.get(address)
        if alone and alone.raw:
            alone.raw(conn)
            return
        context = alone.context if alone else self._default
        with context.wrap_socket(conn, server_side=True) as tls:
            site = alone or getattr(tls, "site", None)
            if not site:
                return
            request = Request(tls)
            with self._lock:
                site.requests.append(request)
            if callable(site.answer):
                site.answer(tls)
                return
            tls.sendall(site.answer)
            tls.unwrap()


def namespaces():
    return ":".join(os.readlink(f"/proc/self/ns/{n}") for n in ("net", "mnt"))


def enter(script):
    """Runs script again where it may change what it likes."""
    os.execvp("unshare", ["unshare", "-nm", "--propagation", "private", "--",
                          sys.executable, "-B", script, namespaces()])


def _run(*command):
    subprocess.run(command, check=True, timeout=10)


def make_network():
    """All addresses lead back to us."""
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "addr", "add", "203.0.114.1/32", "dev", "lo")
    _run("ip", "-6", "addr", "add", "2a0f:5707::1/128", "dev", "lo", "nodad")
    for route in ROUTES:
        _run("ip", "route", "add", "local", route, "dev", "lo",
             "src", "203.0.114.1")
    for route in ROUTES6:
        _run("ip", "-6", "route", "add", "local", route, "dev", "lo",
             "src", "2a0f:5707::1")


def make_files(directory):
    """Our resolv.conf, and an empty store of authorities."""
    mine = os.path.join(directory, "resolv.conf")
    with open(mine, "w", encoding="ascii") as conf:
        conf.write(f"nameserver {DNS_ADDRESS}\nsearch search.test\n"
                   "options timeout:5 attempts:2\n")
    os.chmod(mine, 0o644)
    _run("mount", "--bind", mine, os.path.realpath("/etc/resolv.conf"))
    _run("mount", "-t", "tmpfs", "-o", "mode=0755", "store", STORE)
