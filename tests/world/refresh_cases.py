# SPDX-License-Identifier: GPL-2.0-or-later
"""mta-sts refresh and status: policies are renewed before they end, who cannot
be renewed is named, and the cache survives whatever happens meanwhile."""

import contextlib
import glob
import json
import os
import pwd
import random
import re
import signal
import subprocess
import time

from fault_cases import age, own_program
from outage_cases import lookup
from parts.case import case, contains, equal, eventually, lacks
from parts.exim import CACHE, USER, without_sanitizer
from parts.peer import Process
from parts.recipe import altered
from parts.world import POLICY_ID, policy_text

TOOL = "/usr/sbin/mta-sts"
HOUR = 3600
DAY = 24 * HOUR
NO_ROOM = "the Exim that the tool asks has no room"
WEEK = 7 * DAY


def cached(world, domain="enforce.test", mode="enforce", **more):
    """A domain whose policy is in the cache; its policy host."""
    host = world.policy(domain, mode, "mx1." + domain, **more)
    equal(lookup(world, domain)["mode"], mode, "mode")
    return host


def show(world, domain):
    """What is cached, or None."""
    done = world.tool("show", "--json", domain)
    return json.loads(done.stdout) if done.returncode == 0 else None


def refresh(world, *arguments, code=0, user="root"):
    """What a refresh came to, in numbers."""
    done = world.tool("refresh", "--json", *arguments, user=user)
    equal((done.returncode, done.stderr), (code, ""),
          "end of the refresh: " + done.stdout)
    return json.loads(done.stdout)


def some(tally, *names):
    return {name: tally[name] for name in names}


