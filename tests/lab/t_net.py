"""Tests of a bad network, of hosts that die while others recover, of cron."""
import os, random, re, time

import judge
from bench import Late, check, until
from t_hosts import BOUND, LEASE, rerun_elsewhere

CRONTAB = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))) + \
    "/contrib/nfsq.crontab"
RULES = {                               # percent of frames, ms
    "c1": dict(loss_in=4, loss_out=4, dup_in=5, dup_out=5, delay_in=4, delay_out=9),
    "c2": dict(loss_in=6, loss_out=2, dup_in=10, dup_out=3, delay_out=15),
    "c3": dict(loss_in=2, loss_out=6, dup_in=3, dup_out=10, delay_in=12),
}


def lossy(b, t):
    """Frames are lost, doubled and late on all hosts: slow, and nothing else."""
    s = b.spool("lossy", 60)
    for c in ("c2", "c3"):
        s.worker(c, 3).ready()
    one = " ".join(s.argv("submit", "--", "/lab/work/bin/mark", s.marks, "0.2"))
    for c, rules in RULES.items():
        b.lab.net(c, **rules)
    began = time.time()
    sub = b.lab.start("c1", ["sh", "-c", f"seq 36 | xargs -P 3 -I{{}} {one}"])
    r = b.lab.wait("c1", sub, timeout=200)
    check(r.rc == 0, f"submitting gave {r.rc}: {r.err[-300:]}")
    ids = [int(x) for x in r.out.split()]
    check(len(set(ids)) == 36, f"{len(ids)} ids, {len(set(ids))} of them different")
    told = time.time()
    s.wait("c1", ids, timeout=200)
    t.note(f"36 jobs: submitted in {told - began:.1f} s, all ended {time.time() - began:.1f} s "
           "after the first submit")
    lost = {c: dropped(b, c) for c in RULES}
    t.note("frames lost, to and from each: " + ", ".join(f"{c} {x} and {y}"
                                                         for c, (x, y) in lost.items()))
    check(all(min(x) > 0 for x in lost.values()), "the switch lost no frame somewhere")
    hosts = {r.host for r in s.runs()}
    check(hosts == {"c2", "c3"}, f"jobs ran on {hosts} alone")
    t.note(s.judge(ids))
    for c in RULES:
        b.lab.heal(c)
    s.fsck()


def dropped(b, node):
    said = b.lab.switch(f"show {b.lab.num(node)}")
    m = re.search(r"dropped_in=(\d+).*dropped_out=(\d+)", said)
    check(m, f"the switch says '{said}'")
    return int(m.group(1)), int(m.group(2))


def oneway(b, t):
    """At the same time nothing reaches c1 and nothing leaves c2, beyond the lease:
    each ends its own jobs before c3 starts them (P4), and joins again."""
    s = b.spool("oneway", LEASE)
    ids, old = {}, {}
    for c in ("c1", "c2"):
        s.worker(c, 2).ready()
        ids[c] = [s.submit("c3", 300, "-c", "1", later=1) for _ in range(2)]
        until(lambda: s.started(ids[c], host=c), 30, f"{c} runs its jobs")
    w3 = s.worker("c3", 4)
    until(lambda: len(s.seats()) == 3, 20, "the worker of c3 joins", 0.1)
    old = set(s.seats())
    time.sleep(1)
    both = ids["c1"] + ids["c2"]
    at = time.time()
    b.lab.partition("c1", "in")
    b.lab.partition("c2", "out")
    try:
        runs = rerun_elsewhere(s, both, at, t, "the cuts")
        second = {r.id: r.start for r in runs}
        for c, way in (("c1", "nothing reaches it"), ("c2", "nothing leaves it")):
            ended = {r.id: judge.last(r) for r in s.runs() if r.host == c}
            first = min(second[i] - ended[i] for i in ids[c])
            t.note(f"{c}, {way}: ended its own {max(ended.values()) - at:.1f} s after the cut, "
                   f"{first:.1f} s before the second start")
            check(first > 0, f"a job of {c} lived for {-first:.2f} s beside its second run")
        s.wait("c3", both)
        time.sleep(2)
        check(not any(r.start > at for r in s.runs() if r.host != "c3"), "a cut host started jobs")
    finally:
        for c in ("c1", "c2"):
            b.lab.heal(c)
    healed = time.time()
    new = {}

    def joined():
        for u, info in s.seats().items():
            for c in ("c1", "c2"):
                if c in info and u not in old:
                    new.setdefault(c, time.time() - healed)
        return len(new) == 2
    until(joined, 150, "both join anew after the heal", 0.1)
    t.note("joined under a new id after the heal: " +
           ", ".join(f"{c} {x:.1f} s" for c, x in sorted(new.items())))
    w3.finish()
    more = [s.submit("c3", 1, "-c", "2") for _ in range(4)]
    s.wait("c3", more)
    hosts = {r.host for r in s.runs() if r.id in more}
    check(hosts == {"c1", "c2"}, f"after the heal only {hosts} ran jobs")
    t.note(s.judge(both + more, reruns=both))
    s.fsck()


