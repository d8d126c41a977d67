/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet.h - DNS messages made by hand, sound ones and others. */
#ifndef PACKET_H
#define PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_QUESTION 12 /* offset: the question's name */

struct packet {
	size_t len;
	unsigned char b[65535];
};

/* A header (an answer without error) and the question name IN TXT. */
void packet_begin(struct packet *p, const char *name);
void packet_bytes(struct packet *p, const void *bytes, size_t len);
void packet_16(struct packet *p, unsigned value);
void packet_set16(struct packet *p, size_t offset, unsigned value);
/* Labels at the dots; nothing is escaped or compressed.  "@" is a pointer to
 * the question's name. */
void packet_name(struct packet *p, const char *name);

/* Adds to the answer section and to its count: owner, type, class IN and TTL,
 * then RDLENGTH bytes that the caller appends. */
void packet_record(struct packet *p, const char *owner, unsigned type,
    uint32_t ttl, size_t rdlength);
/* The strings of text are divided by '|'. */
void packet_txt(struct packet *p, const char *owner, uint32_t ttl,
    const char *text);
void packet_cname(struct packet *p, const char *owner, uint32_t ttl,
    const char *target);

#endif
