/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache_damage.c - a cache file that was damaged, cut, planted or taken
 * away never becomes a silent "no policy". */
#include "scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tdb.h>
#include <unistd.h>
#include "ran.h"
#include "../../module/store/clock.h"

#define N 60 /* policies in the file */
#define FILE_NAME "policies.tdb"
#define COPY FILE_NAME ".1"
#define ASIDE FILE_NAME ".damaged"

/* --- a file with policies ------------------------------------------------- */

static struct image {
	char *p;
	size_t len;
	size_t record[N]; /* where TDB's header of that policy begins */
	size_t chain[N]; /* and the head of its chain */
} image;

/* TDB's layout, as far as a vandal has to know it. */
#define TDB_HEADER 168u /* bytes */
#define TDB_RECOVERY 44u /* where the file says where the recovery area is */
#define TDB_RECORD 24u /* bytes before each key */
#define TDB_CHAINS 10007u

static const char *
domain_of(unsigned i)
{
	static char room[2][32];
	char *domain = room[i % 2];

	(void)snprintf(domain, sizeof room[0], "d%u.example", i);
	return domain;
}

static size_t
size_of(unsigned i)
{
	return i * 67;
}

static uint32_t
number_at(size_t at)
{
	uint32_t n;

	memcpy(&n, image.p + at, sizeof n);
	return n;
}

static void
find_record(unsigned i)
{
	TDB_DATA key = { NULL, strlen(domain_of(i)) };
	unsigned char copy[32];
	uint32_t chain;

	memcpy(copy, domain_of(i), key.dsize);
	key.dptr = copy;
	chain = tdb_jenkins_hash(&key) % TDB_CHAINS;
	image.chain[i] = TDB_HEADER + 4 * (1 + (size_t)chain);
	image.record[i] = number_at(image.chain[i]);
	assert_memory_equal(image.p + image.record[i] + TDB_RECORD, copy,
	    key.dsize);
}

/* Made once, put into the directory of each test. */
static void
make_image(struct scratch *s)
{
	for (unsigned i = 0; i < N; i++) {
		struct entry e = scratch_policy("id1", size_of(i));

		scratch_put(s, domain_of(i), &e);
	}
	scratch_reopen(s);
	image.p = scratch_read(s, FILE_NAME, &image.len);
	for (unsigned i = 0; i < N; i++)
		find_record(i);
}

static void
begin(struct scratch *s)
{
	if (image.p == NULL)
		make_image(s);
	scratch_write(s, FILE_NAME, image.p, image.len);
}

/* --- the one rule --------------------------------------------------------- */

/* What cache_get() may say of a policy that was stored: what it is, or that we
 * do not know.  "There is none" only with the administrator told and the file
 * set aside. */
static bool
is_honest(struct scratch *s, unsigned i)
{
	char got[80], want[80];
	enum sts_status status = scratch_get(s, domain_of(i), got);

	(void)snprintf(want, sizeof want, "enforce id1 %zu", size_of(i));
	if (status == STS_OK && strcmp(got, want) == 0)
		return true;
	if (status == STS_DAMAGED || status == STS_SYSTEM)
		return true;
	if (status == STS_MISS && s->alerts > 0 && scratch_exists(s, ASIDE))
		return true;
	print_error("%s: %s, \"%s\", %u alerts\n", domain_of(i),
	    status_name(status), got, s->alerts);
	return false;
}

static bool
all_are_honest(struct scratch *s)
{
	for (unsigned i = 0; i < N; i++)
		if (!is_honest(s, i))
			return false;
	return true;
}

static void
all_are_there(struct scratch *s)
{
	for (unsigned i = 0; i < N; i++)
		scratch_has(s, domain_of(i), "id1", size_of(i));
}

static void
is_alert(const struct scratch *s, const char *what)
{
	assert_true(s->alerts > 0);
	assert_non_null(strstr(s->alert, "MTA-STS: ALERT: "));
	assert_non_null(strstr(s->alert, what));
	assert_int_equal(s->alert_euid, geteuid());
}

/* --- damage --------------------------------------------------------------- */

/* In place, as a failing disk or a clumsy program does it. */
static void
overwrite(struct scratch *s, size_t at, const void *p, size_t len)
{
	int fd = open(scratch_path(s, FILE_NAME), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, (off_t)at), len);
	assert_int_equal(close(fd), 0);
}

