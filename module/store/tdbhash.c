/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbhash.c - Bob Jenkins's lookup3 of 2006, as TDB uses it.  By ourselves,
 * for to load libtdb costs a process more than a look-up does. */
#include "tdbhash.h"
#include <endian.h>
#include <string.h>

static inline uint32_t
turn(uint32_t x, unsigned by)
{
	return x << by | x >> (32 - by);
}

/* Four bytes, or those that are left, the first the lowest. */
static inline uint32_t
word(const char *p, size_t left)
{
	uint32_t w = 0;

	memcpy(&w, p, left < sizeof w ? left : sizeof w);
	return le32toh(w);
}

/* x becomes another by y. */
#define MIX(x, y, z, by) ((x) = ((x) - (y)) ^ turn((y), (by)), (y) += (z))
#define END(x, y, by) ((x) = ((x) ^ (y)) - turn((y), (by)))

uint32_t
tdbhash(const char *key, size_t len)
{
	uint32_t a = 0xdeadbeef + (uint32_t)len;
	uint32_t b = a, c = a;

	for (; len > 12; key += 12, len -= 12) {
		a += word(key, 4);
		b += word(key + 4, 4);
		c += word(key + 8, 4);
		MIX(a, c, b, 4);
		MIX(b, a, c, 6);
		MIX(c, b, a, 8);
		MIX(a, c, b, 16);
		MIX(b, a, c, 19);
		MIX(c, b, a, 4);
	}
	if (len == 0)
		return c;
	a += word(key, len);
	b += len > 4 ? word(key + 4, len - 4) : 0;
	c += len > 8 ? word(key + 8, len - 8) : 0;
	END(c, b, 14);
	END(a, c, 11);
	END(b, a, 25);
	END(c, b, 16);
	END(a, c, 4);
	END(b, a, 14);
	END(c, b, 24);
	return c;
}
