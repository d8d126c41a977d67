# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy hosts: one HTTPS server on port 443 of its own address each."""

import dataclasses
import socket
import ssl
import threading
import time

from .listener import Listener
from .peer import Process, peer_process

HEAD_MAX = 16384


@dataclasses.dataclass
class Request:
    """What a client asked, and which process it was."""
    sni: str
    line: str
    headers: dict
    client: Process


class PolicyHost:
    """Answers every request with what its attributes say just then.

    body is bytes or text; raw, when set, is sent instead of a whole HTTP
    answer, or called with the TLS socket; delay is seconds before an answer;
    stall keeps the connection open and silent after the answer's head.
    """

    def __init__(self, name, address, certs, body="", certificate="good"):
        self.name = name
        self.address = address
        self.certificate = certificate
        self.body = body
        self.status = "200 OK"
        self.content_type = "text/plain"
        self.headers = {}
        self.raw = None
        self.delay = 0
        self.stall = False
        self.requests = []
        self.connections = 0
        self._certs = certs
        self._lock = threading.Lock()
        self._listener = None
        self.up()

    def up(self):
        self._listener = Listener(self.address, 443, self._serve)

    def down(self):
        """Connections are refused from now on."""
        if self._listener:
            self._listener.close()
            self._listener = None

    def chain(self):
        """The path of its certificates and their key."""
        return self._certs.pem(self.name, self.certificate)

    def _serve(self, conn, _peer):
        with self._lock:
            self.connections += 1
        seen = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain())
        context.sni_callback = lambda _s, name, _c: seen.update(sni=name)
        with context.wrap_socket(conn, server_side=True) as tls:
            request = self._read(tls, seen.get("sni"))
            if request:
                with self._lock:
                    self.requests.append(request)
                time.sleep(self.delay)
                self._answer(tls)

    @staticmethod
    def _read(tls, sni):
        head = b""
        while b"\r\n\r\n" not in head and len(head) < HEAD_MAX:
            more = tls.recv(4096)
            if not more:
                return None
            head += more
        lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if ":" in line)
        headers = {key.lower(): value.strip() for key, _, value in pairs}
        return Request(sni, lines[0], headers, peer_process(tls))

    def _answer(self, tls):
        if callable(self.raw):
            self.raw(tls)
            return
        if self.raw is not None:
            tls.sendall(self.raw)
            return
        body = self.body
        if isinstance(body, str):
            body = body.encode()
        headers = {"Content-Type": self.content_type,
                   "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [f"{key}: {value}" for key, value in headers.items()
                  if value is not None]
        tls.sendall("\r\n".join(lines + ["", ""]).encode("latin-1"))
        if self.stall:
            time.sleep(60)
        tls.sendall(body)
        tls.unwrap()
        tls.shutdown(socket.SHUT_RDWR)
