# SPDX-License-Identifier: GPL-2.0-or-later
"""The service of the daily refresh as systemd runs it, with all that its unit
forbids: a systemd of our own, as process 1 of a namespace; and as cron does."""

import contextlib
import glob
import json
import os
import shutil
import subprocess
import threading
import time

from parts.case import case, contains, equal
from parts.exim import CACHE, USER, Skipped, run_as
from parts.world import SOURCE, policy_text

SYSTEMD = "/lib/systemd/systemd"
SERVICE = "exim4-mta-sts-refresh.service"
UNITS = "/run/systemd/system"
LIMIT = 25  # seconds for it to come up and end the service
# No journal is there, and nobody's jitter is waited for.
DROP_IN = """[Unit]
DefaultDependencies=no
[Service]
StandardOutput=append:/run/refresh.out
StandardError=append:/run/refresh.out
ExecStart=
ExecStart=/usr/sbin/mta-sts refresh --older 0
"""
# The cgroup that it begins in is all that it sees of them; this kernel's
# modules, clock and devices are not ours.
BEGIN = """
if [ -e /sys/fs/cgroup/cgroup.procs ]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    mount -t tmpfs -o mode=0755 cgroups /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd /sys/fs/cgroup/unified
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified
fi
touch /dev/console
mount --bind "$0" /dev/console
exec env -i container=world /usr/bin/setpriv --bounding-set \
    -sys_module,-sys_time,-sys_boot,-syslog,-mknod,-sys_rawio \
    /lib/systemd/systemd --system --unit=proof.target --log-target=console \
    --log-level=info --show-status=no --log-color=no
"""


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as out:
        out.write(text)


class Console:
    """A terminal, and what was written to it."""

    def __init__(self):
        os.makedirs("/dev/pts", exist_ok=True)
        subprocess.run(["mount", "-t", "devpts", "-o",
                        "newinstance,ptmxmode=0666", "devpts", "/dev/pts"],
                       check=True)
        os.symlink("pts/ptmx", "/dev/ptmx")
        self._ours, self._theirs = os.openpty()
        self.name = os.ttyname(self._theirs)
        self._data = b""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 4096):
                self._data += data

    def text(self):
        return self._data.decode("ascii", "replace")

    def close(self):
        os.close(self._theirs)
        os.unlink("/dev/ptmx")
        # The other end is still being read.
        subprocess.run(["umount", "-l", "/dev/pts"], check=True)


class Cgroups:
    """A cgroup of our own in the hierarchy that systemd uses."""

    def __init__(self):
        places = [path for path in ("/sys/fs/cgroup/systemd",
                                    "/sys/fs/cgroup/unified",
                                    "/sys/fs/cgroup")
                  if os.path.exists(path + "/cgroup.procs")]
        self._made = [f"{path}/mta-sts-{os.getpid()}" for path in places]
        if not places:
            raise Skipped("there are no cgroups")
        try:
            for path in self._made:
                os.mkdir(path)
        except OSError as error:
            raise Skipped(f"no cgroup can be made: {error}") from error

    def enter(self):
        """In a child, before it becomes somebody else."""
        for path in self._made:
            with open(path + "/cgroup.procs", "w", encoding="ascii") as out:
                out.write(str(os.getpid()))

    def remove(self):
        for path in self._made:
            for inner, _, _ in os.walk(path, topdown=False):
                os.rmdir(inner)


@contextlib.contextmanager
def systemd():
    """While this lasts a systemd runs the service; its console."""
    console, cgroups = Console(), None
    try:
        cgroups = Cgroups()
        running = subprocess.Popen(
            ["unshare", "-mpufC", "--mount-proc", "--kill-child", "--",
             "sh", "-ec", BEGIN, console.name], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=cgroups.enter)
        try:
            yield console
        finally:
            running.kill()
            running.wait()
            time.sleep(0.2)  # for the last of its namespace
            cgroups.remove()
    finally:
        console.close()


