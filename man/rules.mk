# SPDX-License-Identifier: GPL-2.0

MAN_PAGES := man/vtoed.8 man/vtoed.conf.5 man/vtoectl.8 man/vtoe.4 \
	     man/vtoe-ss.8

install-man:
	$(Q)set -e; $(foreach p,$(MAN_PAGES),$(INSTALL) -D -m 644 $(p) \
		$(DESTDIR)$(mandir)/man$(subst .,,$(suffix $(p)))/$(notdir $(p));)
