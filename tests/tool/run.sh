#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh - the tool as its users run it: root, the cache's owner, somebody
# else, and Exim's ${run}.  As root, in a network of its own where nobody
# answers; in a cache of its own that is gone afterwards.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(realpath "${MTA_STS_BUILD:-$root/build}")

if [ "$(id -u)" != 0 ]; then
	echo "run.sh: needs root, to be other users" >&2
	exit 3
fi
if [ "${TOOL_INSIDE:-}" != "$PPID" ]; then
	TOOL_INSIDE=$$ exec unshare -n --fork --kill-child -- \
	    "${BASH_SOURCE[0]}" "$@"
fi

python=/usr/bin/python3
owner=54321 # no user of this machine needs to have it
stranger=54322
passed=0
failed=0
tmp=$(mktemp -d)
cache=$tmp/cache
tool=$tmp/mta-sts
conf=$tmp/mta-sts.conf
trap 'rm -rf "$tmp"' EXIT

# --- means -------------------------------------------------------------------
ok()
{
	passed=$((passed + 1))
	echo "ok $((passed + failed)) - $1"
}

not_ok()
{
	failed=$((failed + 1))
	echo "not ok $((passed + failed)) - $1"
	shift
	printf '#   %s\n' "$@"
}

# is WHAT WANTED GOT
is()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "wanted: $2" "got:    $3"
	fi
}

# has WHAT PATTERN TEXT: an extended regular expression, on one line.
has()
{
	if grep -qE -e "$2" <<<"$3"; then
		ok "$1"
	else
		not_ok "$1" "wanted: /$2/" "got:    ${3//$'\n'/$'\n#           '}"
	fi
}

hasnt()
{
	if grep -qE -e "$2" <<<"$3"; then
		not_ok "$1" "unwanted: /$2/" "in: $3"
	else
		ok "$1"
	fi
}

# run ARGUMENT...: the tool, its output in $out and $err, its end in $code.
run()
{
	run_as 0 "$@"
}

run_as()
{
	local uid=$1

	shift
	timeout 30 setpriv --reuid "$uid" --regid "$uid" --clear-groups \
	    env -i "$tool" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	code=$?
	out=$(tr -d '\0' <"$tmp/out")
	err=$(tr -d '\0' <"$tmp/err")
}

# ends WHAT CODE ARGUMENT...: and nothing is on the wrong side.
ends()
{
	local what=$1 want=$2

	shift 2
	run "$@"
	if [ "$code" = 2 ] && { [ -n "$out" ] || [ -z "$err" ]; }; then
		not_ok "$what" "wrong usage must be told on stderr, and there only"
	else
		is "$what" "$want" "$code"
	fi
}

