/*
 * output.pml - a job's FILE outside the spool (--output)
 *
 * Steps and the functions that are them:
 *   W      held.c, output.c: one claim of one worker after the other
 *     W, start     spool_start: the attempt is counted
 *     W, drop      drop_older
 *     W, sibling   make_sibling
 *     W, link      link_to_sibling (outputs_prepare)
 *     W, write     the job, the writer
 *     W, decide    spool_decide: the result enters the name
 *     W, place     outputs_finish: sibling -> FILE; not there: done already
 *     W, commit    spool_commit
 *     W, discard   outputs_discard, after a give back or when fenced
 *   R      recover_reap: suspects anybody, dies half way
 *     R, complete  recover_complete: outputs_finish, then spool_commit
 *     R, back      reap_claim: to the queue
 *   U      the user's requeue of the ended job: a new round
 *
 * A freeze, a call that is stuck and done later, and a zombie are the same
 * here: W goes on at any time.  A move of the token succeeds only from the
 * name that its mover saw (moves are counted).
 *
 * Two planted bugs are what output.c does, rarely hurt by it: BUG_LINKOVER,
 * link_to_sibling renames a new link over FILE (launch looks at the lease just
 * before, which leaves a freeze or a stuck call in between); BUG_DISCARD,
 * discard looks at FILE and then removes it.
 *
 * P7: once the job is in done/, FILE is the whole output of the attempt that
 * was committed, and stays it, until a new round begins.
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
#define LINK 10		/* + attempt: a link to its sibling */
#define WHOLE 20	/* + attempt */
#define NOFILE 40
#define GONE 0		/* a sibling: not there, being written, whole */
#define PART 1
#define FULL 2
byte where, mv, att;	/* the token */
bit decided;
byte file;
byte sib[ATT+2];
bit ln[ATT+2];		/* SIBLING.ln */
bit dead[4];
byte nreap, ndie, nround;
#ifdef BUG_ONESIBLING
#define SIB(a) 1	/* not named by the attempt */
#else
#define SIB(a) (a)
#endif

#define BAD (where==DONE && file!=WHOLE+att)
inline check() { assert(!BAD) }

inline place(za) {	/* rename SIBLING FILE */
  d_step {
    if :: sib[SIB(za)]==FULL -> sib[SIB(za)]=GONE; file = WHOLE+za
       :: sib[SIB(za)]==PART -> sib[SIB(za)]=GONE; file = NOFILE
       :: else fi;
    check() } }

proctype W(byte w) { byte m, a, i; bit mine, t;
end:
loop: skip;
  d_step { where==QUEUE && att<ATT ->			/* W, start */
    where = w; mv++; att++; m = mv; a = att; mine = 1 };
							/* W, drop */
  d_step { for (i : 1 .. a-1) { sib[SIB(i)] = (SIB(i)==SIB(a) -> sib[SIB(i)] : GONE);
#ifdef BUG_LINKOVER
     ln[i] = 0
#endif
  } i = 0 };
  if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
  sib[SIB(a)] = PART;					/* W, sibling */
							/* W, link */
#ifdef BUG_LINKOVER
  /* a new link is renamed over FILE, whatever that is by now */
  ln[a] = 1;
  d_step { if :: ln[a] -> ln[a]=0; file = LINK+a :: else fi; check() };
#else
  /* FILE is made a link only where there is nothing: symlink(2) itself says
   * EEXIST; its text is the same for all attempts of a job */
  d_step { if :: file==NOFILE -> file = LINK :: else fi };
#endif
  if :: ndie<MAXDIE -> ndie++; goto die :: skip fi;
#ifdef BUG_ONESIBLING
  d_step { if :: sib[1]==PART -> sib[1]=FULL :: else fi };
#else
  d_step { if :: sib[a]==PART -> sib[a]=FULL :: else fi }; /* W, write */
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
     goto loop
  :: d_step { where==w && mv==m -> where=QUEUE; mv++ }	/* given back */
  :: !(where==w && mv==m)
  fi;
fenced: skip;						/* W, discard */
#ifdef BUG_DISCARD
  /* FILE is looked at, then removed */
  t = (file==LINK || file==LINK+a);
  d_step { if :: t -> file = NOFILE :: else fi; check() };
#endif
  d_step { sib[SIB(a)] = GONE; t = 0 };
  goto loop;
die: dead[w] = 1
}

proctype R(byte rid) { byte d, m, a; bit c;
end: do
  :: atomic {
       if
       :: (where==1 || where==2) && dead[where] -> skip
       :: (where==1 || where==2) && !dead[where] && nreap<MAXREAP -> nreap++
       fi;
       d = where; m = mv; a = att; c = decided };
     if
     :: c ->						/* R, complete */
#ifndef BUG_NOFINISH
        place(a);
#endif
        if :: ndie<MAXDIE -> ndie++; goto again :: skip fi;
        d_step { if :: where==d && mv==m -> where=DONE; mv++; decided=0 :: else fi;
                 check() }
     :: !c ->						/* R, back */
        d_step { if :: where==d && mv==m -> where=QUEUE; mv++ :: else fi }
     fi;
again: skip; d_step { d=0; m=0; a=0; c=0 }
  od }

#ifdef ROUND2
proctype U() {
end: d_step { where==DONE && att<ATT -> where=QUEUE; mv++; nround++ } }
#endif

init { atomic {
#ifdef NONE_BEFORE
  file = NOFILE;
#endif
  run W(1); run W(2); run R(0);
#if NR==2
  run R(1);
#endif
#ifdef ROUND2
  run U();
#endif
} }
