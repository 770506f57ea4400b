"""bench: what the lab's tests are made of: guests, spools, workers, waiting.

Only Spool.nfsq and Worker know the programs; what is true is asked from the
server's own disk and from the marks (judge.py).
"""
import json, os, re, subprocess, time

import judge

POLL = 1.0              # of the workers, s
GUEST_ENV = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp",
             "LC_ALL=C", "NFSQ_CONFIG=/nonexistent"]


class Fail(Exception):
    """A test failed; the text is the evidence."""


class Late(Fail):
    """Something did not come in time: that says as much of the machine as of
    nfsq, so the test may be tried again."""


def check(ok, why):
    if not ok:
        raise Fail(why)


def until(what, seconds, name, step=0.02):
    """What `what` returned, once that is true."""
    end = time.time() + seconds
    while True:
        r = what()
        if r:
            return r
        if time.time() > end:
            raise Late(f"not within {seconds:g} s: {name}")
        time.sleep(step)


class Bench:
    """The lab and where things are.  One for all tests."""

    def __init__(self, lab, bindir, vers):
        self.lab, self.vers = lab, vers
        self.bin = "/host" + bindir
        self.work = lab.share + "/work"
        self.spools, self.workers = [], []
        here = os.path.dirname(os.path.realpath(__file__))
        prog = self.work + "/bin/mark"
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", prog, here + "/mark.c"],
                       check=True)
        os.chmod(self.work + "/bin", 0o755)
        os.chmod(prog, 0o755)

    def sh(self, node, script, timeout=120, user=0, ok=True):
        r = self.lab.run(node, ["sh", "-c", script], timeout=timeout, user=user)
        check(not ok or r.rc == 0, f"{node}: '{script}' gave {r.rc}: {r.err}{r.out}")
        return r

    def spool(self, name, lease, user=0):
        s = Spool(self, name, lease, user)
        self.spools.append(s)
        return s

    def clean(self):
        """After a test, whatever it did: no worker, all guests up and well."""
        for n in self.lab.nodes():
            if self.lab._pid(n) is None:
                self.lab.boot(n)
            self.lab.resume(n)
            self.lab.heal(n)
        for w in self.workers:
            w.end()
        for n in self.lab.nodes():
            self.lab.clock(n, 0)
        self.workers, self.spools = [], []


class Spool:
    """A spool of a test's own, with a folder of marks."""

    def __init__(self, bench, name, lease, user=0):
        self.b, self.lab, self.name, self.lease, self.user = bench, bench.lab, name, lease, user
        self.dir = f"/spool/{name}"
        self.marks_host = f"{bench.work}/marks-{name}"
        self.marks = f"/lab/work/marks-{name}"
        os.mkdir(self.marks_host)
        os.chmod(self.marks_host, 0o777)
        r = self.nfsq("c1", "init", "--lease", f"{lease}s", self.dir)
        check(r.rc == 0, f"init: {r.err}")

    # --- the programs
    def argv(self, *args, prog="nfsq"):
        return GUEST_ENV + [f"NFSQ_SPOOL={self.dir}", f"{self.b.bin}/{prog}"] + \
            [str(a) for a in args]

    def nfsq(self, node, *args, timeout=60, ok=True, cwd="/"):
        r = self.lab.run(node, self.argv(*args), timeout=timeout, user=self.user, cwd=cwd)
        check(not ok or r.rc == 0, f"{node}: nfsq {args[0]} gave {r.rc}: {r.err.strip()}")
        return r

    def start(self, node, *args):
        """Starts nfsq in the background; returns the id for lab.wait."""
        return self.lab.start(node, self.argv(*args), user=self.user)

    def submit(self, node, seconds, *options, later=None):
        words = ["--", "/lab/work/bin/mark", self.marks, seconds]
        r = self.nfsq(node, "submit", *options, *words, *([] if later is None else [later]))
        return int(r.out)

    def worker(self, node, cpus, *options):
        w = Worker(self, node, cpus, options)
        self.b.workers.append(w)
        return w

    def jobs(self):
        """{id: object} as nfsq ls tells it, on c1."""
        return {j["id"]: j for j in json.loads(self.nfsq("c1", "ls", "--all", "--json").out)}

    def wait(self, node, ids, timeout=120):
        r = self.nfsq(node, "wait", "--timeout", f"{timeout}s", *ids, ok=False,
                      timeout=timeout + 90)
        check(r.rc == 0, f"{node}: nfsq wait gave {r.rc}: {r.err.strip()}"
              f"; on the server: {self.places(ids)}")

    def fsck(self):
        r = self.nfsq("c1", "fsck", ok=False)
        check(r.rc == 0, f"fsck: {r.out.strip()} {r.err.strip()}")

    # --- what is true
    def tokens(self):
        """[(id, directory, name)]: every token, from the server's own disk."""
        r = self.b.sh("server", f"cd /export/{self.name} && find queue held waiting workers "
                      "done failed cancelled corrupt -type l")
        return judge.tokens(r.out)

    def places(self, ids=None):
        return [f"{d}/{n}" for i, d, n in self.tokens() if ids is None or i in ids]

    def seats(self):
        """{uuid: host} of the workers, from the server's own disk."""
        r = self.b.sh("server", f"cd /export/{self.name}/workers && for d in *; do "
                      "[ -e \"$d/lease\" ] && echo \"$d $(readlink \"$d/info\")\"; done; true")
        return dict(line.split(" ", 1) for line in r.out.splitlines())

    def runs(self):
        return judge.runs(self.marks_host)

    def started(self, ids, host=None, attempt=None):
        """The runs of these jobs when each has one (there), else None."""
        found = {}
        for r in self.runs():
            if r.id in ids and host in (None, r.host) and attempt in (None, r.attempt):
                found.setdefault(r.id, r)
        return [found[i] for i in ids] if len(found) == len(set(ids)) else None

    def judge(self, ids, reruns=()):
        """Every job of ids is committed once, as done, on the server's disk; it
        was run once (those in `reruns`: ended once); returns the verdict."""
        v = judge.verdict(self.runs(), self.tokens(), ids, reruns)
        check(not v.wrong, v.text + ": " + "; ".join(v.wrong[:6]))
        return v.text


