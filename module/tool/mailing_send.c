/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mailing_send.c - send the reports that are due.
 *
 * Before a report is handed to somebody its file says so, and after it what
 * came of it.  Who finds a file that says only the former does not know whether
 * it was taken, and hands the same bytes under the same id to the same one
 * again: so nothing is lost.  That nothing comes twice of it is, for mails, the
 * work of `mta-sts claim', which Exim asks; for HTTPS it is the receiver's, who
 * knows the id (RFC 8460 5.3).
 *
 * While we live it is the other way round: what sendmail has taken to the last
 * byte counts as sent when nobody hears what became of it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>
#include "../lookup/world.h"
#include "../net/post.h"
#include "../protocol/text.h"
#include "../report/gzip.h"
#include "../report/mime.h"
#include "../report/tlsrpt_lookup.h"
#include "../store/clock.h"
#include "mailing.h"
#include "program.h"

#define POST_SECONDS 30 /* or twice fetch_timeout, if that is less */
#define SENDMAIL_SECONDS 60
#define BACKOFF_FIRST 900 /* seconds; RFC 8460 5.5: exponential */
#define BACKOFF_MAX 14400
#define PIPE_USUAL 65536u /* bytes that one holds without being asked to */
#define SAID_MAX 256u /* bytes of sendmail's complaint */

/* --- handing over --------------------------------------------------------- */

/* A file of these bytes that has no name and ends with us. */
static int
file_of(const char *p, size_t len, struct sts_error *err)
{
	int fd = memfd_create("report", MFD_CLOEXEC);
	size_t done = 0;
	ssize_t n = 1;

	while (fd >= 0 && done < len && n > 0) {
		n = write(fd, p + done, len - done);
		done += n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0 && done == len && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	(void)error_set(err, STS_SYSTEM, "memory", "no room for a report");
	return -1;
}

/* A pipe with all of the text in it, which ends there: whoever reads it gets
 * the whole, even if we are killed, and what is unread can be seen.  A mail is
 * far shorter than what anybody may ask for, DAYVALUE_MAX being what it is. */
static int
pipe_of(const char *text, size_t len, struct sts_error *err)
{
	int fd[2];
	bool whole;

	if (pipe2(fd, O_CLOEXEC) == 0) {
		whole = (len <= PIPE_USUAL ||
			    fcntl(fd[1], F_SETPIPE_SZ, (int)len) >= 0) &&
		    fcntl(fd[1], F_SETFL, O_NONBLOCK) == 0 &&
		    write(fd[1], text, len) == (ssize_t)len;
		(void)close(fd[1]);
		if (whole)
			return fd[0];
		(void)close(fd[0]);
	}
	(void)error_set(err, STS_SYSTEM, "memory", "no room for a report");
	return -1;
}

static bool
is_empty(int fd)
{
	int unread = 0;

	return ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

enum handed {
	HANDED_NOT,
	HANDED,
	/* It had all of the mail, and nobody knows what it did with that. */
	HANDED_PERHAPS
};

static const char *
why_not(const struct program_end *end, const char *said)
{
	if (end->exit_code == 127)
		return "it cannot be executed";
	if (end->exit_code == 0)
		return "it did not take all of the mail";
	if (end->timed_out)
		return "it did not end in time";
	if (said[0] != '\0')
		return said;
	return end->exit_code < 0 ? "a signal ended it" : "it failed";
}

/* Its own word counts.  Who has the mail and did not live to say one may have
 * sent it: nothing is to come twice. */
static enum handed
read_end(const char *sendmail, const struct program_end *end, bool took_all,
    const char *said, struct sts_error *err)
{
	if (end->exit_code == 0 && took_all)
		return HANDED;
	(void)error_set(err, STS_SYSTEM, "sendmail", "%.60s: %s", sendmail,
	    why_not(end, said));
	return end->exit_code < 0 && took_all ? HANDED_PERHAPS : HANDED_NOT;
}

/* No shell, no option from outside, one recipient. */
static enum handed
give_to_sendmail(const struct config *c, const char *to, int fd,
    struct sts_error *err)
{
	const char *argv[] = { c->tlsrpt.sendmail, "-oi", "-f",
		c->tlsrpt.contact, "--", to, NULL };
	struct program_end end;
	char said[SAID_MAX];

	if (!program_feed(argv, fd, SENDMAIL_SECONDS, said, sizeof said, &end,
		err))
		return HANDED_NOT;
	said[strcspn(said, "\n")] = '\0';
	return read_end(c->tlsrpt.sendmail, &end, is_empty(fd), said, err);
}

static enum handed
mail(const struct mailing *m, const struct job *j, const char *to,
    const char *gz, size_t gz_len, struct sts_error *err)
{
	const struct config *c = &m->tool->config;
	struct mime_mail letter = { c->tlsrpt.org, c->tlsrpt.contact, to,
		j->domain, j->day, j->id, time(NULL), gz, gz_len };
	enum handed handed;
	size_t len;
	char *text;
	int fd;

	if (mime_write(&letter, &text, &len, err) != STS_OK)
		return HANDED_NOT;
	fd = pipe_of(text, len, err);
	free(text);
	if (fd < 0)
		return HANDED_NOT;
	handed = give_to_sendmail(c, to, fd, err);
	(void)close(fd);
	return handed;
}

static int64_t
post_deadline(const struct config *c)
{
	unsigned twice = 2 * c->fetch_timeout;

	return clock_ms() +
	    (int64_t)(twice < POST_SECONDS ? twice : POST_SECONDS) * 1000;
}

static enum handed
post(const struct mailing *m, const char *url, const char *gz, size_t gz_len,
    struct sts_error *err)
{
	struct fetch_options o;
	enum sts_status status;
	int fd = file_of(gz, gz_len, err);

	if (fd < 0)
		return HANDED_NOT;
	world_helper(&m->tool->config, &o);
	status = post_report(&o, url, "application/tlsrpt+gzip", fd,
	    post_deadline(&m->tool->config), err);
	(void)close(fd);
	return status == STS_OK ? HANDED : HANDED_NOT;
}

static enum handed
hand_over(const struct mailing *m, const struct job *j,
    const struct job_target *t, struct sts_error *err)
{
	enum handed handed;
	size_t len = 0;
	char *gz;

	if (gzip_bytes(j->report, strlen(j->report), &gz, &len, err) != STS_OK)
		return HANDED_NOT;
	handed = t->rua.kind == TLSRPT_MAILTO
	    ? mail(m, j, t->rua.text, gz, len, err)
	    : post(m, t->rua.text, gz, len, err);
	free(gz);
	return handed;
}

/* --- one job -------------------------------------------------------------- */

static void
set_word(char word[STS_WORD_MAX + 1], const char *from)
{
	struct text t;

	text_init(&t, word, STS_WORD_MAX + 1);
	text_add(&t, from);
}

static void
fail(struct attempt *a, enum attempt_end end, const struct sts_error *err)
{
	a->end = end;
	memcpy(a->word, err->word, sizeof a->word);
	memcpy(a->text, err->text, sizeof a->text);
}

/* False: there is no going on, since nobody would know of it. */
static bool
save(const struct mailing *m, const struct job *j, struct attempt *a)
{
	struct sts_error err;

	if (outbox_save(m->tool->config.cache_dir, j, &err) == STS_OK)
		return true;
	fail(a, ATTEMPT_TROUBLE, &err);
	return false;
}

static void
give_up(struct job *j, enum attempt_end end, const struct sts_error *err,
    struct attempt *a)
{
	fail(a, end, err);
	j->state = end == ATTEMPT_FAILED ? JOB_FAILED : JOB_UNWANTED;
	set_word(j->word, a->word);
}

/* RFC 8460 5.5: for a day after the first attempt. */
static void
try_later(struct job *j, int64_t now, struct attempt *a)
{
	int64_t wait = BACKOFF_FIRST;

	for (unsigned i = 0; i < j->tries && wait < BACKOFF_MAX; i++)
		wait *= 2;
	j->tries++;
	j->next = now + (wait < BACKOFF_MAX ? wait : BACKOFF_MAX);
	if (now - j->tried >= MAILING_RETRY)
		j->state = JOB_FAILED;
	else if (j->next > j->tried + MAILING_RETRY)
		j->next = j->tried + MAILING_RETRY;
	set_word(j->word, a->word);
	a->end = j->state == JOB_FAILED ? ATTEMPT_FAILED : ATTEMPT_LATER;
}

static void
host_of(const struct tlsrpt_rua *rua, char host[STS_DOMAIN_MAX + 1])
{
	const char *from = rua->kind == TLSRPT_MAILTO
	    ? strrchr(rua->text, '@') + 1
	    : rua->text + strlen("https://");
	struct text t;

	text_init(&t, host, STS_DOMAIN_MAX + 1);
	text_add_bytes(&t, from, strcspn(from, "/"));
}

/* RFC 8460 7: who writes many records must not aim all reports at another. */
static enum sts_status
count(const struct mailing *m, const struct job *j, struct job_target *t,
    struct sts_error *err)
{
	const struct config *c = &m->tool->config;
	char host[STS_DOMAIN_MAX + 1];
	enum sts_status status;

	if (t->counted)
		return STS_OK;
	host_of(&t->rua, host);
	status = outbox_share_take(c->cache_dir, j->day, host,
	    c->tlsrpt.per_target, err);
	t->counted = status == STS_OK;
	return status;
}

/* A mail that sendmail did not take has not come near its host; by HTTPS the
 * host has had the work. */
static void
count_not(const struct mailing *m, const struct job *j, struct job_target *t)
{
	char host[STS_DOMAIN_MAX + 1];

	if (t->rua.kind != TLSRPT_MAILTO)
		return;
	host_of(&t->rua, host);
	outbox_share_return(m->tool->config.cache_dir, j->day, host);
	t->counted = false;
}

static void
taken_by(struct job *j, struct job_target *t, bool perhaps, struct attempt *a)
{
	struct text to;

	t->state = TARGET_TOOK;
	set_word(t->word, perhaps ? "perhaps" : "");
	j->state = JOB_SENT;
	j->word[0] = '\0';
	a->end = ATTEMPT_SENT;
	text_init(&to, a->to, sizeof a->to);
	job_target_text(t, &to);
}

/* It was about to get a mail, and perhaps has it.  Of two mails with one id
 * `mta-sts claim' lets one pass. */