static void
cut(struct scratch *s, size_t len)
{
	assert_int_equal(
	    truncate(scratch_path(s, FILE_NAME), (off_t)len), 0);
}

static void
fill(struct scratch *s, size_t from, bool at_random)
{
	char *p = calloc(1, image.len);

	assert_non_null(p);
	for (size_t i = 0; at_random && i < image.len; i++)
		p[i] = (char)scratch_random();
	overwrite(s, from, p, image.len - from);
	free(p);
}

static void
to_nothing(struct scratch *s)
{
	cut(s, 0);
}

static void
to_one_byte(struct scratch *s)
{
	cut(s, 1);
}

static void
to_the_header(struct scratch *s)
{
	cut(s, TDB_HEADER);
}

static void
to_half_a_header(struct scratch *s)
{
	cut(s, TDB_HEADER / 2);
}

static void
to_half(struct scratch *s)
{
	cut(s, image.len / 2);
}

static void
to_zeros(struct scratch *s)
{
	fill(s, 0, false);
}

/* Cut, and grown again by somebody who did not see that. */
static void
to_a_hole(struct scratch *s)
{
	cut(s, 0);
	cut(s, image.len);
}

static void
to_noise(struct scratch *s)
{
	fill(s, 0, true);
}

static void
to_noise_behind_the_header(struct scratch *s)
{
	fill(s, TDB_HEADER, true);
}

static void
to_zeros_behind_the_chains(struct scratch *s)
{
	fill(s, TDB_HEADER + 4 * (TDB_CHAINS + 1), false);
}

static void
to_another_version(struct scratch *s)
{
	overwrite(s, 32, "\1\2\3\4", 4);
}

/* 131 chains: TDB would look in the wrong ones. */
static void
to_another_hash_size(struct scratch *s)
{
	overwrite(s, 36, "\203\0\0\0", 4);
}

static void
to_another_hash(struct scratch *s)
{
	overwrite(s, 52, "\1\2\3\4\5\6\7", 8);
}

static void
to_text(struct scratch *s)
{
	cut(s, 0);
	overwrite(s, 0, "TDB file\nnot so\n", 16);
}

static const struct damage_row {
	const char *name;
	void (*damage)(struct scratch *s);
} damage_rows[] = {
	{ "zero-length", to_nothing },
	{ "one byte", to_one_byte },
	{ "half a header", to_half_a_header },
	{ "the header only", to_the_header },
	{ "half of it", to_half },
	{ "all zero", to_zeros },
	{ "cut, and a hole in its place", to_a_hole },
	{ "random", to_noise },
	{ "random behind the header", to_noise_behind_the_header },
	{ "zero behind the chains' heads", to_zeros_behind_the_chains },
	{ "another version", to_another_version },
	{ "another hash size", to_another_hash_size },
	{ "another hash", to_another_hash },
	{ "text that begins as TDB does", to_text },
};

static void
check_damage_closed(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *r = s->row;

	begin(s);
	r->damage(s);
	assert_true(all_are_honest(s));
}

static void
check_damage_open(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *r = s->row;

	begin(s);
	assert_true(all_are_honest(s));
	assert_int_equal(s->alerts, 0);
	r->damage(s);
	assert_true(all_are_honest(s));
}

/* Two processes have it open and find out at the same time. */
struct pair {
	struct scratch *s;
	unsigned ready;
	unsigned damaged;
	unsigned told; /* by the other one */
};

static int
look_as_well(void *arg)
{
	struct pair *p = arg;

	NEED(is_honest(p->s, 1));
	p->ready = 1;
	NEED(scratch_wait(&p->damaged, 1));
	p->s->alerts = 1; /* either may be the one that tells */
	NEED(all_are_honest(p->s));
	/* Whoever mended it, both use the same file now. */
	NEED(cache_put(p->s->cache, "other.example",
		 &(struct entry){ .kind = ENTRY_DAMAGED, .damaged_until = 1 },
		 NULL) == STS_OK);
	p->told = p->s->alerts - 1;
	return 0;
}

