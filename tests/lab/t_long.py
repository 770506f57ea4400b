"""Tests that take long, run only when asked for by name (run --only NAME).

NFSQ_LONG=1 gives them their whole length: the server is away for ten minutes,
not for somewhat more than one.
"""
import os, time

from bench import check, until

AWAY = 600 if os.environ.get("NFSQ_LONG") else 75       # s
CPU_MAX = 5.0           # s of all processes of a worker, over the outage
JOB_LINES = (": job ", ": adopt job ", " jobs in ")     # what -v says of each


def used(b, node):
    """(CPU seconds, processes) of all of a guest's worker, with what it waited
    for; works while its NFS hangs."""
    r = b.sh(node, "cd /proc; grep -l '^Name:.nfsq-' [0-9]*/status 2>/dev/null | "
             "while read f; do cut -d' ' -f14-17 ${f%/status}/stat; done", timeout=30)
    return sum(int(x) for x in r.out.split()) / 100, len(r.out.splitlines())


class Away:
    """A worker with a lease of its own, and what it has to do."""

    def __init__(self, b, name, lease, node):
        self.b, self.node = b, node
        self.s = b.spool(name, lease)
        self.w = self.s.worker(node, 2).ready()
        self.killed = AWAY > lease * 0.9        # the jobs, at the lease's end
        # Those that are not killed: one ends in the outage, one after it.
        self.runs = [self.sleeper(3 * AWAY if self.killed else x) for x in (20, AWAY + 20)]
        self.ids = self.runs + [self.s.submit("c1", 0.2) for _ in range(3)]
        until(lambda: self.s.started(self.runs), 30, "two jobs run")

    def sleeper(self, seconds):
        """A job that makes marks as mark does but uses no CPU meanwhile."""
        base = f"{self.s.marks}/$NFSQ_JOB_ID.$NFSQ_ATTEMPT.$NFSQ_WORKER.$$"
        r = self.s.nfsq("c1", "submit", "--", "sh", "-c", f": >{base}.S; "
                        f"[ $NFSQ_ATTEMPT -gt 1 ] || sleep {seconds}; : >{base}.E")
        return int(r.out)

    def lines(self, text):
        return sum(text in x for x in self.w.said().splitlines())

    def judge(self, t, before, after):
        name = f"{self.node}, lease {self.s.lease} s"
        check(self.b.lab.poll(self.node, self.w.id) is None,
              f"{name}: the worker ended: {self.w.said()[-500:]}")
        cpu = after[0] - before[0]
        t.note(f"{name}: {cpu:.2f} s of CPU of {before[1]} processes, then "
               f"{after[1]}, in {AWAY} s")
        check(cpu < CPU_MAX, f"{name}: a busy loop: {cpu:.2f} s of CPU in {AWAY} s")
        said = [x for x in self.w.said().splitlines() if not any(k in x for k in JOB_LINES)]
        for x in said:
            t.note(f"{name}: {x}")
        again = ("joined spool" if self.killed else "answers again")
        for text, n in (("does not answer", 1), ("lost its lease", int(self.killed)),
                        (again, 1)):
            check(self.lines(text) == n, f"{name}: '{text}' was said {self.lines(text)} times, not {n}")
        check(len(said) <= 4, f"{name}: {len(said)} lines for one outage")


def outage(b, t):
    """The server is away: no crash, no busy loop, a line when it goes and one when
    it comes back; then everything runs, once."""
    both = [Away(b, "outage", 300, "c2"), Away(b, "outage-short", 30, "c3")]
    before = [used(b, a.node) for a in both]
    at = time.time()
    b.lab.kill("server")
    time.sleep(max(0, at + AWAY - time.time()))
    after = [used(b, a.node) for a in both]
    b.lab.boot("server")
    back = time.time()
    for a in both:
        a.s.wait("c1", a.ids, timeout=450)
        t.note(f"{a.node}: away for {back - at:.0f} s, all jobs had ended {time.time() - back:.0f} s after")
        more = [a.s.submit("c1", 0.1)]
        a.s.wait("c1", more)
        t.note(f"{a.node}: " + a.s.judge(a.ids + more, reruns=a.runs if a.killed else []))
    for a, x, y in zip(both, before, after):
        a.judge(t, x, y)
        check(len(a.s.seats()) == 1, f"seats of {a.node}: {a.s.seats()}")
        a.s.fsck()


TESTS = [outage]
