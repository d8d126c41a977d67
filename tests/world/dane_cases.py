# SPDX-License-Identifier: GPL-2.0-or-later
"""DANE beside MTA-STS: Exim does it by itself, and where a TLSA record can be
used it decides (RFC 8461 2)."""

import hashlib

from cryptography.hazmat.primitives import serialization

from parts.case import case, contains, equal
from parts.recipe import altered

RIGHT, WRONG = "right", "wrong"


def secured(world, mode, tlsa, certificate="good"):
    """A domain with DNSSEC whose mail host has this TLSA record; mode: of
    its policy, or None."""
    server = world.mail_host("mx1.dane.test", certificate)
    world.mx("dane.test", "mx1.dane.test")
    world.dns.secure.add("dane.test")
    if mode:
        world.policy("dane.test", mode, "mx1.dane.test")
    cert = world.certs.certificate("mx1.dane.test", certificate)
    digest = hashlib.sha256(cert.public_key().public_bytes(
        serialization.Encoding.DER,
        serialization.PublicFormat.SubjectPublicKeyInfo)).digest()
    if tlsa == WRONG:
        digest = bytes(reversed(digest))
    if tlsa:
        world.dns.put("_25._tcp.mx1.dane.test", "TLSA", (3, 1, 1, digest))
    return server


def sent(world, server, want):
    delivery = world.exim.send("bob@dane.test")
    equal(delivery.outcome(), want, "outcome")
    equal(len(server.messages), int(want == "delivered"), "messages")
    equal(server.leaked(), False, "envelope in clear")
    return delivery


@case
def right_record(world):
    """with a TLSA record that is right DANE verifies, with an enforce policy,
    a testing one and none; the certificate may then be self-signed"""
    for mode in ("enforce", "testing", None):
        for certificate in ("good", "self-signed", "cn-only"):
            world.reset()
            server = secured(world, mode, RIGHT, certificate)
            delivery = sent(world, server, "delivered")
            contains(delivery.text(), "CV=dane", f"{mode}, {certificate}")
            equal("would have" in delivery.text(), False,
                  f"a complaint with {mode}, {certificate}")


@case
def wrong_record(world):
    """with a TLSA record that is wrong nothing is sent, with an enforce
    policy, a testing one and none, though the certificate is good"""
    for mode in ("enforce", "testing", None):
        world.reset()
        server = secured(world, mode, WRONG)
        sent(world, server, "deferred")


@case
def failing_record(world):
    """when the TLSA record cannot be had nothing is sent, with an enforce
    policy, a testing one and none"""
    for mode in ("enforce", "testing", None):
        world.reset()
        server = secured(world, mode, RIGHT)
        world.dns.faults["_25._tcp.mx1.dane.test"] = "servfail"
        delivery = sent(world, server, "deferred")
        contains(delivery.text(), "DANE error", f"log with {mode}")


@case
def rescued_without_dane(world):
    """with hosts_try_dane empty an enforce policy would rescue a failing
    DANE"""
    altered(world, ("transports", "hosts_try_dane = *", "hosts_try_dane = :"))
    server = secured(world, "enforce", WRONG)
    sent(world, server, "delivered")


@case
def no_record(world):
    """with DNSSEC but without a TLSA record the certificate is verified by
    its name"""
    delivery = sent(world, secured(world, "enforce", None), "delivered")
    contains(delivery.text(), "CV=yes", "verification")
    world.reset()
    sent(world, secured(world, "enforce", None, "self-signed"), "deferred")


@case
def filter_stays(world):
    """a host that the policy does not permit gets nothing, whatever its TLSA
    record says"""
    server = secured(world, None, RIGHT)
    world.policy("dane.test", "enforce", "mx9.dane.test")
    sent(world, server, "deferred")
