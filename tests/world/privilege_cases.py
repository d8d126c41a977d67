# SPDX-License-Identifier: GPL-2.0-or-later
"""Who does what: users, files, and processes that ask at once."""

import os
import pwd
import signal
import subprocess

from delivery_cases import enforced
from parts.case import (case, contains, equal, eventually, lacks,
                        wrong_files)
from parts.exim import CACHE, PROGRAM, USER, call
from parts.world import policy_text

TOOL = "/usr/sbin/mta-sts"


def ways_to_ask(world):
    """Every way to make a look-up, with the user whom the helper must then
    run as."""
    def expand(user):
        return lambda domain: world.exim.expand(
            call("mta_sts_lookup", domain), user)

    def route(user):
        return lambda domain: world.exim.route("bob@" + domain, user)

    return (
        ("root's delivery", USER,
         lambda domain: world.exim.send("bob@" + domain)),
        ("nobody's delivery", USER,
         lambda domain: world.exim.send("bob@" + domain, user="nobody")),
        ("root's -bt", USER, route("root")),
        ("nobody's -bt", USER, route("nobody")),
        ("root's -be", USER, expand("root")),
        ("Exim's -be", USER, expand(USER)),
        ("nobody's -be", "nobody", expand("nobody")),
        ("root's mta-sts", USER,
         lambda domain: world.tool("lookup", domain)),
        ("Exim's mta-sts", USER,
         lambda domain: world.tool("lookup", domain, user=USER)),
        ("nobody's mta-sts", "nobody",
         lambda domain: world.tool("lookup", domain, user="nobody")),
    )


@case
def helper_is_never_root(world):
    """the fetch helper is never root, nor able to become it, whoever started
    Exim"""
    for place, (name, user, ask) in enumerate(ways_to_ask(world)):
        domain = f"enforce{place}.test"
        _, policy_host = enforced(world, domain)
        ask(domain)
        equal(len(policy_host.requests), 1, "requests by " + name)
        client = policy_host.requests[0].client
        entry = pwd.getpwnam(user)
        contains(client.program, "mta-sts-fetch", "program by " + name)
        equal(client.uids, [entry.pw_uid] * 4, "users by " + name)
        equal(client.gids, [entry.pw_gid] * 4, "groups by " + name)
        equal(set(client.groups) - {entry.pw_gid}, set(),
              "supplementary groups by " + name)
        equal(client.capabilities, 0, "capabilities by " + name)
        equal(client.no_new_privs, True, "no_new_privs by " + name)
        equal(client.environment.strip(b"\0"), b"", "environment by " + name)


@case
def helper_has_no_descriptors(world):
    """the fetch helper holds no descriptor of Exim's"""
    _, policy_host = enforced(world)
    world.exim.send("bob@enforce.test")
    client = policy_host.requests[0].client
    equal(client.descriptors[:3], [0, 1, 2], "standard descriptors")
    # The socket, and what libcurl keeps to wake itself.
    equal(len(client.descriptors) <= 8, True, f"{client.descriptors}")


@case
def cache_belongs_to_exim(world):
    """files of the cache are Exim's and 0640, whoever came first"""
    for place, (name, user, ask) in enumerate(ways_to_ask(world)):
        world.reset()
        domain = f"enforce{place}.test"
        enforced(world, domain)
        ask(domain)
        equal(wrong_files(), [], "wrong files after " + name)
        if user == USER:
            equal("policies.tdb" in os.listdir(CACHE), True,
                  "a cache after " + name)


@case
def umask_does_not_count(world):
    """the mode of the cache's files does not depend on who has which
    umask"""
    for mask in ("000", "027", "077"):
        world.reset()
        enforced(world)
        subprocess.run(["sh", "-c", f"umask {mask}; exec {TOOL} lookup "
                        "enforce.test"], check=True, timeout=30,
                       capture_output=True)
        equal("policies.tdb" in os.listdir(CACHE), True, "a cache")
        equal(wrong_files(), [], "wrong files with umask " + mask)


@case
def planted_link_is_not_followed(world):
    """root does not follow a symbolic link planted in the cache directory"""
    victim = "/etc/exim4/victim"
    with open(victim, "w", encoding="ascii") as out:
        out.write("precious\n")
    for name in ("policies.tdb", "absent.tdb", "lock"):
        world.reset()
        os.symlink(victim, os.path.join(CACHE, name))
        enforced(world)
        world.exim.route("bob@enforce.test")
        with open(victim, encoding="ascii") as text:
            equal(text.read(), "precious\n", "file behind " + name)
        equal(os.stat(victim).st_uid, 0, "its owner")
        os.unlink(os.path.join(CACHE, name))
    os.unlink(victim)


def start_asking(argv, user):
    entry = pwd.getpwnam(user)
    return subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/")


