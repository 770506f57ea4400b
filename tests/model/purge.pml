/*
 * purge.pml - purge of an ended job beside requeue, a reader and the sweep
 *
 * Steps and the functions that are them:
 *   P      spool_purge, by nfsq purge or by any worker (recover_sweep)
 *     P, list      spool_scan
 *     P, move      done/T -> tomb/T+1: at this instant the job is purged
 *     P, remove    remove_files
 *   X      spool_sweep_purged: what has a tombstone loses its files
 *   U      requeue of the ended job: change_job, rerun, recover_rerun
 *   W      a worker runs it: spool_claim, spool_read_body, spool_commit,
 *          spool_give_back
 *   Z      an earlier attempt's zombie, which writes a file of its own in out/
 *   F      spool_find, by anybody: cmd_await, settle_request ...
 *     F, scan      scan_all: in the order in which jobs move
 *     F, body      has_body: without a body there is nothing that could move
 *     F, tombs     a job that was purged meanwhile has its tombstone
 *
 * Faults: a reply is lost and the call done again; a call fails and is done
 * later or never; purgers die between any two steps.  A move succeeds from the
 * name that was seen alone.  That F ends after so many looks is left out: it
 * says then that the job vanished, not that it is gone.
 *
 * P1, P2: whatever is not purged has its body and its outputs.  P3: that a job
 * is gone is concluded from its tombstone only.  P11: no file is left.
 */
#ifndef MAXFAULT
#define MAXFAULT 1
#endif
#ifndef MAXROUND
#define MAXROUND 1
#endif
#ifndef NP
#define NP 2
#endif
#define QUEUE 1
#define SEAT 2
#define DONE 3
#define TOMB 4
#define OK 0
#define NO 1
#define UNK 2
byte where = DONE, mv;
bit body = 1, out = 1;
bit lp; byte lm, lt;		/* the late request */
byte nfault, nround, nback;

inline srv(zm,zt,zr) {
  d_step {
    if :: where==DONE && mv==zm -> where=zt; mv++; zr=OK
       :: else -> zr=NO fi } }

/* spool_rename from done/ */
inline rn(zm,zt,zr) {
  if
  :: srv(zm,zt,zr)
  :: nfault<MAXFAULT -> nfault++; srv(zm,zt,zr); srv(zm,zt,zr)
  :: nfault<MAXFAULT && !lp -> d_step { nfault++; lp=1; lm=zm; lt=zt; zr=NO }
  fi;
  if
  :: zr!=OK ->
     if
     :: d_step { where==zt && mv==zm+1 -> zr=OK }
     :: d_step { !(where==zt && mv==zm+1) -> zr=NO };
        if :: where==DONE && mv==zm -> zr=UNK :: else fi
     fi
  :: else
  fi }

active proctype Late() { byte r;
end: do
  :: lp -> if :: srv(lm,lt,r) :: skip fi; d_step { lp=0; lm=0; lt=0; r=0 }
  od }

/* remove_files: only of what is purged */
inline drop() {
  d_step { assert(where==TOMB || !out); out=0 };
  d_step { assert(where==TOMB || !body); body=0 } }

proctype P() { byte m, r;
end: do
  :: d_step { where==DONE -> m = mv };			/* P, list */
#ifdef BUG_FILESFIRST
     drop();
#endif
     rn(m,TOMB,r);					/* P, move */
#ifdef BUG_ANYWAY
     r = OK;		/* "not there: somebody else purged it" */
#endif
     if
     :: r==OK -> if :: skip :: break fi; drop()		/* P, remove */
     :: else
     fi;
     d_step { m=0; r=0 }
  od }

active proctype X() { bit seen;
end: do
  :: false -> skip
#ifndef BUG_NOSWEEP
  :: atomic { where==TOMB && (body || out) -> drop() }
#endif
#ifdef BUG_SWEEPABSENT
  /* what is in no listing is no job's any more */
  :: body -> seen=0;
     if :: where==QUEUE -> seen=1 :: else fi;
     if :: where==SEAT -> seen=1 :: else fi;
     if :: where==DONE -> seen=1 :: else fi;
     if :: !seen -> drop() :: else fi
#endif
  od }

active proctype U() { byte m, r;
end: do
  :: d_step { where==DONE && nround<MAXROUND -> m = mv };
     rn(m,QUEUE,r);
     if :: r==OK -> nround++ :: else fi;
     d_step { m=0; r=0 }
  od }

active proctype W() {
end: do
  :: d_step { where==QUEUE -> where=SEAT; mv++ };
     assert(body);
     if
     :: d_step { out=1; where=DONE; mv++ }
     :: nback<1 -> d_step { nback++; where=QUEUE; mv++ }
     fi
  od }

active proctype Z() {
  if :: out=1 :: skip fi }

active proctype F() { bit found;
again: skip;
  d_step { if :: where==QUEUE -> found=1 :: else fi };	/* F, scan */
  d_step { if :: where==SEAT -> found=1 :: else fi };
  d_step { if :: where==DONE -> found=1 :: else fi };
  d_step { if :: where==TOMB -> found=1 :: else fi };
  if
  :: found -> found=0; goto again
  :: !found && body -> goto again
  :: !found && !body -> skip				/* F, body */
  fi;
#ifndef BUG_NOTOMBS
  d_step { if :: where==TOMB -> found=1 :: else fi };	/* F, tombs */
#endif
  assert(found);	/* else: "there is no such job" */
  found=0; goto again }

init { atomic { byte i;
  for (i : 1 .. NP) { run P() } } }
#ifdef CHK_CLEAN
ltl clean { [] (where==TOMB -> <> (!body && !out)) }
#endif
