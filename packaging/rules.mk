# SPDX-License-Identifier: GPL-2.0

packages:
	$(Q)packaging/install-packages
