/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sockdiff.h - the same socket calls in two worlds.
 *
 * Theory of operation
 *
 * A *world* is a network namespace of this machine and a peer: a process on
 * another host that does what it is told over a control connection. World 0 is
 * under test: in a guest, the initial namespace, whose sockets vtoe carries.
 * World 1 is the measure: a namespace whose sockets are Linux's own, with the
 * same addresses, and the peer in a third one.
 *
 * A *session* begins with nothing open and is a sequence of steps that follows
 * from a seed. A step is one call on a socket, or an order to the peer. Each is
 * done in both worlds at once, by a thread of each, so that a call may block;
 * if it blocks in both, a signal ends it in both. Then the two outcomes are
 * compared: value, errno, bytes, addresses, what is beyond the bytes. Before
 * the next step both worlds must come to look alike (settle.c): readiness and
 * queues of each socket, and what the peer sees of each connection, its TCP
 * state included. That is waited for, not timed: world 1 has settled as soon
 * as its peer answers, and world 0 must arrive at the same.
 *
 * What a session does next depends on what its sockets are in world 1, so most
 * steps are sensible ones; see make.c. The first difference ends a session.
 *
 * A run is about streams or, with -u, about datagrams. Then the peer has sockets
 * instead of connections, each bound to a port of its own, and reads whatever
 * arrives, so that it is seen and waited for; an order to read takes an error.
 */
#ifndef SOCKDIFF_H
#define SOCKDIFF_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NR_WORLDS  2
#define NR_SOCKETS 6
#define NR_SETS	   2 /* epoll */
#define NR_PEERS   6 /* the peer's connections */
#define NR_ARGS	   8
#define MAX_STEPS  200
#define MAX_VALUES 24
#define BUFFER_SIZE 81920 /* no call moves more; both worlds take it at once */
#define UNTOUCHED 0xee /* what buffers are filled with before a call */
#define NR_PORTS  8    /* that a session's sockets are bound to */
#define TEXT_SIZE 400

/* Socket numbers that are no sockets. */
enum { SLOT_CLOSED = NR_SOCKETS, SLOT_NEGATIVE, SLOT_HUGE, SLOT_FILE };

enum op {
	OP_SOCKET,
	OP_BIND,
	OP_LISTEN,
	OP_CONNECT,
	OP_ACCEPT,
	OP_SEND,
	OP_SENDMSG,
	OP_WRITE,
	OP_RECV,
	OP_RECVMSG,
	OP_READ,
	OP_SHUTDOWN,
	OP_CLOSE,
	OP_GETNAME,
	OP_SETOPT,
	OP_GETOPT,
	OP_IOCTL,
	OP_FCNTL,
	OP_DUP,
	OP_POLL,
	OP_EPOLL_CTL,
	OP_EPOLL_WAIT,
	OP_SPLICE,
	OP_SENDMMSG,
	OP_RECVMMSG,
	/* orders to the peer */
	OP_PEER_ACCEPT,
	OP_PEER_CONNECT,
	OP_PEER_SEND,
	OP_PEER_READ,
	OP_PEER_SHUTDOWN,
	OP_PEER_CLOSE,
	OP_PEER_RESET,
	OP_PEER_OPEN,
	NR_OPS
};

/* One step. a[] is by op; see the function of its name in call.c. */
struct step {
	uint8_t op;
	uint8_t s;  /* socket, or the peer's connection */
	uint8_t id; /* in its session; chooses the bytes it sends */
	int a[NR_ARGS];
};

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	uint8_t raw[128];
};

/* What a step came to. Compared by compare.c. */
struct outcome {
	long ret;
	int err;	  /* errno, if ret is -1 */
	bool interrupted; /* it blocked, and was ended by a signal */
	int sigpipes;
	int nr_values;
	long value[MAX_VALUES];
	bool has_addr;
	union address addr;
	uint64_t bytes; /* hash of the whole buffer, with what is beyond */
};

