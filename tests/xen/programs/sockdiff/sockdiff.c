/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sockdiff - random sequences of socket calls, through vtoe and natively.
 *
 *	sockdiff peer ADDRESS PORT
 *	sockdiff run [-b] [-k] [-u] [-s SEED] [-n SESSIONS] [-m STEPS]
 *		[-t SECONDS] [-a NETNS] -z NETNS OWN4 OWN6 PEER4 PEER6 PORT
 *
 * -z is the namespace whose sockets are the measure, -a the one of those under
 * test (this process's own); a file's path each. -b: bad arguments, mostly.
 * -u: datagrams instead of streams. -k: it is a defect if a known difference was
 * never met. See sockdiff.h.
 *
 * Prints a paragraph for each kind of difference and exits with 1 if there is
 * any; -s SEED -n 1 shows it again. Linked statically.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sockdiff.h"

struct options options = { .type = SOCK_STREAM };

static int usage(void)
{
	fprintf(stderr, "usage: sockdiff peer ADDRESS PORT\n"
			"       sockdiff run [-bkuv] [-s SEED] [-n SESSIONS] "
			"[-m STEPS] [-t SECONDS]\n"
			"\t[-a NETNS] -z NETNS OWN4 OWN6 PEER4 PEER6 PORT\n");
	return 2;
}

static bool parse_addresses(char **argv)
{
	options.port = atoi(argv[4]);
	return address_parse(&options.own4, argv[0], 0) &&
	       address_parse(&options.own6, argv[1], 0) &&
	       address_parse(&options.peer4, argv[2], options.port) &&
	       address_parse(&options.peer6, argv[3], options.port);
}

static int parse_run(int argc, char **argv)
{
	struct run r = {
		.seed = 1, .sessions = 1 << 30, .steps = 60, .seconds = 60
	};
	const char *netns_a = NULL, *netns_z = NULL;
	int c;

	while ((c = getopt(argc, argv, "bkuvs:n:m:t:a:z:")) >= 0) {
		switch (c) {
		case 'b':
			options.bad = true;
			break;
		case 'k':
			r.complain = true;
			break;
		case 'u':
			options.type = SOCK_DGRAM;
			break;
		case 'v':
			r.verbose = true;
			break;
		case 's':
			r.seed = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			r.sessions = atoi(optarg);
			break;
		case 'm':
			r.steps = atoi(optarg);
			break;
		case 't':
			r.seconds = atoi(optarg);
			break;
		case 'a':
			netns_a = optarg;
			break;
		case 'z':
			netns_z = optarg;
			break;
		default:
			return usage();
		}
	}
	if (argc - optind != 5 || !netns_z || r.steps > MAX_STEPS ||
	    !parse_addresses(argv + optind))
		return usage();
	world_start(&worlds[0], "under test", netns_a, &world_linux);
	world_start(&worlds[1], "the measure", netns_z, &world_linux);
	return sessions_run(&r);
}

int main(int argc, char **argv)
{
	union address at;

	if (argc == 4 && !strcmp(argv[1], "peer") &&
	    address_parse(&at, argv[2], atoi(argv[3])))
		peer_serve(&at);
	if (argc > 2 && !strcmp(argv[1], "run"))
		return parse_run(argc - 1, argv + 1);
	return usage();
}
