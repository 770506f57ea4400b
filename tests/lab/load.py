"""load: what tests/chaos asks of the programs: jobs of all kinds from all hosts,
requests to them, and workers that are started again as cron would.

Every command is begun and looked at later; what was acknowledged, and when, is
noted in the job."""
import re, time

OPEN_MAX = 45           # jobs that have not ended, then none is added
WAIT_MAX = 5            # commands of one host that have not ended
MARK = "/lab/work/bin/mark"


class Change:
    """A command that changes a job.  rc None: not known what came of it."""

    def __init__(self, verb, op):
        self.verb, self.sent, self.ended, self.rc = verb, op.sent, None, None
        self.said = ""


class Job:
    def __init__(self, name, kind, seconds):
        self.name, self.kind, self.seconds = name, kind, seconds
        self.id = self.acked = self.rc = None
        self.submitting, self.said = True, ""
        self.changes = []

    def sent(self, *verbs):
        return [c for c in self.changes if c.verb in verbs]

    def acknowledged(self, *verbs):
        return [c for c in self.sent(*verbs) if c.rc == 0]


#       weight, kind, seconds, options; how is in words()
KINDS = [
    (28, "short", (0, 0.5), []),
    (20, "medium", (1, 4), []),
    (7, "long", (8, 20), []),
    (9, "failing", (0, 2), []),
    (9, "printing", (0, 3), []),
    (9, "output", (0, 3), ["--output", "/spool/o/%j"]),
    (4, "stubborn", (3, 8), ["--kill-grace", "1s"]),
    (4, "detached", (2, 6), []),
    (5, "endless", (3600, 3600), []),
    (5, "held", (0, 2), ["--hold"]),
    (4, "later", (0, 2), []),
    (4, "wide", (1, 3), ["-c", "2"]),
    (3, "once", (1, 4), ["--no-requeue"]),
]


class Load:
    def __init__(self, world, rng):
        self.w, self.rng = world, rng
        self.jobs, self.by_id, self.by_name = [], {}, {}
        self.next = time.time()
        self.over = False
        self.dup_ids = []

    def words(self, kind, seconds):
        m = f"{MARK} {self.w.s.marks} {seconds:.2f}"
        return {
            "failing": f"{m} >/dev/null; exit 3",
            "printing": f"{m}; seq 1 300; echo end $NFSQ_JOB_ID $NFSQ_ATTEMPT",
            "output": f"{m}; seq 1 300; echo end $NFSQ_JOB_ID $NFSQ_ATTEMPT",
            "stubborn": f"trap '' TERM; exec {m} >/dev/null",
            "detached": f"setsid {m} >/dev/null & wait",
        }.get(kind, f"exec {m} >/dev/null")

    def step(self):
        if self.over or time.time() < self.next:
            return
        self.next = time.time() + self.rng.expovariate(1 / 0.45)
        nodes = [n for n in self.w.clients if n.up and self.w.waiting(n) < WAIT_MAX]
        if not nodes:
            return
        node = self.rng.choice(nodes)
        if self.rng.random() < 0.3:
            self.change(node)
        elif sum(1 for j in self.jobs if self.open(j)) < OPEN_MAX:
            self.submit(node)

    def open(self, job):
        return job.submitting or job.id is not None and job.id not in self.w.ends

    # --- submit
    def submit(self, node):
        _, kind, (low, high), options = self.rng.choices(KINDS, [k[0] for k in KINDS])[0]
        job = Job(f"j{len(self.jobs)}", kind, self.rng.uniform(low, high))
        options = list(options)
        if kind == "later":
            options += ["--begin", f"now+{self.rng.randint(1, 12)}s"]
        if kind != "once":
            options += ["--max-attempts", "100"]
        options += ["--priority", self.rng.randint(-2, 2)]
        self.jobs.append(job)
        self.by_name[job.name] = job

        def then(op):
            job.submitting, job.rc, job.said = False, op.rc, op.err.strip()
            if op.out.endswith("\n"):
                job.id, job.acked = int(op.out), op.ended
                if job.id in self.by_id:
                    self.dup_ids.append(job.id)
                self.by_id[job.id] = job
                self.follow_up(job)
        self.w.nfsq(node, "submit", "--name", job.name, *options, "--", "sh", "-c",
                    self.words(kind, job.seconds), then=then)

    def follow_up(self, job):
        verb = {"held": "release", "endless": "cancel"}.get(job.kind)
        if verb:
            self.w.at(self.rng.uniform(0.5, 15), lambda: self.ask(verb, job))

    # --- changes
    def change(self, node):
        known = [j for j in self.jobs if j.id is not None]
        live = [j for j in known[-60:] if self.open(j)]
        verb = self.rng.choice(["cancel", "hold", "requeue", "requeue", "rehold"])
        pool = known[-40:] if verb in ("requeue", "rehold") and self.rng.random() < 0.3 else live
        if pool:
            job = self.rng.choice(pool)
            self.ask(verb, job, node)
            if verb in ("hold", "rehold"):
                self.w.at(self.rng.uniform(2, 12), lambda: self.ask("release", job))

    def ask(self, verb, job, node=None):
        nodes = [n for n in self.w.clients if n.up and not n.fault]
        if node is None and not nodes:
            return
        words = ["requeue", "--hold"] if verb == "rehold" else [verb]

        def then(op):
            c.ended, c.rc, c.said = op.ended, op.rc, op.err.strip()
        op = self.w.nfsq(node or self.rng.choice(nodes), *words, job.id, then=then)
        c = Change(verb, op)
        job.changes.append(c)

    # --- to the end
    def settle(self):
        """Whatever waits for somebody is let go; once all is well, and again."""
        self.over = True
        asked = {(op.name) for op in self.w.ops}
        for i, folder, name in self.w.tokens:
            job = self.by_id.get(i) or self.adopt(i, name)
            if job is None:
                continue
            if folder.startswith("held/") and f"release {i}" not in asked:
                self.ask("release", job)
            # Submitted while the server's clock was an hour ahead.
            late = re.search(r",b=(\d+)", name) if folder.startswith("waiting/") else None
            if (job.kind == "endless" or late and int(late.group(1)) > (time.time() + 60) * 1e3) \
                    and not folder.startswith(("done", "failed", "cancelled")) and \
                    f"cancel {i}" not in asked and (
                        not job.sent("cancel") or job.sent("cancel")[-1].rc != 0 or
                        any((c.ended or 1e18) > job.sent("cancel")[-1].sent
                            for c in job.sent("requeue", "rehold"))):
                self.ask("cancel", job)

    def adopt(self, i, name):
        """A job that was queued without an answer."""
        words = dict(x.split("=", 1) for x in name.split(",")[1:])
        job = self.by_name.get(words.get("n"))
        if job and job.id is None and not job.submitting:
            job.id = i
            self.by_id[i] = job
            return job
        return None