static void
check_damage_shared(void **state)
{
	struct pair *p = scratch_shared(sizeof *p);
	struct scratch *s = *state;
	const struct damage_row *r = s->row;
	struct entry e;
	pid_t pid;

	begin(s);
	p->s = s;
	pid = scratch_start(look_as_well, p);
	assert_true(scratch_wait(&p->ready, 1));
	assert_true(is_honest(s, 2));
	r->damage(s);
	p->damaged = 1;
	s->alerts = 1;
	assert_true(all_are_honest(s));
	assert_int_equal(scratch_finish(pid), 0);
	if (scratch_exists(s, ASIDE))
		assert_true(s->alerts - 1 + p->told > 0);
	assert_int_equal(
	    cache_get(s->cache, "other.example", &e, NULL), STS_OK);
}

static void
check_damage_with_copy(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *r = s->row;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	assert_true(is_honest(s, 0));
	r->damage(s);
	if (!is_honest(s, 7) || s->alerts == 0)
		scratch_reopen(s); /* not yet met where that one stands */
	all_are_there(s);
	is_alert(s, "was restored from its last good copy");
	scratch_is_owners(s, FILE_NAME);
	assert_true(scratch_exists(s, ASIDE));
}

/* Found by a write: what we have to say now is not lost, either. */
static void
check_damage_put(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *r = s->row;
	struct entry e = scratch_policy("id2", 5000);

	begin(s);
	assert_true(is_honest(s, 0));
	r->damage(s);
	if (cache_put(s->cache, "new.example", &e, NULL) == STS_OK) {
		scratch_reopen(s);
		scratch_has(s, "new.example", "id2", 5000);
	}
	assert_true(all_are_honest(s));
}

static void
check_damage_touch(void **state)
{
	struct scratch *s = *state;
	const struct damage_row *r = s->row;
	struct entry e = scratch_policy("id1", size_of(5));

	begin(s);
	assert_true(is_honest(s, 0));
	r->damage(s);
	if (cache_touch(s->cache, domain_of(5), &e, NULL) == STS_MISS)
		assert_true(s->alerts > 0 && scratch_exists(s, ASIDE));
	if (cache_delete(s->cache, domain_of(5), NULL) == STS_MISS)
		assert_true(s->alerts > 0 && scratch_exists(s, ASIDE));
}

/* --- cut anywhere --------------------------------------------------------- */

static void
cut_at(struct scratch *s, size_t len, unsigned i, bool open_before)
{
	scratch_write(s, FILE_NAME, image.p, image.len);
	(void)unlink(scratch_path(s, ASIDE));
	scratch_reopen(s);
	if (open_before)
		assert_true(is_honest(s, 0));
	s->alerts = 0;
	cut(s, len);
	if (!is_honest(s, i))
		fail_msg("cut to %zu of %zu bytes", len, image.len);
}

static void
cut_at_many_lengths(void **state)
{
	struct scratch *s = *state;

	begin(s);
	for (unsigned i = 0; i < N; i++) {
		size_t len = image.len * i / N;

		cut_at(s, len, N - 1, i % 2 == 0);
		cut_at(s, len, scratch_random() % N, i % 2 != 0);
	}
}

/* Here TDB itself would say that there is no such record: the header of the
 * record is there and its key is not. */
static void
cut_within_a_key(void **state)
{
	struct scratch *s = *state;
	unsigned tried = 0;

	begin(s);
	for (unsigned i = 0; i < N; i += 3) {
		size_t at = image.record[i];

		/* Behind the recovery area, which TDB always looks at. */
		if (at < number_at(TDB_RECOVERY))
			continue;
		tried++;
		cut_at(s, at + TDB_RECORD, i, false);
		cut_at(s, at + TDB_RECORD, i, true);
		cut_at(s, at + TDB_RECORD + 5, i, true);
		cut_at(s, at + TDB_RECORD + strlen(domain_of(i)), i, true);
		cut_at(s, at + TDB_RECORD - 1, i, true);
		cut_at(s, at, i, true);
	}
	assert_true(tried > 3);
}

/* --- one byte ------------------------------------------------------------- */