static bool
is_unsure_mail(const struct job_target *t)
{
	return t->state == TARGET_TRYING && t->rua.kind == TLSRPT_MAILTO;
}

/* True: it was taken, perhaps, or nobody may go on. */
static bool
try_target(const struct mailing *m, struct job *j, struct job_target *t,
    struct attempt *a)
{
	bool perhaps = is_unsure_mail(t);
	enum handed handed;
	struct sts_error err;

	t->state = TARGET_TRYING;
	if (!save(m, j, a))
		return true;
	handed = hand_over(m, j, t, &err);
	if (handed == HANDED_NOT) {
		set_word(t->word, err.word);
		fail(a, ATTEMPT_LATER, &err);
		/* That says nothing of the mail before. */
		if (perhaps)
			return false;
		t->state = TARGET_UNTRIED;
		count_not(m, j, t);
		return false;
	}
	taken_by(j, t, handed == HANDED_PERHAPS, a);
	if (handed == HANDED_PERHAPS)
		fail(a, ATTEMPT_PERHAPS, &err);
	(void)save(m, j, a);
	return true;
}

/* The targets that may get it, the first to be asked first; how many. */
static unsigned
in_order(struct job *j, struct job_target *order[TLSRPT_RUA_MAX])
{
	struct job_target *unsure = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < j->n; i++)
		if (j->target[i].state == TARGET_TRYING)
			unsure = &j->target[i];
	/* Perhaps that one has it: then nobody else must get it. */
	if (unsure != NULL)
		order[n++] = unsure;
	for (unsigned i = 0; i < j->n; i++)
		if (&j->target[i] != unsure &&
		    (unsure == NULL || !is_unsure_mail(unsure)))
			order[n++] = &j->target[i];
	return n;
}

