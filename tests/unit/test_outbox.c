/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_outbox.c - reports on their way, as files that are there whole, or not
 * at all. */
#include "scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/report/outbox.h"

#define DAY "2023-11-14"
#define UNIQUE "0123456789abcdef"
#define ID DAY "." UNIQUE "@out.test"
#define FOLDER "reports/outbox/" DAY

/* Its report is borrowed: not for job_free(). */
static struct job
job_of(const char *domain)
{
	static char report[] = "{\"report-id\":\"1\",\"\xc3\xa4\":\"\\\"\"}";
	struct job j = { .day = DAY,
		.id = ID,
		.report = report,
		.created = SCRATCH_NOW,
		.tried = 1,
		.next = SCRATCH_NOW + 900,
		.tries = 3,
		.sessions = 77,
		.n = 2,
		.word = "timeout" };

	(void)snprintf(j.domain, sizeof j.domain, "%s", domain);
	j.target[0].rua = (struct tlsrpt_rua){ TLSRPT_HTTPS,
		"https://in.test/x?y=1" };
	j.target[0].state = TARGET_TRYING;
	j.target[0].counted = true;
	memcpy(j.target[0].word, "http-500", sizeof "http-500");
	j.target[1].rua = (struct tlsrpt_rua){ TLSRPT_MAILTO, "a@in.test" };
	return j;
}

static void
save(const struct scratch *s, const char *domain)
{
	struct job j = job_of(domain);

	assert_int_equal(outbox_save(s->dir, &j, NULL), STS_OK);
}

/* --- one ------------------------------------------------------------------ */

static void
what_was_saved_is_loaded(void **state)
{
	struct scratch *s = *state;
	struct job want = job_of("in.test"), got;

	save(s, "in.test");
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, NULL),
	    STS_OK);
	assert_string_equal(got.day, DAY);
	assert_string_equal(got.domain, "in.test");
	assert_string_equal(got.id, ID);
	assert_string_equal(got.report, want.report);
	assert_int_equal(got.created, want.created);
	assert_int_equal(got.tried, want.tried);
	assert_int_equal(got.next, want.next);
	assert_int_equal(got.tries, want.tries);
	assert_int_equal(got.sessions, want.sessions);
	assert_int_equal(got.state, JOB_WAITING);
	assert_string_equal(got.word, "timeout");
	assert_int_equal(got.n, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(got.target[i].rua.kind,
		    want.target[i].rua.kind);
		assert_string_equal(got.target[i].rua.text,
		    want.target[i].rua.text);
		assert_int_equal(got.target[i].state, want.target[i].state);
		assert_int_equal(got.target[i].counted,
		    want.target[i].counted);
		assert_string_equal(got.target[i].word, want.target[i].word);
	}
	job_free(&got);
}

static void
last_state_stands(void **state)
{
	struct scratch *s = *state;
	struct job j = job_of("in.test"), got;

	save(s, "in.test");
	j.state = JOB_SENT;
	j.target[1].state = TARGET_TOOK;
	assert_int_equal(outbox_save(s->dir, &j, NULL), STS_OK);
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, NULL),
	    STS_OK);
	assert_int_equal(got.state, JOB_SENT);
	assert_int_equal(got.target[1].state, TARGET_TOOK);
	job_free(&got);
}

static void
files_are_the_owners(void **state)
{
	struct scratch *s = *state;
	struct stat st;

	(void)umask(077);
	save(s, "in.test");
	(void)umask(022);
	scratch_is_owners(s, FOLDER "/in.test");
	assert_int_equal(lstat(scratch_path(s, FOLDER), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(st.st_uid, scratch_owner());
}

static void
nothing_is_there_at_first(void **state)
{
	struct scratch *s = *state;
	struct sts_error err;
	struct job got;

	assert_false(outbox_has(s->dir, DAY, "in.test"));
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, &err),
	    STS_MISS);
	assert_false(outbox_is_complete(s->dir, DAY));
	assert_int_equal(outbox_forget(s->dir, DAY, &err), STS_OK);
	assert_false(scratch_exists(s, "reports"));
}

