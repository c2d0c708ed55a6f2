/* SPDX-License-Identifier: Apache-2.0
 *
 * How messages get into source transactions, and how often: lease with an epoch, journal before
 * broadcast, broadcasting again, replaced nonces, reorganisations. Two relays share PostgreSQL; each
 * may stop for any time between any two steps (every interleaving is tried) or crash; broadcasts get
 * lost; another relay may take the lease at any time, as after a time-out that came too early. What
 * one statement or one COMMIT does is one step here.
 *
 * Claims: no message is sent twice; none is lost; nothing is written under an old epoch. All bad
 * luck is bounded, so every run ends; ending with a message that was not sent is an error.
 *
 * -DNO_BITMAP: the chain does not refuse a used nonce of an item: the relays alone must be right.
 * -DSTRANGER:  anybody may send a signed message at any time (with the bitmap only).
 * Each of these breaks a rule, and the model must then find an error:
 * -DNO_FENCE    a write does not look at the lease
 * -DCHECK_ONLY  it compares the epoch, but does not lock the row
 * -DNO_JOURNAL  broadcast before COMMIT
 * -DNO_FINALITY a message takes a new nonce as soon as a block has its old one without it
 * -DNO_PATIENCE a message takes a new nonce while its old one waits for a block
 * -DNO_AGAIN    nothing is broadcast a second time
 */
#define ITEMS 2
#define NONCES 5
#define ACCEPTED 0
#define SUBMITTED 1
#define SENT 2
#define DONE 3
#define FOREIGN 9  /* a block's transaction of our account that is not the journal's */
#define WITHOUT 16 /* added to an item: mined, but the Messenger left it out */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef TAKEOVERS
#define TAKEOVERS 2 /* of a lease whose holder lives */
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef REORGS
#define REORGS 1
#endif
#ifndef FOREIGNERS
#define FOREIGNERS 1
#endif
#ifndef SKIPS
#define SKIPS 1
#endif

/* PostgreSQL. Items are 1..ITEMS, 0 is none. */
byte epoch = 1, holder = 1; /* the lease: holder r+1 while relay r lives */
byte share;             /* transactions that hold the lease's row FOR SHARE */
byte next_nonce;        /* the lane */
byte journal[NONCES];   /* the item a nonce was signed for; 0: never given */
bool settled[NONCES];   /* FINAL or REPLACED */
byte state[ITEMS + 1];
byte carrier[ITEMS + 1]; /* SUBMITTED: the nonce */

/* The network and the chain. */
bool public[NONCES * (ITEMS + 1)]; /* a node has seen this transaction: it may be mined at any time */
byte head, final;                  /* nonces used; of them in final blocks */
byte slot[NONCES];                 /* what a block did with a nonce */
byte sends[ITEMS + 1];             /* how often the endpoint sent the item */
bool stranger_did[ITEMS + 1];
byte seen[NONCES];                 /* slot, as the observer has applied it; 0: not yet */

byte crashes = CRASHES, takeovers = TAKEOVERS, losses = LOSSES, reorgs = REORGS, foreigners = FOREIGNERS, skips = SKIPS;

#define TX(n, i) public[(n) * (ITEMS + 1) + (i)]
#define ALL_DONE (state[1] == DONE && state[2] == DONE)

/* Broadcast: nodes have it, or it was lost on the way. */
inline broadcast(n, i)
{
	atomic {
		if
		:: TX(n, i) = true
		:: losses > 0 -> losses--
		fi
	}
}

proctype relay(byte r)
{
	byte mine, item, nonce;
	bool locked;
	if
	:: r == 0 -> mine = 1; goto round /* it was first; the two are alike */
	:: else
	fi;
take:
	do
	:: ALL_DONE -> goto end
	:: atomic { share == 0 && (holder == 0 || (holder != r + 1 && takeovers > 0)) && !ALL_DONE ->
		if
		:: holder != 0 -> takeovers--
		:: else
		fi;
		epoch++; holder = r + 1; mine = epoch; break }
	od;
round:
	do
	:: ALL_DONE -> goto end
	:: atomic { crashes > 0 && !ALL_DONE -> crashes--; goto died }
	:: atomic { holder != r + 1 || mine != epoch -> mine = 0; goto take } /* the renewal says so */
	/* A claim: what is due, the next nonce, as they are read. */
	:: atomic { state[1] == ACCEPTED && next_nonce < NONCES -> item = 1; nonce = next_nonce; goto claim }
	:: atomic { state[2] == ACCEPTED && next_nonce < NONCES -> item = 2; nonce = next_nonce; goto claim }
#ifdef NO_PATIENCE
	:: atomic { state[1] == SUBMITTED && next_nonce < NONCES && !seen[carrier[1]] -> state[1] = ACCEPTED }
#endif
#ifndef NO_AGAIN
	/* Tending: a nonce that no block has and that no node seems to know. */
	:: atomic { journal[0] && !seen[0] && !TX(0, journal[0]) -> broadcast(0, journal[0]) }
	:: atomic { journal[1] && !seen[1] && !TX(1, journal[1]) -> broadcast(1, journal[1]) }
	:: atomic { journal[2] && !seen[2] && !TX(2, journal[2]) -> broadcast(2, journal[2]) }
	:: atomic { journal[3] && !seen[3] && !TX(3, journal[3]) -> broadcast(3, journal[3]) }
	:: atomic { journal[4] && !seen[4] && !TX(4, journal[4]) -> broadcast(4, journal[4]) }
#endif
	od;
claim:
#ifdef NO_JOURNAL
	broadcast(nonce, item);
#endif
	/* BEGIN; the lease's row FOR SHARE where the epoch is still ours. */
	atomic {
#ifndef NO_FENCE
		if
		:: mine != epoch -> mine = 0; goto take
		:: else
		fi;
#ifndef CHECK_ONLY
		share++; locked = true
#endif
#endif
		skip
	}
	if
	:: atomic { crashes > 0 -> crashes--; goto died }
	:: skip
	fi;
	/* The item is as it was read and the nonce is free: journalled and moved; COMMIT. Else ROLLBACK. */
	atomic {
		if
		:: state[item] == ACCEPTED && next_nonce == nonce ->
			assert(mine == epoch);
			next_nonce++;
			journal[nonce] = item;
			state[item] = SUBMITTED;
			carrier[item] = nonce;
			share = share - locked; locked = false
		:: else ->
			share = share - locked; locked = false;
			goto round
		fi
	}
	if
	:: atomic { crashes > 0 -> crashes--; goto died }
	:: skip
	fi;
#ifndef NO_JOURNAL
	broadcast(nonce, item);
#endif
	goto round;
died:
	/* Its connection is gone: roll-back. A new process begins. */
	atomic {
		share = share - locked; locked = false; mine = 0; item = 0; nonce = 0;
		if
		:: holder == r + 1 -> holder = 0
		:: else
		fi;
		goto take
	}
end:
	skip
}

