/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fakes.c - a world for the look-up that the test holds in its hands. */
#include "fakes.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/protocol/text.h"

/* Of this process, as opposed to struct fakes. */
static struct lookup *lookup;
static char log_room[65536];
static struct text log_text;

/* --- the fakes ----------------------------------------------------------- */

static time_t
now(void *arg)
{
	const struct fakes *f = arg;

	return f->now;
}

static void
note_name(char *to, const char *name)
{
	struct text t;

	text_init(&t, to, sizeof((struct fakes *)0)->asked_name);
	text_add(&t, name);
}

static void
fill_set(const struct fakes *f, struct txt_set *out)
{
	size_t size = f->records * sizeof *out->rec;
	char *p;

	for (size_t i = 0; i < f->records; i++)
		size += strlen(f->record[i]);
	out->rec = malloc(size);
	assert_non_null(out->rec);
	out->n = f->records;
	out->ttl = 300;
	p = (char *)(out->rec + f->records);
	for (size_t i = 0; i < f->records; i++) {
		out->rec[i].p = p;
		out->rec[i].len = strlen(f->record[i]);
		memcpy(p, f->record[i], out->rec[i].len);
		p += out->rec[i].len;
	}
}

static enum sts_status
txt(void *arg, const char *name, int64_t deadline, struct txt_set *out,
    struct sts_error *err)
{
	struct fakes *f = arg;

	(void)deadline;
	f->asked++;
	note_name(f->asked_name, name);
	if (f->meanwhile != NULL)
		f->meanwhile(f);
	if (f->dns != STS_OK)
		return error_set(err, f->dns, f->dns_word, "DNS says no");
	fill_set(f, out);
	return STS_OK;
}

static enum sts_status
fetch(void *arg, const char *domain, int64_t deadline, char *body, size_t cap,
    size_t *len, struct sts_error *err)
{
	struct fakes *f = arg;

	(void)deadline;
	f->fetched++;
	note_name(f->fetched_name, domain);
	if (f->https_ms > 0)
		(void)poll(NULL, 0, f->https_ms);
	if (f->https != STS_OK)
		return error_set(err, f->https, f->https_word, "HTTPS says no");
	assert_true(f->text_len <= cap);
	memcpy(body, f->text, f->text_len);
	*len = f->text_len;
	return STS_OK;
}

static enum sts_status
mx(void *arg, const char *name, int64_t deadline, struct mx_set *out,
    struct sts_error *err)
{
	const struct fakes *f = arg;
	struct text t;

	(void)name;
	(void)deadline;
	memset(out, 0, sizeof *out);
	if (f->mxs == 0)
		return error_set(err, STS_ABSENT, "nodata", "no MX record");
	for (out->n = 0; out->n < f->mxs; out->n++) {
		struct mx_host *h = &out->host[out->n];

		text_init(&t, h->name, sizeof h->name);
		text_add(&t, f->mx[out->n]);
	}
	return STS_OK;
}

static void
background(void *arg, const char *domain)
{
	struct fakes *f = arg;

	f->started++;
	note_name(f->started_name, domain);
}

static void
log_line(void *arg, const char *line)
{
	(void)arg;
	text_add(&log_text, line);
	text_add(&log_text, "\n");
}

/* --- the world ----------------------------------------------------------- */

struct lookup *
fakes_lookup(void)
{
	return lookup;
}

struct lookup *
fakes_restart(struct fakes *f)
{
	const struct lookup_ops ops = { now, txt, fetch, background, mx,
		log_line, f };

	lookup_free(lookup);
	lookup = lookup_new(&f->config, &ops);
	assert_non_null(lookup);
	return lookup;
}

