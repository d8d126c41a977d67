/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job.c - a report on its way, as JSON. */
#include "job.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/text.h"

#define TARGET_MAX (TLSRPT_URI_MAX + sizeof "mailto:")

void
job_free(struct job *j)
{
	free(j->report);
	j->report = NULL;
}

/* --- names ---------------------------------------------------------------- */

static const char *const job_states[] = {
	[JOB_WAITING] = "waiting",
	[JOB_SENT] = "sent",
	[JOB_FAILED] = "failed",
	[JOB_UNWANTED] = "unwanted",
};

static const char *const target_states[] = {
	[TARGET_UNTRIED] = "untried",
	[TARGET_TRYING] = "trying",
	[TARGET_TOOK] = "took",
};

const char *
job_state_name(enum job_state state)
{
	return job_states[state];
}

/* The place of name among n; -1: it is none of them. */
static int
place_of(const char *name, const char *const *names, int n)
{
	if (name != NULL)
		for (int i = 0; i < n; i++)
			if (strcmp(names[i], name) == 0)
				return i;
	return -1;
}

void
job_target_text(const struct job_target *t, struct text *out)
{
	text_addf(out, "%s%s", t->rua.kind == TLSRPT_MAILTO ? "mailto:" : "",
	    t->rua.text);
}

/* --- writing -------------------------------------------------------------- */

static json_t *
target_json(const struct job_target *t)
{
	char to[TARGET_MAX];
	struct text text;

	text_init(&text, to, sizeof to);
	job_target_text(t, &text);
	return json_pack("{s:s, s:s, s:s, s:b}", "to", to, "state",
	    target_states[t->state], "word", t->word, "counted", t->counted);
}

char *
job_write(const struct job *j, size_t *len)
{
	json_t *targets = json_array();
	json_t *all;
	char *text;

	for (unsigned i = 0; i < j->n; i++)
		if (json_array_append_new(targets,
			target_json(&j->target[i])) != 0) {
			json_decref(targets);
			return NULL;
		}
	/* "o" takes targets over, also in vain. */
	all = json_pack("{s:s, s:I, s:I, s:I, s:i, s:s, s:I, s:s, s:o, s:s}",
	    "id", j->id, "created", (json_int_t)j->created, "tried",
	    (json_int_t)j->tried, "next", (json_int_t)j->next, "tries",
	    (int)j->tries, "state", job_states[j->state], "sessions",
	    (json_int_t)j->sessions, "word", j->word, "targets", targets,
	    "report", j->report);
	text = all == NULL ? NULL
			   : json_dumps(all, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(all);
	*len = text == NULL ? 0 : strlen(text);
	return text;
}

/* --- reading -------------------------------------------------------------- */

static bool
copy(char *out, size_t room, const char *from)
{
	struct text t;

	text_init(&t, out, room);
	if (from != NULL)
		text_add(&t, from);
	return from != NULL && !t.full;
}

/* By the parser of records, which lets nothing else pass. */
static bool
read_rua(const char *to, struct tlsrpt_rua *rua)
{
	struct tlsrpt_record r;
	char record[TARGET_MAX + sizeof "v=TLSRPTv1;rua="];
	struct text t;

	text_init(&t, record, sizeof record);
	text_addf(&t, "v=TLSRPTv1;rua=%s", to);
	if (t.full || tlsrpt_record_parse(record, t.len, &r, NULL) != STS_OK ||
	    r.n != 1)
		return false;
	*rua = r.rua[0];
	return true;
}

static bool
read_target(json_t *json, struct job_target *t)
{
	const char *to, *state, *word;
	int place, counted = 0;

	if (json_unpack(json, "{s:s, s:s, s:s, s?b}", "to", &to, "state",
		&state, "word", &word, "counted", &counted) != 0)
		return false;
	t->counted = counted != 0;
	place = place_of(state, target_states,
	    (int)(sizeof target_states / sizeof *target_states));
	t->state = (enum target_state)place;
	return place >= 0 && read_rua(to, &t->rua) &&
	    copy(t->word, sizeof t->word, word);
}

static bool
read_targets(json_t *list, struct job *j)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > TLSRPT_RUA_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!read_target(json_array_get(list, i), &j->target[i]))
			return false;
	j->n = (unsigned)n;
	return true;
}

static bool
read_fields(json_t *all, struct job *j)
{
	json_int_t created, tried, next, sessions;
	const char *id, *state, *word, *report;
	json_t *targets;
	int tries, place;

	if (json_unpack(all,
		"{s:s, s:I, s:I, s:I, s:i, s:s, s:I, s:s, s:o, s:s}", "id", &id,
		"created", &created, "tried", &tried, "next", &next, "tries",
		&tries, "state", &state, "sessions", &sessions, "word", &word,
		"targets", &targets, "report", &report) != 0)
		return false;
	j->created = created;
	j->tried = tried;
	j->next = next;
	j->sessions = (uint64_t)sessions;
	j->tries = (unsigned)tries;
	place = place_of(state, job_states,
	    (int)(sizeof job_states / sizeof *job_states));
	j->state = (enum job_state)place;
	j->report = strdup(report);
	return place >= 0 && tries >= 0 && j->report != NULL &&
	    copy(j->id, sizeof j->id, id) &&
	    copy(j->word, sizeof j->word, word) && read_targets(targets, j);
}

enum sts_status
job_read(const char *p, size_t len, const char *day, const char *domain,
    struct job *j)
{
	json_t *all = json_loadb(p, len, JSON_REJECT_DUPLICATES, NULL);
	bool ok;

	memset(j, 0, sizeof *j);
	ok = all != NULL && copy(j->day, sizeof j->day, day) &&
	    copy(j->domain, sizeof j->domain, domain) && read_fields(all, j);
	json_decref(all);
	if (ok)
		return STS_OK;
	job_free(j);
	memset(j, 0, sizeof *j);
	return STS_DAMAGED;
}
