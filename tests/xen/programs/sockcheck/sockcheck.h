/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sockcheck.h - what the checks of socket behaviour are made with.
 *
 * A check is a function that returns if all is well. expect() and its kin
 * end the check's process with a line that says what was not so. Each check
 * has a process and a time limit of its own.
 */
#ifndef SOCKCHECK_H
#define SOCKCHECK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HANG_S 25	/* a check that takes longer hangs; emulation is slow */
#define LINE_MAX_ 256	/* a command to the peer, or its answer, with NUL */

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct check {
	const char *name;
	void (*run)(void);
};

/* Each list ends with a check without name. */
extern const struct check connect_checks[], listen_checks[], data_checks[],
	close_checks[], poll_checks[], option_checks[], process_checks[],
	dgram_checks[], life_checks[], uring_checks[];

extern union address peer_address;  /* of the peer's server */
extern union address local_address; /* ours towards it, port 0 */
extern union address bind_address;  /* what listeners bind: it, or any */
extern bool offloaded; /* the sockets go through vtoe: refusals differ */

#define expect(condition)                                                  \
	expect_at((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define expect_eq(got, wanted)                                             \
	expect_eq_at((long long)(got), (long long)(wanted), #got, __FILE__, \
		     __LINE__)
/* A call that must fail with this errno. */
#define expect_errno(call, wanted)                                         \
	expect_errno_at((long long)(call), wanted, #call, __FILE__, __LINE__)
/* A call that must not fail; its value. */
#define must(call) must_at((long long)(call), #call, __FILE__, __LINE__)

void expect_at(int ok, const char *text, const char *file, int line);
void expect_eq_at(long long got, long long wanted, const char *text,
		  const char *file, int line);
void expect_errno_at(long long result, int wanted, const char *text,
		     const char *file, int line);
int must_at(long long result, const char *text, const char *file, int line);

/* ---- sockets ---- */

socklen_t address_size(const union address *a);
uint16_t address_port(const union address *a);
void address_set_port(union address *a, uint16_t port);
bool address_same_host(const union address *a, const union address *b);

/** new_socket - a stream socket of the peer's family; flags as for socket(). */
int new_socket(int flags);

/** connect_to - connect() to the peer's host at a port (0: its server). */
int connect_to(int fd, uint16_t port);

/** peer - a new connection on which the peer does a command (see peer.c). */
int peer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** peer_full_port - a port of the peer where a SYN is never answered. */
uint16_t peer_full_port(void);

/** listener - listens at bind_address; its port. */
int listener(int flags, uint16_t *port);

/**
 * dialled - a connection that the peer made to us, on which it does a command
 * @control: set to the connection on which the command's answer will come
 */
int dialled(int *control, const char *command);

uint16_t local_port(int fd);
void command(int fd, const char *text);
/** read_line - a line without its newline, in a static buffer. */
const char *read_line(int fd);
void send_bytes(int fd, size_t from, size_t len);
/** receive_bytes - exactly these; each byte is checked. */
void receive_bytes(int fd, size_t from, size_t len);
void expect_end(int fd);

/** pattern - fills buf with the stream's bytes number from, from + 1, … */
void pattern(void *buf, size_t from, size_t len);

/* FNV-1a over a stream's bytes */
#define HASH_START 0xcbf29ce484222325ull
uint64_t hash_more(uint64_t hash, const void *data, size_t len);
/** count_text - what the peer's "count" answers to this many bytes. */
const char *count_text(size_t len);

/* ---- other ---- */

/** wait_for - poll()s for events for some seconds; the revents, or 0. */
int wait_for(int fd, int events);
/** ready_now - revents without waiting. */
int ready_now(int fd, int events);
double seconds(void);
void pause_ms(int ms);
/** alarm_without_restart - SIGALRM after ms that interrupts system calls. */
void alarm_without_restart(int ms);
/** fill - writes until fd takes no more, and stays so. False if it never does. */
bool fill(int fd);
int wait_child(int pid);

/* walk.c: every option; 0 or an exit code */
int walk_options(void);

/* peer.c */
_Noreturn void peer_server(const union address *at);
/* dgram_peer.c; in a process of its own */
void peer_dgram_server(const union address *at);

#endif /* SOCKCHECK_H */
