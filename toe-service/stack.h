/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stack.h - the interface of a TOE driver: code that drives one kind of engine.
 *
 * A driver has two halves, in two tables, because they run in two programs. The
 * control half (struct toe_control) runs in vtoed (root, netlink): it makes and
 * removes TOE contexts, one guest's share of a TOE. The data half (struct
 * toe_driver) runs in the worker of that guest, in a sandbox (no files, no new
 * capabilities, only the system calls of backend/worker/sandbox.c): it carries
 * connections.
 *
 * Each half is one constant table, listed in stacks/controls.c and
 * stacks/drivers.c; stacks/GUIDE.md says how to write them, and which operations
 * may be left out. All operations return 0 (or a count) or a negative errno
 * that tells the program in the guest the truth. None blocks. All data-half
 * functions are called from the worker's one thread.
 */
#ifndef TOE_SERVICE_STACK_H
#define TOE_SERVICE_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tables.h"

#define TOE_MAC_LEN 6
#define TOE_ERROR_MAX 256 /* bytes of a driver's error text, with the NUL */

/* ---- control half ---- */

/* What a guest's share of a TOE is made from. All strings are checked. */
struct toe_context_spec {
	const char *toe;      /* name of the TOE, for messages */
	const char *netdev;   /* in vtoed's network namespace */
	const char *link;     /* name the link gets in the guest's namespace */
	const char *mode;     /* "auto", "ipvlan", "macvlan" */
	int netns;	      /* descriptor of the guest's network namespace */
	uint32_t index;	      /* which of the guest's TOE contexts */
	bool several;	      /* the guest may have more than one */
	uint32_t mtu;	      /* 0: the netdev's */
	uint64_t rate;	      /* bytes a second that the guest may send; 0: any */
	bool held;	      /* without addresses, and deaf: see below */
	struct toe_address ip, ip6;
	/* of the families of which there is an address; NULL: none */
	const struct toe_routes *routes;
	bool dhcp;	      /* ip is a lease's, or comes later: family 0 */
	uint8_t mac[TOE_MAC_LEN]; /* with dhcp: what the link should have */
};

/* What a data half may ask for with a connection's descriptor. */
enum toe_assist {
	TOE_ASSIST_FREEZE = 1, /* so that state can be taken out, or put in */
	TOE_ASSIST_THAW = 2,   /* it is a connection as any other */
};

/* What has gone by a TOE context, as the engine counts; tx: from the guest. */
struct toe_traffic {
	uint64_t tx_bytes, tx_packets;
	uint64_t rx_bytes, rx_packets;
};

#define TOE_SHARES_MAX 4096u /* devices that can share a TOE */

/* Of what a TOE sends, the part of one device's links there. */
struct toe_share {
	uint32_t number; /* 1 … TOE_SHARES_MAX, of no other device */
	uint32_t weight;
};

struct toe_sharing {
	const char *netdev;
	uint64_t rate; /* bytes a second, of all together; 0: share no more */
	uint32_t nr;
	const struct toe_share *share;
};

struct toe_control {
	const char *name; /* as in vtoed.conf: driver = "name" */

	/**
	 * context_create - make a guest's share of a TOE
	 * @spec: what from
	 * @error: TOE_ERROR_MAX bytes, set on failure
	 *
	 * Undoes everything on failure. Called from vtoed's one thread.
	 */
	int (*context_create)(const struct toe_context_spec *spec, char *error);

	/* 0 also if there was nothing to remove */
	int (*context_destroy)(const struct toe_context_spec *spec);

	/*
	 * Its place is taken by another context of the driver; it is destroyed in a
	 * moment. Until then it sends nothing new and answers for no address, but
	 * hears what is on its way to it. Not called if its NIC has no link.
	 * -ENODEV: it went by itself. NULL: it would hear nothing.
	 */
	int (*context_retire)(const struct toe_context_spec *spec);

	/*
	 * Have the address and gateway of @family (VTOE_INET, VTOE_INET6), and
	 * the MTU, of @spec instead of @old, which it has had; either may be
	 * none (family 0), or they are the same. On failure it has neither.
	 * -ENODEV: the context is not there. The data half is told by
	 * stack_link(), if it has that.
	 * NULL: addresses are for life: guests cannot use DHCP, and do not
	 * follow when a range changes.
	 */
	int (*context_address)(const struct toe_context_spec *spec,
			       uint16_t family, const struct toe_address *old,
			       char *error);

