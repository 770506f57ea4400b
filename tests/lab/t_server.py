"""Tests in which the server fails: power cycles, a minute away, a full disk."""
import time

from bench import check, until


def full(b, t):
    """The export is full, then not: each is told, nothing is lost, work goes on."""
    s = b.spool("full", 60)
    go = b.work + "/go-full"
    s.worker("c2", 2).ready()
    noisy = int(s.nfsq("c1", "submit", "--", "sh", "-c",
                       "echo begin; while [ ! -e /lab/work/go-full ]; do sleep 0.1; done; "
                       "seq 1 100000").out)
    quiet = int(s.nfsq("c1", "submit", "--", "sh", "-c",
                       f"exec /lab/work/bin/mark {s.marks} 8 >/dev/null").out)
    until(lambda: s.started([quiet]), 30, "the jobs run")
    waiting = [s.submit("c1", 0.2, "-c", "2") for _ in range(2)]
    b.sh("server", "sync; f=/disk/fill; for n in 1000M 100M 10M 1M 64K 4K; do i=0; "
         "while fallocate -l $n $f.$n.$i 2>/dev/null; do i=$((i+1)); done; rm -f $f.$n.$i; done; "
         "while cp /etc/hostname $f.x.$i 2>/dev/null; do i=$((i+1)); [ $i -lt 3000 ] || break; done; "
         "true")
    try:
        free = b.sh("server", "df --output=avail -k /disk | tail -1").out.strip()
        before = sorted(i for i, _, _ in s.tokens())
        refused = 0
        for k in range(3):
            r = s.nfsq("c1", "submit", "--", "sh", "-c", "#" + "x" * 20000, ok=False)
            check(r.rc == 1 and r.err.count("\n") == 1 and not r.out,
                  f"submit on a full export gave {r.rc} {r.out!r} {r.err!r}")
            refused += 1
        t.note(f"{free} KiB free; submit: {r.err.strip()}")
        check(sorted(i for i, _, _ in s.tokens()) == before, "a refused job is there all the same")
        open(go, "w").close()
        r = s.nfsq("c1", "wait", "--timeout", "10s", noisy, ok=False)
        t.note(f"wait of the job whose output does not fit: {r.rc} {r.err.strip()}")
        ended = r.rc
        time.sleep(2)
    finally:
        b.sh("server", "rm -f /disk/fill.*")
    at = time.time()
    if ended != 125:
        r = s.nfsq("c1", "wait", "--timeout", "60s", noisy, ok=False)
        t.note(f"with room again: {r.rc} {r.err.strip()}")
    j = s.jobs()[noisy]
    check((j["state"], j["exit_code"]) == ("failed", 125) and j["reason"].startswith("output"),
          f"it is {j['state']} {j['reason']} {j['exit_code']}")
    more = waiting + [s.submit("c1", 0)]
    s.wait("c3", more + [quiet])
    t.note(f"all others ended {time.time() - at:.1f} s after there was room")
    t.note(s.judge(more + [quiet]))
    lines = b.workers[0].said().splitlines()
    t.note(f"the worker said {len(lines)} lines, last: {lines[-1] if lines else ''}")
    check(len(lines) < 60, "the worker floods its log")
    s.fsck()


def server_cycle(b, t):
    """Power cycles of the server during a stream of submits and runs: all that
    was acknowledged ends, once."""
    s = b.spool("cycle", 300)
    s.worker("c2", 3)
    s.worker("c3", 3)
    for w in b.workers:
        w.ready()
    one = " ".join(s.argv("submit", "--", "/lab/work/bin/mark", s.marks, "0.3"))
    stop = b.work + "/stop-cycle"
    sub = b.lab.start("c1", ["sh", "-c", "while [ ! -e /lab/work/stop-cycle ]; do "
                             f"{one} & {one}; wait; done"])
    cycles = 3 if b.vers != "3" else 2
    try:
        for k in range(cycles):
            seen = b.lab.output("c1", sub)[0].count("\n")
            until(lambda: b.lab.output("c1", sub)[0].count("\n") >= seen + 12, 150,
                  f"submits go on before cycle {k + 1}", 0.01)
            b.lab.server_restart()
    finally:
        open(stop, "w").close()
    r = b.lab.wait("c1", sub, timeout=150)
    ids = [int(x) for x in r.out.split()]
    for line in r.err.splitlines():
        t.note(f"submit: {line}")
    check(len(ids) == len(set(ids)), "an id was given twice")
    s.wait("c1", ids, timeout=150)
    t.note(f"{cycles} power cycles, {len(ids)} jobs acknowledged")
    there = sorted(set(i for i, _, _ in s.tokens()))
    s.wait("c1", there, timeout=150)
    t.note(f"{len(there) - len(ids)} more were queued without an answer")
    t.note(s.judge(there))
    r = s.nfsq("c1", "fsck", ok=False)
    if r.rc:
        t.note(f"fsck: {r.out.strip()} {r.err.strip()}")
        check(all("tmp/" in x or "jobs/" in x for x in r.out.splitlines()), f"fsck: {r.out}")


def server_stop(b, t):
    """The server is away for a minute under running jobs, default lease: no job is
    killed or lost, none starts again."""
    s = b.spool("stop", 300)
    s.worker("c2", 3)
    s.worker("c3", 3)
    for w in b.workers:
        w.ready()
    # 20 s: they end in the outage; 80 s: after it; the seventh and eighth wait
    secs = [20, 20, 20, 80, 80, 80, 2, 2]
    ids = [s.submit("c1", x) for x in secs]
    until(lambda: s.started(ids[:6]), 30, "six jobs run")
    seats = s.seats()
    b.lab.kill("server")
    at = time.time()
    late = s.start("c1", "submit", "--", "/lab/work/bin/mark", s.marks, "0")
    until(lambda: "does not answer" in b.lab.output("c1", late)[1], 12, "submit says so")
    time.sleep(max(0, at + 60 - time.time()))
    b.lab.boot("server")
    back = time.time()
    r = b.lab.wait("c1", late, timeout=150)
    check(r.rc == 0, f"submit over the outage gave {r.rc}: {r.err}")
    ids.append(int(r.out))
    s.wait("c1", ids, timeout=150)
    t.note(f"away for {back - at:.0f} s; a submit begun in it was done {time.time() - back:.0f} s "
           "or less after, all jobs too")
    check(s.seats() == seats, f"workers changed: {s.seats()}")
    for i, x in zip(ids[3:6], secs[3:6]):
        r = s.started([i])[0]
        check(r.end - r.start < x + 3, f"job {i} of {x} s ran for {r.end - r.start:.1f} s")
    out = s.nfsq("c3", "log", ids[3]).out
    check(out == "".join(f"{k}\n" for k in range(1, 80)) or
          out == "".join(f"{k}\n" for k in range(1, 81)),
          f"the output of the outage is not whole: {len(out.splitlines())} lines")
    t.note(s.judge(ids))
    for w in b.workers:
        t.note(f"{w.node} said: " + " / ".join(x for x in w.said().splitlines()
                                               if "warn" in x or "cannot" in x)[:300])
    s.fsck()


TESTS = [full, server_cycle, server_stop]
