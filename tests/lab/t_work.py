"""Tests of work that goes as it should: visibility, contention, requests to
jobs of other hosts, logs, budgets."""
import collections, hashlib, time

import judge
from bench import POLL, check, counts, rpcs, until

JOBS = 2000             # of the contended test


def visible(b, t):
    """Submitted on c1, runs on c2 and c3 at once; c3 sees all of its output."""
    s = b.spool("visible", 300)
    s.worker("c2", 1)
    s.worker("c3", 1)
    for w in b.workers:
        w.ready()
    text = "".join(f"{i}\n" for i in range(1, 20001)) + "1\n"
    script = f"seq 1 20000; exec /lab/work/bin/mark {s.marks} 1.3"
    ids, delays = [], []
    for k in range(4):
        r = s.nfsq("c1", "submit", "--", "sh", "-c", script)
        told = time.time()
        ids.append(int(r.out))
        if k % 2 == 0:
            delays.append(until(lambda: s.started(ids[-1:]), 30, "the job starts")
                          [0].start - told)
            # wait and log in one breath, begun before it ends (P7)
            sub = b.lab.start("c3", ["sh", "-c", "$@ wait $ID && $@ log $ID".replace(
                "$@", " ".join(s.argv())).replace("$ID", r.out.strip())])
            r = b.lab.wait("c3", sub, timeout=60)
            check(r.rc == 0, f"wait and log on c3 gave {r.rc}: {r.err}")
            check(r.out == text, f"log on c3 right after wait has {len(r.out)} of {len(text)} bytes")
    # both hosts at once, each log read on c3
    begin = time.time()
    both = [int(s.nfsq("c1", "submit", "--", "sh", "-c", script).out) for _ in range(4)]
    s.wait("c3", ids + both)
    for i in both:
        out = s.nfsq("c3", "log", i).out
        check(hashlib.sha256(out.encode()).digest() == hashlib.sha256(text.encode()).digest(),
              f"log of {i} on c3 has {len(out)} of {len(text)} bytes")
    hosts = collections.Counter(r.host for r in s.runs())
    check(hosts["c2"] and hosts["c3"], f"not both hosts ran jobs: {dict(hosts)}")
    t.note("from submit's end on c1 to the start elsewhere, idle spool, poll "
           f"{POLL:g} s: " + ", ".join(f"{d:.2f} s" for d in delays))
    t.note(f"8 jobs on {dict(hosts)}; four at once ended {time.time() - begin:.1f} s after the first submit")
    t.note(s.judge(ids + both))
    s.fsck()


def named(b, t):
    """An --output FILE that a host has just missed is there when wait says so."""
    s = b.spool("named", 300)
    s.worker("c2", 1).ready()
    b.sh("server", "mkdir -m 777 /export/named-out")
    stale = 0
    for k in range(4):
        path = f"/spool/named-out/{k}"
        i = int(s.nfsq("c2", "submit", "--output", path, "--", "sh", "-c",
                       f"exec /lab/work/bin/mark {s.marks} 1.5").out)
        # c3 knows by now that there is no such file; it must not look again
        look = f"cat {path}"
        b.sh("c3", f"ls {path} 2>&1; sleep 0.1; ls {path} 2>&1; true")
        if k % 2:
            until(lambda: s.jobs()[i]["state"] == "done", 60, "the job ends")
            r = b.sh("c3", look, ok=False)
            stale += r.rc != 0
            r = b.sh("c3", " ".join(s.argv("wait", i)) + " && " + look, ok=False)
        else:
            sub = b.lab.start("c3", ["sh", "-c", " ".join(s.argv("wait", i)) + " && " + look])
            r = b.lab.wait("c3", sub, timeout=60)
        check(r.rc == 0 and r.out == "1\n", f"right after wait: {r.rc}, {r.out!r} {r.err}")
    t.note(f"4 read right after wait; without it {stale} of 2 were not seen")
    s.fsck()


LIST = """import os, sys, time
end = time.time() + 1.5
while time.time() < end:
    os.listdir(sys.argv[1])
"""
MOVE = """import os, sys, time
d, names = sys.argv[1], sys.argv[2:]
for n in names: os.rename(d + "/held/0/" + n, d + "/tmp/" + n)
time.sleep(0.3)
for n in names:
    os.rename(d + "/tmp/" + n, d + "/held/0/" + n)
    time.sleep(0.003)
"""


