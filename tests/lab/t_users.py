"""Tests with a second Unix user, and with a root that the server does not take
for one: a spool is its owner's, or its group's, and what others put into it is
never followed, executed, waited on or printed raw."""
import json, re

import bench
from bench import check, until

A, B, GROUP = 1234, 1235, 2000
UUID = "01234567-89ab-cdef-0123-4567%08x"
NONCE = "0123456789"
# What another user hears: how far he comes depends on what the client remembers.
NO = ("Permission denied", f"private to user {A}")
# What no program may print, whatever is in a name.
RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def setpriv(uid, gid):
    return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups"]


class UsersSpool(bench.Spool):
    """A spool of user A; all commands are run as somebody, who is A by default."""

    def __init__(self, b, name, lease, gid, *options, parent="/spool"):
        self.b, self.lab, self.name, self.lease, self.user = b, b.lab, name, lease, 0
        self.dir, self.gid, self.who = f"{parent}/{name}", gid, (A, gid)
        self.marks_host, self.marks = f"{b.work}/marks-{name}", f"/lab/work/marks-{name}"
        bench.os.mkdir(self.marks_host)
        bench.os.chmod(self.marks_host, 0o777)
        self.nfsq("c1", "init", *options, "--lease", f"{lease}s", self.dir)
        b.spools.append(self)

    def argv(self, *args, prog="nfsq"):
        return setpriv(*self.who) + super().argv(*args, prog=prog)

    def as_user(self, who, node, *args, **kw):
        """As nfsq, by another user: (uid, gid)."""
        mine, self.who = self.who, who
        try:
            return self.nfsq(node, *args, ok=False, **kw)
        finally:
            self.who = mine

    def worker_once(self, who, node, *args):
        mine, self.who = self.who, who
        try:
            return self.lab.run(node, self.argv("-q", "--once", *args, prog="nfsq-worker"),
                                timeout=60)
        finally:
            self.who = mine


def refused(r, what, *texts):
    """It failed with one line that has one of the texts."""
    check(r.rc == 1 and r.err.count("\n") == 1 and not r.out and
          any(text in r.err for text in texts), f"{what}: {r.rc} '{r.out}' '{r.err}'")
    return r.err.strip()


def try_all(b, node, who, commands):
    """Runs each shell command as `who`, with the time it may take; the outputs
    [(status, output)]."""
    script = "".join(f"\necho '== {i}'; timeout 30 sh -c '{c}' 2>&1 </dev/null; echo \"-- $?\""
                     for i, c in enumerate(commands))
    check("'" not in "".join(commands), "a quote in a command")
    r = b.lab.run(node, setpriv(*who) + ["sh", "-c", script], timeout=300)
    res = re.findall(r"^== \d+\n(.*?)^-- (\d+)$", r.out, re.S | re.M)
    check(len(res) == len(commands), f"{len(res)} of {len(commands)}: {r.out} {r.err}")
    return [(int(rc), out) for out, rc in res]


def listing(b, path):
    return b.sh("server", f"find {path} -printf '%p %y %m %U %s %T@ %l\\n' | sort").out


# --- a private spool

def intrusions(d, body, bucket):
    """What user B tries in the spool d."""
    yield from (
        f"ls {d}", f"ls {d}/queue", f"cat {d}/nfsq.conf", f"cat {body}",
        f"touch {d}/x", f"touch {d}/queue/x", f"mkdir {d}/tmp/x", f"mkfifo {d}/queue/x",
        f"ln -s /etc {d}/done/0", f"ln -s /etc/passwd {bucket}/9.{NONCE}.0",
        f"ln /spool/of-b {d}/jobs/0/9.{NONCE}", f"ln {body} /spool/body-of-a",
        f"mv /spool/of-b {d}/jobs/0/9.{NONCE}", f"mv {d}/queue {d}/gone",
        f"mv {d} /spool/gone", f"rm -rf {d}/seq", f"rmdir {d}", f"chmod 777 {d}",
        f"chown {B} {d}", f"truncate -s 0 {body}", f"echo @include >>{d}/nfsq.conf",
        f"rm {body}", f"test -e {body}", f"cp /bin/sh {d}/jobs/0/9.{NONCE}",
        f"ln -s request {d}/queue/req.cancel.0.1.{NONCE}", f"mknod {d}/tmp/null c 1 3")


