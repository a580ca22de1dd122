/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"
#include "../../toe-service/config.h"
#include "../../toe-service/stack.h"

static char path[32]; /* of the last text, removed again */
static char error[CONFIG_ERROR_MAX];
static struct config *config;

static int check_settings(const char *settings, char *why)
{
	if (!strcmp(settings, "seed=1") || !*settings)
		return 0;
	sprintf(why, "seed: \"x\" is not a number");
	return -EINVAL;
}

static int share(const struct toe_sharing *sharing, char *why)
{
	(void)sharing;
	(void)why;
	return 0;
}

static int address(const struct toe_context_spec *spec, uint16_t family,
		   const struct toe_address *old, char *why)
{
	(void)spec;
	(void)family;
	(void)old;
	(void)why;
	return 0;
}

static int routes(const struct toe_context_spec *spec, char *why)
{
	(void)spec;
	(void)why;
	return 0;
}

/* The drivers that there are, for this test. */
const struct toe_control *toe_control_find(const char *name)
{
	static const struct toe_control kernel = { .name = "kernel",
						   .share = share,
						   .context_routes = routes,
						   .context_address = address };
	static const struct toe_control lwip = { .name = "lwip" };
	static const struct toe_control fault = { .name = "fault",
						  .check = check_settings };

	if (!strcmp(name, "fault"))
		return &fault;
	if (!strcmp(name, "lwip"))
		return &lwip;
	return strcmp(name, "kernel") ? NULL : &kernel;
}

static int read_text(const char *text)
{
	char name[] = "/tmp/vtoe-config-XXXXXX";
	int fd = mkstemp(name), err;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	strcpy(path, name);
	config_free(config);
	config = NULL;
	err = config_read(path, &config, error);
	unlink(path);
	return err;
}

static void accepted(const char *text)
{
	ck_assert_msg(read_text(text) == 0, "%s: %s", text, error);
}

/* @line: where the error is said to be */
static void refused(const char *text, int line, const char *why)
{
	char place[64];

	ck_assert_msg(read_text(text) < 0, "accepted: %s", text);
	ck_assert_ptr_null(config);
	snprintf(place, sizeof(place), "%s:%d: ", path, line);
	ck_assert_msg(!strncmp(error, place, strlen(place)),
		      "\"%s\" does not begin with \"%s\"", error, place);
	ck_assert_msg(strstr(error, why) != NULL, "\"%s\" lacks \"%s\"", error,
		      why);
}

START_TEST(no_file_means_the_defaults)
{
	ck_assert_int_eq(config_read("/nonexistent/vtoed.conf", &config,
				     error), 0);
	ck_assert_uint_eq(config->nr_dirs, 2);
	ck_assert_str_eq(config->dir[0], "/etc/xen");
	ck_assert_str_eq(config->dir[1], "/etc/xen/auto");
	ck_assert_uint_eq(config->record_interval_ms, 100);
	ck_assert_uint_eq(config->records_per_guest, 256);
	ck_assert_uint_eq(config->nr_toes, 0);
	ck_assert_uint_eq(config->nr_pools, 1);
	ck_assert_uint_eq(config->pool[0].nr_toes, 0);
	ck_assert_uint_ge(config->max_slots, 10000);
}
END_TEST

START_TEST(the_default_pool_has_all_toes)
{
	const struct config_pool *pool;

	accepted("toe a { netdev = \"eth0\" }\ntoe b { netdev = \"eth1\" }\n"
		 "pool gold { toes = { \"b\" } policy = \"in-order\" }\n");
	pool = config_find_pool(config, "default");
	ck_assert_ptr_nonnull(pool);
	ck_assert_uint_eq(pool->nr_toes, 2);
	pool = config_find_pool(config, "gold");
	ck_assert_ptr_nonnull(pool);
	ck_assert_uint_eq(pool->nr_toes, 1);
	ck_assert_str_eq(config->toe[pool->toe[0]].name, "b");
	ck_assert_int_eq(pool->policy, POOL_IN_ORDER);
	ck_assert_ptr_null(config_find_pool(config, "silver"));
}
END_TEST

START_TEST(the_default_pool_may_be_configured)
{
	accepted("toe a { netdev = \"eth0\" }\ntoe b { netdev = \"eth1\" }\n"
		 "pool default { toes = { \"b\" } }\n");
	ck_assert_uint_eq(config->nr_pools, 1);
	ck_assert_uint_eq(config->pool[0].nr_toes, 1);
}
END_TEST

