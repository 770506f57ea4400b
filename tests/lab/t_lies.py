"""The four ways in which rename's answer is wrong on NFS.

Each is first provoked with bare calls: the control, that this client does lie
so.  Then the programs do the same under the same conditions, and what they
say must be true on the server's own disk."""
import copy, os, subprocess, time

from bench import GUEST_ENV, Late, check, until

TRIES = 4
LAST = 5                # attempts of the jobs that go round
# What crashes must have hit: the bare calls, a claim, a commit, an id.
ALL_HIT = {"bare", "workers", "done", "seq"}
PYTHON = ["python3", "-SEc"]


def call(b, node, *code):
    """What these python statements print on node; each is a system call or two,
    and makes none that nobody asked for."""
    text = "import os\ndef tell(f, *a):\n  try: f(*a); print(0)\n" \
        "  except OSError as e: print(e.strerror)\n" + "\n".join(code)
    r = b.lab.run(node, PYTHON + [text], timeout=60)
    check(r.rc == 0, f"{node}: {code} gave {r.err}")
    return r.out.strip()


def on_server(b, path):
    """The text of a file of the export, None without one."""
    r = b.sh("server", f"cat /export/{path}", ok=False)
    return r.out if r.rc == 0 else None


def renames(b, node):
    return b.lab.stats(node).get("RENAME", {"ops": 0})["ops"]


def folder(b, name, *below):
    d = f"{name}-{time.time_ns():x}"
    call(b, "c1", f"os.mkdir('/spool/{d}')", *[f"os.mkdir('/spool/{d}/{x}')" for x in below])
    return d, f"/spool/{d}"


def stale_missing(b):
    """c2 has lost j; c1 puts j back; c2's rename: ENOENT, and nobody asked the
    server (1.2)."""
    d, p = folder(b, "lie")
    first = call(b, "c2", f"tell(os.rename, '{p}/j', '{p}/mine')")
    check(first == "No such file or directory", f"rename of nothing: {first}")
    call(b, "c1", f"open('{p}/j', 'w').write('j')")
    b.lab.stats("c2", reset=True)
    said = call(b, "c2", f"tell(os.rename, '{p}/j', '{p}/mine')")
    n = renames(b, "c2")
    there = on_server(b, f"{d}/j")
    if said == "0" or there is None:
        return None
    check(call(b, "c2", f"os.listdir('{p}')", f"tell(os.rename, '{p}/j', '{p}/mine')") == "0",
          "not even after opendir")
    return f"a file that is there: '{said}', {n} RENAMEs sent; after opendir it went"


def false_success(b):
    """c1 made q/j; c2 moved it to w/j; c1 moves it back: 0, and it was not moved
    (2.4)."""
    d, p = folder(b, "lie", "q", "w")
    call(b, "c1", f"open('{p}/q/j', 'w').write('j')")
    call(b, "c2", f"os.rename('{p}/q/j', '{p}/w/j')")
    b.lab.stats("c1", reset=True)
    said = call(b, "c1", f"tell(os.rename, '{p}/w/j', '{p}/q/j')")
    n = renames(b, "c1")
    if said != "0" or on_server(b, f"{d}/w/j") is None:
        return None
    return f"back to where it was: success, {n} RENAMEs sent, it stayed"


def stale_identity(b):
    """c2 has read q/f; c1 puts another file there; c2 moves it: what it has then is
    the old one (2.5)."""
    d, p = folder(b, "lie", "q", "w", "x")
    call(b, "c1", f"open('{p}/q/f', 'w').write('old')", f"open('{p}/x/new', 'w').write('new')",
         f"os.link('{p}/q/f', '{p}/x/old')")
    check(call(b, "c2", f"os.listdir('{p}/w')", f"print(open('{p}/q/f').read())") == "old",
          "it is not the old one")
    call(b, "c1", f"os.rename('{p}/x/new', '{p}/q/f')")
    said = call(b, "c2", f"tell(os.rename, '{p}/q/f', '{p}/w/f')",
                f"print(open('{p}/w/f').read())").split()
    true = on_server(b, f"{d}/w/f")
    if said != ["0", "old"] or true != "new":
        return None
    return f"moved, the server has '{true}', read here: '{said[1]}'"


def provoke(b, t, lie):
    for n in range(1, TRIES + 1):
        shown = lie(b)
        if shown:
            t.note(f"the lie ({lie.__name__}): {shown}" + (f" (try {n})" if n > 1 else ""))
            return
    raise Late(f"{lie.__name__} did not show in {TRIES} tries: the control is missing")