static const struct damage_row {
	const char *name;
	const char *text;
} damage_rows[] = {
	{ "nothing", "" },
	{ "no JSON", "{\"id\":" },
	{ "another thing", "[]" },
	{ "members missing", "{\"id\":\"x\"}" },
	{ "a state that there is not",
	    "{\"id\":\"i\",\"created\":1,\"tried\":1,\"next\":1,\"tries\":1,"
	    "\"state\":\"odd\",\"sessions\":1,\"word\":\"\",\"targets\":[],"
	    "\"report\":\"r\"}" },
	{ "a target that no record may name",
	    "{\"id\":\"i\",\"created\":1,\"tried\":1,\"next\":1,\"tries\":1,"
	    "\"state\":\"waiting\",\"sessions\":1,\"word\":\"\",\"targets\":"
	    "[{\"to\":\"mailto:-oX@a.test\",\"state\":\"untried\","
	    "\"word\":\"\"}],\"report\":\"r\"}" },
	{ "two targets in one",
	    "{\"id\":\"i\",\"created\":1,\"tried\":1,\"next\":1,\"tries\":1,"
	    "\"state\":\"waiting\",\"sessions\":1,\"word\":\"\",\"targets\":"
	    "[{\"to\":\"mailto:a@a.test,mailto:b@a.test\",\"state\":"
	    "\"untried\",\"word\":\"\"}],\"report\":\"r\"}" },
};

static void
check_damage(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *row = s->row;
	struct job got;

	save(s, "in.test");
	scratch_write(s, FOLDER "/in.test", row->text, strlen(row->text));
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, NULL),
	    STS_DAMAGED);
	assert_null(got.report);
}

/* Whoever owns the directory must not lead root elsewhere, or hold it up. */
static void
what_is_planted_is_not_read(void **state)
{
	struct scratch *s = *state;
	struct job got;

	save(s, "in.test");
	assert_int_equal(unlink(scratch_path(s, FOLDER "/in.test")), 0);
	assert_int_equal(symlink("/etc/passwd",
			     scratch_path(s, FOLDER "/in.test")),
	    0);
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, NULL),
	    STS_SYSTEM);
	assert_int_equal(unlink(scratch_path(s, FOLDER "/in.test")), 0);
	assert_int_equal(mkfifo(scratch_path(s, FOLDER "/in.test"), 0666), 0);
	assert_int_equal(outbox_load(s->dir, DAY, "in.test", &got, NULL),
	    STS_SYSTEM);
}

/* --- all of them ---------------------------------------------------------- */

static char seen[400];

static bool
see(void *arg, const char *name)
{
	unsigned *left = arg;
	size_t n = strlen(seen);

	(void)snprintf(seen + n, sizeof seen - n, "%s ", name);
	return --*left > 0;
}

static void
names_come_in_order(void **state)
{
	struct scratch *s = *state;
	unsigned left = 10;

	save(s, "b.test");
	save(s, "a.test");
	assert_int_equal(outbox_set_complete(s->dir, DAY, NULL), STS_OK);
	seen[0] = '\0';
	assert_int_equal(outbox_days(s->dir, see, &left, NULL), STS_OK);
	assert_int_equal(outbox_domains(s->dir, DAY, see, &left, NULL),
	    STS_OK);
	assert_string_equal(seen, DAY " a.test b.test ");
	seen[0] = '\0';
	left = 1;
	assert_int_equal(outbox_domains(s->dir, DAY, see, &left, NULL),
	    STS_OK);
	assert_string_equal(seen, "a.test ");
}