/* What the peer sees of one of its sockets. */
struct peer_socket {
	int32_t revents; /* -1: there is none */
	int32_t tcp_state;
	uint32_t unread;
	uint32_t read; /* so far, by OP_PEER_READ; datagrams: at once */
	uint64_t hash; /* of what was read */
};

struct peer_view {
	struct peer_socket listener, socket[NR_PEERS];
};

struct view {
	struct {
		int revents; /* -1: there is none */
		int unread;  /* or a negative errno */
	} socket[NR_SOCKETS];
	struct peer_view peer;
};

struct world;

/* How a world's sockets are used. */
struct world_ops {
	/* a step that is no order to the peer */
	void (*call)(struct world *w, const struct step *step,
		     struct outcome *out);
	/* poll() and FIONREAD of socket @s; as in struct view */
	void (*look)(struct world *w, int s, int *revents, int *unread);
	/* the port that it is bound to, in host order; 0: none */
	uint16_t (*port)(const struct world *w, int s);
	/* all sockets are closed */
	void (*reset)(struct world *w);
};

extern const struct world_ops world_linux; /* by system calls */

struct world {
	const char *name;
	const struct world_ops *ops;
	int netns; /* or -1: this process's own */
	int control;
	int fd[NR_SOCKETS], epoll[NR_SETS], file;
	uint8_t *buffer; /* BUFFER_SIZE, then pages that are not there */
	uint8_t *wild;	 /* a page that is not there */
	uint8_t *fixed;	 /* a page that is only to be read */
	struct outcome out;
	/* the thread */
	pthread_t thread;
	pid_t tid;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	const struct step *todo;
	bool interrupted;
};

struct options {
	union address own4, own6, peer4, peer6;
	int port; /* of the peer's control listener */
	bool bad; /* wild pointers and lengths, mostly */
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	/* makes a step one that both worlds have; false: there is none */
	bool (*narrow)(struct step *step);
	/* a difference that is known of world 0 besides; NULL: none */
	bool (*known)(const struct step *step, const struct outcome *a,
		      const struct outcome *b);
};

extern struct options options;
extern struct world worlds[NR_WORLDS];
extern const char *const op_names[NR_OPS];

struct session {
	uint32_t seed;
	struct step step[MAX_STEPS];
	int nr_steps;
	int peer_port; /* the peer listens there; datagrams: and on the next */
	int base_port;
	/* make.c: what there is in world 1 */
	uint8_t kind[NR_SOCKETS];
	bool ep_edge[NR_SETS][NR_SOCKETS]; /* registered as EPOLLET */
	bool peer_used[NR_PEERS];
	bool was_native[NR_SOCKETS]; /* named an address of this machine */
	bool moved[NR_SOCKETS];	     /* connected to this machine */
	bool misled[NR_SOCKETS];     /* connected, and a connect() failed */
	bool let_go[NR_SOCKETS];     /* its peer, by AF_UNSPEC */
	bool tried_mapped[NR_SOCKETS];	  /* to connect so, in vain */
	uint8_t connected_to[NR_SOCKETS]; /* another of ours; or NR_SOCKETS */
	uint8_t form[NR_SOCKETS];    /* of its addresses, FORM_* */
	bool has_port[NR_SOCKETS];   /* for peers beyond the device, too */
	bool port_here[NR_SOCKETS];  /* by a send that may have stayed here */
	bool peer_connected[NR_PEERS];
	uint8_t peer_to[NR_PEERS];   /* to which socket */
	int peer_sent;		     /* bytes */
	bool shut_early;	     /* a socket, before it was connected */
	bool urgent;		     /* the peer has sent such */
	bool sent_here;		     /* datagrams, to this machine */
	bool readable[NR_SOCKETS];   /* as poll() says */
	int unaccepted;		     /* connections in the peer's queue */
	int queued; /* steps that are to follow, from .step[.nr_steps] on */
	uint64_t random;
};

extern struct session session;

/* ---- world.c ---- */
void world_start(struct world *w, const char *name, const char *netns,
		 const struct world_ops *ops);
