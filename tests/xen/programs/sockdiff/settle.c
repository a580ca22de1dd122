/* SPDX-License-Identifier: GPL-2.0 */
/* settle.c - waits until both worlds look alike. See sockdiff.h. */
#include <poll.h>
#include <string.h>

#include "sockdiff.h"

#define SETTLE_S                                                               \
	4.0 /* a lost packet comes again after 1 s, delayed ACKs ...           \
	     */
#define LOOK_MS 2

static void look(struct world *w, struct view *v)
{
	/* the peer first: what it has done by now is on its way to us */
	peer_look(w, &v->peer);
	for (int i = 0; i < NR_SOCKETS; i++) {
		v->socket[i].revents = -1;
		v->socket[i].unread = 0;
		w->ops->look(w, i, &v->socket[i].revents, &v->socket[i].unread);
	}
}

enum verdict settle(char *text)
{
	double end = now() + SETTLE_S;
	struct view a, b;
	enum verdict verdict;

	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	do {
		look(&worlds[1], &b);
		look(&worlds[0], &a);
		verdict = views_compare(&a, &b, text);
		if (verdict != DIFFERENT)
			break;
		poll(NULL, 0, LOOK_MS); /* between two looks, no measure */
	} while (now() < end);
	if (verdict == DIFFERENT)
		verdict = views_judge(&a, &b);
	for (int i = 0; i < NR_SOCKETS; i++)
		session.readable[i] =
			b.socket[i].revents > 0 && b.socket[i].revents & POLLIN;
	return verdict;
}
