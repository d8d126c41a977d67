/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domain.c - the one spelling of a policy domain. */
#include "domain.h"
#include <string.h>
#include "alabels.h"
#include "text.h"

#define LABEL_MAX 63u
/* Longer than any name that has a short enough form in A-labels: four bytes
 * for each of its bytes at most, and a final dot. */
#define UTF8_MAX (4u * STS_DOMAIN_MAX + 1u)
/* We put this before a name, and "mta-sts." which is shorter. */
#define PREFIX_LEN (sizeof "_mta-sts." - 1)
#define SHOWN_MAX 80

/* sub-domain = Let-dig [Ldh-str], and the length of RFC 1035 2.3.4. */
static bool
is_label(const char *p, size_t len)
{
	if (len == 0 || len > LABEL_MAX || p[0] == '-' || p[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(p[i]) && p[i] != '-')
			return false;
	return true;
}

bool
domain_is_ldh(const char *p, size_t len)
{
	const char *dot;
	size_t n;

	if (len == 0 || len > STS_DOMAIN_MAX)
		return false;
	while ((dot = memchr(p, '.', len)) != NULL) {
		n = (size_t)(dot - p);
		if (!is_label(p, n))
			return false;
		p += n + 1;
		len -= n + 1;
	}
	return is_label(p, len);
}

/* Four labels of digits: no such name is delegated, it is an IPv4 address. */
static bool
is_dotted_quad(const char *name)
{
	size_t dots = 0;

	for (; *name != '\0'; name++) {
		if (*name == '.')
			dots++;
		else if (!ascii_is_digit(*name))
			return false;
	}
	return dots == 3;
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* Copies name in lower case without one final dot; false if it is too long. */
static bool
copy_lower(const char *name, char out[STS_DOMAIN_MAX + 1])
{
	size_t len = strnlen(name, STS_DOMAIN_MAX + 2);

	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len > STS_DOMAIN_MAX - PREFIX_LEN)
		return false;
	for (size_t i = 0; i < len; i++)
		out[i] = ascii_lower(name[i]);
	out[len] = '\0';
	return true;
}

/* The same for a name with U-labels: RFC 8461 3.4 means the domain of RFC
 * 5321, which is A-labels. */
static enum sts_status
copy_alabels(const char *name, char out[STS_DOMAIN_MAX + 1])
{
	enum sts_status status;
	char *ascii;

	if (strnlen(name, UTF8_MAX + 1) > UTF8_MAX)
		return STS_DOMAIN;
	status = alabels_of(name, &ascii);
	if (status == STS_OK && !copy_lower(ascii, out))
		status = STS_DOMAIN;
	alabels_free(ascii);
	return status;
}

static enum sts_status
refuse(const char *in, struct sts_error *err)
{
	char shown[SHOWN_MAX + sizeof "..."];
	struct text t;

	text_init(&t, shown, sizeof shown);
	text_add_foreign(&t, in, strnlen(in, SHOWN_MAX + 1), SHOWN_MAX);
	return error_set(err, STS_DOMAIN, "domain", "not a mail domain: \"%s\"",
	    shown);
}

enum sts_status
domain_canon(const char *in, char out[STS_DOMAIN_MAX + 1],
    struct sts_error *err)
{
	enum sts_status status = STS_OK;

	out[0] = '\0';
	if (!is_ascii(in))
		status = copy_alabels(in, out);
	else if (!copy_lower(in, out))
		status = STS_DOMAIN;
	/* Not knowing is not the same as knowing that it is none. */
	if (status == STS_NOMEM)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	if (status == STS_SYSTEM)
		return error_set(err, STS_SYSTEM, "libidn2",
		    "libidn2, which such a name needs, is missing");
	if (status == STS_OK && domain_is_ldh(out, strlen(out)) &&
	    !is_dotted_quad(out))
		return STS_OK;
	out[0] = '\0';
	return refuse(in, err);
}
