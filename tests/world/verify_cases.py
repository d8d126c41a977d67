# SPDX-License-Identifier: GPL-2.0-or-later
"""Address tests and verification: no look-up on behalf of strangers, and the
cache stays Exim's whoever asks."""

import base64

from attack_cases import smtp
from delivery_cases import enforced
from parts.case import case, contains, equal, eventually
from parts.exim import PROGRAM, run_as
from parts.recipe import altered

OURS = "203.0.114.9"
STRANGER = "203.0.114.66"
ACCEPT = "  accept\n    hosts = +relay_from_hosts\n"


def verifying(world, condition):
    """An RCPT ACL that verifies every recipient of everybody first, and lets
    strangers relay, which no site would."""
    altered(world, ("example", "  deny\n    message = restricted",
                    f"  require\n    {condition}\n\n  accept\n    hosts = "
                    f"{STRANGER}\n\n  deny\n    message = restricted"),
            SITE_RELAY_NETS=OURS)


def asked(world, policy_host):
    """Was the policy asked for?"""
    return (world.dns.asked("_mta-sts.enforce.test", "TXT"),
            policy_host.connections)


def rcpt(client, recipient="bob@enforce.test", sender="alice@other.test"):
    return smtp(f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>",
                client=client)


@case
def bt_by_anybody(world):
    """exim -bt by an ordinary user shows the route by the policy"""
    for user in ("nobody", "root"):
        world.reset()
        _, policy_host = enforced(world)
        done = world.exim.route("bob@enforce.test", user)
        equal(done.returncode, 0, "exit")
        contains(done.stdout, "router = mta_sts_enforce, transport = "
                 "mta_sts_smtp", "route")
        equal(asked(world, policy_host), (1, 1), "questions")


@case
def bv_asks_nobody(world):
    """exim -bv, by whomever, makes no look-up"""
    for user in ("nobody", "root"):
        world.reset()
        _, policy_host = enforced(world)
        done = run_as(user, PROGRAM, "-bv", "bob@enforce.test")
        equal(done.returncode, 0, "exit")
        equal(asked(world, policy_host), (0, 0), "questions by " + user)


@case
def verify_asks_nobody(world):
    """verify = recipient and verify = sender, with a callout and without,
    make no look-up and do not keep enforced mail from being enforced"""
    for condition in ("verify = recipient", "verify = recipient/callout",
                      "verify = sender", "verify = sender/callout"):
        world.reset()
        verifying(world, condition)
        server, policy_host = enforced(world)
        other = "bob@enforce.test"
        ours = {"recipient": other, "sender": "alice@sender.test"}
        if "sender" in condition:
            ours = {"recipient": "root@sender.test", "sender": other}
        said = rcpt(STRANGER, **ours)
        contains(said, "\n250 Accepted", condition)
        equal(asked(world, policy_host), (0, 0), "questions by " + condition)
        equal(len(server.sessions), int("callout" in condition), "callouts")
        equal(server.messages, [], "messages")


@case
def verify_asks_without_no_verify(world):
    """without no_verify a stranger's sender domain would be asked for its
    policy"""
    altered(world, ("routers", "  no_verify\n", ""),
            ("example", "  deny\n    message = restricted",
             "  require\n    verify = sender\n\n  deny\n    message = "
             "restricted"))
    _, policy_host = enforced(world)
    rcpt(STRANGER, "root@sender.test", "bob@enforce.test")
    equal(asked(world, policy_host), (1, 1), "questions")


@case
def logged_at_rcpt_for_ours(world):
    """at RCPT the policy of a recipient's domain is logged for our own
    clients, and a stranger's make no look-up, nor does his sender"""
    world.configure(SITE_RELAY_NETS=OURS)
    _, policy_host = enforced(world)
    rcpt(STRANGER)
    rcpt(STRANGER, "root@sender.test", "bob@enforce.test")
    equal(asked(world, policy_host), (0, 0), "questions for a stranger")
    said = rcpt(OURS)
    contains(said, "\n250 Accepted", "our client's recipient")
    equal(asked(world, policy_host), (1, 1), "questions for our client")
    contains("\n".join(world.exim.mainlog()), "MTA-STS: domain=enforce.test "
             "mode=enforce status=fresh id=20240101T000000", "log")


AUTHENTICATOR = ("example", "begin retry\n", """begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{right}}
  server_set_id = $auth2

begin retry
""")


@case
def logged_at_rcpt_for_the_authenticated(world):
    """at RCPT the policy of a recipient's domain is logged for a client that
    has authenticated itself, from wherever it comes, and not for one whose
    password was wrong"""
    for password, told in (("wrong", False), ("right", True)):
        world.reset()
        altered(world, AUTHENTICATOR, SITE_RELAY_NETS=OURS)
        _, policy_host = enforced(world)
        secret = base64.b64encode(b"\0alice\0" + password.encode()).decode()
        smtp("AUTH PLAIN " + secret, "MAIL FROM:<alice@other.test>",
             "RCPT TO:<bob@enforce.test>", client=STRANGER)
        equal(asked(world, policy_host), (int(told), int(told)),
              f"questions with a {password} password")
        equal("MTA-STS: domain=enforce.test mode=enforce" in
              "\n".join(world.exim.mainlog()), told, "logged")


@case
def logged_at_rcpt_for_relay_hosts(world):
    """MTA_STS_RELAY_HOSTS says whose recipients are looked at"""
    world.configure(SITE_RELAY_NETS=f"{OURS} : 203.0.114.10",
                    MTA_STS_RELAY_HOSTS=": 203.0.114.10")
    _, policy_host = enforced(world)
    rcpt(OURS)
    equal(asked(world, policy_host), (0, 0), "questions for another")
    rcpt("203.0.114.10")
    equal(asked(world, policy_host), (1, 1), "questions for one of these")


@case
def warmed_at_rcpt_for_ours(world):
    """with MTA_STS_RCPT_LOG = no the cache is warmed for our own clients
    without a wait or a log line, and never for a stranger"""
    world.configure(SITE_RELAY_NETS=OURS, MTA_STS_RCPT_LOG="no")
    _, policy_host = enforced(world)
    rcpt(STRANGER)
    equal(asked(world, policy_host), (0, 0), "questions for a stranger")
    rcpt(OURS)
    eventually(lambda: asked(world, policy_host) == (1, 1), "a warm cache")
    equal([line for line in world.exim.mainlog() if "mode=" in line], [],
          "log lines")
