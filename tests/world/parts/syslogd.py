# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes what programs of the world send to syslog."""

import contextlib
import os
import re
import socket
import threading

PATH = "/dev/log"


class Syslog:
    """lines holds every message without its priority and time."""

    def __init__(self):
        self.lines = []
        with contextlib.suppress(FileNotFoundError):
            os.unlink(PATH)
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.bind(PATH)
        os.chmod(PATH, 0o666)
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            line = self._sock.recv(65536).decode("utf-8", "replace")
            self.lines.append(re.sub(r"^<\d+>.{15} ", "", line).rstrip("\0\n"))

    def text(self):
        return "\n".join(self.lines)
