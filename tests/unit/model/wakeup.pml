/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wakeup.pml - the two-stage wake-up of common/ring.h, for spin.
 *
 * Two ringers (two CPUs of a guest, each with a socket of its own) and one
 * waiter (dom0's worker). Ringer 0 also submits a command to the ring, whose
 * index is looked at beside the doorbell. The wake-ups are lossless if the
 * waiter ends with everything consumed; a lost one leaves it waiting for an
 * event that nobody sends, which spin reports as an invalid end state.
 *
 * Memory is x86's: each process has a first-in-first-out store buffer, which
 * drains whenever it likes; loads go past it. Locked instructions (fetch_or,
 * exchange) and the full barrier wait until the buffer is empty. No process
 * loads from here what it stored itself (each keeps its own indexes privately),
 * so that forwarding from the buffer need not be modelled.
 *
 * With one of these defined the model must fail, which shows that the barrier
 * or the order is needed, and that the model would notice:
 *
 *	NO_BARRIER_PUBLISH	between publishing prod and reading the event
 *	NO_BARRIER_ARM		between writing the event and looking at prod
 *	NO_BARRIER_SUBMIT	between publishing sq_prod and reading asleep
 *	NO_BARRIER_SLEEP	between writing asleep and looking once more
 *	SUMMARY_FIRST		ringer sets the summary before the bit
 *	BITS_FIRST		waiter clears the bits before the summary
 *	ASLEEP_LATE		waiter looks once more, then writes asleep
 *	NO_RING_AT_SLEEP	waiter looks at the doorbell only
 */

#define NR 2	   /* ringers = sockets, one word of the doorbell each */
#define WAITER NR  /* store buffer of the waiter */
#define BYTES 2	   /* that each ringer produces, one at a time */
#define COMMANDS 1 /* that ringer 0 submits at the end */

/* variables that plain stores change */
#define PROD(i) (i)
#define EVENT(i) (NR + (i))
#define SQ_PROD (2 * NR)
#define ASLEEP (2 * NR + 1)
#define NR_VARS (2 * NR + 2)

byte mem[NR_VARS];
chan buffer[NR + 1] = [3] of { byte, byte }; /* variable, value */

/* variables that locked instructions alone change */
bit bits[NR];	 /* the doorbell's bit of each socket */
bit summary[NR]; /* bit of the summary for each word */
bit channel;	 /* the event channel: pending */

#define store(p, var, val) buffer[p]!var, val
#define full_barrier(p) empty(buffer[p])

/* Memory takes the oldest store of a buffer at any time. */
proctype drain(byte p)
{
	byte var, val;

end:	do
	:: atomic { buffer[p]?var, val -> mem[var] = val; var = 0; val = 0 }
	od
}

/* vtoe_wake_claim(), and the event that follows from it */
inline wake(p)
{
	if
	:: mem[ASLEEP] == 0 -> skip
	:: mem[ASLEEP] == 1 ->
		/* exchange: the flag may have gone to somebody else */
		atomic {
			full_barrier(p) ->
			claimed = mem[ASLEEP];
			mem[ASLEEP] = 0
		}
		if
		:: claimed -> channel = 1
		:: else
		fi;
		claimed = 0
	fi
}

/* vtoe_doorbell_ring() */
inline ring(p)
{
#ifdef SUMMARY_FIRST
	atomic { full_barrier(p) -> summary[p] = 1 }
	atomic { full_barrier(p) -> bits[p] = 1 }
#else
	atomic { full_barrier(p) -> bits[p] = 1 }
	if
	:: summary[p] == 1
	:: summary[p] == 0 ->
		atomic { full_barrier(p) -> summary[p] = 1 }
	fi
#endif
}

proctype ringer(byte p)
{
	byte prod = 0;
	byte event;
	bit claimed;

	do
	:: prod < BYTES ->
		prod++;
		store(p, PROD(p), prod);
#ifndef NO_BARRIER_PUBLISH
		full_barrier(p);
#endif
		event = mem[EVENT(p)];
		if
		:: event == prod -> /* hit: prod - 1 became prod */
			ring(p);
			full_barrier(p); /* of vtoe_wake_claim() */
			wake(p)
		:: else
		fi;
		event = 0
	:: else -> break
	od;

	if
	:: p == 0 ->
		store(p, SQ_PROD, COMMANDS);
#ifndef NO_BARRIER_SUBMIT
		full_barrier(p);
#endif
		wake(p)
	:: else
	fi
}

/*
 * Look at one socket until nothing is left, with its event index armed then.
 * The waiter looks at a socket only if the doorbell said so.
 */
inline serve(i)
{
	do
	:: seen = mem[PROD(i)];
	   if
	   :: seen != cons[i] ->
		cons[i] = seen
	   :: else ->
		if
		:: armed[i] == cons[i] + 1 -> break
		:: else ->
			armed[i] = cons[i] + 1;
			store(WAITER, EVENT(i), armed[i]);
#ifndef NO_BARRIER_ARM
			full_barrier(WAITER);
#endif
		fi
	   fi
	od;
	seen = 0
}

/* vtoe_doorbell_scan() */
inline scan()
{
	i = 0;
	do
	:: i < NR ->
#ifdef BITS_FIRST
		atomic {
			full_barrier(WAITER) -> rung = bits[i]; bits[i] = 0
		}
		atomic { full_barrier(WAITER) -> summary[i] = 0 }
#else
		rung = 0;
		if
		:: summary[i] == 0 -> skip
		:: summary[i] == 1 ->
			atomic { full_barrier(WAITER) -> summary[i] = 0 }
			atomic {
				full_barrier(WAITER) ->
				rung = bits[i]; bits[i] = 0
			}
		fi;
#endif
		if
		:: rung -> serve(i)
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	rung = 0
}

#ifdef NO_RING_AT_SLEEP
#define SOMETHING (summary[0] || summary[1])
#else
#define SOMETHING (summary[0] || summary[1] || mem[SQ_PROD] != sq_cons)
#endif
#define ALL (cons[0] == BYTES && cons[1] == BYTES && sq_cons == COMMANDS)

proctype waiter()
{
	byte cons[NR];
	byte armed[NR];
	byte sq_cons = 0;
	byte seen, i;
	bit rung, look;

	/* both sockets are armed from the beginning (see init) */
	armed[0] = 1;
	armed[1] = 1;
	do
	:: scan();
	   sq_cons = mem[SQ_PROD];
	   if
	   :: ALL -> break
	   :: else
	   fi;
#ifdef ASLEEP_LATE
	   look = SOMETHING;
	   if
	   :: !look ->
		store(WAITER, ASLEEP, 1);
		full_barrier(WAITER);
	   :: else
	   fi;
#else
	   store(WAITER, ASLEEP, 1);
#ifndef NO_BARRIER_SLEEP
	   full_barrier(WAITER);
#endif
	   look = SOMETHING;
#endif
	   if
	   :: look ->
		atomic { full_barrier(WAITER) -> mem[ASLEEP] = 0 }
	   :: else ->
		channel == 1; /* asleep: this is where a lost one shows */
		channel = 0
	   fi;
	   look = 0
	od
}

init {
	atomic {
		mem[EVENT(0)] = 1;
		mem[EVENT(1)] = 1;
		run drain(0);
		run drain(1);
		run drain(WAITER);
		run ringer(0);
		run ringer(1);
		run waiter()
	}
}
