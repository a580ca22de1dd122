/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "unit.h"
#include "../../toe-service/stacks/kernel_options.h"

static int set(int level, int name, int value)
{
	return kernel_option_set_ok(AF_INET, level, name, &value,
				    sizeof(value));
}

START_TEST(common_options_are_carried)
{
	static const int name[] = {TCP_NODELAY,	    TCP_CORK,	   TCP_KEEPIDLE,
				   TCP_KEEPCNT,	    TCP_KEEPINTVL, TCP_MAXSEG,
				   TCP_SYNCNT,	    TCP_LINGER2,   TCP_QUICKACK,
				   TCP_USER_TIMEOUT};
	size_t i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		ck_assert_int_eq(set(IPPROTO_TCP, name[i], 1), 0);
		ck_assert_int_eq(
			kernel_option_get_ok(AF_INET, IPPROTO_TCP, name[i]), 0);
	}
	ck_assert_int_eq(set(SOL_SOCKET, SO_KEEPALIVE, 1), 0);
	ck_assert_int_eq(set(IPPROTO_IP, IP_TOS, 16), 0);
}
END_TEST

START_TEST(what_reaches_beyond_the_connection_is_refused)
{
	static const int name[] = {SO_MARK,	     SO_BINDTODEVICE,
				   SO_ATTACH_FILTER, SO_ATTACH_BPF,
				   SO_SNDBUFFORCE,   SO_RCVBUFFORCE,
				   SO_BUSY_POLL,     SO_LINGER,
				   SO_ZEROCOPY,	     SO_ERROR};
	size_t i;

	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		ck_assert_int_eq(set(SOL_SOCKET, name[i], 1), -ENOPROTOOPT);
		ck_assert_int_eq(
			kernel_option_get_ok(AF_INET, SOL_SOCKET, name[i]),
			-ENOPROTOOPT);
	}
	ck_assert_int_eq(set(IPPROTO_TCP, TCP_REPAIR, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set(IPPROTO_TCP, TCP_ULP, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set(IPPROTO_TCP, TCP_MD5SIG, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set(IPPROTO_IP, IP_TRANSPARENT, 1), -ENOPROTOOPT);
	ck_assert_int_eq(set(IPPROTO_IP, IP_OPTIONS, 1), -ENOPROTOOPT);
}
END_TEST

START_TEST(information_can_be_read_but_not_set)
{
	ck_assert_int_eq(kernel_option_get_ok(AF_INET, IPPROTO_TCP, TCP_INFO),
			 0);
	ck_assert_int_eq(set(IPPROTO_TCP, TCP_INFO, 1), -ENOPROTOOPT);
}
END_TEST

START_TEST(a_short_value_is_the_kernels_to_judge)
{
	char value = 1;

	ck_assert_int_eq(kernel_option_set_ok(AF_INET, IPPROTO_IP, IP_TOS,
					      &value, sizeof(value)),
			 0);
	ck_assert_int_eq(kernel_option_set_ok(AF_INET, SOL_SOCKET, SO_PRIORITY,
					      &value, sizeof(value)),
			 0);
}
END_TEST

START_TEST(priorities_that_need_privileges_are_refused)
{
	ck_assert_int_eq(set(SOL_SOCKET, SO_PRIORITY, 6), 0);
	ck_assert_int_eq(set(SOL_SOCKET, SO_PRIORITY, 7), -EPERM);
	ck_assert_int_eq(set(SOL_SOCKET, SO_PRIORITY, -1), -EPERM);
}
END_TEST

START_TEST(ipv6_options_are_for_ipv6_sockets)
{
	int value = 1;

	ck_assert_int_eq(set(IPPROTO_IPV6, IPV6_V6ONLY, 1), -ENOPROTOOPT);
	ck_assert_int_eq(kernel_option_set_ok(AF_INET6, IPPROTO_IPV6,
					      IPV6_V6ONLY, &value,
					      sizeof(value)),
			 0);
}
END_TEST

UNIT_MAIN("worker_options", common_options_are_carried,
	  what_reaches_beyond_the_connection_is_refused,
	  information_can_be_read_but_not_set, a_short_value_is_the_kernels_to_judge,
	  priorities_that_need_privileges_are_refused,
	  ipv6_options_are_for_ipv6_sockets)
