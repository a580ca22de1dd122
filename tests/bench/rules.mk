# SPDX-License-Identifier: GPL-2.0
#
# sockbench is linked statically: the same file runs in guests and outside.
$(eval $(call xen_guest_program,sockbench,tests/bench/sockbench.c))

.PHONY: bench-xen
# BENCH="--runs 3 --peers veth": see tests/bench/xen.py --help
bench-xen: xen-install
	$(Q)tests/xen/image/build
	$(Q)tests/bench/xen.py $(BENCH)
