"""Tests in which a client's host fails: power, freeze, network, clock."""
import time

import judge
from bench import POLL, check, until

LEASE = 8               # s, of these spools
REAP = LEASE / 10
# From a host's last moment to the second start of its jobs elsewhere: the
# watcher sees the last heartbeat within a reap interval, then waits for the
# lease, notices within a reap interval, and somebody looks within a poll.
BOUND = LEASE + 2 * REAP + POLL + 1.5


def rerun_elsewhere(s, ids, since, t, what):
    """c3 starts again what c2 held; in time."""
    runs = until(lambda: s.started(ids, host="c3"), BOUND + 60, "c3 runs what c2 held")
    took = [r.start - since for r in runs]
    t.note(f"from {what} to the second start, lease {LEASE} s: " +
           ", ".join(f"{x:.1f} s" for x in took) + f" (bound {BOUND:.1f})")
    check(max(took) <= BOUND, f"the second start came after {max(took):.1f} s, bound {BOUND:.1f}")
    return runs


def hold_on_c2(b, name, n=3, later=1):
    """A spool, n jobs that run on c2 (long at first, short later), a worker on c3."""
    s = b.spool(name, LEASE)
    s.worker("c2", n).ready()
    ids = [s.submit("c1", 300, later=later) for _ in range(n)]
    until(lambda: s.started(ids, host="c2"), 30, "c2 runs the jobs")
    w = s.worker("c3", n)
    until(lambda: len(s.seats()) == 2, 20, "the worker of c3 joins", 0.1)
    time.sleep(1)
    return s, ids, w


def poweroff(b, t):
    """A worker's host loses power: its jobs run elsewhere after the lease; booted
    again, its new worker works."""
    s, ids, _ = hold_on_c2(b, "poweroff")
    b.lab.kill("c2")
    at = time.time()
    rerun_elsewhere(s, ids, at, t, "power-off")
    s.wait("c1", ids)
    b.lab.boot("c2")
    s.worker("c2", 1)
    ids += [s.submit("c1", 1, "-c", "1") for _ in range(5)]
    until(lambda: [r for r in s.runs() if r.host == "c2" and r.start > at], 40,
          "c2 works again after its boot")
    s.wait("c1", ids)
    t.note(s.judge(ids, reruns=ids[:3]))
    s.fsck()


def freeze(b, t):
    """A worker's host is frozen beyond the lease and thawed: it commits nothing."""
    s, ids, _ = hold_on_c2(b, "freeze", later=6)
    old = [u for u, info in s.seats().items() if "c2" in info]
    b.lab.pause("c2")
    at = time.time()
    try:
        rerun_elsewhere(s, ids, at, t, "the freeze")
    finally:
        b.lab.resume("c2")
    thaw = time.time()
    until(lambda: all(time.time() - judge.last(r) > 1 for r in s.runs() if r.host == "c2"),
          20, "c2 ends its old jobs")
    lived = max(judge.last(r) - thaw for r in s.runs() if r.host == "c2")
    t.note(f"thawed {thaw - at:.1f} s later, old processes lived for {max(0, lived):.2f} s more")
    check(lived < 2, f"jobs of the thawed worker lived for {lived:.1f} s")
    s.wait("c1", ids)
    # one of c3's own runs overlaps with the thawed one for that moment (P4)
    zombies = judge.zombies(s.runs())
    check(not zombies, f"zombies came to their end: {zombies}")
    until(lambda: [u for u, info in s.seats().items() if "c2" in info and u not in old], 30,
          "c2 joins anew", 0.1)
    more = [s.submit("c1", 1.5, "-c", "3") for _ in range(4)]
    s.wait("c1", more)
    check([r for r in s.runs() if r.id in more and r.host == "c2"], "c2 runs nothing after the thaw")
    done = {i: n for i, d, n in s.tokens() if i in ids}
    check(all("h=c3" in n for n in done.values()), f"not c3's results: {done}")
    over = [x for x in judge.overlaps(s.runs()) if x[0].host == "c2" and x[2] > 0]
    check(all(judge.last(a) < thaw + 2 for a, _, _ in over), "an overlap beyond the moment of the thaw")
    bare = [r for r in s.runs() if not (r.id in ids and r.host == "c2")]
    v = judge.verdict(bare, s.tokens(), ids + more)
    check(not v.wrong, v.text + ": " + "; ".join(v.wrong[:6]))
    t.note(v.text + " (without the frozen runs)")
    s.fsck()