def seen_of(program):
    """Of the processes of program what /proc says, in words."""
    for path in glob.glob("/proc/[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(path + "/exe") == program:
                with open(path + "/status", encoding="ascii") as text:
                    return dict(line.split(":\t", 1)
                                for line in text.read().splitlines())
    return {}


def wait_for(console, done):
    """Until done() is true, or the service has failed."""
    end = time.monotonic() + LIMIT
    while not done():
        text = console.text()
        assert "Failed with result" not in text, text
        if time.monotonic() > end:
            if "Startup finished" in text or SERVICE in text:
                raise AssertionError("it took too long: " + text)
            raise Skipped("systemd does not come up here")
        time.sleep(0.02)


@case
def service_under_systemd(world):
    """under systemd, with all that its unit forbids, the service renews a
    policy"""
    if not os.access(SYSTEMD, os.X_OK):
        raise Skipped("there is no systemd")
    world.mail_host("mx1.good.test")
    world.mx("good.test", "mx1.good.test")
    host = world.policy("good.test", "enforce", "mx1.good.test")
    equal(world.tool("query", "good.test").returncode, 0, "query")
    host.body = policy_text("enforce", "mx1.good.test", max_age=86400)
    host.delay = 1
    put(f"{UNITS}/{SERVICE}.d/now.conf", DROP_IN)
    for target, text in (("network-online.target", ""),
                         ("proof.target", f"Wants={SERVICE}\n")):
        put(f"{UNITS}/{target}", f"[Unit]\nDefaultDependencies=no\n{text}")
    with systemd() as console:
        wait_for(console, lambda: seen_of("/usr/sbin/mta-sts"))
        seen = seen_of("/usr/sbin/mta-sts")
        wait_for(console, lambda: os.path.exists(CACHE + "/refresh.json"))
        wait_for(console,
                 lambda: "service: Deactivated successfully" in console.text())
    with open("/run/refresh.out", encoding="ascii") as text:
        contains(text.read(), "; cache sound\n", "output")
    os.unlink("/run/refresh.out")
    shutil.rmtree("/run/systemd")
    uid = run_as("root", "id", "-u", USER).stdout.strip()
    equal((seen["Uid"].split(), seen["NoNewPrivs"], seen["Seccomp"],
           int(seen["CapBnd"], 16)), ([uid] * 4, "1", "2", 0), "the process")
    with open(CACHE + "/refresh.json", encoding="ascii") as text:
        found = json.load(text)
    equal((found["renewed"], found["changed_same_id"], found["exit"],
           found["saved"]), (1, 1, 0, True), "refresh.json")
    equal(len(host.requests), 2, "requests")


@case
def cron_line(world):
    """the line for cron refreshes as Exim's user where no systemd is, prints
    nothing, and is none of its business where there is one, or no tool"""
    with open(f"{SOURCE}/systemd/exim4-mta-sts.cron", encoding="ascii") as text:
        line, = [line for line in text if line[0].isdigit()]
    *when, user, command = line.rstrip().split(maxsplit=6)
    equal((len(when), user, "%" in command), (5, USER, False), "fields")
    world.policy("good.test", "enforce", "mx1.good.test")
    equal(world.tool("query", "good.test").returncode, 0, "query")
    # (a systemd is here, the tool is here): a refresh is made
    for here, refreshed in (((True, True), False), ((False, False), False),
                            ((False, True), True)):
        with contextlib.ExitStack() as stack:
            if here[0]:
                os.makedirs(UNITS, exist_ok=True)
                stack.callback(shutil.rmtree, "/run/systemd")
            if not here[1]:
                stack.enter_context(world.away("/usr/sbin/mta-sts"))
            done = run_as(user, "/bin/sh", "-c", command)
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""), here)
        equal(os.path.exists(CACHE + "/refresh.json"), refreshed, here)
