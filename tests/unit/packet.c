/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet.c - DNS messages made by hand. */
#include "packet.h"
#include <arpa/nameser.h>
#include <assert.h>
#include <string.h>

#define AT_FLAGS 2
#define AT_QDCOUNT 4
#define AT_ANCOUNT 6

void
packet_bytes(struct packet *p, const void *bytes, size_t len)
{
	assert(len <= sizeof p->b - p->len);
	memcpy(p->b + p->len, bytes, len);
	p->len += len;
}

void
packet_16(struct packet *p, unsigned value)
{
	unsigned char b[2] = { (unsigned char)(value >> 8 & 0xff),
		(unsigned char)(value & 0xff) };

	packet_bytes(p, b, sizeof b);
}

void
packet_set16(struct packet *p, size_t offset, unsigned value)
{
	size_t len = p->len;

	p->len = offset;
	packet_16(p, value);
	p->len = len;
}

void
packet_name(struct packet *p, const char *name)
{
	if (strcmp(name, "@") == 0) {
		packet_16(p, 0xc000 | PACKET_QUESTION);
		return;
	}
	while (*name != '\0') {
		size_t n = strcspn(name, ".");
		unsigned char len = (unsigned char)n;

		packet_bytes(p, &len, 1);
		packet_bytes(p, name, n);
		name += n;
		name += *name == '.';
	}
	packet_bytes(p, "", 1);
}

void
packet_begin(struct packet *p, const char *name)
{
	p->len = NS_HFIXEDSZ;
	memset(p->b, 0, NS_HFIXEDSZ);
	packet_set16(p, AT_FLAGS, 0x8180);
	packet_set16(p, AT_QDCOUNT, 1);
	packet_name(p, name);
	packet_16(p, ns_t_txt);
	packet_16(p, ns_c_in);
}

void
packet_record(struct packet *p, const char *owner, unsigned type, uint32_t ttl,
    size_t rdlength)
{
	unsigned count = (unsigned)p->b[AT_ANCOUNT] << 8 | p->b[AT_ANCOUNT + 1];

	packet_set16(p, AT_ANCOUNT, count + 1);
	packet_name(p, owner);
	packet_16(p, type);
	packet_16(p, ns_c_in);
	packet_16(p, ttl >> 16);
	packet_16(p, ttl & 0xffff);
	packet_16(p, (unsigned)rdlength);
}

void
packet_txt(struct packet *p, const char *owner, uint32_t ttl, const char *text)
{
	/* Each '|' gives its byte to the length of the string behind it. */
	packet_record(p, owner, ns_t_txt, ttl, 1 + strlen(text));
	for (;;) {
		size_t n = strcspn(text, "|");
		unsigned char len = (unsigned char)n;

		packet_bytes(p, &len, 1);
		packet_bytes(p, text, n);
		if (text[n] == '\0')
			return;
		text += n + 1;
	}
}

void
packet_cname(struct packet *p, const char *owner, uint32_t ttl,
    const char *target)
{
	size_t begin;

	packet_record(p, owner, ns_t_cname, ttl, 0);
	begin = p->len;
	packet_name(p, target);
	packet_set16(p, begin - 2, (unsigned)(p->len - begin));
}