static void
try_targets(const struct mailing *m, struct job *j, struct attempt *a)
{
	struct job_target *order[TLSRPT_RUA_MAX];
	unsigned n = in_order(j, order), full = 0;
	struct sts_error err;

	for (unsigned i = 0; i < n; i++) {
		enum sts_status status = count(m, j, order[i], &err);

		if (status == STS_OK && try_target(m, j, order[i], a))
			return;
		if (status == STS_OK)
			continue;
		if (status != STS_WAIT) {
			fail(a, ATTEMPT_TROUBLE, &err);
			return;
		}
		set_word(order[i]->word, err.word);
		full++;
	}
	if (full == n)
		give_up(j, ATTEMPT_FAILED, &err, a);
	else
		try_later(j, time(NULL), a);
	(void)save(m, j, a);
}

/* For a report whose domain's record nobody knew.  False: still so, or it has
 * none. */
static bool
find_targets(struct mailing *m, struct job *j, struct attempt *a)
{
	const struct config *c = &m->tool->config;
	struct tlsrpt_record record;
	struct sts_error err;
	enum sts_status status;

	if (j->n > 0)
		return true;
	status = tlsrpt_lookup(c->cache_dir, j->domain, time(NULL),
	    clock_ms() + (int64_t)c->dns_timeout * 1000, &record, &err);
	if (status == STS_OK) {
		mailing_choose(&record, j);
		return true;
	}
	if (status == STS_ABSENT || status == STS_RECORD)
		give_up(j, ATTEMPT_UNWANTED, &err, a);
	else {
		fail(a, ATTEMPT_LATER, &err);
		try_later(j, time(NULL), a);
	}
	(void)save(m, j, a);
	return false;
}

