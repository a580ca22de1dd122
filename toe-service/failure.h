/* SPDX-License-Identifier: GPL-2.0 */
/*
 * failure.h - which errors of an operation are the engine's.
 *
 * Not those that the peer, the network behind it or the guest's program can
 * cause: they would let a guest speak ill of an engine by calling a host that
 * does not answer.
 */
#ifndef TOE_SERVICE_FAILURE_H
#define TOE_SERVICE_FAILURE_H

#include <errno.h>
#include <stdbool.h>

/**
 * failure_of_engine - is it the engine that has failed?
 * @result: of an operation of a driver: a count, 0 or a negative errno
 *
 * ETIMEDOUT is not: TCP says so of a peer that is silent. Neither is EPROTO: an
 * ICMP message of a parameter problem makes it, which anybody may send.
 */
static inline bool failure_of_engine(long result)
{
	switch (result) {
	case -EIO:
	case -ENXIO:
	case -ENODEV:
	case -ENETDOWN:
	case -EREMOTEIO:
		return true;
	default:
		return false;
	}
}

#endif /* TOE_SERVICE_FAILURE_H */
