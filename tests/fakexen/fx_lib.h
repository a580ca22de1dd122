/* SPDX-License-Identifier: GPL-2.0 */
/* What the stand-in libraries share. */
#ifndef FX_LIB_H
#define FX_LIB_H

#include <errno.h>
#include <stdlib.h>

#include "fakexen.h"

/* The domain this program runs in: $FAKEXEN_DOMID, 0 if unset. */
static inline uint32_t fx_lib_domid(void)
{
	const char *text = getenv("FAKEXEN_DOMID");

	return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* libxen's convention: -1 and errno. */
static inline int fx_lib_result(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

#endif
