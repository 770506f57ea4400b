"""world: the lab of tests/chaos: guests that come and go, commands in them that
may never end, and what the server's disk shows.  Nothing here waits.
"""
import collections, os, shutil, threading, time

import judge
from bench import GUEST_ENV, Fail

BOOT_MAX = 120          # s; then it is booted again
STALL = 0.25            # s without a tick of a guest: its host had no time for it


class Node:
    def __init__(self, name):
        self.name, self.epoch, self.up, self.off = name, 0, False, 0.0
        self.booting = None             # when, while it boots
        self.fault = None               # that lasts
        self.killed = 0.0               # when a process of a worker was, last
        self.frozen = []                # [begin, end], by intent
        self.stalled = []               # (begin, end), for want of processor


class Op:
    """A command in a guest.  rc None: it died with its guest."""

    def __init__(self, node, jid, name, then):
        self.node, self.jid, self.name, self.then = node, jid, name, then
        self.sent, self.ended = time.time(), None
        self.rc, self.out, self.err = None, "", ""


class World:
    def __init__(self, bench, spool):
        self.b, self.lab, self.s = bench, bench.lab, spool
        self.began = time.time()
        self.nodes = {n: Node(n) for n in self.lab.nodes()}
        self.server = self.nodes["server"]
        self.clients = [n for n in self.nodes.values() if n is not self.server]
        self.ops, self.timers = [], []
        self.on_up = []                 # functions of a node
        self.tokens, self.looked, self.look_began = [], 0.0, 0.0
        self.looks = 0
        self.ends = collections.defaultdict(dict)   # id: {token of an end: when seen first}
        self._looking = False
        self.pulses = bench.work + "/pulse"
        os.mkdir(self.pulses)
        self.logs = self.lab.dir + "/log/workers"
        shutil.rmtree(self.logs, ignore_errors=True)
        os.makedirs(self.logs)
        self._over, self.longest = False, 0.0
        self._thread = threading.Thread(target=self._watch_pulses, daemon=True)
        for n in self.nodes.values():
            n.up = True
            self._pulse(n)
        self._thread.start()

    def say(self, text):
        print(f"{time.time() - self.began:7.1f}  {text}", flush=True)

    def at(self, seconds, func):
        self.timers.append((time.time() + seconds, func))

    # --- commands
    def start(self, node, argv, name, then=None):
        op = Op(node, self.lab.start(node.name, argv), name, then)
        self.ops.append(op)
        return op

    def sh(self, node, script, name, then=None):
        return self.start(node, ["sh", "-c", script], name, then)

    def nfsq(self, node, *args, then=None):
        return self.start(node, self.s.argv(*args), " ".join(map(str, args)), then)

    def waiting(self, node):
        return sum(1 for op in self.ops if op.node is node)

    def _end_op(self, op, rc):
        op.ended, op.rc = time.time(), rc
        op.out, op.err = self.lab.output(op.node.name, op.jid)
        self.lab._clean(op.node.name, op.jid)
        self.ops.remove(op)
        if op.then:
            op.then(op)

    # --- guests
    def power_off(self, node):
        self.lab.kill(node.name)
        node.up, node.booting, node.off = False, None, time.time()
        for op in [op for op in self.ops if op.node is node]:
            self._end_op(op, self.lab.poll(node.name, op.jid))
        node.epoch += 1

    def boot(self, node):
        self.lab.boot(node.name, wait=False)
        node.booting = time.time()

    def _booted(self, node):
        d = f"{self.lab.share}/{node.name}"
        if os.path.exists(d + "/ready") and (node is self.server or
                                             os.path.exists(d + "/mounted")):
            self.lab.clock(node.name, 0)
            node.booting, node.up = None, True
            self._pulse(node)
            for f in self.on_up:
                f(node)
        elif time.time() - node.booting > BOOT_MAX:
            self.say(f"{node.name} did not come up in {BOOT_MAX} s: once more")
            self.power_off(node)
            self.boot(node)

    def pause(self, node):
        node.frozen.append([time.time(), None])
        self.lab.pause(node.name)

    def resume(self, node):
        self.lab.resume(node.name)
        node.frozen[-1][1] = time.time()

    # --- does a guest get its time?
    def _pulse(self, node):
        self.lab.start(node.name, GUEST_ENV + [
            "NFSQ_JOB_ID=0", f"NFSQ_ATTEMPT={node.epoch}", f"NFSQ_WORKER={node.name}",
            "sh", "-c", "exec /lab/work/bin/mark /lab/work/pulse 1e9 >/dev/null"])

    def _watch_pulses(self):
        seen = {}                       # node: (epoch, path, time)
        while not self._over:
            time.sleep(0.02)
            for n in self.nodes.values():
                epoch, path, last = seen.get(n.name, (None, None, None))
                if epoch != n.epoch or path is None:
                    start = f"0.{n.epoch}.{n.name}."
                    path = next((f"{self.pulses}/{f}" for f in os.listdir(self.pulses)
                                 if f.startswith(start) and f.endswith(".T")), None)
                    seen[n.name] = (n.epoch, path, None)
                    continue
                t = os.stat(path).st_mtime
                if last and t > last and not any(
                        f[0] < t and last < (f[1] or t) for f in n.frozen[-2:]):
                    self.longest = max(self.longest, t - last)
                    if t - last > STALL:
                        n.stalled.append((last, t))
                seen[n.name] = (epoch, path, t)

    # --- the server's disk
    def look(self, every):
        if self._looking or not self.server.up or time.time() - self.looked < every:
            return
        self._looking = True
        at = time.time()

        def then(op):
            self._looking = False
            self.looked = time.time()
            if op.rc != 0:
                return
            self.looks += 1
            self.tokens = judge.tokens(op.out)
            for i, folder, name in self.tokens:
                if folder.split("/")[0] in ("done", "failed", "cancelled", "corrupt"):
                    self.ends[i].setdefault(name, time.time())
            self.look_began = at
        self.sh(self.server, f"cd /export/{self.s.name} && find queue held waiting workers done "
                "failed cancelled corrupt -type l; true", "look", then)

    # --- a step
    def step(self):
        for op in list(self.ops):
            if op not in self.ops:
                continue
            rc = self.lab.poll(op.node.name, op.jid)
            if rc is not None:
                self._end_op(op, rc)
        for n in self.nodes.values():
            if n.booting:
                self._booted(n)
            elif n.up and self.lab._pid(n.name) is None:
                raise Fail(f"the guest {n.name} died by itself")
        now = time.time()
        due = [f for t, f in self.timers if t <= now]
        self.timers = [(t, f) for t, f in self.timers if t > now]
        for f in due:
            f()

    def close(self):
        self._over = True
        self._thread.join()