static void
day_is_forgotten_with_all_in_it(void **state)
{
	struct scratch *s = *state;

	save(s, "a.test");
	assert_int_equal(outbox_claim(s->dir, "<" ID ">", "1abc", NULL),
	    CLAIM_FIRST);
	assert_int_equal(outbox_set_complete(s->dir, DAY, NULL), STS_OK);
	assert_true(outbox_is_complete(s->dir, DAY));
	assert_int_equal(outbox_forget(s->dir, DAY, NULL), STS_OK);
	assert_false(scratch_exists(s, FOLDER));
	assert_false(outbox_is_complete(s->dir, DAY));
}

/* --- shares --------------------------------------------------------------- */

static enum sts_status
take(const struct scratch *s, const char *host)
{
	return outbox_share_take(s->dir, DAY, host, 3, NULL);
}

static void
host_gets_so_many_and_no_more(void **state)
{
	struct scratch *s = *state;

	save(s, "a.test");
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(s, "in.test"), STS_OK);
	assert_int_equal(take(s, "in.test"), STS_WAIT);
	assert_int_equal(take(s, "other.test"), STS_OK);
	outbox_share_return(s->dir, DAY, "in.test");
	outbox_share_return(s->dir, DAY, "never.test");
	assert_int_equal(take(s, "in.test"), STS_OK);
	assert_int_equal(take(s, "in.test"), STS_WAIT);
	assert_int_equal(take(s, "never.test"), STS_OK);
	scratch_is_owners(s, FOLDER "/.to-in.test");
	assert_int_equal(outbox_forget(s->dir, DAY, NULL), STS_OK);
	assert_false(scratch_exists(s, FOLDER));
}

static void
share_of_a_long_name(void **state)
{
	struct scratch *s = *state;
	char host[STS_DOMAIN_MAX + 1];

	memset(host, 'a', sizeof host - 1);
	host[sizeof host - 1] = '\0';
	save(s, "a.test");
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(s, host), STS_OK);
	assert_int_equal(take(s, host), STS_WAIT);
}

static void
share_that_is_planted_is_trouble(void **state)
{
	struct scratch *s = *state;

	save(s, "a.test");
	assert_int_equal(symlink("/etc/passwd",
			     scratch_path(s, FOLDER "/.to-in.test")),
	    0);
	assert_int_equal(take(s, "in.test"), STS_SYSTEM);
	assert_int_equal(mkfifo(scratch_path(s, FOLDER "/.to-b.test"), 0666),
	    0);
	assert_int_equal(take(s, "b.test"), STS_SYSTEM);
}

struct crowd {
	const struct scratch *s;
	volatile unsigned *go;
};

static int
take_ten(void *arg)
{
	const struct crowd *c = arg;
	int n = 0;

	(void)scratch_wait(c->go, 1);
	for (int i = 0; i < 10; i++)
		n += outbox_share_take(c->s->dir, DAY, "in.test", 30, NULL) ==
		    STS_OK;
	return n;
}

static void
crowd_gets_no_more(void **state)
{
	struct scratch *s = *state;
	struct crowd c = { s, scratch_shared(sizeof(unsigned)) };
	pid_t pid[8];
	int n = 0;

	save(s, "a.test");
	for (int i = 0; i < 8; i++)
		pid[i] = scratch_start(take_ten, &c);
	*c.go = 1;
	for (int i = 0; i < 8; i++)
		n += scratch_finish(pid[i]);
	assert_int_equal(n, 30);
}

/* --- claims --------------------------------------------------------------- */

static void
first_mail_has_the_report(void **state)
{
	struct scratch *s = *state;

	save(s, "a.test");
	assert_int_equal(outbox_claim(s->dir, "<" ID ">", "1abc-23", NULL),
	    CLAIM_FIRST);
	assert_int_equal(outbox_claim(s->dir, "<" ID ">", "1abc-24", NULL),
	    CLAIM_AGAIN);
	assert_int_equal(outbox_claim(s->dir, "<" ID ">", "1abc-23", NULL),
	    CLAIM_FIRST);
	scratch_is_owners(s, FOLDER "/.claim-" UNIQUE);
}

