#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""run.py - judge the cases of a corpus of real policies, records and names
by our parsers (tests/corpus/probe.c), and by the tool where it is built.

The corpus is no part of this repository: $MTA_STS_CORPUS, or the folder
shared/corpus beside it.  Without one there is nothing to do.
"""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MTA_STS_BUILD", "build")
PROBE = BUILD / "tests/corpus/probe"
TOOL = BUILD / "mta-sts"
TIMEOUT = 60

# What we call the findings of the corpus.  Blank lines and final dots it
# does not note.
FINDINGS = {
    "bad-mx": "mx-dropped",
    "bom": "bom",
    "duplicate": "duplicate",
    "max_age-capped": "max-age-capped",
}
UNNOTED = {"blank-line", "final-dot"}


class Tally:
    """Counts verdicts, and tells of those that are not as they should be."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name, got, want):
        if got == want:
            self.passed += 1
            return
        self.failed += 1
        print(f"not ok - {name}\n#   want {want!r}\n#   got  {got!r}")


def load(folder, name):
    with open(folder / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def on_the_wire(name):
    """A name as a C program gets it: its DNS library writes a NUL as \\000."""
    return name.replace("\0", "\\000")


# --- by the parsers ----------------------------------------------------------

def argument(value):
    if value is None:
        return "-"
    if isinstance(value, str):
        value = value.encode()
    return "x" + value.hex()


def ask_probe(cases):
    """Answers to a list of (kind, arguments)."""
    text = "".join(
        " ".join([kind, *map(argument, arguments)]) + "\n"
        for kind, arguments in cases)
    done = subprocess.run([PROBE], input=text, capture_output=True, text=True,
                          timeout=TIMEOUT, check=True)
    answers = done.stdout.splitlines()
    if len(answers) != len(cases):
        raise RuntimeError(f"{len(cases)} cases, {len(answers)} answers")
    return answers


def bracketed(word, separator):
    return [item for item in word[1:-1].split(separator) if item]


def read_policy(answer):
    """The probe's answer in the words of the corpus."""
    words = answer.split(" ")
    if words[0] != "ok":
        return {"valid": False}
    return {
        "valid": True,
        "mode": words[1],
        "max_age": int(words[2]),
        "mx": bracketed(words[3], ":"),
        "findings": sorted(set(bracketed(words[4], ",")) - UNNOTED),
    }


def wanted_policy(case):
    if not case["valid"]:
        return {"valid": False}
    return {
        "valid": True,
        "mode": case["mode"],
        "max_age": case["max_age"],
        "mx": case["mx"],
        "findings": sorted(FINDINGS[word] for word in case["findings"]),
    }


def read_ok(answer):
    status, _, value = answer.partition(" ")
    return value if status == "ok" else None


def probe_cases(corpus):
    """(name, kind, arguments, how to read the answer, what is wanted)"""
    for case in corpus["policies"]:
        yield (case["file"], "policy", [case["bytes"]], read_policy,
               wanted_policy(case))
    for case in corpus["txt"]:
        yield (f"TXT {case['records']}", "txt", case["records"], read_ok,
               case["id"])
    for case in corpus["mx"]:
        yield (f"MX {case['host']!r} {case['patterns']}", "mx",
               [on_the_wire(case["host"]), *case["patterns"]],
               lambda answer: answer == "true", case["match"])
    for case in corpus["other"]:
        name = f"{case['kind']} {case['input']!r}"
        if case["kind"] == "content-type":
            yield (name, "media", [case["input"]],
                   lambda answer: answer == "true", case["expect"])
        elif case["kind"] == "domain-argument":
            yield (name, "domain", [case["input"]], read_ok, case["expect"])


def run_probe(corpus, tally):
    cases = list(probe_cases(corpus))
    answers = ask_probe([(kind, arguments)
                         for _, kind, arguments, _, _ in cases])
    for (name, _, _, read, want), answer in zip(cases, answers):
        tally.check(name, read(answer), want)


# --- by the tool -------------------------------------------------------------

def ask_tool(arguments, cwd=None):
    done = subprocess.run([TOOL, *(word.encode() for word in arguments)],
                          cwd=cwd, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False)
    return done.returncode, done.stdout


def judged_by_tool(answer):
    """A line of check-policy in the words of read_policy()."""
    if answer.get("valid") is not True:
        return {"valid": answer.get("valid")}
    answer = dict(answer)
    del answer["file"]
    answer["findings"] = sorted(set(answer["findings"]) - UNNOTED)
    return answer


def run_tool_policies(corpus, tally):
    files = [case["file"] for case in corpus["policies"]]
    status, out = ask_tool(["check-policy", "--json", *files],
                           cwd=corpus["folder"] / "policies")
    answers = {}
    for line in out.splitlines():
        answer = json.loads(line)
        answers[answer["file"]] = answer
    for case in corpus["policies"]:
        tally.check(f"check-policy {case['file']}",
                    judged_by_tool(answers.get(case["file"], {})),
                    wanted_policy(case))
    all_valid = all(case["valid"] for case in corpus["policies"])
    tally.check("exit status of check-policy", status, 0 if all_valid else 1)


def run_tool_records(corpus, tally):
    for case in corpus["txt"]:
        status, out = ask_tool(["check-record", "--json", *case["records"]])
        answer = json.loads(out or "{}")
        valid = case["id"] is not None
        tally.check(f"check-record {case['records']}",
                    (status, answer.get("valid"), answer.get("id")),
                    (0 if valid else 1, valid, case["id"]))


def run_tool_names(corpus, tally):
    for case in corpus["mx"]:
        host = on_the_wire(case["host"])
        status, _ = ask_tool(["check-mx", host, *case["patterns"]])
        tally.check(f"check-mx {host!r} {case['patterns']}", status,
                    0 if case["match"] else 1)


def load_corpus(folder):
    corpus = {
        "folder": folder,
        "policies": load(folder, "policies.jsonl"),
        "txt": load(folder, "txt.jsonl"),
        "mx": load(folder, "mx.jsonl"),
        "other": load(folder, "fetch-and-flow.jsonl"),
    }
    for case in corpus["policies"]:
        case["bytes"] = (folder / "policies" / case["file"]).read_bytes()
    return corpus


def main():
    folder = pathlib.Path(os.environ.get("MTA_STS_CORPUS")
                          or ROOT / "../shared/corpus").resolve()
    if not folder.is_dir():
        print(f"SKIP: no corpus at {folder}")
        print("corpus: 0 passed, 0 failed, 1 skipped")
        return 0
    corpus = load_corpus(folder)
    tally = Tally()
    run_probe(corpus, tally)
    if TOOL.exists():
        run_tool_policies(corpus, tally)
        run_tool_records(corpus, tally)
        run_tool_names(corpus, tally)
    else:
        print(f"# {TOOL} is not built: asked the parsers only")
    print(f"corpus: {tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
