# SPDX-License-Identifier: GPL-2.0
# vtoed: both halves; the data half of the drivers is backend/worker/'s.
VTOED_SRCS := $(addprefix toe-service/, vtoed.c additions.c commands.c config.c config_toe.c \
		control.c dhcp.c dhcp_client.c entry.c guest.c guest_lease.c guest_link.c guest_move.c guest_range.c guest_retire.c health.c netlink.c netns.c \
		expand.c lease.c match.c offloads.c pool.c range.c route.c sharing.c toe.c \
		toe_look.c toe_publish.c traffic.c vlan.c \
		stacks/controls.c stacks/complete.c stacks/kernel_bridge.c \
		stacks/kernel_address.c stacks/kernel_assist.c stacks/kernel_hear.c \
		stacks/kernel_inside.c \
		stacks/kernel_link.c stacks/kernel_nl.c \
		stacks/kernel_mark.c stacks/kernel_rate.c stacks/kernel_retire.c \
		stacks/kernel_route.c stacks/kernel_share.c \
		stacks/lwip_control.c \
		stacks/fault_control.c stacks/fault_plan.c) \
	      $(BACKEND_VTOED) $(COMMON_LOOP) $(COMMON_RULE) $(COMMON_LOG)

$(eval $(call program,bin/vtoed,$(VTOED_SRCS),xenstore libnl-3.0 \
	libnl-route-3.0 libconfuse jansson libsystemd))
$(B)/obj/toe-service/vtoed.o: CFLAGS += -DVTOE_LIBEXECDIR='"$(libexecdir)/vtoe"' \
	-DVTOE_SYSCONFDIR='"$(sysconfdir)"'
PROGRAMS += $(B)/bin/vtoed

# what vtoed runs for each lease: becomes a DHCP client, and is its script
$(eval $(call program,bin/vtoe-dhcp,toe-service/vtoe_dhcp.c,,-lcap-ng -lseccomp))
PROGRAMS += $(B)/bin/vtoe-dhcp
LIBEXEC  += $(B)/bin/vtoe-dhcp
SBIN	 += $(B)/bin/vtoed
