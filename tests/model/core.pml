/*
 * core.pml - claim, start, decide, commit, give back, reap and bury
 *
 * Steps and the functions that are them:
 *   W      a worker's clerk: one life after the other, each with a seat
 *          (spool_join), one claim at a time
 *     W, heartbeat      pulse.c, spool_beat: no lease, fenced
 *     W, own directory  own_scan, adopt, held_taken (clerk.c, held.c); what
 *                       was started already starts again (held_start)
 *     W, claim          spool_claim      Q -> seat
 *     W, start          spool_start      within the seat
 *     W, run            the job; its output is named by the started claim
 *     W, decide         spool_decide     within the seat (-DDECIDE)
 *     W, commit         spool_commit     seat -> DONE
 *     W, give back      spool_give_back  seat -> Q
 *   R      recover_reap; anybody may be suspected at any time
 *     R, expire         spool_expire     the lease goes
 *     R, list           reap_claims
 *     R, move           reap_claim       seat -> Q; recover_complete: -> DONE
 *     R, bury           spool_bury       rmdir; not empty: list again
 *   rn()   spool_rename: after any answer but "done" the target's directory
 *          is opened and looked at, then the source's
 *
 *   S      queue_token, once the token is in tmp/ (submit.pml has the rest)
 *
 * A name is a bit: job j, move counter m -> bit j*NM+m.  A directory is a set
 * of bits.  A call is answered; or done, its reply lost, the server booted and
 * asked again, the second answer believed (MAXCRASH); or given up or failed,
 * and done at any later time or never (MAXLATE), whether its process lives on
 * or dies.  -DCACHES: a negative and a positive name cache per client, made
 * fresh by opendir alone.  A freeze is an interleaving.  -DTOTAL=N: any N
 * faults, of whatever kinds.
 */
#ifndef NJ
#define NJ 1
#endif
#ifndef NR
#define NR 1
#endif
#ifndef MAXREAP
#define MAXREAP 1	/* false suspicions */
#endif
#ifndef MAXCRASH
#define MAXCRASH 1
#endif
#ifndef MAXLATE
#define MAXLATE 1
#endif
#ifndef MAXDIE
#define MAXDIE 1	/* deaths of workers */
#endif
#ifndef MAXRDIE
#define MAXRDIE 1	/* reapers that die half way */
#endif
#ifndef MAXGB
#define MAXGB 1		/* give backs without need */
#endif
#ifndef TOTAL
#define TOTAL 255	/* all of these together */
#endif
#define MAY(n,max) (n<max && nreap+ncrash+nlate+ndie+nrdie+ngb<TOTAL)
#define NW 2
#define NI 4		/* seats: worker w uses 1+w, then 1+w+NW */
#ifndef NM
#define NM 15		/* moves of a job */
#endif
#define Q 0
#define DONE 5
#define NONE 31
#define OK 0
#define NO 1		/* it was not there to be moved */
#define UNK 2		/* not known; the same names are tried again */
#define CLAIMED 0
#define RUN 1
#define END 2
#define PLAIN 0
#define DECIDING 1
#define BIT(n) (1<<(n))
#define HAS(s,n) ((s)&BIT(n))
#define NEXT(n) ((n)+1)
#ifdef BUG_REUSE
#define BACK(n) (((n)/NM)*NM)	/* in queue/ it has its first name again */
#else
#define BACK(n) ((n)+1)
#endif
#ifdef CUT	/* claims without end: only as long as there are names */
#define CLAIMABLE (ent[Q]!=0 && ent[Q] < BIT(NM-4))	/* NJ 1 */
#else
#define CLAIMABLE (ent[Q]!=0)
#endif
#define ALLDONE (commits[0]==1 && (NJ==1 || commits[1]==1))

int ent[6];
bit up[6], lease[6], deadw[6], moved[6];
int started, ended, whole;	/* what names say; whole: output is complete */
byte commits[2], cmt[2], cmtw[2];
byte outw[NJ*NM];		/* who wrote the output of a claim */
byte nreap, ncrash, nlate, ndie, nrdie, ngb;
int neg[4], pos[4];
bit lp, lk;			/* the late request */
byte lsd, lsn, ltd, ltn;
byte wcur[2], wd[2];
#ifdef BUG_OUTATT
byte att[NJ*NM];
#define OUT(n) (((n)/NM)*NM+att[n])
#else
#define OUT(n) (HAS(ended,n) -> (n)-1 : (n))
#endif

