/* SPDX-License-Identifier: GPL-2.0 */
/*
 * complete.h - which operations a driver must have, and what stands for the
 * others.
 *
 * What is missing is found once, when a driver is looked up, so that its
 * callers need not ask each time.
 */
#ifndef TOE_SERVICE_STACKS_COMPLETE_H
#define TOE_SERVICE_STACKS_COMPLETE_H

#include "../stack.h"

/**
 * complete_driver - a driver in which no operation is missing
 * @to: set to @from, with functions that refuse, or that truly have nothing to
 *	do, for what it leaves out; stack_configure may stay NULL, as that says
 *	something
 *
 * Returns NULL, or the name of a required operation that is missing; then @to
 * is not to be used.
 */
const char *complete_driver(struct toe_driver *to,
			    const struct toe_driver *from);

/** complete_control - NULL, or the name of what a control half must have */
const char *complete_control(const struct toe_control *control);

#endif /* TOE_SERVICE_STACKS_COMPLETE_H */
