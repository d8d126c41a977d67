/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smallest_fetch.c - the smallest libcurl program that fetches a policy:
 *     smallest_fetch URL [CAPATH]
 * Without CAPATH it verifies with libcurl's default bundle. */
#include <stdio.h>
#include <curl/curl.h>

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	size_t *len = arg;

	(void)p;
	*len += size * n;
	return size * n;
}

int
main(int argc, char *argv[])
{
	CURLcode code = CURLE_FAILED_INIT;
	size_t len = 0;
	CURL *curl;

	if (argc < 2 || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return 2;
	curl = curl_easy_init();
	if (curl != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
		(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
		(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &len);
		if (argc > 2) {
			(void)curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
			(void)curl_easy_setopt(curl, CURLOPT_CAPATH, argv[2]);
		}
		code = curl_easy_perform(curl);
		curl_easy_cleanup(curl);
	}
	if (code != CURLE_OK)
		(void)fprintf(stderr, "%s\n", curl_easy_strerror(code));
	return code == CURLE_OK && len > 0 ? 0 : 1;
}