def cut(b, t, name, direction):
    s, ids, _ = hold_on_c2(b, name, n=2)
    old = [u for u, info in s.seats().items() if "c2" in info]
    at = time.time()
    b.lab.partition("c2", direction)
    try:
        runs = rerun_elsewhere(s, ids, at, t, "the cut")
        ended = [max(judge.last(r) for r in s.runs() if r.id == i and r.host == "c2") for i in ids]
        t.note("c2 ended its own " + ", ".join(f"{x - at:.1f}" for x in ended) +
               " s after the cut, " + ", ".join(f"{r.start - x:.1f}" for r, x in zip(runs, ended)) +
               " s before the second start")
        s.wait("c1", ids)
        time.sleep(2)
    finally:
        b.lab.heal("c2")
    healed = time.time()
    until(lambda: [u for u, info in s.seats().items() if "c2" in info and u not in old], 120,
          "c2 joins anew after the heal", 0.1)
    t.note(f"c2 joined under a new id {time.time() - healed:.1f} s after the heal")
    more = [s.submit("c1", 1.5, "-c", "2") for _ in range(4)]
    s.wait("c1", more)
    check([r for r in s.runs() if r.id in more and r.host == "c2"], "c2 runs nothing after the heal")
    t.note(s.judge(ids + more, reruns=ids))
    s.fsck()


def partition(b, t):
    """Cut off beyond the lease: the worker's jobs are ended there before others
    start them (P4); nothing is committed twice."""
    cut(b, t, "partition", "both")


def replies(b, t):
    """The same when only the server's answers are lost: heartbeats still arrive,
    and what arrives late is done."""
    s, ids, _ = hold_on_c2(b, "replies", n=2)
    at = time.time()
    b.lab.partition("c2", "replies")
    try:
        until(lambda: all(time.time() - judge.last(r) > 1.5 for r in s.runs() if r.host == "c2"
                          and r.attempt == 1), BOUND + 30, "c2 ends its jobs")
        ended = max(judge.last(r) for r in s.runs() if r.host == "c2" and r.attempt == 1)
        check(ended - at <= LEASE, f"c2's jobs lived for {ended - at:.1f} s")
    finally:
        b.lab.heal("c2")
    s.wait("c1", ids)
    t.note(f"c2 ended its own {ended - at:.1f} s after the cut")
    t.note(s.judge(ids, reruns=ids))
    s.fsck()


def noserver(b, t):
    """A client cut off from the server: a command says so once, Ctrl-C ends it,
    another goes on after the heal."""
    s = b.spool("noserver", 300)
    i = s.submit("c1", 0)
    b.lab.partition("c1")
    try:
        at = time.time()
        subs = [s.start("c1", "ls"), s.start("c1", "submit", "true")]
        said = [until(lambda: "\n" in b.lab.output("c1", j)[1], 12, "it says that the spool "
                      "does not answer") and time.time() - at for j in subs]
        t.note("said so after " + ", ".join(f"{x:.1f} s" for x in said))
        check(max(said) <= 7, f"it was silent for {max(said):.1f} s")
        pid = open(f"{b.lab.share}/c1/r/{subs[0]}.pid").read().strip()
        b.lab.run("c1", ["kill", "-INT", pid], timeout=10)
        at = time.time()
        r = b.lab.wait("c1", subs[0], timeout=10)
        t.note(f"Ctrl-C: ended {time.time() - at:.1f} s later with {r.rc}: {r.err.strip()}")
        check(r.rc == 130, f"Ctrl-C gave {r.rc}")
        check(r.err.count("\n") == 1 and "does not answer" in r.err and not r.out, f"it said: {r.err}")
        time.sleep(2)
        check(b.lab.output("c1", subs[1])[1].count("\n") == 1, "it said so twice")
    finally:
        b.lab.heal("c1")
    at = time.time()
    r = b.lab.wait("c1", subs[1], timeout=120)
    check(r.rc == 0 and r.out.strip().isdigit(), f"submit after the heal gave {r.rc}: {r.err}")
    t.note(f"the submit went on {time.time() - at:.1f} s after the heal")
    check(sorted(x for x, _, _ in s.tokens()) == [i, int(r.out)], f"tokens: {s.places()}")


