# SPDX-License-Identifier: GPL-2.0-or-later
"""Receiving mail servers: port 25 of an address each, with a certificate and
bad habits of choice.  Each remembers what it was told, and how."""

import dataclasses
import ssl
import warnings

from .certs import STORE
from .listener import Listener

LINE_MAX = 65536
_VERSIONS = {"1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
             "1.3": ssl.TLSVersion.TLSv1_3}


@dataclasses.dataclass
class Session:
    """One connection, whatever came of it."""
    host: str
    peer: str = ""  # the sender's address
    helo: str = ""
    tls: str = ""  # "TLSv1.3", or empty: in clear
    cipher: str = ""
    sni: str = ""
    client: str = ""  # the name in the sender's certificate
    senders: list = dataclasses.field(default_factory=list)
    recipients: list = dataclasses.field(default_factory=list)
    # A sender or recipient went over the wire unprotected.
    leaked: bool = False


@dataclasses.dataclass
class Message:
    """A message that this server took responsibility for."""
    host: str
    tls: str
    cipher: str
    sni: str
    sender: str
    recipients: list
    text: str


class MxServer:
    """starttls: "yes", "none", "454", "501" (or such a reply in full), "drop",
    "garbage".
    injected: sent in clear right after the answer to STARTTLS.
    version: None, or the only TLS version ("1.1", "1.2", "1.3").
    asks_certificate: of the sender.
    banner, mail, rcpt: replies other than the usual ones; rcpt may be a
    function of the recipient's address that gives one or None.
    greeting: the name in the answer to EHLO.
    """

    def __init__(self, name, address, certs, certificate="good"):
        self.name = name
        self.address = address
        self.certificate = certificate
        self.starttls = "yes"
        self.injected = ""
        self.version = None
        self.asks_certificate = False
        self.banner = f"220 {name} ESMTP"
        self.greeting = name
        self.mail = "250 OK"
        self.rcpt = "250 OK"
        self.sessions = []
        self.messages = []
        self._certs = certs
        self._listener = None
        self.up()

    def up(self):
        self._listener = Listener(self.address, 25, self._serve)

    def down(self):
        if self._listener:
            self._listener.close()
            self._listener = None

    def leaked(self):
        """Did any envelope reach this host in clear?"""
        return any(session.leaked for session in self.sessions)

    def _serve(self, conn, peer):
        session = Session(self.name, peer[0])
        self.sessions.append(session)
        _Dialogue(self, session, conn).run()

    def context(self, session):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certs.pem(self.name, self.certificate))
        if self.version:
            if self.version == "1.1":
                context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = _VERSIONS[self.version]
                context.maximum_version = _VERSIONS[self.version]

        if self.asks_certificate:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(STORE + "/world-root.pem")

        def note_sni(_sock, name, _context):
            session.sni = name or ""
        context.sni_callback = note_sni
        return context


class _Dialogue:
    """The server's side of one connection."""

    def __init__(self, server, session, conn):
        self._server = server
        self._session = session
        self._use(conn)
        self._sender = None
        self._recipients = []
        self._commands = {"EHLO": self._ehlo, "HELO": self._ehlo,
                          "STARTTLS": self._starttls, "MAIL": self._mail,
                          "RCPT": self._rcpt, "DATA": self._data,
                          "RSET": self._reset, "NOOP": self._noop}

    def _use(self, conn):
        self._conn = conn
        self._lines = conn.makefile("rb")

    def _say(self, text):
        self._conn.sendall(text.encode() + b"\r\n")

    def run(self):
        try:
            self._talk()
        finally:
            self._lines.close()
            self._conn.close()

    def _talk(self):
        self._say(self._server.banner)
        while True:
            line = self._lines.readline(LINE_MAX).decode("latin-1").strip()
            verb, _, argument = line.partition(" ")
            if verb.upper() == "QUIT":
                self._say("221 bye")
            if not line or verb.upper() == "QUIT":
                break
            command = self._commands.get(verb.upper(), self._unknown)
            if command(argument) == "close":
                break
        if isinstance(self._conn, ssl.SSLSocket):
            self._conn.unwrap()

    def _unknown(self, _argument):
        self._say("500 what?")

    def _noop(self, _argument):
        self._say("250 OK")

    def _ehlo(self, argument):
        self._session.helo = argument
        lines = [self._server.greeting, "8BITMIME", "SIZE 10000000"]
        if self._server.starttls != "none" and not self._session.tls:
            lines.append("STARTTLS")
        lines.append("HELP")
        self._say("\r\n".join("250-" + line for line in lines[:-1]) +
                  "\r\n250 " + lines[-1])

    def _starttls(self, _argument):
        habit = self._server.starttls
        if habit[0].isdigit():
            self._say(habit if " " in habit else f"{habit} TLS not available")
            return None
        self._conn.sendall(b"220 go ahead\r\n" +
                           self._server.injected.encode())
        if habit == "drop":
            return "close"
        if habit == "garbage":
            self._conn.sendall(b"\x00this is not TLS\r\n" * 20)
            return "close"
        context = self._server.context(self._session)
        self._use(context.wrap_socket(self._conn, server_side=True))
        if not self._conn.cipher():  # Python shakes no hand that has gone
            raise ConnectionResetError("gone before the handshake")
        self._session.tls = self._conn.version()
        self._session.cipher = self._conn.cipher()[0]
        for pairs in (self._conn.getpeercert() or {}).get("subject", ()):
            self._session.client = dict(pairs).get("commonName", "")
        return None

    def _note(self, kept, argument):
        kept.append(argument)
        if not self._session.tls:
            self._session.leaked = True

    def _mail(self, argument):
        self._note(self._session.senders, argument)
        self._sender = argument.partition(":")[2].split()[0].strip("<>")
        self._say(self._server.mail)

    def _rcpt(self, argument):
        self._note(self._session.recipients, argument)
        address = argument.partition(":")[2].split()[0].strip("<>")
        reply = self._server.rcpt
        if callable(reply):
            reply = reply(address) or "250 OK"
        if reply.startswith("2"):
            self._recipients.append(address)
        self._say(reply)

    def _data(self, _argument):
        if not self._recipients:
            self._say("503 no recipient")
            return
        self._say("354 go on")
        text = []
        while True:
            line = self._lines.readline(LINE_MAX)
            if line in (b".\r\n", b""):
                break
            text.append(line.decode("latin-1"))
        if line:
            seen = self._session
            self._server.messages.append(Message(
                seen.host, seen.tls, seen.cipher, seen.sni, self._sender,
                self._recipients, "".join(text)))
            self._say("250 taken")
        self._reset(None, silent=True)

    def _reset(self, _argument, silent=False):
        self._sender, self._recipients = None, []
        if not silent:
            self._say("250 OK")