/* What the server does with a rename. */
inline srv(zsd,zsn,ztd,ztn,zk,zres) {
  d_step {
    if
    :: !up[zsd] || !up[ztd] || !HAS(ent[zsd],zsn) -> zres = NO
    :: else ->
       assert(ztn < NJ*NM);
       /* a job never replaces a job silently */
       assert((ztd==zsd && ztn==zsn) || !HAS(ent[ztd],ztn));
       if
       :: ztd==DONE ->
             commits[zsn/NM]++;
             assert(commits[zsn/NM] <= 1);	/* P2: one result */
             assert(HAS(whole,zsn));		/* of a run that ended */
             assert(outw[OUT(zsn)] == BIT(zsd));/* and nobody else's output */
             cmt[zsn/NM] = OUT(zsn); cmtw[zsn/NM] = BIT(zsd)
       :: else
       fi;
#ifdef BUG_OUTATT
       att[ztn] = att[zsn];
#endif
       if
       :: zsd==ztd && zk==DECIDING ->		/* decide */
             ended = ended | BIT(ztn); started = started | BIT(ztn);
             whole = whole | BIT(ztn)
       :: zsd==ztd && zk!=DECIDING ->		/* start, or start again */
             started = started | BIT(ztn)
       :: zsd!=ztd && ztd!=DONE && ztd!=Q ->	/* claim */
             started = started & ~BIT(ztn); whole = whole & ~BIT(ztn)
       :: else
       fi;
       ent[zsd] = ent[zsd] & ~BIT(zsn);
       ent[ztd] = ent[ztd] | BIT(ztn);
       /* forget what no longer matters */
#ifndef BUG_OUTATT
       if :: ztd==Q -> outw[zsn] = 0 :: else fi;
#endif
       if
       :: zsn!=ztn ->
             started = started & ~BIT(zsn); whole = whole & ~BIT(zsn);
             ended = ended & ~BIT(zsn)
       :: else
       fi;
#ifndef BUG_REUSE
       /* no name comes back: the late request can do nothing any more */
       if :: lp && !HAS(ent[lsd],lsn) -> lp=0; lk=0; lsd=0; lsn=0; ltd=0; ltn=0
          :: else fi;
#endif
       zres = OK
    fi
  }
}

inline call(zc,zsd,zsn,ztd,ztn,zk,zres) {
  if
  :: zsd==Q && HAS(neg[zc],zsn) -> zres = NO	/* NFS-FACTS 1.2: no RPC */
  :: !(zsd==Q && HAS(neg[zc],zsn)) && ztd==Q && HAS(pos[zc],ztn) ->
       zres = OK				/* NFS-FACTS 2.4: no RPC */
  :: !(zsd==Q && HAS(neg[zc],zsn)) && !(ztd==Q && HAS(pos[zc],ztn)) ->
     if
     :: srv(zsd,zsn,ztd,ztn,zk,zres)
     :: MAY(ncrash,MAXCRASH) -> ncrash++;
          srv(zsd,zsn,ztd,ztn,zk,zres); srv(zsd,zsn,ztd,ztn,zk,zres)
     :: MAY(nlate,MAXLATE) && !lp -> d_step {
          nlate++; zres=UNK;
          if :: up[zsd] && HAS(ent[zsd],zsn) ->
                lp=1; lk=zk; lsd=zsd; lsn=zsn; ltd=ztd; ltn=ztn
             :: else fi }
     fi;
#ifdef CACHES
     d_step {
       if :: zsd==Q && zres==NO -> neg[zc] = neg[zc] | BIT(zsn) :: else fi;
       if :: ztd==Q && zres==OK -> pos[zc] = pos[zc] | BIT(ztn) :: else fi;
       if :: zsd==Q && zres==OK -> pos[zc] = pos[zc] & ~BIT(zsn) :: else fi }
#endif
     skip
  fi
}
#ifdef CACHES
#define opendirq(zc) d_step { neg[zc]=0; pos[zc]=ent[Q] }
#else
#define opendirq(zc) skip
#endif

/* spool_rename */
inline rn(zc,zsd,zsn,ztd,ztn,zk,zres) {
  call(zc,zsd,zsn,ztd,ztn,zk,zres);
  if
  :: zres!=OK ->
     if
     :: d_step { up[ztd] && HAS(ent[ztd],ztn) -> zres = OK }
     :: d_step { !up[ztd] || !HAS(ent[ztd],ztn) -> zres = NO };
        opendirq(zc);
        if
        :: d_step { up[zsd] && HAS(ent[zsd],zsn) -> zres = UNK }
        :: else
        fi
     fi
  :: else
  fi
}

inline pick(zset,zn) {
  zn = 0; do :: zn < NJ*NM-1 && !HAS(zset,zn) -> zn++ :: else -> break od }