def submitter(b, t):
    """Power-off of a submitter while it submits: what had an id is there, once,
    and runs (P1)."""
    s = b.spool("submitter", 300)
    s.worker("c2", 3)
    s.worker("c3", 3)
    ids = []
    one = " ".join(s.argv("submit", "--", "/lab/work/bin/mark", s.marks, "0.1"))
    for k in range(3):
        sub = b.lab.start("c1", ["sh", "-c", f"while :; do {one} & {one}; wait; done"])
        until(lambda: b.lab.output("c1", sub)[0].count("\n") >= 5 + k, 30, "jobs are submitted", 0.001)
        b.lab.kill("c1")
        out = b.lab.output("c1", sub)[0]
        ids += [int(x) for x in out[:out.rfind("\n")].split()]
        b.lab.boot("c1")
    check(len(ids) == len(set(ids)), "an id was given twice")
    there = [i for i, _, _ in s.tokens()]
    missing = [i for i in ids if i not in there]
    check(not missing, f"acknowledged but gone: {missing}")
    s.wait("c1", ids)
    t.note(f"3 power-offs, {len(ids)} acknowledged, {len(set(there) - set(ids))} more were queued unseen")
    rest = sorted(set(i for i, _, _ in s.tokens()))
    s.wait("c1", rest)
    t.note(s.judge(rest))
    r = s.nfsq("c1", "fsck", ok=False)
    if r.rc:                            # what a dead submitter left in tmp/ is no loss
        t.note(f"fsck: {r.out.strip()}")
        check(all("tmp" in x or "jobs/" in x for x in r.out.splitlines()), f"fsck: {r.out}")


def clocks(b, t):
    """Clocks an hour off and stepping, the server's too: nothing is reaped, order
    is kept."""
    s = b.spool("clocks", LEASE)
    b.lab.clock("c2", 3600)
    w = s.worker("c2", 1).ready()
    long = s.submit("c1", 14)
    until(lambda: s.started([long]), 30, "the job starts")
    s.worker("c3", 1, "--max-jobs", "1", "--own")
    block = s.submit("c1", 13, "-p", "50")
    until(lambda: s.started([block]), 30, "the second job starts")
    seats = s.seats()
    ids = []
    for node, off in (("c2", -3600), ("c1", 7200), ("c3", -1800), ("server", 3600), ("c2", 0),
                      ("server", -3600), ("c1", 0)):
        b.lab.clock(node, off)
        ids.append(s.submit(("c1", "c2", "c3")[len(ids) % 3], 0, "-p", "10"))
        time.sleep(0.5)
    b.lab.clock("server", 0)
    s.wait("c1", ids + [long, block], timeout=60)
    check(s.seats() == seats, f"workers changed: {seats} to {s.seats()}")
    order = [r.id for r in s.runs() if r.id in ids]
    t.note(f"seven steps of clocks, submitted {ids}, started {order}")
    check(ids == sorted(ids), "ids are not in the order of submission")
    slips = sum(1 for x, y in zip(order, order[1:]) if x > y)
    check(slips <= 2, f"{slips} of {len(order)} jobs started out of order")
    t.note(s.judge(ids + [long, block]))
    check(w.said().count("reaped") == 0, f"reaped: {w.said()}")
    s.fsck()


def users(b, t):
    """Another user: refused at a private spool, served at his own."""
    s = b.spool("users-root", 300)
    r = b.lab.run("c2", s.argv("submit", "true"), user=1234, timeout=30)
    check(r.rc == 1 and r.err.count("\n") == 1 and not r.out, f"as user 1234: {r.rc} {r.out}{r.err}")
    t.note(f"refused: {r.err.strip()}")
    s = b.spool("users-own", 300, user=1234)
    s.worker("c2", 1)
    i = int(s.nfsq("c3", "submit", "--", "sh", "-c",
                   f"id -u; exec /lab/work/bin/mark {s.marks} 0").out)
    s.wait("c1", [i])
    out = s.nfsq("c3", "log", i).out
    check(out == "1234\n", f"the job ran as {out!r}")
    t.note(s.judge([i]))
    s.fsck()


TESTS = [noserver, users, clocks, poweroff, freeze, partition, replies, submitter]
