# SPDX-License-Identifier: GPL-2.0-or-later
"""Which process is at the other end of a connection inside this world?"""

import contextlib
import glob
import os
import re
import socket
import time


def _address_hex(address):
    if ":" in address:
        raw = socket.inet_pton(socket.AF_INET6, address)
        words = [raw[i:i + 4][::-1] for i in range(0, 16, 4)]
        return b"".join(words).hex().upper()
    return bytes(int(x) for x in address.split("."))[::-1].hex().upper()


def _end(name):
    return f"{_address_hex(name[0])}:{name[1]:04X}"


def _inode(ours):
    """Of the socket at the other end.  One that is gone may be listed still,
    without an inode, and the same port be used to another address."""
    ends = [_end(ours.getpeername()), _end(ours.getsockname())]
    table = "/proc/net/tcp6" if ours.family == socket.AF_INET6 \
        else "/proc/net/tcp"
    with open(table, encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[1:3] == ends and words[9] != "0":
                return words[9]
    return None


def _holder(inode):
    link = f"socket:[{inode}]"
    for fd in glob.iglob("/proc/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(fd) == link:
                return int(fd.split("/")[2])
    return None


def _program(pid):
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe")
    return None


class Process:
    """What /proc says of a process: ids, rights, program, environment."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as text:
            fields = dict(re.findall(r"^(\w+):[ \t]*(.*)$", text.read(), re.M))
        self.pid = int(pid)
        self.parent = int(fields["PPid"])
        self.parent_program = _program(self.parent)
        self.uids = [int(x) for x in fields["Uid"].split()]
        self.gids = [int(x) for x in fields["Gid"].split()]
        self.groups = [int(x) for x in fields["Groups"].split()]
        self.no_new_privs = fields.get("NoNewPrivs") == "1"
        self.filtered = fields.get("Seccomp") == "2"
        self.capabilities = int(fields["CapEff"], 16)
        self.program = os.readlink(f"/proc/{pid}/exe")
        with open(f"/proc/{pid}/environ", "rb") as text:
            self.environment = text.read()
        with open(f"/proc/{pid}/limits", encoding="ascii") as text:
            self.limits = text.read()
        self.descriptors = sorted(int(x)
                                  for x in os.listdir(f"/proc/{pid}/fd"))


def _found(ours):
    with contextlib.suppress(OSError):
        inode = _inode(ours)
        pid = _holder(inode) if inode else None
        return Process(pid) if pid else None
    return None


def peer_process(ours):
    """The Process at the other end of that socket, or None.  What /proc lists
    lacks a line now and then while others come and go."""
    for _ in range(100):
        process = _found(ours)
        if process:
            return process
        time.sleep(0.01)
    return None
