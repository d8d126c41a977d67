/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbhash.h - the hash of a key, as tdb_jenkins_hash() has it.  For the other
 * tdb*.c. */
#ifndef TDBHASH_H
#define TDBHASH_H

#include <stddef.h>
#include <stdint.h>

uint32_t tdbhash(const char *key, size_t len);

#endif
