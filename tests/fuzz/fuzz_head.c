/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_head.c - the head of an HTTP answer, a line a line. */
#include "fuzz.h"
#include "../../module/net/fetch_head.h"
#include "../../module/protocol/media.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_over((const char *)data, size);
	struct fetch_head head = { 0 };
	enum sts_status status = STS_OK;
	struct sts_error err;
	struct bytes line;

	while (status == STS_OK && !scan_done(&s)) {
		line = fuzz_line(&s);
		status = fetch_head_line(&head, line.p,
		    (size_t)(s.p - line.p), &err);
	}
	if (status != STS_OK)
		fuzz_error(&err, status);
	HOLD(head.len <= FETCH_HEAD_MAX);
	if (head.passed)
		HOLD(head.code == 200 && head.types == 1 && !head.encoded &&
		    media_is_text_plain(head.type));
	return 0;
}
