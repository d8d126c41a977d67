/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_helper.c - what the module makes of a helper that has been reading a
 * stranger's bytes: how it ended, and what it wrote to fd 2. */
#include "fuzz.h"
#include "../../module/net/child.h"
#include "../../module/net/fetch.h"

/* What was taken over was in the helper's form, and is unchanged. */
static void
check_told(const struct sts_error *err, const char *said, size_t len)
{
	struct scan s = scan_over(said, len);

	HOLD(scan_literal(&s, err->word) && scan_literal(&s, ": "));
	HOLD(scan_literal(&s, err->text) && scan_literal(&s, "\n"));
	HOLD(scan_done(&s));
}

static bool
is_ours(const char *word)
{
	return strncmp(word, "helper-", 7) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fetch_options o = { .helper = "/mta-sts-fetch" };
	struct child_end end = { 0 };
	struct sts_error err;
	enum sts_status status;
	const char *said;
	size_t len;

	if (size < 3)
		return 0;
	end.exit_code = data[0] == 255 ? -1 : data[0];
	end.signal = end.exit_code < 0 ? 11 : 0;
	end.timed_out = (data[1] & 1) != 0;
	end.flooded = (data[1] & 2) != 0;
	end.out_len = data[2];
	end.why_len = size - 3;
	said = (const char *)data + 3;
	status = fetch_read(&o, &end, said, &len, &err);
	if (status == STS_OK) {
		HOLD(end.exit_code == FETCH_EXIT_OK && end.why_len == 0);
		HOLD(!end.timed_out && !end.flooded && len == end.out_len);
		return 0;
	}
	fuzz_error(&err, status);
	HOLD(len == 0);
	if (!end.timed_out && !is_ours(err.word))
		check_told(&err, said, end.why_len);
	return 0;
}
