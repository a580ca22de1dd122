/* SPDX-License-Identifier: GPL-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "../../toe-service/additions.h"

#define HEADER "# Written by vtoed for \"vtoectl toe\".\n"

static char error[ADDITIONS_ERROR_MAX];

/* @settings: JSON; NULL if refused */
static char *edit(const char *text, const char *toe, const char *settings)
{
	json_t *object = json_loads(settings, 0, NULL);
	char *result = NULL;
	int err = additions_edit(text, toe, object, &result, error);

	ck_assert_int_eq(!err, !!result);
	json_decref(object);
	return result;
}

START_TEST(an_added_toe_has_a_line_of_its_own)
{
	char *one = edit("", "a", "{\"netdev\":\"e0\"}");
	char *two = edit(one, "b", "{\"netdev\":\"e1\",\"pool\":\"p,q\"}");

	ck_assert_str_eq(one, HEADER "toe \"a\" { netdev = \"e0\" }\n");
	ck_assert_str_eq(two, HEADER "toe \"a\" { netdev = \"e0\" }\n"
			 "toe \"b\" { netdev = \"e1\" pools = {\"p\", \"q\"} }\n");
	free(one);
	free(two);
}
END_TEST

START_TEST(what_is_not_set_anew_stays)
{
	char *one = edit("", "a", "{\"netdev\":\"e0\",\"pool\":\"p\"}");
	char *two = edit(one, "a", "{\"weight\":\"7\"}");
	char *three = edit(two, "a", "{\"netdev\":\"e1\",\"pool\":\"q\"}");

	ck_assert_str_eq(two, HEADER "toe \"a\" { netdev = \"e0\" "
			 "pools = {\"p\"} weight = \"7\" }\n");
	ck_assert_str_eq(three, HEADER "toe \"a\" { weight = \"7\" "
			 "netdev = \"e1\" pools = {\"q\"} }\n");
	free(one);
	free(two);
	free(three);
}
END_TEST

START_TEST(a_list_is_replaced_and_emptied)
{
	char *one = edit("", "a", "{\"netdev\":\"e0\",\"routes\":"
			 "\"10.0.0.0/8 via 192.0.2.3,::/1 via fe80::1\"}");
	char *two = edit(one, "a", "{\"weight\":\"7\"}");
	char *three = edit(two, "a", "{\"routes\":\"\"}");

	ck_assert_str_eq(one, HEADER "toe \"a\" { netdev = \"e0\" routes = "
			 "{\"10.0.0.0/8 via 192.0.2.3\", \"::/1 via fe80::1\"} }\n");
	ck_assert_str_eq(two, HEADER "toe \"a\" { netdev = \"e0\" routes = "
			 "{\"10.0.0.0/8 via 192.0.2.3\", \"::/1 via fe80::1\"} "
			 "weight = \"7\" }\n");
	ck_assert_str_eq(three, HEADER "toe \"a\" { netdev = \"e0\" "
			 "weight = \"7\" routes = {} }\n");
	free(one);
	free(two);
	free(three);
}
END_TEST

START_TEST(as_many_routes_as_there_may_be_fit_in)
{
	char settings[2048] = "{\"routes\":\"", *one, *two;
	size_t i, len;

	for (i = 0; i < 8; i++) {
		len = strlen(settings);
		snprintf(settings + len, sizeof(settings) - len, "%s"
			 "2001:db8:1111:2222:3333:4444:5555:666%zu/128 via "
			 "2001:db8:7777:8888:9999:aaaa:bbbb:cccc", i ? "," : "", i);
	}
	strcat(settings, "\"}");
	one = edit("", "a", settings);
	ck_assert_ptr_nonnull(one);
	two = edit(one, "a", "{\"weight\":\"7\"}");
	ck_assert_ptr_nonnull(strstr(two, ":6667/128"));
	ck_assert_ptr_nonnull(strstr(two, "weight"));
	free(one);
	free(two);
}
END_TEST

START_TEST(a_removed_toe_takes_its_line_alone)
{
	char *rest = additions_remove("x\ntoe \"a\" { }\ntoe \"ab\" { }\n", "a");

	ck_assert_str_eq(rest, "x\ntoe \"ab\" { }\n");
	ck_assert_ptr_null(additions_remove(rest, "a"));
	free(rest);
}
END_TEST

START_TEST(nothing_breaks_out_of_its_quotes)
{
	ck_assert_ptr_null(edit("", "a\"", "{}"));
	ck_assert_ptr_null(edit("", "a", "{\"netdev\":\"e\\\" x = \\\"\"}"));
	ck_assert_ptr_nonnull(strstr(error, "netdev"));
	ck_assert_ptr_null(edit("", "a", "{\"netdev\":\"${HOME}\"}"));
	ck_assert_ptr_null(edit("", "a", "{\"netdev\":\"e\\n\"}"));
	ck_assert_ptr_null(edit("", "a", "{\"net dev\":\"e\"}"));
	ck_assert_ptr_null(edit("", "a", "{\"netdev\":7}"));
}
END_TEST

START_TEST(a_file_is_replaced_as_a_whole_or_not)
{
	char dir[] = "/tmp/vtoe-additions-XXXXXX", path[64], temp[72];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/toes.conf", dir);
	snprintf(temp, sizeof(temp), "%s.new", path);
	ck_assert_int_eq(additions_write(dir, path, "one\n"), 0);
	ck_assert_int_eq(access(temp, F_OK), -1);
	ck_assert_int_eq(mkdir(temp, 0700), 0); /* in its way */
	ck_assert_int_lt(additions_write(dir, path, "two\n"), 0);
	ck_assert_int_eq(access(path, R_OK), 0);
	rmdir(temp);
	unlink(path);
	rmdir(dir);
}
END_TEST

UNIT_MAIN("additions", an_added_toe_has_a_line_of_its_own,
	  what_is_not_set_anew_stays, a_list_is_replaced_and_emptied,
	  as_many_routes_as_there_may_be_fit_in, a_removed_toe_takes_its_line_alone,
	  nothing_breaks_out_of_its_quotes,
	  a_file_is_replaced_as_a_whole_or_not)
