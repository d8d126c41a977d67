/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address.c - may a stranger's DNS send us to this address?
 *
 * Who publishes a record makes us connect to what it names.  The registries
 * of special purpose (RFC 6890 and what came after it) say what is not a
 * host of the internet. */
#include "address.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct range4 {
	unsigned char net[4];
	unsigned bits;
	const char *what;
};

struct range6 {
	unsigned char net[16];
	unsigned bits;
	const char *what;
};

static const struct range4 refused4[] = {
	{ { 0 }, 8, "this network" },
	{ { 10 }, 8, "private" },
	{ { 100, 64 }, 10, "shared by a provider" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local" },
	{ { 172, 16 }, 12, "private" },
	{ { 192, 0, 0 }, 24, "of special purpose" },
	{ { 192, 0, 2 }, 24, "documentation" },
	{ { 192, 88, 99 }, 24, "of special purpose" },
	{ { 192, 168 }, 16, "private" },
	{ { 198, 18 }, 15, "benchmarking" },
	{ { 198, 51, 100 }, 24, "documentation" },
	{ { 203, 0, 113 }, 24, "documentation" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

static const struct range6 refused6[] = {
	{ { 0 }, 128, "unspecified" },
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0x01 }, 64, "discarded" },
	{ { 0x20, 0x01 }, 23, "of special purpose" }, /* Teredo, ORCHID, ... */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
	{ { 0x3f, 0xff }, 20, "documentation" },
	{ { 0xfc }, 7, "private" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfe, 0xc0 }, 10, "site-local" },
	{ { 0xff }, 8, "multicast" },
};

/* RFC 4291 2.4, 2.5.5.2; RFC 6052 2.1; RFC 8215; RFC 3056 2. */
static const unsigned char global6[16] = { 0x20 };
static const unsigned char mapped[16] = { [10] = 0xff, [11] = 0xff };
static const unsigned char nat64[16] = { 0x00, 0x64, 0xff, 0x9b };
static const unsigned char nat64_here[16] = { 0x00, 0x64, 0xff, 0x9b, 0, 1 };
static const unsigned char six_to_four[16] = { 0x20, 0x02 };

static bool
within(const unsigned char *address, const unsigned char *net, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned mask = 0xffu << (8 - bits % 8) & 0xffu;

	if (memcmp(address, net, whole) != 0)
		return false;
	return mask == 0 || ((address[whole] ^ net[whole]) & mask) == 0;
}

static const char *
refusal4(const unsigned char *address)
{
	for (size_t i = 0; i < sizeof refused4 / sizeof *refused4; i++)
		if (within(address, refused4[i].net, refused4[i].bits))
			return refused4[i].what;
	return NULL;
}

/* The IPv4 address that a packet to this one would reach, or NULL. */
static const unsigned char *
inner4(const unsigned char *address)
{
	static const unsigned char gap[4];

	if (within(address, mapped, 96) || within(address, nat64, 96))
		return address + 12;
	if (within(address, nat64_here, 48) &&
	    memcmp(address + 8, gap, sizeof gap) == 0)
		return address + 12;
	if (within(address, six_to_four, 16))
		return address + 2;
	return NULL;
}

/* RFC 8215: the length of the prefix is known to that network only.  With what
 * follows it empty one of 96 bits has inner4() inside, but one of 48 would have
 * N.N.0.0, and one of 56 N.0.0.0 (RFC 6052 2.2): hosts, too, where N is 10. */
static const char *
refusal_of_shorter(const unsigned char *address)
{
	const unsigned char by48[4] = { address[6], address[7] };
	const unsigned char by56[4] = { address[7] };
	const unsigned char *shorter[] = { by48, by56 };
	const char *refusal;

	if (!within(address, nat64_here, 48) || within(address, nat64_here, 64))
		return NULL;
	for (size_t i = 0; i < sizeof shorter / sizeof *shorter; i++) {
		refusal = refusal4(shorter[i]);
		/* There is no host below 1 nor from 224 on. */
		if (refusal != NULL && shorter[i][0] > 0 &&
		    shorter[i][0] < 224)
			return refusal;
	}
	return NULL;
}

static const char *
refusal6(const unsigned char *address)
{
	const unsigned char *inner = inner4(address);
	const char *refusal = refusal_of_shorter(address);

	if (refusal != NULL)
		return refusal;
	if (inner != NULL)
		return refusal4(inner);
	for (size_t i = 0; i < sizeof refused6 / sizeof *refused6; i++)
		if (within(address, refused6[i].net, refused6[i].bits))
			return refused6[i].what;
	if (!within(address, global6, 3))
		return "not global unicast";
	return NULL;
}

const char *
address_refusal(const struct sockaddr *address)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&in, address, sizeof in);
		return refusal4((const unsigned char *)&in.sin_addr);
	case AF_INET6:
		memcpy(&in6, address, sizeof in6);
		return refusal6(in6.sin6_addr.s6_addr);
	default:
		return "neither IPv4 nor IPv6";
	}
}
