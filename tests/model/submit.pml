/*
 * submit.pml - the end of a submit: from tmp/ to queue/, and what is told
 *
 * Steps and the functions that are them (spool-submit.c):
 *   S, body       write_body
 *   S, token      queue_token: the symlink in tmp/
 *   S, move       spool_send, spool_rename: at this instant the job exists
 *   S, take back  take_back: unlink of the source settles it; else look
 *   S, told       spool_submit returns 0: the id is printed
 *   W             some worker claims it and ends it, as soon as it is there
 *     W, body       spool_read_body, get_again: its client may remember from an
 *                   earlier look that there is no such name (NFS-FACTS 1.2)
 *     W, poll       with -DBELL: look of clerk.c: when ring (spool.c) has rung,
 *                   and all buckets each reap interval
 *
 * Faults: the reply is lost and the call done again; the call fails and is
 * done later or never; the submitter dies anywhere.  -DPOWER: on a local disk
 * what was not fsynced is lost when the machine loses power, in any order.
 *
 * P1: told -> it exists; refused -> it does not, ever.  A job has a body.
 */
#ifndef MAXFAULT
#define MAXFAULT 2
#endif
bit tmp, body, lp;
byte nq, ended;		/* entries in queue/; jobs that ended */
byte nfault;
bit told, refused, dead;
bit sbody, sdir;	/* synced: the body and its entry; the token's entry */
bit bell, neg, corrupt, off;
#define EXISTS (nq>0 || ended>0)

inline srv(zr) {
  d_step { if :: tmp -> tmp=0; nq++; assert((body || off) && nq+ended<=1); zr=0
              :: else -> zr=1 fi } }
/* made in place instead: nothing hinders a second one */
inline create(zr) {
  d_step { if :: nq==0 -> nq++; assert(nq+ended<=1); zr=0 :: else -> zr=1 fi } }

proctype S() { byte r; byte tries;
#ifdef BUG_TOKENFIRST
  tmp = 1;
#else
  body = 1;					/* S, body */
#ifndef BUG_NOSYNC
  sbody = 1;
#endif
  tmp = 1;					/* S, token */
#endif
retry: skip;
  if						/* S, move */
#ifdef BUG_CREATE
  :: create(r)
  :: nfault<MAXFAULT -> nfault++; create(r); create(r)
#else
  :: srv(r)
  :: nfault<MAXFAULT -> nfault++; srv(r); srv(r)
  :: nfault<MAXFAULT && !lp -> d_step { nfault++; lp=1; r=1 }
  :: nfault<MAXFAULT -> nfault++; r=1		/* an error, nothing done */
#endif
  :: dead=1; goto out
  fi;
#ifdef BUG_TOKENFIRST
  body = 1;
#endif
#ifdef BUG_ERRANSWER
  if :: r==0 -> told=1 :: r!=0 -> refused=1 fi; goto out;
#endif
  if :: r==0 -> goto done :: else fi;
  if :: nq>0 -> goto done :: else fi;	/* the target is there */
  if :: tmp && tries<1 -> tries++; goto retry :: else fi;
  if :: dead=1; goto out :: skip fi;
						/* S, take back */
#ifdef BUG_ABANDONED
  /* "it was given up, it is not in queue/: it was not done" */
  if :: EXISTS -> told=1 :: !EXISTS -> refused=1 fi;
#else
  d_step { if :: tmp -> tmp=0; r=0 :: else -> r=1 fi };
  if
  :: r==0 -> refused=1
  :: r!=0 ->
     if :: EXISTS -> goto done :: !EXISTS -> dead=1 fi	/* "not known" */
  fi;
#endif
  if :: refused -> body=0 :: else fi;
  goto out;
done: skip;
#ifndef BUG_NODIRSYNC
  sdir = 1;
#endif
#ifdef BELL
  if :: bell = 1 :: skip fi;		/* it may fail: that is no error */
#endif
  d_step { if :: !off -> told=1 :: else fi };	/* S, told */
out: skip }

active proctype Late() { byte r;
end: do :: lp -> if :: srv(r) :: skip fi; d_step { lp=0; r=0 } od }

active proctype W() {
end: do
#ifdef BELL
  :: bell -> bell=0; d_step { if :: nq>0 -> nq--; ended++ :: else fi }	/* W, poll */
#ifndef BUG_BELLONLY
  :: d_step { nq>0 -> nq--; ended++ }
#endif
#else
  :: !body && !neg -> neg = 1		/* looked for when it was not there */
  :: d_step { nq>0 -> nq--; ended++ };			/* W, body */
#ifndef BUG_NOAGAIN
     neg = 0;
#endif
     if :: neg -> corrupt = 1 :: else fi;
     assert(!corrupt)
#endif
  od }

#ifdef POWER
active proctype Power() {
  d_step { !ended -> off = 1; if :: body && !sbody -> body=0 :: else fi;
    if :: nq>0 && !sdir -> nq=0 :: else fi;
    assert(!told || (body && nq>0)) } }
#endif

active proctype Judge() {
end: do
  :: d_step { told && !EXISTS -> assert(0) }
  :: d_step { refused && EXISTS -> assert(0) }
  od }

init { run S() }
#ifdef BELL
ltl runs { [] (told -> <> (ended>0)) }
#endif
