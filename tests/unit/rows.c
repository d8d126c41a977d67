/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rows.c - tables as tests: one cmocka test a row, under the row's name. */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guard.h"

static int
give_back(void **state)
{
	(void)state;
	guard_free();
	return 0;
}

int
rows_run(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check)
{
	struct CMUnitTest *tests = calloc(n, sizeof *tests);
	const char *row = rows;
	int failed;

	if (tests == NULL) {
		perror(group);
		exit(3);
	}
	for (size_t i = 0; i < n; i++, row += size) {
		memcpy(&tests[i].name, row, sizeof tests[i].name);
		tests[i].test_func = check;
		tests[i].teardown_func = give_back;
		tests[i].initial_state = (void *)(uintptr_t)row;
	}
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}
