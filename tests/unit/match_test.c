/* SPDX-License-Identifier: GPL-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "../../toe-service/match.h"

static struct config written;
static struct config *config;
static uint32_t left_out;

void config_free(struct config *c) /* this file's need no more */
{
	free(c);
}

static void section(const char *name, const char *netdev)
{
	struct config_toe *toe = &written.toe[written.nr_toes++];

	snprintf(toe->name, sizeof(toe->name), "%s", name);
	snprintf(toe->netdev, sizeof(toe->netdev), "%s", netdev);
	toe->weight = written.nr_toes;
}

static void fresh(void)
{
	config_free(config);
	config = NULL;
	memset(&written, 0, sizeof(written));
}

static void pool(uint32_t nr, const uint32_t *toe)
{
	struct config_pool *p = &written.pool[written.nr_pools++];

	memcpy(p->toe, toe, nr * sizeof(*toe));
	p->nr_toes = nr;
}

/* "eth0 eth1:a": devices, and who alone may take them */
static void expand(const char *devices)
{
	struct match_netdev netdev[128];
	char text[2048], *word, *save, *by;
	size_t nr = 0;

	snprintf(text, sizeof(text), "%s", devices);
	for (word = strtok_r(text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		by = strchr(word, ':');
		if (by)
			*by++ = '\0';
		snprintf(netdev[nr].name, sizeof(netdev[nr].name), "%s", word);
		snprintf(netdev[nr++].by, sizeof(netdev[0].by), "%s",
			 by ? by : "");
	}
	config_free(config);
	config = NULL;
	ck_assert_int_eq(match_expand(&written, netdev, nr, &config, &left_out),
			 0);
}

/* "a-eth0=eth0 …", of all TOEs, or of a pool's */
static void toes_are(const char *expected)
{
	char text[4096] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < config->nr_toes; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%s=%s", i ? " " : "",
					config->toe[i].name,
					config->toe[i].netdev);
	ck_assert_str_eq(text, expected);
}

static void pool_is(uint32_t n, const char *expected)
{
	char text[4096] = "";
	size_t len = 0;
	uint32_t i;

	for (i = 0; i < config->pool[n].nr_toes; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", i ? " " : "",
			config->toe[config->pool[n].toe[i]].name);
	ck_assert_str_eq(text, expected);
}

START_TEST(each_device_that_matches_is_a_toe)
{
	fresh();
	section("a", "eth*");
	expand("eth10 eth2 wlan0");
	toes_are("a-eth2=eth2 a-eth10=eth10");
	ck_assert_uint_eq(config->toe[1].weight, 1);
	ck_assert_str_eq(config->toe[1].match, "a");
	expand("");
	toes_are("");
}
END_TEST

START_TEST(what_is_named_in_full_is_not_taken)
{
	fresh();
	section("a", "eth[0-9]");
	section("b", "eth1");
	expand("eth0 eth1 eth2");
	toes_are("b=eth1 a-eth0=eth0 a-eth2=eth2");
	ck_assert_str_eq(config->toe[0].match, "");
}
END_TEST

START_TEST(the_first_section_takes_a_device)
{
	fresh();
	section("a", "eth?");
	section("b", "*");
	expand("eth0 eth10");
	toes_are("a-eth0=eth0 b-eth10=eth10");
}
END_TEST

START_TEST(vifs_are_guests_unless_meant)
{
	fresh();
	section("a", "*");
	expand("vif3.0 vif3.0-emu eth0");
	toes_are("a-eth0=eth0");
	section("b", "vif3*");
	expand("vif3.0 eth0");
	toes_are("a-eth0=eth0 b-vif3_0=vif3.0");
}
END_TEST

START_TEST(two_sections_take_a_device_on_two_vlans)
{
	fresh();
	section("a", "eth?");
	section("b", "eth*");
	section("c", "*");
	written.toe[1].vlan = 7;
	expand("eth0");
	toes_are("a-eth0=eth0 b-eth0=eth0");
	ck_assert_uint_eq(config->toe[1].vlan, 7);
}
END_TEST

START_TEST(what_is_kept_is_the_sections_alone)
{
	fresh();
	section("a", "eth*");
	section("b", "*");
	expand("eth0 eth1:b eth1:nobody");
	toes_are("a-eth0=eth0 b-eth1=eth1");
	expand("eth0 eth0:a");
	toes_are("a-eth0=eth0");
}
END_TEST

START_TEST(names_have_what_xenstore_allows)
{
	char name[TABLE_NAME_MAX];

	match_name("a", "eth0.100", name);
	ck_assert_str_eq(name, "a-eth0_100");
	match_name("abcdefghijklmno", "0123456789abcde", name);
	ck_assert_str_eq(name, "abcdefghijklmno-0123456789abcde");
	fresh();
	section("a", "eth*");
	expand("eth0.1 eth0_1"); /* one name: the first has it */
	ck_assert_uint_eq(config->nr_toes, 1);
}
END_TEST

START_TEST(a_pool_has_them_in_the_sections_place)
{
	fresh();
	section("a", "eth*");
	section("b", "wlan0");
	pool(2, (uint32_t[]){ 0, 1 });
	pool(2, (uint32_t[]){ 1, 0 });
	pool(1, (uint32_t[]){ 1 });
	pool(1, (uint32_t[]){ 0 });
	expand("eth0 eth1 wlan0");
	pool_is(0, "a-eth0 a-eth1 b");
	pool_is(1, "b a-eth0 a-eth1");
	pool_is(2, "b");
	expand("");
	pool_is(0, "b");
	pool_is(3, "");
}
END_TEST

START_TEST(there_is_an_end_to_it)
{
	char devices[2048] = "";
	size_t len = 0;
	int i;

	fresh();
	section("a", "eth*");
	section("z", "zzz");
	for (i = 0; i < 70; i++)
		len += (size_t)snprintf(devices + len, sizeof(devices) - len,
					"eth%d ", i);
	expand(devices);
	ck_assert_uint_eq(config->nr_toes, TOE_TABLE_MAX);
	ck_assert_str_eq(config->toe[0].name, "z");
	ck_assert_uint_eq(left_out, 70 + 1 - TOE_TABLE_MAX);
}
END_TEST

UNIT_MAIN("match", each_device_that_matches_is_a_toe,
	  what_is_named_in_full_is_not_taken,
	  the_first_section_takes_a_device,
	  vifs_are_guests_unless_meant,
	  two_sections_take_a_device_on_two_vlans,
	  what_is_kept_is_the_sections_alone,
	  names_have_what_xenstore_allows,
	  a_pool_has_them_in_the_sections_place, there_is_an_end_to_it)
