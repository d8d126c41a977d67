/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ran.h - real programs as children, for the tests of child.h. */
#ifndef RAN_H
#define RAN_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "../../module/net/child.h"

#define RAN_OUT 8192u
#define RAN_WHY 100u
#define RAN_NOBODY 65534
#define RAN_LONG 10000 /* ms; no test waits for it but one that fails */

struct ran {
	enum sts_status status;
	struct sts_error err;
	struct child_end end;
	char out[RAN_OUT + 1]; /* terminated */
	char why[RAN_WHY + 1];
	int64_t took; /* ms */
};

/* Runs argv for at most ms as uid (if we are root). */
void ran_argv(struct ran *r, int64_t ms, uid_t uid, const char *const *argv);

#define RAN(r, ms, ...) \
	ran_argv(r, ms, RAN_NOBODY, (const char *const[]){ __VA_ARGS__, NULL })
#define RAN_SCRIPT(r, ms, script) RAN(r, ms, "/bin/sh", "-c", script)

/* The value of a line "name:\tvalue" of the output; "(none)" if absent.
 * Borrowed until the next call. */
const char *ran_field(const struct ran *r, const char *name);
long ran_number(const struct ran *r, const char *name);

/* For tests that change what a process cannot change back: the result of
 * f() in a process of its own, 0 if all is well. */
int ran_apart(int (*f)(void));
/* Within f(). */
#define NEED(condition)                                      \
	do {                                                 \
		if (!(condition))                            \
			return ran_unmet(__FILE__, __LINE__, \
			    #condition);                     \
	} while (0)
/* Says so; 1. */
int ran_unmet(const char *file, int line, const char *condition);

/* Set-up and teardown: no descriptor and no child may be left. */
int ran_before(void **state);
int ran_after(void **state);
#define RAN_TEST(f) cmocka_unit_test_setup_teardown(f, ran_before, ran_after)

#endif
