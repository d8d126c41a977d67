/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_datagram.c - what a tlsrpt-collectd is told. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "../../module/report/datagram.h"
#include "../../module/store/clock.h"

static char text[DATAGRAM_MAX];

static const char *
write_all(const struct verdict *v)
{
	static char policies[DATAGRAM_MAX];
	struct text t;

	text_init(&t, policies, sizeof policies);
	datagram_policies(&t, v);
	text_init(&t, text, sizeof text);
	datagram_write(&t, v->domain, "v=TLSRPTv1;rua=mailto:a@b.test",
	    policies);
	assert_false(t.full);
	return text;
}

#define HEAD                                 \
	"{\"dpv\": \"1\",\"d\": \"a.test\"," \
	"\"pr\": \"v=TLSRPTv1;rua=mailto:a@b.test\",\"policies\":[{"

static void
a_success_without_a_policy(void **state)
{
	const struct verdict v = { .domain = "a.test",
		.policy = { REPORT_NO_POLICY, "a.test", "", "" },
		.success = true };

	(void)state;
	assert_string_equal(write_all(&v),
	    HEAD "\"policy-type\":9,\"policy-domain\": \"a.test\","
		 "\"t\":0,\"f\":0}]}");
}

static void
a_failure_with_all_there_is(void **state)
{
	static const struct report_failure f[] = {
		{ RESULT_CERTIFICATE_EXPIRED, "192.0.2.1", "mx.a.test", "mx",
		    "198.51.100.7", "why" },
		{ RESULT_VALIDATION_FAILURE, "", "mx.b.test", "", "", "" },
	};
	const struct verdict v = { .domain = "a.test",
		.policy = { REPORT_STS, "a.test", "version: STSv1\nmx: *.a",
		    "*.a:b" },
		.failures = f,
		.n = 2 };

	(void)state;
	assert_string_equal(write_all(&v),
	    HEAD "\"policy-type\":2,\"policy-domain\": \"a.test\","
		 "\"policy-string\":[\"version: STSv1\",\"mx: *.a\"],"
		 "\"mx-host\":[\"*.a\",\"b\"],\"failure-details\":"
		 "[{\"c\":204,\"s\": \"192.0.2.1\",\"n\": \"mx.a.test\","
		 "\"h\": \"mx\",\"r\": \"198.51.100.7\",\"f\": \"why\"},"
		 "{\"c\":205,\"n\": \"mx.b.test\"}],\"t\":2,\"f\":1}]}");
}

/* The collector ends at what is not UTF-8; so nothing is but ASCII. */
static void
strings_are_escaped_and_printable(void **state)
{
	static const struct report_failure f = { RESULT_VALIDATION_FAILURE,
		"", "", "a\"b\\c\x01\n\x7f\xff", "", "" };
	const struct verdict v = { .domain = "a.test",
		.policy = { REPORT_STS, "a.test", "", "" },
		.failures = &f,
		.n = 1 };

	(void)state;
	assert_non_null(
	    strstr(write_all(&v), "\"h\": \"a\\\"b\\\\c????\""));
}

/* The largest verdict there can be has room. */
static void
the_largest_fits(void **state)
{
	static char strings[REPORT_STRINGS_MAX + 1], mx[REPORT_MX_MAX + 1];
	static char name[REPORT_NAME_MAX + 1], words[REPORT_WORDS_MAX + 1];
	struct report_failure f[REPORT_FAILURES_MAX];
	struct verdict v = { .domain = name,
		.policy = { REPORT_STS, name, strings, mx },
		.failures = f,
		.n = REPORT_FAILURES_MAX };

	(void)state;
	memset(strings, '"', sizeof strings - 1);
	memset(mx, 'm', sizeof mx - 1);
	memset(name, 'n', sizeof name - 1);
	memset(words, '\\', sizeof words - 1);
	for (size_t i = 0; i < v.n; i++)
		f[i] = (struct report_failure){ RESULT_VALIDATION_FAILURE,
			"192.0.2.1", name, words, "192.0.2.1", words };
	assert_in_range(strlen(write_all(&v)), 30000, DATAGRAM_MAX - 4000);
}

/* --- sending -------------------------------------------------------------- */

static int
listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	(void)unlink(path);
	assert_int_equal(
	    bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

static void
nobody_is_waited_for(void **state)
{
	char path[64], got[16];
	int64_t began;
	unsigned sent = 0;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof path, "/tmp/mta-sts-told.%ld",
	    (long)getpid());
	assert_int_equal(datagram_send(path, "x", 1, NULL), STS_SYSTEM);
	fd = listen_at(path);
	began = clock_ms();
	while (sent < 1000 && datagram_send(path, "abc", 3, NULL) == STS_OK)
		sent++;
	assert_in_range(sent, 1, 999);
	assert_in_range(clock_ms() - began, 0, 1000);
	for (unsigned i = 0; i < sent; i++)
		assert_int_equal(recv(fd, got, sizeof got, 0), 3);
	assert_int_equal(recv(fd, got, sizeof got, 0), -1);
	(void)close(fd);
	assert_int_equal(datagram_send(path, "x", 1, NULL), STS_SYSTEM);
	(void)unlink(path);
}

static void
a_path_too_long_is_no_socket(void **state)
{
	char path[300];

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	path[sizeof path - 1] = '\0';
	assert_int_equal(datagram_send(path, "x", 1, NULL), STS_SYSTEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_success_without_a_policy),
		cmocka_unit_test(a_failure_with_all_there_is),
		cmocka_unit_test(strings_are_escaped_and_printable),
		cmocka_unit_test(the_largest_fits),
		cmocka_unit_test(nobody_is_waited_for),
		cmocka_unit_test(a_path_too_long_is_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
