# SPDX-License-Identifier: GPL-2.0-or-later
"""Where it is measured: what is installed, configured, cached."""

import contextlib
import os
import shutil
import subprocess

from measure import EXIM, PLAIN_EXIM, program
from parts.certs import Certs
from parts.exim import CACHE, CONFIGURATION, SO, SPOOL, USER
from parts.world import STATE, install
from servers import install_peers

CONSTANT = "/usr/lib/exim4/constant.so"
DOMAINS = 10000
SMALL_TABLE, LARGE_TABLE = 10007, 100003


def domain(i, count=DOMAINS):
    """In no order that the cache's file knows."""
    return f"d{i * 7919 % count}.test"


class Place:
    """An installed build with DOMAINS policies in the cache."""

    def __init__(self):
        install()
        install_peers()
        shutil.copy(program("constant.so"), CONSTANT)
        shutil.copyfile(EXIM, PLAIN_EXIM)
        os.chmod(PLAIN_EXIM, 0o755)
        self.certs = Certs(STATE + "/certs")
        self.certs.install()
        self.so = SO
        self.configure_exim("keep_environment =\n")
        self.fill()

    @staticmethod
    def configure_exim(text):
        with open(CONFIGURATION, "w", encoding="ascii") as out:
            out.write(text)
        os.chmod(CONFIGURATION, 0o644)

    @staticmethod
    def configure(text):
        """mta-sts.conf"""
        with open("/etc/exim4/mta-sts.conf", "w", encoding="ascii") as out:
            out.write(text)

    def fill(self, count=DOMAINS, table=SMALL_TABLE, age=10,
             conf="recheck = 1d\n"):
        """A new cache; the path of its file."""
        self.configure(conf)
        path = os.path.join(CACHE, "policies.tdb")
        for name in os.listdir(CACHE):
            os.unlink(os.path.join(CACHE, name))
        subprocess.run([program("fill"), path, str(count), str(table),
                        str(age)], check=True, timeout=300)
        shutil.chown(path, USER, USER)
        return path

    @staticmethod
    def empty_spool():
        for name in ("input", "msglog", "db"):
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(os.path.join(SPOOL, name))
