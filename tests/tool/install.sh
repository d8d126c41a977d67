#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# install.sh - make install for other places than Debian's, in a directory of
# its own that is gone afterwards, and make uninstall.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 3

passed=0
failed=0
tmp=$(mktemp -d)
dest=$tmp/dest
trap 'rm -rf "$tmp"' EXIT
places=(SYSCONFDIR=/etc/exim CACHEDIR=/var/lib/exim/sts EXIM_USER=mail
	EXIM_GROUP=daemon LIBDIR=/opt/exim/lib SBINDIR=/opt/exim/sbin
	PREFIX=/opt/exim)

# is WHAT WANTED GOT
is()
{
	if [ "$2" = "$3" ]; then
		passed=$((passed + 1))
		echo "ok $((passed + failed)) - $1"
	else
		failed=$((failed + 1))
		echo "not ok $((passed + failed)) - $1"
		printf '#   %s\n' "wanted: $2" \
		    "got:    ${3//$'\n'/$'\n#           '}"
	fi
}

# Quick to build: nothing here is about how fast it runs.
run_make()
{
	make -s -j2 B="$tmp/build" CFLAGS=-O0 FORTIFY=no "$@" \
	    >"$tmp/log" 2>&1 || cat "$tmp/log"
}

# Files that lie in Debian's places, or name them.  What else the tool knows of
# Debian is about Exim, not about us.
strays()
{
	find "$dest" | grep -e exim4/ -e spool
	grep -rlaE -e '/usr/lib/exim4|/var/spool/exim4/mta-sts' \
	    -e '/etc/exim4/mta-sts|/usr/sbin/mta-sts' "$dest"
}

# As a careless root would have it.
umask 077
# What was built before, as INSTALL's step 2 has it, for Debian's places.
run_make "$tmp/build/module/lookup/config.o"
run_make DESTDIR="$dest" "${places[@]}" all
run_make DESTDIR="$dest" "${places[@]}" install install-debian
is "nothing installed names one of Debian's places" "" "$(strays)"
is "the tool looks where it was told" "/var/lib/exim/sts" \
    "$("$dest/opt/exim/sbin/mta-sts" config --config /dev/null |
        awk '$1 == "cache_dir" { print $2 }')"
is "the timers' user and group are Exim's" \
    "User=mail Group=daemon User=mail Group=daemon" \
    "$(grep -hE '^(User|Group)=' \
        "$dest"/opt/exim/lib/systemd/system/*.service | paste -sd ' ')"
is "cron's is, too" mail \
    "$(awk '/refresh/ && !/^#/ { print $6 }' \
        "$dest"/opt/exim/share/doc/exim4-mta-sts/examples/*.cron)"
is "everybody may read it all, whatever the umask" "" \
    "$(find "$dest/opt/exim/"{lib,sbin,share/doc/exim4-mta-sts} \
        "$dest/etc/exim/mta-sts.conf" \! -perm -444)"
is "the same again builds nothing" "" \
    "$(make -j2 B="$tmp/build" CFLAGS=-O0 FORTIFY=no "${places[@]}" all |
        grep -E '^ +(CC|LINK)')"

echo '# mine' >"$dest/etc/exim/mta-sts.conf"
run_make DESTDIR="$dest" "${places[@]}" install
is "a configuration that is there is kept" '# mine' \
    "$(cat "$dest/etc/exim/mta-sts.conf")"
run_make DESTDIR="$dest" "${places[@]}" uninstall-debian uninstall
is "uninstall leaves the configuration, and no other file" \
    "$dest/etc/exim/mta-sts.conf" "$(find "$dest" -type f)"
is "nor a directory of ours" "" \
    "$(find "$dest/opt" -type d \( -name '*mta-sts*' -o -name exim-conf \))"
echo "install: $passed passed, $failed failed"
[ "$failed" = 0 ]