static const struct claim_row {
	const char *name;
	const char *id;
	const char *mail;
} claim_rows[] = {
	{ "no id", "", "1abc" },
	{ "a mail of somebody else", "<abc@out.test>", "1abc" },
	{ "no brackets", ID, "1abc" },
	{ "no day", "<2023-13-14." UNIQUE "@out.test>", "1abc" },
	{ "no number", "<" DAY ".0123456789abcdeg@out.test>", "1abc" },
	{ "a way up", "<" DAY ".../../../../../@out.test>", "1abc" },
	{ "a number cut", "<" DAY ".0123@out.test>", "1abc" },
	{ "a day of which nothing is known",
	    "<2023-11-15." UNIQUE "@out.test>", "1abc" },
	{ "no mail", "<" ID ">", "" },
	{ "no mail's name", "<" ID ">", "../1abc" },
};

/* Those are not ours to hold up. */
static void
check_claim(void **state)
{
	struct scratch *s = *state;
	const struct claim_row *row = s->row;

	save(s, "a.test");
	for (int i = 0; i < 2; i++)
		assert_int_equal(outbox_claim(s->dir, row->id, row->mail, NULL),
		    CLAIM_FIRST);
	assert_false(scratch_exists(s, FOLDER "/.claim-" UNIQUE));
}

static void
claim_that_cannot_be_made_is_unknown(void **state)
{
	struct scratch *s = *state;

	save(s, "a.test");
	assert_int_equal(mkdir(scratch_path(s, FOLDER "/.claim-" UNIQUE), 0700),
	    0);
	assert_int_equal(outbox_claim(s->dir, "<" ID ">", "1abc", NULL),
	    CLAIM_UNKNOWN);
}

struct race {
	const struct scratch *s;
	volatile unsigned *go;
};

static int
claim_as(void *arg)
{
	const struct race *r = arg;
	char mail[32];

	(void)snprintf(mail, sizeof mail, "mail-%ld", (long)getpid());
	(void)scratch_wait(r->go, 1);
	return (int)outbox_claim(r->s->dir, "<" ID ">", mail, NULL);
}

static void
of_many_at_once_one_is_first(void **state)
{
	struct scratch *s = *state;
	struct race r = { s, scratch_shared(sizeof(unsigned)) };
	unsigned first = 0, again = 0;
	pid_t pid[8];

	save(s, "a.test");
	for (int i = 0; i < 8; i++)
		pid[i] = scratch_start(claim_as, &r);
	*r.go = 1;
	for (int i = 0; i < 8; i++) {
		int end = scratch_finish(pid[i]);

		first += end == CLAIM_FIRST;
		again += end == CLAIM_AGAIN;
	}
	assert_int_equal(first, 1);
	assert_int_equal(again, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_was_saved_is_loaded),
		SCRATCH_TEST(last_state_stands),
		SCRATCH_TEST(files_are_the_owners),
		SCRATCH_TEST(nothing_is_there_at_first),
		SCRATCH_TEST(what_is_planted_is_not_read),
		SCRATCH_TEST(names_come_in_order),
		SCRATCH_TEST(day_is_forgotten_with_all_in_it),
		SCRATCH_TEST(host_gets_so_many_and_no_more),
		SCRATCH_TEST(share_of_a_long_name),
		SCRATCH_TEST(share_that_is_planted_is_trouble),
		SCRATCH_TEST(crowd_gets_no_more),
		SCRATCH_TEST(first_mail_has_the_report),
		SCRATCH_TEST(claim_that_cannot_be_made_is_unknown),
		SCRATCH_TEST(of_many_at_once_one_is_first),
	};

	return SCRATCH_ROWS(damage_rows, check_damage) +
	    SCRATCH_ROWS(claim_rows, check_claim) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