def lies(b, t):
    """False ENOENT of a remembered absence, false success, stale identity: each shown,
    then hold, release, requeue and give back in the same situations."""
    for lie in (stale_missing, false_success, stale_identity):
        provoke(b, t, lie)
    s = b.spool("lies", 300)
    ids = back_and_forth(b, t, s)
    ids += round_about(b, t, s)
    t.note(s.judge(ids, reruns=ids))
    s.fsck()


def back_and_forth(b, t, s):
    """A job goes from held to queue and back by all hosts, each of which has just
    missed it where it goes (stale_missing), or moves it back to where it knew it
    (false_success)."""
    ids = [s.submit("c1", 0) for _ in range(2)]
    spec, moves = " ".join(map(str, ids)), 0

    def must(node, verb, where):
        r = s.nfsq(node, verb, *ids, ok=False)
        at = {i: d.split("/")[0] for i, d, _ in s.tokens()}
        check(r.rc == 0 and all(at.get(i) == where for i in ids),
              f"{node}: {verb} {spec} gave {r.rc} {r.err.strip()}; on the server: {at}")

    for c, d in (("c1", "c2"), ("c2", "c3"), ("c3", "c1")):
        s.nfsq(d, "release", *ids)      # not held: d has missed them there
        must(c, "hold", "held")
        must(d, "release", "queue")     # d has just missed them
        s.nfsq(c, "ls")
        must(d, "hold", "held")
        must(c, "release", "queue")     # back to where c knew them, moved by d
        moves += 4 * len(ids)
    names = {n for i, _, n in s.tokens()}
    t.note(f"{moves} moves by hold and release of three hosts, each as told; then {sorted(names)}")
    return ids


def round_about(b, t, s):
    """Running jobs are requeued from other hosts and given back by workers that
    end; c2 and c3 get the same jobs again and again."""
    go = b.work + "/go-lies"
    script = f"echo attempt $NFSQ_ATTEMPT; [ -e /lab/work/go-lies ] && n=0.3 || n=300; " \
        f"exec /lab/work/bin/mark {s.marks} $n >/dev/null"
    ids = [int(s.nfsq("c1", "submit", "-c", "1", "--", "sh", "-c", script).out)
           for _ in range(3)]
    w = {c: s.worker(c, 2) for c in ("c2", "c3")}
    seen = {}
    for turn in range(1, LAST):
        runs = until(lambda: s.started(ids, attempt=turn), 60, f"attempt {turn} of each")
        for r in runs:
            seen.setdefault(r.id, []).append(r.host)
        if turn == LAST - 1:
            open(go, "w").close()
        if turn == 2:                   # both give back what they have, then start anew
            for c in w:
                w[c].signal("TERM")
            for c in w:
                w[c].wait(30)
            w = {c: s.worker(c, 2) for c in ("c3", "c2")}
        else:
            s.nfsq(("c1", "c2", "c3")[turn % 3], "requeue", *ids)
    s.wait("c1", ids)
    for i in ids:
        out = s.nfsq("c3", "log", i).out
        check(out == f"attempt {LAST}\n", f"job {i}: log shows {out!r}")
        first = s.nfsq("c1", "log", "--attempt", "1", i).out
        check(first == "attempt 1\n", f"job {i}: its first attempt's log is {first!r}")
    mine = [(r.id, r.attempt) for r in s.runs() if r.id in ids]
    check(len(mine) == len(set(mine)), "an attempt was started twice")
    t.note(f"requeued and given back {LAST - 1} times, ran on " + "; ".join(" ".join(x)
                                                                  for x in seen.values()))
    return ids


# Six processes in folders of their own, so that none waits for another.
PROBE = """
import os, sys, time
base, spool, n = sys.argv[1], sys.argv[2], 6
for k in range(n):
    d = f"{spool}/{k}"
    os.mkdir(d)
    open(d + "/a", "w").close()
    if os.fork() == 0:
        while os.path.exists(base + ".shut"):
            os.stat(d + "/a")           # the rename is to need no other call
            time.sleep(0.05)
        try:
            os.rename(d + "/a", d + "/b")
            said = "0"
        except OSError as e:
            said = e.strerror
        print(k, said, flush=True)
        os._exit(0)
open(base + ".0.at", "w").close()
for k in range(n):
    os.wait()
"""


