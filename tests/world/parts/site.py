# SPDX-License-Identifier: GPL-2.0-or-later
"""A second Exim beside the world's own: a host with files, a name and an
address of its own in the same network, receiving and sending."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import time

from .exim import USER, run_as

# What is this host's own.
OWN = ("/etc/exim4", "/var/spool/exim4", "/var/log/exim4", "/var/mail")
LIMIT = 30  # seconds for one command


class Site:
    """configure() writes what Exim reads there; up() makes it receive."""

    def __init__(self, source, name, address, certs):
        self.source = source
        self.name = name
        self.address = address
        self._certs = certs
        self._daemon = None
        # A process that keeps the namespaces; mounts are its own.
        self._keeper = subprocess.Popen(
            ["unshare", "-mu", "--propagation", "private", "sh", "-euc",
             "".join(f"mount -t tmpfs own {path}; " for path in OWN) +
             f"hostname {name}; echo ready; exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self._keeper.stdout.readline() == "ready\n", "no namespace"
        owner = pwd.getpwnam(USER)
        for path, mode in (("/var/spool/exim4", 0o750),
                           ("/var/log/exim4", 0o750),
                           ("/var/spool/exim4/mta-sts", 0o750)):
            os.makedirs(self.path(path), exist_ok=True)
            os.chown(self.path(path), owner.pw_uid, owner.pw_gid)
            os.chmod(self.path(path), mode)
        os.chmod(self.path("/etc/exim4"), 0o755)
        os.chmod(self.path("/var/mail"), 0o1777)

    def path(self, path):
        """Where a file of the site is for us."""
        return f"/proc/{self._keeper.pid}/root{path}"

    # -r, -w: in a chroot its root and directory, not the machine's.
    def run(self, *argv, stdin=""):
        return run_as("root", "/usr/bin/nsenter", "-m", "-u", "-r", "-w",
                      "-t", str(self._keeper.pid), "--", *argv, stdin=stdin)

    def configure(self, tool_conf, **macros):
        pem = "/etc/exim4/host.pem"
        shutil.copy(self._certs.pem(self.name, "good"), self.path(pem))
        owner = pwd.getpwnam(USER)
        os.chown(self.path(pem), owner.pw_uid, owner.pw_gid)
        shutil.copy(os.path.join(self.source, "exim-conf/example.conf"),
                    self.path("/etc/exim4/example.conf"))
        macros = {"SITE_CERTIFICATE": pem, "SITE_PRIVATE_KEY": pem,
                  "SITE_MAILBOX": "/var/mail/all", **macros}
        with open(self.path("/etc/exim4/exim4.conf"), "w",
                  encoding="ascii") as out:
            for name, value in macros.items():
                out.write(f"{name} = {value}\n")
            out.write(f"local_interfaces = {self.address}\n"
                      f"primary_hostname = {self.name}\n"
                      f"smtp_active_hostname = {self.name}\n"
                      ".ifdef _OPT_MAIN_NOTIFIER_SOCKET\n"
                      "notifier_socket =\n.endif\n"
                      ".include /etc/exim4/example.conf\n")
        with open(self.path("/etc/exim4/mta-sts.conf"), "w",
                  encoding="ascii") as out:
            out.write(tool_conf)

    def alter(self, old, new):
        """Another text in the place of one in the example's configuration."""
        path = self.path("/etc/exim4/example.conf")
        with open(path, encoding="ascii") as text:
            before = text.read()
        assert before.count(old) == 1, old
        with open(path, "w", encoding="ascii") as out:
            out.write(before.replace(old, new))

    def up(self):
        self._daemon = subprocess.Popen(
            ["nsenter", "-m", "-u", "-r", "-w", "-t", str(self._keeper.pid),
             "--", "/usr/sbin/exim4", "-bdf"], stdin=subprocess.DEVNULL)

    def down(self):
        for process in (self._daemon, self._keeper):
            if process:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
                process.wait(LIMIT)

    def mainlog(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.path("/var/log/exim4/mainlog"),
                      encoding="utf-8") as text:
                return text.read().splitlines()
        return []

    def send(self, sender, recipient):
        return self.run("/usr/sbin/exim4", "-odi", "-oi", "-f", sender,
                        recipient, stdin="Subject: hello\n\nHello.\n")

    def queue(self):
        return self.run("/usr/sbin/exim4", "-bpc").stdout.strip()

    def files(self, pattern):
        """Names of the site's files, as it sees them."""
        root = self.path("")
        return sorted(path[len(root):] for path in glob.glob(root + pattern))

    def wait_idle(self, done, what, seconds=20):
        end = time.monotonic() + seconds
        while not (done() and self.queue() == "0"):
            assert time.monotonic() < end, \
                "\n".join([f"not within {seconds} s: {what}", *self.mainlog()])
            time.sleep(0.05)
