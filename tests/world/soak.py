#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""soak.py SECONDS - 32 processes as Exim's look up 5,000 domains in changing
states while refresh, purge, kill -9 and jumps of the clock go on; an oracle
knows what each answer may have been.  Must be called through `enter`."""

import collections
import contextlib
import dataclasses
import glob
import os
import random
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

from parts.asker import parse, program
from parts.case import wrong_files
from parts.certs import Certs
from parts.exim import SO, TOOL
from parts.left import all_left
from parts.listener import Listener, bound_socket
from parts.world import STATE, install

DOMAINS = 5000
HOT = 300  # of them, asked for half of the time
PROCESSES = 32
KILLED = 10  # percent of the look-ups
DAY = 86400
WEB = "203.0.114.10"
DNS = "203.0.114.53"
CONF = "recheck = 0\ndns_timeout = 5s\nfetch_timeout = 5s\nlog = none\n"
BUDGET = 11.0
SAN_MAX = 100  # names in one certificate
MODES = ("enforce", "testing", "none")
KINDS = ("steady", "changing", "purged", "plain", "plain")


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


@dataclasses.dataclass
class State:
    """What the world says of a domain at a time."""
    version: int = 0  # of its policy; 0: none
    mode: str = "enforce"
    record: str = "good"  # or gone, servfail, silence
    host: str = "good"  # or 404, slow, cut


@dataclasses.dataclass
class Domain:
    """A domain, and all that it ever said."""
    name: str
    kind: str
    state: State = dataclasses.field(default_factory=State)
    modes: dict = dataclasses.field(default_factory=dict)  # by version
    since: dict = dataclasses.field(default_factory=dict)
    purges: list = dataclasses.field(default_factory=list)

    def publish(self, mode):
        version = self.state.version + 1
        self.modes[version] = mode
        self.since[version] = now()
        self.state = State(version, mode)

    def text(self):
        state = self.state
        return (f"version: STSv1\r\nmode: {state.mode}\r\n"
                f"mx: v{state.version}.{self.name}\r\nmax_age: 604800\r\n")


# --- the servers --------------------------------------------------------------


class Servers:
    """DNS and HTTPS for all domains, as fast as Python can."""

    def __init__(self, domains):
        self.domains = domains
        self.certs = Certs(STATE + "/certs")
        self.certs.install()
        self._contexts = {}
        self._lock = threading.Lock()
        self._udp = bound_socket(DNS, 53, socket.SOCK_DGRAM)
        for _ in range(4):
            threading.Thread(target=self._serve_dns, daemon=True).start()
        self._main = self._context(0)
        self._main.sni_callback = self._choose
        Listener(WEB, 443, self._serve_https)

    def _serve_dns(self):
        while True:
            packet, peer = self._udp.recvfrom(4096)
            answer = self._answer(packet)
            if answer:
                self._udp.sendto(answer, peer)

    def _answer(self, packet):
        end, labels = 12, []
        while packet[end]:
            labels.append(packet[end + 1:end + 1 + packet[end]])
            end += 1 + packet[end]
        question = packet[12:end + 5]
        kind = struct.unpack("!H", packet[end + 1:end + 3])[0]
        name = b".".join(labels[1:]).decode().lower()
        domain = self.domains.get(name)
        rcode, data = 3, None
        if domain and labels[0] == b"mta-sts":
            rcode = 0
            data = socket.inet_aton(WEB) if kind == 1 else None
        elif domain and domain.state.version and kind == 16:
            state = domain.state
            if state.record == "silence":
                return None
            rcode = {"servfail": 2, "gone": 3}.get(state.record, 0)
            text = f"v=STSv1; id={state.version};".encode()
            data = bytes([len(text)]) + text if rcode == 0 else None
        head = packet[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1,
                                        1 if data else 0, 0, 0)
        if not data:
            return head + question
        return head + question + b"\xc0\x0c" + struct.pack(
            "!HHIH", kind, 1, 60, len(data)) + data

    def _context(self, number):
        group = number // SAN_MAX
        with self._lock:
            if group not in self._contexts:
                first = group * SAN_MAX
                names = ["mta-sts." + name_of(n)
                         for n in range(first, first + SAN_MAX)]
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certs.many(names))
                self._contexts[group] = context
            return self._contexts[group]

    def _choose(self, tls, name, _context):
        with contextlib.suppress(AttributeError, ValueError):
            tls.context = self._context(int(name.split(".")[1][1:]))
            tls.policy_host = name

    def _serve_https(self, conn, _peer):
        with self._main.wrap_socket(conn, server_side=True) as tls:
            head = b""
            while b"\r\n\r\n" not in head:
                more = tls.recv(4096)
                if not more:
                    return
                head += more
            host = head.lower().split(b"host: mta-sts.")[1].split(b"\r\n")[0]
            self._say(tls, self.domains[host.decode()])

    @staticmethod
    def _say(tls, domain):
        status, body = "200 OK", domain.text().encode()
        fault = domain.state.host
        if fault == "slow":
            time.sleep(1)
        if fault == "404":
            status, body = "404 Not Found", b""
        tls.sendall((f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n"
                     f"Content-Length: {len(body)}\r\n\r\n").encode())
        tls.sendall(body[:len(body) // 2] if fault == "cut" else body)
        if fault != "cut":
            tls.unwrap()


# --- what goes on -------------------------------------------------------------


def name_of(number):
    return f"d{number}.test"


def make_domains():
    domains = {}
    for number in range(DOMAINS):
        name = name_of(number)
        domain = Domain(name, KINDS[number % len(KINDS)])
        if domain.kind == "steady" or number % 2:
            domain.publish("enforce")
        if domain.kind == "plain":
            domain.state = State()
            domain.modes.clear()
        domains[name] = domain
    return domains


class Soak:
    """All that runs at once, for some seconds."""

    def __init__(self, seconds):
        self.random = random.Random(seconds)
        self.domains = make_domains()
        self.servers = Servers(self.domains)
        self.until = now() + seconds
        self.answers = []  # (Answer, began, ended)
        self.asked = collections.Counter()
        self._askers = []
        self._lock = threading.Lock()

    def pick(self, rng, kinds=KINDS):
        while True:
            number = rng.randrange(HOT if rng.random() < .5 else DOMAINS)
            domain = self.domains[name_of(number)]
            if domain.kind in kinds:
                return domain

    def ask(self, seed):
        """One process, and the thread that feeds it."""
        rng = random.Random(seed)
        argv = [program(), "-f", "-k", str(KILLED), SO]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.PIPE, bufsize=1) as process:
            self._askers.append(process)
            while now() < self.until:
                with self._lock:
                    process.stdin.write(self.pick(rng).name + "\n")
                self.hear(process.stdout.readline())
            process.stdin.close()

    def hear(self, text):
        if len(text.split()) < 3:
            self.asked["look-ups " + text.strip()] += 1
            return
        began, ended = (int(word) / 1000 for word in text.split()[:2])
        self.answers.append((parse(text), began, ended))

    def change(self):
        """The owners of domains, who are never content."""
        while now() < self.until:
            domain = self.pick(self.random, ("steady", "changing", "purged"))
            if domain.kind == "steady" or self.random.random() < .5:
                mode = "enforce" if domain.kind == "steady" else \
                    self.random.choice(MODES)
                domain.publish(mode)
            else:
                domain.state = dataclasses.replace(
                    domain.state,
                    record=self.random.choice(("good", "gone", "servfail",
                                               "silence")),
                    host=self.random.choice(("good", "404", "slow", "cut")))
            time.sleep(0.005)

    def kill_helpers(self):
        while now() < self.until:
            for pid in glob.glob("/proc/[0-9]*"):
                with contextlib.suppress(OSError):
                    if os.readlink(pid + "/exe").endswith("mta-sts-fetch") \
                            and self.random.random() < .1:
                        os.kill(int(pid[6:]), signal.SIGKILL)
                        self.asked["helpers killed"] += 1
            time.sleep(0.3)

    def jump(self):
        """The clock of all processes: forward, back, and right again."""
        for seconds in (DAY, 0, -DAY, 0) * 1000:
            if now() >= self.until:
                return
            for process in list(self._askers):
                with self._lock, contextlib.suppress(ValueError, OSError):
                    process.stdin.write(f"@{seconds}\n")
            self.asked["jumps of the clock"] += 1
            time.sleep(1.5)

    def purge(self):
        while now() < self.until:
            domain = self.pick(self.random, ("purged",))
            began = now()
            self.tool("purge", domain.name)
            domain.purges.append((began, now()))
            self.asked["purges"] += 1
            time.sleep(0.1)

    def refresh(self):
        """Some of them are killed."""
        while now() < self.until:
            with subprocess.Popen([TOOL, "refresh", "--jobs", "4"],
                                  stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                try:
                    process.wait(self.random.random() * 4)
                except subprocess.TimeoutExpired:
                    process.kill()
            self.asked["refreshes"] += 1

    @staticmethod
    def tool(*words):
        return subprocess.run([TOOL, *words], check=False, timeout=60,
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode

    def run(self):
        tasks = [(self.ask, (seed,)) for seed in range(PROCESSES)]
        tasks += [(task, ()) for task in (self.change, self.kill_helpers,
                                          self.jump, self.purge,
                                          self.refresh)]
        threads = [threading.Thread(target=task, args=words)
                   for task, words in tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


# --- the oracle ---------------------------------------------------------------


class Oracle:
    """Judges each answer by what its domain had said, and by what had been
    answered before."""

    def __init__(self, domains):
        self.domains = domains
        self.wrong = []
        self.faults = collections.Counter()
        self.modes = collections.Counter()

    def judge_all(self, answers):
        by_domain = collections.defaultdict(list)
        for answer, began, ended in answers:
            name = answer.line["domain"]
            by_domain[name].append((ended, began, answer))
        for name, mine in by_domain.items():
            known = []
            for ended, began, answer in sorted(mine, key=lambda a: a[0]):
                why = self.judge(self.domains[name], answer, began, ended,
                                 known)
                if why:
                    self.wrong.append(f"{name}: {why}: {answer.line}")

    def judge(self, domain, answer, began, ended, known):
        """Why it is wrong, or None.  known: policies answered so far, as
        (ended, began, version)."""
        self.modes[answer.mode] += 1
        if answer.left != "-":
            return "left behind " + answer.left
        if answer.seconds > BUDGET:
            return f"took {answer.seconds} s"
        floor = max((version for end, begin, version in known
                     if end < began and not any(
                         begin < over and ended > start
                         for start, over in domain.purges)), default=0)
        if answer.mode == "tempfail":
            self.faults[answer.line.get("reason")] += 1
            return None
        if "mx" not in answer.line:
            return self.judge_none(domain, answer, floor)
        version = int(answer.line["mx"].split(".")[0][1:])
        if domain.modes.get(version) != answer.mode:
            return "such a policy there never was"
        if domain.since[version] > ended:
            return "a policy of the future"
        if version < floor:
            return f"older than policy {floor}, which had been in force"
        known.append((ended, began, version))
        return None

    def judge_none(self, domain, answer, floor):
        if answer.mode != "none":
            return "no policy has this mode"
        if floor:
            return f"policy {floor} had been in force"
        if domain.kind == "steady":
            if answer.line["status"] == "absent":
                return "there always was a policy"
            self.faults[answer.line["status"]] += 1
        return None


def sentence(number, true, what, more=""):
    print(f"{'ok' if true else 'not ok'} {number} - {what}")
    if not true:
        print(f"#   {more}")
    return bool(true)


def report(soak, oracle, seconds):
    count = len(soak.answers)
    killed = soak.asked["look-ups killed"]
    print(f"# {count} answers, " +
          ", ".join(f"{n} {what}" for what, n in sorted(soak.asked.items())))
    print(f"# {dict(oracle.modes)}; faults: {dict(oracle.faults)}; "
          f"{len(oracle.wrong)} wrong answers")
    end = now() + 20
    while all_left() and now() < end:
        time.sleep(0.1)
    checked = soak.tool("refresh") in (0, 1)
    return [
        sentence(1, not oracle.wrong, "no answer was wrong",
                 "\n#   ".join(oracle.wrong[:20])),
        sentence(2, oracle.faults["helper-died"] <=
                 soak.asked["helpers killed"],
                 "a killed helper costs one look-up at most", oracle.faults),
        sentence(3, (sum(oracle.faults.values()) -
                     oracle.faults["helper-died"]) * 100 <= count,
                 "of the others one in a hundred had a fault at most",
                 oracle.faults),
        sentence(4, count > 10 * seconds and killed > seconds / 2 and
                 oracle.modes["enforce"] > seconds and
                 not soak.asked["look-ups crashed"],
                 "enough was asked, answered and killed, and none crashed",
                 soak.asked),
        sentence(5, not all_left(), "nothing is left behind", all_left()),
        sentence(6, not wrong_files(), "the cache is Exim's", wrong_files()),
        sentence(7, checked, "the cache is sound, says refresh"),
    ]


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    install()
    with open("/etc/exim4/mta-sts.conf", "w", encoding="ascii") as out:
        out.write(CONF)
    soak = Soak(seconds)
    soak.run()
    oracle = Oracle(soak.domains)
    oracle.judge_all(soak.answers)
    results = report(soak, oracle, seconds)
    print(f"soak: {results.count(True)} passed, "
          f"{results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
