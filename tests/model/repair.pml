/*
 * repair.pml - what fsck --repair does about tokens, beside a submitter, a
 * worker, the user and other menders
 *
 * Steps and the functions that are them:
 *   S      spool_submit; it may die anywhere, its last call comes late or never
 *     S, body      write_body
 *     S, token     queue_token: the symlink in tmp/
 *     S, move      spool_send: at this instant the job exists
 *   M      fsck_repair, any number of them
 *     M, old       may_adopt: a body without token, older than a day; no
 *                  submit takes that long
 *     M, pending   spool_mend_pending: its token waits in tmp/
 *     M, mark      who is the first to make tmp/ID.NONCE.adopt goes on
 *     M, find      spool_find: no token anywhere; a look misses what moves
 *                  back meanwhile, so it looks oftener than that happens
 *     M, counts    spool_mend_counts: moves that outputs tell of
 *     M, adopt     spool_mend_adopt: tmp/ -> held/: the job is there again
 *     M, twins     check_copies: two tokens of one job
 *     M, remove    mend_twin, spool_mend_remove: the one with fewer moves
 *   X      spool_sweep_tmp: what is older than a day leaves tmp/
 *   U      nfsq release, by id or by a filter: spool_move
 *   W      spool_claim, spool_start, spool_give_back, spool_commit
 *   V      somebody removes a token (-DREMOVED), or a restored directory has
 *          brought an older one back (-DTWIN)
 *
 * A token is where and how often it moved; that is its name, and who made it:
 * the two of one maker never have one name, those of two menders do.
 *
 * P1: a job that was told exists, or is made to exist again.  P2: it is
 * committed once.  P3: it has one token, but for the twin that was there.
 */
#ifndef NM
#define NM 2
#endif
#ifndef MAXBACK
#define MAXBACK 1
#endif
#define LOOKS MAXBACK+1	/* spool_find has ten */
#define NOTHING 0
#define TMP 1
#define HELD 2
#define QUEUE 3
#define SEAT 4
#define DONE 5
#define THERE(k) (tp[k]>=HELD)
#define ANY (THERE(0) || THERE(1) || THERE(2))
bit body, told, sdone, lp, removed, mark;
byte tp[3], tm[3];
byte outm;		/* the highest move in a name in out/ */
byte commits, nback;
byte busy;		/* who made the mark and is not done */

/* M adopts only what is nowhere */
#define ONCE (tp[0]>=HELD) + (tp[1]>=HELD) + (tp[2]>=HELD) <= 1
inline check() {
#ifndef TWIN
  assert(ONCE)
#else
  skip
#endif
}
inline srv(zr) {
  d_step { if :: tp[0]==TMP -> tp[0]=QUEUE; zr=0; check() :: else -> zr=1 fi } }

proctype S() { byte r;
  body = 1;						/* S, body */
  if :: skip :: goto out fi;
  tp[0] = TMP;						/* S, token */
  if							/* S, move */
  :: srv(r); told = 1
  :: srv(r)			/* and dies */
  :: lp = 1
  :: skip
  fi;
out: sdone = 1 }

proctype Late() { byte r;
  lp; if :: srv(r) :: skip fi }

proctype X() {
end: do
  :: d_step { sdone && tp[0]==TMP -> tp[0]=NOTHING }
  /* by then its maker is done with it, or dead */
  :: d_step { mark && busy==0 -> mark=0 }
  od }

inline scan(zw) {
  d_step { if :: tp[0]==zw || tp[1]==zw || tp[2]==zw -> r=1 :: else fi } }