static void
flip_one_byte(struct scratch *s, size_t at, unsigned i, unsigned char with)
{
	char c = (char)(image.p[at] ^ with);

	s->alerts = 0;
	overwrite(s, at, &c, 1);
	if (!is_honest(s, i))
		fail_msg("byte %zu of %zu flipped", at, image.len);
	if (s->alerts == 0 && !scratch_exists(s, ASIDE)) {
		overwrite(s, at, image.p + at, 1);
		return;
	}
	(void)unlink(scratch_path(s, ASIDE));
	scratch_write(s, FILE_NAME, image.p, image.len);
	scratch_reopen(s);
	assert_true(is_honest(s, 0));
}

/* All that stands between a domain and its policy in the file. */
static void
every_byte_on_the_way_to_a_policy(void **state)
{
	struct scratch *s = *state;
	unsigned i = N / 2;

	begin(s);
	assert_true(is_honest(s, i));
	for (size_t at = 0; at < 4; at++)
		flip_one_byte(s, image.chain[i] + at, i, 0x55);
	for (size_t at = 0; at < TDB_RECORD + strlen(domain_of(i)) + 260; at++)
		flip_one_byte(s, image.record[i] + at, i, 0x55);
	for (size_t at = 0; at < 40; at++)
		flip_one_byte(s, at, i, 0x01);
}

/* --- values --------------------------------------------------------------- */

static void
store_raw(struct scratch *s, const char *name, const char *domain,
    const void *p, size_t len)
{
	TDB_DATA k = { NULL, strlen(domain) };
	TDB_DATA v = { NULL, len };
	struct tdb_context *t;

	scratch_reopen(s); /* TDB opens a file once in a process */
	t = tdb_open(scratch_path(s, name), 0, 0, O_RDWR, 0);
	assert_non_null(t);
	memcpy(&k.dptr, &domain, sizeof k.dptr);
	memcpy(&v.dptr, &p, sizeof v.dptr);
	assert_int_equal(tdb_store(t, k, v, TDB_REPLACE), 0);
	assert_int_equal(tdb_close(t), 0);
}

static bool
note_damage(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	(void)domain;
	if (st == STS_DAMAGED && e->kind == ENTRY_DAMAGED)
		(*(unsigned *)arg)++;
	return true;
}

static void
a_damaged_value_is_not_no_policy(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry mark = { .kind = ENTRY_DAMAGED, .damaged_until = 77 };
	struct sts_error err = { 0 };
	unsigned damaged = 0;

	scratch_put(s, "example.com", &e);
	store_raw(s, FILE_NAME, "example.com", "garbage", 7);
	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, &err), STS_DAMAGED);
	assert_string_equal(err.word, "cache-damaged");
	assert_int_equal(e.damaged_until, 0);
	assert_int_equal(
	    cache_walk(s->cache, false, note_damage, &damaged, NULL), STS_OK);
	assert_int_equal(damaged, 1);
	/* It can be marked, ... */
	scratch_put(s, "example.com", &mark);
	assert_int_equal(cache_get(s->cache, "example.com", &e, NULL), STS_OK);
	assert_int_equal(e.kind, ENTRY_DAMAGED);
	/* ... touched without effect, and replaced. */
	store_raw(s, FILE_NAME, "example.com", "", 0);
	e = scratch_policy("id2", 10);
	assert_int_equal(
	    cache_touch(s->cache, "example.com", &e, NULL), STS_OK);
	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, NULL), STS_DAMAGED);
	e = scratch_policy("id2", 10);
	scratch_put(s, "example.com", &e);
	scratch_has(s, "example.com", "id2", 10);
}

static void
an_absence_among_the_policies_is_damage(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry absence = { .kind = ENTRY_ABSENCE };
	char value[300];

	scratch_put(s, "example.com", &e);
	entry_encode(&absence, "example.com", value);
	store_raw(s, FILE_NAME, "example.com", value, entry_size(&absence));
	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, NULL), STS_DAMAGED);
	assert_int_equal(e.kind, ENTRY_DAMAGED);
}

static void
the_value_of_another_domain_is_damage(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	char value[400];

	e.mode = STS_NONE;
	scratch_put(s, "example.com", &e);
	entry_encode(&e, "example.net", value);
	store_raw(s, FILE_NAME, "example.com", value, entry_size(&e));
	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, NULL), STS_DAMAGED);
}

