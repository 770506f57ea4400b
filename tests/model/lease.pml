/*
 * lease.pml - time: heartbeat, deadline, the watcher (P4, P5, P6, P8)
 *
 * Steps and the functions that are them:
 *   P      pulse.c: a heartbeat each H; its call may block without end
 *     P, call      before the call: the time from which the deadline counts
 *     P, touch     spool_beat, on the server
 *     P, answer    note: deadline = before + L - margin, never once it passed
 *   K      keeper.c, shepherd.c: at the deadline the trees are killed; they
 *          make no call on the spool (fenced, is_fenced)
 *   R      the warden of another worker
 *     R, watch     judge, recover_watch: when its own clock says that the
 *                  lease has not changed for L, and its own heartbeat worked
 *                  all that time
 *     R, reap      spool_expire, reap_claim, spool_bury
 *   N      the net and the server: away for a time (-DOUTAGE); or requests or
 *          replies of the worker are cut; the server's clock jumps (-DSTEP)
 *
 * A tick is H.  Nobody's clock is compared with another's, they tick alike.
 * What a living process can do at a tick it does before the next one; an
 * answer may take any time.  A frozen host is the exception of P4.
 *
 * P4: when R takes a job, no process of it is left.  P5: an outage shorter
 * than L - H - margin kills nothing, and nobody is reaped for a longer one.
 * P6: a dead worker's job is taken L and a round of watching later.
 */
#define L 5
#define MARGIN 1
#define H 1
#define TMAX 17
#define WAIT 4		/* a silent host's delegation, in ticks */
byte now, before, next, dl = L-MARGIN;
byte value;		/* the lease's mtime as the server tells it */
byte seen, since, from, last;	/* R: value and when, first good and last look */
bit incall, done, running = 1, fenced, expired, reaped;
bit up = 1, cutreq, cutrep, dead;
byte down, touched, hold;
bit stepped, back, silent;
byte came, went;	/* the server: when it was back, when it went */
#ifdef BUG_ONEPROCESS
#define FREE (!incall)	/* who waits for the server cannot kill */
#else
#define FREE true
#endif
#define KILL (running && !dead && now>=dl && FREE)
#define CALL (!dead && !incall && !fenced && now>=next)
#define TOUCH (incall && !done && up && !cutreq && !dead)
#define ANSWER (incall && done && up && !cutrep && !dead)
#define LOOK (up && !silent && last<now)
#define REAP (silent && !reaped && hold==0)
#ifdef OUTAGE
#define URGENT (KILL || CALL || TOUCH || ANSWER || LOOK || REAP)
#else
#define URGENT (KILL || CALL || TOUCH || LOOK || REAP)
#endif

active proctype Clock() {
end: do :: atomic { now<TMAX && !URGENT -> now++;
       if :: hold>0 -> hold-- :: else fi } od }

active proctype P() {
end: do
  :: d_step { CALL -> before=now; next=now+H; incall=1; done=0 }	/* P, call */
  :: d_step { TOUCH -> done=1;				/* P, touch */
       if :: !expired -> value = now+1+(stepped -> 50 : 0); touched = now
          :: else -> fenced=1; running=0 fi }
  :: d_step { ANSWER ->					/* P, answer */
       incall=0; done=0;
#ifdef BUG_AFTER
       if :: now<dl && !fenced -> dl = now+L-MARGIN :: else fi
#else
       if :: now<dl && !fenced -> dl = before+L-MARGIN :: else fi
#endif
     }
  od }

active proctype K() {
end: do
  :: d_step { KILL -> running=0; fenced=1;
#ifdef OUTAGE
       /* P5: for no short outage */
       assert((up -> down : now-went) >= L-H-MARGIN);
#endif
       skip }
  od }

active proctype R() {
end: do
  :: d_step { LOOK ->					/* R, watch */
#ifndef BUG_WATCH
       if :: now-last>H -> from=now :: else fi;
#endif
       last = now;
       if :: value!=seen -> seen=value; since=now :: else fi;
       /* judged by the time of this look, not of what comes after */
#ifdef BUG_CLOCKS
       /* the server's time against the lease's */
      silent = (value>0 && now+1+(stepped -> 50 : 0)-value>=L)
#else
       silent = (now-since>=L && now-from>=L)
#endif
     };
     if
     :: silent ->
        expired = 1;					/* R, reap */
#ifdef BUG_OPENED
        hold = WAIT;
#endif
        hold==0;
        d_step {
          reaped = 1;
          assert(!running);				/* P4 */
#ifdef OUTAGE
          assert(back && now-came>=L);			/* P5 */
#endif
#ifdef DEATH
          assert(now <= touched+L+2*H)			/* P6 */
#endif
        }
     :: else
     fi
  od }

active proctype N() {
#ifdef OUTAGE
  d_step { up = 0; went = now };
  d_step { up = 1; back = 1; came = now; down = now-went };
#endif
#ifdef CUT
  if :: cutreq = 1 :: cutrep = 1 :: cutreq = 1; cutrep = 1 fi;
  if :: cutreq = 0; cutrep = 0 :: skip fi;
#endif
#ifdef STEP
  stepped = 1;
#endif
#ifdef DEATH
  d_step { dead = 1; running = 0 };
#endif
  skip
}
