/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "../../tools/xlcfg.h"

#define UUID_A "11111111-2222-3333-4444-555555555555"
#define UUID_B "99999999-2222-3333-4444-555555555555"

static char dir[64];
static struct xlcfg_guest guest;
static char *report;

static void setup(void)
{
	strcpy(dir, "/tmp/xlcfg-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
	char command[128];

	xlcfg_guest_dispose(&guest);
	free(report);
	report = NULL;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static int find_in(const char *uuid, const char *name, const char *path)
{
	struct xlcfg_query query = { .uuid = uuid, .name = name };
	char *paths[] = { (char *)path };
	size_t len;
	FILE *f;
	int found;

	free(report);
	xlcfg_guest_dispose(&guest);
	f = open_memstream(&report, &len);
	found = xlcfg_find(&query, paths, 1, &guest, f, false);
	fclose(f);
	return found;
}

static int find(const char *uuid, const char *name)
{
	return find_in(uuid, name, dir);
}

START_TEST(finds_by_name)
{
	setup();
	write_file("a.cfg", "name = 'a'\nvtoe = [ 'ip=192.0.2.1/24' ]\n");
	write_file("b.cfg", "name = 'b'\nmemory = 64\n"
		   "vtoe = [ 'ip=192.0.2.2/24,gateway=192.0.2.254',\n"
		   "         \"pool=gold\", ]\n");
	ck_assert_int_eq(find(NULL, "b"), 1);
	ck_assert_uint_eq(guest.nr_entries, 2);
	ck_assert_str_eq(guest.entry[0],
			 "ip=192.0.2.2/24,gateway=192.0.2.254");
	ck_assert_str_eq(guest.entry[1], "pool=gold");
	ck_assert_str_eq(guest.name, "b");
	ck_assert_str_eq(report, "");
	teardown();
}
END_TEST

START_TEST(finds_none)
{
	setup();
	write_file("a.cfg", "name = 'a'\nvtoe = [ 'x' ]\n");
	ck_assert_int_eq(find(UUID_A, "c"), 0);
	ck_assert_str_eq(report, "");
	ck_assert_int_eq(find_in(NULL, "a", "/nonexistent"), 0);
	teardown();
}
END_TEST

START_TEST(uuid_is_preferred_to_name)
{
	setup();
	write_file("1.cfg", "name = 'a'\nvtoe = [ 'by name' ]\n");
	write_file("2.cfg", "name = 'other'\nuuid = '" UUID_A "'\n"
		   "vtoe = [ 'by uuid' ]\n");
	write_file("3.cfg", "name = 'a'\nvtoe = [ 'by name' ]\n");
	ck_assert_int_eq(find("1111111122223333444455555555555"
			      "5", "a"), 1);
	ck_assert_str_eq(guest.entry[0], "by uuid");
	teardown();
}
END_TEST

START_TEST(a_config_with_another_uuid_is_another_guests)
{
	setup();
	write_file("1.cfg", "name = 'a'\nuuid = '" UUID_B "'\nvtoe = ['x']\n");
	ck_assert_int_eq(find(UUID_A, "a"), 0);
	teardown();
}
END_TEST

START_TEST(an_incoming_guest_is_found_by_its_later_name)
{
	setup();
	write_file("1.cfg", "name = 'a'\nvtoe = ['x']\n");
	ck_assert_int_eq(find(UUID_A, "a--incoming"), 1);
	teardown();
}
END_TEST

START_TEST(a_guest_without_vtoe_has_no_entries)
{
	setup();
	write_file("1.cfg", "name = 'a'\nvif = [ 'bridge=xenbr0' ]\n");
	ck_assert_int_eq(find(NULL, "a"), 1);
	ck_assert_uint_eq(guest.nr_entries, 0);
	write_file("1.cfg", "name = 'a'\nvtoe = [ ]\n");
	ck_assert_int_eq(find(NULL, "a"), 1);
	ck_assert_uint_eq(guest.nr_entries, 0);
	teardown();
}
END_TEST

START_TEST(a_string_instead_of_a_list_is_a_clear_error)
{
	setup();
	write_file("1.cfg", "name = 'a'\nvtoe = 'ip=192.0.2.1/24'\n");
	ck_assert_int_eq(find(NULL, "a"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(report, "/1.cfg: vtoe is a string; "
				     "it must be a list"));
	ck_assert_int_eq(find(NULL, "b"), 0); /* no concern of b */
	teardown();
}
END_TEST

START_TEST(an_entry_that_is_no_line_of_text_is_refused)
{
	setup();
	write_file("1.cfg", "name = 'a'\nvtoe = [ [ 'x' ] ]\n");
	ck_assert_int_eq(find(NULL, "a"), -EINVAL);
	write_file("1.cfg", "name = 'a'\nvtoe = [ \"x\\ny\" ]\n");
	ck_assert_int_eq(find(NULL, "a"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(report, "list of strings"));
	teardown();
}
END_TEST

START_TEST(a_syntax_error_is_told_with_its_line_to_whom_it_concerns)
{
	setup();
	write_file("1.cfg", "name = 'a'\nmemory = = 3\nvtoe = ['x']\n");
	write_file("2.cfg", "name = 'b'\nvtoe = ['y']\n");
	ck_assert_int_eq(find(NULL, "a"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(report, "/1.cfg:2:"));
	ck_assert_int_eq(find(NULL, "b"), 1);
	ck_assert_str_eq(report, "");
	teardown();
}
END_TEST

START_TEST(other_files_are_left_out)
{
	char path[128], big[128];
	FILE *f;

	setup();
	write_file("README", "This is no configuration at all.\n");
	write_file("xl.conf", "autoballoon=\"off\"\n");
	snprintf(path, sizeof(path), "%s/fifo", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/dangling", dir);
	ck_assert_int_eq(symlink("nowhere", path), 0);
	snprintf(path, sizeof(path), "%s/subdir", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	write_file("subdir/a.cfg", "name = 'a'\nvtoe = ['not this']\n");
	snprintf(big, sizeof(big), "%s/big", dir);
	f = fopen(big, "w");
	fprintf(f, "name = 'a'\nvtoe = ['nor this']\n");
	ck_assert_int_eq(ftruncate(fileno(f), XLCFG_FILE_MAX + 1), 0);
	fclose(f);
	f = fopen(path, "r"); /* a directory: nothing to read */
	fclose(f);
	write_file("nul", "name = 'a'\n");
	snprintf(path, sizeof(path), "%s/nul", dir);
	ck_assert_int_eq(truncate(path, 40), 0); /* NUL bytes follow */
	ck_assert_int_eq(find(NULL, "a"), 0);
	write_file("zzz", "name = 'a'\nvtoe = ['this']\n");
	ck_assert_int_eq(find(NULL, "a"), 1);
	ck_assert_str_eq(guest.entry[0], "this");
	ck_assert_str_eq(report, "");
	teardown();
}
END_TEST

START_TEST(a_link_to_the_same_file_is_no_second_guest)
{
	char from[128], to[128];

	setup();
	write_file("a.cfg", "name = 'a'\nvtoe = ['x']\n");
	snprintf(from, sizeof(from), "%s/a.cfg", dir);
	snprintf(to, sizeof(to), "%s/b.cfg", dir);
	ck_assert_int_eq(symlink(from, to), 0);
	ck_assert_int_eq(find(NULL, "a"), 1);
	ck_assert_str_eq(report, "");
	write_file("c.cfg", "name = 'a'\nvtoe = ['y']\n");
	ck_assert_int_eq(find(NULL, "a"), 1);
	ck_assert_str_eq(guest.entry[0], "x");
	ck_assert_ptr_nonnull(strstr(report, "c.cfg: left out: "));
	teardown();
}
END_TEST

START_TEST(a_file_alone_needs_no_query)
{
	char path[128];

	setup();
	write_file("a.cfg", "name = 'a'\nvtoe = ['x']\n");
	snprintf(path, sizeof(path), "%s/a.cfg", dir);
	ck_assert_int_eq(find_in(NULL, NULL, path), 1);
	ck_assert_str_eq(guest.name, "a");
	write_file("a.cfg", "name = \n");
	ck_assert_int_eq(find_in(NULL, NULL, path), -EINVAL);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(find_in(NULL, NULL, path), -ENOENT);
	ck_assert_ptr_nonnull(strstr(report, "No such file"));
	teardown();
}
END_TEST

START_TEST(uuids_are_compared_as_people_write_them)
{
	ck_assert(xlcfg_uuid_equal(UUID_A, UUID_A));
	ck_assert(xlcfg_uuid_equal("abcdefab-0000-0000-0000-000000000000",
				   "ABCDEFAB000000000000000000000000"));
	ck_assert(!xlcfg_uuid_equal(UUID_A, UUID_B));
	ck_assert(!xlcfg_uuid_equal("", ""));
	ck_assert(!xlcfg_uuid_equal("1", "1"));
	ck_assert(!xlcfg_uuid_equal(UUID_A "0", UUID_A));
	ck_assert(!xlcfg_uuid_equal(UUID_A "-", UUID_A "0"));
}
END_TEST

START_TEST(a_broken_text_is_searched_for_its_owner)
{
	static const char text[] = "# name = 'no'\n  name\t= \"web 1\" # x\n"
				   "uuid='" UUID_A "'\nname='cut";

	ck_assert(xlcfg_text_assigns(text, strlen(text), "name", "web 1"));
	ck_assert(!xlcfg_text_assigns(text, strlen(text), "name", "no"));
	ck_assert(!xlcfg_text_assigns(text, strlen(text), "name", "cut"));
	ck_assert(xlcfg_text_assigns(text, strlen(text), "uuid", UUID_A));
	ck_assert(!xlcfg_text_assigns("", 0, "name", "a"));
	ck_assert(!xlcfg_text_assigns("name", 4, "name", ""));
	ck_assert(!xlcfg_text_assigns("name=", 5, "name", ""));
}
END_TEST

UNIT_MAIN("xlcfg", finds_by_name, finds_none, uuid_is_preferred_to_name,
	  a_config_with_another_uuid_is_another_guests,
	  an_incoming_guest_is_found_by_its_later_name,
	  a_guest_without_vtoe_has_no_entries,
	  a_string_instead_of_a_list_is_a_clear_error,
	  an_entry_that_is_no_line_of_text_is_refused,
	  a_syntax_error_is_told_with_its_line_to_whom_it_concerns,
	  other_files_are_left_out,
	  a_link_to_the_same_file_is_no_second_guest,
	  a_file_alone_needs_no_query,
	  uuids_are_compared_as_people_write_them,
	  a_broken_text_is_searched_for_its_owner)