# json WHAT EXPRESSION: every line of $out is JSON, and over the list of them
# as `o` the Python expression is true.
json()
{
	local why

	if why=$("$python" -c '
import json, sys
o = [json.loads(line) for line in open(sys.argv[1], encoding="ascii")]
if not eval(f"({sys.argv[2]})"):
    sys.exit(f"not so: {sys.argv[2]}\n{o}")
' "$tmp/out" "$2" 2>&1); then
		ok "$1"
	else
		not_ok "$1" "$why"
	fi
}

fill()
{
	"$build/tests/tool/fill" "$cache" "$@" ||
	    not_ok "the cache takes: $*" "fill ended with $?"
}

new_cache()
{
	rm -rf "$cache"
	install -d -m 0750 -o "$owner" -g "$owner" "$cache"
}

some_cache()
{
	new_cache
	fill policy good.example enforce \
	    'mx1.good.example:mx2.good.example:*.good.example' 100 604800
	fill policy test.example testing mx.test.example 7200 604800 http-404
	fill policy none.example none '' 100 604800
	fill policy old.example enforce mx.old.example 90000 86400
	fill damaged hurt.example 3000
	fill damaged healed.example -10
	fill absence gone.example 30
	fill absence forgotten.example 9000
}

policy()
{
	printf 'version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: %s\r\n' "$@"
}

# --- the command line ----------------------------------------------------------
commands=$(sed -n 's/^int cmd_\([a-z_]*\)(.*/\1/p' \
	"$root/module/tool/commands.h" | tr _ -)

usage()
{
	local c

	ends "no command is wrong usage" 2
	ends "an unknown command is wrong usage" 2 frobnicate
	ends "an unknown option is wrong usage" 2 list --frobnicate
	ends "an unknown option before the command, too" 2 --frobnicate list
	ends "an option of another command is wrong usage" 2 list --no-cache
	ends "a value for an option that takes none is" 2 list --json=yes
	ends "an option without its value is" 2 list --mode
	ends "an unknown mode is" 2 list --mode strict
	ends "two filters that exclude one another are" 2 \
	    list --absences --expired
	ends "query without a domain is" 2 query
	ends "match without a host is" 2 match a.example
	ends "match with too many arguments is" 2 match a.example b c
	ends "list with an argument is" 2 list a.example
	ends "show without a domain is" 2 show
	ends "purge of nothing is" 2 purge
	ends "purge of a domain and all is" 2 purge --all a.example
	ends "purge of all and what expired is" 2 purge --all --expired
	ends "check-policy without a file is" 2 check-policy
	ends "check-record without a record is" 2 check-record
	ends "check-mx without a pattern is" 2 check-mx host
	run --help
	is "--help is no mistake" 0 "$code"
	for c in $commands; do
		has "--help names $c" "^    $c +[a-zA-Z]" "$out"
	done
	for c in $commands; do
		run "$c" --help
		has "$c --help tells its arguments" "^usage: mta-sts $c( |\$)" \
		    "$out"
		is "$c --help is no mistake" "0" "$code$err"
	done
	run --version
	is "--version tells it" "exim-mta-sts $(cat "$root/VERSION")" "$out"
	run version
	is "so does version" "exim-mta-sts $(cat "$root/VERSION")" "$out"
	run version --json
	json "and as JSON" "o[0]['version'] == '$(cat "$root/VERSION")'"
}

# --- without cache or network ----------------------------------------------------
check_policy()
{
	policy enforce '*.example.com' 86400 >"$tmp/good"
	policy strict '*.example.com' 86400 >"$tmp/bad"
	policy enforce 'MX.example.com.' 99999999 >"$tmp/odd"
	head -c 65537 /dev/zero | tr '\0' x >"$tmp/long"
	run check-policy "$tmp/good"
	is "a good policy ends with 0" 0 "$code"
	has "and says the mode" "good: valid .enforce." "$out"
	run check-policy "$tmp/good" "$tmp/bad"
	is "one bad of two ends with 1" 1 "$code"
	has "and says what is wrong with it" "bad: invalid: policy-mode: " "$out"
	run check-policy --json "$tmp/odd" "$tmp/bad" "$tmp/long"
	is "bad ones as JSON end with 1" 1 "$code"
	json "a line for each file" "len(o) == 3"
	json "a valid one has just these members in this order" \
	    "list(o[0]) == ['file', 'valid', 'mode', 'max_age', 'mx', 'findings']"
	json "with values that mean something" \
	    "o[0]['valid'] is True and o[0]['mode'] == 'enforce' and
o[0]['max_age'] == 31557600 and o[0]['mx'] == ['mx.example.com'] and
o[0]['findings'] == ['final-dot', 'max-age-capped']"
	json "an invalid one has just these" \
	    "list(o[1]) == ['file', 'valid', 'error'] and o[1]['valid'] is False"
	json "one byte too many is too long" \
	    "o[2]['error'].startswith('policy-too-long: ')"
	run check-policy --json "$tmp/nothing" "$tmp/bad"
	is "a file that is not there ends with 3" 3 "$code"
	json "and is said in JSON" "'No such file' in o[0]['error']"
	run check-policy "$tmp"
	is "a directory ends with 3" 3 "$code"
	out=$("$tool" check-policy --json - <"$tmp/good")
	has "- is standard input" '^\{"file":"-","valid":true' "$out"
	printf 'version: STSv1\n\033[31mmode: none\n' >"$tmp/escape"
	run check-policy "$tmp/escape"
	hasnt "nothing in a text speaks to the terminal" $'\033' "$out"
	cp "$tmp/good" "$tmp/"$'\377name'
	run check-policy --json "$tmp/"$'\377name'
	json "a file name need not be UTF-8" "o[0]['valid']"
}

check_record()
{
	run check-record 'v=STSv1; id=20240101T000000;'
	is "a good record ends with 0" "0 valid, id 20240101T000000" "$code $out"
	run check-record --json 'v=spf1 -all' 'v=STSv1; id=1;'
	json "another record beside it does no harm" \
	    "o == [{'valid': True, 'id': '1'}]"
	run check-record --json 'v=STSv1; id=1' 'v=STSv1; id=2'
	is "two are one too many" 1 "$code"
	json "which is said" "list(o[0]) == ['valid', 'error'] and
o[0]['error'].startswith('record-several: ')"
	run check-record 'v=spf1 -all'
	is "none is no record" 1 "$code"
	run check-record --json -- '--help'
	is "a record may begin as an option does" 1 "$code"
}

check_mx()
{
	ends "a host that matches ends with 0" 0 \
	    check-mx mx.example.com other.example '*.example.com'
	ends "one that does not ends with 1" 1 check-mx a.b.c '*.c'
	ends "case does not count" 0 check-mx MX.Example.com mx.example.COM
	ends "two patterns in one argument are none" 1 \
	    check-mx b.example a.example:b.example
	run check-mx --json mx.example.com '*.example.com'
	json "as JSON" "o == [{'host': 'mx.example.com', 'match': True,
'pattern': '*.example.com'}]"
}

