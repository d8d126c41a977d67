# SPDX-License-Identifier: GPL-2.0-or-later
"""The installed recipe with single lines altered, to show what each is
for."""

import os
import shutil

from .exim import CONFIGURATION

INSTALLED = "/usr/lib/exim4/mta-sts/exim-conf"
ALTERED = "/etc/exim4/altered"
EXAMPLE = "/etc/exim4/example.conf"


def _alter(path, old, new):
    with open(path, encoding="utf-8") as text:
        was = text.read()
    assert old in was, f"{path} has no {old!r} to alter"
    with open(path, "w", encoding="utf-8") as out:
        out.write(was.replace(old, new, 1))


def altered(world, *edits, **macros):
    """Configures Exim with a copy of the recipe in which, for each (file,
    old, new), the first `old` is `new`; file: "routers", "transports", ... or
    "example" for what surrounds the recipe."""
    shutil.rmtree(ALTERED, ignore_errors=True)
    shutil.copytree(INSTALLED, ALTERED)
    world.configure(MTA_STS_ETC=ALTERED, **macros)
    for name, old, new in edits:
        path = EXAMPLE if name == "example" else \
            os.path.join(ALTERED, "mta-sts." + name)
        _alter(path, old, new)


def without(line):
    """The edit that takes a whole line out of mta_sts_smtp."""
    return "transports", f"  {line}\n", ""


def configure_file(path, **macros):
    """Makes path the configuration, with macros set before it."""
    shutil.copy(path, EXAMPLE)
    with open(CONFIGURATION, "w", encoding="utf-8") as out:
        for name, value in macros.items():
            out.write(f"{name} = {value}\n")
        out.write(f".include {EXAMPLE}\n")
    for name in (CONFIGURATION, EXAMPLE):
        os.chmod(name, 0o644)
