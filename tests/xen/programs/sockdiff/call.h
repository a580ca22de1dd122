/* SPDX-License-Identifier: GPL-2.0 */
/*
 * call.h - what the numbers in a step mean, and what the calls are made with.
 */
#ifndef SOCKDIFF_CALL_H
#define SOCKDIFF_CALL_H

#include "sockdiff.h"

/* which host */
enum {
	ADDR_OWN,
	ADDR_ANY,
	ADDR_PEER,
	ADDR_PEER_REFUSES,
	ADDR_SELF, /* our address, and the port of another of our sockets */
	ADDR_LOOPBACK,
	ADDR_FOREIGN,
	ADDR_GROUP,
	ADDR_BROADCAST,
	ADDR_UNSPEC,
	ADDR_UNIX
};

/* which kind of address, of socket */
enum { FORM_4, FORM_6, FORM_MAPPED };

/* where a pointer points; GOOD is 0 */
enum {
	PTR_GOOD,
	PTR_NULL,
	PTR_WILD,
	PTR_KERNEL,
	PTR_NOWHERE,
	PTR_FIXED, /* memory that is only to be read */
	PTR_HALF,  /* the second half is not there */
	NR_PTR
};

/* wrong lengths; 0 is the right one; see length() */
#define NR_LENGTHS 10

/* what is wrong with a message; 0: nothing */
enum {
	BAD_HEADER = 1,
	BAD_IOV,
	BAD_IOV_MANY,
	BAD_IOV_HUGE,
	BAD_BASE,
	BAD_BASE_LATER,
	BAD_LENGTH,
	BAD_NAME,
	BAD_NAME_LENGTH,
	BAD_CONTROL,
	BAD_CONTROL_LENGTH,
	NR_BAD
};

#define NR_IOV	   8
#define NR_CONTROL 14
#define NR_CONTROL_STREAM 8 /* of those; the others are of datagrams */
enum { CONTROL_MARK = 2, CONTROL_STAMP = 3, CONTROL_SEGMENT = 13 };
#define NR_MESSAGES 3 /* of sendmmsg(), recvmmsg() */
#define SIZE_NAME 20 /* a socket option that is a text */

#define SEEN 4096 /* bytes at each end of the buffer that are compared */

#define VALUE_SIZE 64 /* of an option's value, the longest */

/* The length that setsockopt(), getsockopt() gets; @which as in a step. */
int set_length(const struct sockopt *o, int which);
int get_length(const struct sockopt *o, int which);
/* A number as the option's type has it: int, linger, timeval, a name. */
void make_value(const struct sockopt *o, int v, uint8_t *room);
/* What getsockopt() gave, @len bytes at @at; the buffer was cleared before. */
void see_option(const struct world *w, const struct sockopt *o, long ret,
		int len, const void *at, struct outcome *out);
void call_result(struct outcome *out, long ret);
void call_value(struct outcome *out, long v);
void *place(const struct world *w, int pointer, size_t len);
void make_address(const struct world *w, int where, int form, int port,
		  union address *a);
void see_address(struct outcome *out, const union address *a, int len,
		 int given);
void buffer_clear(const struct world *w);
void buffer_see(const struct world *w, struct outcome *out);

/* message.c */
void message_send(struct world *w, const struct step *st, struct outcome *out);
void message_receive(struct world *w, const struct step *st,
		     struct outcome *out);
void messages_send(struct world *w, const struct step *st, struct outcome *out);
void messages_receive(struct world *w, const struct step *st,
		      struct outcome *out);

#endif /* SOCKDIFF_CALL_H */