static void
send_job(struct mailing *m, const char *day, const char *domain,
    struct attempt *a)
{
	struct sts_error err;
	struct job j;

	if (outbox_load(m->tool->config.cache_dir, day, domain, &j, &err) !=
	    STS_OK) {
		fail(a, ATTEMPT_TROUBLE, &err);
		return;
	}
	if (j.tried == 0)
		j.tried = time(NULL);
	if (find_targets(m, &j, a))
		try_targets(m, &j, a);
	job_free(&j);
}

/* --- in a worker ---------------------------------------------------------- */

static void
ask(const struct mailing *m, const char *domain)
{
	const struct config *c = &m->tool->config;
	struct tlsrpt_record record;
	enum sts_status status;

	status = tlsrpt_lookup(c->cache_dir, domain, time(NULL),
	    clock_ms() + (int64_t)c->dns_timeout * 1000, &record, NULL);
	(void)status; /* what there is to know is remembered */
}

/* "? DOMAIN" or "DAY DOMAIN" */
void
mailing_work(void *arg, const char *job, void *result)
{
	struct mailing *m = arg;
	struct attempt *a = result;
	char day[DAY_NAME] = "";

	if (job[0] == '?') {
		ask(m, job + 2);
		a->end = ATTEMPT_ASKED;
		return;
	}
	memcpy(day, job, DAY_NAME - 1);
	send_job(m, day, job + DAY_NAME, a);
}

/* --- in the parent -------------------------------------------------------- */

static void
log_attempt(const char *job, const struct attempt *a)
{
	const char *domain = job + DAY_NAME;

	if (a->end == ATTEMPT_SENT)
		syslog(LOG_NOTICE,
		    "MTA-STS: %s: report of %.10s sent to %.200s", domain, job,
		    a->to);
	else if (a->end == ATTEMPT_PERHAPS)
		syslog(LOG_WARNING,
		    "MTA-STS: %s: report of %.10s perhaps sent to %.200s, and "
		    "not tried again: %s (%s)",
		    domain, job, a->to, a->text, a->word);
	else if (a->end == ATTEMPT_FAILED)
		syslog(LOG_WARNING,
		    "MTA-STS: %s: report of %.10s given up: %s (%s)", domain,
		    job, a->text, a->word);
}