START_TEST(a_toe_has_defaults)
{
	accepted("toe \"eth1\" { netdev = \"eth1\" }");
	ck_assert_str_eq(config->toe[0].name, "eth1");
	ck_assert_str_eq(config->toe[0].driver, "kernel");
	ck_assert_str_eq(config->toe[0].link, "auto");
	ck_assert_str_eq(config->toe[0].segment, "");
	ck_assert_uint_eq(config->toe[0].weight, 100);
	ck_assert_uint_eq(config->toe[0].capacity, 0);
}
END_TEST

START_TEST(a_pool_has_limits)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "pool p { toes = { \"a\" } }\n"
		 "pool q { toes = { \"a\" } max-devices = 2 max-sockets = 30"
		 " max-device-sockets = 20 }\n");
	ck_assert_uint_eq(config->pool[0].max_devices, 0);
	ck_assert_uint_eq(config->pool[0].max_sockets, 0);
	ck_assert_uint_eq(config->pool[0].max_device_sockets, 0);
	ck_assert_uint_eq(config->pool[1].max_devices, 2);
	ck_assert_uint_eq(config->pool[1].max_sockets, 30);
	ck_assert_uint_eq(config->pool[1].max_device_sockets, 20);
}
END_TEST

START_TEST(a_toe_has_a_limit_of_devices)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "toe b { netdev = \"f\" max-devices = 3 }\n");
	ck_assert_uint_eq(config->toe[0].max_devices, 0);
	ck_assert_uint_eq(config->toe[1].max_devices, 3);
	refused("toe a {\n netdev = \"e\"\n max-devices = -1\n}\n", 3,
		"max-devices: -1 is not in the range 0 to 65536");
}
END_TEST

START_TEST(a_toe_has_routes)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "toe b { netdev = \"f\" routes = {\"10.0.0.0/8 via 192.0.2.3\","
		 " \"2001:db8:9::/48 via 2001:db8::3\"} }\n"
		 "toe c { netdev = \"g\" driver = \"lwip\" routes = {} }\n");
	ck_assert_uint_eq(config->toe[0].routes.nr, 0);
	ck_assert_uint_eq(config->toe[1].routes.nr, 2);
	ck_assert_uint_eq(config->toe[1].routes.route[0].prefix, 8);
	ck_assert_uint_eq(config->toe[1].routes.route[1].dst.family, VTOE_INET6);
	ck_assert_uint_eq(config->toe[2].routes.nr, 0);
	refused("toe a {\n netdev = \"e\"\n"
		" routes = {\"10.0.0.0/8\"}\n}\n", 4,
		"toe \"a\": routes: \"10.0.0.0/8\" names no router");
	refused("toe a {\n netdev = \"e\"\n routes = {\"10.0.0.0/8 via 192.0.2.3\","
		" \"10.0.0.0/8 via 192.0.2.4\"}\n}\n", 4, "there are two");
}
END_TEST

START_TEST(routes_are_for_drivers_that_take_them)
{
	refused("toe a {\n netdev = \"e\"\n driver = \"lwip\"\n"
		" routes = {\"10.0.0.0/8 via 192.0.2.3\"}\n}\n", 5,
		"toe \"a\": driver \"lwip\" takes no routes");
}
END_TEST

START_TEST(a_toe_has_a_rate_that_guests_share)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "toe b { netdev = \"f\" rate = \"10Mb/s\" }\n"
		 "toe c { netdev = \"g\" rate = \"auto\" }\n");
	ck_assert_uint_eq(config->toe[0].rate, 0);
	ck_assert_uint_eq(config->toe[1].rate, 1250000);
	ck_assert_uint_eq(config->toe[2].rate, CONFIG_RATE_AUTO);
}
END_TEST

START_TEST(toes_of_two_drivers_may_share_a_netdev)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "toe b { netdev = \"e\" driver = \"lwip\" }\n");
	refused("toe a { netdev = \"e\" driver = \"lwip\" }\n"
		"toe b { netdev = \"e\" driver = \"lwip\" }\n", 2,
		"toe \"b\": toe \"a\" has the netdev \"e\" too");
}
END_TEST