class Worker:
    """A worker in a guest."""

    def __init__(self, spool, node, cpus, options):
        self.lab, self.node, self.spool = spool.lab, node, spool
        self.boot = spool.lab._pid(node)
        self.id = spool.lab.start(node, spool.argv(
            "-v", "--cpus", cpus, "--poll", f"{POLL:g}s", *options, prog="nfsq-worker"),
            user=spool.user)
        self.rc = None

    def _alive_guest(self):
        return self.lab._pid(self.node) == self.boot and self.boot is not None

    def ready(self, seconds=20):
        until(lambda: self.lab.poll(self.node, self.id) is not None or
              any(f"{self.node}" in text for text in self.spool.seats().values()),
              seconds, f"the worker of {self.node} joins", 0.1)
        check(self.lab.poll(self.node, self.id) is None,
              f"the worker of {self.node} ended: {self.said()}")
        return self

    def said(self):
        return self.lab.output(self.node, self.id)[1]

    def signal(self, name):
        pid = open(f"{self.lab.share}/{self.node}/r/{self.id}.pid").read().strip()
        self.lab.run(self.node, ["kill", "-" + name, pid], timeout=10)

    def wait(self, seconds):
        """It ends by itself; what it said."""
        r = self.lab.wait(self.node, self.id, timeout=seconds, clean=False)
        self.rc = r.rc
        return r.err

    def finish(self, seconds=30):
        """SIGTERM; what it said."""
        if self.rc is None:
            self.signal("TERM")
        said = self.wait(seconds)
        check(self.rc == 0, f"the worker of {self.node} ended with {self.rc}: {said}")
        return said

    def end(self):
        """However it is."""
        if not self._alive_guest() or self.lab.poll(self.node, self.id) is not None:
            return
        self.signal("TERM")
        try:
            self.wait(15)
        except TimeoutError:
            self.signal("KILL")


def counts(said):
    """claimed, lost, ended: what a worker said at its end."""
    m = re.findall(r"claimed (\d+), lost (\d+), ended (\d+)", said)
    check(m, f"the worker did not say what it claimed: {said[-300:]}")
    return [sum(int(x[i]) for x in m) for i in range(3)]


def rpcs(lab, node):
    """RPCs of node since the last reset, without those that only keep the
    client's own lease."""
    own = ("SEQUENCE", "RENEW", "NULL", "FSINFO", "FSSTAT", "STATFS", "PATHCONF")
    return {op: v["ops"] for op, v in lab.stats(node).items()
            if v["ops"] and op not in own}
