"""judge: what really ran, from the marks alone (mark.c), and where each job
is, from the server's disk.  Knows nothing of the programs.

Marks lie on the machine that carries the lab; the times of S and E are its
clock's, that of T the guest's (which is the same to 1 ms unless a test moves
it)."""
import collections, os, re

Run = collections.namedtuple("Run", "id attempt host pid start tick end usr1")
Verdict = collections.namedtuple("Verdict", "text wrong")
TOKEN = re.compile(r"(\d+)\.[0-9a-f]{10}\.\d+(,.*)?$")


def runs(folder):
    """Every run, by start.  end: None when it did not come to its end; tick: when
    it was last seen alive."""
    marks = collections.defaultdict(dict)
    for name in os.listdir(folder):
        base, kind = name.rsplit(".", 1)
        marks[base][kind] = os.stat(f"{folder}/{name}").st_mtime
    res = []
    for base, m in marks.items():
        i, attempt, host, pid = base.split(".")
        start = m.get("S", 0)
        res.append(Run(int(i), int(attempt), host, int(pid), start,
                       max(m.get("T", 0), start), m.get("E"), m.get("U")))
    return sorted(res, key=lambda r: r.start)


def last(run):
    return run.end or run.tick


def tokens(listing):
    res = []
    for path in listing.splitlines():
        folder, _, name = path.rpartition("/")
        m = TOKEN.match(name)
        if m:
            res.append((int(m.group(1)), folder, name))
    return res


def overlaps(all_runs, by=0.0):
    """Pairs of runs of one job that lived at the same time for more than `by`
    seconds: [(first, second, seconds)]"""
    res = []
    for k, a in enumerate(all_runs):
        for b in all_runs[k + 1:]:
            if a.id == b.id and last(a) - b.start > by:
                res.append((a, b, last(a) - b.start))
    return res


def zombies(all_runs):
    """Runs that came to their end after a later run of the job began."""
    return [a for k, a in enumerate(all_runs) if a.end and
            any(b.id == a.id and b.start < a.end for b in all_runs[k + 1:])]


def verdict(all_runs, all_tokens, ids, reruns=()):
    """Lost, duplicated, overlapping and zombie runs, and jobs that are not in
    exactly one place, done/."""
    ids, wrong = sorted(ids), []
    of = collections.defaultdict(list)
    at = collections.defaultdict(list)
    for r in all_runs:
        of[r.id].append(r)
    for i, folder, name in all_tokens:
        at[i].append(f"{folder}/{name}")
    lost = [i for i in ids if not any(r.end for r in of[i])]
    twice = [i for i in ids if sum(1 for r in of[i] if r.end) > 1 or
             len(of[i]) > 1 and i not in reruns]
    over, dead = overlaps(all_runs), zombies(all_runs)
    elsewhere = [i for i in ids if len(at[i]) != 1 or not at[i][0].startswith("done/")]
    wrong += [f"job {i} was lost ({len(of[i])} runs)" for i in lost]
    wrong += [f"job {i} ran more than once: " +
              ", ".join(f"attempt {r.attempt} on {r.host}" for r in of[i]) for i in twice]
    wrong += [f"job {a.id} ran on {a.host} and {b.host} at once for {s:.2f} s"
              for a, b, s in over]
    wrong += [f"job {a.id} came to its end on {a.host} after it was started again"
              for a in dead]
    wrong += [f"job {i} is at {at[i] or 'no place'}" for i in elsewhere]
    return Verdict(f"{len(ids)} jobs, {len(all_runs)} runs: lost {len(lost)}, duplicated "
                   f"{len(twice)}, overlapping {len(over)}, zombies {len(dead)}, not in one "
                   f"place {len(elsewhere)}", wrong)
