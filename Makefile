# exim-mta-sts: MTA-STS (RFC 8461) for the sending side of Exim.
# `make` builds, `make check` tests everything (as root), `make demo` shows it.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib/exim4/mta-sts
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/exim4-mta-sts
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
SYSCONFDIR ?= /etc/exim4
CONFDIR ?= $(LIBDIR)/exim-conf
CACHEDIR ?= /var/spool/exim4/mta-sts
UNITDIR ?= $(PREFIX)/lib/systemd/system
EXIM_USER ?= Debian-exim
EXIM_GROUP ?= $(EXIM_USER)
DESTDIR ?=

CC ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS ?= -O2 -g
PYTHON ?= /usr/bin/python3

STD := -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wcast-qual -Wvla \
	-Wundef -Wformat=2 -Wconversion -Wswitch-enum $(WERROR)
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection
ifeq ($(FORTIFY),)
HARD += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
PATHS := -DMTA_STS_VERSION='"$(VERSION)"' \
	-DMTA_STS_CONF='"$(SYSCONFDIR)/mta-sts.conf"' \
	-DMTA_STS_EXCEPTIONS='"$(SYSCONFDIR)/mta-sts.exceptions"' \
	-DMTA_STS_CACHEDIR='"$(CACHEDIR)"' \
	-DMTA_STS_FETCH='"$(LIBDIR)/mta-sts-fetch"' \
	-DMTA_STS_SO='"$(LIBDIR)/mta_sts.so"' \
	-DMTA_STS_TOOL='"$(SBINDIR)/mta-sts"' \
	-DMTA_STS_ETC='"$(CONFDIR)"' -DMTA_STS_SYSCONFDIR='"$(SYSCONFDIR)"'
ALL_CFLAGS = $(STD) $(WARN) $(HARD) $(PATHS) $(SAN) $(CPPFLAGS) $(CFLAGS)
LINK_ALL := -Wl,-z,relro,-z,noexecstack -Wl,--as-needed
LINK_HARD := $(LINK_ALL) -Wl,-z,now
# Every delivery process loads the module and calls few of the functions that
# it names: to find all of them among Exim's 43 libraries would be half of what
# a first look-up costs.
LINK_MODULE := $(LINK_ALL) -Wl,-z,lazy -Wl,-z,nodelete -nostartfiles

# What only a few look-ups need is loaded on use: protocol/library.h.
MODULE_LIBS ?= -lresolv -ldl
CORE_LIBS ?= $(shell $(PKG_CONFIG) --libs tdb) $(MODULE_LIBS)
CURL_LIBS ?= $(shell $(PKG_CONFIG) --libs libcurl openssl)
JSON_LIBS ?= $(shell $(PKG_CONFIG) --libs jansson zlib)

B := build
# The helper's, yet fit for a test of its own: what strangers may send us to,
# and answer, and what holds us then.
guard := module/net/address.c module/net/fetch_head.c \
	module/net/fetch_filter.c module/net/fetch_sandbox.c \
	module/net/fetch_standby.c
# The tool's alone: nothing that Exim loads makes processes like itself, keeps
# one, or sends reports.
forks := module/net/workers.c module/net/standby.c module/net/post.c
# What is counted for reports is Exim's business, too; to send them is not.
collect := $(addprefix module/report/,applied.c blame.c count.c \
	datagram.c day.c dayfile.c dayvalue.c fold.c journal.c session.c sink.c \
	tlsrpt_lookup.c tlsrpt_record.c trail.c verdict.c)
