# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples of the manual pages, run as they stand there."""

import json
import os
import re
import shutil
import time

from parts.case import case, contains, equal, lacks
from parts.exim import CACHE, Skipped, has_dlfunc, run_as
from parts.world import SOURCE, policy_text

EXCEPTIONS = "/etc/exim4/mta-sts.exceptions"
CONFIGURATION = "/etc/exim4/mta-sts.conf"
SCRATCH = "/tmp/manual"
_ROFF = ((r"\e", "\\"), (r"\&", ""), (r"\(dq", '"'), (r"\-", "-"))


def examples(page):
    """The literal blocks of a page's EXAMPLES."""
    with open(f"{SOURCE}/module/man/{page}", encoding="ascii") as text:
        section = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh", text.read(),
                            re.M | re.S)[1]
    found = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed|^\.Dl (.*?\n)",
                       section, re.M | re.S)
    blocks = ["".join(block) for block in found]
    for roff, means in _ROFF:
        blocks = [block.replace(roff, means) for block in blocks]
    return blocks


def put(path, text, mode=0o644):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(path, mode)


def shell(block):
    """What root's shell makes of the lines, in our scratch directory; the
    other server of an example is this one."""
    return run_as("root", "/bin/sh", "-ec", f"cd {SCRATCH}\n"
                  f"PATH={SCRATCH}:/usr/lib/exim4/mta-sts:$PATH\n{block}")


def clean():
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.mkdir(SCRATCH, 0o755)
    for path in (EXCEPTIONS, CONFIGURATION):
        if os.path.exists(path):
            os.unlink(path)


def example_site(world, domain="example.com", **habits):
    """A domain with a policy, one permitted mail host and a web server."""
    world.mail_host("mx1." + domain)
    world.mx(domain, "mx1." + domain)
    host = world.policy(domain, "enforce", "mx1." + domain)
    for habit, value in habits.items():
        setattr(host, habit, value)
    return host


def example_tool_page(world, block):
    """One block of mta-sts(8): its outcome, and what then has to be true."""
    if block.startswith("address_data"):
        text = block.partition("=")[2].replace("\\\n", "")
        text = re.sub(r"}\s+{", "}{", text).replace("$domain", "example.com")
        done = world.exim.expand(text.strip())
        contains(done.stdout, "mode=enforce", block)
        return
    if "except" in block:
        done = shell(block)
        equal(done.returncode, 0, block + done.stderr)
        contains(world.tool("except", "example.com").stdout, "ticket 4711",
                 block)
        os.unlink(EXCEPTIONS)
        return
    done = shell(block)
    equal((done.returncode, done.stderr), (0, ""), block + done.stdout)


@case
def examples_of_the_tool(world):
    """every example of mta-sts(8) does what the page says"""
    clean()
    put(f"{SCRATCH}/mta-sts.txt", policy_text("enforce", "mx1.example.com"))
    put(f"{SCRATCH}/ssh", "#!/bin/sh\nshift\nexec \"$@\"\n", 0o755)
    example_site(world)
    blocks = examples("mta-sts.8")
    equal(len(blocks) >= 9, True, f"{len(blocks)} examples")
    # Monitoring wants a refresh, the list one that failed.
    equal(world.tool("query", "example.com").returncode, 0, "query")
    equal(world.tool("refresh").returncode, 0, "refresh")
    for block in blocks:
        if "jq" not in block:
            example_tool_page(world, block)
    metrics = open("/run/mta-sts.prom", encoding="ascii").read()
    os.unlink("/run/mta-sts.prom")
    contains(metrics, 'mta_sts_policies{mode="enforce"} 1\n', "for Prometheus")
    clean()