/* A block takes the transaction of the next nonce. */
inline mine_one(i)
{
	if
#ifndef NO_BITMAP
	:: sends[i] > 0 -> slot[head] = i + WITHOUT
	:: sends[i] == 0 -> slot[head] = i; sends[i]++
#else
	:: slot[head] = i; sends[i]++
#endif
	:: skips > 0 -> skips--; slot[head] = i + WITHOUT
	fi;
	assert(sends[i] <= 1);
	head++
}

active proctype chain()
{
	do
	:: ALL_DONE -> break
	:: atomic { head < NONCES && TX(head, 1) -> mine_one(1) }
	:: atomic { head < NONCES && TX(head, 2) -> mine_one(2) }
	:: atomic { head < NONCES && foreigners > 0 -> foreigners--; slot[head] = FOREIGN; head++ }
	:: d_step { final < head -> final++ }
	:: d_step { head > final && reorgs > 0 -> reorgs--; head--;
		if
		:: slot[head] <= ITEMS -> sends[slot[head]]--
		:: else
		fi;
		slot[head] = 0 }
#ifdef STRANGER
	:: d_step { sends[1] == 0 && !stranger_did[1] -> stranger_did[1] = true; sends[1]++ }
#endif
	od
}

/* The observer has worked through what blocks did with a nonce, or takes back what they took back. */
inline observe(n)
{
	if
	:: seen[n] > 0 && seen[n] <= ITEMS && state[seen[n]] == SENT ->
		if
		:: journal[n] == seen[n] -> state[seen[n]] = SUBMITTED; carrier[seen[n]] = n
		:: else -> state[seen[n]] = ACCEPTED
		fi
	:: else
	fi;
	seen[n] = slot[n];
	if
	:: seen[n] > 0 && seen[n] <= ITEMS && state[seen[n]] < SENT -> state[seen[n]] = SENT
	:: else
	fi
}

/* What becomes of the item that the nonce was for, or that it sent. */
inline settle(n)
{
	settled[n] = true;
	if
	:: seen[n] <= ITEMS && state[seen[n]] == SENT -> state[seen[n]] = DONE
	:: else
	fi;
	if
	:: journal[n] && state[journal[n]] == SUBMITTED && carrier[journal[n]] == n ->
		if
		:: stranger_did[journal[n]] -> state[journal[n]] = DONE /* its nonce is used: it was sent */
		:: else -> state[journal[n]] = ACCEPTED
		fi
	:: else
	fi
}

#ifdef NO_FINALITY
#define SETTLED_BELOW head
#else
#define SETTLED_BELOW final
#endif
/* Also a nonce that somebody else had used before the lane gave it. */
#define SETTLES(n) (n < SETTLED_BELOW && seen[n] && seen[n] == slot[n] && \
	(!settled[n] || (journal[n] && state[journal[n]] == SUBMITTED && carrier[journal[n]] == n)))

active proctype observer()
{
	byte n;
	do
	:: ALL_DONE -> break
	:: d_step { seen[0] != slot[0] -> observe(0) }
	:: d_step { seen[1] != slot[1] -> observe(1) }
	:: d_step { seen[2] != slot[2] -> observe(2) }
	:: d_step { seen[3] != slot[3] -> observe(3) }
	:: d_step { seen[4] != slot[4] -> observe(4) }
	:: d_step { SETTLES(0) -> settle(0) }
	:: d_step { SETTLES(1) -> settle(1) }
	:: d_step { SETTLES(2) -> settle(2) }
	:: d_step { SETTLES(3) -> settle(3) }
	:: d_step { SETTLES(4) -> settle(4) }
#ifdef STRANGER
	:: d_step { stranger_did[1] && state[1] < SENT && state[1] != DONE -> state[1] = DONE }
#endif
	od;
	assert(sends[1] == 1 && sends[2] == 1)
}

init
{
	atomic { run relay(0); run relay(1) }
}
