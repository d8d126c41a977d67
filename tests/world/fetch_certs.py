# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates for policy hosts, good and in all the ways bad that a client
must notice (RFC 8461 3.3, RFC 6125)."""

import dataclasses
import datetime
import ipaddress
import itertools
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIVE = (-2, 30)  # from and to when, in days from now


@dataclasses.dataclass
class Kind:
    """What a leaf has, given the host's name; sans: None for no SAN."""
    sans: object = lambda host: [x509.DNSName(host)]
    issuer: str = "middle"  # "self": signed by its own key
    sends_issuer: bool = True
    days: tuple = LIVE
    usage: object = ExtendedKeyUsageOID.SERVER_AUTH


def _parent(host):
    return host.partition(".")[2]


def _dns(*shapes):
    """SANs of these shapes: {h} the host, {d} the policy domain."""
    return lambda host: [x509.DNSName(s.format(h=host, d=_parent(host)))
                         for s in shapes]


_ADDRESS = x509.IPAddress(ipaddress.ip_address("203.0.114.10"))

KINDS = {
    "good": Kind(),
    "wildcard": Kind(_dns("*.{d}")),
    "second of two": Kind(_dns("elsewhere.test", "{h}")),
    "upper case": Kind(lambda host: [x509.DNSName(host.upper())]),
    "CN only": Kind(lambda host: None),
    "IP only": Kind(lambda host: [_ADDRESS]),
    "partial at the end": Kind(_dns("mta-*.{d}")),
    "partial at the start": Kind(_dns("*sts.{d}")),
    "two stars": Kind(_dns("*.*.test")),
    "wildcard too high": Kind(_dns("*.test")),
    "wildcard too low": Kind(_dns("*.{h}")),
    "domain only": Kind(_dns("{d}")),
    "elsewhere": Kind(_dns("elsewhere.test")),
    "URI only": Kind(lambda host: [
        x509.UniformResourceIdentifier(f"https://{host}/")]),
    "alias": Kind(_dns("alias.hosting.test")),
    "expired": Kind(days=(-30, -1)),
    "not yet valid": Kind(days=(2, 30)),
    "self-signed": Kind(issuer="self"),
    "unknown CA": Kind(issuer="foreign"),
    "no intermediate": Kind(sends_issuer=False),
    "expired intermediate": Kind(issuer="old middle"),
    "issuer is no CA": Kind(issuer="leaf"),
    "for clients": Kind(usage=ExtendedKeyUsageOID.CLIENT_AUTH),
}


class Certs:
    """PEM files under directory, made on demand."""

    def __init__(self, directory):
        self._dir = directory
        self._number = itertools.count()
        # Making keys is what takes time.
        self._keys = {name: ec.generate_private_key(ec.SECP256R1())
                      for name in ("root", "foreign", "middle", "leaf")}
        self._keys["old middle"] = self._keys["middle"]
        self._certs = {}
        self._make("root", "root", "Test Root", True)
        self._make("foreign", "foreign", "Foreign Root", True)
        self._make("middle", "root", "Test Intermediate", True)
        self._make("old middle", "root", "Old Intermediate", True,
                   days=(-30, -1))
        self._make("leaf", "middle", "Just a Leaf", False)

    def _make(self, name, issuer, common_name, is_ca, days=LIVE):
        self._certs[name] = self._sign(name, issuer, common_name, is_ca,
                                       days, [])

    def _sign(self, key, issuer, common_name, is_ca, days, extensions):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME,
                                                common_name[:64])])
        signer = self._certs[issuer].subject if issuer in self._certs \
            else subject
        now = datetime.datetime.now(datetime.timezone.utc)
        build = (x509.CertificateBuilder()
                 .subject_name(subject).issuer_name(signer)
                 .public_key(self._keys[key].public_key())
                 .serial_number(x509.random_serial_number())
                 .not_valid_before(now + datetime.timedelta(days[0]))
                 .not_valid_after(now + datetime.timedelta(days[1]))
                 .add_extension(x509.BasicConstraints(is_ca, None), True))
        for extension in extensions:
            build = build.add_extension(extension, False)
        signing = self._keys[issuer if issuer in self._certs else key]
        return build.sign(signing, hashes.SHA256())

    def _leaf(self, host, kind):
        extensions = [x509.ExtendedKeyUsage([kind.usage])]
        sans = kind.sans(host)
        if sans:
            extensions.append(x509.SubjectAlternativeName(sans))
        return self._sign("leaf", kind.issuer, host, False, kind.days,
                          extensions)

    def chain(self, host, kind_name):
        """The path of a PEM file: key, leaf, and what the server sends."""
        kind = KINDS[kind_name]
        path = os.path.join(self._dir, f"{next(self._number)}.pem")
        certs = [self._leaf(host, kind)]
        if kind.sends_issuer and kind.issuer != "self":
            certs.append(self._certs[kind.issuer])
        if kind.issuer == "leaf":
            certs.append(self._certs["middle"])
        with open(path, "wb") as out:
            out.write(self._keys["leaf"].private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
            out.write(b"".join(_pem(cert) for cert in certs))
        return path

    def write_root(self, name, path):
        """The authority "root" or "foreign", for all to read."""
        with open(path, "wb") as out:
            out.write(_pem(self._certs[name]))
        os.chmod(path, 0o644)

    def hashed_directory(self, name, directory):
        """A directory as OpenSSL wants it, with just this authority."""
        path = os.path.join(directory, name + ".pem")
        self.write_root(name, path)
        done = subprocess.run(
            ["openssl", "x509", "-noout", "-hash", "-in", path],
            check=True, capture_output=True, text=True, timeout=10)
        os.symlink(name + ".pem", os.path.join(directory,
                                               done.stdout.strip() + ".0"))


def _pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)
