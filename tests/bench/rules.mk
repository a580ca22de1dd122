# SPDX-License-Identifier: GPL-2.0
# sockbench is linked statically: the same file runs in guests and outside.
BENCH_BIN := $(B)/bin/sockbench

$(BENCH_BIN): tests/bench/sockbench.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 -D_GNU_SOURCE $(WARN) -static -o $@ $<
