# SPDX-License-Identifier: GPL-2.0-or-later
"""A certification authority of the world's own, and certificates of every
kind that a mail or policy host can show."""

import datetime
import os
import subprocess
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
STORE = "/etc/ssl/certs"



def _other_names(count):
    return [f"{number}.{'x' * 50}.test" for number in range(count)]


# Names in the certificate as a function of the host's, None: a CN only.
_NAMES = {
    "wrong-name": lambda host: ["elsewhere.test"],
    "cn-only": lambda host: None,
    "wildcard": lambda host: ["*." + host.partition(".")[2]],
    "wildcard-two": lambda host: ["*." + host.split(".", 2)[2]],
    "wildcard-partial": lambda host: [host[0] + "*." +
                                      host.partition(".")[2]],
    "large": lambda host: [host] + _other_names(500),
    "huge": lambda host: [host] + _other_names(8000),
    "hostile-sans": lambda host: ["a\nb.test", "x|y}{${if", "\"c d,e;f\\"],
}
# In the place of the host's name as CN.
_COMMON_NAMES = {"wrong-name": "elsewhere.test",
                 "hostile-name": "\x1b[2J\r\n2026-01-01 MTA-STS: forged %n"}
# From and to when, in days from now.
_TIMES = {"expired": (-30, -1), "not-yet-valid": (2, 30)}
KINDS = ("good", "self-signed", "unknown-ca", *_TIMES, *_NAMES,
         *_COMMON_NAMES)


class _Key:
    """A key with a certificate for it, able to sign others."""

    def __init__(self, name, issuer=None, is_ca=True, sans=None,
                 days=(-2, 60), key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                name[:64])])
        now = datetime.datetime.now(datetime.timezone.utc)
        build = (x509.CertificateBuilder()
                 .subject_name(subject)
                 .issuer_name(issuer.cert.subject if issuer else subject)
                 .public_key(self.key.public_key())
                 .serial_number(x509.random_serial_number())
                 .not_valid_before(now + days[0] * DAY)
                 .not_valid_after(now + days[1] * DAY)
                 .add_extension(x509.BasicConstraints(is_ca, None), True))
        if sans:
            build = build.add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(san) for san in sans]), False)
        signer = issuer.key if issuer else self.key
        self.cert = build.sign(signer, hashes.SHA256())

    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption())


class Certs:
    """Makes PEM files (chain and key in one) under directory on demand."""

    def __init__(self, directory):
        self._dir = directory
        os.makedirs(directory, exist_ok=True)
        self._root = _Key("World Root")
        self._middle = _Key("World Intermediate", self._root)
        self._foreign = _Key("Foreign Root")
        # One key for all leaves: making keys is what takes time.
        self._leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._lock = threading.Lock()

    def install(self):
        """Makes the system trust our root: Exim's GnuTLS reads the bundle,
        OpenSSL the hashed directory."""
        path = os.path.join(STORE, "world-root.pem")
        with open(path, "wb") as out:
            out.write(self._root.pem())
        with open(os.path.join(STORE, "ca-certificates.crt"), "ab") as out:
            out.write(self._root.pem())
        done = subprocess.run(
            ["openssl", "x509", "-noout", "-hash", "-in", path],
            check=True, capture_output=True, text=True, timeout=10)
        link = os.path.join(STORE, done.stdout.strip() + ".0")
        os.symlink("world-root.pem", link)

    def pem(self, host, kind="good"):
        """The path of a chain with key for host, of one of KINDS."""
        path = os.path.join(self._dir, f"{host}.{kind}.pem")
        # Servers ask from threads: none may read what is half written.
        with self._lock:
            if not os.path.exists(path):
                leaf, chain = self._leaf(host, kind)
                with open(path, "wb") as out:
                    out.write(leaf.key_pem() + leaf.pem())
                    out.write(b"".join(issuer.pem() for issuer in chain))
        return path

    def many(self, hosts):
        """The same for a good certificate of all these hosts."""
        path = os.path.join(self._dir, f"{hosts[0]}.many.pem")
        leaf = _Key(hosts[0], self._middle, False, hosts, (-2, 30),
                    self._leaf_key)
        with open(path, "wb") as out:
            out.write(leaf.key_pem() + leaf.pem() + self._middle.pem())
        return path

    def certificate(self, host, kind="good"):
        """The leaf as cryptography's object, for TLSA records say."""
        with open(self.pem(host, kind), "rb") as text:
            pem = text.read()
        start = pem.index(b"-----BEGIN CERTIFICATE")
        return x509.load_pem_x509_certificate(pem[start:])

    def _leaf(self, host, kind):
        if kind not in KINDS:
            raise ValueError(kind)
        sans = _NAMES.get(kind, lambda name: [name])(host)
        days = _TIMES.get(kind, (-2, 30))
        issuer, chain = self._middle, [self._middle]
        if kind == "self-signed":
            issuer, chain = None, []
        elif kind == "unknown-ca":
            issuer, chain = self._foreign, [self._foreign]
        name = _COMMON_NAMES.get(kind, host)
        return _Key(name, issuer, False, sans, days, self._leaf_key), chain
