# SPDX-License-Identifier: GPL-2.0
#
# Unit tests: $(call unit,NAME,SOURCES UNDER TEST,PKG-CONFIG-PACKAGES,LIBS)
# builds NAME_test.c with the sources. check-unit builds and runs all of them
# with sanitizers. A program exits 0 and prints Check's summary line.

UNIT_TESTS :=
define unit
$(call program,tests/unit/$(1)_test,tests/unit/$(1)_test.c $(2),check $(3),$(4))
UNIT_TESTS += $(B)/tests/unit/$(1)_test
endef

$(eval $(call unit,arena,common/arena.c))
$(eval $(call unit,geometry,common/geometry.c))
$(eval $(call unit,ring))
$(eval $(call unit,xlcfg,tools/xlcfg.c,xlutil))
$(eval $(call unit,table,tools/table.c tools/format.c))
$(eval $(call unit,front,$(FRONT_CORE) $(COMMON_RING)))
$(eval $(call unit,dgram,$(FRONT_CORE) $(COMMON_RING)))
$(eval $(call unit,entry,toe-service/entry.c $(COMMON_RULE)))
$(eval $(call unit,rule,$(COMMON_RULE)))
$(eval $(call unit,lease,toe-service/lease.c toe-service/entry.c $(COMMON_RULE)))
$(eval $(call unit,range,toe-service/range.c toe-service/entry.c $(COMMON_RULE)))
$(eval $(call unit,route,toe-service/route.c toe-service/entry.c $(COMMON_RULE)))
$(eval $(call unit,config,toe-service/config.c toe-service/config_toe.c toe-service/match.c toe-service/range.c \
	toe-service/route.c \
	toe-service/entry.c $(COMMON_RULE),libconfuse))
$(eval $(call unit,match,toe-service/match.c))
$(eval $(call unit,additions,toe-service/additions.c,jansson))
$(eval $(call unit,worker_patience))
$(eval $(call unit,worker_place,toe-service/place.c))
$(eval $(call unit,worker_options,toe-service/stacks/kernel_options.c))
$(eval $(call unit,pool,toe-service/pool.c,libnl-3.0 libnl-route-3.0))
$(eval $(call unit,health,toe-service/health.c))
$(eval $(call unit,fault,toe-service/stacks/fault.c toe-service/stacks/fault_plan.c))
$(eval $(call unit,drivers,toe-service/stacks/drivers.c \
	toe-service/stacks/complete.c $(COMMON_LOG)))
$(eval $(call unit,skeleton,toe-service/stacks/skeleton.c \
	toe-service/stacks/skeleton_control.c toe-service/stacks/complete.c))
$(eval $(call unit,lwip,$(addprefix toe-service/stacks/, lwip.c lwip_addr.c \
	lwip_guard.c lwip_icmp.c lwip_link.c lwip_move.c lwip_options.c lwip_tcp.c \
	lwip_udp.c lwip_neighbour.c complete.c) $(COMMON_LOG),lwip))
$(eval $(call unit,kernel,$(addprefix toe-service/stacks/, kernel.c \
	kernel_assist.c kernel_datagram.c kernel_move.c kernel_options.c \
	complete.c),libnl-3.0))
$(eval $(call unit,context,$(wildcard toe-service/context*.c) toe-service/place.c \
	toe-service/stacks/skeleton.c toe-service/stacks/complete.c \
	$(COMMON_RING)))

# every header that another folder includes compiles alone
UNIT_HEADERS := $(wildcard xenstore-schema/*.h common/*.h frontend/core/*.h \
		  backend/*.h backend/worker/*.h toe-service/*.h tools/*.h)
# and these in the kernel as well; log and loop are for dom0 only
UNIT_KERNEL_HEADERS := $(filter-out $(addprefix common/,log.h loop.h unixsock.h spawn.h), \
		  $(wildcard xenstore-schema/*.h common/*.h frontend/core/*.h))

.PHONY: check-unit unit-programs
unit-programs: $(UNIT_TESTS) $(B)/bin/vtoectl $(B)/bin/vtoe-ss $(B)/libexec/vtoe-xlcfg

check-unit:
	+$(Q)$(BUILD) SAN=1 unit-programs
	$(Q)tests/unit/run -j $(TEST_JOBS) build/results/unit \
		$(patsubst $(B)/%,build/asan/%,$(UNIT_TESTS)) \
		'tests/unit/vtoectl_test build/asan/bin/vtoectl build/asan/libexec/vtoe-xlcfg' \
		'tests/unit/vtoe_ss_test build/asan/bin/vtoe-ss' \
		'tests/unit/headers c $(UNIT_HEADERS)' \
		'tests/unit/headers c11 xenstore-schema/vtoe_wire.h' \
		'tests/unit/headers cxx xenstore-schema/vtoe_wire.h' \
		'tests/unit/headers kernel $(UNIT_KERNEL_HEADERS)' \
		'tests/unit/manpages $(MAN_PAGES)' \
		'tests/unit/options frontend/module/option_list.h man/vtoe.4 toe-service/stacks/kernel_options.c' \
		'tests/unit/model/check build/model'
