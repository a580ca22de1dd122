# SPDX-License-Identifier: GPL-2.0
# The fake Xen host. It is below the programs under test, so it is built the
# same, without sanitizers, whatever SAN says: always under build/fakexen.

FX	 := build/fakexen
FX_CORE	 := fx_host fx_domain fx_grant fx_evtchn
FX_LIBS	 := $(FX)/lib/libxengnttab.so.1 $(FX)/lib/libxenevtchn.so.1 \
	    $(FX)/lib/xenctrl/libxenctrl.so.4.17 $(FX)/lib/xenstored-preload.so
FX_TESTS := grant evtchn xenstored
FX_FLAGS  = -std=gnu11 -O2 -g -D_GNU_SOURCE -fPIC $(WARN) $(CFLAGS)
FX_OBJS	  = $(patsubst %,$(FX)/obj/%.o,$(1))

$(FX)/obj/%.o: tests/fakexen/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(FX_FLAGS) -MMD -MP -c -o $@ $<

# $(call fx_lib,PATH,OBJECTS,SONAME,VERSION-SCRIPT)
define fx_lib
$(FX)/lib/$(1): $(call FX_OBJS,$(2)) $(if $(4),tests/fakexen/$(4))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) -shared -o $$@ $(call FX_OBJS,$(2)) -lpthread \
		$(if $(3),-Wl$(comma)-soname$(comma)$(3)) \
		$(if $(4),-Wl$(comma)--version-script=tests/fakexen/$(4))
endef
# Domains are introduced by tests only: the libraries must not need libxenstore.
FX_LIB_CORE := fx_host fx_mem fx_grant fx_evtchn
$(eval $(call fx_lib,libxengnttab.so.1,libxengnttab $(FX_LIB_CORE),libxengnttab.so.1,libxengnttab.map))
$(eval $(call fx_lib,libxenevtchn.so.1,libxenevtchn $(FX_LIB_CORE),libxenevtchn.so.1,libxenevtchn.map))
$(eval $(call fx_lib,xenctrl/libxenctrl.so.4.17,libxenctrl $(FX_LIB_CORE),libxenctrl.so.4.17,libxenctrl.map))
$(eval $(call fx_lib,xenstored-preload.so,xenstored_preload,,))

# What test programs and test guests link.
$(FX)/libfakexen.a: $(call FX_OBJS,$(FX_LIB_CORE) fx_domain fx_xs fx_xenstored)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(FX)/fakexen-run: $(call FX_OBJS,fakexen_run) $(FX)/libfakexen.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ -lxenstore -lpthread

$(FX)/%_test: $(FX)/obj/%_test.o $(FX)/libfakexen.a
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ -lxenstore $(shell $(PKG_CONFIG) --libs check) -lpthread

.SECONDARY:
.PHONY: fakexen check-fakexen
fakexen: $(FX_LIBS) $(FX)/libfakexen.a $(FX)/fakexen-run
check-fakexen: fakexen $(patsubst %,$(FX)/%_test,$(FX_TESTS))
	$(Q)for t in $(FX_TESTS); do \
		FAKEXEN_LIB=$(CURDIR)/$(FX)/lib CK_VERBOSITY=normal \
			$(FX)/$${t}_test || exit 1; done

DEPS += $(wildcard $(FX)/obj/*.d)