START_TEST(globals_are_read)
{
	accepted("config-dirs = { \"/a\" }\nrecord-interval-ms = 50\n"
		 "records-per-guest = 7\nmax-slots = 128\nmax-entries = 64\n"
		 "max-tx-pages = 16\nmax-rx-pages = 17\n");
	ck_assert_uint_eq(config->nr_dirs, 1);
	ck_assert_str_eq(config->dir[0], "/a");
	ck_assert_uint_eq(config->record_interval_ms, 50);
	ck_assert_uint_eq(config->records_per_guest, 7);
	ck_assert_uint_eq(config->max_slots, 128);
	ck_assert_uint_eq(config->max_entries, 64);
	ck_assert_uint_eq(config->max_tx_pages, 16);
	ck_assert_uint_eq(config->max_rx_pages, 17);
	accepted("config-dirs = {}\n");
	ck_assert_uint_eq(config->nr_dirs, 0);
}
END_TEST

START_TEST(errors_name_file_and_line)
{
	refused("\n\nnonsense = 1\n", 3, "nonsense");
	refused("# fine\nrecord-interval-ms = 0\n", 2, "record-interval-ms");
	refused("max-slots = 65537\n", 1, "64 to 65536");
	refused("toe a {\n netdev = \"eth0\"\n driver = \"x\"\n}\n", 3,
		"there is no TOE driver \"x\"");
	refused("toe a {\n netdev = \"eth0\"\n link = \"veth\"\n}\n", 3,
		"auto, ipvlan, macvlan");
	refused("toe a {\n netdev = \"eth0\"\n segment = \"a b\"\n}\n", 3,
		"segment: \"a b\"");
	refused("toe a {\n netdev = \"a/b\"\n}\n", 2, "a/b");
	refused("toe a {\n weight = 0\n netdev = \"eth0\"\n}\n", 2, "weight");
	refused("toe a {\n}\n", 2, "toe \"a\" has no netdev");
	refused("toe \"a b\" {\n netdev = \"eth0\"\n}\n", 3, "toe \"a b\"");
	refused("pool p { toes = { \"a\" } }\n", 1, "there is no toe \"a\"");
	refused("pool p { }\n", 1, "has no toes");
	refused("toe a { netdev = \"e\" }\n"
		"pool p { toes = { \"a\" } policy = \"best\" }\n", 2,
		"none of least-loaded, weighted");
	refused("toe a { netdev = \"e\" }\n"
		"pool p { toes = { \"a\" } spread = 9 }\n", 2, "spread");
	refused("toe a {\n netdev = \"e\"\n rate = \"fast\"\n}\n", 4,
		"rate: \"fast\" is not a rate");
	refused("toe a {\n netdev = \"e\"\n rate = \"1Tb/s\"\n}\n", 4,
		"toe \"a\": rate");
	refused("toe a {\n netdev = \"e\"\n rate = \"9Mb/s\"\n"
		" driver = \"fault\"\n}\n", 5, "cannot share it");
	refused("toe a { netdev = \"e\" }\npool p {\n toes = { \"a\" }\n"
		" max-sockets = -1\n}\n", 4, "max-sockets: -1");
	refused("toe a { netdev = \"e\" }\npool p {\n toes = { \"a\" }\n"
		" max-devices = 65537\n}\n", 4, "0 to 65536");
	refused("toe a { netdev = \"e\" }\npool p {\n toes = { \"a\" }\n"
		" max-device-sockets = \"x\"\n}\n", 4, "max-device-sockets");
	refused("toe a {\n netdev = \"e\"\n"
		" addresses = \"192.0.2.9-192.0.2.8/24\"\n}\n", 4,
		"toe \"a\": addresses");
	refused("toe a {\n netdev = \"e\"\n gateway = \"192.0.2.1\"\n}\n", 4,
		"without addresses");
	refused("toe a { netdev = \"e\" addresses = \"192.0.2.1-192.0.2.9/24\""
		" }\ntoe b { netdev = \"f\" addresses = \"192.0.2.9/24\" }\n",
		2, "overlap those of toe \"a\"");
	refused("# a comment\n// and \"another\"\n/* and\n a long # one */\n"
		"config-dirs = { \"/a#b\", '/c//d' } # here too\nx = 1\n", 6,
		"x");
	refused("toe a { netdev = \"e\" }\ntoe a { netdev = \"f\" }\n", 2, "a");
	refused("toe a { netdev = \"e\" }\n\ntoe b { netdev = \"e\" }\n", 3,
		"toe \"b\": toe \"a\" has the netdev \"e\" too");
	refused("toe a {\n netdev = \"e\"\n pools = { \"x\" }\n}\n", 4,
		"toe \"a\": there is no pool \"x\"");
	refused("toe a { netdev = \"e\" }\npool p { toes = { } }\n", 2,
		"has no toes");
}
END_TEST

