/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dayvalue.c - what is counted of one domain on one day, as text. */
#include "dayvalue.h"
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "../protocol/scan.h"

#define SUM_LEN 17u /* 16 digits and a line end */
#define COUNT_LEN 12u /* digits; more sessions than a day has microseconds */
#define FIELDS 6u
/* A row's line without a string: a digit, two counts, and what ends each. */
#define REST_LEN (2u + 2u * (COUNT_LEN + 1u) + 3u)
/* Stands for the line ends inside a policy. */
#define INNER '\v'

/* --- reading -------------------------------------------------------------- */

static void
put_sum(char out[SUM_LEN], const char *p, size_t len, const char *key)
{
	uint64_t sum = XXH64(p, len, XXH64(key, strlen(key), 0));

	for (unsigned i = 0; i < SUM_LEN - 1; i++)
		out[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
	out[SUM_LEN - 1] = '\n';
}

static bool
read_number(const char *s, uint64_t *n)
{
	const char *p = s;

	for (*n = 0; ascii_is_digit(*p) && p - s < (int)COUNT_LEN; p++)
		*n = *n * 10 + (uint64_t)(*p - '0');
	return p > s && *p == '\0';
}

/* Cuts the line at *p into its fields, which end at a tab or the line end. */
static bool
take_line(char **p, const char *end, char *field[FIELDS + 1], unsigned *n)
{
	char *s = *p;

	*n = 0;
	field[(*n)++] = s;
	for (; s < end && *s != '\n'; s++) {
		if (*s == INNER)
			*s = '\n';
		else if (*s == '\t') {
			*s = '\0';
			if (*n > FIELDS)
				return false;
			field[(*n)++] = s + 1;
		} else if (!ascii_is_print(*s))
			return false;
	}
	if (s == end)
		return false;
	*s = '\0';
	*p = s + 1;
	return true;
}

/* TYPE success failure domain mx strings */
static bool
read_row(char *const f[], struct dayvalue *v)
{
	struct dayvalue_row *r = &v->row[v->rows];
	uint64_t type;

	if (v->rows == DAYVALUE_ROWS || !read_number(f[0], &type) ||
	    report_type_name((unsigned)type) == NULL ||
	    !read_number(f[1], &r->success) ||
	    !read_number(f[2], &r->failure))
		return false;
	r->policy.type = (enum report_type)type;
	r->policy.domain = f[3];
	r->policy.mx = f[4];
	r->policy.strings = f[5];
	v->rows++;
	return true;
}

/* RESULT count sending_ip mx_hostname mx_helo receiving_ip reason */
static bool
read_detail(char *const f[], struct dayvalue *v)
{
	struct dayvalue_detail *d = &v->detail[v->details];
	struct report_failure *x = &d->detail.failure;
	uint64_t result;

	if (v->rows == 0 || v->details == DAYVALUE_DETAILS ||
	    !read_number(f[0], &result) ||
	    report_result_name((unsigned)result) == NULL ||
	    !read_number(f[1], &d->detail.count))
		return false;
	d->row = v->rows - 1;
	x->result = (enum report_result)result;
	x->sending_ip = f[2];
	x->mx_hostname = f[3];
	x->mx_helo = f[4];
	x->receiving_ip = f[5];
	x->reason = f[6];
	v->details++;
	return true;
}

/* How far the journal is in it, and the rows. */
static bool
read_lines(char *p, const char *end, struct dayvalue *v)
{
	char *field[FIELDS + 1];
	unsigned n;

	if (!take_line(&p, end, field, &n) || n != 1 ||
	    !read_number(field[0], &v->folded))
		return false;
	while (p < end) {
		if (!take_line(&p, end, field, &n))
			return false;
		/* A line for a row has one field less. */
		if (n == FIELDS ? !read_row(field, v)
				: n != FIELDS + 1 || !read_detail(field, v))
			return false;
	}
	return true;
}

void
dayvalue_clear(struct dayvalue *v)
{
	v->folded = 0;
	v->rows = 0;
	v->details = 0;
}

bool
dayvalue_read(char *text, size_t len, const char *key, struct dayvalue *v)
{
	char sum[SUM_LEN];

	dayvalue_clear(v);
	if (len < SUM_LEN)
		return false;
	put_sum(sum, text + SUM_LEN, len - SUM_LEN, key);
	if (memcmp(sum, text, SUM_LEN) == 0 &&
	    read_lines(text + SUM_LEN, text + len, v))
		return true;
	dayvalue_clear(v);
	return false;
}

/* --- counting ------------------------------------------------------------- */

static bool
is_same_policy(const struct report_policy *a, const struct report_policy *b)
{
	return a->type == b->type && strcmp(a->domain, b->domain) == 0 &&
	    strcmp(a->mx, b->mx) == 0 && strcmp(a->strings, b->strings) == 0;
}

/* Where those are counted that have no row of their own. */
static struct report_policy
rest_of(enum report_type type, const char *domain)
{
	return (struct report_policy){ type, domain, "", "" };
}

static bool
is_rest(const struct report_policy *p, const char *domain)
{
	struct report_policy rest = rest_of(p->type, domain);

	return is_same_policy(p, &rest);
}

/* v->rows: it has none. */
static unsigned
row_of(const struct dayvalue *v, const struct report_policy *p)
{
	unsigned i;

	for (i = 0; i < v->rows; i++)
		if (is_same_policy(&v->row[i].policy, p))
			break;
	return i;
}

static bool
has_room(const struct dayvalue *v, const char *domain)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->rows; i++)
		n += !is_rest(&v->row[i].policy, domain);
	return n < DAY_ROWS_MAX;
}