static void
trouble_with_absences_is_a_miss(void **state)
{
	struct scratch *s = *state;
	struct entry e = { .kind = ENTRY_ABSENCE };
	struct entry policy = scratch_policy("id1", 10);
	char value[400];

	scratch_put(s, "example.com", &e);
	store_raw(s, "absent.tdb", "example.com", "garbage", 7);
	assert_int_equal(
	    cache_get_absence(s->cache, "example.com", &e), STS_MISS);
	entry_encode(&policy, "example.com", value);
	store_raw(s, "absent.tdb", "example.com", value, entry_size(&policy));
	assert_int_equal(
	    cache_get_absence(s->cache, "example.com", &e), STS_MISS);
	scratch_write(s, "absent.tdb", "garbage", 7);
	assert_int_equal(
	    cache_get_absence(s->cache, "example.com", &e), STS_MISS);
	assert_true(s->alerts > 0);
	e = (struct entry){ .kind = ENTRY_ABSENCE };
	scratch_put(s, "example.com", &e);
	assert_int_equal(
	    cache_get_absence(s->cache, "example.com", &e), STS_OK);
	assert_false(scratch_exists(s, "absent.tdb.damaged"));
	scratch_is_owners(s, "absent.tdb");
}

/* --- the last good copy --------------------------------------------------- */

static void
a_missing_file_is_restored(void **state)
{
	struct scratch *s = *state;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	assert_int_equal(unlink(scratch_path(s, FILE_NAME)), 0);
	all_are_there(s);
	is_alert(s, "was restored from its last good copy");
	assert_false(scratch_exists(s, ASIDE));
}

static void
a_file_taken_away_while_open_is_restored(void **state)
{
	struct scratch *s = *state;

	begin(s);
	all_are_there(s);
	assert_int_equal(rename(scratch_path(s, FILE_NAME),
			     scratch_path(s, COPY)),
	    0);
	all_are_there(s);
	is_alert(s, "was restored from its last good copy");
}

static void
a_damaged_copy_is_not_taken(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id2", 10);

	begin(s);
	for (size_t len = 0; len < image.len / 5 * 5; len += image.len / 5) {
		s->alerts = 0;
		scratch_write(s, FILE_NAME, "", 0);
		scratch_write(s, COPY, image.p, len);
		assert_true(all_are_honest(s));
		is_alert(s, "was begun anew, empty");
		assert_true(s->alerts >= 3); /* and of the copy, too */
		scratch_put(s, "example.com", &e);
		assert_true(scratch_exists(s, COPY));
	}
}

static void
without_a_copy_it_begins_anew(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id2", 10);
	size_t len;
	char *p;

	begin(s);
	scratch_write(s, FILE_NAME, "garbage", 7);
	assert_true(all_are_honest(s));
	is_alert(s, "was begun anew, empty");
	assert_non_null(strstr(s->alert, "damaged file is kept"));
	p = scratch_read(s, ASIDE, &len);
	assert_int_equal(len, 7);
	assert_memory_equal(p, "garbage", 7);
	free(p);
	scratch_put(s, "example.com", &e);
	scratch_has(s, "example.com", "id2", 10);
	scratch_is_owners(s, FILE_NAME);
	/* The second time the first one's remains make room. */
	scratch_write(s, FILE_NAME, "rubbish", 7);
	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, NULL), STS_MISS);
	p = scratch_read(s, ASIDE, &len);
	assert_memory_equal(p, "rubbish", 7);
	free(p);
}

/* A copy that cannot be read now may be read tomorrow: no new file before. */
static void
a_copy_that_cannot_be_read_is_waited_for(void **state)
{
	struct scratch *s = *state;
	struct entry e;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	scratch_write(s, FILE_NAME, "", 0);
	assert_int_equal(chmod(scratch_path(s, COPY), 0), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    cache_get(s->cache, domain_of(1), &e, NULL), STS_SYSTEM);
	assert_int_equal(chmod(scratch_path(s, COPY), 0600), 0);
	all_are_there(s);
}

/* Exim is root by its set-user-id bit; who started it may not even look into
 * the directory. */
static int
read_as_set_user_id(void *arg)
{
	struct scratch *s = arg;
	char got[80];

	NEED(setresgid(SCRATCH_OTHER, 0, 0) == 0);
	NEED(setresuid(SCRATCH_OTHER, 0, 0) == 0);
	NEED(scratch_get(s, domain_of(1), got) == STS_OK);
	NEED(strcmp(got, "enforce id1 67") == 0);
	NEED(s->alerts > 0 && s->alert_euid == 0);
	return 0;
}

