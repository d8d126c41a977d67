# SPDX-License-Identifier: GPL-2.0-or-later
"""What the module knows of Exim's inside: the log, whose function lost an
argument in 4.100.  A wrong call ends the delivery process, so both kinds are
tried with any Exim."""

import subprocess
import sys

from delivery_cases import enforced
from parts.case import case, contains, equal
from parts.exim import PROGRAM, SO, Skipped, has_dlfunc, without_sanitizer

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


# Each block begins with a mark and with what libc gave; others end us.
MALLOC = """
void *__libc_malloc(size_t n);
void *__libc_memalign(size_t align, size_t n);
void __libc_free(void *p);
struct head { size_t mark, size; void *from; size_t more; };
static void *marked(char *from, size_t room, size_t n)
{
    struct head *h = (struct head *)(void *)(from + room) - 1;
    if (from == NULL)
        return NULL;
    h->mark = 0x6d616c6c6f63;
    h->size = n;
    h->from = from;
    return h + 1;
}
static struct head *head_of(void *p)
{
    struct head *h = (struct head *)p - 1;
    if (h->mark != 0x6d616c6c6f63)
        abort();
    return h;
}
void *malloc(size_t n)
{
    return marked(__libc_malloc(n + sizeof(struct head)),
                  sizeof(struct head), n);
}
void *memalign(size_t align, size_t n)
{
    size_t room = align > sizeof(struct head) ? align : sizeof(struct head);
    return marked(__libc_memalign(align, n + room), room, n);
}
void *aligned_alloc(size_t align, size_t n) { return memalign(align, n); }
int posix_memalign(void **p, size_t align, size_t n)
{
    *p = memalign(align, n);
    return *p == NULL ? 12 : 0;
}
void free(void *p)
{
    struct head *h;
    if (p == NULL)
        return;
    h = head_of(p);
    h->mark = 0;
    __libc_free(h->from);
}
void *calloc(size_t n, size_t size)
{
    void *p = malloc(n * size);
    return p == NULL ? NULL : memset(p, 0, n * size);
}
void *realloc(void *p, size_t n)
{
    size_t had = p == NULL ? 0 : head_of(p)->size;
    void *q = malloc(n);
    if (q != NULL && p != NULL) {
        memcpy(q, p, had < n ? had : n);
        free(p);
    }
    return q;
}
__attribute__((constructor)) static void begin(void)
{
    fputs("another malloc\\n", stderr);
}
"""


@case
def another_malloc(world):
    """with another malloc() before libc's, as by LD_PRELOAD, a policy is
    fetched, stored and found again"""
    if not has_dlfunc():
        raise Skipped("this Exim has no dlfunc")
    without_sanitizer("there is another malloc() already")
    enforced(world)
    for status in ("fresh", "cached"):
        done = subprocess.run(
            [PROGRAM, "-be",
             f"${{dlfunc{{{SO}}}{{mta_sts_lookup}}{{enforce.test}}}}"],
            env={"PATH": "/usr/bin:/bin",
                 "LD_PRELOAD": compiled("malloc", MALLOC)},
            capture_output=True, text=True, timeout=30, check=False)
        equal(done.returncode, 0, "exit")
        contains(done.stderr, "another malloc", "standard error")
        contains(done.stdout, f"mode=enforce status={status} ", "answer")
