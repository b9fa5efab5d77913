"""Figures of a network of daemons that loses nodes.

    network_bench.py PRODUCTS [--runs 5] [--shards 52]

Two networks of thirteen nodes on this machine, and one blob a run, as long as blobs of such a network
get (symbols of 65,534 bytes). On one of them 1 and then f nodes are killed; from 10 seconds after that,
blobs are stored and read there and on the other, which is healthy, by turns, because other programs may
be using the machine. The figures are medians, and the ratio of the two. Then all are started again, and
when they are whole one is wiped: what came to it over the wire (TLS, HTTP, proofs and metadata included;
without the ledger's blocks), by the bytes of the slivers that it rebuilt, and the time from the kill until
every shard reports every certified blob as stored. As root, for the namespace in which it is counted.
"""

import argparse
import hashlib
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Chaos"))
# pylint: disable=wrong-import-position
from network import Network, wait_for  # noqa: E402

NODES = 13
SYMBOL_BYTES = 65534
# The counted node, which is wiped in the end and never killed before.
WIPED = 0


class Bench:
    """One network, and what is measured on it."""

    def __init__(self, products, folder, shards):
        self.folder = folder
        self.network = Network(f"{products}/walrus", f"{folder}/network", NODES, shards)
        faulty = (shards - 1) // 3
        self.rows, self.columns = shards - 2 * faulty, shards - faulty
        self.shards = shards
        self.length = self.rows * self.columns * SYMBOL_BYTES
        # As many nodes as hold at most f shards.
        self.nodes_faulty = faulty // -(-shards // NODES)

    def once(self, index):
        """Seconds to store a new blob, and to read it back."""
        path = f"{self.folder}/file"
        with open(path, "wb") as file:
            file.write(os.urandom(self.length))
        start = time.monotonic()
        said = self.network.run("store", "--json", "--epochs", "20", "--account",
                                f"{self.folder}/account.key", path, seconds=600)
        stored = time.monotonic() - start
        blob = said.split('"blobId"')[1].split('"')[1]
        start = time.monotonic()
        self.network.run("read", "--out", path + ".read", "--", blob, seconds=600)
        read = time.monotonic() - start
        with open(path, "rb") as one, open(path + ".read", "rb") as other:
            if hashlib.file_digest(one, "sha256").digest() != hashlib.file_digest(
                    other, "sha256").digest():
                raise SystemExit(f"run {index}: the blob differs")
        return stored, read

    def kill(self, count):
        """Has that many nodes be down, the last ones, for ten seconds already."""
        for node in self.network.nodes[-count:]:
            if node.daemon.is_running:
                node.kill()
        time.sleep(10)

    def restart(self):
        height = self.network.height()
        for node in self.network.nodes:
            if not node.daemon.is_running:
                node.start()
        for node in self.network.nodes:
            wait_for(f"{node.name} to be whole", 900, lambda one=node: one.is_whole(height), 0.5)

    def wipe(self):
        """What it costs to make a node whole that has lost its disk."""
        node = self.network.nodes[WIPED]
        blobs = self.network.certified()
        slivers = self.network.slivers(blobs)
        wait_for("slivers", 600, lambda: not self.network.missing(slivers), 1)
        held = len(self.network.shards()[0][WIPED])
        rebuilt = len(blobs) * held * (self.rows + self.columns) * SYMBOL_BYTES
        ledger = self.network.ports[0]

        def received():
            return sum(count for port, count in node.received().items() if port != ledger)
        before = received()
        start = time.monotonic()
        node.daemon.end(signal.SIGKILL)
        self.network.run("node", "replace", node.directory)
        node.start()
        height = self.network.height()
        wait_for("the node to be whole", 1800, lambda: node.is_whole(height), 0.25)
        wait_for("every sliver", 600, lambda: not self.network.missing(slivers), 0.25)
        return rebuilt, received() - before, time.monotonic() - start, len(blobs)


def compare(bench, healthy, down, runs):
    """Medians of storing and reading, in bytes a second, here and on a healthy network."""
    load = os.getloadavg()[0]
    times = {bench: [], healthy: []}
    for index in range(runs):
        for one in healthy, bench:
            times[one].append(one.once(index))
    rates = [[bench.length / statistics.median(column) for column in zip(*times[one])]
             for one in (bench, healthy)]
    print(f"{down} nodes down, at a load of {load:.1f}; seconds to store and to read:", flush=True)
    for name, one in ("down", bench), ("healthy", healthy):
        print(f"  {name}: " + " ".join(f"{stored:.2f}/{read:.2f}" for stored, read in times[one]))
    return rates, load


def table(bench, rates, wiped, runs):
    """The figures as they stand in Docs/Benchmarks.md."""
    print("\n| nodes down | store, MB/s | healthy | ratio | read, MB/s | healthy | ratio | load |\n"
          "|---|---|---|---|---|---|---|---|")
    for down, ((here, healthy), load) in rates.items():
        cells = [f"{one / 1e6:.1f} | {other / 1e6:.1f} | {one / other:.2f}"
                 for one, other in zip(here, healthy)]
        print(f"| {down} | {' | '.join(cells)} | {load:.0f} |")
    rebuilt, received, seconds, count = wiped
    print(f"\n{NODES} nodes with {bench.shards} shards, blobs of {bench.length / 1e6:.1f} MB, "
          f"{runs} runs. A wiped node rebuilt {rebuilt / 1e6:.0f} MB of slivers of {count} blobs "
          f"(symbols of {SYMBOL_BYTES:,} bytes) and received {received / 1e6:.0f} MB for it: "
          f"{received / rebuilt:.3f}. From its kill until every shard reported every blob stored: "
          f"{seconds:.1f} s.")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("products")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--shards", type=int, default=52)
    options = options.parse_args()
    folder = tempfile.mkdtemp(prefix="walrus-bench-")
    benches = []
    try:
        for name in "one", "other":
            os.mkdir(f"{folder}/{name}")
            bench = Bench(os.path.realpath(options.products), f"{folder}/{name}", options.shards)
            benches.append(bench)
            bench.network.start(with_ways=[WIPED])
            # The first of all pays for what is made once.
            bench.once(-1)
        bench, healthy = benches
        rates = {0: compare(bench, healthy, 0, options.runs)}
        for down in 1, bench.nodes_faulty:
            bench.kill(down)
            rates[down] = compare(bench, healthy, down, options.runs)
        healthy.network.close()
        bench.restart()
        table(bench, rates, bench.wipe(), options.runs)
    finally:
        for bench in benches:
            bench.network.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