static void
a_copy_is_found_whoever_started_exim(void **state)
{
	struct scratch *s = *state;

	scratch_only_root();
	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	scratch_write(s, FILE_NAME, "", 0);
	assert_int_equal(scratch_apart(read_as_set_user_id, s), 0);
	all_are_there(s);
}

static const struct mask_row {
	const char *name;
	mode_t mask;
} mask_rows[] = {
	{ "a restored file is the owner's under umask 000", 0 },
	{ "a restored file is the owner's under umask 077", 077 },
};

static void
check_mask(void **state)
{
	struct scratch *s = *state;
	const struct mask_row *r = s->row;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	scratch_write(s, FILE_NAME, "", 0);
	(void)umask(r->mask);
	all_are_there(s);
	scratch_is_owners(s, FILE_NAME);
	assert_false(scratch_exists(s, FILE_NAME ".new"));
}

/* --- whoever still has the old file open ---------------------------------- */

struct late {
	struct scratch *s;
	unsigned open;
	unsigned aside;
};

static int
write_late(void *arg)
{
	struct late *l = arg;
	struct entry e = scratch_policy("id2", 500);
	char got[80];

	NEED(scratch_get(l->s, domain_of(1), got) == STS_OK);
	l->open = 1;
	NEED(scratch_wait(&l->aside, 1));
	NEED(cache_put(l->s->cache, "late.example", &e, NULL) == STS_OK);
	NEED(cache_delete(l->s->cache, domain_of(2), NULL) == STS_OK);
	e = scratch_policy("id1", size_of(3));
	e.used_at = 12345;
	NEED(cache_touch(l->s->cache, domain_of(3), &e, NULL) == STS_OK);
	return 0;
}

/* A policy written into a file that was set aside would be lost. */
static void
a_late_writer_writes_into_the_new_file(void **state)
{
	struct late *l = scratch_shared(sizeof *l);
	struct scratch *s = *state;
	struct entry e;
	pid_t pid;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	l->s = s;
	pid = scratch_start(write_late, l);
	assert_true(scratch_wait(&l->open, 1));
	assert_int_equal(rename(scratch_path(s, FILE_NAME),
			     scratch_path(s, ASIDE)),
	    0);
	all_are_there(s);
	l->aside = 1;
	assert_int_equal(scratch_finish(pid), 0);
	scratch_reopen(s);
	scratch_has(s, "late.example", "id2", 500);
	assert_int_equal(
	    cache_get(s->cache, domain_of(2), &e, NULL), STS_MISS);
	assert_int_equal(
	    cache_get(s->cache, domain_of(3), &e, NULL), STS_OK);
	assert_int_equal(e.used_at, 12345);
}

static int
put_late(void *arg)
{
	struct late *l = arg;
	struct entry e = scratch_policy("id2", 500);

	l->open++;
	NEED(cache_put(l->s->cache, "late.example", &e, NULL) == STS_OK);
	return 0;
}

static int
delete_late(void *arg)
{
	struct late *l = arg;

	l->open++;
	NEED(cache_delete(l->s->cache, domain_of(2), NULL) == STS_OK);
	return 0;
}

static int
touch_late(void *arg)
{
	struct late *l = arg;
	struct entry e = scratch_policy("id1", size_of(3));

	e.used_at = 12345;
	l->open++;
	NEED(cache_touch(l->s->cache, domain_of(3), &e, NULL) == STS_OK);
	return 0;
}

/* The file is replaced while it is written: a reader holds the writers up,
 * and before they can go on, it is set aside. */