proctype M(byte k) { byte r, m, a, pa, ma;
  do
#ifndef TWIN
  :: body ->
#ifndef BUG_YOUNG
     if :: sdone :: else -> goto next fi;		/* M, old */
#endif
#ifndef BUG_PENDING
     if :: tp[0]==TMP -> goto next :: else fi;		/* M, pending */
#endif
#ifndef BUG_NOMARK
     d_step { if :: mark -> r=1 :: else -> mark=1; busy=k; r=0 fi }; /* M, mark */
     if :: r -> goto next :: else fi;
#endif
#ifndef BUG_NOFIND
     r = 0; m = 0;
     do							/* M, find */
     :: m < LOOKS && !r ->
        scan(HELD); scan(QUEUE); scan(SEAT); scan(DONE); m++
#ifdef BUG_ONELOOK
        ; m = LOOKS
#endif
     :: else -> break
     od;
     m = 0;
     if :: r -> goto next :: else fi;
#endif
#ifdef BUG_COUNTS
     m = 0;
#else
     m = outm;						/* M, counts */
#endif
     d_step {						/* M, adopt */
       if
       :: k==2 && tp[1]==HELD && tm[1]==m -> skip	/* the same name */
       :: k==1 && tp[2]==HELD && tm[2]==m -> skip
       :: else -> tp[k] = HELD; tm[k] = m; check()
       fi }
next: skip; d_step { r=0; m=0; if :: busy==k -> busy=0 :: else fi }
#endif
  :: atomic {						/* M, twins */
       if
       :: THERE(0) && THERE(1) -> a=1
       :: THERE(0) && THERE(2) -> a=2
       fi;
       /* a: the one to remove */
       if :: tm[0] < tm[a] -> a=0 :: else fi;
#ifdef BUG_HIGHER
       a = (a==0 -> 1 : 0);
#endif
       pa = tp[a]; ma = tm[a] };
     if :: pa==SEAT -> skip				/* its worker has it */
        :: else ->
          d_step {					/* M, remove */
            if :: tp[a]==pa && tm[a]==ma ->
                  /* the job's own state is never what goes */
                  assert((a==0 || !THERE(0) || tm[0] > ma || (tm[0]==ma)) &&
                         (a!=0 || !THERE(1) || tm[1] >= ma));
                  tp[a]=NOTHING
               :: else fi }
     fi;
     d_step { a=0; pa=0; ma=0 }
  od }

proctype U() { byte k, m;
end: do
  :: atomic {
#ifdef TWIN
       /* by id: the one that moved most */
       if :: tp[0]==HELD && (!THERE(1) || tm[0]>tm[1]) -> k=0
          :: tp[1]==HELD && (!THERE(0) || tm[1]>tm[0]) -> k=1 fi;
#else
       if :: tp[0]==HELD -> k=0 :: tp[1]==HELD -> k=1 :: tp[2]==HELD -> k=2 fi;
#endif
       m = tm[k] };
     d_step { if :: tp[k]==HELD && tm[k]==m -> tp[k]=QUEUE; tm[k]++ :: else fi;
       k=0; m=0 }
  od }

proctype W() { byte k, m;
end: do
  :: atomic {
       if :: tp[0]==QUEUE -> k=0 :: tp[1]==QUEUE -> k=1 :: tp[2]==QUEUE -> k=2
       fi;
       tp[k]=SEAT; tm[k]=tm[k]+2; m=tm[k];
       assert(body);
       /* outputs are named by it, and no name is used twice */
       assert(m > outm); outm = m };
     if
     :: d_step { !(tp[k]==SEAT && tm[k]==m) -> skip }	/* it is missing */
     :: d_step { tp[k]==SEAT && tm[k]==m ->
          commits++; assert(commits<=1); tp[k]=DONE; tm[k]++ }
     :: d_step { tp[k]==SEAT && tm[k]==m && nback<MAXBACK ->
          nback++; tp[k]=QUEUE; tm[k]++ }
     fi;
     d_step { k=0; m=0 }
  od }

#ifdef REMOVED
proctype V() {
  d_step { told && (tp[0]==HELD || tp[0]==QUEUE) -> tp[0]=NOTHING; removed=1 } }
#endif

init { atomic { byte i;
#ifdef TWIN
  body=1; told=1; sdone=1; tp[0]=QUEUE; tm[0]=5; tp[1]=HELD; tm[1]=1; outm=4;
#else
  run S(); run Late(); run X();
#endif
  for (i : 1 .. NM) { run M(i) }
  run U(); run W();
#ifdef REMOVED
  run V()
#endif
} }
#ifdef CHK_BACK
ltl back { [] (removed -> <> ANY) }
#endif
