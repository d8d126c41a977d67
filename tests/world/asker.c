/* SPDX-License-Identifier: GPL-2.0-or-later */
/* asker.c - a process that uses the module as Exim does, and looks after each
 * look-up at what it has left behind:
 *	asker [-f] [-k PERCENT] MODULE <domains
 * For each line of stdin, a domain, writes "BEGAN ENDED LEFT LINE": when (ms of
 * the monotonic clock), what was left behind ("-" or words joined by commas),
 * and the module's answer.  -f: each in a process of its own, as deliveries
 * are; -k: so many of these are killed at work, if they have not ended by then,
 * and the line is "killed".  After a line "@SECONDS" the module's clock is
 * wrong by so much. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/protocol/scan.h"
#include "../../module/protocol/text.h"
#include "../../module/store/clock.h"

typedef int function(unsigned char **yield, int argc, unsigned char *argv[]);

/* The cache's three files stay open in a process, each also by libtdb. */
#define KEPT_MAX 6
#define DESCRIPTORS 1024
#define CACHE_DIR "/mta-sts/"

static function *look_up;
static time_t clock_is_wrong;
static int kill_percent;

/* --- the module's clock --------------------------------------------------- */

__attribute__((visibility("default"))) int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int status = (int)syscall(SYS_clock_gettime, clock, ts);

	if (clock == CLOCK_REALTIME)
		ts->tv_sec += clock_is_wrong;
	return status;
}

/* --- what must be as before ----------------------------------------------- */

struct standing {
	char open[DESCRIPTORS];
	struct sigaction action[NSIG];
	sigset_t mask;
	uid_t uid[3];
	gid_t gid[3];
	mode_t umask;
	char directory[256];
};

/* Without opening anything: there may be no descriptor left for that. */
static bool
is_cache(int fd)
{
	char name[64], path[512];
	ssize_t n;

	(void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	n = readlink(name, path, sizeof path - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, CACHE_DIR) != NULL;
}

static void
look(struct standing *s)
{
	memset(s, 0, sizeof *s);
	for (int fd = 0; fd < DESCRIPTORS; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			s->open[fd] = is_cache(fd) ? 'c' : 'o';
	for (int sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, NULL, &s->action[sig]);
	(void)sigprocmask(SIG_SETMASK, NULL, &s->mask);
	(void)getresuid(&s->uid[0], &s->uid[1], &s->uid[2]);
	(void)getresgid(&s->gid[0], &s->gid[1], &s->gid[2]);
	s->umask = umask(0);
	(void)umask(s->umask);
	if (getcwd(s->directory, sizeof s->directory) == NULL)
		s->directory[0] = '\0';
}

static bool
is_same_open(const struct standing *a, const struct standing *b)
{
	int kept = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++) {
		kept += b->open[fd] == 'c';
		if (a->open[fd] != b->open[fd] && a->open[fd] != 'c' &&
		    b->open[fd] != 'c')
			return false;
	}
	return kept <= KEPT_MAX;
}

/* libc adds a flag of the kernel's to what it is given back. */
#define RESTORER 0x04000000

static bool
is_same_signals(const struct standing *a, const struct standing *b)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (a->action[sig].sa_handler != b->action[sig].sa_handler ||
		    ((a->action[sig].sa_flags ^ b->action[sig].sa_flags) &
			~RESTORER) != 0)
			return false;
	return memcmp(&a->mask, &b->mask, sizeof a->mask) == 0;
}

static bool
is_printable(const char *line)
{
	for (; *line != '\0'; line++)
		if (!ascii_is_print(*line) || *line == '"' || *line == '\'' ||
		    *line == '\\')
			return false;
	return true;
}

static void
say(struct text *t, bool well, const char *word)
{
	if (well)
		return;
	if (t->len > 0)
		text_add(t, ",");
	text_add(t, word);
}

/* What is not as it was; "-" for nothing. */
static void
compare(const struct standing *a, const char *line, char left[200])
{
	static struct standing b;
	struct text t;

	look(&b);
	text_init(&t, left, 200);
	say(&t, is_same_open(a, &b), "descriptor");
	say(&t, is_same_signals(a, &b), "signals");
	say(&t, memcmp(a->uid, b.uid, sizeof a->uid) == 0, "user");
	say(&t, memcmp(a->gid, b.gid, sizeof a->gid) == 0, "group");
	say(&t, a->umask == b.umask, "umask");
	say(&t, strcmp(a->directory, b.directory) == 0, "directory");
	say(&t, waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "child");
	say(&t, is_printable(line), "characters");
	if (t.len == 0)
		text_add(&t, "-");
}

/* --- asking --------------------------------------------------------------- */

static void
ask(char *domain)
{
	static struct standing before;
	unsigned char *line = NULL;
	unsigned char *argv[] = { (unsigned char *)domain, NULL };
	int64_t began;
	char left[200];

	look(&before);
	began = clock_ms();
	if (look_up(&line, 1, argv) != 0 || line == NULL)
		exit(4);
	(void)printf("%lld ", (long long)began);
	(void)printf("%lld ", (long long)clock_ms());
	compare(&before, (const char *)line, left);
	(void)printf("%s %s\n", left, (const char *)line);
	(void)fflush(stdout);
}

/* Exim's deliveries live for one message. */
static void
ask_apart(char *domain)
{
	bool doomed = (int)(random() % 100) < kill_percent;
	unsigned after = (unsigned)(random() % 40000); /* microseconds */
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		exit(5);
	if (pid == 0) {
		ask(domain);
		_exit(0);
	}
	if (doomed) {
		(void)usleep(after);
		(void)kill(pid, SIGKILL);
	}
	(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status)) {
		(void)puts(WTERMSIG(status) == SIGKILL ? "killed" : "crashed");
		(void)fflush(stdout);
	}
}

int
main(int argc, char *argv[])
{
	void (*how)(char *) = ask;
	char domain[2000];
	void *module;
	int option;

	while ((option = getopt(argc, argv, "fk:")) != -1)
		switch (option) {
		case 'f':
			how = ask_apart;
			break;
		case 'k':
			kill_percent = (int)strtol(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (optind + 1 != argc)
		return 2;
	module = dlopen(argv[optind], RTLD_NOW);
	if (module == NULL) {
		(void)fprintf(stderr, "asker: %s\n", dlerror());
		return 3;
	}
	*(void **)&look_up = dlsym(module, "mta_sts_lookup");
	srandom((unsigned)getpid());
	while (look_up != NULL && fgets(domain, sizeof domain, stdin) != NULL) {
		domain[strcspn(domain, "\n")] = '\0';
		if (domain[0] == '@')
			clock_is_wrong = strtol(domain + 1, NULL, 10);
		else
			how(domain);
	}
	return look_up == NULL ? 3 : 0;
}