config()
{
	: >"$tmp/empty"
	run config --config "$tmp/empty"
	is "an empty file is no mistake" "0" "$code$err"
	has "and leaves the defaults" "^recheck +300s +default$" "$out"
	printf '%s\n' '# a comment' 'recheck = 1h' '' 'rechek = 5m' \
	    'dns_timeout = soon' >"$tmp/wrong"
	run --config "$tmp/wrong" config
	is "mistakes end with 1" 1 "$code"
	has "an unknown key is told with its line" 'wrong line 4: .*rechek' \
	    "$err"
	has "a bad value, too" 'wrong line 5: .*soon' "$err"
	has "the good lines count" "^recheck +3600s +$tmp/wrong$" "$out"
	has "the bad ones change nothing" "^dns_timeout +5s +default$" "$out"
	run config --config "$tmp/wrong" --json
	is "mistakes end with 1 with JSON, too" "1" "$code$err"
	json "which says values and origins" "o[0]['valid'] is False and
o[0]['values']['recheck'] == {'value': '3600s', 'origin': 'file'} and
o[0]['values']['dns_timeout'] == {'value': '5s', 'origin': 'default'}"
	json "and lines" "[e['line'] for e in o[0]['errors']] == [4, 5]"
	run config --config "$tmp/nothing"
	is "a file that was named must be there" 1 "$code"
	run list --config "$tmp/nothing"
	is "for the other commands, too" 3 "$code"
	run lookup --config "$tmp/nothing" a.example
	run --config "$tmp/nothing" lookup a.example
	is "even for Exim's" "mode=tempfail status=error reason=config" "$out"
	run --config "$tmp/wrong" query --no-cache '[192.0.2.1]'
	has "mistakes are told by all commands" 'wrong line 4' "$err"
	sed 's/^#\([a-z_]* =\)/\1/' "$root/exim-conf/mta-sts.conf" \
	    >"$tmp/sample"
	run config --config "$tmp/sample" --json
	json "the sample has every key, with its default" "o[0]['valid'] and
all(v['origin'] == 'default' for v in o[0]['values'].values()) and
all('\n' + k + ' =' in open('$tmp/sample').read() for k in o[0]['values'])"
	json "every key has its place in the page" "all(
'.It Ic ' + k + ' No' in open('$root/module/man/mta-sts.conf.5').read()
for k in o[0]['values'])"
}

pages()
{
	local c option options page=$root/module/man/mta-sts.8 text

	text=$(<"$page")
	for c in $commands; do
		has "the page has $c" "^\.It (Xo )?Cm $c( |\$)" "$text"
		run "$c" --help
		is "$c --help is short and narrow" "0 1" \
		    "$code $(awk 'length > 80 { n++ }
		        END { print n == 0 && NR <= 25 }' <<<"$out")"
		options=$(sed -n 's/^    --\([a-z-]*\).*/\1/p' <<<"$out")
		for option in $options; do
			has "the page has --$option, of $c" "Fl -$option( |\$)" \
			    "$text"
		done
	done
	# What error_set() is given as a word, there or by a table.
	out=$("$python" - "$root" "$page" <<-'END'
		import glob, re, sys
		page = open(sys.argv[2]).read()
		for path in glob.glob(sys.argv[1] + "/module/*/*.c"):
		    for word in re.findall(
		            r'(?:(?:STS|CURLE)_[A-Z_]+,|return)\s*"([a-z0-9-]+)"'
		            if "/net/" in path else
		            r'STS_[A-Z]+,\s*"([a-z0-9-]+)"', open(path).read()):
		        if not re.search(rf"(?<![\w-]){word}(?![\w-])", page):
		            print(path, word)
	END
	)
	is "the page has every reason that the source gives" "" "$out"
}