def seat_of(s, host):
    return next(u for u, info in s.seats().items() if host in info)


def reaper(b, t):
    """c3 loses power while it reaps what c2 held: c1 finishes it; each job is queued
    and run once."""
    rng, caught = random.Random(), 0
    for turn in range(3):
        caught += reap_cut_short(b, t, turn, rng)
        if caught >= 2:
            break
    t.note(f"{caught} seats were left half reaped")
    if not caught:
        raise Late("c3 was never caught in the middle of a reap")


def reap_cut_short(b, t, turn, rng):
    """Three spools at a time; how many reaps were cut short."""
    spools = {b.spool(f"reaper-{turn}-{n}", LEASE): n for n in (5, 8, 11)}
    ids, dead = {}, {}
    for s, n in spools.items():
        one = " ".join(s.argv("submit", "-c", "2", "--", "/lab/work/bin/mark", s.marks, "300",
                              "0.2"))
        ids[s] = [int(x) for x in b.sh("c1", f"seq {n} | xargs -I{{}} {one}").out.split()]
        s.worker("c2", 2 * n)
    for s in spools:
        until(lambda: s.started(ids[s], host="c2"), 60, "c2 runs the jobs")
        dead[s] = seat_of(s, "c2")
        s.worker("c3", 1)               # can run none of them: it reaps alone
    for s in spools:
        until(lambda: len(s.seats()) == 2, 20, "the worker of c3 joins", 0.1)
    time.sleep(1)
    # Each call of c3 takes 40 ms more: its reaps take about a second.  Somewhere
    # in them it dies.
    b.lab.net("c3", delay_in=20, delay_out=20)
    seats = " ".join(f"/export/{s.name}/workers/{dead[s]}" for s in spools)
    few = sum(spools.values()) - rng.randint(1, 16)
    sub = b.lab.start("server", ["sh", "-c", f"while [ $(ls {seats} 2>/dev/null | "
                                 f"grep -c '^[1-9][0-9]*\\.') -gt {few} ]; do sleep 0.02; done"])
    b.lab.kill("c2")
    at = time.time()
    try:
        b.lab.wait("server", sub, timeout=BOUND + 60)
    finally:
        b.lab.kill("c3")
        b.lab.heal("c3")
    died = time.time() - at
    b.lab.boot("c2", wait=False)
    b.lab.boot("c3", wait=False)
    left = {s: sum(1 for _, d, _ in s.tokens() if d == f"workers/{dead[s]}") for s in spools}
    t.note(f"c3 lost power {died:.1f} s after c2; left in c2's seats: " +
           ", ".join(f"{left[s]} of {n}" for s, n in spools.items()))
    for s, n in spools.items():
        s.worker("c1", 2 * n)
    began = time.time()
    for s in spools:
        s.wait("c1", ids[s])
    t.note(f"c1 ran them all within {time.time() - began:.1f} s")
    for s in spools:
        until(lambda: len(s.seats()) == 1, BOUND + 30, "c1 reaps c3, too", 0.1)
        again = {r.attempt for r in s.runs() if r.host == "c1"}
        check(again == {2}, f"c1 ran attempts {again}")
        t.note(s.judge(ids[s], reruns=ids[s]))
        s.fsck()
    for w in b.workers:
        w.end()
    for c in ("c2", "c3"):
        b.lab.wait_ready(c, mounted=True)
    return sum(1 for s, n in spools.items() if 0 < left[s] < n)


