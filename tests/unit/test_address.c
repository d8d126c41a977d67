/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_address.c - where a stranger's DNS may not send us. */
#include "rows.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/un.h>
#include "../../module/net/address.h"

static const struct address_row {
	const char *name;
	const char *address;
	const char *want; /* NULL: public */
} address_rows[] = {
	{ "a host of the internet", "8.8.8.8", NULL },
	{ "the first public address", "1.0.0.0", NULL },
	{ "this host", "0.0.0.0", "this network" },
	{ "the last of this network", "0.255.255.255", "this network" },
	{ "before 10/8", "9.255.255.255", NULL },
	{ "first of 10/8", "10.0.0.0", "private" },
	{ "last of 10/8", "10.255.255.255", "private" },
	{ "after 10/8", "11.0.0.0", NULL },
	{ "before a provider's own", "100.63.255.255", NULL },
	{ "first of a provider's own", "100.64.0.0", "shared by a provider" },
	{ "last of a provider's own", "100.127.255.255",
	    "shared by a provider" },
	{ "after a provider's own", "100.128.0.0", NULL },
	{ "before loopback", "126.255.255.255", NULL },
	{ "loopback", "127.0.0.1", "loopback" },
	{ "another loopback", "127.255.255.254", "loopback" },
	{ "after loopback", "128.0.0.0", NULL },
	{ "before link-local", "169.253.255.255", NULL },
	{ "a cloud's metadata", "169.254.169.254", "link-local" },
	{ "after link-local", "169.255.0.0", NULL },
	{ "before 172.16/12", "172.15.255.255", NULL },
	{ "first of 172.16/12", "172.16.0.0", "private" },
	{ "last of 172.16/12", "172.31.255.255", "private" },
	{ "after 172.16/12", "172.32.0.0", NULL },
	{ "protocol assignments", "192.0.0.8", "of special purpose" },
	{ "between 192.0.0/24 and 192.0.2/24", "192.0.1.1", NULL },
	{ "documentation 1", "192.0.2.1", "documentation" },
	{ "after documentation 1", "192.0.3.0", NULL },
	{ "6to4 relay", "192.88.99.1", "of special purpose" },
	{ "before 192.168/16", "192.167.255.255", NULL },
	{ "192.168/16", "192.168.1.1", "private" },
	{ "after 192.168/16", "192.169.0.0", NULL },
	{ "before benchmarking", "198.17.255.255", NULL },
	{ "first of benchmarking", "198.18.0.0", "benchmarking" },
	{ "last of benchmarking", "198.19.255.255", "benchmarking" },
	{ "after benchmarking", "198.20.0.0", NULL },
	{ "documentation 2", "198.51.100.255", "documentation" },
	{ "after documentation 2", "198.51.101.0", NULL },
	{ "documentation 3", "203.0.113.7", "documentation" },
	{ "after documentation 3", "203.0.114.0", NULL },
	{ "last public address", "223.255.255.255", NULL },
	{ "multicast", "224.0.0.1", "multicast" },
	{ "last of multicast", "239.255.255.255", "multicast" },
	{ "reserved", "240.0.0.0", "reserved" },
	{ "broadcast", "255.255.255.255", "reserved" },

	{ "a host of the internet by IPv6", "2a00:1450:4001::8a", NULL },
	{ "first of global unicast", "2003::", NULL },
	{ "last of global unicast", "3fff:ffff::1", NULL },
	{ "unspecified", "::", "unspecified" },
	{ "loopback by IPv6", "::1", "loopback" },
	{ "an IPv4-compatible public address", "::8.8.8.8",
	    "not global unicast" },
	{ "before global unicast", "1fff::1", "not global unicast" },
	{ "after global unicast", "4000::1", "not global unicast" },
	{ "discard", "100::1", "discarded" },
	{ "Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
	    "of special purpose" },
	{ "benchmarking by IPv6", "2001:2::1", "of special purpose" },
	{ "ORCHID", "2001:20::1", "of special purpose" },
	{ "last of special purpose", "2001:1ff:ffff::1",
	    "of special purpose" },
	{ "after special purpose", "2001:200::1", NULL },
	{ "before documentation by IPv6", "2001:db7::1", NULL },
	{ "documentation by IPv6", "2001:db8::1", "documentation" },
	{ "after documentation by IPv6", "2001:db9::1", NULL },
	{ "newer documentation by IPv6", "3fff:fff::1", "documentation" },
	{ "after newer documentation", "3fff:1000::1", NULL },
	{ "unique local", "fc00::1", "private" },
	{ "unique local, as used", "fd12:3456::1", "private" },
	{ "link-local by IPv6", "fe80::1", "link-local" },
	{ "last of link-local", "febf:ffff::1", "link-local" },
	{ "site-local", "fec0::1", "site-local" },
	{ "multicast by IPv6", "ff02::1", "multicast" },

	{ "public within mapped", "::ffff:8.8.8.8", NULL },
	{ "loopback within mapped", "::ffff:127.0.0.1", "loopback" },
	{ "private within mapped", "::ffff:10.1.2.3", "private" },
	{ "translated, not mapped", "::ffff:0:8.8.8.8", "not global unicast" },
	{ "public within NAT64", "64:ff9b::8.8.8.8", NULL },
	{ "link-local within NAT64", "64:ff9b::169.254.169.254",
	    "link-local" },
	{ "between the NAT64 prefixes", "64:ff9b:0:1::8.8.8.8",
	    "not global unicast" },
	{ "public within local NAT64", "64:ff9b:1::8.8.8.8", NULL },
	{ "public within local NAT64, as deployed",
	    "64:ff9b:1:fffe::8.8.8.8", NULL },
	{ "private within local NAT64", "64:ff9b:1:fffe::192.168.0.1",
	    "private" },
	{ "private within local NAT64 of 48 bits", "64:ff9b:1:a00:0:100::",
	    "private" },
	{ "public behind that", "64:ff9b:1:a00:0:100:808:808", "private" },
	{ "the same with an empty rest", "64:ff9b:1:a01::8.8.8.8", "private" },
	{ "private within local NAT64 of 56 bits", "64:ff9b:1:b0a::8.8.8.8",
	    "private" },
	{ "loopback within that", "64:ff9b:1:b7f::8.8.8.8", "loopback" },
	{ "neither", "64:ff9b:1:b00::8.8.8.8", NULL },
	{ "public within local NAT64 of 48 bits", "64:ff9b:1:808:8:800::",
	    "not global unicast" },
	{ "public within 6to4", "2002:808:808::1", NULL },
	{ "loopback within 6to4", "2002:7f00:1::1", "loopback" },
	{ "private within 6to4", "2002:c0a8:101::1", "private" },
};

static void
check_address(void **state)
{
	const struct address_row *r = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	const struct sockaddr *address = (const struct sockaddr *)&in;
	const char *got;

	if (inet_pton(AF_INET, r->address, &in.sin_addr) != 1) {
		address = (const struct sockaddr *)&in6;
		assert_int_equal(
		    inet_pton(AF_INET6, r->address, &in6.sin6_addr), 1);
	}
	got = address_refusal(address);
	if (r->want == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, r->want);
	}
}

static void
other_families_are_refused(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	(void)state;
	assert_non_null(address_refusal((const struct sockaddr *)&un));
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(other_families_are_refused),
	};

	return RUN_ROWS(address_rows, check_address) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