/* The row of the session's policy, a new one, or that for the rest. */
static bool
find_row(struct dayvalue *v, const struct verdict *session, bool grow,
    unsigned *at)
{
	struct report_policy p = session->policy;

	*at = row_of(v, &p);
	if (*at == v->rows && (!grow || !has_room(v, session->domain))) {
		p = rest_of(p.type, session->domain);
		*at = row_of(v, &p);
	}
	if (*at == DAYVALUE_ROWS)
		return false;
	if (*at == v->rows)
		v->row[v->rows++] = (struct dayvalue_row){ .policy = p };
	return true;
}

static bool
is_same_failure(const struct report_failure *a, const struct report_failure *b)
{
	return a->result == b->result &&
	    strcmp(a->receiving_ip, b->receiving_ip) == 0 &&
	    strcmp(a->mx_hostname, b->mx_hostname) == 0 &&
	    strcmp(a->reason, b->reason) == 0 &&
	    strcmp(a->mx_helo, b->mx_helo) == 0 &&
	    strcmp(a->sending_ip, b->sending_ip) == 0;
}

static bool
add_to_known(struct dayvalue *v, unsigned row, const struct report_failure *x)
{
	for (unsigned i = 0; i < v->details; i++) {
		struct dayvalue_detail *d = &v->detail[i];

		if (d->row == row && is_same_failure(&d->detail.failure, x)) {
			d->detail.count++;
			return true;
		}
	}
	return false;
}

static void
add_failure(struct dayvalue *v, unsigned row, const struct report_failure *x,
    bool grow)
{
	struct report_failure bare = { x->result, "", "", "", "", "" };

	if (add_to_known(v, row, x) || !grow)
		return;
	if (v->details >= DAY_DETAILS_MAX) {
		if (add_to_known(v, row, &bare) ||
		    v->details == DAYVALUE_DETAILS)
			return;
		x = &bare;
	}
	v->detail[v->details].row = row;
	v->detail[v->details].detail.failure = *x;
	v->detail[v->details].detail.count = 1;
	v->details++;
}

bool
dayvalue_add(struct dayvalue *v, const struct verdict *session, bool grow)
{
	unsigned row;

	if (!find_row(v, session, grow, &row))
		return false;
	if (session->success)
		v->row[row].success++;
	else
		v->row[row].failure++;
	for (size_t i = 0; i < session->n; i++)
		add_failure(v, row, &session->failures[i], grow);
	return true;
}