# --- the cache --------------------------------------------------------------------
list()
{
	some_cache
	run list
	is "list ends with 0" "0" "$code$err"
	has "it begins with titles" '^DOMAIN +MODE +ID +AGE +EXPIRES +STATUS +MX' \
	    "$out"
	has "a policy in force" \
	    '^good.example +enforce +20240101T000000 +10[0-9] s +in 6 d +cached +mx1.good.example,mx2.good.example \+1$' \
	    "$out"
	has "one whose last fetch failed" '^test.example +testing .* stale ' \
	    "$out"
	has "one past its time" '^old.example .*60 min ago +expired' "$out"
	has "a damaged one" '^hurt.example +- .*in (49|50) min +damaged$' \
	    "$out"
	hasnt "no absence" 'gone.example' "$out"
	run list --json
	json "as JSON, an object for each" "len(o) == 6"
	json "a policy in full" "[p for p in o if p['domain'] == 'good.example'
and p['mode'] == 'enforce' and p['id'] == '20240101T000000'
and p['max_age'] == 604800 and p['status'] == 'cached' and p['mx'] ==
['mx1.good.example', 'mx2.good.example', '*.good.example']
and p['findings'] == ['final-dot'] and p['outcome'] == 'ok']"
	json "times that agree with one another" "(lambda t: all(
t(p['expires']) - t(p['fetched_at']) == p['max_age'] for p in o if 'id' in p))(
lambda s: __import__('datetime').datetime.strptime(s, '%Y-%m-%dT%H:%M:%SZ')
.timestamp())"
	json "why the last fetch failed" "[p for p in o if
p['domain'] == 'test.example' and p['reason'] == 'http-404'
and p['failed_id'] == 'newer' and p['status'] == 'stale']"
	run list --mode testing --json
	json "--mode keeps to one mode" \
	    "[p['domain'] for p in o] == ['test.example']"
	run list --expired --json
	json "--expired to what is past its time" \
	    "sorted(p['domain'] for p in o) == ['healed.example', 'old.example']"
	run list --absences
	has "--absences lists absences" '^gone.example +none +- +3[0-9] s .*absent' \
	    "$out"
	hasnt "and nothing else" 'good.example' "$out"
	new_cache
	run list
	is "an empty cache is an empty list" "0" "$code$out$err"
}

