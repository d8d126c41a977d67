# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever breaks, every look-up ends within its time limits, a policy once
stored is never denied, and nothing is left behind."""

import contextlib
import gzip
import os
import random
import socket
import struct
import subprocess
import threading
import time

from fault_cases import full_disk, unreadable
from hostile_cases import overwrite
from outage_cases import HELPER, NEW_ID
from parts.asker import Asker
from parts.case import case, equal, eventually
from parts.exim import CACHE, PROGRAM, USER, Skipped, has_dlfunc
from parts.left import WRITTEN, all_left
from parts.world import POLICY_ID, policy_text

CONF = "recheck = 0\ndns_timeout = 1s\nfetch_timeout = 2s\n"
# The two, and a second more.
BUDGET = 4.0
CACHED = ("first.test", "second.test")
NEW = "new.test"
PLAIN = "plain.test"
DAY = 86400

# What may be said of a domain whose enforce policy is cached, of one whose
# policy is not, and of one without.
SAFE = ({"enforce"}, {"enforce", "none"}, {"none"})
# ... when the trouble is our own.
OURS = ({"enforce", "tempfail"}, {"enforce", "tempfail"}, {"none", "tempfail"})


class Straits:
    """Domains of the three kinds, and what is done to them."""

    def __init__(self, world):
        if not has_dlfunc():
            raise Skipped("this Exim has no dlfunc")
        self.world = world
        world.configure(tool_conf=CONF)
        self.hosts = [world.policy(domain, "enforce", "mx." + domain)
                      for domain in (*CACHED, NEW)]
        with Asker() as asker:
            for domain in CACHED:
                self.check(asker.ask(domain), {"enforce"}, domain)

    @staticmethod
    def check(answer, modes, domain):
        assert answer, f"{domain}: the process died"
        assert answer.mode in modes, f"{domain}: {answer.line}"
        assert answer.seconds < BUDGET, f"{domain}: {answer.seconds} s"
        equal(answer.left, "-", f"{domain}: left behind")

    def ask(self, asker, expected, cached=CACHED):
        """All kinds of domain; expected is one of the triples above."""
        for domains, modes in zip((cached, (NEW,), (PLAIN,)), expected):
            for domain in domains:
                self.check(asker.ask(domain), modes, domain)

    def new_ids(self):
        """So that the policies must be fetched again."""
        for domain in CACHED:
            self.world.record(domain, NEW_ID)

    def old_ids(self):
        for domain in CACHED:
            self.world.record(domain, POLICY_ID)


def nothing_left():
    eventually(lambda: not all_left(), "nothing left behind", 20)


def storm(sentence, function, seconds=60):
    """A case: a function of Straits."""
    def check(world):
        function(Straits(world))
        nothing_left()

    check.__doc__ = "in a storm: " + sentence
    check.__name__ = "storm_" + function.__name__.strip("_")
    case(check, seconds=seconds)


# --- policy hosts -------------------------------------------------------------


def head(*more):
    lines = ("HTTP/1.1 200 OK", "Content-Type: text/plain", *more, "", "")
    return "\r\n".join(lines).encode()


def endless(start, part, pause=0.0):
    def serve(tls):
        tls.sendall(start)
        while True:
            tls.sendall(part)
            time.sleep(pause)
    return serve


def cut_record(tls):
    """A record of 16 KiB that ends after ten bytes of it."""
    with socket.socket(fileno=os.dup(tls.fileno())) as raw:
        raw.sendall(b"\x17\x03\x03\x40\x00" + bytes(10))
        raw.shutdown(socket.SHUT_RDWR)


def reset_record(tls):
    with socket.socket(fileno=os.dup(tls.fileno())) as raw:
        raw.sendall(b"\x17\x03\x03\x40\x00" + bytes(10))
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("ii", 1, 0))


BOMB = gzip.compress(bytes(10**7))
ANSWERS = (
    ("drips a byte a second", {"raw": endless(head(), b"#", 1.0)}),
    ("drips its head", {"raw": endless(
        b"HTTP/1.1 200 OK\r\nX: ", b"x", 0.3)}),
    ("sends endless chunks", {"raw": endless(
        head("Transfer-Encoding: chunked"), b"400\r\n" + b"#" * 1024 +
        b"\r\n")}),
    ("sends a gzip bomb", {"raw": head("Content-Encoding: gzip",
                                       f"Content-Length: {len(BOMB)}") + BOMB}),
    ("announces 10 GB", {"raw": endless(
        head("Content-Length: 10000000000"), b"#" * 4096)}),
    ("cuts a TLS record", {"raw": cut_record}),
    ("resets within a TLS record", {"raw": reset_record}),
    ("shows a certificate of 500 KB", {"certificate": "huge"}),
    ("shows a certificate of 30 KB", {"certificate": "large"}),
    ("sends 1,000 headers", {"headers": {f"X-{n}": "x" * 9
                                         for n in range(1000)}}),
    ("hangs", {"delay": 30}),
    ("says nothing after its head", {"stall": True}),
)


def broken_host(attributes):
    def run(straits):
        for host in straits.hosts:
            for name, value in attributes.items():
                assert hasattr(host, name), name
                setattr(host, name, value)
        straits.new_ids()
        with Asker() as asker:
            straits.ask(asker, SAFE)
    return run


for what, how in ANSWERS:
    storm("a policy host that " + what, broken_host(how))


def hosts_down(straits):
    for host in straits.hosts:
        host.down()
    straits.new_ids()
    with Asker() as asker:
        straits.ask(asker, SAFE)


storm("policy hosts that are down", hosts_down)


@contextlib.contextmanager
def renegotiating(host, times):
    """openssl in the place of a policy host: it asks for another handshake so
    many times before it answers."""
    host.down()
    chain = host.chain()
    # pylint: disable=consider-using-with
    server = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"{host.address}:443", "-cert",
         chain, "-key", chain, "-cert_chain", chain, "-tls1_2", "-crlf",
         "-legacy_renegotiation"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    seen = {}

    def serve():
        for line in server.stdout:
            if line.startswith(b"GET "):
                break
        with contextlib.suppress(OSError, ValueError):  # it is gone
            for _ in range(times):
                server.stdin.write(b"r\n")
                server.stdin.flush()
                time.sleep(0.05)
            server.stdin.write(head("Connection: close").replace(
                b"\r\n", b"\n") + policy_text(
                    "enforce", "mx." + NEW).encode().replace(b"\r\n", b"\n"))
            server.stdin.flush()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    eventually(lambda: listens(host.address), "openssl listens")
    try:
        yield seen
    finally:
        server.kill()
        thread.join(5)
        seen["said"] = server.stdout.read()
        server.wait(5)


def listens(address):
    """Without connecting: the server would take that for its client."""
    done = subprocess.run(["ss", "-Hltn", f"src {address}:443"], check=True,
                          capture_output=True, text=True, timeout=10)
    return address in done.stdout


def renegotiation(straits):
    with renegotiating(straits.hosts[-1], 100) as seen, Asker() as asker:
        straits.check(asker.ask(NEW), SAFE[1], NEW)
    equal(seen["said"].count(b"SSL_do_handshake") > 0, True,
          f"asked for another handshake: {seen}")


storm("a policy host that renegotiates without end", renegotiation)


# --- DNS ----------------------------------------------------------------------


def broken_dns(fault):
    def run(straits):
        for domain in (*CACHED, NEW, PLAIN):
            straits.world.dns.faults["_mta-sts." + domain] = fault
        with Asker() as asker:
            straits.ask(asker, SAFE)
    return run


for what, how in (("answers garbage", "garbage"), ("cuts its answer", "cut"),
                  ("answers another question", "question"),
                  ("answers 64 KiB", "flood"), ("is slow", 0.7),
                  ("is too slow", 3), ("is silent", "silence"),
                  ("says SERVFAIL", "servfail")):
    storm("DNS that " + what, broken_dns(how))


def slow_everything(straits):
    for domain in (*CACHED, NEW, PLAIN):
        straits.world.dns.faults["_mta-sts." + domain] = 0.8
        straits.world.dns.faults["mta-sts." + domain] = 0.8
    straits.new_ids()
    for host in straits.hosts:
        host.raw = endless(head(), b"#", 0.5)
    with Asker() as asker:
        straits.ask(asker, SAFE)


storm("slow DNS and a dripping policy host", slow_everything)


@contextlib.contextmanager
def resolv_conf(text):
    with open("/etc/resolv.conf", encoding="ascii") as before:
        kept = before.read()
    write("/etc/resolv.conf", text.encode())
    try:
        yield
    finally:
        write("/etc/resolv.conf", kept.encode())


def write(path, data):
    with open(path, "wb") as out:
        out.write(data)


def no_resolver(straits):
    for text in ("nameserver 203.0.114.54\n", "nameserver 192.0.2.1\n", ""):
        with resolv_conf(text), Asker() as asker:
            straits.ask(asker, SAFE)
    with straits.world.away("/etc/resolv.conf"), Asker() as asker:
        straits.ask(asker, SAFE)


storm("no resolver", no_resolver)


# --- parts of ours, and what they live on --------------------------------------


def helper_missing(straits):
    straits.new_ids()
    with straits.world.away(HELPER), Asker() as asker:
        straits.ask(asker, OURS)


storm("no helper", helper_missing)


def no_descriptors(straits):
    straits.new_ids()
    for count in range(4, 14):
        with Asker(f"--nofile={count}") as asker:
            straits.ask(asker, OURS)


storm("4 to 13 descriptors", no_descriptors)


def no_fork(straits):
    straits.new_ids()
    with Asker("--nproc=1", user=USER) as asker:
        straits.ask(asker, OURS)
    for host in straits.hosts:
        equal(len(host.requests) <= 1, True, "nothing was fetched")


storm("fork that fails", no_fork)


def no_memory(straits):
    if "ASAN_OPTIONS" in os.environ:
        raise Skipped("the sanitizer wants more memory than there is")
    started = 0
    straits.new_ids()
    for kib in range(3000, 12000, 250):
        with Asker(f"--as={kib * 1024}") as asker:
            first = asker.ask(CACHED[0])
            if first is None:
                continue
            started += 1
            straits.check(first, OURS[0], CACHED[0])
            straits.ask(asker, OURS)
    equal(started > 10, True, f"{started} processes started")


storm("little memory", no_memory)


# --- the cache ------------------------------------------------------------------


def path_of(name="policies.tdb"):
    return os.path.join(CACHE, name)


def truncated_in_use(straits):
    for size in (0, 1000, 100000):
        with Asker() as asker:
            straits.check(asker.ask(CACHED[0]), {"enforce"}, CACHED[0])
            os.truncate(path_of(), size)
            straits.ask(asker, OURS)


storm("a cache file truncated in use", truncated_in_use)


def other_tdb(_data):
    """Another program's database."""
    with open("/tmp/other.tdb", "rb") as text:
        return text.read()


