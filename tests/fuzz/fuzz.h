/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.h - what the targets share.  A target is one file: any bytes are its
 * input, and HOLD() says what must be true whatever they are. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include "../../module/protocol/scan.h"
#include "../../module/protocol/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLD(what) \
	((what) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #what))
void fuzz_broken(const char *file, int line, const char *what)
    __attribute__((noreturn));

/* Whether s[len] holds letters, digits and the characters of `also` only. */
bool fuzz_holds_only(const char *s, size_t len, const char *also);
/* The two strings of an error are what status.h says they are. */
void fuzz_error(const struct sts_error *err, enum sts_status status);

/* The next line of s, without its end. */
struct bytes fuzz_line(struct scan *s);
/* The same as a string, up to its first NUL, cut at cap - 1. */
void fuzz_word(struct scan *s, char *out, size_t cap);
/* All of data as a malloc'ed string that ends at its first NUL. */
char *fuzz_string(const uint8_t *data, size_t size);

/* A file of these bytes for functions that want a path; good until the next
 * call. */
const char *fuzz_file(const void *data, size_t size);

#endif
