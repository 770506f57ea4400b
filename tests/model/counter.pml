/*
 * counter.pml - the counter seq/: an entry N.TOKEN, N the next number
 *
 * Steps and the functions that are them (spool-submit.c, spool-mend.c):
 *   S      spool_take_ids
 *     S, list     read_seq: the highest
 *     S, take     spool_rename N.T -> N+k.MINE
 *     S, look     spool_rename after an error: target first, then source
 *   M      spool_mend_counter, by any number of fsck --repair
 *     M, list     fs_list, highest
 *     M, remove   remove_lower: all but the highest
 *     M, raise    raise_counter: the highest -> above+1.MINE
 *     M, make     raise_counter, where there is none
 *
 * Faults: a reply is lost and the call done again (the answer is ENOENT); a
 * name is said not to be there that is (NFS-FACTS 1.2); a call fails and is
 * done later or never; the spool is put back to an older state (-DRESTORE); a
 * second, lower entry came with a restored directory (-DTWO); the entry is
 * below ids that exist (-DLOW), or lost (-DLOST).  A listing of one entry or
 * two is one reply: it does not miss what moves meanwhile.
 *
 * P: no two submitters are told the same id (with its token, when an older
 * state was put back or ids above the counter exist).
 *
 * Not so in the code yet: M, make only where there is still none (BUG_MAKE:
 * two that mend a lost counter make one each, and two submitters are told one
 * id, but no name twice).
 */
#ifndef NS
#define NS 3
#endif
#ifndef NMEND
#define NMEND 0
#endif
#ifndef MAXFAULT
#define MAXFAULT 2
#endif
#define IDS 20
#define ABOVE 3				/* the highest id that the walk saw */
#define OLD 99
#define K(s) ((s)==2 -> 2 : 1)		/* how many one takes */
#define NT 8
byte sn[NT];		/* the entries: token t has number sn[t], 0: no such */
byte owner[IDS];			/* who was told this id */
byte nfault;
bit lp; byte lsn, lst, ltn, ltt;	/* the late request */
#ifdef BUG_NOTOKEN
#define TOKEN(s) 0			/* two name the same target */
#else
#define TOKEN(s) ((s)+1)
#endif
#define MINE(k) (3+(k))			/* a mender's; NS<=3 */

inline srv(zn,zt,yn,yt,zr) {
  d_step { if :: zn!=0 && sn[zt]==zn -> sn[zt]=0; sn[yt]=yn; zr=0 :: else -> zr=1 fi } }

/* n and t: the highest entry; n 0: none */
inline list() {
    n = 0; t = 0;
    for (i : 0 .. NT-1) {
#ifdef BUG_FIRST
      if :: sn[i]>0 && n==0 -> n = sn[i]; t = i :: else fi
#else
      if :: sn[i]>n -> n = sn[i]; t = i :: else fi
#endif
    }
    i = 0 }

proctype S(byte s) { byte n, t, r, i, tries;
again: skip;
  d_step { list() };					/* S, list */
  if :: n==0 -> goto out :: else fi;	/* "has lost its counter" */
retry: skip;
  if							/* S, take */
  :: srv(n,t,n+K(s),TOKEN(s),r)
  :: nfault<MAXFAULT -> nfault++;
       srv(n,t,n+K(s),TOKEN(s),r); srv(n,t,n+K(s),TOKEN(s),r)
  :: nfault<MAXFAULT -> nfault++; r = 1
  :: nfault<MAXFAULT && !lp -> d_step {
       nfault++; lp=1; lsn=n; lst=t; ltn=n+K(s); ltt=TOKEN(s); r=1 }
  fi;
#ifdef BUG_ERRDONE
  r = 0;		/* "it must have been the lost reply of mine" */
#endif
  if
  :: r==0 -> skip
  :: r!=0 ->						/* S, look */
     if
     :: d_step { sn[TOKEN(s)]==n+K(s) -> r = 0 }
     :: d_step { sn[TOKEN(s)]!=n+K(s) -> r = 1 };
        if
        :: sn[t]==n ->
             if :: tries<2 -> tries++; goto retry
                :: goto out fi		/* -1: no id is told */
        :: else -> goto again		/* lost, or not known: another */
        fi
     fi
  fi;
  d_step {
    for (i : 0 .. K(s)-1) {
#if !defined(RESTORE) && !defined(LOW)
      assert(owner[n+i]==0);
#endif
      /* a job's name is id and token */
      assert(owner[n+i]!=TOKEN(s)+1);
      owner[n+i] = TOKEN(s)+1 };
    i=0 };
out: skip; d_step { n=0; t=0; r=0; tries=0 } }

active proctype Late() { byte r;
end: do
  :: lp -> if :: srv(lsn,lst,ltn,ltt,r) :: skip fi; d_step { lp=0; r=0 }
  od }

#if NMEND > 0
#ifdef BUG_NOABOVE
#define IS_ABOVE false	/* raised, whatever it is by now */
#else
#define IS_ABOVE (n>ABOVE)
#endif
proctype M(byte k) { byte n, t, r, i; byte l[NT];
again: skip;
  d_step {						/* M, list */
    list();
    for (i : 0 .. NT-1) { l[i] = sn[i] }
    i = 0 };
  if
  :: n>0 && IS_ABOVE ->					/* M, remove */
     do
     :: i<NT ->
#ifdef BUG_HIGHER
        d_step { if :: i==t && sn[i]==l[i] -> sn[i]=0 :: else fi; i++ }
#else
        d_step { if :: i!=t && sn[i]==l[i] -> sn[i]=0 :: else fi; i++ }
#endif
     :: else -> break
     od
  :: n>0 && !IS_ABOVE ->
     srv(n,t,ABOVE+1,MINE(k),r);			/* M, raise */
#ifdef BUG_NOABOVE
     skip
#else
     goto again
#endif
  :: n==0 ->						/* M, make */
#ifdef BUG_MAKE
     sn[MINE(k)] = ABOVE+1;
#else
     d_step { for (i : 0 .. NT-1) { if :: sn[i]>0 -> n=1 :: else fi }
       if :: n==0 -> sn[MINE(k)] = ABOVE+1 :: else fi;
       i=0 };
#endif
     goto again
  fi;
  skip; d_step { n=0; t=0; r=0; for (i : 0 .. NT-1) { l[i] = 0 } i=0 } }
#endif

#ifdef RESTORE
active proctype Restore() { byte n, t, i;
  d_step { list() };
  d_step { for (i : 0 .. NT-1) { sn[i] = 0 } sn[t] = n } }
#endif

init { atomic { byte i;
#if defined(TWO)
  sn[0] = 2; sn[7] = ABOVE+1; for (i : 1 .. ABOVE) { owner[i] = OLD }
#elif defined(LOW)
  sn[0] = 2; for (i : 1 .. ABOVE) { owner[i] = OLD }
#elif defined(LOST)
  for (i : 1 .. ABOVE) { owner[i] = OLD }
#else
  sn[0] = 1;
#endif
  for (i : 0 .. NS-1) { run S(i) }
#if NMEND > 0
  for (i : 1 .. NMEND) { run M(i) }
#endif
} }