def make_other_tdb():
    code = ("import ctypes\n"
            "tdb = ctypes.CDLL('libtdb.so.1')\n"
            "tdb.tdb_open.restype = ctypes.c_void_p\n"
            "tdb.tdb_close.argtypes = [ctypes.c_void_p]\n"
            "tdb.tdb_close(tdb.tdb_open(b'/tmp/other.tdb', 131, 0, 0o102,"
            " 0o644))\n")
    subprocess.run(["/usr/bin/python3", "-c", code], check=True, timeout=20)


CONTENTS = (
    ("zero bytes", lambda data: b""),
    ("zeros", lambda data: bytes(len(data))),
    ("random bytes", lambda data: random.Random(7).randbytes(len(data))),
    ("another program's TDB", other_tdb),
)


def cache_of(change):
    def run(straits):
        make_other_tdb()
        overwrite(change)
        with Asker() as asker:
            straits.ask(asker, OURS)
    return run


for what, how in CONTENTS:
    storm("a cache file of " + what, cache_of(how))


def wrong_owner(straits):
    with unreadable(path_of()):
        for user in ("root", USER):
            with Asker(user=user) as asker:
                straits.ask(asker, OURS)


storm("a cache file of root's", wrong_owner)


@contextlib.contextmanager
def read_only():
    for words in (("--bind", CACHE, CACHE), ("-o", "remount,bind,ro", CACHE)):
        subprocess.run(["mount", *words], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["umount", CACHE], check=True, timeout=10)