def bursts(b, t):
    """Names that came within one tick of the server's clock are all seen, on a
    host that listed them in between (NFS 3: the directory's times are the same)."""
    s = b.spool("bursts", 300)
    for _ in range(5):
        s.nfsq("c1", "submit", "--hold", "--", "true")
    names = [n for _, _, n in s.tokens()]
    stale, rounds = 0, 12
    for k in range(rounds):
        looks = b.lab.start("c2", ["python3", "-c", LIST, s.dir + "/held/0"])
        time.sleep(0.2)
        r = b.lab.run("c1", ["python3", "-c", MOVE, s.dir] + names)
        check(r.rc == 0, r.err)
        b.lab.wait("c2", looks, timeout=60)
        stale += len(b.sh("c2", f"ls {s.dir}/held/0").out.split()) != len(names)
        seen = len(s.nfsq("c2", "ls", "--no-header").out.splitlines())
        check(seen == len(names), f"round {k}: c2 sees {seen} of {len(names)} jobs")
    t.note(f"{rounds} bursts of {len(names)}: nfsq saw all; ls missed some after {stale}")
    s.fsck()


def contended(b, t):
    """Two workers never get the same job."""
    s = b.spool("contended", 300)
    began = time.time()
    one = " ".join(s.argv("submit", "--", "/lab/work/bin/mark", s.marks, "0"))
    subs = [(c, b.lab.start(c, ["sh", "-c", f"seq {JOBS // 2} | xargs -P 3 -I{{}} {one}"]))
            for c in ("c1", "c2")]
    ids = []
    for c, sub in subs:
        r = b.lab.wait(c, sub, timeout=400)
        check(r.rc == 0, f"submitting on {c} gave {r.rc}: {r.err[-300:]}")
        ids += [int(x) for x in r.out.split()]
    check(len(ids) == JOBS and len(set(ids)) == JOBS,
          f"{len(ids)} ids, {len(set(ids))} of them different")
    mid = time.time()
    for c in ("c2", "c3"):
        s.worker(c, 4, "--once")
    said = [w.wait(500) for w in b.workers]
    took = time.time() - mid
    n = [counts(x) for x in said]
    hosts = collections.Counter(r.host for r in s.runs())
    t.note(f"{JOBS} submitted in {mid - began:.0f} s, run in {took:.0f} s ({JOBS / took:.0f} a second)")
    for c, x in zip(("c2", "c3"), n):
        t.note(f"{c}: claimed {x[0]}, lost {x[1]} ({100 * x[1] / max(1, x[0] + x[1]):.1f} %), ended {x[2]}; start marks {hosts[c]}")
    t.note(s.judge(ids))
    check(sum(x[0] for x in n) == JOBS, "the claims are not as many as the jobs")
    check(min(hosts["c2"], hosts["c3"]) >= JOBS / 4, f"a worker got less than a quarter: {dict(hosts)}")
    check(sum(x[1] for x in n) > 0, "no claim was lost: there was no contention")
    s.fsck()


def requests(b, t):
    """cancel, signal, requeue, hold, release from c1 of jobs that run on c2."""
    s = b.spool("requests", 300)
    s.worker("c2", 3).ready()
    a, sig, req, hold = [s.submit("c1", 60, later=1) for _ in range(3)] + \
        [s.submit("c1", 0.5, "-c", "3")]
    run = until(lambda: s.started([a, sig, req]), 30, "three jobs start")
    took = {}

    def timed(name, node, what, *args):
        at = time.time()
        s.nfsq(node, *args)
        back = time.time() - at
        until(what, 20, f"{name} takes effect")
        took[name] = (back, time.time() - at)

    def gone(i, k=0):
        """The k-th run of i ticks no more."""
        mine = [r for r in s.runs() if r.id == i][k]
        return time.time() - judge.last(mine) > 0.4

    timed("signal", "c1", lambda: s.started([sig]) and s.started([sig])[0].usr1,
          "signal", "USR1", sig)
    timed("cancel", "c1", lambda: gone(a), "cancel", a)
    r = s.nfsq("c3", "wait", "--timeout", "30s", a, ok=False)
    check(r.rc == 130, f"wait of the cancelled job gave {r.rc}: {r.err}")
    timed("requeue", "c3", lambda: s.started([req], attempt=2), "requeue", req)
    s.nfsq("c1", "hold", hold)
    check(s.jobs()[hold]["state"] == "held", "a queued job is not held after hold")
    s.nfsq("c1", "cancel", sig)
    s.wait("c3", [req])
    check(not s.started([hold]), "a held job was started")
    timed("release", "c3", lambda: s.started([hold]), "release", hold)
    s.wait("c1", [hold])
    j = s.jobs()
    check([j[x]["state"] for x in (a, sig, req, hold)] ==
          ["cancelled", "cancelled", "done", "done"],
          f"states: {[(x, j[x]['state'], j[x]['reason']) for x in (a, sig, req, hold)]}")
    t.note("returned after / took effect on c2 after: " + ", ".join(
        f"{k} {x:.1f} / {y:.1f} s" for k, (x, y) in took.items()))
    for k, (back, effect) in took.items():
        check(back <= 3, f"{k} returned after {back:.1f} s")
        check(effect <= 2 + POLL + 2, f"{k} took effect after {effect:.1f} s")
    check(not judge.overlaps(s.runs()), "two attempts at once")
    check(all(r.host == "c2" for r in run), "not on c2")
    t.note(s.judge([req, hold], reruns=[req]))
    s.fsck()


