/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.h - what one SMTP session, or the attempt at one, comes to for the
 * owner of the domain (RFC 8460 4.3, 4.4). */
#ifndef VERDICT_H
#define VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include "../protocol/status.h"

/* RFC 8460 4.4 "policy-type"; the numbers are those of tlsrpt-collectd's
 * datagrams, and of our own files: never renumber. */
enum report_type {
	REPORT_TLSA = 1,
	REPORT_STS = 2,
	REPORT_NO_POLICY = 9
};

/* RFC 8460 4.3 "result-type"; the numbers likewise. */
enum report_result {
	RESULT_STARTTLS_NOT_SUPPORTED = 201,
	RESULT_CERTIFICATE_HOST_MISMATCH = 202,
	RESULT_CERTIFICATE_NOT_TRUSTED = 203,
	RESULT_CERTIFICATE_EXPIRED = 204,
	RESULT_VALIDATION_FAILURE = 205,
	RESULT_STS_POLICY_FETCH_ERROR = 301,
	RESULT_STS_POLICY_INVALID = 302,
	RESULT_STS_WEBPKI_INVALID = 303,
	RESULT_TLSA_INVALID = 304,
	RESULT_DNSSEC_INVALID = 305,
	RESULT_DANE_REQUIRED = 306
};

/* All strings are printable ASCII, sanitised before they get here, and not
 * NULL; "" stands for absent. */
#define REPORT_NAME_MAX 253u /* bytes of a domain or host name */
#define REPORT_ADDRESS_MAX 45u /* of an IP address */
#define REPORT_WORDS_MAX 255u /* of a HELO name or a reason */
#define REPORT_STRINGS_MAX 8192u /* of all policy-strings, in whole lines */
#define REPORT_MX_MAX 4096u /* of all mx-hosts, in whole patterns */
#define REPORT_FAILURES_MAX 16u /* of one session */

struct report_policy {
	enum report_type type;
	/* A-labels: the policy domain, or for DANE the TLSA base domain. */
	const char *domain;
	const char *strings; /* "policy-string", '\n' between its elements */
	const char *mx; /* "mx-host" (STS only), ':' between its elements */
};

struct report_failure {
	enum report_result result;
	const char *sending_ip; /* "sending-mta-ip" */
	const char *mx_hostname; /* "receiving-mx-hostname" */
	const char *mx_helo; /* "receiving-mx-helo" */
	const char *receiving_ip; /* "receiving-ip" */
	const char *reason; /* "failure-reason-code" */
};

struct verdict {
	const char *domain; /* whose TLSRPT record says where reports go */
	struct report_policy policy;
	bool success; /* else the session counts as a failed one */
	/* A success may have some, too: MX hosts that the policy kept out. */
	const struct report_failure *failures;
	size_t n;
};

/* "sts-policy-fetch-error" and the like; NULL for no such number. */
const char *report_result_name(unsigned result);
const char *report_type_name(unsigned type);
/* The number of that name, 0: none. */
unsigned report_result_number(const char *name);

#endif