/** world_reset - closes all, and has the peer do so, listening anew. */
int world_reset(struct world *w);
/** worlds_do - one step in both; sets .out of each. */
void worlds_do(const struct step *step);
int socket_fd(const struct world *w, int s);

/* ---- call.c ---- */
void call_do(struct world *w, const struct step *step, struct outcome *out);
void call_linux(struct world *w, const struct step *step, struct outcome *out);
extern __thread int sigpipes;

/* ---- sessions.c ---- */
struct run {
	uint32_t seed; /* of the first session; the next ones follow */
	int sessions, steps, seconds;
	bool verbose;
	bool complain; /* of known differences that were never met */
};

/** sessions_run - in worlds that are started; 1 if there is any difference */
int sessions_run(const struct run *r);

/* ---- make.c ---- */
void session_begin(uint32_t seed);
/** session_next - the next step; stays valid for the session. */
const struct step *session_next(void);
/** session_learn - what the last step came to in world 1. */
void session_learn(const struct step *step, const struct outcome *out);

/* ---- compare.c ---- */
enum verdict {
	SAME,
	KNOWN,	   /* and what follows is to be compared, too */
	KNOWN_END, /* and what follows will differ, too */
	DIFFERENT,
};
void compare_begin(void);
enum verdict compare(const struct step *step, const struct outcome *a,
		     const struct outcome *b, char *text);
/** views_compare - SAME or DIFFERENT. */
enum verdict views_compare(const struct view *a, const struct view *b,
			   char *text);
/** views_judge - whether a difference that stays is a known one. */
enum verdict views_judge(const struct view *a, const struct view *b);
void step_text(const struct step *step, char *text, size_t size);
/** step_target - where a datagram goes or a socket is connected: ADDR_*, or -1 */
int step_target(const struct step *step);
/** step_subject - the socket that a step is about, whoever takes it */
int step_subject(const struct step *step);
/** known_report - what was met how often; returns how many never were. */
int known_report(bool complain);

/* ---- settle.c ---- */
/** settle - SAME, or what stays different, after all time. */
enum verdict settle(char *text);

/* ---- options_table.c ---- */
struct sockopt {
	const char *name;
	int level, opt;
	int size;     /* of the value */
	int value[4]; /* that are set */
	bool vague;   /* a true value differs between any two stacks */
	bool refused; /* by vtoe, to be set */
	bool refused_dgram; /* the same, if it is a datagram socket */
	int type;     /* of the sockets that it is tried on; 0: any */
};
extern const struct sockopt sockopts[];
extern const int nr_sockopts;

/* ---- peer.c ---- */
enum order {
	PEER_BEGIN,
	PEER_ACCEPT,
	PEER_CONNECT,
	PEER_SEND,
	PEER_READ,
	PEER_SHUTDOWN,
	PEER_CLOSE,
	PEER_RESET,
	PEER_OPEN, /* a datagram socket, at a port */
	PEER_VIEW
};

struct peer_order {
	int32_t order, slot, arg;
	int32_t type; /* of the sockets */
	union address addr;
};

struct peer_answer {
	int32_t ret, err;
};

_Noreturn void peer_serve(const union address *at);
/** peer_do - an order and its answer; the program ends if the peer is gone. */
struct peer_answer peer_do(struct world *w, const struct peer_order *order);
void peer_look(struct world *w, struct peer_view *view);

/* ---- tools.c ---- */
socklen_t address_size(const union address *a);
bool address_parse(union address *a, const char *host, int port);
uint64_t hash_more(uint64_t hash, const void *data, size_t len);
#define HASH_START 0xcbf29ce484222325ull
/** pattern - the bytes that step number @id sends. */
void pattern(uint8_t *buf, int id, size_t len);
_Noreturn void die(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
double now(void);
bool read_all(int fd, void *buf, size_t len);
bool write_all(int fd, const void *buf, size_t len);

#endif /* SOCKDIFF_H */
