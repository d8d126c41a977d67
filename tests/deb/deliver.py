# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail from a Debian system as the package has set it up: to a domain under
enforce, to one whose MX record is forged, and to one without a policy; and what
INSTALL has a newcomer do, word for word."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../world"))

# pylint: disable=wrong-import-position
from parts.case import contains, equal  # noqa: E402
from parts.exim import run_as  # noqa: E402
from parts.world import SOURCE, World  # noqa: E402


class Installed(World):
    """Exim and mta-sts.conf are the package's, and stay so."""

    def configure(self, tool_conf="", **macros):
        pass


def commands_of_install():
    """The commands of INSTALL's first section, the package's."""
    with open(SOURCE + "/INSTALL", encoding="ascii") as text:
        section = re.search(r"^0\. .*?(?=^1\. )", text.read(), re.M | re.S)[0]
    return re.findall(r"^    (\S.*)$", section, re.M)


# How each ends: a part of what it prints.  Those with None are run before us.
PRINTS = {
    "make deb": None,
    "apt install ./build/deb/exim4-mta-sts_*.deb": None,
    "mta-sts setup": None,
    "mta-sts status": "\nconfiguration active: yes\n",
    "mta-sts explain gmail.com":
        "Mail would go over verified TLS to mx1.gmail.com, and to no other",
    "grep T=mta_sts_smtp /var/log/exim4/mainlog": " CV=yes ",
}


def follow_install(world):
    world.mail_host("mx1.gmail.com")
    world.mx("gmail.com", "mx1.gmail.com")
    world.policy("gmail.com", "enforce", "mx1.gmail.com")
    commands = commands_of_install()
    equal(commands, list(PRINTS), "commands of INSTALL, section 0")
    for command in commands:
        if PRINTS[command] is not None:
            done = run_as("root", "/bin/sh", "-c", command)
            equal((done.returncode, done.stderr), (0, ""), command)
            contains(done.stdout, PRINTS[command], command)
            print(f"$ {command}\n{done.stdout}")


def main():
    world = Installed()
    # The address that this host sees of itself is in the world's network.
    good = world.mail_host("mx1.good.test")
    world.mx("good.test", "mx1.good.test")
    host = world.policy("good.test", "enforce", "mx1.good.test")
    evil = world.mail_host("mx.evil.test")
    world.mx("forged.test", "mx.evil.test")
    world.policy("forged.test", "enforce", "mx1.forged.test")
    plain = world.mail_host("mx1.plain.test", starttls="none")
    world.mx("plain.test", "mx1.plain.test")

    delivery = world.exim.send("bob@good.test")
    equal(delivery.outcome(), "delivered", "under enforce: outcome of\n" +
          "\n".join(world.log()))
    contains(delivery.text(), "R=mta_sts_enforce T=mta_sts_smtp", "route")
    contains(delivery.text(), "CV=yes", "verification")
    equal(good.messages[0].tls, "TLSv1.3", "TLS")
    equal(len(host.requests), 1, "fetches of the policy")

    delivery = world.exim.send("bob@forged.test")
    equal(delivery.outcome(), "deferred", "forged: outcome")
    contains(delivery.text(), "is permitted by its policy", "forged: reason")
    equal(evil.sessions, [], "forged: connections")

    delivery = world.exim.send("bob@plain.test")
    equal(delivery.outcome(), "delivered", "without a policy: outcome")
    contains(delivery.text(), "R=dnslookup T=remote_smtp", "its route")
    equal(len(plain.messages), 1, "without a policy: messages")

    follow_install(world)
    for line in world.exim.mainlog():
        if "=>" in line or "==" in line:
            print(line)
    equal(world.exim.paniclog(), "", "panic log")


if __name__ == "__main__":
    main()
