# SPDX-License-Identifier: GPL-2.0
# ring protocol pieces that the module, the worker and the test guest share
COMMON_RING := common/geometry.c common/arena.c
COMMON_LOG  := common/log.c
COMMON_LOOP := common/loop.c common/unixsock.c common/spawn.c
COMMON_RULE := common/rule_read.c common/rule_match.c
