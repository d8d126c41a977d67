/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.c - the names of types and results, in one table for both ways. */
#include "verdict.h"
#include <string.h>

struct word {
	unsigned number;
	const char *name;
};

/* RFC 8460 4.4. */
static const struct word types[] = {
	{ REPORT_TLSA, "tlsa" },
	{ REPORT_STS, "sts" },
	{ REPORT_NO_POLICY, "no-policy-found" },
};

/* RFC 8460 4.3.1, 4.3.2.1, 4.3.2.2; 6.6 registers them. */
static const struct word results[] = {
	{ RESULT_STARTTLS_NOT_SUPPORTED, "starttls-not-supported" },
	{ RESULT_CERTIFICATE_HOST_MISMATCH, "certificate-host-mismatch" },
	{ RESULT_CERTIFICATE_NOT_TRUSTED, "certificate-not-trusted" },
	{ RESULT_CERTIFICATE_EXPIRED, "certificate-expired" },
	{ RESULT_VALIDATION_FAILURE, "validation-failure" },
	{ RESULT_STS_POLICY_FETCH_ERROR, "sts-policy-fetch-error" },
	{ RESULT_STS_POLICY_INVALID, "sts-policy-invalid" },
	{ RESULT_STS_WEBPKI_INVALID, "sts-webpki-invalid" },
	{ RESULT_TLSA_INVALID, "tlsa-invalid" },
	{ RESULT_DNSSEC_INVALID, "dnssec-invalid" },
	{ RESULT_DANE_REQUIRED, "dane-required" },
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const char *
name_of(const struct word *table, size_t n, unsigned number)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].number == number)
			return table[i].name;
	return NULL;
}

const char *
report_result_name(unsigned result)
{
	return name_of(results, COUNT(results), result);
}

const char *
report_type_name(unsigned type)
{
	return name_of(types, COUNT(types), type);
}

unsigned
report_result_number(const char *name)
{
	for (size_t i = 0; i < COUNT(results); i++)
		if (strcmp(results[i].name, name) == 0)
			return results[i].number;
	return 0;
}
