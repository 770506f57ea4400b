#!/usr/bin/python3 -SE
"""Self-test of nfslab: boots 3 clients, exercises every verb through the
command line and asserts what each did.  usage: selftest.py [--vers 4.2|3]"""
import os, subprocess, sys, time

HERE = os.path.dirname(os.path.realpath(__file__))
VERS = sys.argv[2] if sys.argv[1:2] == ["--vers"] else "4.2"
DIR = os.environ.get("NFSLAB_DIR") or f"/dev/shm/nfslab-selftest-{os.getpid()}"
os.environ["NFSLAB_DIR"] = DIR
passed = failed = 0


def lab(*args, rc=0, stdin=None, background=False):
    argv = [HERE + "/nfslab"] + [str(a) for a in args]
    if background:
        return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    p = subprocess.run(argv, capture_output=True, text=True, input=stdin, timeout=180)
    if rc is not None and p.returncode != rc:
        raise AssertionError(f"nfslab {args}: rc {p.returncode}: {p.stdout}{p.stderr}")
    return p.stdout.strip() if rc == 0 else p


def ex(node, cmd, **kw):
    return lab("exec", node, "--", "sh", "-c", cmd, **kw)


def check(name, ok, note=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(("ok   " if ok else "FAIL ") + name + (f"  [{note}]" if note else ""), flush=True)


def alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def within(seconds, what):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.1)
    return False