	/*
	 * Have the routes of @spec, and no others but the gateways'; may be
	 * repeated. -ENODEV: the context is not there. NULL: the engine takes
	 * none, and vtoed.conf gives a TOE of it none.
	 */
	int (*context_routes)(const struct toe_context_spec *spec, char *error);

	/*
	 * The guest has gone, and its DHCP client gives the lease back, by a
	 * socket of dom0's kernel: that gets the IPv4 address now. NULL: it has
	 * had it all the time.
	 */
	int (*context_lend)(const struct toe_context_spec *spec, char *error);

	/* since it was made; set on success only; NULL: it does not count */
	int (*context_traffic)(const struct toe_context_spec *spec,
			       struct toe_traffic *traffic);

	/*
	 * Have guests share what their TOE sends by weight, each with all of it
	 * when alone. It is said again with each change, and by the next vtoed:
	 * what is there is changed, what is not named goes. -EBUSY: somebody
	 * else's order is there, which stays. NULL: guests cannot share.
	 */
	int (*share)(const struct toe_sharing *sharing, char *error);

	/* from now on what the guest sends by this context is of a share; may
	 * be repeated; needed with share */
	int (*context_share)(const struct toe_context_spec *spec,
			     uint32_t number, char *error);

	/* remove what an earlier vtoed made of this driver in a namespace that
	 * is about to go, and of which no more is known; NULL: nothing */
	void (*sweep)(int netns);

	/* 0 if the data half understands a TOE's settings, or -EINVAL and
	 * TOE_ERROR_MAX bytes of why not; NULL: it takes none */
	int (*check)(const char *settings, char *error);

	/* live connections can be moved from another driver that has this to
	 * this one: the data half has freeze, export, import and thaw */
	bool moves;
	/* its stack does not go on with a connection that has TCP time stamps */
	bool no_timestamps;
	/*
	 * Moves: a link that is made with @spec.held has no addresses, so that
	 * the kernel does not answer for what another stack still has; when that
	 * one's link is gone, it gets them, but hears nothing, because the kernel
	 * would reset what it does not know yet; when all connections are
	 * there, it hears. The last may be repeated. NULL: a held link is as
	 * any other, because only the data half hears it. Both or none.
	 */
	int (*context_install)(const struct toe_context_spec *spec,
			       char *error);
	int (*context_release)(const struct toe_context_spec *spec);
	/*
	 * Moves: do what the data half has no privilege for. @fd is whatever a
	 * worker, which is not trusted, has sent; it stays the caller's.
	 * -EPERM: not a connection of that namespace. NULL: none is needed.
	 */
	int (*assist)(int netns, int fd, enum toe_assist what);
};

/**
 * toe_control_find - the control half of a driver by its name
 *
 * Returns NULL if there is none, or if it lacks what it must have. Listed in
 * stacks/controls.c.
 */
const struct toe_control *toe_control_find(const char *name);

/** toe_control_sweep - have every driver sweep() a namespace */
void toe_control_sweep(int netns);

/* ---- data half ---- */

struct toe_stack; /* a driver's instance in one worker */
struct toe_conn;  /* a driver's connection */

#define TOE_READABLE 0x1u  /* recv() or accept() will not say -EAGAIN */
#define TOE_WRITABLE 0x2u  /* send() will not say -EAGAIN */
#define TOE_CONNECTED 0x4u /* connect() has ended; ask connected() */
#define TOE_HUP 0x8u	   /* over, both ways */
/*
 * Without this, a recv() that returns less than was asked for has taken all
 * there is, and an upcall will tell of more. With it, once given, call recv()
 * until -EAGAIN, 0 or an error.
 */
#define TOE_UNTIL_AGAIN 0x10u

/**
 * toe_ready_fn - upcall: something may have become possible on a connection
 * @user: what was given at open() or accept()
 * @events: TOE_*; edges, level is for the caller to remember
 *
 * Called from within stack_event() only. The callee may call any operation on
 * any connection, close() included.
 */
typedef void toe_ready_fn(void *user, unsigned int events);

/*
 * What an instance gets from the worker. It watches descriptors by adding them
 * to the worker's own epoll set, so that no second wait is needed: the lower
 * TOE_DATA_BITS of epoll_data.u64 are the driver's, the upper ones are @tag.
 */
#define TOE_DATA_BITS 56

