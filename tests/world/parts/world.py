# SPDX-License-Identifier: GPL-2.0-or-later
"""The world as a test case sees it: domains with mail hosts and policies, and
an Exim with the installed module that sends to them."""

import contextlib
import itertools
import os
import shutil
import subprocess

from .certs import Certs
from .dnsserver import DnsServer
from .exim import Exim, run_as
from .mxserver import MxServer
from .syslogd import Syslog
from .webserver import PolicyHost

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
STATE = "/run/world"
POLICY_ID = "20240101T000000"


def policy_text(mode, *mx, max_age=604800):
    lines = ["version: STSv1", f"mode: {mode}"]
    lines += [f"mx: {pattern}" for pattern in mx]
    return "\r\n".join(lines + [f"max_age: {max_age}", ""])


def install():
    """make install of what is built, at the real paths of this world."""
    build = os.environ.get("MTA_STS_BUILD", "build")
    done = subprocess.run(
        ["make", "--no-print-directory", "-o", "all", f"B={build}", "install"],
        cwd=SOURCE, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError("make install: " + done.stdout + done.stderr)


class World:
    """Real servers, empty of names until a case makes some."""

    def __init__(self):
        if not os.path.isdir(STATE):
            raise RuntimeError("run this through tests/world/enter")
        self.certs = Certs(STATE + "/certs")
        self.certs.install()
        self.dns = DnsServer()
        self.syslog = Syslog()
        self.exim = Exim(SOURCE)
        self._servers = []
        self._hosts = None
        self.reset()

    def reset(self):
        """As new, but for the certificates."""
        for server in self._servers:
            server.down()
        self._servers.clear()
        self._hosts = itertools.count(100)
        self.dns.reset()
        self.syslog.lines.clear()
        self.exim.reset()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/etc/exim4/mta-sts.exceptions")
        self.configure()

    def configure(self, tool_conf="", **macros):
        """Exim's configuration with these macros; mta-sts.conf's text."""
        self.exim.configure(**macros)
        with open("/etc/exim4/mta-sts.conf", "w", encoding="ascii") as out:
            out.write(tool_conf)

    def address(self):
        """A foreign address that nobody has yet."""
        return f"203.0.114.{next(self._hosts)}"

    def mail_host(self, name, certificate="good", **habits):
        """A mail server under name, whose attributes are habits."""
        server = MxServer(name, self.address(), self.certs, certificate)
        for habit, value in habits.items():
            if not hasattr(server, habit):
                raise AttributeError(habit)
            setattr(server, habit, value)
        self._servers.append(server)
        self.dns.add(name, "A", server.address)
        return server

    def mx(self, domain, *names):
        """domain's MX records, the first name the most preferred."""
        self.dns.put(domain, "MX", *((10 * place, name) for place, name
                                     in enumerate(names, 1)))

    def record(self, domain, policy_id=POLICY_ID):
        self.dns.put("_mta-sts." + domain, "TXT",
                     f"v=STSv1; id={policy_id};")

    def policy_host(self, domain, body, certificate="good"):
        """The web server of domain alone, without a TXT record."""
        name = "mta-sts." + domain
        host = PolicyHost(name, self.address(), self.certs, body, certificate)
        self._servers.append(host)
        self.dns.put(name, "A", host.address)
        return host

    def policy(self, domain, mode, *mx, max_age=604800):
        """TXT record and policy host for domain; the latter."""
        self.record(domain)
        return self.policy_host(domain, policy_text(mode, *mx,
                                                    max_age=max_age))

    def log(self):
        """The lines of Exim's log, and of syslog: there the tool tells what
        the module tells in Exim's."""
        return self.exim.mainlog() + self.syslog.lines

    def tool(self, *arguments, user="root"):
        return run_as(user, "/usr/sbin/mta-sts", *arguments)

    @staticmethod
    @contextlib.contextmanager
    def away(path):
        """While this lasts there is no such file."""
        shutil.move(path, path + ".away")
        try:
            yield
        finally:
            shutil.move(path + ".away", path)
