#!/usr/bin/python3 -SE
"""nfslab: several real Linux hosts with one real kernel NFS export, on one
machine, made of User Mode Linux.  See README.md beside this file.

As a program:  nfslab up --clients 3; nfslab exec c1 -- ls /spool; nfslab down
As a module:   lab = nfslab.Lab(); lab.up(clients=3); lab.run("c1", ["ls"])
"""
import argparse, collections, json, os, shutil, signal, socket, subprocess
import sys, time

HERE = os.path.dirname(os.path.realpath(__file__))
DEFAULT_DIR = os.environ.get("NFSLAB_DIR", "/dev/shm/nfslab")
MAXCLIENTS = 32
TOOLS = ("linux.uml", "mount.nfs", "rpc.nfsd", "rpcbind", "ip", "modprobe",
         "mkfs.ext4", "gcc")
QLEN = "/proc/sys/net/unix/max_dgram_qlen"
QLEN_MIN = 512          # frames of a burst that wait; the default is 10

# cron's and a user's PATH lack the folders of mkfs and the like.
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


class LabError(Exception):
    pass


Result = collections.namedtuple("Result", "rc out err")


def proc_start(pid):
    """Start time of a process in clock ticks: with the pid, its identity."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError):
        return None


class Lab:
    def __init__(self, directory=None):
        self.dir = os.path.abspath(directory or DEFAULT_DIR)
        self.share = self.dir + "/share"
        self.statefile = self.dir + "/state.json"
        self._seq = 0

    # ---- state and processes ------------------------------------------
    def state(self):
        try:
            with open(self.statefile) as f:
                return json.load(f)
        except FileNotFoundError:
            raise LabError(f"no lab is up in {self.dir}")

    def _save(self, st):
        tmp = f"{self.statefile}.{os.getpid()}"
        with open(tmp, "w") as f:
            json.dump(st, f, indent=1)
        os.rename(tmp, self.statefile)

    def nodes(self):
        return ["server"] + [f"c{i + 1}" for i in range(self.state()["clients"])]

    def num(self, node):
        """Last byte of the node's MAC and IP address."""
        return 1 if node == "server" else 10 + int(node[1:])

    def check(self, node):
        if node not in self.nodes():
            raise LabError(f"no such node: {node} (have {' '.join(self.nodes())})")

    def _pidfile(self, name):
        return f"{self.dir}/pid/{name}"

    def _pid(self, name):
        """The pid of a process of ours that still runs, else None."""
        try:
            pid, start = open(self._pidfile(name)).read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if proc_start(int(pid)) == int(start) else None

    def _spawn(self, name, argv, log, env=None):
        with open(log, "ab") as out:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=out, start_new_session=True,
                                 cwd="/", env={"PATH": os.environ["PATH"], "HOME": "/root", **(env or {})})
        with open(self._pidfile(name), "w") as f:
            f.write(f"{p.pid} {proc_start(p.pid)}\n")
        p.returncode = 0        # not ours to wait for: no destructor warning
        return p.pid

    def _kill(self, name):
        """kill -9 the whole process group of one of our processes."""
        pid = self._pid(name)
        if pid is None:
            return False
        group = [pid]
        for d in os.listdir("/proc"):           # its helpers: same group
            if d.isdigit():
                try:
                    s = open(f"/proc/{d}/stat").read().rsplit(")", 1)[1].split()
                except (OSError, IndexError):
                    continue
                if int(s[2]) == pid and int(d) != pid:
                    group.append(int(d))
        os.killpg(pid, signal.SIGKILL)
        end = time.time() + 10
        while time.time() < end:
            try:
                os.waitpid(pid, os.WNOHANG)     # when it is our own child
            except ChildProcessError:
                pass
            alive = [p for p in group if self._alive(p)]
            if not alive:
                break
            time.sleep(0.005)
        else:
            raise LabError(f"{name}: processes {alive} do not die")
        os.unlink(self._pidfile(name))
        return True

    @staticmethod
    def _alive(pid):
        try:
            return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except (OSError, IndexError):
            return False

    # ---- up and down ---------------------------------------------------
    def up(self, clients=2, vers="4.2", mount_opts="", export_fs="ext4",
           lease=10, mem="512M", server_mem="3G", disk="4G"):
        if os.path.exists(self.statefile):
            raise LabError(f"a lab is up in {self.dir} (nfslab down first)")
        if not 0 <= clients <= MAXCLIENTS:
            raise LabError(f"0 to {MAXCLIENTS} clients")
        if os.geteuid() != 0:
            raise LabError("the lab needs root")
        if any(ch in self.dir for ch in " \t\n,\"'="):
            raise LabError(f"{self.dir}: no blank, comma, quote or = may be in the "
                           "lab's folder (it is a kernel parameter)")
        for tool in TOOLS:
            if not shutil.which(tool):
                raise LabError(f"{tool} is missing: see README.md for the packages")
        for d in ("", "/pid", "/log", "/uml", "/share", "/share/bin", "/share/work"):
            os.makedirs(self.dir + d, exist_ok=True)
            os.chmod(self.dir + d, 0o755)       # whatever the umask
        os.chmod(self.share + "/work", 0o1777)
        shutil.copyfile(HERE + "/guest-init.sh", self.share + "/bin/guest-init.sh")
        for prog, flags in (("nfslab-switch", []), ("nfslab-agent", ["-static"]),
                            ("nfslab-xstate", ["-shared", "-fPIC"])):
            src, out = f"{HERE}/{prog}.c", f"{self.share}/bin/{prog}"
            if not os.path.exists(out) or os.path.getmtime(out) < os.path.getmtime(src):
                subprocess.run(["gcc", "-O2", "-Wall", "-o", out, src] + flags, check=True)
        with open(self.share + "/mount-opts", "w") as f:
            f.write(mount_opts or "")
        if export_fs == "ext4":
            img = self.dir + "/disk.img"
            with open(img, "wb") as f:
                f.truncate(int(disk[:-1]) << 30)
            subprocess.run(["mkfs.ext4", "-q", "-F",
                            "-N", "1000000", "-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
                            img], check=True)
        st = dict(clients=clients, vers=vers, mount_opts=mount_opts,
                  export_fs=export_fs, lease=lease, mem=mem,
                  server_mem=server_mem, share=self.share)
        self._save(st)
        try:
            self._start()
        except BaseException:
            self.down()                 # leaves no process; the logs stay
            raise

    def _start(self):
        self._queues()
        self._spawn("switch", [self.share + "/bin/nfslab-switch", self.dir + "/ctl",
                               self.dir + "/cmd"], self.dir + "/log/switch")
        self._until(lambda: os.path.exists(self.dir + "/ctl"), 5, "the switch")
        for n in self.nodes():
            self.boot(n, wait=False)    # clients wait for the server's mark
        for n in self.nodes():
            self.wait_ready(n, mounted=n != "server")

    def _queues(self):
        """Datagram queues of the default length would lose most of a burst.
        Sockets have the length of the time they are made, so this is done
        before every boot (another lab's end may have put it back)."""
        try:
            old = int(open(QLEN).read())
            if old < QLEN_MIN:
                st = self.state()
                st["qlen"] = old
                self._save(st)
                open(QLEN, "w").write(str(QLEN_MIN))
        except OSError:
            pass

    def _until(self, what, seconds, name, step=0.01):
        end = time.time() + seconds
        while not what():
            if time.time() > end:
                raise LabError(f"{name}: not ready after {seconds} s (see {self.dir}/log)")
            time.sleep(step)

    def boot(self, node, wait=True):
        self.check(node)
        if self._pid(node):
            raise LabError(f"{node} is running")
        self._queues()
        st, d, k = self.state(), f"{self.share}/{node}", self.num(node)
        os.makedirs(d, exist_ok=True)
        for sub in ("q", "r"):          # nothing of an earlier life is left to do
            shutil.rmtree(f"{d}/{sub}", ignore_errors=True)
            os.mkdir(f"{d}/{sub}")
        for f in ("ready", "mounted", "stats.base", "bell"):
            if os.path.exists(f"{d}/{f}"):
                os.unlink(f"{d}/{f}")
        argv = ["linux.uml", "mem=" + (st["server_mem"] if node == "server" else st["mem"]),
                "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
                "con=null", "con0=null,fd:1", "quiet", f"umid={node}",
                f"uml_dir={self.dir}/uml/", "init=/bin/bash",
                f"eth0=daemon,52:54:00:00:00:{k:02x},unix,{self.dir}/ctl",
                f"NFSLAB_NODE={node}", f"NFSLAB_N={k}", f"NFSLAB_SHARE={self.share}",
                f"NFSLAB_VERS={st['vers']}", f"NFSLAB_FS={st['export_fs']}",
                f"NFSLAB_LEASE={st['lease']}", f"NFSLAB_NODES={MAXCLIENTS}"]
        if node == "server" and st["export_fs"] == "ext4":
            argv.append(f"ubd0={self.dir}/disk.img")
        # The script comes from the share: the lab's folder may be under /dev,
        # which the guest's kernel covers, and the sources' path may hold blanks.
        argv += ["--", "-c", '"mount -t hostfs -o $NFSLAB_SHARE none /mnt && '
                 'exec /bin/bash /mnt/bin/guest-init.sh"']
        shutil.rmtree(f"{self.dir}/uml/{node}", ignore_errors=True)
        self._spawn(node, argv, f"{self.dir}/log/{node}",
                    {"LD_PRELOAD": self.share + "/bin/nfslab-xstate"})
        if wait:
            self.wait_ready(node, mounted=node != "server")

    def wait_ready(self, node, mounted=False, seconds=60):
        d = f"{self.share}/{node}"
        self._until(lambda: os.path.exists(d + "/ready") and
                    (not mounted or os.path.exists(d + "/mounted")), seconds, node)
        self.clock(node, 0)             # a boot leaves it up to 40 ms off

    def down(self):
        if not os.path.isdir(self.dir + "/pid"):
            return
        names = sorted(os.listdir(self.dir + "/pid"), key=lambda n: n == "switch")
        for n in names:
            self._kill(n)
        try:
            old = self.state().get("qlen")
            if old is not None:
                open(QLEN, "w").write(str(old))
        except (LabError, OSError):
            pass
        for f in ("state.json", "disk.img", "ctl", "cmd"):
            if os.path.exists(f"{self.dir}/{f}"):
                os.unlink(f"{self.dir}/{f}")
        for n in os.listdir(self.share):        # results stay in work/ only
            if n not in ("bin", "work"):
                p = f"{self.share}/{n}"
                shutil.rmtree(p) if os.path.isdir(p) else os.unlink(p)
        shutil.rmtree(self.dir + "/uml", ignore_errors=True)

    def wipe(self):
        """Empty the export, on the server itself."""
        self.run("server", ["sh", "-c", "find /export -mindepth 1 -maxdepth 1 "
                            "! -name lost+found -exec rm -rf {} +"], check=True)

    # ---- commands in a guest ---------------------------------------------
    def start(self, node, argv, user=0, group=None, cwd="/", stdin=None):
        """Start a command in a guest; returns its id at once."""
        self.check(node)
        self._seq += 1
        jid = f"{time.time_ns():x}-{os.getpid()}-{self._seq}"
        d, inp = f"{self.share}/{node}", ""
        if stdin is not None:
            with open(f"{d}/r/{jid}.in", "wb") as f:
                f.write(stdin if isinstance(stdin, bytes) else stdin.encode())
            inp = f"/lab/{node}/r/{jid}.in"
        fields = [str(user), str(user if group is None else group), cwd, inp] + list(argv)
        self._request(d, jid, fields)
        return jid

    def _request(self, d, jid, fields):
        data = b"".join(f.encode() + b"\0" for f in fields)
        if len(data) > 65000:
            raise LabError("command line too long")
        with open(f"{d}/q/{jid}.tmp", "wb") as f:
            f.write(data)
        os.rename(f"{d}/q/{jid}.tmp", f"{d}/q/{jid}.req")
        open(f"{d}/bell", "w").close()

    def poll(self, node, jid):
        """Exit code of a started command, None while it runs."""
        try:
            return int(open(f"{self.share}/{node}/r/{jid}.rc").read())
        except (FileNotFoundError, ValueError):
            return None

    def output(self, node, jid):
        def rd(ext):
            try:
                with open(f"{self.share}/{node}/r/{jid}.{ext}", "rb") as f:
                    return f.read().decode(errors="replace")
            except FileNotFoundError:
                return ""
        return rd("out"), rd("err")

    def wait(self, node, jid, timeout=None, clean=True):
        end = None if timeout is None else time.time() + timeout
        while True:
            rc = self.poll(node, jid)
            if rc is not None:
                break
            if end and time.time() > end:
                raise TimeoutError(f"{node}: {jid} still runs after {timeout} s")
            time.sleep(0.003)
        out, err = self.output(node, jid)
        if clean:
            self._clean(node, jid)
        return Result(rc, out, err)

    def _clean(self, node, jid):
        for ext in ("out", "err", "rc", "pid", "in"):
            try:
                os.unlink(f"{self.share}/{node}/r/{jid}.{ext}")
            except FileNotFoundError:
                pass

    def run(self, node, argv, timeout=None, check=False, **kw):
        if isinstance(argv, str):
            argv = ["bash", "-c", argv]
        r = self.wait(node, self.start(node, argv, **kw), timeout)
        if check and r.rc:
            raise LabError(f"{node}: {argv} gave {r.rc}: {r.err}{r.out}")
        return r

    # ---- faults ----------------------------------------------------------
    def switch(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.dir + "/cmd")
            s.sendall(line.encode() + b"\n")
            r = s.recv(4096).decode().strip()
        if r.startswith("error"):
            raise LabError("switch: " + r)
        return r

    def partition(self, node, direction="both"):
        self.check(node)
        return self.switch(f"cut {self.num(node)} {direction}")

    def heal(self, node):
        self.check(node)
        return self.switch(f"heal {self.num(node)}")

    def net(self, node, **kv):
        """loss_in, loss_out, dup_in, dup_out (percent), delay_in, delay_out (ms)"""
        self.check(node)
        return self.switch(f"set {self.num(node)} " + " ".join(f"{k}={v}" for k, v in kv.items()))

    def rst(self, node):
        self.check(node)
        return self.switch(f"rst {self.num(node)}")

    def _need(self, node):
        self.check(node)
        pid = self._pid(node)
        if pid is None:
            raise LabError(f"{node} is not running")
        return pid

    def pause(self, node):
        # The first process is the guest's kernel; all others do its bidding.
        os.kill(self._need(node), signal.SIGSTOP)

    def resume(self, node):
        os.kill(self._need(node), signal.SIGCONT)

    def kill(self, node):
        self._need(node)
        self._kill(node)

    def server_restart(self, down_for=0.0, wait=True):
        self.kill("server")
        time.sleep(down_for)
        self.boot("server", wait=wait)

    def _ask(self, node, fields):
        """A question that the agent answers itself: (host time of answer, text)"""
        self._seq += 1
        jid, d = f"{time.time_ns():x}-{os.getpid()}-{self._seq}", f"{self.share}/{node}"
        self._request(d, jid, fields)
        self._until(lambda: os.path.exists(f"{d}/r/{jid}.rc"), 10, node, 0.0003)
        t = time.time()
        text = open(f"{d}/r/{jid}.rc").read()
        self._clean(node, jid)
        return t, text

    def stamp(self, node):
        """Guest's realtime clock minus the host's, in seconds (good to 1 ms)."""
        best = None
        for _ in range(5):
            t, text = self._ask(node, ["stamp"])
            off = float(text.split()[0]) - t
            best = off if best is None else max(best, off)
        return best

    def clock(self, node, offset=None):
        """Set the guest's clock to the host's plus offset seconds."""
        self.check(node)
        if offset is not None:
            if self._ask(node, ["setclock", repr(offset - self.stamp(node))])[1] != "0\n":
                raise LabError(f"{node}: clock not set")
        return self.stamp(node)

    # ---- RPC counters ------------------------------------------------------
    def _counters(self, node):
        return parse_mountstats(self.run(node, ["cat", "/proc/self/mountstats"], check=True).out)

    def stats(self, node, reset=False, total=False):
        """{op: {ops, trans, timeouts, errors, sent, recv}} since the last reset."""
        self.check(node)
        cur, base, f = self._counters(node), {}, f"{self.share}/{node}/stats.base"
        if reset:
            with open(f + ".tmp", "w") as o:
                json.dump(cur, o)
            os.rename(f + ".tmp", f)
            return {}
        if not total and os.path.exists(f):
            base = json.load(open(f))
        res = {}
        for op, v in cur.items():
            b = base.get(op, {})
            dv = {k: v[k] - b.get(k, 0) for k in v}
            if dv["ops"] or dv["trans"]:
                res[op] = dv
        return res

    def memory(self):
        """{name: MiB of memory (PSS, all its processes)}"""
        res = {}
        for name in ["switch"] + self.nodes():
            pid, kb = self._pid(name), 0
            if pid is None:
                continue
            for d in os.listdir("/proc"):
                if not d.isdigit():
                    continue
                try:
                    s = open(f"/proc/{d}/stat").read().rsplit(")", 1)[1].split()
                    if int(s[2]) != pid:
                        continue
                    for line in open(f"/proc/{d}/smaps_rollup"):
                        if line.startswith("Pss:"):
                            kb += int(line.split()[1])
                except (OSError, IndexError):
                    continue
            res[name] = round(kb / 1024, 1)
        return res


