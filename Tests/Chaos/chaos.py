"""Thirteen storage nodes as daemons, under load, while they are killed, restarted, wiped and cut off.

    chaos.py PRODUCTS SECONDS [SEED]

PRODUCTS has walrus and walrusfs. A volume is mounted with fsync=network and written by rsync and
others, read with dropped caches and by machines that have only the key; blobs are stored and read.
Meanwhile nodes are killed, restarted, wiped (`walrus node replace`), stopped and cut off from all
others, never more than f shards at once, a node that is not whole again counted; the ledger is killed
and started again; epochs end when their time is over (a minute in long runs), with nodes that leave and
come back, so that shards move, and others that get new keys. For SECONDS; then all is healed. None of the
operations may fail or take longer than 30 seconds, every node must become whole (every shard reports
every certified blob as stored), and everything must read back identical. As root, for namespaces.
"""

import functools
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from network import Failure, Network, wait_for
from workload import Workload

NODES = 13
# A network of n shards survives (n - 1) / 3 that are faulty.
FAULTY = (NODES - 1) // 3
# Until every node is whole again, on a machine that is busy with others.
HEALING_SECONDS = 240


class Chaos:
    """Which faults there are now, and which come next."""

    def __init__(self, network, workload, seed, seconds):
        self.network, self.workload = network, workload
        self.random = random.Random(seed)
        self.start = time.monotonic()
        # Nodes that are down or cut off, with when that is over and how.
        self.faulty = {}
        # Nodes that are there again and not whole yet, with since when and the block to reach.
        self.healing = {}
        self.longest = self.healed_after = 0
        self.held, self.epoch, self.is_changing = network.shards()
        self.changing_since = self.start
        self.next_look = self.start
        # Nodes that have left, and whoever leaves or comes back now.
        self.left, self.moving = [], None
        self.ledger_pause = min(40, seconds / 3)
        self.next_ledger_kill = self.start + self.ledger_pause
        self.counts = {}

    def say(self, text):
        print(f"{time.monotonic() - self.start:7.1f}  {text}", flush=True)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def weight(self, index):
        """Shards that are in danger with a node: those on their way to it count already."""
        return max(1, len(self.held[index]))

    @property
    def room(self):
        unwhole = set(self.faulty) | set(self.healing)
        is_moving = self.is_changing or self.moving is not None
        return FAULTY - sum(map(self.weight, unwhole)) - (1 if is_moving else 0)

    def step(self):
        now = time.monotonic()
        for index, (end, mend) in list(self.faulty.items()):
            if now >= end:
                mend()
                del self.faulty[index]
                self.healing[index] = now, self.network.height()
                self.say(f"{self.network.nodes[index].name} is back")
        for index, (since, height) in list(self.healing.items()):
            if self.network.nodes[index].is_whole(height):
                del self.healing[index]
                self.longest = max(self.longest, now - since)
                self.say(f"{self.network.nodes[index].name} is whole after {now - since:.1f} s")
            elif now - since > HEALING_SECONDS:
                raise Failure(f"{self.network.nodes[index].name} does not become whole")
        for node in self.network.nodes:
            if node.index not in self.faulty:
                node.daemon.check()
        self.break_ledger(now)
        if now >= self.next_look:
            self.look_at_epoch(now)
            self.next_look = now + 2
        self.break_something(now)

    def break_something(self, now):
        able = [node for node in self.network.nodes
                if node.index not in self.faulty and node.index not in self.healing
                and self.weight(node.index) <= self.room]
        if not able or self.random.random() < 0.3:
            return
        node = self.random.choice(able)
        what = self.random.choice(["kill", "restart", "wipe", "wipe", "cut", "cut", "stall"])
        end = now + self.random.uniform(1, 8)
        self.say(f"{what} {node.name}")
        self.count(what)
        if what == "kill":
            node.kill()
            self.faulty[node.index] = end, node.start
        elif what == "restart":
            node.stop()
            self.faulty[node.index] = now, node.start
        elif what == "wipe":
            node.wipe()
            self.faulty[node.index] = end, node.start
        elif what == "cut":
            node.cut()
            self.faulty[node.index] = end, node.heal
        else:
            node.stall()
            self.faulty[node.index] = end, node.go_on

    def break_ledger(self, now):
        """Kills the ledger now and then, and starts it again a moment later.

        Nothing else is done meanwhile: whatever waits for the ledger waits no longer than that.
        """
        self.network.ledger.check()
        if now < self.next_ledger_kill:
            return
        self.network.ledger.end(signal.SIGKILL)
        self.say("the ledger was killed")
        self.count("ledger kill")
        time.sleep(self.random.uniform(0, 3))
        self.network.start_ledger()
        self.say("the ledger is back")
        self.next_ledger_kill = time.monotonic() + self.ledger_pause * self.random.uniform(0.5, 1.5)

    def look_at_epoch(self, now):
        """Notices that the ledger has begun an epoch, and has some of the next be another."""
        before, was_changing = self.epoch, self.is_changing
        self.held, self.epoch, self.is_changing = self.network.shards()
        if self.is_changing and not was_changing:
            self.changing_since = now
        elif self.is_changing and now > self.changing_since + HEALING_SECONDS:
            raise Failure("the change of epochs does not end")
        if self.moving is not None and not self.is_changing:
            has_shards = bool(self.held[self.moving.index])
            if has_shards == (self.moving not in self.left):
                self.moving = None
        if self.epoch == before:
            return
        self.say(f"epoch {self.epoch} has begun")
        self.count("epoch")
        self.change_members()
        if self.random.random() < 0.5:
            # Its network key changes at once, its protocol key with the next epoch.
            node = self.random.choice(self.network.nodes)
            self.network.run("node", "rotate", "--key", node.key)
            self.say(f"{node.name} has new keys")
            self.count("rotation")

    def change_members(self):
        """Has a node leave, or one that left come back, with an epoch that is still to come."""
        if self.moving is not None:
            return
        if self.left and self.random.random() < 0.5:
            node = self.left.pop(0)
            self.network.run(
                "node", "register", "--key", node.key, "--name", node.name, "--address",
                f"https://127.0.0.1:{node.port}", "--administrator", self.network.administrator)
            self.say(f"{node.name} comes back")
            self.count("return")
        elif len(self.left) < 2:
            # Too many at once, and the others could not hold their shards (walrus-system.md, 6.2).
            node = self.random.choice([node for node in self.network.nodes if node not in self.left])
            self.network.run("node", "leave", "--key", node.key)
            self.left.append(node)
            self.say(f"{node.name} leaves")
            self.count("leave")
        else:
            return
        self.moving = node

    def heal(self):
        """Ends all faults, and waits until every node is whole."""
        for mend in [mend for _, mend in self.faulty.values()]:
            mend()
        self.faulty = {}
        self.say("all faults are over")
        start = time.monotonic()
        height = self.network.height()
        for node in self.network.nodes:
            wait_for(f"{node.name} to be whole", HEALING_SECONDS,
                     functools.partial(node.is_whole, height))
        self.say(f"every node says that it is whole, {time.monotonic() - start:.1f} s later")
        wait_for("the change of epochs to end", HEALING_SECONDS,
                 lambda: not self.network.shards()[2])
        blobs = self.network.certified()
        missing = self.network.slivers(blobs)

        def everything_is_there():
            missing[:] = self.network.missing(missing)
            self.say(f"{len(missing)} slivers of {len(blobs)} certified blobs are missing")
            return not missing
        try:
            wait_for("slivers", HEALING_SECONDS, everything_is_there, 1)
        except Failure as failure:
            shown = "\n".join(f"{blob.hex()} {pair} {axis}" for blob, pair, axis in missing[:20])
            raise Failure(f"{failure}; {len(missing)} are missing:\n{shown}") from failure
        self.healed_after = time.monotonic() - start
        self.say(f"every shard reports every certified blob, {self.healed_after:.1f} s later")

    def report(self):
        """What happened, in figures."""
        count = lambda what: self.counts.get(what, 0)
        clock = self.workload.clock
        return "\n".join([
            f"    operations   {clock.total}, the longest {clock.worst}; none failed",
            f"                 {clock.report()}; {self.workload.rounds} rsyncs",
            f"    nodes        {count('kill')} kills, {count('restart')} restarts, {count('wipe')} "
            f"wipes, {count('cut')} partitions, {count('stall')} stalls",
            f"    ledger       {count('ledger kill')} kills",
            f"    epochs       {count('epoch')}, by their duration of {self.network.epoch_seconds} s; "
            f"{count('leave')} nodes left, {count('return')} came back, {count('rotation')} new keys",
            f"    wholeness    all {len(self.network.nodes)} nodes ended whole, {self.healed_after:.1f} "
            f"s after the last fault; at most {self.longest:.1f} s after a fault of their own"])


