# exim-mta-sts: MTA-STS (RFC 8461) for the sending side of Exim.
# `make` builds, `make check` tests everything (as root), `make demo` shows it.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr
LIBDIR ?= $(PREFIX)/lib/exim4/mta-sts
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/exim4-mta-sts
SYSCONFDIR ?= /etc/exim4
CONFDIR ?= $(LIBDIR)/exim-conf
CACHEDIR ?= /var/spool/exim4/mta-sts
EXIM_USER ?= Debian-exim
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
	-DMTA_STS_TOOL='"$(SBINDIR)/mta-sts"'
ALL_CFLAGS = $(STD) $(WARN) $(HARD) $(PATHS) $(SAN) $(CPPFLAGS) $(CFLAGS)
LINK_HARD := -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed

CORE_LIBS ?= $(shell $(PKG_CONFIG) --libs tdb libidn2) -lresolv
CURL_LIBS ?= $(shell $(PKG_CONFIG) --libs libcurl openssl)
JSON_LIBS ?= $(shell $(PKG_CONFIG) --libs jansson)

B := build
# The helper's, yet pure: what strangers may send us to, and answer.
guard := module/net/address.c module/net/fetch_head.c
core := $(wildcard module/protocol/*.c module/store/*.c module/lookup/*.c) \
	$(filter-out module/net/fetch_%.c $(guard),$(wildcard module/net/*.c))
exim := $(wildcard module/exim/*.c)
tool := $(wildcard module/tool/*.c)
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

$(B)/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/mta_sts.so: $(call obj,$(core) $(exim)) module/exim/exim.map
	$(call say,LINK)
	$(Q)$(CC) -shared $(LINK_HARD) -Wl,-z,nodelete $(SAN) $(LDFLAGS) \
	    -Wl,--version-script=module/exim/exim.map -o $@ \
	    $(filter %.o,$^) $(CORE_LIBS)

$(B)/mta-sts-fetch: $(call obj,$(helper))
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(SAN) $(LDFLAGS) -o $@ $^ $(CURL_LIBS) \
	    $(shell $(PKG_CONFIG) --libs libidn2)

$(B)/mta-sts: $(call obj,$(core) $(tool))
	$(call say,LINK)
	$(Q)$(CC) -pie $(LINK_HARD) $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) $(JSON_LIBS)

$(B)/tests/unit/test_%: $(B)/tests/unit/test_%.o \
    $(call obj,$(core) $(guard) $(unit_help))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lcmocka -ldl

# Small programs that the scripts of the test world run.
$(B)/tests/world/%: $(B)/tests/world/%.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

# A cache for the tests of the tool.
$(B)/tests/tool/%: $(B)/tests/tool/%.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

$(B)/tests/corpus/probe: $(B)/tests/corpus/probe.o $(call obj,$(core))
	$(call say,LINK)
	$(Q)$(CC) -pie $(SAN) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- tests -----------------------------------------------------------------
unit_bin := $(patsubst %.c,$(B)/%,$(units) \
	$(wildcard tests/world/*.c tests/tool/*.c))

unit-bin: $(unit_bin) $(B)/tests/corpus/probe

unit: all unit-bin
	tests/run unit

check: deps
	$(MAKE) all unit-bin
	tests/run all

deps:
	tests/install-deps

demo: deps
	$(MAKE) all
	tests/world/demo

# --- habits ------------------------------------------------------------------
lint:
	tests/install-deps --lint
	tests/lint

# What lint tells the tools that read the source without building it.
flags:
	@printf '%s\n' $(STD) $(PATHS)

asan:
	$(MAKE) B=build/asan CC=clang FORTIFY=no LDFLAGS= CFLAGS="-O1 -g" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" all unit-bin
	MTA_STS_BUILD=build/asan tests/run unit

# --- install -------------------------------------------------------------------
fragments := $(addprefix exim-conf/mta-sts., main routers transports site acl)
examples := exim-conf/example.conf exim-conf/smarthost.conf.example
# The fragments name the places that the programs were built for.
places := -e 's,/usr/lib/exim4/mta-sts/exim-conf,$(CONFDIR),' \
	-e 's,/usr/lib/exim4/mta-sts,$(LIBDIR),' \
	-e 's,/usr/sbin/mta-sts,$(SBINDIR)/mta-sts,'
D = $(DESTDIR)

install: all
	install -d $(D)$(LIBDIR) $(D)$(SBINDIR) $(D)$(CONFDIR) $(D)$(SYSCONFDIR) \
	    $(D)$(DOCDIR)/examples $(D)$(MANDIR)/man5 $(D)$(MANDIR)/man8
	install -m 0644 $(B)/mta_sts.so $(D)$(LIBDIR)/mta_sts.so.new
	mv -f $(D)$(LIBDIR)/mta_sts.so.new $(D)$(LIBDIR)/mta_sts.so
	install -m 0755 $(B)/mta-sts-fetch $(D)$(LIBDIR)/
	install -m 0755 $(B)/mta-sts $(D)$(SBINDIR)/
	for f in $(fragments); do sed $(places) $$f >$(D)$(CONFDIR)/$${f##*/} && \
	    chmod 0644 $(D)$(CONFDIR)/$${f##*/} || exit 1; done
	install -m 0644 $(examples) $(D)$(DOCDIR)/examples/
	cp -R exim-conf/debian $(D)$(DOCDIR)/examples/
	[ -e $(D)$(SYSCONFDIR)/mta-sts.conf ] || \
	    install -m 0644 exim-conf/mta-sts.conf $(D)$(SYSCONFDIR)/
	for p in $(pages); do install -m 0644 $$p \
	    $(D)$(MANDIR)/man$${p##*.}/ || exit 1; done
	@if [ -z "$(D)" ] && id -u $(EXIM_USER) >/dev/null 2>&1; then \
	    install -d -m 0750 -o $(EXIM_USER) -g $(EXIM_USER) $(CACHEDIR); fi

uninstall:
	rm -f $(D)$(LIBDIR)/mta_sts.so $(D)$(LIBDIR)/mta-sts-fetch \
	    $(D)$(SBINDIR)/mta-sts \
	    $(addprefix $(D)$(CONFDIR)/,$(notdir $(fragments)))
	for p in $(notdir $(pages)); do rm -f $(D)$(MANDIR)/man$${p##*.}/$$p; done
	rm -rf $(D)$(DOCDIR)/examples
	-rmdir $(D)$(CONFDIR) $(D)$(LIBDIR) $(D)$(DOCDIR) 2>/dev/null
	@echo "kept: $(D)$(CACHEDIR) and $(D)$(SYSCONFDIR)/mta-sts.*"

clean:
	rm -rf build

.PHONY: all unit unit-bin check deps demo lint flags asan install uninstall clean