def tests():
    t = time.time()
    lab("up", "--clients", 3, "--vers", VERS)
    check("up", True, f"{time.time() - t:.1f} s")
    st = lab("status")
    check("status", st.count(" pid ") == 4, st.splitlines()[0])
    check("mounted", all(f"vers={VERS}" in ex(c, "grep ' /spool nfs' /proc/mounts") for c in ("c1", "c2", "c3")))
    check("up twice is refused", lab("up", rc=125).returncode == 125)
    check("spool is empty", ex("c1", "ls -A /spool") == "")

    # exec: output, errors, exit code, user, concurrency, latency, background
    p = lab("exec", "c1", "--", "sh", "-c", "echo out; echo err >&2; exit 7", rc=7)
    check("exec: streams and code", (p.stdout, p.stderr) == ("out\n", "err\n"))
    check("exec: unknown command 127", lab("exec", "c1", "nosuch", rc=127).returncode == 127)
    check("exec: killed 137", ex("c1", "kill -9 $$", rc=137).returncode == 137)
    check("exec --user", lab("exec", "c2", "--user", 1234, "--", "sh", "-c",
                             "id -u; touch /spool/u; stat -c %u /spool/u") == "1234\n1234")
    check("exec --stdin", lab("exec", "c1", "--stdin", "--", "cat", stdin="in\n") == "in")
    t = time.time()
    ps = [lab("exec", "c1", "--", "sh", "-c", f"sleep 1; echo {i}", background=True) for i in range(8)]
    outs = [p.communicate()[0].strip() for p in ps]
    check("exec: 8 at once", outs == [str(i) for i in range(8)])
    ts = []
    for _ in range(5):
        t = time.time()
        lab("exec", "c1", "--", "true")
        ts.append(time.time() - t)
    print(f"     exec latency: {min(ts) * 1e3:.0f} ms with the start of python")
    jid = lab("exec", "-d", "c1", "--", "sh", "-c", "sleep 0.5; echo late; exit 3")
    p = lab("wait", "c1", jid, rc=3)
    check("exec -d, wait", p.stdout == "late\n")
    check("exec --timeout", lab("exec", "c1", "--timeout", "0.3", "sleep", "2", rc=124).returncode == 124)

    # the host is safe, the share is open
    ex("c1", "rm -rf /usr/share/doc /etc/hostname; touch /newfile; : >/bin/ls")
    check("host's root is protected", os.path.isdir("/usr/share/doc") and not os.path.exists("/newfile")
          and os.path.getsize("/bin/ls") > 0)
    check("host's root is read-only", ex("c2", "touch /host/x", rc=1).returncode == 1 and not os.path.exists("/x"))
    ex("c2", "echo hi >/lab/work/from-guest")
    check("share out", open(DIR + "/share/work/from-guest").read() == "hi\n")
    with open(DIR + "/share/work/in", "w") as f:
        f.write("one\n")
    a = ex("c2", "cat /lab/work/in")
    with open(DIR + "/share/work/in", "w") as f:
        f.write("two\n")
    check("share in, never stale", (a, ex("c2", "cat /lab/work/in")) == ("one", "two"))

    # NFS is real and shared
    ex("c2", "echo data >/spool/f")
    check("file seen by another client", ex("c3", "cat /spool/f") == "data")

    # stats
    lab("stats", "c2", "--reset")
    ex("c2", "for i in 1 2 3 4 5; do mv /spool/f /spool/g; mv /spool/g /spool/f; done")
    s = lab("stats", "c2")
    line = [x for x in s.splitlines() if x.startswith("RENAME")]
    check("stats: 10 renames", line and line[0].split()[1] == "10", line[0] if line else s)
    check("stats --json --total", '"RENAME"' in lab("stats", "c2", "--total", "--json"))

    # clock
    lab("clock", "c3", "+3600")
    d = int(ex("c3", "date +%s")) - time.time()
    check("clock +3600", 3595 < d < 3605, f"{d:.1f}")
    check("clock shows", abs(float(lab("clock", "c3")) - 3600) < 0.1)
    lab("clock", "c3", "-60")
    check("clock -60", abs(float(lab("clock", "c3")) + 60) < 0.1)
    lab("clock", "c3", 0)

    # partition and heal: NFS hangs, the agent answers, NFS comes back
    lab("partition", "c1")
    p = lab("exec", "c1", "--", "sh", "-c", "echo x >/spool/part", background=True)
    time.sleep(1.5)
    check("partition: NFS blocks", p.poll() is None)
    check("partition: exec works", ex("c1", "echo alive") == "alive")
    check("partition: others go on", ex("c2", "echo y >/spool/other; cat /spool/other") == "y")
    lab("heal", "c1")
    t = time.time()
    check("heal: NFS goes on", within(60, lambda: p.poll() is not None) and p.returncode == 0,
          f"{time.time() - t:.1f} s after heal")
    check("heal: the write arrived", ex("c2", "cat /spool/part") == "x")
    # one-way: the request gets through, the reply does not
    p = lab("exec", "c1", "--", "/usr/bin/python3", "-SE", "-c", """if 1:
        import os, time
        open("/spool/oneway", "w").close()
        os.stat("/spool/oneway")
        open("/lab/work/warm", "w").close()
        while not os.path.exists("/lab/work/cut"): time.sleep(0.01)
        os.rename("/spool/oneway", "/spool/oneway2")""", background=True)
    within(10, lambda: os.path.exists(DIR + "/share/work/warm"))
    lab("partition", "c1", "--dir-in")
    open(DIR + "/share/work/cut", "w").close()
    ok = within(10, lambda: ex("server", "ls /export").find("oneway2") >= 0)
    check("partition --dir-in: done at the server, client waits", ok and p.poll() is None)
    lab("heal", "c1")
    check("heal after --dir-in", within(60, lambda: p.poll() is not None) and p.returncode == 0, f"rc {p.poll()}")

    # what the server answers is lost, the rest passes; then a reset connection
    lab("partition", "c1", "--replies")
    p = lab("exec", "c1", "--", "mv", "/spool/part", "/spool/part2", background=True)
    time.sleep(1.5)
    check("partition --replies: client waits", p.poll() is None and "cut_replies=1" in lab("status"))
    lab("rst", "c1")
    lab("heal", "c1")
    check("rst and heal: client sends again", within(60, lambda: p.poll() is not None) and p.returncode == 0
          and ex("c2", "cat /spool/part2") == "x")

    # net: loss, duplication, delay; rst
    lab("net", "c1", "loss_in=5", "loss_out=5", "dup_in=5", "dup_out=5")
    ex("c1", "for i in 1 2 3 4 5 6 7 8; do echo $i >/spool/net.$i; done")
    check("net loss and dup", ex("c2", "cat /spool/net.*").split() == list("12345678"))
    lab("heal", "c1")
    lab("net", "c1", "delay_out=50")
    t = float(ex("c1", "t=$(date +%s%N); mv /spool/net.1 /spool/net.x; echo $((($(date +%s%N)-t)/1000000))"))
    check("net delay", t >= 50, f"{t:.0f} ms for one mv")
    lab("heal", "c1")
    lab("rst", "c1")
    check("rst: client reconnects", ex("c1", "echo r >/spool/rst; cat /spool/rst") == "r")

    # pause and resume
    lab("pause", "c2")
    p = lab("exec", "c2", "--", "echo", "thawed", background=True)
    time.sleep(1)
    check("pause: frozen", p.poll() is None and "frozen" in lab("status"))
    lab("resume", "c2")
    check("resume", within(10, lambda: p.poll() is not None) and p.communicate()[0] == "thawed\n")

    # power loss of a client
    ex("c2", "touch /spool/before; echo ram >/tmp/x")
    lab("kill", "c2")
    check("kill: gone", "c2       down" in lab("status"))
    check("kill: others go on", ex("c3", "ls /spool/before") == "/spool/before")
    t = time.time()
    lab("boot", "c2")
    check("boot: back, fresh, mounted", ex("c2", "cat /spool/f; test -e /tmp/x || echo fresh") == "data\nfresh",
          f"{time.time() - t:.1f} s")

    # power cycle of the server
    ex("c1", "echo durable >/spool/dur; sync -f /spool/dur")
    p = lab("exec", "c3", "--", "sh", "-c",
            "for i in $(seq 40); do echo $i >/spool/loop.$i || exit 1; sleep 0.1; done", background=True)
    time.sleep(0.5)
    t = time.time()
    lab("server-restart", "--down-for", 1)
    check("server-restart", True, f"{time.time() - t:.1f} s")
    check("server-restart: data is there", ex("c1", "cat /spool/dur") == "durable")
    check("server-restart: loop went on", within(90, lambda: p.poll() is not None) and p.returncode == 0
          and ex("server", "ls /export/loop.* | wc -l") == "40", f"{time.time() - t:.1f} s, rc {p.poll()}")
    lab("wipe")
    check("wipe", within(40, lambda: ex("c1", "ls -A /spool") == ""))
    pids = [int(open(f"{DIR}/pid/{n}").read().split()[0]) for n in os.listdir(DIR + "/pid")]
    lab("down")
    check("down: no process left", len(pids) == 5 and not any(alive(p) for p in pids))


try:
    tests()
except Exception as e:
    check(f"stopped by {type(e).__name__}: {e}", False)
finally:
    subprocess.run([HERE + "/nfslab", "down"])
    subprocess.run(["rm", "-rf", DIR])
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