# libtdb on use, for what Exim loads or starts; all else is linked with it.
tdbload := module/store/tdbload.c
core := $(filter-out $(tdbload),$(wildcard module/protocol/*.c \
	module/store/*.c module/lookup/*.c)) $(collect) \
	$(filter-out module/net/fetch_%.c $(guard) $(forks), \
	$(wildcard module/net/*.c))
send := $(filter-out $(collect),$(wildcard module/report/*.c))
exim := $(wildcard module/exim/*.c) $(tdbload)
# Whether mail may go to a host's addresses is looked at by the tool, too.
tool := $(wildcard module/tool/*.c) $(forks) $(send) $(tdbload) \
	module/net/fetch_host.c module/net/address.c
helper := $(wildcard module/net/fetch_*.c module/protocol/*.c) \
	module/net/address.c module/net/become.c
units := $(wildcard tests/unit/test_*.c)
unit_help := $(filter-out $(units),$(wildcard tests/unit/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))
pages := $(wildcard module/man/*.[158])
every_c := $(shell find module tests -name '*.c')
every_h := $(shell find module tests -name '*.h')

# `make V=1` shows every command.
Q := $(if $(V),,@)
say = @echo "  $(1)	$@"

all: $(B)/mta_sts.so $(B)/mta-sts-fetch $(B)/mta-sts

# What was built for other places or with other flags is built anew.
export BUILT_WITH = $(CC) $(ALL_CFLAGS) $(LINK_HARD) $(LINK_MODULE) $(LDFLAGS)
$(B)/built-with: always
	@mkdir -p $(@D)
	@printf '%s\n' "$$BUILT_WITH" | cmp -s - $@ || \
	    printf '%s\n' "$$BUILT_WITH" >$@

$(B)/%.o: %.c Makefile VERSION $(B)/built-with
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/mta_sts.so: $(call obj,$(core) $(exim)) module/exim/exim.map
	$(call say,LINK)
	$(Q)$(CC) -shared $(LINK_MODULE) $(SAN) $(LDFLAGS) \
	    -Wl,--version-script=module/exim/exim.map -o $@ \
	    $(filter %.o,$^) $(MODULE_LIBS)

$(B)/mta-sts-fetch: $(call obj,$(helper))
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(SAN) $(LDFLAGS) -o $@ $^ $(CURL_LIBS) -ldl

$(B)/mta-sts: $(call obj,$(core) $(tool))
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(SAN) $(LDFLAGS) -o $@ $^ $(MODULE_LIBS) $(JSON_LIBS)

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o \
    $(call obj,$(core) $(guard) $(forks) $(send) $(unit_help))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) $(JSON_LIBS) \
	    -lcmocka

# Small programs that the scripts of the test world run; one has a clock for
# the module that it loads.
$(B)/tests/world/asker: private override LDFLAGS += -rdynamic
$(B)/tests/world/%: $(B)/tests/world/%.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

# A cache for the tests of the tool.
$(B)/tests/tool/%: $(B)/tests/tool/%.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

# What a test loads into the tool to kill it at a step of its choice.
$(B)/tests/kill/steps.so: $(B)/tests/kill/steps.o
	$(call say,LINK)
	$(Q)$(CC) -shared $(LINK_HARD) $(LDFLAGS) -o $@ $^ -ldl

$(B)/tests/corpus/probe: $(B)/tests/corpus/probe.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

# What `make bench` compares us with.
$(B)/tests/bench/constant.so: $(B)/tests/bench/constant.o
	$(call say,LINK)
	$(Q)$(CC) -shared $(LINK_HARD) $(LDFLAGS) -o $@ $^

$(B)/tests/bench/smallest_%: $(B)/tests/bench/smallest_%.o
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(LDFLAGS) -o $@ $^ $(CURL_LIBS) -lresolv

# As in Exim.
$(B)/tests/bench/events: $(call obj,$(tdbload))
$(B)/tests/bench/%: $(B)/tests/bench/%.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

# With a main() of ours, or with a fuzzer's.
FUZZ_MAIN ?= $(call obj,tests/fuzz/fuzz_main.c tests/unit/guard.c)

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o \
    $(call obj,tests/fuzz/fuzz.c $(core) $(guard)) $(FUZZ_MAIN)
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lpcre2-8

# Tests whose allocations fail; ours are counted between two objects.
torture := $(call obj,tests/torture/begin.c $(core) $(guard) $(forks) \
	$(send) tests/torture/end.c $(unit_help) tests/torture/torture.c)
$(B)/tests/torture/memory: $(B)/tests/torture/memory.o $(torture)
	$(call say,LINK)
	$(Q)$(CC) -pie $(LDFLAGS) -o $@ $^ $(CORE_LIBS) $(JSON_LIBS) -lcmocka

$(B)/tests/torture/test_%: $(B)/tests/unit/test_%.o $(torture) \
    $(B)/tests/torture/rerun.o
	$(call say,LINK)
	$(Q)$(CC) -pie $(LDFLAGS) -Wl,--wrap=_cmocka_run_group_tests -o $@ $^ \
	    $(CORE_LIBS) $(JSON_LIBS) -lcmocka

-include $(shell find $(B)/module $(B)/tests -name '*.d' 2>/dev/null)

# --- tests -----------------------------------------------------------------
unit_bin := $(patsubst %.c,$(B)/%,$(units) \
	$(wildcard tests/world/*.c tests/tool/*.c))

# What the test world needs.
world-bin: all $(patsubst %.c,$(B)/%,$(wildcard tests/world/*.c)) \
    $(B)/tests/kill/steps.so

unit-bin: $(unit_bin) $(B)/tests/corpus/probe $(B)/tests/kill/steps.so

fuzz-bin: $(patsubst %.c,$(B)/%,$(filter-out %/fuzz_main.c, \
	$(wildcard tests/fuzz/fuzz_*.c)))

unit: all unit-bin
	tests/run unit

check: deps
	$(MAKE) -j"$$(nproc)" all unit-bin fuzz-bin $(B)/tests/torture/memory
	tests/run all

bench_bin := $(patsubst %.c,$(B)/%, \
	$(filter-out %/constant.c,$(wildcard tests/bench/*.c))) \
	$(B)/tests/bench/constant.so

# Minutes; writes bench/RESULTS.md.  GOALS=G1,G9 measures only those, and
# writes nothing.
bench: deps
	$(MAKE) -j"$$(nproc)" all $(bench_bin)
	tests/bench/run $(GOALS)

# The test world with the Exims of Debian 12, 13 and sid; half an hour.
check-matrix: deps
	$(MAKE) -j"$$(nproc)" world-bin
	tests/world/matrix
	tests/world/matrix --one debian12-heavy debian13-heavy sid-heavy

deps:
	tests/install-deps

demo: deps
	$(MAKE) -j"$$(nproc)" all
	tests/world/demo

# --- habits ------------------------------------------------------------------
lint:
	tests/install-deps --lint
	tests/lint

# What lint tells the tools that read the source without building it.
flags:
	@printf '%s\n' $(STD) $(PATHS)

asan: asan-unit asan-world

asan-unit:
	tests/install-deps --asan
	$(MAKE) -j"$$(nproc)" B=build/asan CC=clang FORTIFY=no LDFLAGS= CFLAGS="-O1 -g" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" all unit-bin
	MTA_STS_BUILD=build/asan tests/run unit

# The test world with the module in an Exim under the sanitizer; ASAN_CASES is
# a pattern for some of it.
ASAN_CASES ?=
asan_runtime = $(dir $(shell clang -print-file-name=libclang_rt.asan-x86_64.so))
asan-world: deps
	tests/install-deps --asan
	$(MAKE) $(B)/mta-sts-fetch
	$(MAKE) -j"$$(nproc)" B=build/asan-world CC=clang FORTIFY=no CFLAGS="-O1 -g" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" \
	    LDFLAGS="-shared-libsan -Wl,-rpath,$(asan_runtime)" all unit-bin
	cp -f $(B)/mta-sts-fetch build/asan-world/mta-sts-fetch
	tests/world/asan build/asan-world '$(ASAN_CASES)'

# All targets together for about so long; FUZZ_TARGETS="dns entry" for some.
FUZZ_SECONDS ?= 600
fuzz:
	tests/install-deps --lint
	$(MAKE) -j"$$(nproc)" B=build/fuzz CC=clang FORTIFY=no CFLAGS="-O1 -g" \
	    SAN="-fsanitize=fuzzer-no-link,address,undefined \
	    -fno-sanitize-recover=all" LDFLAGS=-fsanitize=fuzzer FUZZ_MAIN= fuzz-bin
	MTA_STS_BUILD=build/fuzz tests/fuzz/run $(FUZZ_SECONDS) $(FUZZ_TARGETS)

# The Debian package, in build/deb.
deb:
	tests/install-deps --deb
	tests/deb/build build/deb

# The package in fresh systems of Debian 12 and 13; minutes.
check-deb: deb
	tests/deb/run

# The module among 32 processes, kills and jumps of the clock, for a minute.
SOAK_SECONDS ?= 60
soak: deps
	$(MAKE) -j"$$(nproc)" all unit-bin
	tests/world/enter $(PYTHON) tests/world/soak.py $(SOAK_SECONDS)
	STORM_DOMAINS=10000 STORM_KILLS=1000 tests/world/enter $(PYTHON) \
	    tests/world/run.py "bt_by_anybody|exim_killed"

# Every allocation of every unit test fails once.
torture:
	tests/install-deps
	$(MAKE) -j"$$(nproc)" B=build/torture CFLAGS="-O2 -g -fno-reorder-functions \
	    -fno-reorder-blocks-and-partition" torture-bin
	MTA_STS_BUILD=build/torture tests/torture/run

# test_cache_faults brings an allocator of its own that does so.
torture-bin: $(B)/tests/torture/memory \
    $(patsubst tests/unit/%.c,$(B)/tests/torture/%, \
	$(filter-out %/test_cache_faults.c,$(units)))

.PHONY: asan-unit asan-world fuzz fuzz-bin soak torture torture-bin

# --- install -------------------------------------------------------------------
fragments := $(addprefix exim-conf/mta-sts., main routers transports retry \
	site acl report-router report-smtp)
for_debian := $(addprefix exim-conf/debian/,main acl routers transports retry)
drop_ins := main/01_mta-sts acl/25_mta-sts router/190_mta-sts \
	transport/30_mta-sts_smtp retry/20_mta-sts
examples := exim-conf/example.conf exim-conf/smarthost.conf.example
units_systemd := $(wildcard systemd/*.service systemd/*.timer)
cron := systemd/exim4-mta-sts.cron
# What is installed names the places that the programs were built for.
places := -e 's,/usr/lib/exim4/mta-sts/exim-conf,$(CONFDIR),g' \
	-e 's,/usr/lib/exim4/mta-sts,$(LIBDIR),g' \
	-e 's,/usr/sbin/mta-sts,$(SBINDIR)/mta-sts,g' \
	-e 's,/var/spool/exim4/mta-sts,$(CACHEDIR),g' \
	-e 's,/etc/exim4/mta-sts,$(SYSCONFDIR)/mta-sts,g'
users := -e 's,^Group=Debian-exim,Group=$(EXIM_GROUP),' \
	-e 's,Debian-exim,$(EXIM_USER),'
D = $(DESTDIR)
# copy FILE...: into the directory $$to.
copy = for f in $(1); do sed $(places) $(2) $$f >$$to/$${f\#\#*/} && \
	    chmod 0644 $$to/$${f\#\#*/} || exit 1; done

install: all
	install -d $(D)$(LIBDIR) $(D)$(SBINDIR) $(D)$(CONFDIR)/debian \
	    $(D)$(SYSCONFDIR) $(D)$(DOCDIR) $(D)$(DOCDIR)/examples \
	    $(D)$(MANDIR)/man5 $(D)$(MANDIR)/man8 $(D)$(UNITDIR) $(D)$(BASHDIR)
	install -m 0644 $(B)/mta_sts.so $(D)$(LIBDIR)/mta_sts.so.new
	mv -f $(D)$(LIBDIR)/mta_sts.so.new $(D)$(LIBDIR)/mta_sts.so
	install -m 0755 $(B)/mta-sts-fetch $(D)$(LIBDIR)/
	install -m 0755 $(B)/mta-sts $(D)$(SBINDIR)/
	to=$(D)$(CONFDIR); $(call copy,$(fragments))
	to=$(D)$(CONFDIR)/debian; $(call copy,$(for_debian))
	to=$(D)$(DOCDIR)/examples; $(call copy,$(examples))
	to=$(D)$(DOCDIR)/examples; $(call copy,$(cron),$(users))
	to=$(D)$(UNITDIR); $(call copy,$(units_systemd),$(users))
	to=$(D)$(BASHDIR); $(call copy,completion/mta-sts)
	to=$(D)$(MANDIR)/man5; $(call copy,$(filter %.5,$(pages)))
	to=$(D)$(MANDIR)/man8; $(call copy,$(filter %.8,$(pages)))
	[ -e $(D)$(SYSCONFDIR)/mta-sts.conf ] || { to=$(D)$(SYSCONFDIR); \
	    $(call copy,exim-conf/mta-sts.conf); }
ifeq ($(DESTDIR),)
	@install -d -m 0750 -o $(EXIM_USER) -g $(EXIM_GROUP) $(CACHEDIR) || { \
	    echo "is Exim's user $(EXIM_USER)? see INSTALL 3" >&2; exit 1; }
endif

# Debian's split configuration: see INSTALL.
install-debian:
	for f in $(drop_ins); do install -d $(D)$(SYSCONFDIR)/conf.d/$${f%/*} && \
	    sed $(places) exim-conf/debian/conf.d/$$f \
	        >$(D)$(SYSCONFDIR)/conf.d/$$f && \
	    chmod 0644 $(D)$(SYSCONFDIR)/conf.d/$$f || exit 1; done

uninstall-debian:
	rm -f $(addprefix $(D)$(SYSCONFDIR)/conf.d/,$(drop_ins))

uninstall:
	rm -f $(D)$(LIBDIR)/mta_sts.so $(D)$(LIBDIR)/mta-sts-fetch \
	    $(D)$(SBINDIR)/mta-sts \
	    $(addprefix $(D)$(CONFDIR)/,$(notdir $(fragments)))
	for p in $(notdir $(pages)); do rm -f $(D)$(MANDIR)/man$${p##*.}/$$p; done
	rm -f $(addprefix $(D)$(UNITDIR)/,$(notdir $(units_systemd)))
	rm -rf $(D)$(DOCDIR)/examples
	rm -f $(D)$(BASHDIR)/mta-sts \
	    $(addprefix $(D)$(CONFDIR)/debian/,$(notdir $(for_debian)))
	-rmdir $(D)$(CONFDIR)/debian
	-rmdir $(D)$(CONFDIR) $(D)$(LIBDIR) $(D)$(DOCDIR) 2>/dev/null
	@echo "kept: $(D)$(CACHEDIR) and $(D)$(SYSCONFDIR)/mta-sts.*"

clean:
	rm -rf build

.PHONY: always all check-matrix unit unit-bin check bench deps demo lint flags asan install uninstall \
	install-debian uninstall-debian deb check-deb clean
