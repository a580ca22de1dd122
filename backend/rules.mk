# SPDX-License-Identifier: GPL-2.0
# vtoed's Xen half; toe-service/rules.mk links it. The worker's is in worker/.
BACKEND_VTOED := backend/attach.c backend/backend.c backend/commands.c \
		 backend/device.c backend/device_network.c \
		 backend/device_nodes.c backend/devices.c backend/guestcfg.c \
		 backend/record.c backend/toe_stats.c backend/usage.c backend/worker.c backend/xs.c
