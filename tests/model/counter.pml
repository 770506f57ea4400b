/*
 * counter.pml - the counter seq/: one entry N.TOKEN, N the next number
 *
 * Steps and the functions that are them (spool-submit.c):
 *   S, list     read_seq
 *   S, take     spool_take_ids: rename N.T -> N+k.MINE
 *   S, look     spool_rename after an error: target first, then source
 *
 * Faults: a reply is lost and the call done again (the answer is ENOENT); a
 * name is said not to be there that is (NFS-FACTS 1.2); a call fails and is
 * done later or never; the spool is put back to an older state (-DRESTORE).
 *
 * P: no two submitters are told the same id (with its token, when an older
 * state was put back).
 */
#ifndef NS
#define NS 3
#endif
#ifndef MAXFAULT
#define MAXFAULT 2
#endif
#define IDS 20
#define K(s) ((s)==2 -> 2 : 1)		/* how many one takes */
byte cn = 1, ct;			/* the entry; token 0: made by init */
byte owner[IDS];			/* who was told this id */
byte nfault;
bit lp; byte lsn, lst, ltn, ltt;	/* the late request */
#ifdef BUG_NOTOKEN
#define TOKEN(s) 0			/* two name the same target */
#else
#define TOKEN(s) ((s)+1)
#endif

inline srv(zn,zt,yn,yt,zr) {
  d_step { if :: cn==zn && ct==zt -> cn=yn; ct=yt; zr=0 :: else -> zr=1 fi } }

proctype S(byte s) { byte n, t, r, i, tries;
again: skip;
  d_step { n = cn; t = ct };				/* S, list */
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
     :: d_step { cn==n+K(s) && ct==TOKEN(s) -> r = 0 }
     :: d_step { !(cn==n+K(s) && ct==TOKEN(s)) -> r = 1 };
        if
        :: cn==n && ct==t ->
             if :: tries<2 -> tries++; goto retry
                :: goto out fi		/* -1: no id is told */
        :: else -> goto again		/* lost, or not known: another */
        fi
     fi
  fi;
  d_step {
    for (i : 0 .. K(s)-1) {
#ifndef RESTORE
      assert(owner[n+i]==0);
#endif
      /* a job's name is id and token */
      assert(owner[n+i]!=TOKEN(s)+1);
      owner[n+i] = TOKEN(s)+1 } };
out: skip }

active proctype Late() { byte r;
end: do
  :: lp -> if :: srv(lsn,lst,ltn,ltt,r) :: skip fi; d_step { lp=0; r=0 }
  od }

#ifdef RESTORE
active proctype Restore() { byte n, t;
  d_step { n = cn; t = ct };
  d_step { cn = n; ct = t } }
#endif

init { atomic { byte i;
  for (i : 0 .. NS-1) { run S(i) } } }