struct toe_stack_config {
	toe_ready_fn *ready;
	int epoll;
	uint64_t tag;	    /* to be or'ed into epoll_data.u64 */
	uint32_t max_conns; /* everything is allocated for these at once */
	uint64_t *syscalls; /* counter: add each system call */
	const char *settings; /* the TOE's, for its driver; only in this call */
};

#define TOE_CLOSE_ABORT 0x1u /* reset, drop unsent data */

/* A datagram: where it goes or comes from, and its payload. */
struct toe_datagram {
	struct vtoe_datagram head; /* contract, section 5.7; checked */
	struct iovec iov[2];
	int iovcnt;
};

/* A guest's share of a TOE, for a driver that has packets of its own on it. */
struct toe_link {
	unsigned int index; /* which of the device's TOE contexts */
	const char *name;   /* in the guest's namespace; NULL: it is no more */
	struct toe_address ip, ip6; /* family 0: none */
};

#define TOE_SAVED_MAX 16777216u /* bytes a way; Linux holds 6 MB at most */

/*
 * A stream on its way from one stack to another. Sequence numbers are those of its
 * segments. Who has been given it frees @out and @in.
 */
struct toe_saved {
	int family; /* of the socket: AF_INET, AF_INET6 */
	struct vtoe_addr local, remote; /* as such a socket has them */
	uint32_t snd_una; /* of the first byte that is not acknowledged */
	uint32_t snd_nxt; /* behind what was sent; a FIN counts */
	uint32_t rcv_nxt; /* behind what was received in order; a FIN counts */
	uint32_t snd_wnd, snd_wnd_max; /* bytes; what the peer takes, took */
	uint32_t snd_wl1;   /* of the segment that said so */
	uint32_t rcv_wnd;   /* bytes from rcv_nxt on that the peer may send */
	uint16_t mss;	    /* bytes of data that the peer takes in a segment */
	uint8_t snd_scale, rcv_scale; /* shifts of the windows in segments */
	bool scaled, timestamps, sack; /* negotiated */
	uint32_t timestamp; /* the stack's clock, as the peer has seen it */
	bool shut;	/* a FIN ends what is to be sent */
	bool fin_acked; /* and has been acknowledged: nothing is left */
	bool eof;	/* the peer's FIN has come */
	uint8_t *out;	/* from snd_una on, sent or not; without the FIN */
	uint32_t out_len;
	uint8_t *in; /* received, and not read */
	uint32_t in_len;
};

struct toe_driver {
	const char *name; /* as in vtoed.conf: driver = "name" */

	/* instance: made before the sandbox, in the guest's namespace */
	int (*stack_open)(const struct toe_stack_config *config,
			  struct toe_stack **stack);
	void (*stack_close)(struct toe_stack *stack);
	/* an epoll event with the stack's tag; may come for what is closed */
	void (*stack_event)(struct toe_stack *stack, uint64_t data,
			    uint32_t events);
	/* other settings from now on, as its TOE context is on another TOE;
	 * NULL: takes none, and TOEs of the driver may share an instance */
	int (*stack_configure)(struct toe_stack *stack, const char *settings);
	/* asked once a second: 0 if the engine has answered since it was asked
	 * the last time, or -ETIMEDOUT; and have it answer anew, by a way that
	 * needs no peer (a no-op in its queue, a heartbeat). NULL: the driver
	 * cannot tell a dead engine from a quiet network */
	int (*alive)(struct toe_stack *stack);
	/* a TOE context of the instance is there, is on another link, has other
	 * addresses, or is no more; also before the sandbox, for those that the
	 * device starts with. What has an address that is gone stays, and sends
	 * nothing: it is reset(), or the address comes back. The strings are
	 * the caller's */
	int (*stack_link)(struct toe_stack *stack, const struct toe_link *link);

