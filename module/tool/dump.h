/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dump.h - what export writes and import reads: JSON lines, the first of which
 * says so. */
#ifndef DUMP_H
#define DUMP_H

#define DUMP_FORMAT "mta-sts-policies"
#define DUMP_VERSION 1

#endif