VERBS = ("ls", "status", "show 1", "log 1", "wait 1", "submit -- true", "run -- true",
         "cancel 1", "hold 1", "release 1", "requeue 1", "signal TERM 1", "workers",
         "drain c1", "undrain c1", "stop c1", "purge --older-than 1s", "fsck",
         "fsck --repair", "doctor --join 0123456789 --timeout 1s")


def intruder(b, t):
    """A private spool and another user: he comes nowhere, by no command either; one
    that others can write to is refused."""
    s = UsersSpool(b, "private", 300, A)
    w = s.worker("c1", 1).ready()
    s.submit("c1", 0, "--hold")
    b.sh("c2", f"ls {s.dir}/queue; setpriv --reuid={B} --regid={B} --clear-groups "
         "sh -c 'echo b >/spool/of-b; chmod 666 /spool/of-b'")
    body = s.dir + "/jobs/0/" + b.sh("server", f"ls /export/{s.name}/jobs/0").out.split()[0]
    queue = s.dir + "/held/0"
    # Its worker beats: only what that changes is left out.
    was = re.sub(r"(/lease|/tmp) .*", r"\1", listing(b, f"/export/{s.name}"))
    tried = list(intrusions(s.dir, body, queue))
    for c, (rc, out) in zip(tried, try_all(b, "c2", (B, B), tried)):
        check(rc != 0, f"user {B} did '{c}': {out}")
    argv = " ".join(s.argv()[4:])
    verbs = [f"{argv} {v}" for v in VERBS]
    for c, (rc, out) in zip(VERBS, try_all(b, "c2", (B, B), verbs)):
        check(rc == 1 and out.count("\n") == 1 and "Permission denied" in out,
              f"user {B}: {c} gave {rc}: {out}")
    refused(s.worker_once((B, B), "c2"), "a worker of another user", "Permission denied")
    now = re.sub(r"(/lease|/tmp) .*", r"\1", listing(b, f"/export/{s.name}"))
    check(was == now, f"something changed:\n{was}\n{now}")
    t.note(f"{len(tried)} intrusions and {len(verbs) + 1} commands of another user refused")
    w.finish()
    for mode in ("777", "770", "702"):
        b.sh("c1", f"chmod {mode} {s.dir}")
        for args in (["ls"], ["submit", "--", "true"]):
            refused(s.as_user((A, A), "c1", *args), f"mode {mode}", "lets others write")
        refused(s.worker_once((A, A), "c1"), f"mode {mode}", "lets others write")
    b.sh("c1", f"chmod 755 {s.dir}")
    t.note(refused(s.as_user((B, B), "c1", "ls"), "mode 755", "Permission denied"))


# --- a group spool

