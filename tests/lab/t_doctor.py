"""Tests of nfsq doctor: alone, by hand with another host, and by ssh."""
import os, re, time

from bench import GUEST_ENV, check, until
from t_users import Squashed

LINE = re.compile(r"^(ok|warn|bad) +([^:]*): (.*)$")


def verdicts(out):
    """{what: (level, finding)} and the summary; several of one name are joined."""
    lines = out.splitlines()
    check(lines and re.match(r"(not )?fit: \d+ ok, \d+ warnings?, \d+ bad$", lines[-1]),
          f"no summary: {out}")
    res = {}
    for line in lines[:-1]:
        m = LINE.match(line)
        check(m and (m.group(1) == "ok" or "; " in line), f"no verdict: '{line}'")
        level, what, text = m.groups()
        had = res.get(what, ("ok", ""))
        res[what] = (max(level, had[0], key=["ok", "warn", "bad"].index), had[1] + text + "\n")
    return res, lines[-1]


def want(v, what, level, text):
    check(what in v, f"no verdict about '{what}' in {sorted(v)}")
    check(v[what][0] == level and re.search(text, v[what][1]), f"{what}: not {level}: {v[what]}")


def start(b, node, *words):
    return b.lab.start(node, GUEST_ENV + [b.bin + "/nfsq", "doctor", *words])


def by_hand(b, d, other, out):
    """The two sides of --peer -, on c1 and `other`; in out: the finding, when it is
    over."""
    a = start(b, "c1", "--timeout", "120s", "--peer", "-", d)
    token = until(lambda: re.search(r"--join ([0-9a-f]+)$", b.lab.output("c1", a)[1], re.M),
                  120, "doctor says what to run")
    r = b.lab.run(other, GUEST_ENV + [b.bin + "/nfsq", "-S", d, "doctor", "--timeout", "120s",
                                      "--join", token.group(1)], timeout=150)
    check(r.rc == 0 and not r.out, f"{other}: doctor --join gave {r.rc}: {r.err}{r.out}")
    out.append(b.lab.wait("c1", a, timeout=150))


def sshd(b, node):
    """c1 may come to `node` by ssh: by the real one, or by a stand-in that has the
    lab run the words there.  What it is."""
    b.sh(node, f"ln -sf {b.bin}/nfsq /usr/local/bin/nfsq")
    if not os.access("/usr/sbin/sshd", os.X_OK):
        return None
    b.sh("c1", "mkdir -p -m 700 /root/.ssh && rm -f /root/.ssh/lab && "
         "ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/lab && cp /root/.ssh/lab.pub /lab/work/ && "
         "printf 'IdentityFile /root/.ssh/lab\\nStrictHostKeyChecking no\\n"
         "UserKnownHostsFile /dev/null\\nLogLevel ERROR\\n' >/root/.ssh/config && "
         "chmod 600 /root/.ssh/config")
    b.sh(node, "mkdir -p /run/sshd && mkdir -p -m 700 /tmp/ssh /root/.ssh && "
         "cp /lab/work/lab.pub /tmp/ssh/keys && "
         "{ [ -e /tmp/ssh/host ] || ssh-keygen -q -t ed25519 -N '' -f /tmp/ssh/host; } && "
         "/usr/sbin/sshd -f /dev/null -h /tmp/ssh/host -o UsePAM=no -o StrictModes=no "
         "-o PermitRootLogin=yes -o AuthorizedKeysFile=/tmp/ssh/keys -o PidFile=/tmp/ssh/pid")
    return "sshd"


