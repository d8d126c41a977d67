/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.c - reasons: their words, their sentences, their place in a report. */
#include "status.h"
#include <stdarg.h>
#include <stdio.h>
#include "text.h"

static char
word_char(char c)
{
	if ((c >= 'a' && c <= 'z') || ascii_is_digit(c))
		return c;
	return '-';
}

static void
set_word(char out[STS_WORD_MAX + 1], const char *word)
{
	size_t i = 0;

	for (; i < STS_WORD_MAX && word[i] != '\0'; i++)
		out[i] = word_char(word[i]);
	out[i] = '\0';
}

enum sts_status
error_set(struct sts_error *err, enum sts_status status, const char *word,
    const char *format, ...)
{
	va_list ap;

	if (err == NULL)
		return status;
	err->status = status;
	set_word(err->word, word);
	err->text[0] = '\0';
	va_start(ap, format);
	(void)vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	for (char *c = err->text; *c != '\0'; c++)
		if (!ascii_is_print(*c))
			*c = '?';
	return status;
}

const char *
status_name(enum sts_status status)
{
	switch (status) {
	case STS_OK:
		return "ok";
	case STS_ABSENT:
		return "absent";
	case STS_RECORD:
		return "record";
	case STS_DNS:
		return "dns";
	case STS_FETCH:
		return "fetch";
	case STS_CERT:
		return "cert";
	case STS_POLICY:
		return "policy";
	case STS_WAIT:
		return "wait";
	case STS_DOMAIN:
		return "domain";
	case STS_MISS:
		return "miss";
	case STS_DAMAGED:
		return "damaged";
	case STS_NOMEM:
		return "memory";
	case STS_SYSTEM:
		return "system";
	}
	/* A number of a later version, read from the cache. */
	return "unknown";
}

/* RFC 8460 4.3.2.2 has results for the policy only: a domain whose TXT record
 * cannot be used counts as one without a policy (RFC 8461 3.1). */
const char *
status_tlsrpt(enum sts_status status)
{
	switch (status) {
	case STS_FETCH:
		return "sts-policy-fetch-error";
	case STS_CERT:
		return "sts-webpki-invalid";
	case STS_POLICY:
		return "sts-policy-invalid";
	case STS_OK:
	case STS_ABSENT:
	case STS_RECORD:
	case STS_DNS:
	case STS_WAIT:
	case STS_DOMAIN:
	case STS_MISS:
	case STS_DAMAGED:
	case STS_NOMEM:
	case STS_SYSTEM:
		break;
	}
	return NULL;
}