def cron(b, t):
    """A worker's host loses power and boots; cron starts its worker with the very
    line of contrib/nfsq.crontab: that one takes over what the old life held."""
    s = b.spool("cron", LEASE)
    s.worker("c2", 3).ready()
    ids = [s.submit("c1", 300, "-c", "1", later=2) for _ in range(3)]
    until(lambda: s.started(ids, host="c2"), 30, "c2 runs the jobs")
    b.lab.kill("c2")
    at = time.time()
    ids.append(s.submit("c1", 0.5))     # one that nobody held
    b.lab.boot("c2")
    try:
        crond(b, s, "c2")
        began = time.time()
        first = until(lambda: s.started(ids[3:]), 30, "cron's worker runs the queued job")[0]
        runs = until(lambda: s.started(ids[:3], attempt=2), BOUND + 60, "the jobs run again")
        took = max(r.start for r in runs) - first.start
        t.note(f"cron's worker began {first.start - at:.1f} s after the power-off and had the old "
               f"life's jobs {min(r.start for r in runs) - first.start:.1f} s later")
        check({r.host for r in runs} == {"c2"}, f"they ran on {[r.host for r in runs]}")
        # one slot: two of them wait for 2 s and a moment each
        check(took <= BOUND + 2 * 3.5, f"the last one began {took:.1f} s later")
        # the next minute's finds it running
        r = b.sh("c2", f"NFSQ_SPOOL={s.dir} NFSQ_CONFIG=/nonexistent nfsq-worker --once")
        check(not r.out and not r.err, f"a second worker said {r.out}{r.err}")
        s.wait("c1", ids)
        until(lambda: not s.seats(), 20, "cron's worker leaves", 0.1)
        until(lambda: b.sh("c2", "pgrep 'nfsq|^mark'", ok=False).rc == 1, 10,
              "no process of it is left", 0.1)
        t.note(f"the worker was gone {time.time() - began:.1f} s after cron's start")
        until(lambda: open(b.work + "/cron-mail").read().count("Subject:") >= 2, 10,
              "cron sends both mails")
        time.sleep(0.5)
        mail = [x for x in open(b.work + "/cron-mail").read().splitlines()
                if x and not re.match(r"[A-Z][A-Za-z-]*: ", x)]
        check("control" in mail, f"cron sends no mail: {mail}")
        # All that it may say: that a worker died is something wrong.
        rest = [x for x in mail if x != "control"]
        check(rest == ["nfsq-worker: reaped 1 silent worker"], f"cron's mails say: {rest}")
        t.note(s.judge(ids, reruns=ids[:3]))
        s.fsck()
    except BaseException:
        b.lab.kill("c2")                # cron and all; bench boots it again
        raise
    b.sh("c2", "crontab -r; kill $(cat /run/crond.pid); rm -f /usr/local/bin/nfsq-worker")


def crond(b, s, node):
    """Debian's cron with contrib's crontab, a control that must send mail, and a
    mailer that keeps it.  The guest's clock stands shortly before a minute."""
    b.sh(node, f"""command -v cron >/dev/null || {{ echo no cron: contrib/setup lab >&2; exit 1; }}
        ln -sf {b.bin}/nfsq-worker /usr/local/bin/nfsq-worker
        printf '#!/bin/sh\\ncat >>/lab/work/cron-mail\\n' >/usr/sbin/sendmail
        chmod 755 /usr/sbin/sendmail""")
    text = f"NFSQ_SPOOL={s.dir}\nNFSQ_CONFIG=/nonexistent\n" + open(CRONTAB).read() + \
        "* * * * *\techo control\n"
    r = b.lab.run(node, ["crontab", "-"], stdin=text, timeout=20)
    check(r.rc == 0, f"crontab gave {r.rc}: {r.err}")
    b.lab.clock(node, (57 - time.time()) % 60)
    b.sh(node, "cron")


TESTS = [lossy, oneway, reaper, cron]