def epoch_seconds(seconds):
    """How long an epoch lasts in a run of so long: a minute, in short ones less.

    What is stored lives for 53 epochs, and must outlive the run and its end.
    """
    return round(max(10, min(60, seconds / 4), seconds / 40))


def run(products, seconds, seed, folder):
    network = Network(f"{products}/walrus", f"{folder}/network", NODES,
                      epoch_seconds=epoch_seconds(seconds))
    workload = Workload(network, f"{products}/walrusfs", folder, seed)
    try:
        network.start()
        workload.start()
        chaos = Chaos(network, workload, seed, seconds)
        while time.monotonic() < chaos.start + seconds:
            workload.check()
            chaos.step()
            time.sleep(0.5)
        workload.finish()
        chaos.heal()
        workload.verify()
        chaos.say("everything reads back")
        workload.mount.unmount("--sync")
        network.stop()
        print(chaos.report(), flush=True)
    finally:
        network.heal()
        workload.ending.set()
        workload.mount.close()
        network.close()


def main():
    products, seconds = os.path.realpath(sys.argv[1]), float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 31)
    print(f"chaos: {seconds:.0f} seconds; seed {seed}", flush=True)
    # So that everything is ended and removed by the way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix="walrus-chaos-")
    try:
        run(products, seconds, seed, folder)
    except Exception:
        kept = os.environ.get("WALRUS_CHAOS_LOGS")
        if kept:
            shutil.copytree(f"{folder}/network/logs", kept, dirs_exist_ok=True)
            shutil.copy(f"{folder}/writer-home/volumes/volume/mount.log", kept)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("chaos: done")


if __name__ == "__main__":
    main()