def parse_mountstats(text, where="/spool"):
    res, on, ops = {}, False, False
    for line in text.splitlines():
        if line.startswith("device "):
            on, ops = f" mounted on {where} with fstype nfs" in line, False
        elif on and line.strip() == "per-op statistics":
            ops = True
        elif on and ops and ":" in line:
            name, nums = line.strip().split(":", 1)
            n = [int(x) for x in nums.split()]
            if len(n) >= 8:
                res[name] = dict(ops=n[0], trans=n[1], timeouts=n[2], sent=n[3],
                                 recv=n[4], errors=n[8] if len(n) > 8 else 0)
    return res


# ---- the command line ------------------------------------------------------
def cmd_exec(lab, a):
    argv = a.command[1:] if a.command[:1] == ["--"] else a.command
    if not argv:
        raise LabError("exec: no command")
    stdin = None
    if a.stdin:
        stdin = sys.stdin.buffer.read()
    jid = lab.start(a.node, argv, user=a.user, cwd=a.cwd, stdin=stdin)
    if a.detach:
        print(jid)
        return 0
    d, end = f"{lab.share}/{a.node}/r/{jid}", a.timeout and time.time() + a.timeout
    pos = {"out": 0, "err": 0}

    def pump():                         # print what is new
        for ext, to in (("out", sys.stdout.buffer), ("err", sys.stderr.buffer)):
            try:
                with open(f"{d}.{ext}", "rb") as f:
                    f.seek(pos[ext])
                    b = f.read()
            except FileNotFoundError:
                continue
            if b:
                pos[ext] += len(b)
                to.write(b)
                to.flush()
    n = 0
    while True:
        rc = lab.poll(a.node, jid)
        if rc is not None:
            pump()
            lab._clean(a.node, jid)
            return rc
        if end and time.time() > end:
            pump()
            print(f"nfslab: {a.node}: still running after {a.timeout} s: {jid}", file=sys.stderr)
            return 124
        n += 1
        if n % 10 == 0:
            pump()
        time.sleep(0.003)


