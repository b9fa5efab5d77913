"""A network of daemons, each node in a network namespace of its own; killed and started by pid."""

import base64
import ctypes
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import time

LIBC = ctypes.CDLL(None)
# prctl(2): the signal that a process gets when its parent is gone.
PARENT_DEATH_SIGNAL = 1
HERE = os.path.dirname(os.path.abspath(__file__))
# Until a process answers or has ended, on a machine that is busy with others.
PROCESS_SECONDS = 60


class Failure(Exception):
    """Something that must not be."""


def wait_for(what, seconds, is_there, pause=0.05):
    """Waits for an event, up to a bound that only a hang reaches."""
    end = time.monotonic() + seconds
    while not is_there():
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s for {what} in vain")
        time.sleep(pause)


class Questions:
    """A connection to a node's API, over which many things are asked, some at a time."""

    # A server closes a connection with more than 16 questions ahead of their answers.
    AT_A_TIME = 12

    def __init__(self, port, seconds=10):
        context = ssl.create_default_context()
        # Whether it is the right node is what its clients check; here it is asked how it is.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=seconds))
        self.answers = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answers.close()
        self.socket.close()

    def ask(self, paths):
        """The data of each answer; None where it is an error."""
        found = []
        for start in range(0, len(paths), self.AT_A_TIME):
            some = paths[start:start + self.AT_A_TIME]
            self.socket.sendall("".join(
                f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n" for path in some).encode())
            found += [self.answer() for _ in some]
        return found

    def answer(self):
        """Reads one answer."""
        if not self.answers.readline().startswith(b"HTTP/1.1 "):
            raise OSError("the connection ended")
        length = 0
        while (line := self.answers.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.answers.read(length)).get("success", {}).get("data")


class Daemon:
    """A process of ours, from its start to its end."""

    def __init__(self, arguments, log, port):
        self.port = port
        self.output = open(log, "ab")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            arguments, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            start_new_session=True,
            # However this program ends, nothing is left, and what is stopped is no exception.
            preexec_fn=lambda: LIBC.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL))

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGKILL):
        """Ends the process, and waits until it has; returns its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(number)

    def wait(self, number):
        """Waits until the process, which was sent that signal, has ended; returns its status."""
        try:
            return self.process.wait(PROCESS_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"{self.process.args} did not end by signal {number}") from None
        finally:
            self.output.close()

    def check(self):
        """Fails, with the end of its log, if it has ended by itself."""
        if not self.is_running:
            with open(self.output.name, encoding="utf-8", errors="replace") as log:
                raise Failure(f"{self.process.args} ended with {self.process.returncode}: "
                              f"{log.read()[-1000:]}")

    @property
    def is_running(self):
        return self.process.poll() is None


class Node:
    """One node: its keys, directory, way to the others, and process."""

    def __init__(self, network, index, port):
        self.network, self.index, self.port = network, index, port
        self.name = f"node-{index:02}"
        self.directory = f"{network.folder}/{self.name}"
        self.key = f"{network.folder}/keys/{self.name}.key"
        self.daemon = None
        self.forwarder = None
        self.is_cut = self.is_stalled = False

    def open_way(self, ports):
        """Makes its namespace, and the way to the others."""
        ready = f"{self.network.folder}/{self.name}.ready"
        others = [str(port) for port in ports if port != self.port]
        self.forwarder = Daemon(
            ["python3", f"{HERE}/forwarder.py", ready, str(self.port)] + others,
            f"{self.network.folder}/logs/{self.name}.forwarder.log", self.port)
        wait_for(f"the forwarder of {self.name}", PROCESS_SECONDS,
                 lambda: os.path.exists(ready) or not self.forwarder.is_running)
        self.forwarder.check()

    def start(self):
        inside = ([] if self.forwarder is None
                  else ["nsenter", f"--net=/proc/{self.forwarder.process.pid}/ns/net"])
        self.daemon = Daemon(
            inside + [self.network.walrus, "node", "--dir", self.directory, "--key", self.key,
             "--genesis", self.network.genesis, "--network", self.network.url,
             "--listen", f"127.0.0.1:{self.port}"],
            f"{self.network.folder}/logs/{self.name}.log", self.port)

    def kill(self):
        self.daemon.end(signal.SIGKILL)

    def stop(self):
        """Ends it as a service manager does."""
        self.ended(self.daemon.end(signal.SIGTERM))

    def ended(self, status):
        if status != 0:
            raise Failure(f"{self.name} ended with {status}")

    def wipe(self):
        """Loses its disk, and gets an empty one."""
        self.kill()
        self.network.run("node", "replace", self.directory)

    def received(self):
        """Bytes that have come to it from each of the others, by their ports."""
        counts = f"{self.network.folder}/{self.name}.ready"
        os.remove(counts)
        self.forwarder.send(signal.SIGUSR1)
        wait_for("counts", PROCESS_SECONDS, lambda: os.path.exists(counts))
        with open(counts, encoding="ascii") as file:
            return {int(port): count for port, count in json.load(file).items()}

    def cut(self):
        self.forwarder.send(signal.SIGSTOP)
        self.is_cut = True

    def heal(self):
        if self.is_cut:
            self.forwarder.send(signal.SIGCONT)
            self.is_cut = False

    def stall(self):
        """Stands still: it takes connections, and answers nothing."""
        self.daemon.send(signal.SIGSTOP)
        self.is_stalled = True

    def go_on(self):
        if self.is_stalled:
            self.daemon.send(signal.SIGCONT)
            self.is_stalled = False

    def get(self, path):
        """The data of an answer of its API; None if it does not answer."""
        try:
            with Questions(self.port) as questions:
                return questions.ask([path])[0]
        except (OSError, ValueError):
            return None

    def is_whole(self, height=0):
        """Whether it says that it has all that it should have, up to a block at least."""
        health = self.get("/v1/health")
        return (bool(health) and health["nodeStatus"] == "Active"
                and not health["blobsIncomplete"]
                and health["eventProgress"]["persisted"] >= height)


class Network:
    """A ledger and nodes; founded by `walrus devnet`, then run one by one."""

    def __init__(self, walrus, folder, count, shards=None, epoch_seconds=0):
        self.walrus, self.folder = walrus, folder
        self.genesis = f"{folder}/genesis.bcs"
        self.administrator = f"{folder}/keys/ledger.key"
        self.shard_count = shards or count
        # 0: epochs end when the administrator says so.
        self.epoch_seconds = epoch_seconds
        found = subprocess.Popen(  # pylint: disable=consider-using-with
            [walrus, "devnet", "--dir", folder, "--nodes", str(count), "--n-shards",
             str(self.shard_count)]
            + (["--epoch-duration", f"{epoch_seconds}s"] if epoch_seconds else []), stdout=subprocess.DEVNULL)
        report = f"{folder}/devnet.json"
        try:
            wait_for("the devnet", 2 * PROCESS_SECONDS,
                     lambda: os.path.exists(report) or found.poll() is not None)
            with open(report, encoding="utf-8") as file:
                founded = json.load(file)
        finally:
            found.terminate()
            found.wait(PROCESS_SECONDS)
        self.url = founded["network"]
        ports = [int(part["url"].rsplit(":", 1)[1]) for part in founded["processes"]]
        self.ports = ports
        self.nodes = [Node(self, index, port) for index, port in enumerate(ports[1:])]
        self.ledger = None

    def start(self, with_ways=range(1000)):
        """Starts all of it; the nodes with these numbers have a namespace of their own."""
        self.start_ledger()
        for node in self.nodes:
            if node.index in with_ways:
                node.open_way(self.ports)
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            wait_for(node.name, PROCESS_SECONDS,
                     lambda one=node: one.is_whole() or not one.daemon.is_running)
            node.daemon.check()

    def start_ledger(self):
        port = self.ports[0]
        self.ledger = Daemon(
            [self.walrus, "ledger", "--dir", f"{self.folder}/ledger", "--key", self.administrator,
             "--genesis", self.genesis, "--listen", f"127.0.0.1:{port}", "--restore"],
            f"{self.folder}/logs/ledger.log", port)

        def answers():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_for("the ledger", PROCESS_SECONDS, answers)

    def heal(self):
        """Ends partitions and stalls, so that nothing that waits for them hangs."""
        for node in self.nodes:
            node.heal()
            node.go_on()

    def stop(self):
        """Ends all nodes as a service manager does, together."""
        for node in self.nodes:
            node.daemon.send(signal.SIGTERM)
        for node in self.nodes:
            # A second signal would not wait for an orderly end.
            node.ended(node.daemon.wait(signal.SIGTERM))

    def close(self):
        """Ends whatever runs."""
        self.heal()
        for node in self.nodes:
            for daemon in node.daemon, node.forwarder:
                if daemon and daemon.is_running:
                    daemon.end()
        if self.ledger and self.ledger.is_running:
            self.ledger.end()

    def run(self, *arguments, seconds=PROCESS_SECONDS):
        """Runs a command of `walrus` that must succeed; returns what it printed."""
        environment = dict(os.environ, WALRUS_NETWORK=self.url)
        done = subprocess.run(
            [self.walrus, *arguments], capture_output=True, text=True, timeout=seconds,
            env=environment, check=False)
        if done.returncode != 0:
            raise Failure(f"walrus {' '.join(arguments)}: {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def shards(self):
        """Who has which shards now: lists by node index; the epoch, and whether shards move."""
        info = json.loads(self.run("info", "all", "--json"))
        by_port = {f"https://127.0.0.1:{node.port}": node.index for node in self.nodes}
        held = {node.index: [] for node in self.nodes}
        for member in info["committeeInfo"]:
            held[by_port[member["networkAddress"]]] = member["shardIds"]
        epoch = info["epochInfo"]
        return held, epoch["currentEpoch"], epoch["state"] == "EpochChangeSync"

    # What the ledger says

    def ask_ledger(self, question, *values):
        """Rows of the ledger's database."""
        database = sqlite3.connect(f"file:{self.folder}/ledger/ledger.db?mode=ro", uri=True)
        try:
            return database.execute(question, values).fetchall()
        finally:
            database.close()

    def height(self):
        """The newest block's."""
        return self.ask_ledger("SELECT max(height) FROM blocks")[0][0]

    def certified(self):
        """The ids of all certified blobs that a pool or an owner keeps (ledger-state.md)."""
        blobs = set()
        # Where the description is, and the byte that says whether a certified epoch follows.
        for kind, start, flag in (8, 64, 149), (6, 64, 141):
            rows = self.ask_ledger(
                "SELECT value FROM state WHERE substr(key, 1, 1) = ?", bytes([kind]))
            blobs.update(value[start:start + 32] for value, in rows if value[flag] == 1)
        return sorted(blobs)

    def slivers(self, blobs):
        """The names of all slivers of these blobs: blob, pair and kind."""
        return [(blob, pair, axis) for blob in blobs for pair in range(self.shard_count)
                for axis in ("primary", "secondary")]

    def missing(self, slivers):
        """Those of these slivers that their shards do not report as stored."""
        held, _, _ = self.shards()
        holder = {shard: index for index, shards in held.items() for shard in shards}
        by_node = {}
        for sliver in slivers:
            blob, pair, _ = sliver
            rotation = int.from_bytes(blob, "big") % self.shard_count
            by_node.setdefault(holder[(pair + rotation) % self.shard_count], []).append(sliver)
        missing = []
        for index, some in by_node.items():
            paths = [f"/v1/blobs/{base64.urlsafe_b64encode(blob).decode().rstrip('=')}"
                     f"/slivers/{pair}/{axis}/status" for blob, pair, axis in some]
            try:
                with Questions(self.nodes[index].port) as questions:
                    answers = questions.ask(paths)
            except (OSError, ValueError):
                answers = [None] * len(some)
            missing += [sliver for sliver, answer in zip(some, answers) if answer != "stored"]
        return missing