# The list of many takes no more memory than that of few.
list_is_lean()
{
	new_cache
	fill many 20000
	out=$("$python" - "$tool" "$conf" <<-'END'
		import os, subprocess, sys
		few = [sys.argv[1], "version"]
		many = [sys.argv[1], "--config", sys.argv[2], "list",
		        "--absences", "--json"]
		def peak(argv):
		    lines = 0
		    # A build with the address sanitizer keeps what was freed.
		    run = subprocess.Popen(argv, stdout=subprocess.PIPE,
		        env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
		    for _ in run.stdout:
		        lines += 1
		    _, status, used = os.wait4(run.pid, 0)
		    return lines, status, used.ru_maxrss
		base, (lines, status, used) = peak(few)[2], peak(many)
		more = used - base
		print(lines, status, "lean" if more < 4000 else f"{more} KB more")
	END
	)
	is "20000 entries are listed without keeping them" "20000 0 lean" \
	    "$out"
	"$tool" --config "$conf" list --absences 2>"$tmp/err" | head -1 >/dev/null
	is "who reads only the beginning is not bothered" "" "$(<"$tmp/err")"
	"$tool" --config "$conf" list --absences >/dev/full 2>"$tmp/err"
	is "a full disk is our trouble" 3 $?
	has "and told" 'cannot write' "$(<"$tmp/err")"
}

show()
{
	some_cache
	run show Good.Example.
	is "show ends with 0" "0" "$code$err"
	has "it has the mode" '^good.example: enforce .cached.$' "$out"
	has "every pattern" '^ +\*\.good\.example$' "$out"
	has "times for people and for machines" \
	    '^ +expires +20[0-9-]+T[0-9:]+Z .in 6 d.$' "$out"
	has "the text" '^ +text +\| version: STSv1$' "$out"
	has "made printable" '\| x: \?\[2J\?\?!$' "$out"
	hasnt "all of it" '[^[:print:]]' "$(LC_ALL=C; tr -d '\n' <"$tmp/out")"
	run show --json good.example
	json "as JSON with the text as it was" "o[0]['text'] ==
'version: STSv1\r\nmode: enforce\r\nx: \x1b[2J\x9b!\r\n'"
	run show --json gone.example
	json "an absence" "o[0]['status'] == 'absent' and 'mode' not in o[0]"
	run show hurt.example
	has "a damaged one" '^hurt.example: no policy .damaged.$' "$out"
	run show nothing.example
	is "an unknown domain ends with 1" 1 "$code"
	has "and is told" 'nothing.example: not cached' "$err"
	run show 'a b'
	is "what is no domain ends with 1" 1 "$code"
	run show $'a\033[2Jb'
	hasnt "and is made printable" $'\033' "$out$err"
	fill policy latin.example none '' 1 600
	fill absence old.example 20
	run show --json old.example
	json "an absence found since beside an old policy" \
	    "o[0]['status'] == 'expired' and o[0]['absence']['status'] == 'absent'"
}

# Bytes in the file that another program, or the disk, has changed.
show_torn()
{
	some_cache
	"$python" - "$cache/policies.tdb" <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		at = data.index(b"mx1.good.example")
		data[at] ^= 1
		open(sys.argv[1], "r+b").write(data)
	END
	run list
	has "a value that fails its checks is listed as damaged" \
	    '^good.example +- .*damaged$' "$out"
	has "and the others all the same" '^test.example +testing' "$out"
	run show good.example
	is "and shown" "0" "$code$err"
	run purge --expired
	run list
	has "and never taken for an expired one" '^good.example' "$out"
	run purge good.example
	is "but can be purged" "0 good.example: purged" "$code $out"
}

purge()
{
	some_cache
	run purge good.example
	is "purge of a domain ends with 0" "0 good.example: purged" "$code $out"
	run show good.example
	is "it is gone then" 1 "$code"
	run purge good.example gone.example
	is "one unknown of two ends with 1" 1 "$code"
	run show gone.example
	is "and the other is gone, too" 1 "$code"
	run purge --json test.example good.example
	json "as JSON" "o == [{'domain': 'test.example', 'purged': True},
{'domain': 'good.example', 'purged': False}]"
	some_cache
	run purge --expired --json
	json "--expired takes what no look-up will use" \
	    "o == [{'policies': 2, 'absences': 1}]"
	run list
	has "and leaves policies in force" '^good.example' "$out"
	has "and the marks of damaged ones" '^hurt.example' "$out"
	run list --absences
	has "and what is remembered" '^gone.example' "$out"
	hasnt "not what was forgotten" 'forgotten.example' "$out"
	run purge --all
	is "--all ends with 0" "0 purged: 4 policies, 1 absences" "$code $out"
	run list
	is "and leaves nothing" "" "$out"
	is "but files of the owner's that nobody else can read" \
	    "$owner 640 $owner 640" \
	    "$(stat -c '%u %a' "$cache/policies.tdb" "$cache/absent.tdb" |
	        paste -sd ' ')"
}

# --- who may -----------------------------------------------------------------------
permission()
{
	local c

	some_cache
	for c in list 'show good.example' 'purge good.example' 'purge --all' \
	    'purge --expired' 'query good.example' \
	    'match good.example mx1.good.example'; do
		# shellcheck disable=SC2086 # command and arguments
		run_as $stranger --config "$conf" $c
		is "$c is not for everybody" 3 "$code"
		has "who is told so" "no permission to use the cache in $cache" \
		    "$err"
	done
	run_as $stranger --config "$conf" lookup good.example
	is "lookup never says none to one who cannot see the cache" \
	    "domain=good.example mode=tempfail status=error reason=cache-open" \
	    "$out"
	run_as $owner --config "$conf" list
	is "the owner of the cache may" "0" "$code$err"
	has "and sees it" '^good.example' "$out"
	run_as $owner --config "$conf" purge good.example
	is "and may purge" 0 "$code"
	for c in config version "check-policy $tmp/good" 'check-mx a.b a.b'; do
		# shellcheck disable=SC2086 # command and arguments
		run_as $stranger --config "$conf" $c
		is "${c%% *} is for everybody" 0 "$code"
	done
	run_as $stranger --config "$conf" query --no-cache '[192.0.2.1]'
	is "so is query without the cache" 1 "$code"
	chown 0:0 "$cache"
	run list
	is "a cache that belongs to root is refused" 3 "$code"
	has "with the reason" 'belongs to root' "$err"
	rm -rf "$cache"
	run list
	is "no cache is our trouble" 3 "$code"
	has "and told" "$cache: No such file" "$err"
}

