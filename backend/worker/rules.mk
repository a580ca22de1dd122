# SPDX-License-Identifier: GPL-2.0
WORKER_SRCS := $(addprefix backend/worker/, main.c control.c device.c loop.c \
		 queue.c command.c slot.c rx.c tx.c dgram.c run.c listener.c release.c \
		 sandbox.c) \
	       toe-service/context.c toe-service/context_row.c \
	       toe-service/context_place.c toe-service/context_stack.c toe-service/context_remap.c \
	       toe-service/context_frozen.c toe-service/context_move.c \
	       toe-service/context_wait.c toe-service/context_alive.c \
	       toe-service/place.c \
	       $(addprefix toe-service/stacks/, drivers.c complete.c kernel.c \
		 kernel_datagram.c kernel_move.c kernel_options.c fault.c fault_plan.c lwip.c lwip_tcp.c lwip_move.c \
		 lwip_udp.c lwip_icmp.c lwip_addr.c lwip_neighbour.c lwip_options.c lwip_link.c lwip_guard.c) \
	       $(COMMON_RING) $(COMMON_LOG)

$(eval $(call program,bin/vtoe-worker,$(WORKER_SRCS),lwip,-lxengnttab \
	-lxenevtchn -lxentoolcore -lseccomp -lcap-ng))
PROGRAMS += $(B)/bin/vtoe-worker
LIBEXEC  += $(B)/bin/vtoe-worker