def plants(d, hidden):
    """What user B of the group puts into the spool d; `hidden` are what only A can
    read.  The shell runs in queue/."""
    esc, nl = "$(printf \"\\033\")", "$(printf \"\\nx\")"
    seat = [f"{d}/workers/" + UUID % i for i in range(8)]
    token = f"{{}}.{NONCE}.0"
    yield from (
        # tokens of every type, without a body, and names that are none
        # (made elsewhere: a worker drops an empty bucket, and a seat without a lease)
        f"mkdir -m 2770 {d}/tmp/bucket && cd {d}/tmp/bucket && "
        f"ln -s {hidden} {token.format(1011)} && mkfifo {token.format(1012)} && "
        f"mkdir {token.format(1013)} && echo \"#!/bin/sh\" >{token.format(1014)} && "
        f"ln /spool/of-b {token.format(1015)} && ln -s {hidden} \"{token.format(1016)}{nl}\" && "
        f"ln -s x {token.format(1017)},n=%1B%5D0 && ln -s x \"{token.format(1018)},n={esc}[31m\" "
        f"&& ln -s x \"{esc}]0\" && ln -s x {token.format(1019)},zz=1 "
        f"&& mv {d}/tmp/bucket {d}/queue/0.c1.0.aaaaaaaaaa",
        # buckets that are none, or bar the others
        f"ln -s {hidden} 0.c1.1.bbbbbbbbbb", "mkfifo 9.c1.0.bbbbbbbbbb",
        "touch 0.c1.0.bbbbbbbbbb", f"ln -s {hidden} 0.c1.0.cccccccccc",
        "mkdir -m 0 0.c1.0.dddddddddd",
        # requests, drains
        f"ln -s request req.nonsense.0.1.{NONCE}", f"ln -s request \"req.{esc}[31m.0.1.{NONCE}\"",
        f"mkfifo req.cancel.0.77.{NONCE}", f"mkdir req.requeue.0.78.{NONCE}",
        f"ln -s drain \"drain.%2..{NONCE}\"", f"ln -s request req.signal.9999.1.{NONCE}",
        # shards that are none
        f"rmdir {d}/held/0; ln -s {hidden} {d}/held/0", f"mkfifo {d}/waiting/0",
        f"ln -s {hidden} {d}/failed/7", f"mkdir -m 0 {d}/done/8", f"mkfifo {d}/tomb/7",
        # seats
        f"ln -s {hidden} {seat[0]}", f"touch {seat[1]}", f"mkfifo {seat[2]}",
        *(f"mkdir -m 2770 {d}/tmp/seat && cd {d}/tmp/seat && {c} && mv {d}/tmp/seat {seat[i]}"
          for i, c in ((3, "mkfifo lease && touch info"),
                       (4, "touch lease && "
                        f"ln -s \"name=%1B%5D0;x host={esc}[31m pid=99999999999999999999\" info && "
                        f"ln -s {hidden} {token.format(1021)},a=1,n=%1B%5B31m"),
                       (5, f"ln -s {hidden} lease && mkdir sub"))),
        f"mkdir -m 0 {seat[6]}", f"mkdir \"{d}/workers/{esc}]0\"",
        # tmp/ and the top
        f"ln -s {hidden} {d}/tmp/{UUID % 9}", f"mkfifo {d}/tmp/fifo",
        f"mkdir -p {d}/tmp/dir/deep && touch {d}/tmp/dir/deep/f", f"ln /spool/of-b {d}/tmp/hard",
        f"touch \"{d}/tmp/{esc}]0{nl}\"", f"touch \"{d}/{esc}]0{nl}\"",
        f"mkfifo {d}/out/0/9.{NONCE}.1.a1.out", f"touch \"{d}/out/0/1.{NONCE}. 9{nl}\"",
        f"rm -f {d}/out/0/1.{NONCE}.1.a1.out")


def bad_bodies(d, bodies, hidden):
    """What B makes of the bodies of jobs."""
    ways = [lambda p: f"rm {p} && ln -s {hidden}/secret {p}", lambda p: f"rm {p} && mkfifo {p}",
            lambda p: f"rm {p} && mkdir {p}", lambda p: f"rm {p} && ln /spool/of-b {p}",
            lambda p: f"truncate -s 1T {p}",
            lambda p: f"sed \"\\$ i @include \\\"{hidden}/secret\\\"\" {p} >{p}x && mv {p}x {p}",
            lambda p: f"chmod 0 {p} && mv {p} {p}x && echo b >{p} && chmod 0 {p}"]
    return [w(f"{d}/jobs/0/{p}") for w, p in zip(ways, bodies)]


LOOKS = ("ls --all", "ls --all --json", "status", "workers --json", "workers", "fsck",
         "purge --dry-run")


