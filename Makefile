# SPDX-License-Identifier: GPL-2.0
#
# xen-vtoe: one Makefile, with a rules.mk in each folder.
#
#   make            build everything that runs in dom0
#   make demo       show the main job on real Xen (under QEMU)
#   make check      all tests: check-unit, check-native, check-xen
#   make bench      benchmarks at native level; make bench-xen: on real Xen
#   make install    DESTDIR=, prefix=
#   make packages   install the Debian packages that all this needs
#
# SAN=1 builds with ASan and UBSan, under build/asan; V=1 shows commands.

VERSION	    := 0.1.0
SAN	    ?=
B	    := build$(if $(SAN),/asan)
prefix	    ?= /usr
sysconfdir  ?= /etc
sbindir	    ?= $(prefix)/sbin
bindir	    ?= $(prefix)/bin
libexecdir  ?= $(prefix)/libexec
mandir	    ?= $(prefix)/share/man
unitdir	    ?= /lib/systemd/system
DESTDIR	    ?=
PKG_CONFIG  ?= pkg-config
INSTALL	    ?= install

ifeq ($(origin CC),default)
CC := gcc
endif
Q := $(if $(V),,@)
# makes targets as fast as it can, if make was not told otherwise
BUILD = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

comma	  := ,
SAN_FLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
WARN	  := -Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wshadow \
	     -Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror)
ALL_CFLAGS = -std=gnu11 -O2 -g -D_GNU_SOURCE -DVTOE_VERSION='"$(VERSION)"' \
	     -fstack-protector-strong $(WARN) $(SAN_FLAGS) $(CFLAGS)
ALL_LDFLAGS = -Wl,-z,relro,-z,now $(SAN_FLAGS) $(LDFLAGS)

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
PROGRAMS :=
LIBEXEC  :=
SBIN	 :=

# $(call program,PATH-UNDER-$(B),SOURCES,PKG-CONFIG-PACKAGES,OTHER-LIBS)
# Objects are built per source file, once, with the packages' flags.
define program
$(B)/$(1): $(patsubst %.c,$(B)/obj/%.o,$(2))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $(if $(3),$$(shell $(PKG_CONFIG) --libs $(3))) $(4)
$(if $(3),$(patsubst %.c,$(B)/obj/%.o,$(2)): PKGS += $(3))
DEPS += $(patsubst %.c,$(B)/obj/%.d,$(2))
endef

$(B)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(if $(PKGS),$$($(PKG_CONFIG) --cflags $(sort $(PKGS)))) -MMD -MP -c -o $@ $<

FOLDERS := packaging man common xenstore-schema frontend/core frontend/module \
	   backend backend/worker toe-service tools tests tests/unit \
	   tests/fakexen tests/native tests/xen tests/bench
-include $(wildcard $(addsuffix /rules.mk,$(FOLDERS)))

.PHONY: all check install clean packages asan
all: $(PROGRAMS)

# the same programs with sanitizers, for tests/native
asan:
	+$(Q)$(MAKE) --no-print-directory SAN=1 all

clean:
	rm -rf build/obj build/asan build/bin build/module

-include $(DEPS)