void
mailing_done(void *arg, const char *job, const void *result)
{
	static const struct attempt lost = { .end = ATTEMPT_LOST,
		.word = "child-lost",
		.text = "a worker was lost" };
	const struct attempt *a = result == NULL ? &lost : result;
	struct mailing *m = arg;
	struct sts_error err;

	switch (a->end) {
	case ATTEMPT_ASKED:
		return;
	case ATTEMPT_SENT:
	case ATTEMPT_PERHAPS:
		m->sent++;
		break;
	case ATTEMPT_LATER:
		m->later++;
		break;
	case ATTEMPT_FAILED:
		m->failed++;
		break;
	case ATTEMPT_UNWANTED:
		m->unwanted++;
		break;
	case ATTEMPT_LOST:
	case ATTEMPT_TROUBLE:
		(void)error_set(&err, STS_SYSTEM, a->word, "%s", a->text);
		mailing_trouble(m, &err);
		break;
	}
	if (job[0] != '?')
		log_attempt(job, a);
}

struct sending {
	struct mailing *m;
	const char *day;
};

static bool
give_job(void *arg, const char *domain)
{
	const struct sending *s = arg;
	struct mailing *m = s->m;
	char text[WORKERS_JOB_MAX];
	struct sts_error err;
	struct job j;
	bool due;

	if (outbox_load(m->tool->config.cache_dir, s->day, domain, &j, &err) !=
	    STS_OK) {
		mailing_trouble(m, &err);
		return true;
	}
	due = j.state == JOB_WAITING && j.next <= m->now;
	m->waiting += j.state == JOB_WAITING && !due;
	job_free(&j);
	(void)snprintf(text, sizeof text, "%s %s", s->day, domain);
	return !due || workers_give(m->workers, text);
}

/* What nobody will look at any more. */
static void
forget(struct mailing *m, const char *day)
{
	const char *dir = m->tool->config.cache_dir;
	struct sts_error err;

	if (outbox_forget(dir, day, &err) != STS_OK)
		mailing_trouble(m, &err);
}

static bool
is_old(const struct mailing *m, const char *day)
{
	return (int64_t)day_begin(day) +
	    (MAILING_KEPT_DAYS + INT64_C(1)) * 86400 <=
	    m->now;
}

static bool
send_day(void *arg, const char *day)
{
	struct sending s = { arg, day };
	struct sts_error err;

	if (is_old(s.m, day))
		forget(s.m, day);
	else if (s.m->only_day == NULL || strcmp(s.m->only_day, day) == 0)
		if (outbox_domains(s.m->tool->config.cache_dir, day, give_job,
			&s, &err) != STS_OK)
			mailing_trouble(s.m, &err);
	return true;
}

/* Only with a clock that was ahead: what that day still counts comes too late
 * for its reports. */
static void
warn_of_clock(const struct mailing *m, const char *day)
{
	if ((int64_t)day_begin(day) + 86400 > m->now &&
	    outbox_is_complete(m->tool->config.cache_dir, day))
		syslog(LOG_WARNING, "MTA-STS: the reports of %s were made "
				    "before it was over, by a clock that was "
				    "wrong: what is counted since is in none",
		    day);
}

/* Journals must not grow until somebody looks at them. */
static bool
care_for_counters(void *arg, const char *day)
{
	struct mailing *m = arg;
	const char *dir = m->tool->config.cache_dir;
	struct sts_error err;

	warn_of_clock(m, day);
	if ((is_old(m, day) ? day_forget(dir, day, &err)
			    : day_fold(dir, day, &err)) != STS_OK)
		mailing_trouble(m, &err);
	return true;
}

void
mailing_send(struct mailing *m)
{
	const char *dir = m->tool->config.cache_dir;
	struct sts_error err;

	if (day_list(dir, care_for_counters, m, &err) != STS_OK ||
	    outbox_days(dir, send_day, m, &err) != STS_OK)
		mailing_trouble(m, &err);
	workers_finish(m->workers);
}