def look_all(b, s, ids, t):
    """All that looks ends, in time, and prints nothing raw."""
    argv = " ".join(s.argv()[4:])
    looks = [*LOOKS, *(f"{v} {i}" for i in ids for v in ("show", "show --json", "log"))]
    res = try_all(b, "c1", s.who, [f"{argv} {v} 2>/tmp/err; echo \"STATUS=$?\"; cat /tmp/err"
                                   for v in looks])
    for v, (rc, text) in zip(looks, res):
        out, status, err = re.match(r"(.*)STATUS=(\d+)\n(.*)\Z", text, re.S).groups()
        raw = RAW.search(text)
        check(not raw, f"{v} printed {raw and raw.group()!r}: {text!r}")
        check("SECRET-OF-A" not in text, f"{v} printed the secret: {text}")
        check(int(status) <= 1, f"{v} gave {status}, or waited: {text}")
        if "--json" in v and status == "0":
            json.loads(out)
    t.note(f"{len(looks)} looks at it all: in time, nothing raw, no secret")


def member(b, t):
    """A group spool and a hostile member: what he plants is never followed,
    executed, waited on or printed raw; the worker goes on with the good jobs."""
    s = UsersSpool(b, "group", 6, GROUP, "--group")
    d = s.dir
    b.sh("c1", "umask 077; mkdir /spool/hidden && echo SECRET-OF-A >/spool/hidden/secret && "
         "touch -d '3 days ago' /spool/hidden/lease /spool/hidden && "
         f"chown -R {A}:{A} /spool/hidden")
    b.sh("c2", f"setpriv --reuid={B} --regid={GROUP} --clear-groups "
         "sh -c 'echo precious >/spool/of-b; chmod 666 /spool/of-b'")
    good = [s.submit("c1", 0)]
    w = s.worker("c1", 4, "--name", "good").ready()
    s.wait("c1", good)
    held = [int(s.as_user((B, GROUP), "c2", "submit", "--hold", "--", "true").out)
            for _ in range(7)]
    mine = [int(s.nfsq("c1", "submit", "--hold", "--", "echo", "printed").out)
            for _ in range(4)]
    r = s.as_user((B, GROUP), "c2", "submit", "--name", "\033[31m\n\033]0;x\007", "--", "true")
    check(r.rc == 2 and not RAW.search(r.err), f"a name with escapes: {r.rc} {r.err!r}")
    names = b.sh("server", f"ls /export/{s.name}/jobs/0").out.split()
    stem = {int(n.split(".")[0]): n for n in names if n.count(".") == 1}
    out = [f"{d}/out/0/{stem[i]}.3.a1.out" for i in mine]   # release, claim, start
    victims = [f"[ -d {d}/out/0 ] || mkdir -m 2770 {d}/out/0",
               "ln -s /spool/hidden/secret " + out[0], "ln -s /spool/hidden/new " + out[1],
               "mkfifo " + out[2], "mkdir " + out[3]]
    planted = victims + bad_bodies(d, [stem[i] for i in held], "/spool/hidden")
    for c, (rc, text) in zip(planted, try_all(b, "c2", (B, GROUP), [
            f"umask 007; cd {d}/queue && {c}" for c in planted])):
        check(rc == 0, f"'{c}' gave {rc}: {text}")
    s.nfsq("c1", "release", *held, *mine)
    was = listing(b, "/export/hidden")
    for i in mine:
        s.nfsq("c1", "wait", "--timeout", "60s", i, ok=False, timeout=90)
    planted += plants(d, "/spool/hidden")
    done = try_all(b, "c2", (B, GROUP), [f"umask 007; cd {d}/queue && {c}"
                                         for c in planted[len(victims) + len(held):]])
    for c, (rc, text) in zip(planted[len(victims) + len(held):], done):
        check(rc == 0, f"'{c}' gave {rc}: {text}")
    good += [s.submit("c1", 0) for _ in range(3)]
    s.wait("c1", good)
    jobs = s.jobs()
    for i in mine:
        check((jobs[i]["state"], jobs[i]["reason"]) == ("failed", "output"),
              f"job {i}, whose output was planted: {jobs[i]}")
    for i in held[:6]:
        check(jobs[i]["state"] == "corrupt", f"job {i}, whose body was: {jobs[i]}")
    check(jobs[held[6]]["state"] == "queued", f"job {held[6]}, of B's mode: {jobs[held[6]]}")
    look_all(b, s, [held[5], mine[0], 1012, 1021], t)
    until(lambda: any(i == 1021 and "corrupt" in where for i, where, _ in s.tokens()), 60,
          "the planted seat is reaped", 0.5)
    good.append(s.submit("c3", 0))
    s.wait("c1", good)
    check(listing(b, "/export/hidden") == was, f"changed: {listing(b, '/export/hidden')}")
    check(b.sh("server", "cat /export/of-b").out == "precious\n", "a hard link was written")
    t.note(f"{len(planted)} things of a member planted; " + s.judge(good))
    said = w.finish()
    check(not RAW.search(said), f"the worker said {said!r}")
    t.note(f"the worker said {said.count(chr(10))} lines")
    t.note(refused(s.worker_once((0, 0), "c3"), "a worker of root", "root"))
    refused(s.worker_once((B, B), "c3"), "one that is not in the group", "Permission denied")