@case
def example_of_stale_ones(world):
    """the example of mta-sts(8) that lists what could not be renewed lists
    it, and nothing else"""
    if shutil.which("jq") is None:
        raise Skipped("there is no jq")
    clean()
    example_site(world)
    down = example_site(world, "example.net")
    for domain in ("example.com", "example.net"):
        equal(world.tool("query", domain).returncode, 0, "query")
    down.down()
    equal(world.tool("refresh", "--older", "0").returncode, 1, "refresh")
    for block in examples("mta-sts.8"):
        if "jq" in block:
            equal(shell(block).stdout, "example.net\n", block)
            break
    else:
        raise AssertionError("no such example")


@case
def examples_of_files(world):
    """the examples of mta-sts.conf(5) and mta-sts.exceptions(5) are free of
    mistakes, and the command gives the line that the page shows"""
    clean()
    text, = examples("mta-sts.conf.5")
    put(CONFIGURATION, text)
    done = world.tool("config", "--json")
    equal(done.returncode, 0, text + done.stdout)
    values = json.loads(done.stdout)["values"]
    for line in text.splitlines():
        equal(values[line.partition(" ")[0]]["origin"], "file", line)
    text, command = examples("mta-sts.exceptions.5")
    put(EXCEPTIONS, text)
    done = world.tool("except", "--json")
    equal((done.returncode, done.stderr), (0, ""), text)
    equal([json.loads(line)["name"] for line in done.stdout.splitlines()],
          ["example.com", ".example.net", "example.org", "example.edu"],
          "names")
    equal(shell(command).returncode, 0, command)
    line, = [line for line in open(EXCEPTIONS, encoding="ascii")
             if line.startswith("example.com")]
    equal(re.sub("until=[0-9TZ:-]+", "until=X", line),
          'example.com testing until=X why="ticket 4711"\n', command)
    clean()


def values_in_force(world):
    done = world.tool("config", "--json")
    equal(done.returncode, 0, done.stdout)
    return {key: seen["value"]
            for key, seen in json.loads(done.stdout)["values"].items()}


@case
def sample_is_free_of_mistakes(world):
    """the commented sample of mta-sts.conf is free of mistakes, also with
    every comment taken away, and names every key with its default"""
    with open(f"{SOURCE}/exim-conf/mta-sts.conf", encoding="ascii") as text:
        sample = text.read()
    put(CONFIGURATION, sample)
    defaults = values_in_force(world)
    keys = dict(re.findall(r"^#([a-z_]+) *= *(.*)$", sample, re.M))
    equal(sorted(keys), sorted(defaults), "keys")
    put(CONFIGURATION, "".join(f"{key} = {value}\n"
                               for key, value in keys.items() if value))
    equal(values_in_force(world), defaults, "values")
    clean()


@case
def examples_of_the_helper(world):
    """the examples of mta-sts-fetch(8) fetch a policy"""
    clean()
    example_site(world)
    shutil.copy("/etc/ssl/certs/world-root.pem", f"{SCRATCH}/ca.pem")
    for block in examples("mta-sts-fetch.8"):
        done = shell(block.removeprefix("$ "))
        equal((done.returncode, done.stderr), (0, ""), block)
        contains(done.stdout, "mx: mx1.example.com", block)


@case
def examples_of_the_configuration(world):
    """the examples of exim-mta-sts(5) are what Exim takes, and say what they
    should"""
    clean()
    example_site(world, "example.org")
    begun = time.time()
    for block in examples("exim-mta-sts.5"):
        if block.startswith("MTA_STS_"):
            world.configure(**dict(line.split(" = ", 1)
                                   for line in block.splitlines()))
            done = run_as("root", "/usr/sbin/exim4", "-bV")
            equal((done.returncode, done.stderr), (0, ""), block)
        elif "dlfunc" not in block or has_dlfunc():
            done = shell(block)
            contains(done.stdout, "mta_sts_enforce" if "-bt" in block
                     else "mode=enforce", block)
    lacks("\n".join(os.listdir(CACHE)), "damaged", "cache")
    equal(time.time() - begun < 30, True, "time")
