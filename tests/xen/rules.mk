# SPDX-License-Identifier: GPL-2.0
#
# Real Xen under QEMU. check-xen and demo build and install everything first.
#
#   make check-xen [SCENARIO="name …"] [XEN_PARTS="xen programs"]
#   make soak [SOAK_SECONDS=600] [SOAK_SEED=N]

XEN_GUEST_PROGRAMS :=

# $(call xen_guest_program,NAME,SOURCE,LIBS): static, for guests and dom0
define xen_guest_program
build/xen/guest-bin/$(1): $(2)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) -std=gnu11 -O2 -D_GNU_SOURCE $(WARN) -static -o $$@ $(2) $(3)
XEN_GUEST_PROGRAMS += build/xen/guest-bin/$(1)
endef

SOCKCHECK := $(addprefix tests/xen/programs/sockcheck/,sockcheck.c tools.c \
	       peer.c connect.c listen.c data.c close.c poll.c option.c \
	       process.c dgram.c dgram_peer.c life.c uring.c walk.c)

SOCKDIFF := $(addprefix tests/xen/programs/sockdiff/,sockdiff.c sessions.c make.c make_dgram.c \
	      make_step.c call.c message.c world.c settle.c compare.c \
	      options_table.c peer.c tools.c)

$(eval $(call xen_guest_program,fetch,tests/xen/programs/fetch.c))
$(eval $(call xen_guest_program,crowd,tests/xen/programs/crowd.c))
$(eval $(call xen_guest_program,gap,tests/xen/programs/gap.c))
$(eval $(call xen_guest_program,chatter,tests/xen/programs/chatter.c))
$(eval $(call xen_guest_program,sockcheck,$(SOCKCHECK),-luring))
build/xen/guest-bin/sockcheck: tests/xen/programs/sockcheck/sockcheck.h \
	       frontend/module/option_list.h
$(eval $(call xen_guest_program,sockdiff,$(SOCKDIFF)))
build/xen/guest-bin/sockdiff: $(addprefix tests/xen/programs/sockdiff/, \
	sockdiff.h call.h make.h)

# runs in dom0, with its libraries
BADHOST := $(B)/tests/xen/badhost
$(eval $(call program,tests/xen/badhost,tests/xen/programs/badhost.c common/geometry.c,,-lxengnttab))

# a kernel module for guests: allocations of vtoe.ko fail
FAILALLOC := build/tests/xen/failalloc/failalloc.ko
$(FAILALLOC): tests/xen/programs/failalloc.c
	$(call say,KBUILD,$@)
	@mkdir -p $(@D)
	@cp $< $(@D)
	@echo 'obj-m := failalloc.o' >$(@D)/Kbuild
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) M=$(CURDIR)/$(@D) modules \
		>$(@D)/log 2>&1 || { cat $(@D)/log; false; }

.PHONY: xen-install xen-builds check-xen check-programs soak demo
# what a user would install, for dom0
xen-install: all module $(XEN_GUEST_PROGRAMS)
	$(Q)rm -rf build/install
	+$(Q)$(MAKE) --no-print-directory install \
		DESTDIR=$(CURDIR)/build/install >/dev/null

xen-builds: xen-install $(BADHOST) $(FAILALLOC)

check-xen:
	+$(Q)$(BUILD) xen-builds
	$(Q)tests/xen/run $(XEN_PARTS:%=--part %) --result build/results/xen \
		$(SCENARIO)

# Debian's programs over vif and through vtoe, compared
check-programs:
	+$(Q)$(BUILD) xen-install
	$(Q)tests/xen/run --part programs --result build/results/programs

# random trouble with TOEs under load, for as long as one likes
soak:
	+$(Q)$(BUILD) xen-install
	$(Q)tests/xen/run --part soak

demo: packages
	+$(Q)$(BUILD) xen-install
	$(Q)tests/xen/demo