def follow(b, t):
    """log -f on c3 shows what a job prints on c2 while it runs."""
    s = b.spool("follow", 300)
    s.worker("c2", 1).ready()
    i = s.submit("c1", 6.3)
    sub = s.start("c3", "log", "-f", i)
    run = until(lambda: s.started([i]), 30, "the job starts")[0]
    late = []
    for n in range(1, 6):
        until(lambda: b.lab.output("c3", sub)[0].count("\n") >= n, 20, f"line {n} is shown")
        late.append(time.time() - run.start - n)
    r = b.lab.wait("c3", sub, timeout=30)
    end = time.time() - s.started([i])[0].end
    check(r.rc == 0 and r.out == "".join(f"{k}\n" for k in range(1, 7)),
          f"log -f gave {r.rc}, {r.out!r} {r.err}")
    t.note("lines shown after " + ", ".join(f"{x:.1f}" for x in late) +
           f" s; ended {end:.1f} s after the job")
    check(max(late) < 5, "a line came too late")


def budgets(b, t):
    """RPCs of PROTOCOL.md part 3, from mountstats."""
    s = b.spool("budgets", 300)
    over = []

    def measure(name, got, limit):
        t.note(f"{name}: {got:.2f} RPCs (budget {limit})")
        if b.vers != "3" and got > limit + 1e-9:
            over.append(f"{name}: {got:.2f} > {limit}")

    def submit_cost():
        b.lab.stats("c1", reset=True)
        s.nfsq("c1", "submit", "true")
        r = rpcs(b.lab, "c1")
        return sum(r.values()), r

    s.nfsq("c1", "submit", "true")
    warm = min((submit_cost() for _ in range(3)), key=lambda x: x[0])
    b.sh("c1", "echo 3 >/proc/sys/vm/drop_caches")
    cold = submit_cost()
    t.note(f"  warm {warm[1]}")
    t.note(f"  cold {cold[1]}")
    measure("submit, warm", warm[0], 12)
    # After drop_caches each folder on the way costs a LOOKUP and an ACCESS.
    t.note(f"submit, cold: {cold[0]:.2f} RPCs (budget 22)")

    def fill(n):
        one = " ".join(s.argv("submit", "true"))
        b.sh("c1", f"i=0; while [ $i -lt {n} ]; do {one}; i=$((i+1)); done", timeout=120)

    def drain(n, cpus):
        fill(n)
        b.lab.stats("c2", reset=True)
        w = s.worker("c2", cpus, "--once")
        w.wait(120)
        return collections.Counter(rpcs(b.lab, "c2"))

    drain(1, 4)
    for cpus, limit in ((4, 10), (1, 14)):
        few, many = drain(8, cpus), drain(48, cpus)
        diff = {op: round((many[op] - few[op]) / 40, 2) for op in many if many[op] != few[op]}
        t.note(f"  a job at {cpus} slots: {diff}")
        # the delegation of each body goes back long after: one more
        cost = sum(diff.values()) + diff.get("OPEN", 0) - diff.get("DELEGRETURN", 0)
        measure(f"a job at the worker, {cpus} slots", cost, limit)

    # an idle worker of a lease of 60 s: a poll each second, a beat each 4 s
    s = b.spool("budgets-idle", 60)
    s.worker("c2", 4).ready()
    time.sleep(3)
    b.lab.stats("c2", reset=True)
    at = time.time()
    time.sleep(24)
    r, secs = rpcs(b.lab, "c2"), time.time() - at
    r.pop("DELEGRETURN", 0)             # of the jobs before
    t.note(f"  idle for {secs:.1f} s: {r}")
    # A window cuts periods at both ends: one more of each may fall into it.
    allowed = (secs / POLL + 1) * 2 + (secs / 4 + 1) + (secs / 6 + 1) * 4
    measure("an idle worker, of what it may use (1 = all)", sum(r.values()) / allowed, 1)
    check(not over, "over budget: " + "; ".join(over))


TESTS = [visible, named, bursts, requests, follow, budgets, contended]
