# SPDX-License-Identifier: GPL-2.0-or-later
"""What must not be left of us when a look-up is over: processes, locks,
temporary files."""

import contextlib
import glob
import os
import pwd
import re

from .exim import CACHE, USER

# What the cache directory may hold; anything else is half a file of ours.
_KEPT = re.compile(r"(policies|absent|history)\.tdb(\.1|\.damaged)?|lock"
                   r"|refresh\.json|(tlsrpt|trails)\.tdb"
                   r"|reports(/(lock|\d{4}-\d\d-\d\d\.(tdb|log)"
                   r"|outbox(/.*)?))?")
_OURS = re.compile(r"mta-sts(-fetch)?$")
# What this world itself has written (see `enter`).
WRITTEN = "/run/world/upper"
_PUBLIC = (WRITTEN + "/tmp", WRITTEN + "/var/tmp", "/dev/shm")
_STAT = re.compile(r"(\d+) \((.*)\) (\S)", re.S)


_REPORT = "asan-report"  # see `asan`


def _text_of(path):
    with open(path, encoding="utf-8", errors="replace") as text:
        return text.read(4000)


def forget_reports():
    """What a sanitizer has said so far."""
    for path in glob.glob(f"/tmp/{_REPORT}*"):
        os.unlink(path)


def _processes():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="utf-8",
                      errors="replace") as text:
                yield _STAT.match(text.read()).groups()


def processes():
    """Ours that still run, and any that nobody has reaped."""
    return [f"{name} {pid} ({state})" for pid, name, state in _processes()
            if state == "Z" or _OURS.match(name)]


def _names():
    """All that is in the cache directory."""
    for folder, folders, names in os.walk(CACHE):
        for name in folders + names:
            yield os.path.relpath(os.path.join(folder, name), CACHE)


def _files():
    """The cache's files as /proc/locks names them, with their names."""
    for name in _names():
        with contextlib.suppress(OSError):
            seen = os.lstat(os.path.join(CACHE, name))
            major, minor = os.major(seen.st_dev), os.minor(seen.st_dev)
            yield f"{major:02x}:{minor:02x}:{seen.st_ino}", name


def locks():
    """Locks that somebody holds on files of the cache."""
    names = dict(_files())
    with open("/proc/locks", encoding="ascii") as lines:
        held = re.findall(r"^(.* ([0-9a-f]+:[0-9a-f]+:\d+) .*)$",
                          lines.read(), re.M)
    return [f"lock on {names[file]}: {line}" for line, file in held
            if file in names]


def files():
    """Half-made files in the cache, and files of our users elsewhere."""
    left = [name for name in _names() if not _KEPT.fullmatch(name)]
    users = {pwd.getpwnam(name).pw_uid for name in (USER, "nobody")}
    for place in filter(os.path.isdir, _PUBLIC):
        for name in os.listdir(place):
            path = os.path.join(place, name)
            with contextlib.suppress(OSError):
                if name.startswith(_REPORT):
                    # Empty: of an Exim that the tool starts, whose limit of
                    # memory leaves a sanitizer no room to begin.
                    text = _text_of(path)
                    left += [path + "\n" + text] if text else []
                elif os.lstat(path).st_uid in users:
                    left.append(path)
    return left


def all_left():
    return processes() + locks() + files()
