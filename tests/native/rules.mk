# SPDX-License-Identifier: GPL-2.0
#
# Native tests: the shipped vtoed and vtoe-worker (build/asan) on a fake Xen
# host, with the real xenstored and a guest made of frontend/core. As root.
#
#   make check-native			all of it
#   make check-native NATIVE=listen	one program
#   CK_RUN_CASE=... is Check's own; NATIVE_OPS, NATIVE_SEED: see stress_test.c

NATIVE_TESTS := connect listen dgram hostile daemon vtoed spread inventory dhcp range route sharing fault lwip stacks move worker scale stress soak diff
NATIVE	     ?= $(NATIVE_TESTS)
NATIVE_CORE  := tests/native/guest.c tests/native/guest_sock.c \
		tests/native/guest_dgram.c tests/native/flow.c \
		tests/native/native.c tests/native/remote.c tests/native/segment.c $(FRONT_CORE) \
		common/arena.c common/geometry.c

NATIVE_EXTRA_diff := tests/native/guest_world.c tests/native/lwip_world.c \
		$(addprefix tests/xen/programs/sockdiff/,sessions.c make.c \
		make_dgram.c make_step.c call.c message.c world.c settle.c \
		compare.c options_table.c peer.c tools.c)

define native
$(call program,tests/native/$(1)_test,tests/native/$(1)_test.c $(NATIVE_EXTRA_$(1)) $(NATIVE_CORE),check,$(FX)/libfakexen.a -lxenstore -lpthread)
$(B)/tests/native/$(1)_test: $(FX)/libfakexen.a
endef
$(foreach t,$(NATIVE_TESTS),$(eval $(call native,$(t))))

.PHONY: check-native native-programs
native-programs: $(patsubst %,$(B)/tests/native/%_test,$(NATIVE_TESTS))

check-native: fakexen $(patsubst %,$(FX)/%_test,$(FX_TESTS))
	+$(Q)$(BUILD) SAN=1 all native-programs
	$(Q)LOGS=build/native/logs tests/unit/run -j $(TEST_JOBS) build/results/native \
		$(patsubst %,'FAKEXEN_LIB=$(CURDIR)/$(FX)/lib $(FX)/%_test',$(FX_TESTS)) \
		$(patsubst %,'tests/native/run build/asan/tests/native/%_test \
			FAKEXEN_LIB=$(CURDIR)/$(FX)/lib \
			NATIVE_B=build/asan NATIVE_SANITIZED=1 \
			ASAN_OPTIONS=detect_leaks=0 \
			NATIVE_LOGS=$(CURDIR)/build/native/logs \
			CK_VERBOSITY=verbose',$(NATIVE))
