# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module knows of Exim's inside: the log, whose function lost an
argument in 4.100.  A wrong call ends the delivery process, so both kinds are
tried with any Exim."""

import subprocess
import sys

from parts.case import case, equal
from parts.exim import SO

BEFORE = """
void log_write(unsigned selector, int flags, const char *format, ...);
void log_write(unsigned selector, int flags, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    printf("%u %d ", selector, flags);
    vprintf(format, ap);
    puts("");
    va_end(ap);
}
"""
SINCE = """
int is_debug(const unsigned char *channels);
int is_debug(const unsigned char *channels) { return 0; }
void log_write(int flags, const char *format, ...);
void log_write(int flags, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    printf("%d ", flags);
    vprintf(format, ap);
    puts("");
    va_end(ap);
}
"""
HEADERS = "".join(f"#include <{name}.h>\n" for name in
                  ("stdarg", "stdio", "stdlib", "string"))
CALL = """
import ctypes, sys
if len(sys.argv) > 2:
    ctypes.CDLL(sys.argv[2], mode=ctypes.RTLD_GLOBAL)
module = ctypes.CDLL(sys.argv[1])
answer = ctypes.c_char_p()
argument = (ctypes.c_char_p * 2)(b"plain.test", None)
code = module.mta_sts_mode(ctypes.byref(answer), 1, argument)
print(code, answer.value.decode())
"""


def said(*libraries):
    """What a process with these libraries in Exim's place prints."""
    done = subprocess.run([sys.executable, "-c", CALL, SO, *libraries],
                          capture_output=True, text=True, timeout=20,
                          check=False)
    equal((done.returncode, done.stderr), (0, ""), "the process")
    return sorted(done.stdout.splitlines())


def compiled(name, source):
    path = f"/tmp/{name}.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path],
                   input=HEADERS + source,
                   text=True, check=True, timeout=30)
    return path


@case
def log_of_every_exim(world):
    """a line of ours reaches the log of Exim before 4.100 and since, with the
    arguments that each expects, and is dropped where there is none"""
    world.configure(tool_conf="unknown = key\n")
    line = "MTA-STS: /etc/exim4/mta-sts.conf line 1: "
    for prefix, source in (("0 1 ", BEFORE), ("1 ", SINCE)):
        lines = said(compiled("exim-log", source))
        equal("0 none" in lines, True, f"the answer in {lines}")
        equal([one.startswith(prefix + line) for one in lines].count(True), 1,
              f"one line in {lines}")
    equal(said(), ["0 none"], "without Exim")
