# SPDX-License-Identifier: GPL-2.0
#
# Each check-PART writes build/results/PART ("passed failed"). All parts are
# run even if one fails; the closing line is "N passed, N failed".

# .ci/run has XEN_PARTS="xen programs", which takes a quarter of an hour more.
CHECK_PARTS := unit native xen

# Programs of tests at a time: they wait more than they compute.
TEST_JOBS ?= $(shell expr 2 \* $$(nproc))

.PHONY: check-builds
# What the parts would build by and by, while the image of tests/xen is made.
# Errors are seen there.
check-builds:
	+@tests/xen/image/build & \
	$(BUILD) SAN=1 all unit-programs native-programs; \
	$(BUILD) xen-builds fakexen; wait

check: packages
	@rm -rf build/results && mkdir -p build/results
	+@$(MAKE) --no-print-directory check-builds || :
	+@for part in $(CHECK_PARTS); do \
		printf '\n== check-%s\n' $$part; \
		$(MAKE) --no-print-directory check-$$part || \
			echo "check-$$part: failed"; \
	done; echo; tests/summary $(CHECK_PARTS)