/* --- writing -------------------------------------------------------------- */

/* Whatever it holds, it stays one field; `inner` stands for its line ends. */
static void
add_lines(struct text *t, const char *s, char inner, char end)
{
	size_t from = t->len;

	text_add(t, s);
	for (size_t i = from; i < t->len; i++) {
		if (t->buf[i] == '\n')
			t->buf[i] = inner;
		else if (!ascii_is_print(t->buf[i]))
			t->buf[i] = '?';
	}
	text_add_bytes(t, &end, 1);
}

static void
add_field(struct text *t, const char *s, char end)
{
	add_lines(t, s, '?', end);
}

static void
add_count(struct text *t, uint64_t n, char end)
{
	char digits[COUNT_LEN + 1];

	for (unsigned i = COUNT_LEN; i-- > 0; n /= 10)
		digits[i] = (char)('0' + n % 10);
	digits[COUNT_LEN] = end;
	text_add_bytes(t, digits, sizeof digits);
}

static void
add_row(struct text *t, const struct dayvalue_row *r)
{
	text_add_number(t, r->policy.type);
	text_add(t, "\t");
	add_count(t, r->success, '\t');
	add_count(t, r->failure, '\t');
	add_field(t, r->policy.domain, '\t');
	add_field(t, r->policy.mx, '\t');
	add_lines(t, r->policy.strings, INNER, '\n');
}

static void
add_detail(struct text *t, const struct day_detail *d)
{
	text_add_number(t, d->failure.result);
	text_add(t, "\t");
	add_count(t, d->count, '\t');
	add_field(t, d->failure.sending_ip, '\t');
	add_field(t, d->failure.mx_hostname, '\t');
	add_field(t, d->failure.mx_helo, '\t');
	add_field(t, d->failure.receiving_ip, '\t');
	add_field(t, d->failure.reason, '\n');
}

/* So that nothing can take the place of a row for the rest. */
static size_t
kept_free(const struct dayvalue *v, const char *key)
{
	static const enum report_type types[] = { REPORT_TLSA, REPORT_STS,
		REPORT_NO_POLICY };
	size_t n = 0;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct report_policy rest = rest_of(types[i], key);

		if (row_of(v, &rest) == v->rows)
			n += REST_LEN + strlen(key);
	}
	return n;
}

static void
begin_text(struct text *t, char *text, size_t cap, uint64_t folded)
{
	static const char place[SUM_LEN + 1] = "                ";

	text_init(t, text, cap);
	text_add_bytes(t, place, SUM_LEN);
	add_count(t, folded, '\n');
}

static bool
end_text(struct text *t, const char *key, size_t *len)
{
	if (t->full)
		return false;
	put_sum(t->buf, t->buf + SUM_LEN, t->len - SUM_LEN, key);
	*len = t->len;
	return true;
}

bool
dayvalue_write(const struct dayvalue *v, const char *key, char *text,
    size_t cap, size_t *len)
{
	struct text t;

	begin_text(&t, text, cap, v->folded);
	for (unsigned i = 0; i < v->rows; i++) {
		add_row(&t, &v->row[i]);
		for (unsigned k = 0; k < v->details; k++)
			if (v->detail[k].row == i)
				add_detail(&t, &v->detail[k].detail);
	}
	return t.len + kept_free(v, key) < cap && end_text(&t, key, len);
}

bool
dayvalue_of(const struct verdict *session, char *text, size_t cap, size_t *len)
{
	const struct dayvalue_row row = { session->policy, session->success,
		!session->success };
	struct text t;

	begin_text(&t, text, cap, 0);
	add_row(&t, &row);
	for (size_t i = 0; i < session->n; i++) {
		const struct day_detail d = { session->failures[i], 1 };

		add_detail(&t, &d);
	}
	return end_text(&t, session->domain, len);
}
