/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gzip.c - RFC 1952, by zlib. */
#include "gzip.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WINDOW_GZIP (15 + 16) /* zlib.h, deflateInit2() */
#define MEMORY 8 /* zlib's own default */

static bool
compress_all(z_stream *z)
{
	bool done = deflate(z, Z_FINISH) == Z_STREAM_END;

	return deflateEnd(z) == Z_OK && done;
}

enum sts_status
gzip_bytes(const char *p, size_t len, char **out, size_t *out_len,
    struct sts_error *err)
{
	z_stream z;
	uLong room;
	union {
		const char *ours;
		Bytef *zlib_s;
	} in = { p };

	*out = NULL;
	memset(&z, 0, sizeof z);
	if (len > INT_MAX ||
	    deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_GZIP,
		MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	room = deflateBound(&z, (uLong)len);
	*out = malloc(room);
	z.next_in = in.zlib_s;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)*out;
	z.avail_out = *out == NULL ? 0 : (uInt)room;
	if (compress_all(&z) && *out != NULL) {
		*out_len = (size_t)z.total_out;
		return STS_OK;
	}
	free(*out);
	*out = NULL;
	return error_set(err, STS_NOMEM, "memory", "out of memory");
}
