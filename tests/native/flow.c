/* SPDX-License-Identifier: GPL-2.0 */
#include <fcntl.h>

#include "flow.h"

#define WARM_MS 1000 /* until TCP has found what it may send */
#define NAP_US	500

void flow_up(struct nt *nt, struct flow *flow, struct tg *tg, const char *sink,
	     unsigned int nr)
{
	int listener = nt_remote_listen(nt, sink, FLOW_PORT, (int)nr);

	*flow = (struct flow){.tg = tg};
	for (; flow->nr < nr; flow->nr++) {
		int *fd = &flow->fd[flow->nr];

		ck_ok(tg_open_connect(tg, sink, FLOW_PORT, NT_TIMEOUT,
				      &flow->s[flow->nr]));
		*fd = nt_remote_accept(nt, listener);
		ck_assert_int_eq(fcntl(*fd, F_SETFL, O_NONBLOCK), 0);
	}
	close(listener);
}

void flow_down(struct flow *flow)
{
	while (flow->nr) {
		flow->nr--;
		ck_ok(tg_close(flow->s[flow->nr], VTOE_RELEASE_ABORT, 0,
			       NT_TIMEOUT));
		close(flow->fd[flow->nr]);
	}
}

static void pump_once(struct flow *flow)
{
	static char data[65536];
	unsigned int i;
	ssize_t n;

	ck_ok(tg_poll(flow->tg));
	for (i = 0; i < flow->nr; i++) {
		while (tg_send(flow->s[i], data, sizeof(data)) > 0)
			;
		while ((n = read(flow->fd[i], data, sizeof(data))) > 0)
			flow->got += (uint64_t)n;
	}
}

void flow_pump(struct flow *flow, unsigned int nr, uint64_t ms)
{
	uint64_t warm = tg_now_ms() + WARM_MS, from = 0, now;
	unsigned int i;

	do {
		now = tg_now_ms();
		if (!from && now >= warm) {
			from = now;
			for (i = 0; i < nr; i++)
				flow[i].got = 0;
		}
		for (i = 0; i < nr; i++)
			pump_once(&flow[i]);
		usleep(NAP_US);
	} while (!from || now < from + ms);
	for (i = 0; i < nr; i++)
		flow[i].rate = flow[i].got * 1000 / (now - from);
}
