/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scratch.c - a cache directory of a test's own. */
#include "scratch.h"
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <tdb.h>
#include "../../module/store/clock.h"

#define MX "mx1.example.com:*.example.net"

#define CHILDREN 16u

static int open_before; /* descriptors */
static pid_t started[CHILDREN]; /* and not finished */
static mode_t umask_before;

/* --- set-up --------------------------------------------------------------- */

static int
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static void
heard(void *arg, const char *line)
{
	struct scratch *s = arg;

	s->alerts++;
	s->alert_euid = geteuid();
	(void)snprintf(s->alert, sizeof s->alert, "%s", line);
}

static int
begin_in(const char *where, void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -1;
	open_before = descriptors();
	umask_before = umask(022);
	s->row = *state;
	(void)snprintf(s->dir, sizeof s->dir, "%s/mta-sts.XXXXXX", where);
	if (mkdtemp(s->dir) == NULL ||
	    (geteuid() == 0 &&
		chown(s->dir, SCRATCH_OWNER, SCRATCH_OWNER) != 0)) {
		free(s);
		return -1;
	}
	s->cache = cache_new(s->dir, heard, s);
	*state = s;
	return s->cache == NULL ? -1 : 0;
}

int
scratch_before(void **state)
{
	return begin_in("/tmp", state);
}

int
scratch_before_crowd(void **state)
{
	return begin_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
	    state);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Of a test that failed. */
static unsigned
end_children(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CHILDREN; i++) {
		if (started[i] == 0)
			continue;
		n++;
		(void)kill(started[i], SIGKILL);
		(void)waitpid(started[i], NULL, 0);
		started[i] = 0;
	}
	return n;
}

int
scratch_after(void **state)
{
	struct scratch *s = *state;
	bool clean = true;

	cache_free(s->cache);
	if (nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		clean = false;
	free(s);
	(void)umask(umask_before);
	if (descriptors() != open_before) {
		print_error("a descriptor was left open\n");
		clean = false;
	}
	if (end_children() > 0) {
		print_error("a child was left\n");
		clean = false;
	}
	if (geteuid() != getuid() || getegid() != getgid()) {
		print_error("another user was left\n");
		clean = false;
	}
	return clean ? 0 : -1;
}

int
scratch_rows(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check)
{
	struct CMUnitTest *tests = calloc(n, sizeof *tests);
	const char *row = rows;
	int failed;

	if (tests == NULL)
		return 1;
	for (size_t i = 0; i < n; i++, row += size) {
		memcpy(&tests[i].name, row, sizeof tests[i].name);
		tests[i].test_func = check;
		tests[i].setup_func = scratch_before;
		tests[i].teardown_func = scratch_after;
		tests[i].initial_state = (void *)(uintptr_t)row;
	}
	failed = _cmocka_run_group_tests(group, tests, n, NULL, NULL);
	free(tests);
	return failed;
}

void
scratch_only_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("only root can test this\n");
	skip();
}

uid_t
scratch_owner(void)
{
	return getuid() == 0 ? SCRATCH_OWNER : getuid();
}

bool
scratch_become(uid_t uid)
{
	if (getuid() == uid)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(uid, uid, uid) == 0 &&
	    setresuid(uid, uid, uid) == 0;
}

void
scratch_reopen(struct scratch *s)
{
	cache_free(s->cache);
	s->cache = cache_new(s->dir, heard, s);
	assert_non_null(s->cache);
}

/* --- files ---------------------------------------------------------------- */

const char *
scratch_path(const struct scratch *s, const char *name)
{
	static char room[4][128];
	static unsigned next;
	char *path = room[next++ % 4];

	(void)snprintf(path, sizeof room[0], "%s/%s", s->dir, name);
	return path;
}

bool
scratch_exists(const struct scratch *s, const char *name)
{
	struct stat st;

	return lstat(scratch_path(s, name), &st) == 0;
}

char *
scratch_read(const struct scratch *s, const char *name, size_t *len)
{
	int fd = open(scratch_path(s, name), O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *p;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	p = malloc(*len + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, *len), st.st_size);
	(void)close(fd);
	return p;
}

void
scratch_write(const struct scratch *s, const char *name, const void *p,
    size_t len)
{
	int fd = open(scratch_path(s, name),
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), len);
	if (geteuid() == 0)
		assert_int_equal(fchown(fd, SCRATCH_OWNER, SCRATCH_OWNER), 0);
	(void)close(fd);
}

void
scratch_copy(const struct scratch *s, const char *from, const char *to)
{
	size_t len;
	char *p = scratch_read(s, from, &len);

	scratch_write(s, to, p, len);
	free(p);
}

void
scratch_is_owners(const struct scratch *s, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(scratch_path(s, name), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_uid, scratch_owner());
	if (geteuid() == 0)
		assert_int_equal(st.st_gid, SCRATCH_OWNER);
}