# --- what asks -----------------------------------------------------------------------
query()
{
	some_cache
	run query unknown.example '[192.0.2.1]'
	is "what is no domain ends with 1" 1 "$code"
	has "it has no policy" '^\[192.0.2.1\]: none .notadomain.$' "$out"
	has "nobody to ask: as without a policy" \
	    '^unknown.example: none .unusable.$' "$out"
	has "and why" '^ +because +dns-' "$out"
	run query --json good.example
	is "a policy ends with 0" 0 "$code"
	json "it is in force although DNS is out" "o[0]['mode'] == 'enforce' and
o[0]['asked'] == o[0]['domain'] == 'good.example' and
o[0]['id'] == '20240101T000000' and len(o[0]['mx']) == 3"
	run query --json $'\377\033' ''
	json "any argument can be told" "len(o) == 2 and
all(p['status'] == 'notadomain' and 'domain' not in p for p in o)"
	run query hurt.example
	is "a policy that we lost is our trouble" 3 "$code"
	run query --no-cache new.example
	run show new.example
	is "--no-cache leaves nothing behind" 1 "$code"
	printf 'dns_failure = defer\n' >>"$conf"
	run query other.example
	is "no DNS with dns_failure = defer ends with 1" 1 "$code"
	has "as temporary failure" '^other.example: tempfail' "$out"
	sed -i '$d' "$conf"
	run match good.example MX1.good.example.
	is "match ends with 0" "0 match" "$code $out"
	run match good.example evil.example
	is "mismatch with 1" "1 mismatch" "$code $out"
	run match none.example mx.none.example
	is "a policy of mode none permits nothing and forbids nothing" \
	    "1 nopolicy" "$code $out"
	run match --json good.example mx1.good.example
	json "as JSON" "o[0]['result'] == 'match' and o[0]['mode'] == 'enforce'"
}

# --- for Exim ------------------------------------------------------------------------
exim()
{
	local d

	some_cache
	run lookup good.example
	has "lookup gives the line" \
	    '^domain=good.example mode=enforce status=[a-z]+ id=20240101T000000 max_age=604800 expires=[0-9]+ mx=mx1.good.example:mx2.good.example:\*.good.example ignore=!\^mx1\[.\]good' \
	    "$out"
	is "one line" 1 "$(wc -l <"$tmp/out")"
	is "ends with 0 and is quiet" "0" "$code$err"
	# shellcheck disable=SC2016 # nobody must expand that
	for d in '' "$(printf 'a%.0s' {1..300})" 'a b' '"' "'" $'a\nb' $'\377' \
	    '[1.2.3.4]' '../x' '${run{/bin/true}}' '-x' '--json' '--config=/x' \
	    '1.2.3.4' 'a..b' '--'; do
		run lookup "$d"
		is "lookup of ${d@Q} is no domain" \
		    "0 mode=none status=notadomain" "$code $out$err"
	done
	run mode good.example
	is "mode gives a word" "0 enforce" "$code $out$err"
	run lookup
	is "lookup without a domain is a temporary failure" \
	    "0 mode=tempfail status=error reason=usage" "$code $out$err"
	run lookup a b
	is "lookup of two, too" \
	    "0 mode=tempfail status=error reason=usage" "$code $out$err"
	run mode
	is "so is mode without" "0 tempfail" "$code $out$err"
	run event
	is "event without arguments does nothing" "0" "$code$out$err"
	run prefetch
	is "nor does prefetch" "0" "$code$out$err"
	run prefetch --foreground
	is "nor that for no domain" "0" "$code$out$err"
	printf 'wrong\n' >>"$conf"
	run lookup good.example
	is "mistakes in the configuration are not for Exim's ears" "0 " \
	    "$code $err"
	sed -i '$d' "$conf"
	out=$("$tool" --config "$conf" mode good.example <&- 2>&-)
	is "closed descriptors do no harm" "0 enforce" "$? $out"
	"$tool" --config "$conf" mode good.example >&- 2>"$tmp/err"
	is "not even where the answer should go" "0 " "$? $(<"$tmp/err")"
}