START_TEST(additions_follow_the_file)
{
	struct config_text file = { "f", (char *)
		"toe a { netdev = \"e\" }\npool p { toes = { \"a\" } }\n" };
	struct config_text more = { "m", (char *)
		"# one\ntoe b { netdev = \"f\" pools = { \"p\" } }\n" };

	ck_assert_msg(!config_parse(&file, &more, &config, error), "%s", error);
	ck_assert_uint_eq(config->nr_toes, 2);
	ck_assert_uint_eq(config->nr_file_toes, 1);
	ck_assert_uint_eq(config_find_pool(config, "p")->nr_toes, 2);
	ck_assert_uint_eq(config_find_pool(config, "default")->nr_toes, 2);
	more.text = (char *)"\ntoe b { netdev = \"e\" }\n";
	config_free(config);
	config = NULL;
	ck_assert(config_parse(&file, &more, &config, error) < 0);
	ck_assert_str_eq(error, "m:2: toe \"b\": toe \"a\" has the netdev "
				"\"e\" too");
}
END_TEST

START_TEST(a_match_has_a_name_to_build_on)
{
	accepted("toe abcdefghijklmno { netdev = \"eth*\" }\n"
		 "toe x { netdev = \"eth0\" }\n"
		 "pool p { toes = { \"abcdefghijklmno\", \"x\" } }\n");
	refused("toe abcdefghijklmnop {\n netdev = \"eth*\"\n}\n", 3,
		"15 characters at most");
	refused("toe a { netdev = \"eth*\" }\ntoe a-x { netdev = \"e\" }\n", 2,
		"\"a-x\" cannot have one");
	refused("toe a-x { netdev = \"e\" }\ntoe a { netdev = \"eth*\" }\n", 2,
		"\"a-x\" cannot have one");
	accepted("toe a { netdev = \"eth*\" }\ntoe ab { netdev = \"e\" }\n");
	refused("toe a { netdev = \"e?\" }\ntoe b { netdev = \"e?\" }\n", 2,
		"has the netdev \"e?\" too");
	refused("toe a {\n netdev = \"e[0-9\"\n}\n", 2, "'[' has no ']'");
	refused("toe a {\n netdev = \"vf:eth0\"\n}\n", 2, "not a name");
}
END_TEST

START_TEST(addresses_may_come_by_dhcp)
{
	accepted("toe a { netdev = \"e\" addresses = \"dhcp\""
		 " addresses6 = \"2001:db8::1/64\" }\n");
	ck_assert(config->toe[0].dhcp);
	ck_assert_uint_eq(config->toe[0].addresses.nr, 0);
	ck_assert_uint_eq(config->toe[0].addresses6.nr, 1);
	/* each has its own, so no segment is needed */
	accepted("toe a { netdev = \"e*\" addresses = \"dhcp\" }\n");
	refused("toe a {\n netdev = \"e\"\n addresses = \"dhcp\"\n"
		" gateway = \"192.0.2.1\"\n}\n", 5,
		"the gateway comes by it, too");
	refused("toe a {\n netdev = \"e\"\n addresses6 = \"dhcp\"\n}\n", 4,
		"addresses6: DHCP is for addresses only");
	refused("toe a {\n netdev = \"e\"\n addresses = \"dhcp\"\n"
		" driver = \"fault\"\n}\n", 5,
		"guests of driver \"fault\" cannot have addresses by DHCP");
	refused("toe a {\n netdev = \"e\"\n addresses = \"dhcp\"\n"
		" link = \"ipvlan\"\n}\n", 5, "need link = \"macvlan\"");
}
END_TEST

START_TEST(a_match_shares_addresses_on_a_segment_only)
{
	refused("toe a {\n netdev = \"eth*\"\n"
		" addresses = \"192.0.2.1-192.0.2.9/24\"\n}\n", 4,
		"they need a segment");
	refused("toe a {\n netdev = \"eth*\"\n"
		" addresses6 = \"2001:db8::1/64\"\n}\n", 4,
		"they need a segment");
	accepted("toe a { netdev = \"eth*\" segment = \"s\""
		 " addresses = \"192.0.2.1-192.0.2.9/24\" }\n");
}
END_TEST

