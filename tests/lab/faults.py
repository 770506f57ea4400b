"""faults: what tests/chaos does to hosts, network, server and workers, drawn
from a seed.  Each is begun, and ended later; heal() ends all."""
import collections, time

FILL = ("sync; f=/disk/fill; for n in 1000M 100M 10M 1M 64K 4K; do i=0; "
        "while fallocate -l $n $f.$n.$i 2>/dev/null; do i=$((i+1)); done; rm -f $f.$n.$i; "
        "done; true")
UNFILL = "rm -f /disk/fill.*"
# The comm of all processes of a worker begins so; the N-th of them.
PICK = "set -- $(pgrep '^nfsq-worker'); [ $# -gt 0 ] || exit 3; n=$#; shift $(({} % n)); " \
    "echo \"$1 of $n\"; kill -{} $1"
PICK_COMMAND = "set -- $(pgrep -x nfsq); [ $# -gt 0 ] || exit 3; n=$#; shift $(({} % n)); kill -9 $1"
OFFSETS = (-3600, -600, -20, 20, 600, 3600)


class Faults:
    def __init__(self, world, cron, rng, lease):
        self.w, self.cron, self.rng, self.lease = world, cron, rng, lease
        self.lab = world.lab
        self.count = collections.Counter()
        self.full = []                  # [begin, end] of a full export
        self.next = time.time() + 3
        self.over = False
        u = rng.uniform
        L = lease
        self.kinds = [                  # weight, name, of a server?, begin
            (3, "power-off of a client, and boot", self.power, lambda: u(0.2, 2 * L)),
            (2, "freeze of a client below the lease", self.freeze, lambda: u(0.2, 0.7) * L),
            (3, "freeze of a client beyond the lease", self.freeze, lambda: u(1.2, 2.2) * L),
            (2, "client cut off both ways", self.cut("both"), lambda: u(0.3, 2.2) * L),
            (1, "client cut off, nothing reaches it", self.cut("in"), lambda: u(0.3, 2.2) * L),
            (1, "client cut off, nothing leaves it", self.cut("out"), lambda: u(0.3, 2.2) * L),
            (2, "server's replies to a client lost", self.cut("replies"), lambda: u(0.3, 2.2) * L),
            (3, "packets lost, doubled, delayed", self.net, lambda: u(3, 15)),
            (2, "connections reset", self.rst, None),
            (2, "clock step of a client", self.clock, None),
            (5, "kill -9 of a process of a worker", self.signal("9"), None),
            (2, "SIGTERM of a worker", self.signal("TERM"), None),
            (2, "SIGUSR1 of a worker", self.signal("USR1"), None),
            (2, "kill -9 of a command", self.kill_command, None),
        ]
        self.server_kinds = [
            (3, "power cycle of the server", self.server_power, lambda: 0.0),
            (2, "server down for some seconds", self.server_power, lambda: u(2, 1.5 * L)),
            (1, "freeze of the server", self.freeze, lambda: u(0.3, 1.5) * L),
            (1, "clock step of the server", self.clock, None),
            (2, "export full, then not", self.fill, lambda: u(3, 12)),
        ]

    # --- drawing
    def step(self):
        if self.over or time.time() < self.next:
            return
        self.next = time.time() + self.rng.uniform(1, 5)
        server = self.rng.random() < 0.22
        kinds = self.server_kinds if server else self.kinds
        _, name, begin, lasts = self.rng.choices(kinds, [k[0] for k in kinds])[0]
        span = lasts() if lasts else None
        order = [self.w.server] if server else self.rng.sample(self.w.clients,
                                                               len(self.w.clients))
        spare = self.rng.randrange(1 << 30)
        node = next((n for n in order if n.up and n.fault is None), None)
        if node is None:
            return
        if lasts and not server and sum(1 for n in self.w.clients if not n.up or n.fault) >= \
                len(self.w.clients) - 1:
            return                      # one client is left alone
        if lasts:
            node.fault = name
        begin(node, name, span, spare)

    def note(self, name, node, more=""):
        self.count[name] += 1
        self.w.say(f"{node.name}: {name}{more}")

    def lasting(self, name, node, span, end, more=""):
        self.note(name, node, f" for {span:.1f} s{more}")

        def over():
            if node.fault == name:
                node.fault = None
                end()
                self.w.say(f"{node.name}: end of: {name}")
        node.heal = over
        self.w.at(span, over)

    # --- each
    def power(self, node, name, span, spare):
        self.w.power_off(node)
        self.lasting(name, node, span, lambda: self.w.boot(node))

    server_power = power

    def freeze(self, node, name, span, spare):
        self.w.pause(node)
        self.lasting(name, node, span, lambda: self.w.resume(node))

    def cut(self, way):
        def begin(node, name, span, spare):
            self.lab.partition(node.name, way)
            self.lasting(name, node, span, lambda: self.lab.heal(node.name))
        return begin

    def net(self, node, name, span, spare):
        rules = {k: 1 + spare // (i * 7 + 3) % (60 if k.startswith("delay") else 12)
                 for i, k in enumerate(("loss_in", "loss_out", "dup_in", "dup_out", "delay_in",
                                        "delay_out")) if spare >> i & 1}
        rules = rules or {"loss_in": 5, "dup_out": 5}
        self.lab.net(node.name, **rules)
        self.lasting(name, node, span, lambda: self.lab.heal(node.name),
                     ": " + " ".join(f"{k}={v}" for k, v in rules.items()))

    def rst(self, node, name, span, spare):
        self.lab.rst(node.name)
        self.note(name, node)

    def clock(self, node, name, span, spare):
        off = OFFSETS[spare % len(OFFSETS)]
        self.lab.clock(node.name, off)
        self.note(name, node, f" to {off:+d} s")

    def signal(self, sig):
        def begin(node, name, span, spare):
            if sig == "9":
                def then(op):
                    if op.rc == 0:
                        self.note(name, node, f": {op.out.strip()}")
                node.killed = time.time()
                self.w.sh(node, PICK.format(spare, sig), name, then)
            elif self.cron.signal(node, sig):
                self.note(name, node)
        return begin

    def kill_command(self, node, name, span, spare):
        self.w.sh(node, PICK_COMMAND.format(spare), name,
                  lambda op: self.note(name, node) if op.rc == 0 else None)

    def fill(self, node, name, span, spare):
        self.w.sh(node, FILL, name)
        self.full.append([time.time(), None])

        def end():
            def then(op):
                self.full[-1][1] = time.time()
            self.w.sh(node, UNFILL, "make room", then)
        self.lasting(name, node, span, end)

    # --- the end
    def heal(self):
        """Everything is well again soon: nothing new begins."""
        self.over = True
        for n in self.w.nodes.values():
            if n.fault:
                n.heal()

    def set_clocks(self):
        for n in self.w.nodes.values():
            self.lab.clock(n.name, 0)