static void
what_is_written_while_the_file_is_replaced_is_kept(void **state)
{
	static int (*const writers[])(void *arg) = { put_late, delete_late,
		touch_late };
	struct late *l = scratch_shared(sizeof *l);
	struct scratch *s = *state;
	struct entry e;
	pid_t reader, writer[3];

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	l->s = s;
	reader = scratch_hold(s, FILE_NAME, F_RDLCK, TDB_HEADER, 0);
	for (unsigned i = 0; i < 3; i++) {
		writer[i] = scratch_start(writers[i], l);
		assert_true(scratch_wait(&l->open, i + 1));
		scratch_sleep(30000);
	}
	assert_int_equal(rename(scratch_path(s, FILE_NAME),
			     scratch_path(s, ASIDE)),
	    0);
	all_are_there(s);
	scratch_release(reader);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(scratch_finish(writer[i]), 0);
	scratch_has(s, "late.example", "id2", 500);
	assert_int_equal(
	    cache_get(s->cache, domain_of(2), &e, NULL), STS_MISS);
	assert_int_equal(
	    cache_get(s->cache, domain_of(3), &e, NULL), STS_OK);
	assert_int_equal(e.used_at, 12345);
}

/* --- no right, no file ---------------------------------------------------- */

static void
cannot_be_used(struct scratch *s)
{
	struct entry e = scratch_policy("id1", 10);
	struct sts_error err = { 0 };
	int64_t began = clock_ms();

	assert_int_equal(
	    cache_get(s->cache, "example.com", &e, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-open");
	assert_non_null(strstr(err.text, s->dir));
	e = scratch_policy("id1", 10);
	assert_int_equal(
	    cache_put(s->cache, "example.com", &e, NULL), STS_SYSTEM);
	assert_int_equal(
	    cache_touch(s->cache, "example.com", &e, NULL), STS_SYSTEM);
	assert_int_equal(
	    cache_delete(s->cache, "example.com", NULL), STS_SYSTEM);
	assert_int_equal(
	    cache_walk(s->cache, false, NULL, NULL, NULL), STS_SYSTEM);
	assert_in_range(clock_ms() - began, 0, 1000);
	assert_false(scratch_exists(s, ASIDE));
	assert_int_equal(s->alerts, 0);
}

static void
an_unreadable_file_stays_as_it_is(void **state)
{
	struct scratch *s = *state;

	if (geteuid() != 0)
		print_message("not as root: the modes of our own file only\n");
	begin(s);
	for (mode_t mode = 0; mode < 0600; mode += 0200) {
		assert_int_equal(chmod(scratch_path(s, FILE_NAME), mode), 0);
		scratch_reopen(s);
		cannot_be_used(s);
	}
	assert_int_equal(chmod(scratch_path(s, FILE_NAME), 0640), 0);
	all_are_there(s);
}

static void
roots_file_stays_as_it_is(void **state)
{
	struct scratch *s = *state;

	scratch_only_root();
	begin(s);
	assert_int_equal(chown(scratch_path(s, FILE_NAME), 0, 0), 0);
	cannot_be_used(s);
	assert_int_equal(chown(scratch_path(s, FILE_NAME), SCRATCH_OWNER, 0),
	    0);
	all_are_there(s);
}

static void
plant_link(struct scratch *s)
{
	scratch_write(s, "victim", image.p, image.len);
	assert_int_equal(symlink("victim", scratch_path(s, FILE_NAME)), 0);
}

static void
plant_link_to_nothing(struct scratch *s)
{
	assert_int_equal(symlink("none", scratch_path(s, FILE_NAME)), 0);
}

static void
plant_directory(struct scratch *s)
{
	assert_int_equal(mkdir(scratch_path(s, FILE_NAME), 0777), 0);
}

static void
plant_fifo(struct scratch *s)
{
	const char *path = scratch_path(s, FILE_NAME);

	assert_int_equal(mkfifo(path, 0640), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, SCRATCH_OWNER, 0), 0);
}

static void
plant_no_lock(struct scratch *s)
{
	assert_int_equal(mkdir(scratch_path(s, "lock"), 0777), 0);
}

static void
plant_roots_directory(struct scratch *s)
{
	scratch_write(s, FILE_NAME, image.p, image.len);
	if (geteuid() == 0)
		assert_int_equal(chown(s->dir, 0, 0), 0);
	else
		assert_int_equal(chmod(s->dir, 0600), 0);
}

static const struct planted_row {
	const char *name;
	void (*plant)(struct scratch *s);
	const char *word;
} planted_rows[] = {
	{ "a link to a good file", plant_link, "cache-open" },
	{ "a link to nothing", plant_link_to_nothing, "cache-open" },
	{ "a directory", plant_directory, "cache-open" },
	{ "a FIFO", plant_fifo, "cache-open" },
	{ "no file and no way to the lock", plant_no_lock, "cache-open" },
	{ "a directory of root's", plant_roots_directory, "cache-owner" },
};

static void
check_planted(void **state)
{
	struct scratch *s = *state;
	const struct planted_row *r = s->row;
	struct sts_error err = { 0 };
	struct entry e;
	size_t len;
	char *p;

	begin(s);
	assert_int_equal(unlink(scratch_path(s, FILE_NAME)), 0);
	(void)unlink(scratch_path(s, "lock"));
	scratch_reopen(s);
	r->plant(s);
	if (strcmp(r->word, "cache-open") == 0)
		cannot_be_used(s);
	else {
		assert_int_equal(
		    cache_get(s->cache, domain_of(1), &e, &err), STS_SYSTEM);
		if (geteuid() == 0)
			assert_string_equal(err.word, r->word);
		assert_int_equal(chmod(s->dir, 0700), 0);
	}
	assert_false(scratch_exists(s, "none"));
	if (scratch_exists(s, "victim")) {
		p = scratch_read(s, "victim", &len);
		assert_int_equal(len, image.len);
		assert_memory_equal(p, image.p, len);
		free(p);
	}
}

/* Nor does mending write through links that wait under its other names. */
static void
planted_links_are_not_written_through(void **state)
{
	static const char *const names[] = { FILE_NAME ".new", ASIDE, COPY };
	struct scratch *s = *state;
	struct entry e;
	size_t len;
	char *p;

	begin(s);
	scratch_write(s, "victim", "precious", 8);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(symlink("victim", scratch_path(s, names[i])),
		    0);
	scratch_write(s, FILE_NAME, "", 0);
	/* Not that copy: it may be anybody's. */
	assert_int_equal(
	    cache_get(s->cache, domain_of(1), &e, NULL), STS_SYSTEM);
	assert_int_equal(unlink(scratch_path(s, COPY)), 0);
	assert_int_equal(symlink("victim", scratch_path(s, names[0])), 0);
	assert_true(all_are_honest(s));
	p = scratch_read(s, "victim", &len);
	assert_int_equal(len, 8);
	assert_memory_equal(p, "precious", 8);
	free(p);
	scratch_is_owners(s, FILE_NAME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(cut_at_many_lengths),
		SCRATCH_TEST(cut_within_a_key),
		SCRATCH_TEST(every_byte_on_the_way_to_a_policy),
		SCRATCH_TEST(a_damaged_value_is_not_no_policy),
		SCRATCH_TEST(an_absence_among_the_policies_is_damage),
		SCRATCH_TEST(the_value_of_another_domain_is_damage),
		SCRATCH_TEST(trouble_with_absences_is_a_miss),
		SCRATCH_TEST(a_missing_file_is_restored),
		SCRATCH_TEST(a_file_taken_away_while_open_is_restored),
		SCRATCH_TEST(a_damaged_copy_is_not_taken),
		SCRATCH_TEST(without_a_copy_it_begins_anew),
		SCRATCH_TEST(a_copy_that_cannot_be_read_is_waited_for),
		SCRATCH_TEST(a_copy_is_found_whoever_started_exim),
		SCRATCH_TEST(a_late_writer_writes_into_the_new_file),
		SCRATCH_TEST(
		    what_is_written_while_the_file_is_replaced_is_kept),
		SCRATCH_TEST(an_unreadable_file_stays_as_it_is),
		SCRATCH_TEST(roots_file_stays_as_it_is),
		SCRATCH_TEST(planted_links_are_not_written_through),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(damage_rows, check_damage_closed);
	failed += SCRATCH_ROWS(damage_rows, check_damage_open);
	failed += SCRATCH_ROWS(damage_rows, check_damage_shared);
	failed += SCRATCH_ROWS(damage_rows, check_damage_with_copy);
	failed += SCRATCH_ROWS(damage_rows, check_damage_put);
	failed += SCRATCH_ROWS(damage_rows, check_damage_touch);
	failed += SCRATCH_ROWS(mask_rows, check_mask);
	failed += SCRATCH_ROWS(planted_rows, check_planted);
	free(image.p);
	return failed;
}