def cache_read_only(straits):
    straits.new_ids()
    with read_only(), Asker() as asker:
        straits.ask(asker, OURS)


storm("a cache that can be read only", cache_read_only)


def directory_missing(straits):
    with straits.world.away(CACHE), Asker() as asker:
        straits.ask(asker, SAFE)


storm("no cache directory", directory_missing)


def planted_link(straits):
    victim = "/etc/exim4/victim"
    write(victim, b"precious\n")
    for name in ("policies.tdb", "absent.tdb", "history.tdb", "lock"):
        kept = path_of(name) + ".kept"
        os.rename(path_of(name), kept)
        os.symlink(victim, path_of(name))
        with Asker() as asker:
            straits.ask(asker, OURS)
        os.unlink(path_of(name))
        os.rename(kept, path_of(name))
    with open(victim, "rb") as text:
        equal(text.read(), b"precious\n", "the file behind the link")
    equal(os.stat(victim).st_uid, 0, "its owner")
    os.unlink(victim)


storm("links planted in the cache", planted_link)


def disk_full(straits):
    straits.new_ids()
    with full_disk(), Asker() as asker:
        straits.ask(asker, OURS)


storm("a full disk", disk_full)


# --- the clock ------------------------------------------------------------------


def clock_jumps(straits):
    for seconds in (DAY, -DAY, DAY, 0):
        with Asker(clock=seconds) as asker:
            straits.ask(asker, SAFE)