bool
scratch_tdb_is_clean(const struct scratch *s, const char *name)
{
	struct tdb_context *t = tdb_open(scratch_path(s, name), 0,
	    TDB_INCOMPATIBLE_HASH, O_RDWR | O_CLOEXEC, 0);
	bool clean = t != NULL && tdb_check(t, NULL, NULL) == 0;

	return t != NULL && tdb_close(t) == 0 && clean;
}

/* --- policies ------------------------------------------------------------- */

static const char *
text(void)
{
	static char p[STS_BODY_MAX];

	if (p[0] == '\0')
		for (size_t i = 0; i < sizeof p; i++)
			p[i] = (char)('a' + i % 23);
	return p;
}

struct entry
scratch_policy(const char *id, size_t body_len)
{
	struct entry e = { .kind = ENTRY_POLICY,
		.mode = STS_ENFORCE,
		.max_age = 604800,
		.fetched_at = SCRATCH_NOW,
		.mx = { MX, sizeof MX - 1 },
		.body = { text(), body_len } };

	e.trial.asked_at = SCRATCH_NOW;
	(void)snprintf(e.id, sizeof e.id, "%s", id);
	return e;
}

void
scratch_put(struct scratch *s, const char *domain, const struct entry *e)
{
	struct sts_error err = { 0 };

	if (cache_put(s->cache, domain, e, &err) != STS_OK)
		fail_msg("put: %s: %s", err.word, err.text);
}

enum sts_status
scratch_get(struct scratch *s, const char *domain, char got[80])
{
	struct entry e;
	enum sts_status status = cache_get(s->cache, domain, &e, NULL);

	got[0] = '\0';
	if (status == STS_OK && e.kind == ENTRY_POLICY &&
	    e.mx.len == strlen(MX) && memcmp(e.mx.p, MX, e.mx.len) == 0 &&
	    e.body.len <= STS_BODY_MAX &&
	    memcmp(e.body.p, text(), e.body.len) == 0)
		(void)snprintf(got, 80, "%s %s %zu", mode_name(e.mode), e.id,
		    e.body.len);
	return status;
}

void
scratch_has(struct scratch *s, const char *domain, const char *id,
    size_t body_len)
{
	char got[80], want[80];

	(void)snprintf(want, sizeof want, "enforce %s %zu", id, body_len);
	assert_int_equal(scratch_get(s, domain, got), STS_OK);
	assert_string_equal(got, want);
}

/* --- processes ------------------------------------------------------------ */

static void
note_child(pid_t from, pid_t to)
{
	for (unsigned i = 0; i < CHILDREN; i++)
		if (started[i] == from) {
			started[i] = to;
			return;
		}
	assert_int_not_equal(from, 0); /* too many children */
}

pid_t
scratch_start(int (*f)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		memset(started, 0, sizeof started);
		/* However the test ends. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(f(arg));
	}
	assert_true(pid > 0);
	note_child(0, pid);
	return pid;
}

int
scratch_finish(pid_t pid)
{
	int64_t deadline = clock_ms() + SCRATCH_LONG;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_left(deadline) == 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			print_error("a child did not end\n");
			break;
		}
		scratch_sleep(500);
	}
	note_child(pid, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int
scratch_apart(int (*f)(void *arg), void *arg)
{
	return scratch_finish(scratch_start(f, arg));
}

bool
scratch_wait(const volatile unsigned *flag, unsigned n)
{
	int64_t deadline = clock_ms() + SCRATCH_LONG;

	while (*flag < n) {
		if (clock_left(deadline) == 0)
			return false;
		scratch_sleep(200);
	}
	return true;
}

void *
scratch_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

void
scratch_sleep(unsigned us)
{
	struct timespec ts = { us / 1000000, (long)(us % 1000000) * 1000 };

	(void)nanosleep(&ts, NULL);
}

struct hold {
	const char *path;
	struct flock lock;
	volatile unsigned *held;
};

static int
hold(void *arg)
{
	const struct hold *h = arg;
	int fd = open(h->path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &h->lock) != 0)
		return 1;
	*h->held = 1;
	for (;;)
		(void)pause();
}

pid_t
scratch_hold(const struct scratch *s, const char *name, short type, off_t from,
    off_t len)
{
	struct hold h = { scratch_path(s, name),
		{ .l_type = type,
		    .l_whence = SEEK_SET,
		    .l_start = from,
		    .l_len = len },
		scratch_shared(sizeof *h.held) };
	pid_t pid = scratch_start(hold, &h);

	assert_true(scratch_wait(h.held, 1));
	return pid;
}

void
scratch_release(pid_t pid)
{
	scratch_kill(pid);
}

void
scratch_kill(pid_t pid)
{
	int status = 0;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	note_child(pid, 0);
}

uint32_t
scratch_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}
