/*
 * output.pml - a job's FILE outside the spool (--output)
 *
 * Steps and the functions that are them:
 *   W      held.c, output.c: one claim of one worker after the other
 *     W, start     spool_start: the attempt is counted
 *     W, sibling   make_sibling
 *     W, link      link_to_sibling (outputs_prepare): symlink(2)
 *     W, aside     put_aside: a first attempt moves a file that is there
 *     W, follow    follow_up, lead_on: the name of the earlier sibling, where
 *                  FILE leads, leads on to ours
 *     W, settle    outputs_settle: after a look at the lease what is aside is
 *                  dropped, or goes back to where nothing is
 *     W, write     the job, the writer: written and fsynced (end_copy)
 *     W, decide    spool_decide: the result enters the name
 *     W, place     outputs_finish: sibling -> FILE; not there: done already
 *     W, drop      drop_older
 *     W, commit    spool_commit
 *     W, back      spool_give_back: the sibling stays, FILE may lead there
 *     W, discard   outputs_discard: it was taken from us
 *   R      recover_reap: suspects anybody, dies half way
 *     R, complete  recover_complete: outputs_finish, then spool_commit
 *     R, back      reap_claim: to the queue
 *   U      recover_rerun: the user's requeue of the ended job, a new round
 *
 * A freeze, a call that is stuck and done later, and a zombie are the same
 * here: W goes on at any time.  A move of the token succeeds only from the
 * name that its mover saw (moves are counted).  W, settle knows from the lease
 * whether the claim was taken.
 *
 * P7: once the job is in done/, FILE is the whole output of the attempt that
 * was committed, and stays it until a new round begins.  One exception, with
 * a file of before (USERS): a first attempt that was frozen in W, aside, and
 * comes back after another one has committed, has the output aside until
 * W, settle, and for good when it dies right there.  It is never destroyed.
 * P2: FILE is the whole output of no attempt but a decided one.
 */
#ifndef ATT
#define ATT 3		/* attempts in all */
#endif
#ifndef MAXREAP
#define MAXREAP 2
#endif
#ifndef MAXDIE
#define MAXDIE 1
#endif
#define QUEUE 0		/* seats: 1, 2 */
#define DONE 3
#define USERS 0		/* FILE: what the user had there, or nothing */
#define NOFILE 40
#define LINK 10		/* + attempt: a link to its sibling */
#define WHOLE 20	/* + attempt */
#define GONE 0		/* a sibling: not there, being written, whole */
#define PART 1
#define FULL 2
#define TO 10		/* + attempt: a link to the one of that attempt */
byte where, mv, att, base;	/* the token; the attempts of earlier rounds */
bit decided;
byte file;
byte sib[ATT+2];
byte old[ATT+2];	/* SIBLING.old: NOFILE, or what it was */
bit dead[4];
byte nreap, ndie;
#ifdef BUG_ONESIBLING
#define SIB(a) 1	/* not named by the attempt */
#else
#define SIB(a) (a)
#endif

/* aside for a moment: only what a first attempt may do */
#define ASIDE (old[1]==WHOLE+att)
#define BAD (where==DONE && file!=WHOLE+att && !ASIDE)
inline check() { assert(!BAD) }

inline place(za) {	/* rename SIBLING FILE */
  d_step {
    if :: sib[SIB(za)]==FULL -> sib[SIB(za)]=GONE; file = WHOLE+za
       :: sib[SIB(za)]==PART -> sib[SIB(za)]=GONE; file = NOFILE
       :: sib[SIB(za)]>=TO -> file = LINK+sib[SIB(za)]-TO; sib[SIB(za)]=GONE
       :: else fi;
    check() };
  d_step {						/* W, drop */
    for (i : 1 .. za-1) { sib[SIB(i)] = (SIB(i)==SIB(za) -> sib[SIB(i)] : GONE) }
    i = 0 } }

