# SPDX-License-Identifier: GPL-2.0-or-later
"""One message to each of eight domains, and what became of it."""

import dataclasses
import re
import sys
import textwrap

from parts.exim import CACHE
from parts.world import World, install, policy_text

COLUMNS = (("domain", 13), ("its policy says", 26), ("Exim", 12),
           ("TLS and host", 25), ("why", 35))
GAP = "  "


@dataclasses.dataclass
class Story:
    domain: str
    policy: str  # as a person would say it
    expected: str  # what Exim does
    why: str
    server: object


def good(world):
    server = world.mail_host("mx1.good.test")
    world.mx("good.test", "mx1.good.test")
    world.policy("good.test", "enforce", "mx1.good.test")
    return Story("good.test", "enforce, only mx1.good.test", "delivered",
                 "the host is permitted and its certificate is right", server)


def spoofed(world):
    server = world.mail_host("mx.evil.test")
    world.mx("spoofed.test", "mx.evil.test")
    world.policy("spoofed.test", "enforce", "mx1.spoofed.test")
    return Story("spoofed.test", "enforce, only mx1.spoofed.test", "deferred",
                 "forged DNS names mx.evil.test as mail host, which the "
                 "policy does not permit", server)


def bad_certificate(world):
    server = world.mail_host("mx1.badcert.test", "wrong-name")
    world.mx("badcert.test", "mx1.badcert.test")
    world.policy("badcert.test", "enforce", "*.badcert.test")
    return Story("badcert.test", "enforce, any host *.badcert.test",
                 "deferred", "somebody answers for the host with a "
                 "certificate of another name", server)


def no_tls(world):
    server = world.mail_host("mx1.notls.test", starttls="none")
    world.mx("notls.test", "mx1.notls.test")
    world.policy("notls.test", "enforce", "mx1.notls.test")
    return Story("notls.test", "enforce, only mx1.notls.test", "deferred",
                 "STARTTLS is gone from the host's greeting, as an attacker "
                 "would have it", server)


def testing(world):
    server = world.mail_host("mx1.testing.test", "expired")
    world.mx("testing.test", "mx1.testing.test")
    world.policy("testing.test", "testing", "mx1.testing.test")
    return Story("testing.test", "testing, only mx1.testing.test",
                 "delivered", "the certificate has expired, but testing only "
                 "watches", server)


def mode_none(world):
    server = world.mail_host("mx1.none.test", starttls="none")
    world.mx("none.test", "mx1.none.test")
    world.policy("none.test", "none")
    return Story("none.test", "none: no demands", "delivered",
                 "as if it had no MTA-STS", server)


def plain(world):
    server = world.mail_host("mx1.plain.test", starttls="none")
    world.mx("plain.test", "mx1.plain.test")
    return Story("plain.test", "it has no MTA-STS", "delivered",
                 "as always, by the site's usual router", server)


def outage(world):
    server = world.mail_host("mx1.outage.test")
    world.mx("outage.test", "mx1.outage.test")
    host = world.policy_host("outage.test",
                             policy_text("enforce", "mx1.outage.test"))
    world.record("outage.test")
    world.tool("lookup", "outage.test")
    world.record("outage.test", "20250101T000000")
    host.down()
    return Story("outage.test", "enforce, only mx1.outage.test (cached)",
                 "delivered", "a newer policy is announced, but its web server "
                 "is down: the cached one stays in force", server)


STORIES = (good, spoofed, bad_certificate, no_tls, testing, mode_none, plain,
           outage)


def wire(story, delivery):
    """How the message went, as the receiving server saw it."""
    if not story.server.sessions:
        return "no connection to " + story.server.name
    if not story.server.messages:
        return "nothing sent to " + story.server.name
    tls = story.server.messages[0].tls
    verified = ", verified" if "CV=yes" in delivery.text() else \
        ", not verified"
    return (tls + verified if tls else "in clear") + ": " + story.server.name


def row(cells):
    columns = [textwrap.wrap(cell, width) or [""]
               for cell, (_, width) in zip(cells, COLUMNS)]
    for place in range(max(map(len, columns))):
        parts = [(column[place] if place < len(column) else "").ljust(width)
                 for column, (_, width) in zip(columns, COLUMNS)]
        print(GAP.join(parts).rstrip())


def rule():
    print("-" * (sum(width for _, width in COLUMNS) +
                 len(GAP) * (len(COLUMNS) - 1)))


def tell(world, story):
    """Sends, prints the row; Exim's reason, and whether all is as it should
    be."""
    delivery = world.exim.send("you@" + story.domain)
    outcome = delivery.outcome()
    right = outcome == story.expected and \
        len(story.server.messages) == (outcome == "delivered")
    word = {"delivered": "delivered", "deferred": "kept waiting"}.get(
        outcome, outcome)
    row((story.domain, story.policy, word, wire(story, delivery),
         story.why if right else "UNEXPECTED: " + delivery.text()))
    reason = re.search(r" == .*? defer[^:]*: (.*)", delivery.text())
    return reason and reason.group(1), right


def main():
    install()
    world = World()
    world.configure(tool_conf="recheck = 0\n")
    stories = [make(world) for make in STORIES]
    print("One message to each of eight domains, sent by Debian's Exim:\n")
    rule()
    row([name for name, _ in COLUMNS])
    rule()
    told = [tell(world, story) for story in stories]
    rule()
    print("\nWhat Exim wrote in its log about the messages it kept:\n")
    for story, (reason, _) in zip(stories, told):
        if reason:
            print(textwrap.fill(f"{story.domain}: {reason}", 118,
                                initial_indent="  ",
                                subsequent_indent="    "))
    print(f"\nThe cache, {CACHE}, as `mta-sts list` shows it:\n")
    print(textwrap.indent(world.tool("list").stdout, "  "), end="")
    if not all(right for _, right in told):
        print("\ndemo: not what it should be", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