@case
def thirty_at_once(world):
    """thirty processes that ask for a new domain at once make one HTTPS
    request, and all get the policy"""
    _, policy_host = enforced(world)
    policy_host.delay = 1
    ways = ([PROGRAM, "-be", call("mta_sts_lookup", "enforce.test")],
            [TOOL, "lookup", "enforce.test"])
    asking = [start_asking(ways[place % 2], ("root", USER)[place // 2 % 2])
              for place in range(30)]
    answers = [one.communicate(timeout=30)[0] for one in asking]
    equal([one.returncode for one in asking], [0] * 30, "exits")
    equal(len(policy_host.requests), 1, "HTTPS requests")
    for answer in answers:
        contains(answer, "mode=enforce", "answer")


@case
def holder_killed(world):
    """when the process that fetches is killed another takes over at once"""
    _, policy_host = enforced(world)
    policy_host.delay = 2
    first = start_asking([TOOL, "lookup", "enforce.test"], "root")
    eventually(lambda: policy_host.requests, "the first request")
    second = start_asking([TOOL, "lookup", "enforce.test"], "root")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=5)
    policy_host.delay = 0
    contains(second.communicate(timeout=20)[0], "mode=enforce", "answer")


@case
def strangers_get_live_answers(world):
    """a user who may not read the cache gets a live answer, or tempfail, but
    never \"no policy\" """
    _, policy_host = enforced(world)
    world.exim.send("bob@enforce.test")
    line = world.exim.expand(call("mta_sts_lookup", "enforce.test"),
                             "nobody").stdout
    contains(line, "mode=enforce", "live answer")
    policy_host.down()
    line = world.exim.expand(call("mta_sts_lookup", "enforce.test"),
                             "nobody").stdout
    contains(line, "mode=tempfail", "without a policy host")


# Exit codes for root, for Exim's user and for somebody else.
FOR_OWNER = (0, 0, 3)
FOR_ROOT = (0, 3, 3)
FOR_ALL = (0, 0, 0)
COMMANDS = (
    (FOR_OWNER, "query good.test"),
    (FOR_OWNER, "match good.test mx1.good.test"),
    (FOR_OWNER, "explain --connect good.test"),
    (FOR_OWNER, "list"),
    (FOR_OWNER, "list --absences"),
    (FOR_OWNER, "show good.test"),
    (FOR_OWNER, "history good.test"),
    (FOR_OWNER, "export"),
    (FOR_OWNER, "import /tmp/dump"),
    (FOR_OWNER, "refresh"),
    (FOR_OWNER, "refresh good.test"),
    (FOR_OWNER, "status"),
    (FOR_OWNER, "status --json --check-file"),
    (FOR_OWNER, "status --check"),
    (FOR_ROOT, "except late.test testing --until +7d --why ticket"),
    (FOR_ALL, "except"),
    (FOR_ALL, "except late.test"),
    (FOR_ROOT, "except --remove late.test"),
    (FOR_ALL, "query --no-cache good.test"),
    (FOR_ALL, "config"),
    (FOR_ALL, "check-policy /tmp/policy"),
    (FOR_ALL, "check-record v=STSv1;id=1"),
    (FOR_ALL, "check-mx mx1.good.test *.good.test"),
    (FOR_ALL, "version"),
    (FOR_ALL, "--help"),
    (FOR_OWNER, "purge good.test"),
    (FOR_OWNER, "purge --expired"),
    (FOR_OWNER, "purge --all"),
)


def dump_of(world):
    """What export prints, and a policy text, where everybody may read it."""
    for path, text in (("/tmp/dump", world.tool("export").stdout),
                       ("/tmp/policy", policy_text("none"))):
        with open(path, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(path, 0o644)


@case
def who_may_what(world):
    """each command works for whom it should, and somebody else is told that
    he has no permission, and gets exit 3"""
    world.mail_host("mx1.good.test")
    world.mx("good.test", "mx1.good.test")
    world.policy("good.test", "enforce", "mx1.good.test")
    world.tool("query", "good.test")
    world.tool("refresh")
    dump_of(world)
    for codes, command in COMMANDS:
        for code, user in zip(codes, ("root", USER, "nobody")):
            # What the one before has purged, or removed.
            if "purge" in command:
                world.tool("query", "good.test")
            if "late.test" in command:
                world.tool("except", "late.test", "testing")
            done = world.tool(*command.split(), user=user)
            told = done.stdout + done.stderr
            equal(done.returncode, code, f"{user}: {command}: {told}")
            if code == 3:
                contains(told, "no permission", f"{user}: {command}")
                lacks(told, "enforce (", f"{user}: {command}")
    for path in ("/tmp/dump", "/tmp/policy"):
        os.unlink(path)
