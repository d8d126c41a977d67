/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rows.h - tables as tests: one cmocka test a row, under the row's name. */
#ifndef ROWS_H
#define ROWS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Runs check() for every row of an array of structs; each begins with its
 * name, and check() finds the row in *state.  The number of failed rows. */
#define RUN_ROWS(table, check)                      \
	rows_run(#table, table, sizeof((table)[0]), \
	    sizeof(table) / sizeof((table)[0]), check)

int rows_run(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check);

#endif
