# SPDX-License-Identifier: GPL-2.0
#
# Each check-PART writes build/results/PART ("passed failed"). All parts are
# run even if one fails; the closing line is "N passed, N failed".

# .ci/run has XEN_PARTS="xen programs", which takes a quarter of an hour more.
CHECK_PARTS := unit native xen

check: packages
	@rm -rf build/results && mkdir -p build/results
	+@for part in $(CHECK_PARTS); do \
		printf '\n== check-%s\n' $$part; \
		$(MAKE) --no-print-directory check-$$part || \
			echo "check-$$part: failed"; \
	done; echo; tests/summary $(CHECK_PARTS)
