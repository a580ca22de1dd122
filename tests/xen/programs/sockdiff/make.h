/* SPDX-License-Identifier: GPL-2.0 */
/* make.h - between make.c and make_step.c. */
#ifndef SOCKDIFF_MAKE_H
#define SOCKDIFF_MAKE_H

#include "sockdiff.h"

/* What a socket is, as far as is known. */
enum kind { NONE, FRESH, BOUND, LISTENING, CONNECTED };

#define PICK(array) ((array)[below((int)(sizeof(array) / sizeof(*(array))))])

/* make_NAME: adds steps for socket number s to those that are to follow. */
int below(int n);
bool one_in(int n);
struct step *add(enum op op, int s);
int find_peer(bool used);
void make_socket(int s);
void make_bind(int s);
void make_connect(int s);
void make_listen(int s);
void make_accept(int s);
void make_send(int s);
void make_recv(int s);
void make_message(enum op op, int s);
void make_plain(enum op op, int s);
void make_option(enum op op, int s);
void make_ioctl(int s);
void make_fcntl(int s);
void make_poll(int s);
void make_epoll_ctl(int s);
void make_name(int s);
void make_shutdown(int s);
void make_peer_connect(int s);
void make_peer_accept(void);
void make_peer_act(void);
void make_any(int s);
/* Mostly 0, which is right; else one of @n wrong ones. */
int wrong(int n);
int pointer(void);
int any_form(void);
int random_flags(void);
bool too_slow(int s);
int find_kind(enum kind kind);

/* ---- make_dgram.c ---- */
void make_dgram_for(int s);
/** make_target - where a datagram goes: address (or -1), its form, port */
void make_target(int s, int len, int *to);

#endif /* SOCKDIFF_MAKE_H */