	/* connections */
	int (*open)(struct toe_stack *stack, int family, int type, void *user,
		    struct toe_conn **conn);
	int (*bind)(struct toe_conn *conn, const struct vtoe_addr *addr);
	int (*listen)(struct toe_conn *conn, unsigned int backlog);
	/* before connect(), of what is not bound: the address that it has on
	 * the TOE context that it is placed on; may be repeated */
	int (*use_address)(struct toe_conn *conn, const struct vtoe_addr *addr);
	/* 0 when connected already, or -EINPROGRESS: TOE_CONNECTED follows.
	 * Datagrams: 0; may be repeated; family 0 ends the association */
	int (*connect)(struct toe_conn *conn, const struct vtoe_addr *addr);
	/* how it ended: 0 or an error, after which it may be tried again */
	int (*connected)(struct toe_conn *conn);
	/* 0, or -EAGAIN; the new connection inherits nothing but options */
	int (*accept)(struct toe_conn *listener, void *user,
		      struct toe_conn **conn, struct vtoe_addr *peer);
	/* bytes, 0 at the end of the stream, -EAGAIN, or an error */
	ssize_t (*recv)(struct toe_conn *conn, const struct iovec *iov,
			int iovcnt);
	/* bytes, -EAGAIN, or an error */
	ssize_t (*send)(struct toe_conn *conn, const struct iovec *iov,
			int iovcnt);
	/* datagrams: how many were sent, at least one; -EAGAIN, or the error
	 * of the first, which may be one that an earlier one has caused */
	int (*send_datagrams)(struct toe_conn *conn,
			      const struct toe_datagram *datagram,
			      unsigned int nr);
	/* 0, -EAGAIN, or an error that a sent one has caused; head is set;
	 * what is longer than the room for it is cut */
	int (*recv_datagram)(struct toe_conn *conn,
			     struct toe_datagram *datagram);
	/* bytes of payload of the next one, or as above */
	int (*next_datagram)(struct toe_conn *conn);
	/* hold short segments back, or (0) send them: it is for streams, beside
	 * what the program in the guest may have asked for by TCP_CORK */
	int (*hold)(struct toe_conn *conn, int on);
	/* its TOE context is on another TOE: forget the way taken so far; before it
	 * is used, or within a second or so */
	void (*moved)(struct toe_conn *conn);
	/* end it now, as if the peer had reset it; upcalls tell. One that was
	 * connecting may be used for another connect() at once */
	void (*reset)(struct toe_conn *conn);
	/* SHUT_WR: nothing more is sent. SHUT_RDWR, which may follow it: nor is
	 * anything wanted that is not there yet, and what arrives is answered
	 * by a reset */
	int (*shutdown)(struct toe_conn *conn, int how);
	void (*close)(struct toe_conn *conn, unsigned int flags);
	int (*error)(struct toe_conn *conn); /* take SO_ERROR: 0 or -errno */
	int (*unsent)(struct toe_conn *conn); /* bytes not acknowledged */
	int (*local)(struct toe_conn *conn, struct vtoe_addr *addr);
	int (*setopt)(struct toe_conn *conn, int level, int name,
		      const void *value, uint32_t len);
	/* level may be VTOE_SOL_QUEUE, too */
	int (*getopt)(struct toe_conn *conn, int level, int name, void *value,
		      uint32_t *len);

	/* streams with a peer, to and from another stack: all five, or none */

	/* nothing is sent on it any more, and no upcall comes: its link is
	 * about to go. It is exported and closed, or closed, which tells no
	 * peer. An error: it cannot be moved */
	int (*freeze)(struct toe_conn *conn);
	/* family and addresses are set; sets the rest, or nothing on failure */
	int (*export)(struct toe_conn *conn, struct toe_saved *saved);
	/* what open() has just made becomes that stream, and is frozen; @in is
	 * the caller's affair, and so is the end of the stream (eof). Bytes of
	 * its end that recv() will give are taken off @in_len. An error: this
	 * stack cannot have it; it is to be closed */
	int (*import)(struct toe_conn *conn, struct toe_saved *saved);
	/* it goes on; the link is there. An error: it is to be closed */
	int (*thaw)(struct toe_conn *conn, const struct toe_saved *saved);
	/* the descriptor for the control half's assist(): with FREEZE before
	 * export() and import(), with THAW before thaw(). NULL: none is needed */
	int (*assist)(struct toe_conn *conn);
	/* upcalls go to @user from now on */
	void (*own)(struct toe_conn *conn, void *user);
	/* a stream of a TOE context that was closed, and still has bytes or a FIN
	 * to deliver: open once more, with @user, and its family and addresses
	 * in @saved. -ENOENT: no more. NULL: such streams cannot be had back */
	int (*unfinished)(struct toe_stack *stack, unsigned int index,
			  void *user, struct toe_conn **conn,
			  struct toe_saved *saved);
};

/**
 * toe_driver_find - the data half of a driver by its name
 *
 * Returns NULL if there is none, or if it lacks what it must have; what it
 * leaves out otherwise is filled in (stacks/complete.h). Listed in
 * stacks/drivers.c.
 */
const struct toe_driver *toe_driver_find(const char *name);

#endif /* TOE_SERVICE_STACK_H */