def main():
    ap = argparse.ArgumentParser(prog="nfslab", description=__doc__.split("\n\n")[0])
    ap.add_argument("--dir", default=None, help=f"the lab's folder ({DEFAULT_DIR})")
    sub = ap.add_subparsers(dest="verb", required=True)

    def verb(name, help, node=True):
        p = sub.add_parser(name, help=help)
        p.add_argument("--dir", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if node:
            p.add_argument("node")
        return p
    p = verb("up", "boot a server and clients", False)
    p.add_argument("--clients", type=int, default=2)
    p.add_argument("--vers", choices=["3", "4.0", "4.1", "4.2"], default="4.2")
    p.add_argument("--mount-opts", default="")
    p.add_argument("--export-fs", choices=["tmpfs", "ext4"], default="ext4")
    p.add_argument("--lease", type=int, default=10, help="NFSv4 lease and grace, s (10)")
    p.add_argument("--mem", default="512M")
    p.add_argument("--server-mem", default="3G")
    verb("down", "kill all guests, remove the disk", False)
    verb("status", "what runs, its memory, clock and network rules", False)
    p = verb("exec", "run a command in a guest")
    p.add_argument("-d", "--detach", action="store_true", help="start it and print its id")
    p.add_argument("--user", type=int, default=0)
    p.add_argument("--cwd", default="/")
    p.add_argument("--stdin", action="store_true", help="pass on standard input (read to its end first)")
    p.add_argument("--timeout", type=float)
    p.add_argument("command", nargs=argparse.REMAINDER)
    p = verb("wait", "wait for a command started with exec -d")
    p.add_argument("id")
    p.add_argument("--timeout", type=float)
    p = verb("partition", "cut a guest off the network")
    p.add_argument("--dir-in", dest="way", action="store_const", const="in", default="both",
                   help="only towards the guest (replies are lost)")
    p.add_argument("--dir-out", dest="way", action="store_const", const="out",
                   help="only from the guest (requests are lost)")
    p.add_argument("--replies", dest="way", action="store_const", const="replies",
                   help="only what the NFS server answers (TCP still acknowledges)")
    verb("heal", "undo partition and net for a guest")
    p = verb("net", "lose, double or delay frames: loss_in=5 dup_in=5 delay_out=20 ...")
    p.add_argument("rule", nargs="+")
    verb("rst", "reset a guest's TCP connections to the NFS server")
    verb("pause", "freeze a guest")
    verb("resume", "let it go on")
    verb("kill", "power loss")
    verb("boot", "boot a killed guest again")
    p = verb("server-restart", "power-cycle the NFS server", False)
    p.add_argument("--down-for", type=float, default=0.0)
    p = verb("clock", "set a guest's clock to the host's plus SECONDS, or show it")
    p.add_argument("offset", nargs="?", type=float)
    p = verb("stats", "NFS RPC counters by operation since the last --reset")
    p.add_argument("--reset", action="store_true")
    p.add_argument("--total", action="store_true", help="since the mount")
    p.add_argument("--json", action="store_true")
    verb("wipe", "empty the export", False)

    # "--" belongs to exec's command; negative clock offsets are no options.
    argv = sys.argv[1:]
    if len(argv) >= 3 and argv[0] == "clock" and argv[2][:1] in "+-":
        argv[2:3] = ["--", argv[2]]
    if "exec" in argv[:3]:              # options may stand before or after NODE
        i, node = argv.index("exec") + 1, None
        opts = argv[:i]
        while i < len(argv) and argv[i] != "--":
            if argv[i] in ("--user", "--cwd", "--timeout", "--dir"):
                opts += argv[i:i + 2]
                i += 1
            elif argv[i].startswith("-"):
                opts.append(argv[i])
            elif node is None:
                node = argv[i]
            else:
                break                   # the command, without a "--"
            i += 1
        argv = opts + ([node] if node else []) + argv[i:]
    a = ap.parse_args(argv)
    lab = Lab(a.dir)
    t0 = time.time()
    if a.verb == "up":
        lab.up(clients=a.clients, vers=a.vers, mount_opts=a.mount_opts,
               export_fs=a.export_fs, lease=a.lease, mem=a.mem, server_mem=a.server_mem)
        print(f"up: server and {a.clients} clients, NFSv{a.vers}, {a.export_fs}, "
              f"{time.time() - t0:.1f} s, folder {lab.dir}, /lab = {lab.share}")
    elif a.verb == "down":
        lab.down()
    elif a.verb == "status":
        st, mem = lab.state(), lab.memory()
        print(f"NFSv{st['vers']} {st['export_fs']} lease {st['lease']} s "
              f"mount-opts '{st['mount_opts']}' total {sum(mem.values()):.0f} MiB")
        for n in lab.nodes():
            pid = lab._pid(n)
            if pid is None:
                print(f"{n:8} down")
                continue
            stopped = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T"
            clk = "frozen" if stopped else f"clock {lab.stamp(n):+.3f} s"
            print(f"{n:8} pid {pid} {mem.get(n)} MiB {clk} {lab.switch('show %d' % lab.num(n))}")
    elif a.verb == "exec":
        return cmd_exec(lab, a)
    elif a.verb == "wait":
        r = lab.wait(a.node, a.id, a.timeout)
        sys.stdout.write(r.out)
        sys.stderr.write(r.err)
        return r.rc
    elif a.verb == "partition":
        lab.partition(a.node, a.way)
    elif a.verb == "net":
        lab.net(a.node, **dict(r.split("=", 1) for r in a.rule))
    elif a.verb in ("heal", "rst", "pause", "resume", "kill", "boot"):
        getattr(lab, a.verb)(a.node)
    elif a.verb == "server-restart":
        lab.server_restart(a.down_for)
        print(f"server back after {time.time() - t0:.1f} s")
    elif a.verb == "clock":
        print(f"{lab.clock(a.node, a.offset):+.3f}")
    elif a.verb == "stats":
        s = lab.stats(a.node, a.reset, a.total)
        if a.json:
            print(json.dumps(s))
        elif not a.reset:
            for op, v in sorted(s.items(), key=lambda x: -x[1]["ops"]):
                print(f"{op:20} {v['ops']:8} ops {v['trans'] - v['ops']:4} retrans "
                      f"{v['timeouts']:4} timeouts {v['errors']:6} errors")
    elif a.verb == "wipe":
        lab.wipe()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LabError, TimeoutError) as e:
        print(f"nfslab: {e}", file=sys.stderr)
        sys.exit(125)