exim_event()
{
	some_cache
	run event msg:host:defer 'text' -37 good.example mx1.good.example \
	    192.0.2.1 'enforce||||||'
	is "an event is quiet" "0" "$code$out$err"
	run show --json good.example
	json "a failure by the policy marks the domain" "'marked_at' in o[0]"
	run event msg:host:defer 'text' -37 test.example mx.test.example \
	    192.0.2.1 'enforce||||||S'
	run show --json test.example
	json "a callout marks nothing" "'marked_at' not in o[0]"
}

descriptors()
{
	find "/proc/$1/fd" -type l -printf '%f\n' 2>/dev/null | sort |
	    paste -sd ' '
}

# Whatever Exim hands down is closed before anything else is done: the tool
# waits here for its configuration.
exim_descriptors()
{
	local pid

	mkfifo "$tmp/fifo"
	"$tool" --config "$tmp/fifo" lookup a.example 8<"$conf" 9<"$conf" \
	    >"$tmp/out" 2>"$tmp/err" &
	pid=$!
	for _ in {1..100}; do
		[ "$(descriptors "$pid")" = "0 1 2" ] && break
		sleep 0.02
	done
	is "lookup keeps no descriptor but 0 to 2" "0 1 2" \
	    "$(descriptors "$pid")"
	is "and 2 leads nowhere" /dev/null "$(readlink "/proc/$pid/fd/2")"
	cat "$conf" >"$tmp/fifo"
	wait "$pid"
	is "and goes on" 0 $?
}

# A process that was stopped while it held the cache must not hold up mail.
exim_time()
{
	local began=$SECONDS pid

	some_cache
	printf 'dns_timeout = 1s\nfetch_timeout = 1s\n' >>"$conf"
	"$python" - "$cache/policies.tdb" "$tmp/locked" <<-'END' &
		import fcntl, sys, time
		held = open(sys.argv[1], "r+b")
		fcntl.lockf(held, fcntl.LOCK_EX)
		open(sys.argv[2], "w").close()
		time.sleep(20)
	END
	pid=$!
	for _ in {1..100}; do
		[ -e "$tmp/locked" ] && break
		sleep 0.05
	done
	run lookup good.example
	has "a locked cache is a temporary failure" \
	    '^(domain=good.example )?mode=tempfail status=error reason=(timeout|cache-(busy|open))$' \
	    "$out"
	is "and quiet" "0" "$code$err"
	if [ $((SECONDS - began)) -le 8 ]; then
		ok "within the time limit"
	else
		not_ok "within the time limit" "$((SECONDS - began)) s"
	fi
	kill "$pid"
	wait "$pid" 2>/dev/null
	sed -i '$d' "$conf"
	sed -i '$d' "$conf"
}

# Waits until $1 (a test) is so, 5 s at most.
soon()
{
	for _ in {1..50}; do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

is_known()
{
	run show --json "$1"
	[ "$code" = 0 ]
}

exim_prefetch()
{
	local began

	some_cache
	began=$SECONDS
	run prefetch warm.example
	is "prefetch is quiet" "0" "$code$out$err"
	if [ $((SECONDS - began)) -le 1 ]; then
		ok "and returns at once"
	else
		not_ok "and returns at once" "$((SECONDS - began)) s"
	fi
	if soon is_known warm.example; then
		ok "and somebody else looks it up"
	else
		not_ok "and somebody else looks it up" "$err"
	fi
	json "with what came of it" "o[0]['outcome'] == 'dns'"
	run prefetch '../x'
	is "what is no domain is not" "0" "$code$out$err"
	is "all files belong to the owner" "" \
	    "$(find "$cache" -not -uid "$owner")"
	run prefetch --foreground also.example
	run show also.example
	is "--foreground does it itself" 0 "$code"
}

# --- all ------------------------------------------------------------------------------
install -m 0755 "$build/mta-sts" "$tool" || exit 3
chmod 0755 "$tmp"
usage
check_policy
check_record
check_mx
config
pages
# From here on every command works on our own cache.
printf 'cache_dir = %s\nexceptions = %s\n' "$cache" "$tmp/exceptions" >"$conf"
run()
{
	run_as 0 --config "$conf" "$@"
}
list
list_is_lean
show
show_torn
purge
permission
query
exim
exim_event
exim_descriptors
exim_time
exim_prefetch
echo "tool: $passed passed, $failed failed"
[ "$failed" = 0 ]
