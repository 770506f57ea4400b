"""account: what tests/chaos has to answer for, from marks outside the spool, the
server's disk and what was acknowledged.  Each check gives its violations, a line
each; none is all right."""
import collections, re

import judge

AFTER_THAW = 2.0        # s that a frozen host's old runs may live on (P4)
ENDS = ("done", "failed", "cancelled")


def decode(text):
    return re.sub("%([0-9A-F]{2})", lambda m: chr(int(m.group(1), 16)), text)


def words(name):
    return {k: decode(v) for k, _, v in (x.partition("=") for x in name.split(",")[1:])}


class Account:
    def __init__(self, world, load, faults, lease):
        self.w, self.load, self.faults, self.lease = world, load, faults, lease
        self.runs = judge.runs(world.s.marks_host)
        self.of = collections.defaultdict(list)
        for r in self.runs:
            self.of[r.id].append(r)
        self.at = collections.defaultdict(list)
        for i, folder, name in world.tokens:
            self.at[i].append((folder.split("/")[0], folder, name))
        self.excused = collections.Counter()

    def when(self, t):
        return f"{t - self.w.began:.1f}" if t else "-"

    def told(self, i):
        """All that is known of job i, for people."""
        job = self.load.by_id.get(i)
        text = [f"job {i}"]
        if job:
            text.append(f"({job.kind} {job.seconds:.1f} s, acknowledged {self.when(job.acked)})")
        text += [f"{d}/{n}" for _, d, n in self.at[i]]
        text += [f"run a={r.attempt} {r.host} {self.when(r.start)}-{self.when(judge.last(r))}"
                 f"{'' if r.end else ' cut'}" for r in self.of[i]]
        text += [f"{c.verb} {self.when(c.sent)}-{self.when(c.ended)} gave {c.rc} {c.said}".strip()
                 for c in (job.changes if job else ())]
        text += [f"seen {self.when(t)} {n}" for n, t in self.w.ends[i].items()]
        return " | ".join(text)

    def list(self, ids, why):
        return [f"{why}: {self.told(i)}" for i in sorted(set(ids))]

    def token(self, i):
        """(state, words) of a job that has ended."""
        if len(self.at[i]) != 1:
            return None, {}
        state, _, name = self.at[i][0]
        return state, words(name)

    def committed(self, i):
        """The run that the token tells of."""
        _, w = self.token(i)
        return next((r for r in self.of[i] if str(r.attempt) == w.get("a")), None)

    # --- the checks
    def lost(self):
        ids = [j.id for j in self.load.jobs if j.acked]
        bad = [i for i in ids if not self.at[i]]
        res = self.list(bad, "lost")
        res += self.list([i for i in self.at if i in self.at and self.at[i] and
                          self.token(i)[0] not in ENDS], "not ended, or in two places")
        false = [i for i in self.at if self.token(i)[0] == "done" and
                 not (self.committed(i) and self.committed(i).end)]
        res += self.list(false, "done, but the run did not come to its end")
        return res + [f"id {i} was given twice" for i in self.load.dup_ids]

    def refused(self):
        """A submit that said no left no job."""
        names = {words(n).get("n"): i for i in self.at for _, _, n in self.at[i]}
        return self.list([names[j.name] for j in self.load.jobs
                          if j.rc == 1 and j.acked is None and j.name in names and
                          "not known" not in j.said and "is queued" not in j.said],
                         "refused, but there")

    def twice(self):
        """More ends than rounds, an attempt twice, a start after the end."""
        res = []
        for i in self.at:
            job = self.load.by_id.get(i)
            again = len(job.sent("requeue", "rehold")) if job else 0
            if len(self.w.ends[i]) > 1 + again:
                res.append(i)
            n = collections.Counter(r.attempt for r in self.of[i])
            if max(n.values(), default=0) > 1:
                res.append(i)
            if again or not self.w.ends[i]:
                continue
            # A child that was about to exec when its host froze (P4).
            end = min(self.w.ends[i].values())
            for r in self.of[i]:
                why = r.start > end and self.held_up(r, end)
                if why and self.committed(i) is not r:
                    self.excused[f"start after the end on a {why} host"] += 1
                elif r.start > end:
                    res.append(i)
        return self.list(res, "committed twice, or started after its end")

    def held_up(self, run, since):
        """Why this run may have lived on after `since` (P4): its host stood still."""
        node = self.w.nodes.get(run.host)
        if node is None:
            return None
        for kind, spans in (("frozen", node.frozen), ("stalled", node.stalled)):
            for a, b in list(spans):
                if a < judge.last(run) <= (b or 1e18) + AFTER_THAW and (b or 1e18) > since - 1:
                    return kind
        return None

    def overlaps(self):
        bad = []
        for a, b, s in judge.overlaps(self.runs):
            why = self.held_up(a, b.start)
            if why:
                self.excused[f"overlap of a {why} host"] += 1
            else:
                bad.append((a, b, s))
        return [f"ran on {a.host} and {b.host} at once for {s:.2f} s: {self.told(a.id)}"
                for a, b, s in bad]

    def zombies(self):
        """Ends of old runs after the new one began; none may be what is committed."""
        res = []
        for r in judge.zombies(self.runs):
            nxt = min(b.start for b in self.of[r.id] if b.start > r.start)
            why = self.held_up(r, nxt)
            if why and self.committed(r.id) is not r:
                self.excused[f"end of a run on a {why} host"] += 1
            else:
                res.append(r.id)
        return self.list(res, "a zombie came to its end")

    def requests(self):
        """P13: what was acknowledged had its effect."""
        res = []
        for job in self.load.jobs:
            if job.id is None or not self.at[job.id]:
                continue
            state, w = self.token(job.id)
            again = job.sent("requeue", "rehold")
            for c in job.acknowledged("cancel"):
                if any(x.ended is None or x.ended > c.sent for x in again) or \
                        state == "cancelled":
                    continue
                run = self.committed(job.id)
                limit = c.ended + 2 * self.lease + 20
                if run is None or run.start > limit or (run.end or run.tick) > limit:
                    res.append((job.id, "not cancelled"))
            for c in job.acknowledged("requeue", "rehold"):
                if not any(r.start > c.sent for r in self.of[job.id]) and \
                        not job.sent("cancel") and w.get("w") != "lost":
                    res.append((job.id, f"not run again ({c.verb} at {self.when(c.sent)})"))
            for c in job.acknowledged("hold"):
                let_go = min([x.sent for x in job.sent("release", "requeue", "rehold")
                              if (x.ended or 1e18) > c.sent], default=1e18)
                if any(c.ended < r.start < let_go for r in self.of[job.id]):
                    res.append((job.id, "started while held"))
            if state == "cancelled" and not job.sent("cancel"):
                res.append((job.id, "cancelled by nobody"))
        return [f"{why}: {self.told(i)}" for i, why in sorted(set(res))]

    def full_between(self, since, until):
        return any(a < until and (b or 1e18) + 5 > since for a, b in self.faults.full)

    def states(self):
        """Each ended as its kind must."""
        res = []
        for i in self.at:
            job, (state, w) = self.load.by_id.get(i), self.token(i)
            if job is None or state not in ("done", "failed"):
                continue
            run, why = self.committed(i), w.get("w")
            if state == "done":
                ok = job.kind != "failing" and w.get("exit") == "0"
            elif job.kind == "failing" and w.get("exit") == "3":
                ok = run is not None and run.end
            elif why == "lost":
                ok = job.kind == "once"
            else:
                ok = why == "output" and self.full_between(
                    (job.acked or 0) - 5, max(self.w.ends[i].values()))
                self.excused["output that did not fit on a full export"] += ok
            if run and ok and run.host != w.get("h"):
                ok = False
            if not ok:
                res.append(i)
        return self.list(res, "ended in a way it cannot")

    def siblings(self, names):
        """Files beside outputs.  One that was cancelled between two attempts keeps
        what it had (nfsq(1), OUTPUT)."""
        res = []
        for name in names:
            i = int(re.match(r"\.(\d+)\.", name).group(1))
            if self.token(i)[0] == "cancelled":
                self.excused["file of an attempt of a cancelled job"] += 1
            else:
                res.append(f"left beside the outputs: {name}: {self.told(i)}")
        return res

    def outputs(self, texts):
        """texts: {id: the output of a job that is done}, each whole, once, and of
        the attempt that counts."""
        res = []
        for i, (where, text) in sorted(texts.items()):
            _, w = self.token(i)
            lines = text.splitlines()
            body = [str(n) for n in range(1, 301)]
            good = lines[-1:] == [f"end {i} {w.get('a')}"] and lines[-301:-1] == body and \
                lines[:-301] == [str(n + 1) for n in range(len(lines) - 301)]
            if not good:
                res.append(f"{where} has {len(lines)} lines, last {lines[-1:]}: {self.told(i)}")
        return res
