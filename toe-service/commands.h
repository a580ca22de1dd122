/* SPDX-License-Identifier: GPL-2.0 */
/* commands.h - the control socket's commands about TOEs and pools. */
#ifndef TOE_SERVICE_COMMANDS_H
#define TOE_SERVICE_COMMANDS_H

#include "control.h"
#include "toe.h"

/** commands_register - "toes", "pools", "drain", "undrain"; @inv must outlive @control. */
void commands_register(struct control *control, struct inventory *inv);

#endif /* TOE_SERVICE_COMMANDS_H */
