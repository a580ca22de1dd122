# SPDX-License-Identifier: GPL-2.0
# vtoe.ko, for the kernel whose headers are in KDIR (by default the newest that
# are installed). Kbuild writes beside its sources, so it works on a copy.

KDIR ?= $(lastword $(sort $(wildcard /usr/src/linux-headers-*-amd64)))
MODULE_SOURCES := $(addprefix frontend/module/,Kbuild main.c device.c device.h \
		  link.c link.h \
		  call.c call.h intercept.c intercept.h switch.c switch.h rules.c rules.h \
		  sock.c sock.h slot.c connect.c listen.c offer.c \
		  stream.c stream.h receive.c send.c tx_run.c poll.c \
		  dgram.c dgram.h dgram_send.c dgram_receive.c option.c \
		  option.h option_list.h options.c options.h told.c proc.c proc.h addr.h \
		  way.h) \
		  $(addprefix frontend/core/,front.c front.h slot.c command.c \
		  stream.c dgram.c) \
		  $(addprefix common/,arena.c arena.h geometry.c geometry.h \
		  ring.h atomic.h prefix.h rule.h rule_read.c rule_match.c) \
		  $(addprefix xenstore-schema/,vtoe_wire.h vtoe_keys.h)
MODULE_DIR := build/module
MODULE_COPY := $(addprefix $(MODULE_DIR)/src/,$(MODULE_SOURCES))

.PHONY: module
module: $(MODULE_DIR)/vtoe.ko

$(MODULE_DIR)/src/%: %
	@mkdir -p $(@D)
	@cp $< $@

$(MODULE_DIR)/vtoe.ko: $(MODULE_COPY)
	$(call say,KBUILD,$@)
	$(Q)$(MAKE) --no-print-directory -C $(KDIR) \
		M=$(CURDIR)/$(MODULE_DIR)/src/frontend/module \
		VTOE_VERSION=$(VERSION) $(if $(W),W=$(W)) $(if $(C),C=$(C)) \
		modules $(if $(V),,>$(MODULE_DIR)/log 2>&1 || \
		{ cat $(MODULE_DIR)/log; false; })
	@cp $(MODULE_DIR)/src/frontend/module/vtoe.ko $@
