# SPDX-License-Identifier: GPL-2.0

# libxlutil and libxenlight (exact-version sonames) are for this program alone
$(eval $(call program,libexec/vtoe-xlcfg,tools/vtoe-xlcfg.c tools/xlcfg.c,xlutil))
PROGRAMS += $(B)/libexec/vtoe-xlcfg
LIBEXEC  += $(B)/libexec/vtoe-xlcfg

$(eval $(call program,bin/vtoectl,tools/vtoectl.c tools/client.c tools/print.c \
	tools/stats.c tools/create.c tools/format.c tools/table.c \
	toe-service/entry.c $(COMMON_RULE),jansson))
$(B)/obj/tools/create.o: CFLAGS += -DVTOE_LIBEXECDIR='"$(libexecdir)/vtoe"'
PROGRAMS += $(B)/bin/vtoectl
SBIN	 += $(B)/bin/vtoectl

# in guests; packaging/rules.mk installs it there
$(eval $(call program,bin/vtoe-ss,tools/vtoe-ss.c tools/ss.c \
	tools/ss_processes.c tools/table.c,jansson))
PROGRAMS += $(B)/bin/vtoe-ss
