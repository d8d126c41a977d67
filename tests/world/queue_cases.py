# SPDX-License-Identifier: GPL-2.0-or-later
"""A queue of two hundred messages for twenty domains of every kind."""

import collections
import subprocess

from attack_cases import settle
from parts.case import case, equal
from parts.exim import PROGRAM, run_as

MESSAGES = 200
# Of each kind four domains: mode, habits of the mail host, what must happen.
KINDS = {
    "good": ("enforce", {}, True),
    "bad": ("enforce", {"certificate": "wrong-name"}, False),
    "spoofed": ("enforce", {}, False),
    "testing": ("testing", {"starttls": "none"}, True),
    "plain": (None, {"starttls": "none"}, True),
}
EACH = 4


def make_domains(world):
    """{domain: (its mail server, delivered to?)}"""
    domains = {}
    for kind, (mode, habits, delivered) in KINDS.items():
        for number in range(EACH):
            domain = f"{kind}{number}.test"
            host = f"mx1.{domain}"
            server = world.mail_host(host, **habits)
            world.mx(domain, host)
            if mode:
                permitted = "mx9." + domain if kind == "spoofed" else host
                world.policy(domain, mode, permitted)
            domains[domain] = (server, delivered)
    return domains


def queue(recipients):
    """Hands in a message for each, by one batch, without a delivery."""
    lines = []
    for recipient in recipients:
        lines += ["MAIL FROM:<alice@sender.test>", f"RCPT TO:<{recipient}>",
                  "DATA", f"Subject: for {recipient}", "", "Hello.", "."]
    done = run_as("root", PROGRAM, "-odq", "-bS",
                  stdin="\r\n".join([*lines, "QUIT", ""]))
    equal(done.returncode, 0, "exim -bS: " + done.stdout)


def run_queue_by_two():
    """Two queue runners at once, as a busy machine has."""
    runners = [subprocess.Popen([PROGRAM, "-qff"], cwd="/")
               for _ in range(2)]
    for runner in runners:
        equal(runner.wait(timeout=90), 0, "exit of a queue runner")
    settle()


def taken(domains):
    """How often each recipient arrived, as the receivers saw it."""
    return collections.Counter(
        recipient for server, _ in domains.values()
        for message in server.messages for recipient in message.recipients)


def logged(world):
    """The same, as the sender's log has it."""
    return collections.Counter(
        line.split(" ")[4] for line in world.exim.mainlog()
        if line.split(" ")[3:4] == ["=>"])


@case(seconds=150)
def two_hundred_messages(world):
    """of two hundred messages for twenty domains in mixed modes every one
    ends where it must, once, and sender and receivers count the same"""
    world.configure(SITE_RETRY="F,1d,1s")
    domains = make_domains(world)
    names = sorted(domains)
    recipients = [f"user{number}@{names[number % len(names)]}"
                  for number in range(MESSAGES)]
    queue(recipients)
    equal(len(world.exim.waiting()), MESSAGES, "messages in the queue")
    run_queue_by_two()
    wanted = [one for one in recipients if domains[one.partition("@")[2]][1]]
    equal(taken(domains), collections.Counter(wanted), "taken by receivers")
    equal(logged(world), collections.Counter(wanted), "in the sender's log")
    equal(len(world.exim.waiting()), MESSAGES - len(wanted), "still waiting")
    equal([line for line in world.exim.mainlog() if " ** " in line], [],
          "bounces")
    for domain, (server, _) in domains.items():
        mode = KINDS[domain[:-len("0.test")]][0]
        equal(server.leaked(), mode != "enforce",
              f"envelope in clear to {domain}")
        equal(world.dns.asked("_mta-sts." + domain, "TXT") >= 1, True,
              "asked for " + domain)
