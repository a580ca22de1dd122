# SPDX-License-Identifier: GPL-2.0

# libxlutil and libxenlight (exact-version sonames) are for this program alone
$(eval $(call program,libexec/vtoe-xlcfg,tools/vtoe-xlcfg.c tools/xlcfg.c,xlutil))
PROGRAMS += $(B)/libexec/vtoe-xlcfg
LIBEXEC  += $(B)/libexec/vtoe-xlcfg