def lies_crash(b, t):
    """The server's answers to all clients are lost and then its memory: what was done
    is done again by the client and fails (3).  On each client one rename of nfsq
    between directories is under way, more the kernel does not let go: a claim on one,
    a commit on the other, hold or release and the taking of an id on c3."""
    s = b.spool("crash", 300)
    here = os.path.dirname(os.path.realpath(__file__))
    subprocess.run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", b.work + "/bin/gate.so",
                    here + "/gate.c"], check=True)
    gated = copy.copy(s)

    def argv(*args, prog="nfsq"):
        words, n = s.argv(*args, prog=prog), len(GUEST_ENV)
        return words[:n] + ["LD_PRELOAD=/lab/work/bin/gate.so", "GATE=/lab/work/gate"] + words[n:]
    gated.argv = argv
    for c in ("c1", "c2"):
        gated.worker(c, 1).ready()
    ids, hit = [], set()
    for turn in range(4):
        more, where = crash(b, t, s, gated, turn)
        ids += more
        hit |= where
        if turn >= 1 and hit >= ALL_HIT:
            break
    if not hit >= ALL_HIT:
        raise Late(f"only renames to {sorted(hit)} were done unanswered")
    s.worker("c3", 8)
    s.wait("c1", ids, timeout=150)
    check(sorted(set(i for i, _, _ in s.tokens())) == sorted(ids), "a job that nobody was told of")
    t.note(s.judge(ids))
    s.fsck()


def crash(b, t, s, gated, turn):
    """All ids, and what was done unanswered: where to."""
    d, p = folder(b, "crash")
    gate = b.work + "/gate"

    def submit(n, seconds, *options):
        one = " ".join(s.argv("submit", *options, "--", "/lab/work/bin/mark", s.marks, seconds))
        return [int(x) for x in b.sh("c3", f"seq {n} | xargs -I{{}} {one}").out.split()]

    # These the workers cannot run: only hold and release move them.
    verb, to = (("hold", "held"), ("release", "queue"))[turn % 2]
    moved = submit(1, 0, "-c", "8", *(["--hold"] if verb == "release" else []))
    # One worker will commit this one, the other will claim the next.
    first = submit(1, 2)
    until(lambda: s.started(first), 30, "the job starts")
    open(gate + ".shut", "w").close()
    ids = moved + first + submit(3, 0.1)
    probe = b.lab.start("c3", PYTHON + [PROBE, "/lab/work/gate", p])
    subs = [gated.start("c3", verb, *moved),
            gated.start("c3", "submit", "--", "/lab/work/bin/mark", s.marks, "0.1")]

    def marks():
        return [x for x in os.listdir(b.work) if x.startswith("gate.") and x.endswith(".at")]
    until(lambda: len(marks()) >= 5, 30, "all are about to rename")
    time.sleep(0.2)
    for c in ("c1", "c2", "c3"):
        b.lab.partition(c, "replies")
    cut = time.time()
    os.unlink(gate + ".shut")

    def done():
        return int(b.sh("server", f"ls -d /export/{d}/*/b 2>/dev/null | wc -l").out)
    while time.time() < cut + 3 and done() < 6:
        time.sleep(0.1)
    time.sleep(0.5)
    arrived = done()
    # A rename sets the ctime of what it moves.
    met = b.sh("server", f"cd /export/{s.name} && find queue held workers done seq "
               f"\\( -type l -o -path 'seq/*' \\) -newerct @{cut + 0.005:.3f}").out.split()
    met = sorted(x.split("/")[0] for x in met)
    b.lab.kill("server")
    for c in ("c1", "c2", "c3"):
        b.lab.heal(c)
    b.lab.boot("server")
    back = time.time()
    for c in ("c1", "c2", "c3"):        # v3 would wait for up to a minute
        b.lab.rst(c)
    r = b.lab.wait("c3", probe, timeout=150)
    said = [x.split(" ", 1)[1] for x in r.out.splitlines()]
    check(len(said) == 6 and done() == 6, f"the probe: {r.out} {r.err}; on the server {done()}")
    lied = [x for x in said if x != "0"]
    r = [b.lab.wait("c3", x, timeout=150) for x in subs]
    check(all(x.rc == 0 for x in r), f"commands of c3: {[(x.rc, x.err) for x in r if x.rc]}")
    ids.append(int(r[1].out))
    check(len(ids) == len(set(ids)), "an id was given twice")
    at = s.places(moved)
    check(len(at) == 1 and at[0].startswith(to + "/"), f"after {verb} it is at {at}")
    t.note(f"crash {turn + 1}: done unanswered: {arrived} bare renames, {len(lied)} of them then "
           f"told '{lied[0] if lied else 'nothing wrong'}', and nfsq's into {' '.join(met)}; "
           f"answered {time.time() - back:.1f} s after the server's boot")
    if verb == "hold":
        s.nfsq("c3", "release", *moved)
    for x in marks():
        os.unlink(f"{b.work}/{x}")
    return ids, set(met) | ({"bare"} if lied else set())


TESTS = [lies, lies_crash]