proctype W(byte w) { byte m, a, i; bit t;
end:
loop: skip;
  d_step { where==QUEUE && att<ATT ->			/* W, start */
    where = w; mv++; att++; m = mv; a = att;
    /* whole output of an attempt of this round: it was decided */
    assert(!(file>=WHOLE && file<NOFILE && file-WHOLE>base)) };
  if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
  d_step { sib[SIB(a)] = PART };			/* W, sibling */
#ifdef BUG_LINKOVER
  /* a new link is renamed over FILE, whatever that is by now */
  d_step { file = LINK+a; check() };
#else
  d_step {						/* W, link */
    if :: file==NOFILE -> file = LINK+a; t=0 :: else -> t=1 fi };
  if
  :: !t
#ifndef BUG_ASIDEANY
  :: t && a!=1 && file>=LINK && file<WHOLE && file!=LINK+a ->
#else
  :: t && file>=LINK && file<WHOLE && file!=LINK+a ->
#endif
     i = file-LINK;					/* W, follow */
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
     d_step { if :: i<a && i!=SIB(a) -> sib[i] = TO+a :: else fi; i = 0 }
#ifdef BUG_ASIDEANY
  :: t && !(file>=LINK && file<WHOLE) ->
#else
  :: t && a==1 && !(file>=LINK && file<WHOLE) ->
#endif
     /* FILE was seen to be regular; by now it may be another one */
     d_step {						/* W, aside */
       if :: file!=NOFILE -> old[a] = file; file = NOFILE :: else fi;
       check() };
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
     d_step { if :: file==NOFILE -> file = LINK+a :: else fi };
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi
  :: else
  fi;
  t = 0;
#ifdef BUG_NOSETTLE
  t = 1;						/* W, settle */
#else
  t = (where==w && mv==m);
#endif
  if
  :: old[a]==NOFILE
  :: old[a]!=NOFILE && t -> d_step { old[a] = NOFILE; check() }
  :: old[a]!=NOFILE && !t ->
     d_step { if :: file==LINK+a -> file = NOFILE :: else fi };
     d_step {
       if :: file==NOFILE -> file = old[a]; old[a] = NOFILE :: else fi;
       check() };
     goto fenced
  fi;
#endif
  if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
#ifndef BUG_NOFSYNC
  d_step { if :: sib[SIB(a)]==PART -> sib[SIB(a)]=FULL :: else fi }; /* W, write */
#endif
#ifdef BUG_NODECIDE
  place(a);
#endif
  if
  :: skip						/* W, decide */
     d_step { if :: where==w && mv==m -> mv++; m=mv; t=1;
#ifndef BUG_NODECIDE
                    decided=1
#endif
                 :: else -> t=0 fi };
     if :: !t -> goto fenced :: else fi;
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
#ifdef BUG_COMMITFIRST
     d_step { if :: where==w && mv==m -> where=DONE; mv++; decided=0 :: else fi;
              check() };
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
     place(a);
#else
#ifndef BUG_NODECIDE
     place(a);						/* W, place */
#endif
     if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
							/* W, commit */
     d_step { if :: where==w && mv==m -> where=DONE; mv++; decided=0 :: else fi;
              check() };
#endif
     d_step { m=0; a=0; t=0 };
     goto loop
  :: d_step { where==w && mv==m ->			/* W, back */
       where=QUEUE; mv++; m=0; a=0; t=0 };
     goto loop
  :: !(where==w && mv==m)
  fi;
fenced: skip;						/* W, discard */
#ifdef BUG_DISCARD
  /* FILE is looked at, then removed */
  t = (file==LINK+a);
  d_step { if :: t -> file = NOFILE :: else fi; check() };
#endif
  d_step { sib[SIB(a)] = GONE; t = 0; m = 0; a = 0 };
  goto loop;
die: dead[w] = 1
}

proctype R(byte rid) { byte d, m, a, i; bit c;
end: do
  :: atomic {
       if
       :: (where==1 || where==2) && dead[where] -> skip
       :: (where==1 || where==2) && !dead[where] && nreap<MAXREAP -> nreap++
       fi;
       d = where; m = mv; a = att; c = decided };
     if
#ifndef BUG_REQUEUEDECIDED
     :: c ->						/* R, complete */
#ifndef BUG_NOFINISH
        place(a);
#endif
        if :: ndie<MAXDIE -> ndie++; goto again :: skip fi;
        d_step { if :: where==d && mv==m -> where=DONE; mv++; decided=0 :: else fi;
                 check() }
     :: !c ->						/* R, back */
#else
     :: true ->
#endif
        d_step { if :: where==d && mv==m -> where=QUEUE; mv++; decided=0 :: else fi }
     fi;
again: skip; d_step { d=0; m=0; a=0; c=0 }
  od }

#ifdef ROUND2
proctype U() {
end: d_step { where==DONE && att<ATT -> where=QUEUE; mv++; base=att } }
#endif

init { atomic { byte i;
#ifdef NONE_BEFORE
  file = NOFILE;
#endif
  for (i : 0 .. ATT+1) { old[i] = NOFILE }
  run W(1); run W(2); run R(0);
#if NR==2
  run R(1);
#endif
#ifdef ROUND2
  run U();
#endif
} }
