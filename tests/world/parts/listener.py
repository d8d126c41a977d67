# SPDX-License-Identifier: GPL-2.0-or-later
"""A TCP server on one address and port, a thread a connection."""

import contextlib
import socket
import threading

# IP_FREEBIND and IPV6_FREEBIND: the addresses of the world are routed to
# us, not configured, and IPv6 insists on more without it.
_FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15),
             socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
IDLE = 30  # seconds that any peer may be silent


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bound_socket(address, port, kind):
    family = family_of(address)
    sock = socket.socket(family, kind)
    level, option = _FREEBIND[family]
    sock.setsockopt(level, option, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    return sock


class Listener:
    """Calls serve(socket, peer) in a thread of its own per connection."""

    def __init__(self, address, port, serve):
        self._serve = serve
        self._sock = bound_socket(address, port, socket.SOCK_STREAM)
        self._sock.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, peer = self._sock.accept()
            except OSError:
                return  # close() was called
            threading.Thread(target=self._one, args=(conn, peer),
                             daemon=True).start()

    def _one(self, conn, peer):
        # A peer may break off whenever it likes; what it did is recorded.
        with conn, contextlib.suppress(OSError, EOFError):
            conn.settimeout(IDLE)
            self._serve(conn, peer)

    def close(self):
        """From now on a connection is refused."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._sock.close()
