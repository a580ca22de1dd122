/* SPDX-License-Identifier: GPL-2.0 */
/* Claims about what a driver must have, and what stands for the rest. */
#include <errno.h>
#include <sys/socket.h>

#include "unit.h"
#include "../../toe-service/stacks/complete.h"
#include "../../toe-service/stacks/drivers.h"

/* Never called: it is there or not. */
static void present(void)
{
}

#define PRESENT (void *)present

#define REQUIRED                                                               \
	.stack_open = PRESENT, .stack_close = PRESENT, .stack_event = PRESENT, \
	.open = PRESENT, .connect = PRESENT, .connected = PRESENT,             \
	.recv = PRESENT, .send = PRESENT, .reset = PRESENT,                    \
	.shutdown = PRESENT, .close = PRESENT, .error = PRESENT,               \
	.unsent = PRESENT, .local = PRESENT

static const struct toe_driver least = {.name = "least", REQUIRED};

/* Those of the list: one that is as small as can be, and one that is broken. */
const struct toe_driver kernel_driver = {.name = "kernel", REQUIRED};
const struct toe_driver lwip_driver = {.name = "lwip", REQUIRED};
const struct toe_driver fault_driver = {
	.name = "fault", REQUIRED, .listen = PRESENT};

static void lacks(const struct toe_driver *driver, const char *what)
{
	struct toe_driver to;
	const char *missing = complete_driver(&to, driver);

	ck_assert_ptr_nonnull(missing);
	ck_assert_str_eq(missing, what);
}

#define LACKS(operation)                                                       \
	do {                                                                   \
		struct toe_driver driver = least;                              \
                                                                               \
		driver.operation = NULL;                                       \
		lacks(&driver, #operation);                                    \
	} while (0)

START_TEST(what_is_required_is_asked_for)
{
	LACKS(stack_open);
	LACKS(stack_close);
	LACKS(stack_event);
	LACKS(open);
	LACKS(connect);
	LACKS(connected);
	LACKS(recv);
	LACKS(send);
	LACKS(reset);
	LACKS(shutdown);
	LACKS(close);
	LACKS(error);
	LACKS(unsent);
	LACKS(local);
}
END_TEST

START_TEST(half_of_a_pair_is_refused)
{
	struct toe_driver driver = least;

	driver.listen = PRESENT;
	lacks(&driver, "accept");
	driver = least;
	driver.freeze = PRESENT;
	driver.export = PRESENT;
	driver.thaw = PRESENT;
	lacks(&driver, "import");
	driver = least;
	driver.recv_datagram = PRESENT;
	lacks(&driver, "send_datagrams");
	driver.send_datagrams = PRESENT;
	lacks(&driver, "next_datagram");
	driver.recv_datagram = NULL;
	lacks(&driver, "recv_datagram");
}
END_TEST

START_TEST(what_is_left_out_refuses)
{
	struct toe_driver d;

	ck_assert_ptr_null(complete_driver(&d, &least));
	ck_assert_int_eq(d.bind(NULL, NULL), -EOPNOTSUPP);
	ck_assert_int_eq(d.use_address(NULL, NULL), -EOPNOTSUPP);
	ck_assert_int_eq(d.listen(NULL, 1), -EOPNOTSUPP);
	ck_assert_int_eq(d.accept(NULL, NULL, NULL, NULL), -EOPNOTSUPP);
	ck_assert_int_eq(d.send_datagrams(NULL, NULL, 1), -EOPNOTSUPP);
	ck_assert_int_eq(d.recv_datagram(NULL, NULL), -EOPNOTSUPP);
	ck_assert_int_eq(d.next_datagram(NULL), -EOPNOTSUPP);
	ck_assert_int_eq(d.setopt(NULL, SOL_SOCKET, SO_KEEPALIVE, NULL, 0),
			 -ENOPROTOOPT);
	ck_assert_int_eq(d.getopt(NULL, SOL_SOCKET, SO_KEEPALIVE, NULL, NULL),
			 -ENOPROTOOPT);
}
END_TEST

START_TEST(what_need_not_be_done_is_done)
{
	struct toe_driver d;

	ck_assert_ptr_null(complete_driver(&d, &least));
	ck_assert_int_eq(d.hold(NULL, 1), 0);
	d.moved(NULL);
}
END_TEST

START_TEST(what_is_there_stays)
{
	struct toe_driver driver = least, d;

	driver.hold = PRESENT;
	ck_assert_ptr_null(complete_driver(&d, &driver));
	ck_assert(d.hold == driver.hold);
	ck_assert(d.recv == driver.recv);
	/* shared instances: to take no settings says something */
	ck_assert(!d.stack_configure);
}
END_TEST

START_TEST(a_driver_is_found_complete_and_always_the_same)
{
	const struct toe_driver *found = toe_driver_find("kernel");

	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->name, "kernel");
	ck_assert_int_eq(found->bind(NULL, NULL), -EOPNOTSUPP);
	ck_assert_ptr_eq(toe_driver_find("kernel"), found);
	ck_assert_ptr_null(toe_driver_find("nonsense"));
}
END_TEST

START_TEST(an_incomplete_driver_is_not_found)
{
	ck_assert_ptr_null(toe_driver_find("fault"));
	ck_assert_ptr_null(toe_driver_find("fault"));
}
END_TEST

START_TEST(a_control_half_makes_and_removes)
{
	struct toe_control control = {.name = "least",
				      .context_create = PRESENT,
				      .context_destroy = PRESENT};

	ck_assert_ptr_null(complete_control(&control));
	control.context_destroy = NULL;
	ck_assert_str_eq(complete_control(&control), "context_destroy");
	control.context_create = NULL;
	ck_assert_str_eq(complete_control(&control), "context_create");
}
END_TEST

UNIT_MAIN("drivers", what_is_required_is_asked_for, half_of_a_pair_is_refused,
	  what_is_left_out_refuses, what_need_not_be_done_is_done,
	  what_is_there_stays, a_driver_is_found_complete_and_always_the_same,
	  an_incomplete_driver_is_not_found, a_control_half_makes_and_removes)
