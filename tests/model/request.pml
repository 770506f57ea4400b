/*
 * request.pml - cancel of a job that somebody holds (P13), and requeue of an
 * ended one beside it
 *
 * Steps and the functions that are them:
 *   A      change_job (change.c), cancel: the asker
 *     A, find      spool_find, look_again
 *     A, move      change_open: spool_move by the name that was found
 *     A, place     change_running: spool_request
 *     A, told      when it is held under the very name under which it was
 *                  seen before the request was placed; else placed anew
 *     A, drop      drop_request: fulfilled by its own hand, or it has ended
 *   U      change_job, requeue of an ended job: rerun
 *     U, find      spool_find: the job has ended
 *     U, list      forget (change.c): the requests for it are listed
 *     U, again     it is ended still, under the same name: what was listed is
 *                  of the round that is over
 *     U, forget    spool_forget_requests: those, no later ones
 *     U, move      move_queued: a new round
 *   W      the worker that holds it
 *     W, look      spool_look, answer_requests, held_request
 *     W, commit    held_settle, spool_commit
 *     W, back      held_settle, spool_give_back: it could not run here, it was
 *                  told to requeue it, it shuts down
 *     W, remove    held_settle, spool_request_done
 *   R      recover_reap of the first worker, at any time
 *     R, list      reap_claims: spool_own, then spool_look
 *     R, move      reap_claim: end_claim, or spool_give_back
 *     R, remove    reap_claim: spool_request_done
 *   X      settle_request (recover.c, recover_queue), by anybody at any time
 *     X, list      spool_look
 *     X, find      spool_find
 *     X, again     the request must be there still: it may be of an earlier
 *                  round that a requeue has forgotten
 *     X, move      spool_move by the name that was found
 *     X, remove    spool_request_done
 *
 * Everybody but one worker and X may stop for good at any step (a death, a
 * freeze).  A move succeeds from the name that was seen alone: moves are
 * counted.
 *
 * P13: a cancel that was acknowledged ends the job, in the round in which it
 * was asked for.  And: once it is acknowledged it never ends a later round.
 *
 * The rule: a request is removed by who fulfilled it, or by who saw, after it
 * was listed, that the job had ended.
 */
#ifndef MAXBACK
#define MAXBACK 1	/* give backs of a worker */
#endif
#ifndef MAXROUND
#define MAXROUND 1	/* new rounds after the first */
#endif
#ifndef MAXREAP
#define MAXREAP 1
#endif
#define QUEUE 0		/* seats: 1, 2 */
#define ENDED 3
byte js, mv, round;	/* the job; its moves (its name) */
byte rq;		/* the request in queue/: its nonce; 0 none */
byte nonce;
#ifndef MAXPLACE
#define MAXPLACE 2	/* requests that one asker places */
#endif
bit ack, late;		/* acknowledged; it has had its effect */
byte rround;		/* the round about which it was acknowledged */
byte around;		/* the round in which it was acknowledged */
#define RM(x) d_step { if :: rq==x -> rq=0 :: else fi }
byte nback, nreap;

/* rename from the name (zj, zm) to zt; zr 1: done */
inline mov(zj,zm,zt,zr) {
  d_step {
    if :: js==zj && mv==zm ->
          js = zt; mv++; zr = 1;
          if :: zt==ENDED && ack && round==rround -> late=1 :: else fi
       :: else -> zr = 0 fi } }
/* the same, because of the request */
inline movreq(zj,zm,zt,zr) {
  d_step {
    if :: js==zj && mv==zm ->
          assert(!ack || round<=around);
          js = zt; mv++; zr = 1;
          if :: ack -> late=1 :: else fi
       :: else -> zr = 0 fi } }

