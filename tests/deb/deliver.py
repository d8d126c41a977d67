# SPDX-License-Identifier: GPL-2.0-or-later
"""Mail from a Debian system as the package has set it up: to a domain under
enforce, to one whose MX record is forged, and to one without a policy."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../world"))

# pylint: disable=wrong-import-position
from parts.case import contains, equal  # noqa: E402
from parts.exim import run_as  # noqa: E402
from parts.world import World  # noqa: E402


class Installed(World):
    """Exim and mta-sts.conf are the package's, and stay so."""

    def configure(self, tool_conf="", **macros):
        pass


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

    status = run_as("root", "/usr/sbin/mta-sts", "status")
    contains(status.stdout, "yes", "status")
    for line in world.exim.mainlog():
        if "=>" in line or "==" in line:
            print(line)
    print(status.stdout)
    equal(world.exim.paniclog(), "", "panic log")


if __name__ == "__main__":
    main()
