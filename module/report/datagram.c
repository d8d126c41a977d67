/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagram.c - a verdict as tlsrpt-collectd wants to hear it. */
#include "datagram.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "../protocol/scan.h"

/* --- JSON ----------------------------------------------------------------- */

/* libtlsrpt's blanks are before strings, and nowhere else. */

/* Foreign text is printable ASCII already; it has nothing else to escape. */
static void
add_string(struct text *t, struct bytes s)
{
	text_add(t, "\"");
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (c == '"' || c == '\\')
			text_add(t, "\\");
		else if (!ascii_is_print(c))
			c = '?';
		text_add_bytes(t, &c, 1);
	}
	text_add(t, "\"");
}

static void
add_member(struct text *t, const char *name, const char *value)
{
	struct bytes s = { value, strlen(value) };

	text_add(t, "\"");
	text_add(t, name);
	text_add(t, "\": ");
	add_string(t, s);
}

/* "NAME":["a","b"], for what has anything in it. */
static void
add_array(struct text *t, const char *name, const char *list, char between)
{
	const char *p = list;

	if (list[0] == '\0')
		return;
	text_addf(t, ",\"%s\":[", name);
	for (;;) {
		const char *end = strchr(p, between);
		struct bytes item = { p, strlen(p) };

		if (end != NULL)
			item.len = (size_t)(end - p);
		add_string(t, item);
		if (end == NULL)
			break;
		text_add(t, ",");
		p = end + 1;
	}
	text_add(t, "]");
}

static void
add_failure(struct text *t, const struct report_failure *f)
{
	const struct {
		const char *name;
		const char *value;
	} members[] = {
		{ "s", f->sending_ip },
		{ "n", f->mx_hostname },
		{ "h", f->mx_helo },
		{ "r", f->receiving_ip },
		{ "f", f->reason },
	};

	text_add(t, "{\"c\":");
	text_add_number(t, f->result);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
		if (members[i].value[0] != '\0') {
			text_add(t, ",");
			add_member(t, members[i].name, members[i].value);
		}
	text_add(t, "}");
}

static void
add_failures(struct text *t, const struct verdict *v)
{
	if (v->n == 0)
		return;
	text_add(t, ",\"failure-details\":[");
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0)
			text_add(t, ",");
		add_failure(t, &v->failures[i]);
	}
	text_add(t, "]");
}

void
datagram_policies(struct text *t, const struct verdict *v)
{
	text_add(t, "[{\"policy-type\":");
	text_add_number(t, v->policy.type);
	text_add(t, ",");
	add_member(t, "policy-domain", v->policy.domain);
	add_array(t, "policy-string", v->policy.strings, '\n');
	add_array(t, "mx-host", v->policy.mx, ':');
	add_failures(t, v);
	text_add(t, ",\"t\":");
	text_add_number(t, v->n);
	text_add(t, v->success ? ",\"f\":0}]" : ",\"f\":1}]");
}

void
datagram_write(struct text *t, const char *domain, const char *record,
    const char *policies)
{
	text_add(t, "{");
	add_member(t, "dpv", "1");
	text_add(t, ",");
	add_member(t, "d", domain);
	text_add(t, ",");
	add_member(t, "pr", record);
	text_add(t, ",\"policies\":");
	text_add(t, policies);
	text_add(t, "}");
}

/* --- sending -------------------------------------------------------------- */

/* The queue has ten places.  Nobody waits longer than the sum of these. */
static const int pauses_ms[] = { 2, 5, 10 };
#define PAUSES (sizeof pauses_ms / sizeof pauses_ms[0])

static bool
send_to(int fd, const struct sockaddr_un *to, const char *p, size_t len)
{
	for (size_t i = 0;; i++) {
		ssize_t n = sendto(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (const struct sockaddr *)to, sizeof *to);

		if (n >= 0)
			return true;
		if ((errno != EAGAIN && errno != ENOBUFS && errno != EINTR) ||
		    i == PAUSES)
			return false;
		(void)poll(NULL, 0, pauses_ms[i]);
	}
}

enum sts_status
datagram_send(const char *path, const char *p, size_t len,
    struct sts_error *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	enum sts_status status = STS_OK;
	int fd;

	if (strlen(path) >= sizeof to.sun_path)
		return error_set(err, STS_SYSTEM, "socket", "%s: %s", path,
		    strerror(ENAMETOOLONG));
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || !send_to(fd, &to, p, len))
		status = error_set(err, STS_SYSTEM, "socket", "%s: %s", path,
		    strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return status;
}