proctype Late() { byte r;
  do
  :: lp ->
     if
     :: srv(lsd,lsn,ltd,ltn,lk,r)
#ifdef CHK_DONE
     :: skip		/* never; else: it stays pending for good */
#endif
     fi;
     d_step { lp=0; lk=0; lsd=0; lsn=0; ltd=0; ltn=0; r=0 }
  od }

#ifdef LEASEFILE
#define ALIVE(d) (up[d] && lease[d] && !moved[d])
#define EXPIRED(d) (deadw[d] || !lease[d])
#else
#define ALIVE(d) (up[d] && !moved[d])
#define EXPIRED(d) (deadw[d])
#endif

proctype W(byte w) { byte d, n, r, ph, back; int l;
  d = 1+w;
start: skip;
  d_step { up[d]=1; lease[d]=1; wcur[w]=NONE; wd[w]=d };
loop:
  atomic {
    if :: !ALIVE(d) -> goto fenced :: else fi;	/* W, heartbeat */
#ifndef BUG_NOSCAN
    d_step { l = ent[d];			/* W, own directory */
#ifndef NOKILLMISSING
      if :: wcur[w]!=NONE && ph!=END && !HAS(l,wcur[w]) ->
            wcur[w]=NONE; ph=0; back=0
         :: else fi;
#endif
      if :: wcur[w]==NONE && l!=0 -> pick(l,n);
            wcur[w] = n; back = 0;
            /* also one that was started is started again (held_start) */
            if :: HAS(ended,n) -> ph = END
               :: else -> ph = CLAIMED fi
         :: else fi;
      l = 0; n = 0 };
#endif
    skip };
  if
  :: wcur[w]==NONE ->				/* W, claim */
     if
     :: CLAIMABLE ->
        opendirq(w);
        d_step { l = ent[Q]; pick(l,n); l = 0 };
#ifdef CUT
        if :: n >= NM-4 -> d_step { n=0; r=0 }; goto loop :: else fi;
#endif
        rn(w,Q,n,d,NEXT(n),PLAIN,r);
        if :: r==OK -> d_step { wcur[w]=NEXT(n); ph=CLAIMED; back=0 }
           :: r==UNK && MAY(ndie,MAXDIE) -> ndie++; goto dead
           :: else
        fi
#ifndef BUG_NOSCAN
     :: ent[d]!=0
#endif
     :: !ALIVE(d)
     fi;
     d_step { n=0; r=0 }
  :: wcur[w]!=NONE && ph==CLAIMED ->		/* W, start */
     n = wcur[w];
     if
     :: rn(w,d,n,d,NEXT(n),PLAIN,r);
        if :: r==OK -> d_step { wcur[w]=NEXT(n); ph=RUN }
           :: r==NO -> d_step { wcur[w]=NONE; ph=0; back=0 }
           :: r==UNK && MAY(ndie,MAXDIE) -> ndie++; goto dead
           :: r==UNK			/* again, with the same names */
        fi
     :: MAY(ngb,MAXGB) -> d_step { ngb++; ph=END; back=1 }
     fi;
     d_step { n=0; r=0 }
  :: wcur[w]!=NONE && ph==RUN ->		/* W, run */
     if
     :: d_step {
          n = wcur[w];
          /* a zombie's output is never the committed one (P2) */
          assert(!(commits[n/NM] && cmt[n/NM]==OUT(n) &&
                   cmtw[n/NM]!=BIT(d)));
#ifdef BUG_OUTATT
          outw[OUT(n)] = outw[OUT(n)] | BIT(d);
          if :: HAS(ent[d],n) -> whole = whole | BIT(n) :: else fi;
#else
          if :: HAS(ent[d],n) -> outw[n] = outw[n] | BIT(d);
                whole = whole | BIT(n) :: else fi;
#endif
          ph = END; back = 0; n = 0 }
     :: MAY(ngb,MAXGB) -> d_step { ngb++; ph=END; back=1 }
#ifdef LONG
     :: skip
#endif
     :: MAY(ndie,MAXDIE) -> ndie++; goto dead
     fi
  :: wcur[w]!=NONE && ph==END ->
     n = wcur[w];
     if
#ifdef DECIDE
     :: !back && !HAS(ended,n) ->		/* W, decide */
        rn(w,d,n,d,NEXT(n),DECIDING,r);
        if :: r==OK -> wcur[w]=NEXT(n)
           :: r==NO -> d_step { wcur[w]=NONE; ph=0; back=0 }
           :: r==UNK && MAY(ndie,MAXDIE) -> ndie++; goto dead
           :: r==UNK
        fi
     :: !back && HAS(ended,n) -> rn(w,d,n,DONE,NEXT(n),PLAIN,r);
#else
     :: !back -> rn(w,d,n,DONE,NEXT(n),PLAIN,r);	/* W, commit */
#endif
        if :: r==UNK && MAY(ndie,MAXDIE) -> ndie++; goto dead
           :: r==UNK
           :: r!=UNK -> d_step { wcur[w]=NONE; ph=0; back=0 }
        fi
     :: back -> rn(w,d,n,Q,BACK(n),PLAIN,r);		/* W, give back */
        if :: r==UNK && MAY(ndie,MAXDIE) -> ndie++; goto dead
           :: r==UNK
           :: r!=UNK -> d_step { wcur[w]=NONE; ph=0; back=0 }
        fi
     fi;
     d_step { n=0; r=0 }
  fi;
  goto loop;
fenced:
dead: skip;
  d_step { wcur[w]=NONE; n=0; r=0; ph=0; back=0; deadw[d]=up[d] };
  if :: d+NW<=NI -> d=d+NW; goto start :: else fi
}

