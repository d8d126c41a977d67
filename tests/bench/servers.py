# SPDX-License-Identifier: GPL-2.0-or-later
"""The peers, and the servers that they and we ask, from Debian's packages."""

import contextlib
import glob
import os
import socket
import subprocess
import time

from measure import program

HOST = "203.0.114.10"  # of every policy and every mail
POLICY = ("version: STSv1\\r\\nmode: enforce\\r\\nmx: mx1.example.net\\r\\n"
          "mx: *.example.net\\r\\nmax_age: 604800\\r\\n")

UNBOUND = """server:
  interface: 203.0.114.53
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  trust-anchor-file: ""
  local-zone: "test." redirect
  local-data: "test. 60 A %s"
  local-data: 'test. 60 TXT "v=STSv1; id=20240101T000000;"'
""" % HOST

NGINX = """daemon off;
user root;
worker_processes 1;
pid /run/world/nginx.pid;
error_log /run/world/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  server {
    listen %s:443 ssl;
    ssl_certificate %s/$ssl_server_name.good.pem;
    ssl_certificate_key %s/$ssl_server_name.good.pem;
    default_type text/plain;
    location /.well-known/mta-sts.txt { return 200 "%s"; }
  }
}
"""

DAEMON = """host: 127.0.0.1
port: %d
cache_grace: 86400
cache:
  type: %s
  options: %s
default_zone: {strict_testing: false, timeout: 4}
"""


def install_peers():
    """dpkg -i; nothing is started."""
    with open("/usr/sbin/policy-rc.d", "w", encoding="ascii") as out:
        out.write("#!/bin/sh\nexit 101\n")
    os.chmod("/usr/sbin/policy-rc.d", 0o755)
    debs = glob.glob(os.environ["BENCH_DEBS"] + "/*.deb")
    if debs:
        subprocess.run(["dpkg", "-i", *debs], check=False, timeout=300,
                       env={**os.environ, "DEBIAN_FRONTEND": "noninteractive",
                            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _listens(address):
    kind = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with contextlib.suppress(OSError):
        with socket.socket(kind) as sock:
            sock.connect(address)
            return True
    return False


@contextlib.contextmanager
def running(argv, address):
    """While this lasts the server runs and listens there."""
    # pylint: disable=consider-using-with
    server = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 20
        while not _listens(address):
            if server.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{argv[0]} does not serve")
            time.sleep(0.05)
        yield server
    finally:
        server.terminate()
        server.wait(10)


def _written(path, text):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    return path


def unbound():
    return running(["/usr/sbin/unbound", "-c",
                    _written("/run/world/unbound.conf", UNBOUND)],
                   ("203.0.114.53", 53))


def nginx(certs):
    return running(["/usr/sbin/nginx", "-c", _written(
        "/run/world/nginx.conf", NGINX % (HOST, certs, certs, POLICY))],
        (HOST, 443))


def peer(kind, port):
    """mta-sts-daemon with its internal cache, or Debian's default."""
    options = {"internal": "{cache_size: 10000}",
               "sqlite": "{filename: /run/world/daemon.db}"}[kind]
    return running(["/usr/bin/mta-sts-daemon", "-c", _written(
        f"/run/world/{kind}.yml", DAEMON % (port, kind, options))],
        ("127.0.0.1", port))


def smallest_daemon(path):
    return running([program("smallest_daemon"), path], path)


def sink():
    return running([program("sink"), HOST], (HOST, 25))
