# SPDX-License-Identifier: GPL-2.0
#
#   make bench      the protocol and the worker at native speed
#   make bench-xen  vtoe, vif and dom0 side by side on real Xen
#   make bench-idle 50,000 idle connections in a guest of 1 GB
#   make bench-switch  native sockets with vtoe.ko and without
#   make bench-move    silence when a TOE changes
#   make bench-spread  a guest on two NICs against one on one
#   make bench-control what a placement costs, and how many events vtoed absorbs
#   make bench-share   two guests that share a TOE, at native speed
#
# BENCH="--runs 3 …": see tests/bench/native.py --help, tests/bench/xen.py --help

# linked statically: the same file runs in guests and outside
$(eval $(call xen_guest_program,sockbench,tests/bench/sockbench.c))
$(eval $(call xen_guest_program,wakes,tests/bench/wakes.c,-lxenevtchn -lxentoolcore -lxentoollog))

$(eval $(call program,tests/bench/native_bench,tests/bench/native.c $(NATIVE_CORE),check,$(FX)/libfakexen.a -lxenstore -lpthread))
$(B)/tests/bench/native_bench: $(FX)/libfakexen.a

$(eval $(call program,tests/bench/place,tests/bench/place.c toe-service/place.c))
$(eval $(call program,tests/bench/events,tests/bench/events.c $(NATIVE_CORE),check,$(FX)/libfakexen.a -lxenstore -lpthread))
$(B)/tests/bench/events: $(FX)/libfakexen.a

.PHONY: bench bench-xen bench-idle bench-switch bench-move bench-spread bench-share bench-control
$(eval $(call program,tests/bench/share_bench,tests/bench/share.c $(NATIVE_CORE),check,$(FX)/libfakexen.a -lxenstore -lpthread))
$(B)/tests/bench/share_bench: $(FX)/libfakexen.a

bench: all fakexen $(B)/tests/bench/native_bench $(XEN_GUEST_PROGRAMS)
	$(Q)tests/bench/native.py --fakexen $(FX)/lib $(BENCH)

bench-control: all fakexen $(B)/tests/bench/place $(B)/tests/bench/events
	$(Q)tests/bench/control.py --fakexen $(FX)/lib $(BENCH)

bench-xen: xen-install $(XEN_GUEST_PROGRAMS)
	$(Q)tests/xen/image/build
	$(Q)tests/bench/xen.py $(BENCH)

bench-idle: xen-install $(XEN_GUEST_PROGRAMS)
	$(Q)tests/xen/image/build
	$(Q)tests/bench/idle.py $(BENCH)

bench-switch: xen-install $(XEN_GUEST_PROGRAMS)
	$(Q)tests/xen/image/build
	$(Q)tests/bench/switch.py $(BENCH)

bench-move: xen-install $(XEN_GUEST_PROGRAMS)
	$(Q)tests/xen/image/build
	$(Q)tests/bench/move.py $(BENCH)

bench-spread: xen-install $(XEN_GUEST_PROGRAMS)
	$(Q)tests/xen/image/build
	$(Q)tests/bench/spread.py $(BENCH)

bench-share: all fakexen $(B)/tests/bench/share_bench
	$(Q)tests/bench/share.py --fakexen $(FX)/lib $(BENCH)