START_TEST(a_vlan_is_a_toe_of_its_own)
{
	accepted("toe a { netdev = \"e\" }\n"
		 "toe b { netdev = \"e\" vlan = 1 mtu = 1400 segment = \"x\" }\n"
		 "toe c { netdev = \"e\" vlan = 4094 segment = \"y\" }\n"
		 "toe d { netdev = \"f\" segment = \"x\" }\n");
	ck_assert_uint_eq(config->toe[0].vlan, 0);
	ck_assert_uint_eq(config->toe[0].mtu, 0);
	ck_assert_uint_eq(config->toe[1].mtu, 1400);
	ck_assert_uint_eq(config->toe[2].vlan, 4094);
	refused("toe a {\n netdev = \"e\"\n vlan = 0\n}\n", 3,
		"vlan: 0 is not in the range 1 to 4094");
	refused("toe a {\n netdev = \"e\"\n vlan = 4095\n}\n", 3, "vlan: 4095");
	refused("toe a {\n netdev = \"e\"\n vlan = \"x\"\n}\n", 3, "vlan");
	refused("toe a {\n netdev = \"e\"\n mtu = 575\n}\n", 3,
		"mtu: 575 is not in the range 576 to 65535");
	refused("toe a { netdev = \"e\" vlan = 7 }\n"
		"toe b { netdev = \"e\" vlan = 7 }\n", 2,
		"toe \"a\" has the netdev \"e\" too");
	refused("toe a { netdev = \"e\" vlan = 7 segment = \"s\" }\n"
		"toe b { netdev = \"e\" segment = \"s\" }\n", 2,
		"cannot have the same segment");
}
END_TEST

START_TEST(faults_are_for_the_fault_driver)
{
	accepted("toe a { netdev = \"e\" driver = \"fault\" }\n"
		 "toe b { fault = \"seed=1\" driver = \"fault\" "
		 "netdev = \"e\" }\n");
	ck_assert_str_eq(config->toe[0].settings, "");
	ck_assert_str_eq(config->toe[1].settings, "seed=1");
	refused("toe a {\n netdev = \"e\"\n driver = \"fault\"\n"
		" fault = \"seed=x\"\n}\n", 4,
		"fault: seed: \"x\" is not a number");
	refused("toe a {\n netdev = \"e\"\n fault = \"seed=1\"\n}\n", 4,
		"toe \"a\": fault is for driver = \"fault\", not \"kernel\"");
}
END_TEST

START_TEST(a_changed_configuration_is_seen_as_such)
{
	struct config *other;

	accepted("toe a { netdev = \"eth0\" }\n");
	other = config;
	config = NULL;
	accepted("toe a { netdev = \"eth0\" }\n");
	ck_assert(!config_differs(config, other));
	accepted("toe a { netdev = \"eth1\" }\n");
	ck_assert(config_differs(config, other));
	accepted("config-dirs = { \"/x\", \"/y\" }\ntoe a { netdev = \"eth0\" }\n");
	ck_assert(config_differs(config, other));
	accepted("toe a { netdev = \"e\" driver = \"fault\" }\n");
	config_free(other);
	other = config;
	config = NULL;
	accepted("toe a { netdev = \"e\" driver = \"fault\" "
		 "fault = \"seed=1\" }\n");
	ck_assert(config_differs(config, other));
	config_free(other);
}
END_TEST

UNIT_MAIN("config", no_file_means_the_defaults,
	  the_default_pool_has_all_toes, the_default_pool_may_be_configured,
	  a_toe_has_defaults, a_pool_has_limits,
	  a_toe_has_a_limit_of_devices,
	  a_toe_has_routes, routes_are_for_drivers_that_take_them,
	  a_toe_has_a_rate_that_guests_share, globals_are_read, errors_name_file_and_line,
	  additions_follow_the_file, a_match_has_a_name_to_build_on,
	  addresses_may_come_by_dhcp,
	  a_match_shares_addresses_on_a_segment_only,
	  a_vlan_is_a_toe_of_its_own, faults_are_for_the_fault_driver,
	  toes_of_two_drivers_may_share_a_netdev,
	  a_changed_configuration_is_seen_as_such)