proctype A() { byte j, m, r, k, mine, pm;
again: skip;
  d_step { j = js; m = mv; k = round };			/* A, find */
  if
  :: j==QUEUE -> mov(j,m,ENDED,r);			/* A, move */
       if :: r==0 -> goto again :: else fi;
       RM(mine)						/* A, drop */
  :: j==ENDED -> RM(mine)
  :: j!=QUEUE && j!=ENDED ->
       if
       :: mine==0 || m!=pm ->				/* A, place */
#ifdef BUG_LOOKANY
            if :: mine!=0 -> goto told :: else fi;
#endif
            RM(mine);
            if :: nonce==MAXPLACE -> goto out :: else fi;
            d_step { nonce++; mine=nonce; rq=nonce; pm=m };
#ifdef BUG_NOLOOK
            goto told
#else
            goto again
#endif
       :: mine!=0 && m==pm -> skip;
told:       skip;					/* A, told */
            d_step { ack = 1; rround = k; around = round;
              /* it may have had its effect before we say so */
              if :: js==ENDED || round>k -> late=1 :: else fi }
       fi
  fi;
out: skip }

proctype U() { byte m, r, l;
  do
  :: round>=MAXROUND -> break
  :: round<MAXROUND ->
     d_step { js==ENDED -> m = mv };			/* U, find */
     l = rq;						/* U, list */
#ifndef BUG_FORGET
     if :: js==ENDED && mv==m -> skip :: else -> goto next fi; /* U, again */
#endif
     RM(l);						/* U, forget */
     d_step { if :: js==ENDED && mv==m -> js=QUEUE; mv++; round++; r=1 :: else fi };
next: skip;						/* U, move */
     d_step { l=0; m=0; r=0 }
  od }

proctype W(byte w) { byte m, r; bit held, back; byte asked;
end:
  do
  :: !held -> d_step { js==QUEUE -> js=w; mv++; m=mv; held=1; back=0 }
  :: held ->
     if :: js!=w || mv!=m -> d_step { held=0; asked=0; m=0 }	/* taken */
        :: else ->
     asked = rq;					/* W, look */
     if
     :: asked!=0 ->
        /* an end for another reason may have begun before */
        if
        :: skip
        :: nback<MAXBACK -> nback++; back=1
        fi;
        if
        :: back -> mov(w,m,QUEUE,r)
        :: !back -> movreq(w,m,ENDED,r)			/* W, commit */
        fi;
							/* W, remove */
#ifdef BUG_REMOVE
        RM(asked);	/* whatever came of it */
#else
        if :: r && !back -> RM(asked) :: else fi;
#endif
        d_step { held=0; asked=0; back=0; m=0; r=0 }
     :: asked==0 ->
        if
        :: skip						/* runs on */
        :: mov(w,m,ENDED,r); d_step { held=0; m=0; r=0 }
        :: nback<MAXBACK -> nback++; mov(w,m,QUEUE,r);	/* W, back */
           d_step { held=0; m=0; r=0 }
        fi
     fi
     fi
  od }

proctype R() { byte m, r, l;
end:
  do
  :: d_step { js==1 && nreap<MAXREAP -> nreap++; m = mv };	/* R, list */
     l = rq;
     if
     :: l!=0 -> movreq(1,m,ENDED,r)			/* R, move */
     :: l==0 -> mov(1,m,QUEUE,r)
     fi;
#ifdef BUG_RREMOVE
     l = rq;		/* it is over with that seat, and what was asked of it */
#endif
     if :: r -> RM(l) :: else fi;			/* R, remove */
     d_step { m=0; r=0; l=0 }
  od }

proctype X() { byte j, m, r, l;
end:
  do
  :: atomic { rq!=0 -> l = rq };			/* X, list */
     d_step { j = js; m = mv };				/* X, find */
     r = 0;
     if
     :: j==1 || j==2 -> skip		/* its worker, or its reaper */
     :: j==QUEUE ->
#ifndef BUG_SETTLE
        if :: rq==l -> skip :: else -> goto next fi;	/* X, again */
#endif
        movreq(j,m,ENDED,r)				/* X, move */
     :: j==ENDED -> r = 1
     fi;
#ifdef BUG_XREMOVE
     r = 1;		/* not held: whoever has it now will see to it */
#endif
     if :: r -> RM(l) :: else fi;			/* X, remove */
next: skip; d_step { j=0; m=0; r=0; l=0 }
  od }

init { atomic {
  run A(); run U(); run W(1); run W(2); run R(); run X()
#if MAXROUND > 1
  ; run U()
#endif
} }
#define EFFECT (late || (ack && round>rround))
#ifdef CHK_P13
ltl p13 { [] (ack -> <> EFFECT) }
#endif