class Cron:
    """A worker on each host, started again when it is gone."""

    def __init__(self, world, rng, cpus):
        self.w, self.rng, self.cpus = world, rng, cpus
        self.op = {}
        self.over = False
        self.starts = 0
        self.wrong = []                 # ends that nobody asked for
        self.expected = set()
        for n in world.clients:
            self.start(n)
        world.on_up.append(lambda n: n is world.server or self.again(n))

    def start(self, node):
        if self.over or not node.up or node.name in self.op:
            return
        options = self.rng.choices([[], ["--once"], ["--idle-exit", "3s"]], [6, 1, 1])[0]
        self.starts += 1
        n, epoch = self.starts, node.epoch

        def then(op):
            if self.op.get(node.name) is op:
                del self.op[node.name]
            with open(f"{self.w.logs}/worker-{n}-{node.name}", "w") as f:
                f.write(f"{op.sent - self.w.began:.1f} to {op.ended - self.w.began:.1f}, "
                        f"{' '.join(options)}, ended with {op.rc}\n{op.err}")
            # Hit before it had joined: by SIGUSR1 (138) or SIGTERM (143), which
            # says nothing, or one of its processes by SIGKILL (1).
            early = op.rc in (138, 143) and not op.err or op.rc == 1 and \
                node.killed > op.sent - 1 and "killed while it started" in op.err
            # A full export lets nobody join; cron tries again.
            full = op.rc == 1 and "cannot join" in op.err and "No space left" in op.err
            if op.rc not in (0, None, 137) and not early and not full:
                self.wrong.append(f"worker {n} of {node.name} ended with {op.rc}: {op.err[-200:]}")
            if node.up and node.epoch == epoch:
                self.again(node)
        self.op[node.name] = self.w.start(
            node, self.w.s.argv("-v", "--cpus", self.cpus, "--poll", "1s", *options,
                                prog="nfsq-worker"), "worker", then)

    def again(self, node):
        self.w.at(self.rng.uniform(0.3, 3), lambda: self.start(node))

    def signal(self, node, sig):
        op = self.op.get(node.name)
        if not op:
            return False
        try:
            pid = open(f"{self.w.lab.share}/{node.name}/r/{op.jid}.pid").read().strip()
        except OSError:
            return False
        self.w.start(node, ["kill", "-" + sig, pid], "kill")
        return True

    def end(self):
        self.over = True
        for n in self.w.clients:
            self.signal(n, "TERM")