def begin(*arguments):
    """A refresh that is not waited for."""
    return subprocess.Popen(
        [TOOL, "refresh", *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={},
        cwd="/")


@contextlib.contextmanager
def begun(*arguments):
    """The same, ended at last."""
    running = begin(*arguments)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
        running.communicate(timeout=30)


# --- what is renewed -----------------------------------------------------------


@case
def renewed_without_record(world):
    """an old policy is fetched again though its record is gone, and lives
    from then on"""
    host = cached(world)
    world.dns.faults["_mta-sts.enforce.test"] = "nxdomain"
    age("enforce.test", 21 * HOUR)
    before = show(world, "enforce.test")
    equal(some(refresh(world), "due", "renewed", "changed", "failed", "check",
               "saved"),
          {"due": 1, "renewed": 1, "changed": 0, "failed": 0,
           "check": "sound", "saved": True}, "refresh")
    after = show(world, "enforce.test")
    equal(len(host.requests), 2, "HTTPS requests")
    equal(after["expires"] > before["expires"], True, "a later end")
    equal(after["id"], POLICY_ID, "id")
    equal(after["used_at"], before["used_at"], "no use by that")


@case
def young_ones_are_left(world):
    """a policy of this day is left alone, one half way to its end is not"""
    host = cached(world)
    short = cached(world, "short.test", max_age=4 * HOUR)
    age("enforce.test", 19 * HOUR)
    age("short.test", 2 * HOUR + 60)
    equal(some(refresh(world), "policies", "due", "renewed"),
          {"policies": 2, "due": 1, "renewed": 1}, "refresh")
    equal((len(host.requests), len(short.requests)), (1, 2), "requests")
    equal(refresh(world, "--older", "18h")["renewed"], 1, "older than 18h")
    equal(len(host.requests), 2, "requests")


@case
def same_id_other_text(world):
    """another policy under the same id is taken, counted and logged"""
    host = cached(world)
    host.body = policy_text("testing", "mx1.enforce.test")
    age("enforce.test", DAY)
    equal(some(refresh(world), "renewed", "changed", "changed_same_id"),
          {"renewed": 1, "changed": 1, "changed_same_id": 1}, "refresh")
    equal(lookup(world, "enforce.test")["mode"], "testing", "mode")
    contains(world.syslog.text(),
             "MTA-STS: enforce.test: policy changed under the same id",
             "syslog")
    contains(world.syslog.text(), "downgrade: enforce.test: mode enforce",
             "syslog")


@case
def unchanged_ones_are_not_logged(world):
    """that a policy was fetched and is as it was fills no log"""
    cached(world)
    eventually(lambda: "policy fetched" in world.syslog.text(), "a log line")
    world.syslog.lines.clear()
    age("enforce.test", DAY)
    equal(refresh(world)["renewed"], 1, "renewed")
    lacks(world.syslog.text(), "enforce.test", "syslog")


@case
def damaged_ones_are_fetched(world):
    """a policy whose bytes were damaged in the cache is fetched again"""
    cached(world)
    path = CACHE + "/policies.tdb"
    with open(path, "r+b") as file:
        data = file.read()
        file.seek(data.index(b"mx1.enforce.test"))
        file.write(b"M")
    equal(some(refresh(world), "due", "renewed"), {"due": 1, "renewed": 1},
          "refresh")
    equal(show(world, "enforce.test")["mode"], "enforce", "mode")


@case
def by_name(world):
    """refresh DOMAIN fetches that one at once, whatever its age"""
    host = cached(world)
    other = cached(world, "other.test")
    done = world.tool("refresh", "Enforce.test.")
    equal((done.returncode, done.stderr), (0, ""), "end")
    contains(done.stdout, "enforce.test: renewed; enforce, ends in ",
             "answer")
    equal((len(host.requests), len(other.requests)), (2, 1), "requests")
    host.down()
    found = refresh(world, "enforce.test", code=1)
    equal((found["result"], found["reason"]), ("failed", "connect"), "answer")
    equal(show(world, "enforce.test")["mode"], "enforce", "mode")
    done = world.tool("refresh", "unknown.test")
    equal(done.returncode, 1, "end")
    contains(done.stderr, "unknown.test: not cached", "answer")


@case
def by_many(world):
    """--jobs so many are fetched at a time"""
    domains = [f"d{place}.test" for place in range(6)]
    hosts = [cached(world, domain) for domain in domains]
    for host in hosts:
        host.delay = 0.5
    began = time.monotonic()
    equal(refresh(world, "--older", "0", "--jobs", "6")["renewed"], 6, "6")
    six = time.monotonic() - began
    began = time.monotonic()
    equal(refresh(world, "--older", "0", "--jobs", "1")["renewed"], 6, "6")
    one = time.monotonic() - began
    equal(one >= 3.0, True, f"one at a time: {one:.1f} s")
    equal(six < 2.5, True, f"six at a time: {six:.1f} s")


@case
def spread_by_jitter(world):
    """--jitter spreads the fetches over that time, in another order each
    time"""
    for place in range(8):
        cached(world, f"d{place}.test")
    began = time.monotonic()
    found = refresh(world, "--older", "0", "--jitter", "4s")
    took = time.monotonic() - began
    equal(found["renewed"], 8, "renewed")
    equal(1 < took < 25, True, f"{took:.1f} s")


# --- who does it ---------------------------------------------------------------


def processes(pid):
    """Of the process and its children what /proc says."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as text:
        children = text.read().split()
    return [Process(one) for one in [pid, *children]]


@case
def nobody_is_root(world):
    """started by root, refresh and its workers are Exim's user for good"""
    entry = pwd.getpwnam(USER)
    host = cached(world)
    host.delay = 1
    age("enforce.test", DAY)
    with begun() as running:
        eventually(lambda: len(host.requests) == 2, "a request")
        seen = processes(running.pid)
    equal(len(seen), 2, "processes")
    for process in [*seen, host.requests[1].client]:
        equal(process.uids, [entry.pw_uid] * 4, "users")
        equal(process.gids, [entry.pw_gid] * 4, "groups")
        equal(process.capabilities, 0, "capabilities")
        equal(process.no_new_privs, True, "no_new_privs")


@case
def each_fetch_has_a_process(world):
    """the helper of a worker stays, yet each fetch has a process of its own,
    with no more rights than a helper that was executed"""
    hosts = [cached(world, f"d{place}.test") for place in range(3)]
    equal(refresh(world, "--older", "0", "--jobs", "1")["renewed"], 3,
          "renewed")
    single, *_ = (host.requests[0].client for host in hosts)
    clients = [host.requests[1].client for host in hosts]
    equal(len({client.pid for client in clients}), 3, "processes")
    equal(len({client.parent for client in clients}), 1, "parents")
    contains(single.limits, "Max processes             0                    0",
             "limits of one executed")
    for client in clients:
        contains(client.parent_program, "mta-sts-fetch", "parent")
        for name in ("program", "uids", "gids", "groups", "capabilities",
                     "no_new_privs", "filtered", "environment", "limits",
                     "descriptors"):
            equal(getattr(client, name), getattr(single, name), name)


@case
def helper_is_killed(world):
    """when the helper is killed its fetch ends at once, and is done again"""
    host = cached(world)
    host.delay = 2
    age("enforce.test", DAY)
    with begun() as running:
        eventually(lambda: len(host.requests) == 2, "a request")
        client = host.requests[1].client
        os.kill(client.parent, signal.SIGKILL)
        eventually(lambda: len(host.requests) == 3, "another request")
        equal(os.path.exists(f"/proc/{client.pid}"), False, "the first")
        equal(running.wait(timeout=20), 0, "end")
    equal(refresh(world)["due"], 0, "afterwards")


@case
def exims_user_may(world):
    """Exim's own user may refresh, another may not and is told"""
    cached(world)
    age("enforce.test", DAY)
    equal(refresh(world, user=USER)["renewed"], 1, "renewed")
    for command in ("refresh", "status"):
        done = world.tool(command, user="nobody")
        equal(done.returncode, 3, "end of " + command)
        contains(done.stderr, "no permission to use the cache", command)


@case
def one_at_a_time(world):
    """a second refresh says that one is at work, and leaves"""
    host = cached(world)
    host.delay = 2
    age("enforce.test", DAY)
    with begun() as running:
        eventually(lambda: len(host.requests) == 2, "a request")
        done = world.tool("refresh")
        equal((done.returncode, done.stdout), (1, ""), "end")
        contains(done.stderr, "another refresh is at work", "answer")
        equal(running.wait(timeout=20), 0, "end of the first")
    equal(refresh(world)["due"], 0, "afterwards")


# --- alerts (RFC 8461 10.2) ----------------------------------------------------


def failing(world, seconds, **more):
    """A policy of that age whose host is down, and one refresh."""
    host = cached(world, **more)
    host.down()
    age("enforce.test", seconds)
    return refresh(world, code=1)


@case
def failure_is_counted(world):
    """one failure is counted, keeps the policy, and alarms nobody"""
    equal(some(failing(world, DAY), "failed", "alerts", "renewed", "exit"),
          {"failed": 1, "alerts": 0, "renewed": 0, "exit": 1}, "refresh")
    found = show(world, "enforce.test")
    equal((found["mode"], found["reason"]), ("enforce", "connect"), "cached")
    equal("failing_since" in found, True, "failing since")
    lacks(world.syslog.text(), "ALERT", "syslog")
    done = json.loads(world.tool("status", "--json").stdout)
    equal(some(done["policies"], "failing", "alerts"),
          {"failing": 1, "alerts": 0}, "status")
    equal(done["failures"][0]["domain"], "enforce.test", "status")


@case
def two_days_of_failures_alarm(world):
    """a policy that cannot be renewed for two days is named, long before it
    ends"""
    failing(world, DAY, max_age=20 * DAY)
    age("enforce.test", 2 * DAY + 60)
    equal(some(refresh(world, code=1), "failed", "alerts"),
          {"failed": 1, "alerts": 1}, "refresh")
    contains(world.syslog.text(),
             "MTA-STS: ALERT: enforce.test: enforce policy cannot be renewed "
             "since", "syslog")
    done = world.tool("status", "--check")
    equal(done.returncode, 1, "WARNING")
    contains(done.stdout, "MTA-STS WARNING - 1 policies not renewed: "
             "enforce.test: enforce policy", "status --check")
    contains(done.stdout, " | enforce=1 testing=0 none=0 ", "perfdata")
    done = world.tool("status", "--prometheus")
    contains(done.stdout, "\nmta_sts_policies_alert 1\n", "--prometheus")
    contains(world.tool("status").stdout, "connect", "status")


@case
def little_time_alarms(world):
    """a policy with little time left that cannot be renewed alarms at once,
    and louder in its last day"""
    equal(failing(world, 5 * DAY)["alerts"], 1, "alerts")
    equal(world.tool("status", "--check").returncode, 1, "WARNING")
    age("enforce.test", DAY + HOUR)
    equal(world.tool("status", "--check").returncode, 2, "CRITICAL")


@case
def success_ends_the_alarm(world):
    """when the policy host is back, there is no alarm any more"""
    equal(failing(world, 5 * DAY)["alerts"], 1, "alerts")
    world.policy("enforce.test", "enforce", "mx1.enforce.test")
    equal(refresh(world)["renewed"], 1, "renewed")
    equal("failing_since" in show(world, "enforce.test"), False, "failing")
    equal(world.tool("status", "--check").stdout[:12], "MTA-STS OK -", "OK")


@case
def none_alarms_nobody(world):
    """a policy of mode none runs out in silence (8.3)"""
    equal(some(failing(world, 6 * DAY + HOUR, mode="none"), "failed",
               "alerts"), {"failed": 1, "alerts": 0}, "refresh")
    lacks(world.syslog.text(), "ALERT", "syslog")
    equal(world.tool("status", "--check").returncode, 0, "OK")


@case
def own_trouble(world):
    """without the fetch helper refresh is in trouble, says so, and no policy
    is blamed"""
    cached(world)
    age("enforce.test", DAY)
    with world.away("/usr/lib/exim4/mta-sts/mta-sts-fetch"):
        done = world.tool("refresh")
        equal(done.returncode, 3, "end")
        contains(done.stderr, "helper-missing", "reason")
    equal("failing_since" in show(world, "enforce.test"), False, "failing")
    done = world.tool("status", "--check")
    contains(done.stdout, "the last refresh had trouble", "status --check")
    equal(done.returncode, 1, "WARNING")


# --- what is forgotten ---------------------------------------------------------


@case
def ended_ones_are_forgotten(world):
    """a policy is kept until its end, tried for a week more, then
    forgotten"""
    host = cached(world)
    host.down()
    world.dns.faults["_mta-sts.enforce.test"] = "nxdomain"
    age("enforce.test", 8 * DAY)
    equal(some(refresh(world, code=1), "due", "failed", "forgotten"),
          {"due": 1, "failed": 1, "forgotten": 0}, "in the week after")
    age("enforce.test", 7 * DAY)
    equal(some(refresh(world), "due", "forgotten"),
          {"due": 0, "forgotten": 1}, "later")
    found = show(world, "enforce.test")
    equal(found is None or found["status"] == "absent", True, "cached")


@case
def ended_one_that_is_back(world):
    """a policy past its end is found again by a refresh"""
    cached(world)
    age("enforce.test", 8 * DAY)
    equal(some(refresh(world), "due", "renewed"), {"due": 1, "renewed": 1},
          "refresh")
    equal(show(world, "enforce.test")["status"], "cached", "status")


@case
def unused_ones(world):
    """a policy unused for 180 days is not renewed, stays to its end and goes
    with it"""
    host = cached(world, max_age=200 * DAY)
    age("enforce.test", 181 * DAY)
    equal(some(refresh(world), "due", "unused", "forgotten", "alerts"),
          {"due": 0, "unused": 1, "forgotten": 0, "alerts": 0}, "unused")
    equal(len(host.requests), 1, "requests")
    equal(show(world, "enforce.test")["status"], "cached", "status")
    age("enforce.test", 20 * DAY)
    equal(some(refresh(world), "due", "unused", "forgotten"),
          {"due": 0, "unused": 0, "forgotten": 1}, "at its end")
    equal(show(world, "enforce.test"), None, "cached")


@case
def absences_are_forgotten(world):
    """what is remembered no longer of domains without a policy is cleaned
    away"""
    world.configure(tool_conf="negative_ttl = 1s\n")
    for place in range(5):
        lookup(world, f"plain{place}.test")
    equal(refresh(world)["absences_forgotten"], 0, "at once")
    # As a failed fetch, it counts for five minutes at least.
    equal(len(world.tool("list", "--absences", "--json").stdout.split("\n")),
          6, "absences")


# --- the cache -----------------------------------------------------------------


@case
def good_copy_is_restored(world):
    """the good copy that a refresh leaves is taken when the cache is
    damaged, and the policy host is not needed"""
    for place in range(5):
        cached(world, f"d{place}.test").down()
    equal(refresh(world)["saved"], True, "saved")
    with open(CACHE + "/policies.tdb", "r+b") as file:
        file.truncate(500)
    for place in range(5):
        equal(lookup(world, f"d{place}.test")["mode"], "enforce", "mode")
    contains(world.syslog.text(), "restored from its last good copy",
             "syslog")
    done = world.tool("status", "--check", "--check-file")
    contains(done.stdout, "a damaged cache file was set aside", "status")


@case
def damage_met_by_status(world):
    """status itself survives damage in its way, and tells of it"""
    for place in range(20):
        cached(world, f"d{place}.test").down()
    refresh(world)
    with open(CACHE + "/policies.tdb", "r+b") as file:
        data = file.read()
        # Where TDB says how long the entry is.
        file.seek(data.index(b"d7.test") - 24)
        file.write(bytes(24))
    done = world.tool("status", "--json")
    equal(done.returncode, 0, "end")
    found = json.loads(done.stdout)
    equal(found["policies"]["enforce"], 20, "restored")
    equal(found["cache"]["set_aside"], True, "told")


@case
def damage_inside_is_mended(world):
    """damage that no look-up has met is found and mended by refresh"""
    for place in range(20):
        cached(world, f"d{place}.test").down()
    refresh(world)
    with open(CACHE + "/policies.tdb", "r+b") as file:
        data = file.read()
        file.seek(0)
        # The records of TDB's list of free ones, which only writers read.
        file.write(data.replace(b"\x66\xe6\xfe\xd9", bytes(4)))
    done = json.loads(world.tool("status", "--json", "--check-file").stdout)
    equal(done["cache"]["sound"], False, "status --check-file")
    equal(refresh(world)["check"], "sound", "refresh")
    for place in range(20):
        equal(lookup(world, f"d{place}.test")["mode"], "enforce", "mode")


@case
def cache_of_another_version(world):
    """after an upgrade or a downgrade a policy is asked for anew, with a line
    in the log, and mail goes out under it"""
    server = world.mail_host("mx1.enforce.test")
    world.mx("enforce.test", "mx1.enforce.test")
    host = cached(world)
    for asked, difference in enumerate((1, -1), 1):
        own_program("version", CACHE + "/policies.tdb", difference)
        delivery = world.exim.send("bob@enforce.test")
        equal(delivery.outcome(), "delivered", f"outcome, {difference}")
        told = re.findall("MTA-STS: enforce.test: cached value is of version "
                          "([0-9]+), and this is version ([0-9]+); asking "
                          "anew", "\n".join(world.log()))
        equal([int(was) - int(now) for was, now in told],
              [1, -1][:asked], "log")
        equal(len(host.requests), 1 + asked, "requests")
        equal(len(server.messages), asked, "messages")


@case
def lookups_meanwhile(world):
    """while refresh waits for slow policy hosts look-ups are answered at
    once"""
    hosts = [cached(world, f"d{place}.test") for place in range(8)]
    for host in hosts:
        host.delay = 1
    slowest, asked = 0, 0
    with begun("--older", "0", "--jobs", "2") as running:
        while running.poll() is None:
            began = time.monotonic()
            line = lookup(world, f"d{asked % 8}.test")
            slowest = max(slowest, time.monotonic() - began)
            equal(line["mode"], "enforce", "mode")
            equal(line["status"] in ("cached", "checked"), True,
                  f"status {line['status']}")
            asked += 1
        equal(running.returncode, 0, "end")
    equal(asked > 20, True, f"{asked} look-ups")
    equal(slowest < 0.9, True, f"{slowest:.2f} s for one")


@case(seconds=120)
def killed_anywhere(world):
    """kill -9 at any moment leaves a sound cache and every policy in it"""
    domains = [f"d{place}.test" for place in range(12)]
    for domain in domains:
        cached(world, domain)
    refresh(world)
    chance = random.Random(8461)
    for _ in range(25):
        running = begin("--older", "0")
        time.sleep(chance.uniform(0.0, 0.35))
        running.kill()
        running.communicate(timeout=30)
        done = world.tool("status", "--json", "--check-file")
        equal(json.loads(done.stdout)["cache"]["sound"], True, "sound")
    for domain in domains:
        equal(lookup(world, domain)["mode"], "enforce", "mode")
    found = refresh(world, "--older", "0")
    equal(some(found, "renewed", "check", "saved"),
          {"renewed": 12, "check": "sound", "saved": True}, "afterwards")
    lacks(world.syslog.text(), "ALERT", "syslog")
    equal(glob.glob(CACHE + "/*.new") + glob.glob(CACHE + "/*.compact"), [],
          "left over")


@case
def told_to_end(world):
    """SIGINT and SIGTERM end a refresh soon, and in order"""
    for sign in (signal.SIGINT, signal.SIGTERM):
        world.reset()
        host = cached(world)
        host.delay = 10
        age("enforce.test", DAY)
        with begun("--json") as running:
            eventually(lambda: len(host.requests) == 2, "a request")
            began = time.monotonic()
            running.send_signal(sign)
            out = running.communicate(timeout=20)[0]
        equal(time.monotonic() - began < 2, True, "soon")
        equal(running.returncode, 1, "end")
        equal(json.loads(out)["interrupted"], True, "interrupted")
        equal(show(world, "enforce.test")["mode"], "enforce", "mode")
        # The next one need not wait for anything that is left.
        host.delay = 0
        equal(refresh(world)["renewed"], 1, "afterwards")


# --- status --------------------------------------------------------------------


@case
def status_of_a_working_host(world):
    """status finds Exim and its configuration, and is content after a
    refresh"""
    without_sanitizer(NO_ROOM)
    cached(world)
    done = world.tool("status", "--check")
    equal(done.returncode, 1, "WARNING")
    contains(done.stdout, "never refreshed", "status --check")
    refresh(world)
    done = world.tool("status", "--check")
    equal((done.returncode, done.stderr), (0, ""), "OK: " + done.stdout)
    text = world.tool("status").stdout
    for part in ("\nexim: 4.", "\nconfiguration active: yes\n",
                 "\nExpand_dlfunc: ", "\nlast refresh: ",
                 "\npolicies: 1 enforce, 0 testing, 0 none;"):
        contains(text, part, "status")
    equal(len(text.splitlines()) <= 24, True, "one screen")
    found = json.loads(world.tool("status", "--json", user=USER).stdout)
    equal((found["exim"]["active"], found["exim"]["retry"]), ("yes", "yes"),
          "as Exim's user")
    lacks(text, "retry rule", "status")


@case
def status_without_retry_rule(world):
    """status says when the retry fragment is not included"""
    without_sanitizer(NO_ROOM)
    altered(world, ("example", ".include MTA_STS_ETC/mta-sts.retry\n", ""))
    refresh(world)
    contains(world.tool("status").stdout, "\nretry rule: missing (", "status")
    done = world.tool("status", "--check")
    equal(done.returncode, 1, "WARNING")
    contains(done.stdout, "mta-sts.retry is not included", "status --check")


@case
def status_without_configuration(world):
    """status says when Exim does not use what is installed"""
    without_sanitizer(NO_ROOM)
    with open("/etc/exim4/exim4.conf", "w", encoding="ascii") as out:
        out.write("begin routers\nremote:\n  driver = dnslookup\n"
                  "  transport = smtp\nbegin transports\nsmtp:\n"
                  "  driver = smtp\n")
    refresh(world)
    contains(world.tool("status").stdout, "\nconfiguration active: no (",
             "status")
    done = world.tool("status", "--check")
    equal(done.returncode, 1, "WARNING")
    contains(done.stdout, "not active in Exim", "status --check")


@case
def status_warns_of_exceptions(world):
    """status tells of exceptions that run out, broken ones, and mistakes in
    the configuration"""
    refresh(world)
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + DAY))
    path = "/etc/exim4/mta-sts.exceptions"
    with open(path, "w", encoding="ascii") as out:
        out.write(f"soon.test testing until={soon}\nlater.test testing\n"
                  "broken.test nonsense\n")
    world.configure(tool_conf="rechek = 5m\n")
    try:
        done = world.tool("status", "--check")
        text = world.tool("status").stdout
    finally:
        os.unlink(path)
    equal(done.returncode, 1, "WARNING")
    for part in ("exception for soon.test runs out", "1 broken exceptions",
                 "1 errors in mta-sts.conf"):
        contains(done.stdout, part, "status --check")
    contains(text, "exceptions: 2, soon without:\n    soon.test", "status")


@case
def status_of_a_late_refresh(world):
    """status warns when the timer has not run for two days"""
    refresh(world)
    past = time.time() - 2 * DAY - 60
    os.utime(CACHE + "/refresh.json", (past, past))
    done = world.tool("status", "--check")
    equal(done.returncode, 1, "WARNING")
    contains(done.stdout, "the last refresh is 48 h ago", "status --check")
