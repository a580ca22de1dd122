/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoe-xlcfg - print the vtoe entries of a guest's xl configuration.
 *
 * Run by vtoed for each guest that appears, and by vtoectl create; see
 * toe-service/README.md. Exit status: 0, whether or not the guest was found;
 * 1 wrong usage, or a path that cannot be read; 2 an error in the guest's
 * configuration. The reason stands on standard error.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "xlcfg.h"

enum { OPT_UUID = 'u', OPT_NAME = 'n', OPT_PRINT_NAME = 'p', OPT_DEBUG = 'd' };

static const struct option options[] = {
	{ "uuid", required_argument, NULL, OPT_UUID },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "print-name", no_argument, NULL, OPT_PRINT_NAME },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void usage(FILE *to)
{
	fputs("usage: vtoe-xlcfg [--uuid=UUID] [--name=NAME] [--print-name] "
	      "[--debug] DIR|FILE...\n"
	      "Prints each string of the guest's vtoe = [ ... ] on a line.\n"
	      "  --uuid=UUID   the guest's uuid (preferred)\n"
	      "  --name=NAME   its name; with neither, the first guest found\n"
	      "  --print-name  print its name first, on a line of its own\n"
	      "  --debug       say what was left out, and why\n",
	      to);
}

int main(int argc, char **argv)
{
	struct xlcfg_query query = { 0 };
	struct xlcfg_guest guest = { 0 };
	bool debug = false, print_name = false;
	size_t i;
	int c, found;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case OPT_UUID:
			query.uuid = optarg;
			break;
		case OPT_NAME:
			query.name = optarg;
			break;
		case OPT_PRINT_NAME:
			print_name = true;
			break;
		case OPT_DEBUG:
			debug = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 1;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return 1;
	}
	found = xlcfg_find(&query, argv + optind, (size_t)(argc - optind),
			   &guest, stderr, debug);
	if (found < 0)
		return found == -EINVAL ? 2 : 1;
	if (found && print_name)
		printf("%s\n", guest.name);
	for (i = 0; i < guest.nr_entries; i++)
		printf("%s\n", guest.entry[i]);
	xlcfg_guest_dispose(&guest);
	return fflush(stdout) ? 1 : 0;
}
