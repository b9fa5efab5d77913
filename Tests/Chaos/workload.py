"""What is done on the network meanwhile. Whatever a worker has noted was promised, and must be there.

Each call of a worker is timed: none may fail, and none may take longer than the bound.
"""

import contextlib
import hashlib
import os
import random
import shutil
import subprocess
import threading
import time

from network import Failure

# What a single operation may take (the promise of the network under f faults).
OPERATION_SECONDS = 30


class Clock:
    """How long operations have taken, by kind."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts, self.longest = {}, {}

    @contextlib.contextmanager
    def time(self, kind, what=""):
        """Times an operation, which fails when it takes too long."""
        start = time.monotonic()
        yield
        seconds = time.monotonic() - start
        with self.lock:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.longest[kind] = max(self.longest.get(kind, 0), seconds)
        if seconds > OPERATION_SECONDS:
            raise Failure(f"{kind} {what} took {seconds:.1f} s")

    @property
    def total(self):
        """How many operations there were."""
        return sum(self.counts.values())

    @property
    def worst(self):
        """The longest operation of all, with its kind."""
        kind = max(self.longest, key=self.longest.get)
        return f"{self.longest[kind]:.1f} s ({kind})"

    def report(self):
        return ", ".join(
            f"{self.counts[kind]} {kind} (longest {self.longest[kind]:.1f} s)"
            for kind in sorted(self.counts))


def digest(path, chunk=1 << 18, clock=None):
    """The hash of a file whose pages the kernel has let go of."""
    hashed = hashlib.sha256()
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        while True:
            with clock.time("read", path) if clock else contextlib.nullcontext():
                data = os.read(file, chunk)
            if not data:
                return hashed.hexdigest()
            hashed.update(data)
    finally:
        os.close(file)


class Mount:
    """A mount of a volume, with a home of its own, as on another machine."""

    def __init__(self, walrusfs, folder, name):
        self.walrusfs, self.name = walrusfs, name
        self.home, self.path = f"{folder}/{name}-home", f"{folder}/{name}"
        os.makedirs(self.home)
        os.makedirs(self.path)
        self.is_mounted = False

    def run(self, *arguments, seconds=120):
        """Runs a command of `walrusfs` that must succeed."""
        done = subprocess.run(
            [self.walrusfs, *arguments], capture_output=True, text=True, timeout=seconds,
            env=dict(os.environ, WALRUSFS_HOME=self.home), check=False)
        if done.returncode != 0:
            raise Failure(f"walrusfs {' '.join(arguments)}: {done.stdout}{done.stderr}".strip())
        return done.stdout

    def mount(self, options):
        self.run("mount", "-o", options, "volume", self.path)
        self.is_mounted = True

    def unmount(self, *options):
        self.run("umount", *options, self.path)
        self.is_mounted = False

    def close(self):
        """Unmounts whatever happens."""
        if self.is_mounted:
            for command in ([self.walrusfs, "umount", self.path], ["umount", "-l", self.path]):
                if os.path.ismount(self.path):
                    subprocess.run(command, capture_output=True, check=False, timeout=120,
                                   env=dict(os.environ, WALRUSFS_HOME=self.home))
            self.is_mounted = False


class Workload:
    """The workers, their threads, and what they have been promised."""

    def __init__(self, network, walrusfs, folder, seed):
        self.network, self.folder = network, folder
        self.walrusfs = walrusfs
        self.random = random.Random(seed)
        self.clock = Clock()
        self.mount = Mount(walrusfs, folder, "writer")
        self.lock = threading.Lock()
        # Guarded by the lock: the hashes of files that were synced, and of blobs that were stored.
        self.files, self.blobs = {}, {}
        self.failure = None
        self.ending = threading.Event()
        self.threads = []
        self.key = f"{folder}/volume.key"
        self.rounds = 0

    def start(self):
        self.mount.run("create", "--network", self.network.url, "volume")
        with open(self.key, "w", encoding="utf-8", opener=lambda path, flags: os.open(
                path, flags, 0o600)) as file:
            file.write(self.mount.run("key", "export", "volume"))
        self.mount.mount("fsync=network,timeout=30")
        os.makedirs(f"{self.folder}/tree")
        os.makedirs(f"{self.mount.path}/synced")
        for worker in self.copies, self.syncs, self.reads, self.stores, self.follows:
            thread = threading.Thread(target=self.attempt, args=(worker,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def attempt(self, worker):
        """Runs a worker over and over; its first failure ends them all."""
        choices = random.Random(self.random.random())
        try:
            while not self.ending.is_set():
                worker(choices)
                self.ending.wait(0.05)
        except Exception as error:  # pylint: disable=broad-exception-caught
            with self.lock:
                self.failure = self.failure or f"{worker.__name__}: {error!r}"
            self.ending.set()

    def check(self):
        if self.failure:
            raise Failure(self.failure)

    def finish(self):
        """Ends the workers, each with what it is doing."""
        self.ending.set()
        for thread in self.threads:
            thread.join(4 * OPERATION_SECONDS)
            if thread.is_alive():
                raise Failure("a worker hangs")
        self.check()

    # The workers

    def copies(self, choices):
        """rsync of a tree that changes, each file synced to the network."""
        tree = f"{self.folder}/tree"
        for _ in range(3):
            with open(f"{tree}/{choices.randrange(12)}", "wb") as file:
                file.write(choices.randbytes(choices.choice([100, 5_000, 200_000])))
        # It ends with an error when nothing moves for that long.
        done = subprocess.run(
            ["rsync", "-a", "--delete", "--fsync", "--inplace", f"--timeout={OPERATION_SECONDS}",
             f"{tree}/", f"{self.mount.path}/copy"],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failure(f"rsync: {done.returncode}: {done.stderr}")
        with self.lock:
            self.rounds += 1

    def syncs(self, choices):
        """A file written and synced to the network."""
        name = f"synced/{choices.randrange(1 << 40):010x}"
        data = choices.randbytes(choices.choice([1, 4_096, 70_000, 1_500_000]))
        file = os.open(f"{self.mount.path}/{name}", os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            with self.clock.time("write", name):
                os.write(file, data)
            with self.clock.time("fsync", name):
                os.fsync(file)
        finally:
            os.close(file)
        with self.lock:
            self.files[name] = hashlib.sha256(data).hexdigest()

    def reads(self, choices):
        """A file read without the kernel's pages."""
        with self.lock:
            if not self.files:
                return
            name, expected = choices.choice(list(self.files.items()))
        if digest(f"{self.mount.path}/{name}", clock=self.clock) != expected:
            raise Failure(f"{name} does not read back")

    def stores(self, choices):
        """A blob stored, and one of those that were stored read."""
        number = choices.randrange(1 << 40)
        path = f"{self.folder}/blob-{number:010x}"
        data = choices.randbytes(choices.choice([1, 10_000, 400_000]))
        with open(path, "wb") as file:
            file.write(data)
        with self.clock.time("store"):
            self.network.run("store", "--epochs", "53", "--account", f"{self.folder}/account.key",
                             path)
        identified = self.network.run(
            "blob-id", "--n-shards", str(self.network.shard_count), "--json", path)
        os.remove(path)
        blob = identified.split('"blobId"')[1].split('"')[1]
        with self.lock:
            self.blobs[blob] = hashlib.sha256(data).hexdigest()
            known = choices.choice(list(self.blobs.items()))
        self.read_blob(*known)

    def read_blob(self, blob, expected):
        path = f"{self.folder}/read-{threading.get_ident()}"
        with self.clock.time("blob read", blob):
            self.network.run("read", "--out", path, "--", blob)
        if hashlib.sha256(open(path, "rb").read()).hexdigest() != expected:
            raise Failure(f"blob {blob} does not read back")

    def follows(self, choices):
        """A machine that has nothing but the key reads some of what was synced before."""
        with self.lock:
            promised = list(self.files.items())
        if not promised:
            return
        chosen = choices.sample(promised, min(5, len(promised)))
        self.read_afresh(f"reader-{choices.randrange(1 << 40):010x}", dict(chosen))

    def read_afresh(self, name, files):
        """Attaches the volume in a home of its own, and reads these files from the network."""
        reader = Mount(self.walrusfs, self.folder, name)
        try:
            with self.clock.time("attach"):
                reader.run("attach", "--network", self.network.url, "--key-file", self.key,
                           "--follower", "volume")
            with self.clock.time("mount"):
                reader.mount("follow,timeout=30")
            for file, expected in files.items():
                with self.clock.time("open", file):
                    found = digest(f"{reader.path}/{file}", clock=self.clock)
                if found != expected:
                    raise Failure(f"{file} does not read back afresh")
            if not files:
                return
            reader.unmount()
        finally:
            reader.close()
            shutil.rmtree(reader.home, ignore_errors=True)
            os.rmdir(reader.path)

    # The end

    def verify(self):
        """Everything reads back identical: here, afresh, and as blobs."""
        compared = subprocess.run(
            ["diff", "-r", f"{self.folder}/tree", f"{self.mount.path}/copy"],
            capture_output=True, text=True, check=False)
        if compared.returncode != 0:
            raise Failure(f"the copy differs: {compared.stdout}{compared.stderr}")
        for name, expected in self.files.items():
            if digest(f"{self.mount.path}/{name}", clock=self.clock) != expected:
                raise Failure(f"{name} does not read back")
        copied = {
            f"copy/{name}": digest(f"{self.folder}/tree/{name}")
            for name in os.listdir(f"{self.folder}/tree")}
        self.read_afresh("last", {**self.files, **copied})
        for blob, expected in self.blobs.items():
            self.read_blob(blob, expected)
