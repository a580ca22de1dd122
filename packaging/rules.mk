# SPDX-License-Identifier: GPL-2.0
#
# make install		dom0: programs, unit, man pages, example configuration
# make install-guest	guest: vtoe.ko's source for DKMS, vtoe-ss, man pages
# make dkms-install	the same, and have DKMS build and install it
# make module-install	guest without DKMS: vtoe.ko itself

docdir	   ?= $(prefix)/share/doc/xen-vtoe
modloaddir ?= /usr/lib/modules-load.d
modprobedir ?= /usr/lib/modprobe.d
compldir   ?= $(prefix)/share/bash-completion/completions
DKMS_DIR   := /usr/src/vtoe-$(VERSION)

# $(call put,MODE,FILE,DESTINATION); $(call fill,FILE,DESTINATION)
put  = $(INSTALL) -D -m $(1) $(2) $(DESTDIR)$(3)
fill = mkdir -p $(DESTDIR)$(dir $(2)) && \
	sed 's|@sbindir@|$(sbindir)|g; s|@version@|$(VERSION)|g' $(1) \
		>$(DESTDIR)$(2) && chmod 644 $(DESTDIR)$(2)

.PHONY: install-guest install-guest-common dkms-install module-install install-man
packages:
	$(Q)packaging/install-packages

install: all install-man
	$(Q)set -e; $(foreach p,$(SBIN),$(call put,755,$(p),$(sbindir)/$(notdir $(p)));)
	$(Q)set -e; $(foreach p,$(LIBEXEC),$(call put,755,$(p),$(libexecdir)/vtoe/$(notdir $(p)));)
	$(Q)$(call fill,packaging/vtoed.service,$(unitdir)/vtoed.service)
	$(Q)$(call put,644,packaging/vtoectl.bash,$(compldir)/vtoectl)
	$(Q)$(call put,644,packaging/vtoed.conf.example,$(sysconfdir)/vtoe/vtoed.conf.example)
	$(Q)$(call put,644,COPYING,$(docdir)/COPYING)
# on the machine itself: a configuration to edit, and systemd is told
ifeq ($(DESTDIR),)
	$(Q)test -e $(sysconfdir)/vtoe/vtoed.conf || \
		$(INSTALL) -m 644 packaging/vtoed.conf.example $(sysconfdir)/vtoe/vtoed.conf
	$(Q)! test -d /run/systemd/system || systemctl daemon-reload
	@echo '  installed; next: edit $(sysconfdir)/vtoe/vtoed.conf, systemctl enable --now vtoed'
endif

install-guest-common: $(B)/bin/vtoe-ss
	$(Q)$(call put,644,packaging/vtoe.modules-load,$(modloaddir)/vtoe.conf)
	$(Q)$(call put,644,packaging/vtoe.modprobe,$(modprobedir)/vtoe.conf)
	$(Q)$(call put,755,$(B)/bin/vtoe-ss,$(bindir)/vtoe-ss)
	$(Q)$(call put,644,man/vtoe.4,$(mandir)/man4/vtoe.4)
	$(Q)$(call put,644,man/vtoe-ss.8,$(mandir)/man8/vtoe-ss.8)

install-guest: install-guest-common
	$(Q)set -e; $(foreach f,$(MODULE_SOURCES),$(call put,644,$(f),$(DKMS_DIR)/$(f));)
	$(Q)$(call fill,packaging/dkms.conf,$(DKMS_DIR)/dkms.conf)

dkms-install: install-guest
	dkms install --force vtoe/$(VERSION)

# for the kernel that KDIR has the headers of
module-install: module install-guest-common
	$(Q)release=$$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
		$(KDIR)/include/generated/utsrelease.h) && \
	$(call put,644,build/module/vtoe.ko,/lib/modules/$$release/updates/vtoe.ko) && \
	depmod $(if $(DESTDIR),-b $(DESTDIR)) $$release
