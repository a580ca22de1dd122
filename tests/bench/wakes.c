/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wakes.c - two processes in two domains wake each other by an event channel.
 *
 *	wakes answer DOMID		prints its port, and answers for ever
 *	wakes ask DOMID PORT SECONDS	prints how often it was answered, as JSON
 *
 * Nothing is carried. Whatever brings a guest's request to a process of dom0, and
 * the answer back, takes at least this long on this machine if both wait.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xenevtchn.h>

static xenevtchn_handle *events;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static evtchn_port_t must_port(int port, const char *what)
{
	if (port < 0)
		die(what);
	return (evtchn_port_t)port;
}

static void hear(void)
{
	int port = xenevtchn_pending(events);

	if (port < 0)
		die("waiting for an event");
	if (xenevtchn_unmask(events, (evtchn_port_t)port))
		die("unmasking the port");
}

static void ring(evtchn_port_t port)
{
	if (xenevtchn_notify(events, port))
		die("sending an event");
}

static void answer(uint32_t domid)
{
	evtchn_port_t port = must_port(
		xenevtchn_bind_unbound_port(events, domid), "a new port");

	printf("port %u\n", port);
	fflush(stdout);
	for (;;) {
		hear();
		ring(port);
	}
}

static void ask(uint32_t domid, evtchn_port_t remote, double seconds)
{
	evtchn_port_t port = must_port(
		xenevtchn_bind_interdomain(events, domid, remote), "the port");
	unsigned long operations = 0;
	double start;

	hear(); /* a port that has just been bound is pending */
	start = now();
	while (now() < start + seconds) {
		ring(port);
		hear();
		operations++;
	}
	printf("{\"seconds\": %.6f, \"operations\": %lu}\n", now() - start,
	       operations);
}

int main(int argc, char **argv)
{
	events = xenevtchn_open(NULL, 0);
	if (!events)
		die("/dev/xen/evtchn");
	if (argc == 3 && !strcmp(argv[1], "answer"))
		answer((uint32_t)strtoul(argv[2], NULL, 10));
	if (argc != 5 || strcmp(argv[1], "ask"))
		return 2;
	ask((uint32_t)strtoul(argv[2], NULL, 10),
	    (evtchn_port_t)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
	xenevtchn_close(events);
	return 0;
}