/* Where fsync costs nothing, if there is such a place. */
static int
make_dir(struct fakes *f)
{
	(void)snprintf(f->dir, sizeof f->dir, "%s/mta-sts-unit-XXXXXX",
	    access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	if (geteuid() == 0 && chown(f->dir, FAKES_OWNER, FAKES_OWNER) != 0)
		return -1;
	return 0;
}

int
fakes_begin(void **state)
{
	static const char *const none[] = { NULL };
	struct fakes *f = mmap(NULL, sizeof *f, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (f == MAP_FAILED)
		return -1;
	f->row = *state;
	if (make_dir(f) != 0)
		return -1;
	config_defaults(&f->config);
	memcpy(f->config.cache_dir, f->dir, sizeof f->dir);
	f->config.exceptions[0] = '\0';
	f->now = FAKES_START;
	fakes_records(f, 0, none);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	fakes_https_fails(f, STS_FETCH, "connect");
	fakes_calm(f);
	(void)fakes_restart(f);
	*state = f;
	return 0;
}

static void
remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (unlinkat(dirfd(d), e->d_name, 0) != 0)
			(void)unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	(void)closedir(d);
	(void)rmdir(dir);
}

int
fakes_end(void **state)
{
	struct fakes *f = *state;

	lookup_free(lookup);
	lookup = NULL;
	remove_dir(f->dir);
	return munmap(f, sizeof *f);
}

const char *
fakes_log(void)
{
	return log_room;
}

void
fakes_calm(struct fakes *f)
{
	f->asked = 0;
	f->fetched = 0;
	f->started = 0;
	f->asked_name[0] = '\0';
	f->fetched_name[0] = '\0';
	f->started_name[0] = '\0';
	text_init(&log_text, log_room, sizeof log_room);
}

/* --- what others say ----------------------------------------------------- */

void
fakes_records(struct fakes *f, size_t n, const char *const record[])
{
	assert_true(n <= FAKES_RECORDS);
	f->dns = STS_OK;
	f->records = n;
	for (size_t i = 0; i < n; i++)
		f->record[i] = record[i];
}

void
fakes_publish(struct fakes *f, const char *id, const char *text)
{
	static char record[128];
	const char *const records[] = { record };
	struct text t;

	text_init(&t, record, sizeof record);
	text_addf(&t, "v=STSv1; id=%s;", id);
	fakes_records(f, 1, records);
	f->https = STS_OK;
	f->text = text;
	f->text_len = strlen(text);
}

void
fakes_dns_fails(struct fakes *f, enum sts_status why, const char *word)
{
	f->dns = why;
	f->dns_word = word;
}

void
fakes_https_fails(struct fakes *f, enum sts_status why, const char *word)
{
	f->https = why;
	f->https_word = word;
}

/* --- questions ----------------------------------------------------------- */

const struct answer *
fakes_ask_for(struct fakes *f, const char *domain, unsigned flags)
{
	return lookup_domain(fakes_restart(f), domain, flags);
}

const struct answer *
fakes_ask(struct fakes *f, const char *domain)
{
	return fakes_ask_for(f, domain, LOOKUP_PLAIN);
}

const struct answer *
fakes_ask_again(struct fakes *f, const char *domain)
{
	(void)f;
	return lookup_domain(lookup, domain, LOOKUP_PLAIN);
}

/* --- other processes ----------------------------------------------------- */

pid_t
fakes_fork(struct fakes *f, void (*run)(struct fakes *f))
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	run(f);
	_exit(0);
}

bool
fakes_wait(pid_t pid)
{
	int status = -1;

	for (int ms = 0; ms < 10000; ms++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0;
		(void)poll(NULL, 0, 1);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	return false;
}

void
fakes_until(const atomic_uint *counter)
{
	for (int ms = 0; ms < 5000 && *counter == 0; ms++)
		(void)poll(NULL, 0, 1);
	assert_int_not_equal(*counter, 0);
}

void
fakes_say(struct fakes *f)
{
	(void)snprintf(f->said, sizeof f->said, "%s",
	    fakes_ask(f, "example.com")->line);
}

/* --- the cache ----------------------------------------------------------- */

void
fakes_cache_policy(struct fakes *f, const char *id, const char *text)
{
	fakes_publish(f, id, text);
	assert_string_equal(
	    answer_status_name(fakes_ask(f, "example.com")->status), "fresh");
	(void)fakes_restart(f);
	fakes_calm(f);
}

enum sts_status
fakes_stored(struct fakes *f, const char *domain, struct entry *e)
{
	return cache_get(lookup_cache(fakes_restart(f)), domain, e, NULL);
}

void
fakes_store(struct fakes *f, const char *domain, const struct entry *e)
{
	assert_int_equal(cache_put(lookup_cache(lookup), domain, e, NULL),
	    STS_OK);
	(void)fakes_restart(f);
}

const char *
fakes_path(const struct fakes *f, const char *name)
{
	static char path[400];

	(void)snprintf(path, sizeof path, "%s/%s", f->dir, name);
	return path;
}

void
fakes_damage(struct fakes *f, const char *what, size_t len)
{
	int fd = open(fakes_path(f, "policies.tdb"), O_RDWR | O_CLOEXEC);
	struct stat st = { 0 };
	char *p;
	char *found;

	(void)fakes_restart(f);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	assert_true(p != MAP_FAILED);
	found = memmem(p, (size_t)st.st_size, what, len);
	assert_non_null(found);
	*found = (char)(*found ^ 1);
	assert_int_equal(munmap(p, (size_t)st.st_size), 0);
	(void)close(fd);
}

/* --- what a test wants --------------------------------------------------- */

void
fakes_assert_answer(const struct answer *a, const char *mode,
    const char *status, const char *file, int line)
{
	char got[64], want[64];

	(void)snprintf(got, sizeof got, "%s %s", answer_mode_name(a),
	    answer_status_name(a->status));
	(void)snprintf(want, sizeof want, "%s %s", mode, status);
	_assert_string_equal(got, want, file, line);
}

int
fakes_run_rows(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check)
{
	struct CMUnitTest *tests = calloc(n, sizeof *tests);
	const char *row = rows;
	int failed;

	if (tests == NULL) {
		perror(group);
		exit(3);
	}
	for (size_t i = 0; i < n; i++, row += size) {
		memcpy(&tests[i].name, row, sizeof tests[i].name);
		tests[i].test_func = check;
		tests[i].setup_func = fakes_begin;
		tests[i].teardown_func = fakes_end;
		tests[i].initial_state = (void *)(uintptr_t)row;
	}
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}