# --- root squash

class Squashed:
    """/mnt/sq on the nodes: a second export, of /export/NAME, with root squash."""

    def __init__(self, b, name, mounts):
        """mounts: {node: options}."""
        self.b, self.name, self.nodes = b, name, list(mounts)
        # NFSv4 goes from one export into another at a mount point only.
        b.sh("server", f"mkdir -p /export/{name} && chmod 1777 /export/{name} && "
             f"mount --bind /export/{name} /export/{name} && exportfs -o rw,sync,root_squash,"
             f"no_subtree_check,insecure,fsid=77 '10.99.0.0/24:/export/{name}'")
        where = f"server:/export/{name}" if b.vers == "3" else f"server:/{name}"
        for n, options in mounts.items():
            b.sh(n, f"mkdir -p /mnt/sq && mount -t nfs -o vers={b.vers},nosharecache,"
                 f"proto=tcp{options} {where} /mnt/sq")

    def end(self):
        for n in self.nodes:
            self.b.sh(n, "umount -f -l /mnt/sq", ok=False)
        self.b.sh("server", f"exportfs -u '10.99.0.0/24:/export/{self.name}'; exportfs -f; "
                  f"umount -l /export/{self.name}", ok=False)


def squash(b, t):
    """Root squash: a user works as everywhere; root, who is nobody there, is told
    so in one line, by the worker too."""
    q = Squashed(b, "sq", {"c1": "", "c2": ""})
    try:
        s = UsersSpool(b, "squash", 300, A, parent="/mnt/sq")
        s.name = "sq/squash"
        s.worker("c2", 1).ready()
        ids = [s.submit("c1", 0) for _ in range(2)]
        s.wait("c1", ids)
        t.note(s.judge(ids))
        for who in ((0, 0), (B, B), (65534, 65534)):
            for args in (["ls"], ["submit", "--", "true"], ["cancel", str(ids[0])], ["fsck"]):
                refused(s.as_user(who, "c1", *args), f"user {who[0]}: {args}", *NO)
        t.note("root: " + refused(s.worker_once((0, 0), "c1"), "a worker of root", *NO))
        r = s.as_user((0, 0), "c1", "init", "/mnt/sq/of-root")
        if r.rc == 0:
            r = s.worker_once((0, 0), "c1", "-S", "/mnt/sq/of-root")
            r = r if r.rc else s.as_user((0, 0), "c1", "-S", "/mnt/sq/of-root", "ls")
        t.note("root's own: " + refused(r, "a spool of root", "65534"))
        s.fsck()
        b.clean()
    finally:
        q.end()


TESTS = [intruder, member, squash]