proctype R(byte rid) { byte d, n, r, cid; int l;
  cid = 2+rid;
  do
  :: atomic { !ALLDONE; if
       :: up[1] && EXPIRED(1) -> d=1
       :: up[2] && EXPIRED(2) -> d=2
       :: up[3] && EXPIRED(3) -> d=3
       :: up[4] && EXPIRED(4) -> d=4
       :: up[1] && MAY(nreap,MAXREAP) -> nreap++; d=1
#if MAXREAP > 1
       /* with one suspicion 1 stands for both: they are alike */
       :: up[2] && MAY(nreap,MAXREAP) -> nreap++; d=2
#endif
     fi };
#ifdef LEASEFILE
     lease[d] = 0;				/* R, expire */
#endif
#ifdef BUG_FENCEMV
     moved[d] = 1;		/* renamed away: its path is gone, it is not */
#endif
again: skip;
     l = ent[d];				/* R, list */
     do
     :: l!=0 ->					/* R, move */
        atomic { pick(l,n); l = l & ~BIT(n);
          if :: MAY(nrdie,MAXRDIE) -> nrdie++; goto die :: skip fi };
#ifdef BUG_LINK
        /* link, then unlink */
        d_step { if :: HAS(ent[d],n) -> ent[Q]=ent[Q]|BIT(NEXT(n)) :: else fi };
        d_step { ent[d]=ent[d]&~BIT(n) };
#else
        opendirq(cid);
        if
        :: HAS(ended,n) -> rn(cid,d,n,DONE,NEXT(n),PLAIN,r)
        :: !HAS(ended,n) -> rn(cid,d,n,Q,BACK(n),PLAIN,r)
        fi;
#endif
        if :: r==UNK -> goto die :: else fi;	/* -1: again later */
        d_step { r=0; n=0 }
     :: else -> break
     od;
     if :: MAY(nrdie,MAXRDIE) -> nrdie++; goto die :: skip fi;
#if defined(BUG_NORMDIR) || defined(BUG_FENCEMV)
     d_step { deadw[d]=0; lease[d]=1 };	/* believes it is done with it */
#else
     d_step {					/* R, bury */
       if :: up[d] && ent[d]==0 ->
             up[d]=0; lease[d]=0; deadw[d]=0; r=0
          :: up[d] && ent[d]!=0 -> r=1
          :: else -> r=0 fi; skip };
     if :: r==1 -> r=0;
           if :: MAY(nrdie,MAXRDIE) -> nrdie++; goto die :: goto again fi
        :: else fi;
#endif
     skip;
die: skip; d_step { n=0; l=0; r=0; d=0 }
  od
}

/* queue_token, once the token is in tmp/ (submit.pml has the rest) */
proctype S(byte j) {
  ent[Q] = ent[Q] | BIT(j*NM);
#ifdef BUG_CREATE
  /* made in place: the server makes it again after a crash */
  if :: MAY(ncrash,MAXCRASH) -> ncrash++; ent[Q] = ent[Q] | BIT(j*NM) :: skip fi
#endif
}

init { atomic {
  up[Q]=1; up[DONE]=1; wcur[0]=NONE; wcur[1]=NONE;
  run S(0);
#if NJ==2
  run S(1);
#endif
  run W(0); run W(1); run R(0);
#if NR==2
  run R(1);
#endif
  run Late() } }

/* a worker runs a job whose entry it no longer has */
#define ZOMBIE(w) (wcur[w]!=NONE && !HAS(ent[wd[w]],wcur[w]))
#ifdef CHK_DONE
ltl done { <> ALLDONE }
#endif
#ifdef CHK_ZOMBIE
ltl zombie { [] (ZOMBIE(0) -> <> !ZOMBIE(0)) }
#endif