storm("a clock that jumps a day forward and back", clock_jumps)


# --- any user -------------------------------------------------------------------

# `make soak` has 10,000.
DOMAINS = int(os.environ.get("STORM_DOMAINS", "800"))
ABSENT_MAX = 16 << 20  # bytes
WRITABLE = (WRITTEN, "/dev/shm", "/etc/exim4", "/var/spool/exim4",
            "/run/exim4")


def standing():
    """Size and time of every file that this world has written, but for the
    cache."""
    found = {}
    for top in WRITABLE:
        for place, folders, names in os.walk(top):
            folders[:] = [name for name in folders
                          if os.path.join(place, name) != CACHE]
            for name in names:
                path = os.path.join(place, name)
                with contextlib.suppress(OSError):
                    seen = os.lstat(path)
                    found[path] = (seen.st_size, seen.st_mtime_ns,
                                   seen.st_uid, seen.st_mode)
    return found


POLICIES = 4  # so many of them; each takes a certificate


def hostile_names(world):
    """As many names as DOMAINS says, each asked for once: without a record,
    with a bad one, with failing DNS, with a policy."""
    letters = random.Random(11)
    for place in range(DOMAINS):
        name = "".join(letters.choices("abcdefgh0123456789", k=20))
        name = f"{name}{place}.{'x' * letters.randrange(1, 60)}.test"
        kind = place % 10
        if kind == 1:
            world.dns.put("_mta-sts." + name, "TXT",
                          letters.choice(("v=STSv1", "v=STSv1; id=\x1b[2J;")))
        elif kind == 2:
            world.dns.faults["_mta-sts." + name] = letters.choice(
                ("servfail", "refused", "nxdomain"))
        elif kind == 3:
            world.record(name)  # and no policy host
        elif kind == 4 and place < 10 * POLICIES:
            world.policy(name, "enforce", "*." + name)
        yield name


@case(seconds=900)
def bt_by_anybody(world):
    """exim -bt by an ordinary user for many hostile domains changes nothing
    but the cache, and that is bounded"""
    world.configure(tool_conf="dns_timeout = 1s\nfetch_timeout = 1s\n")
    names = list(hostile_names(world))
    before = standing()
    done = subprocess.run([PROGRAM, "-bt"], user="nobody", group="nogroup",
                          extra_groups=[], text=True, timeout=800, cwd="/",
                          input="".join(f"a@{name}\n" for name in names),
                          capture_output=True, check=False, env={})
    equal(done.returncode in (0, 1, 2), True, f"exit {done.returncode}")
    asked = sum(world.dns.asked("_mta-sts." + name, "TXT") > 0
                for name in names)
    equal(asked, len(names), "domains asked for")
    after = standing()
    changed = sorted(path for path in {*before, *after}
                     if before.get(path) != after.get(path))
    equal([path for path in changed if not path.startswith(
        "/var/spool/exim4/db/")], [], "changed outside of the cache")
    equal(os.stat(path_of("absent.tdb")).st_size < ABSENT_MAX, True,
          "absences are bounded")
    equal(world.tool("list").stdout.count(" enforce "), POLICIES, "policies")
    nothing_left()


# --- kill -9 --------------------------------------------------------------------

KILLS = int(os.environ.get("STORM_KILLS", "50"))  # `make soak`: 1,000


def exim_killed(straits):
    """Exim itself, while it asks for a policy that has changed and fetches it:
    with it dies the helper."""
    chance = random.Random(13)
    died = 0
    for number in range(KILLS):
        domain = chance.choice(CACHED)
        straits.world.record(domain, f"id{number}")
        with subprocess.Popen([PROGRAM, "-bt", "bob@" + domain],
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as exim:
            with contextlib.suppress(subprocess.TimeoutExpired):
                exim.wait(chance.random() / 10)
            exim.kill()
        died += exim.returncode == -9
        if number % 10 == 9:
            with Asker() as asker:
                straits.ask(asker, SAFE)
    equal(died * 10 > KILLS, True, f"{died} killed at work")
    nothing_left()
    equal(straits.world.tool("refresh").returncode, 0, "refresh")


storm("Exim that is killed at any moment", exim_killed, 900)
