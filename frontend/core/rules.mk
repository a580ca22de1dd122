# SPDX-License-Identifier: GPL-2.0
# pure protocol logic; also compiled into vtoe.ko (frontend/module/Kbuild)
FRONT_CORE := frontend/core/front.c frontend/core/slot.c \
	      frontend/core/command.c frontend/core/stream.c \
	      frontend/core/dgram.c
