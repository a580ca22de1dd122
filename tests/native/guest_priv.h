/* SPDX-License-Identifier: GPL-2.0 */
/* What the test guest's two files share. */
#ifndef NATIVE_GUEST_PRIV_H
#define NATIVE_GUEST_PRIV_H

#include "guest.h"

int tg_left(uint64_t deadline);	/* milliseconds, 0: none */
void tg_kick(struct tg *tg);	/* send an event if dom0 sleeps */
void tg_unready(struct tg_sock *s);
void tg_sock_free(struct tg_sock *s);

#endif