def by_ssh(b, d, node, out):
    """nfsq doctor --peer NODE on c1."""
    if sshd(b, node):
        # HOME is where its root's key is.
        out.append(b.lab.run("c1", GUEST_ENV + ["HOME=/root", b.bin + "/nfsq", "doctor",
                                                "--timeout", "120s", "--peer", node, d],
                             timeout=300))
        return "ssh"
    # The words go to a file of the share, from which the lab takes them.
    words = b.work + "/ssh-words"
    if os.path.exists(words):
        os.unlink(words)
    b.sh("c1", "mkdir -p /tmp/bin && printf '#!/bin/sh\\n[ \"$4\" = %s ] || exit 9\\n"
         "printf %%s \"$5\" >/lab/work/ssh-new\\nmv /lab/work/ssh-new /lab/work/ssh-words\\n"
         f"exec sleep 300\\n' {node} >/tmp/bin/ssh && chmod 755 /tmp/bin/ssh")
    a = b.lab.start("c1", GUEST_ENV + ["PATH=/tmp/bin:/usr/bin:/bin", b.bin + "/nfsq", "doctor",
                                       "--timeout", "120s", "--peer", node, d])
    until(lambda: os.path.exists(words), 120, "ssh is run")
    b.lab.run(node, GUEST_ENV + ["sh", "-c", open(words).read()], timeout=200)
    out.append(b.lab.wait("c1", a, timeout=200))
    return "a stand-in for ssh"


def doctor(b, t):
    """doctor finds a spool on NFS fit, alone and with another host, and tells of
    clocks; its worker's jobs are not disturbed."""
    s = b.spool("doctor", 60)
    w = s.worker("c3", 1).ready()
    b.lab.clock("c2", 3600)
    long = s.submit("c1", 8)
    out, began = [], time.time()
    by_hand(b, s.dir, "c2", out)
    v, summary = verdicts(out[0].out)
    t.note(f"by hand: {summary} ({time.time() - began:.0f} s)")
    check(out[0].rc == 0 and summary.startswith("fit"), f"{out[0].rc}: {out[0].out}")
    want(v, "mount", "ok", rf"^NFS {re.escape(b.vers)} of server:.*hard")
    want(v, "owner", "ok", "no root squash")
    want(v, "clock", "ok", r"the same as|0\.\d+s")
    want(v, "workers", "ok", "1 alive")
    for what in ("directory", "mode", "rename", "fence", "exclusive", "links", "hard links",
                 "write", "heartbeat", "peer owner", "peer fence", "peer mount"):
        want(v, what, "ok", "")
    for what in ("race", "peer race"):
        want(v, what, "ok", "200 names")
    want(v, "peer peer", "ok", "'c2' has joined")
    want(v, "peer clock", "warn", r"its clock is (3600|3599)\.\d+s ahead of this host's")
    for what in ("peer new file", "peer heartbeat", "latency", "listing", "lease", "space"):
        check(what in v, f"nothing about {what}")
        t.note(f"{v[what][0]} {what}: {v[what][1].strip()}")
    s.wait("c1", [long])
    w.finish()
    t.note(s.judge([long]))
    s.fsck()
    check(b.sh("server", f"ls /export/{s.name}/tmp").out == "", "doctor left something")


def doctor_unfit(b, t):
    """doctor tells of root squash, of bad mounts here and there, of clocks; it does
    so by ssh."""
    q = Squashed(b, "sq-doctor", {"c1": ",soft", "c2": ",nocto,noac"})
    try:
        b.lab.clock("c1", 3600)
        out, began = [], time.time()
        how = by_ssh(b, "/mnt/sq", "c2", out)
        v, summary = verdicts(out[0].out)
        t.note(f"by {how}: {summary} ({time.time() - began:.0f} s)")
        check(out[0].rc == 1 and summary.startswith("not fit"), f"{out[0].rc}: {out[0].out}")
        want(v, "owner", "warn", "root squash: files of root belong to user 65534")
        want(v, "mode", "warn", "1777, others may write here")
        want(v, "mount", "bad", "soft: ")
        want(v, "clock", "warn", r"that of files is (3600|3599)\.\d+s behind this host's")
        want(v, "c2 peer", "ok", "'c2' has joined")
        for text in ("nocto: ", "noac: "):
            want(v, "c2 mount", "bad", text)
        want(v, "c2 clock", "warn", r"its clock is (3600|3599)\.\d+s behind this host's")
        want(v, "c2 owner", "warn", "files of its user 0 belong to user 65534 here")
        want(v, "c2 race", "ok", "200 names")
        check(b.sh("server", "ls -A /export/sq-doctor").out == "", "doctor left something")
    finally:
        q.end()
        b.sh("c2", "[ ! -e /tmp/ssh/pid ] || kill $(cat /tmp/ssh/pid)", ok=False)


TESTS = [doctor, doctor_unfit]
