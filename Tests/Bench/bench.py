#!/usr/bin/env python3
"""Times the mount against a pass-through FUSE filesystem and the machine's own, in one run.

    bench.py --walrusfs .build/release/walrusfs [--json FILE] [--only NAME,…] [--repeat N]
             [--size MIB] [--files N] [--names N] [--transactions N] [--requests]

Makes an embedded network and a volume in a temporary folder, mounts it, mounts bindfs over another
folder there, and does each piece of work on a local folder, on bindfs and on the mount in turn, so
many times over. Prints the median of each, and two ratios of time: ours to local, ours to bindfs
(1.0: as fast; 2.0: twice the time). Before each step all are at rest: synced, and ours published.
Everything it made is gone when it ends, also after a failure.

The machine is small, shared and noisy: believe ratios within a run, and those over 1.4. bindfs gets
threads and large writes (`--multithreaded -o big_writes`), which are not its defaults.
"""

import argparse
import contextlib
import hashlib
import json
import mmap
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def run(*command, **options):
    """Runs a command that must succeed, and returns what it printed."""
    result = subprocess.run(command, capture_output=True, text=True, **options)
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {result.stdout}{result.stderr}")
    return result.stdout


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def disk_bytes(folder):
    return int(run("du", "-sB1", folder).split()[0])


def drop_caches():
    run("sync")
    with contextlib.suppress(PermissionError), open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


# What the work is done with.


def make_tree(folder, count):
    """A source tree: small files of mixed text and binary, the same every time."""
    generator = random.Random(20)
    words = [hashlib.sha256(str(i).encode()).hexdigest()[: 3 + i % 9] for i in range(500)]
    for index in range(count):
        where = os.path.join(folder, f"d{index % 61}", f"e{index % 7}")
        os.makedirs(where, exist_ok=True)
        size = min(int(generator.lognormvariate(8.3, 1.4)), 512 * 1024)
        if index % 5 == 0:
            body = generator.randbytes(size)
        else:
            body = " ".join(generator.choices(words, k=size // 6 + 1)).encode()[:size]
        with open(os.path.join(where, f"file{index}.dat"), "wb") as file:
            file.write(body)


def random_file(path, mib, seed=0):
    with open(path, "wb") as file:
        for index in range(mib):
            file.write(random.Random((seed << 32) + index).randbytes(1 << 20))


def touch_memory(mib):
    """Has free memory be there: a virtual machine's host takes it back after some seconds of disuse,
    and who touches it first then waits for the host."""
    with mmap.mmap(-1, mib << 20) as memory:
        for offset in range(0, mib << 20, 4096):
            memory[offset] = 1


def make_program(folder, count):
    """A C program in so many files, with a shared header and a Makefile."""
    os.makedirs(folder)
    with open(f"{folder}/all.h", "w") as file:
        file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        file.writelines(f"int part{index}(int);\n" for index in range(count))
    for index in range(count):
        with open(f"{folder}/part{index}.c", "w") as file:
            file.write('#include "all.h"\n')
            file.writelines(
                f"static int step{step}(int x) {{ return x * {step + 3} + {index}; }}\n"
                for step in range(20))
            calls = " + ".join(f"step{step}(x)" for step in range(20))
            file.write(f"int part{index}(int x) {{ return {calls}; }}\n")
    with open(f"{folder}/main.c", "w") as file:
        calls = " + ".join(f"part{index}(n)" for index in range(count))
        file.write(f'#include "all.h"\nint main(int n, char **v) {{ (void)v; return ({calls}) & 1; }}\n')
    with open(f"{folder}/Makefile", "w") as file:
        parts = " ".join(f"part{index}.o" for index in range(count))
        file.write(f"program: main.o {parts}\n\t$(CC) -o $@ $^\n%.o: %.c all.h\n\t$(CC) -O1 -c -o $@ $<\n")


# Where it is done.


class Local:
    name = "local"

    def __init__(self, scratch):
        self.path = os.path.join(scratch, "local")
        os.mkdir(self.path)

    def rest(self):
        pass

    def requests(self):
        return None

    def close(self):
        pass


class Bindfs(Local):
    name = "bindfs"

    def __init__(self, scratch):
        under = os.path.join(scratch, "under")
        self.path = os.path.join(scratch, "bindfs")
        os.mkdir(under)
        os.mkdir(self.path)
        run("bindfs", "--multithreaded", "-o", "big_writes", under, self.path)

    def close(self):
        subprocess.run(["umount", self.path], capture_output=True)
        if os.path.ismount(self.path):
            subprocess.run(["umount", "-l", self.path])


class Mount(Local):
    """A volume on an embedded network, mounted while in use."""

    name = "walrusfs"

    def __init__(self, walrusfs, scratch, options=None):
        self.walrusfs = walrusfs
        self.path = os.path.join(scratch, "mnt")
        self.network = os.path.join(scratch, "network")
        self.options = ["-o", options] if options else []
        os.mkdir(self.path)
        self.peak = 0  # of the processes that were replaced by a remount
        self.cpu = 0.0
        self.environment = dict(os.environ, WALRUSFS_HOME=os.path.join(scratch, "home"))
        self.command("create", "--network", f"embedded:{self.network}?nodes=10", "bench")
        self.command("mount", *self.options, "bench", self.path)

    def command(self, *arguments):
        return run(self.walrusfs, *arguments, env=self.environment)

    def rest(self):
        self.command("sync", self.path)

    def close(self):
        subprocess.run(
            [self.walrusfs, "umount", self.path], env=self.environment, capture_output=True)
        if os.path.ismount(self.path):
            subprocess.run(["umount", "-l", self.path])

    def remount(self):
        self.peak, self.cpu = self.peak_memory(), self.cpu_seconds()
        self.command("umount", self.path)
        self.command("mount", *self.options, "bench", self.path)

    def status(self):
        return json.loads(self.command("status", "--json", self.path))

    def requests(self):
        """How many requests of each kind the kernel has made."""
        return self.status().get("requests")

    def peak_memory(self):
        with open(f"/proc/{self.status()['pid']}/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return max(self.peak, int(line.split()[1]) * 1024)
        return self.peak

    def cpu_seconds(self):
        with open(f"/proc/{self.status()['pid']}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return self.cpu + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Table:
    """Runs steps on all places, and prints a line for each."""

    def __init__(self, places, repeat, shows_requests):
        self.places = places
        self.repeat = repeat
        self.shows_requests = shows_requests
        self.rows = []

    def head(self):
        names = "".join(f"{place.name:>11s}" for place in self.places)
        print(f"{'work':30s} {'unit':7s}{names}{'/local':>9s}{'/bindfs':>9s}")

    def rate_steps(self, steps, repeat=None):
        """Does the steps in order, as often as asked, on each place in turn.

        A step is a name, a unit, what it does with a folder, and what its time means: seconds
        become `amount / seconds` if there is an amount; a float that it returns counts instead.
        """
        found = {step[0]: {place.name: [] for place in self.places} for step in steps}
        counts = {}
        for _ in range(repeat or self.repeat):
            for name, unit, work, amount in steps:
                for place in self.places:
                    run("sync")
                    for other in self.places:
                        other.rest()
                    before = place.requests()
                    start = time.monotonic()
                    value = work(place.path)
                    seconds = time.monotonic() - start
                    if not isinstance(value, float):
                        value = amount / seconds if amount else seconds
                    found[name][place.name].append(value)
                    if before is not None:
                        counts[name] = self.difference(before, place.requests())
        for name, unit, _, amount in steps:
            medians = {at: statistics.median(values) for at, values in found[name].items()}
            self.add(name, unit, medians, unit != "s", found[name])
            if self.shows_requests and counts.get(name):
                print("    requests: " + counts[name], flush=True)

    @staticmethod
    def difference(before, after):
        if any(after.get(key, 0) < count for key, count in before.items()):
            before = {}  # Mounted again, and counted anew.
        grown = {key: after[key] - before.get(key, 0) for key in after}
        shown = sorted((key for key in grown if grown[key]), key=lambda key: -grown[key])
        return " ".join(f"{key} {grown[key]}" for key in shown)

    def add(self, name, unit, values, bigger_is_better=False, all_values=None):
        ours = values.get(Mount.name)
        row = {"name": name, "unit": unit, "values": values, "all": all_values}
        line = f"{name:30s} {unit:7s}"
        for place in self.places:
            value = values.get(place.name)
            line += " " * 11 if value is None else f"{value:11.2f}"
        for other in (Local.name, Bindfs.name):
            base = values.get(other)
            if base and ours:
                ratio = base / ours if bigger_is_better else ours / base
                row["to " + other] = ratio
                line += f"{ratio:9.2f}"
            else:
                line += " " * 9
        self.rows.append(row)
        print(line.rstrip(), flush=True)


# The work.


def sequential(table, scratch, mount, arguments):
    mib = arguments.size
    source = os.path.join(scratch, "source.bin")
    seeds = iter(range(1000))
    written = {}

    def write(folder):
        # New bytes at each call: those that the nodes have would cost the mount no encoding.
        written[folder] = next(seeds)
        random_file(source, mib, written[folder])
        # All read it from memory.
        run("dd", f"if={source}", "of=/dev/null", "bs=1M", "status=none")
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{folder}/big.bin")
        touch_memory(3 * mib)
        return mib / timed(lambda: run(
            "dd", f"if={source}", f"of={folder}/big.bin", "bs=1M", "conv=fsync", "status=none"))

    def read(folder):
        run("dd", f"if={folder}/big.bin", "of=/dev/null", "bs=1M", "status=none")

    table.rate_steps([
        ("sequential write + fsync", "MiB/s", write, None),
        ("sequential read, warm", "MiB/s", read, mib),
    ])
    if mount is None:
        return
    random_file(source, mib, written[mount.path])
    run("cmp", source, f"{mount.path}/big.bin")
    os.remove(f"{mount.path}/big.bin")
    mount.rest()
    random_file(source, mib, next(seeds))
    before = disk_bytes(mount.network)
    run("cp", source, f"{mount.path}/big.bin")
    run("sync", f"{mount.path}/big.bin")
    drain = timed(mount.rest)
    table.add("  then certified and published", "s", {mount.name: drain})
    used = (disk_bytes(mount.network) - before) / (mib << 20)
    table.add("bytes at nodes per user byte", "x", {mount.name: used})

    def read_cold(folder):
        if folder == mount.path:
            mount.remount()
        drop_caches()
        return mib / timed(lambda: read(folder))

    table.rate_steps([("sequential read, cold", "MiB/s", read_cold, None)])
    run("cmp", source, f"{mount.path}/big.bin")


def small_files(table, scratch, mount, arguments):
    tree = os.path.join(scratch, "tree")
    make_tree(tree, arguments.files)
    archive = os.path.join(scratch, "tree.tar")
    run("tar", "-cf", archive, "-C", scratch, "tree")

    def remove(folder):
        run("rm", "-rf", folder + "/rsync")
        return timed(lambda: run("rm", "-rf", folder + "/tree"))

    table.rate_steps([
        (f"untar {arguments.files} files", "s", lambda to: run("tar", "-xf", archive, "-C", to), None),
        ("rsync -a, first", "s", lambda to: run("rsync", "-a", tree + "/", to + "/rsync/"), None),
        # The first look at what was just written asks for its attributes again; from then on they are warm.
        ("rsync -a, unchanged", "s", lambda to: run("rsync", "-a", tree + "/", to + "/rsync/"), None),
        ("rsync -a, unchanged, warm", "s", lambda to: run("rsync", "-a", tree + "/", to + "/rsync/"), None),
        ("diff -r", "s", lambda to: run("diff", "-r", "--no-dereference", tree, to + "/rsync"),
         None),
        ("rm -rf", "s", remove, None),
    ])


def names(table, scratch, mount, arguments):
    count = arguments.names

    def each(folder, work):
        os.makedirs(folder + "/names", exist_ok=True)
        for index in range(count):
            work(f"{folder}/names/file-{index}")

    def make(path):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))

    table.rate_steps([
        (f"{count} creates", "1/s", lambda to: each(to, make), count),
        (f"{count} stats", "1/s", lambda to: each(to, os.stat), count),
        (f"{count} unlinks", "1/s", lambda to: each(to, os.unlink), count),
    ])


def fio(table, scratch, mount, arguments):
    def rate(kind, *options):
        def work(folder):
            out = json.loads(run(
                "fio", "--name=bench", f"--filename={folder}/random.bin", f"--rw=rand{kind}",
                "--bs=4k", "--size=256m", "--ioengine=psync", "--output-format=json",
                f"--runtime={arguments.seconds}", "--time_based", "--randseed=1", *options))
            return float(out["jobs"][0][kind]["iops"])
        return work

    def lay(folder):
        run("dd", "if=/dev/zero", f"of={folder}/random.bin", "bs=1M", "count=256", "conv=fsync",
            "status=none")

    for place in table.places:
        lay(place.path)
    table.rate_steps([
        ("random 4 KiB write", "1/s", rate("write", "--end_fsync=1"), None),
        ("random 4 KiB read", "1/s", rate("read", "--invalidate=0"), None),
        ("random 4 KiB read, O_DIRECT", "1/s", rate("read", "--direct=1"), None),
        ("4 KiB write + fdatasync", "1/s", rate("write", "--fdatasync=1"), None),
    ])
    for place in table.places:
        os.remove(f"{place.path}/random.bin")


def programs(table, scratch, mount, arguments):
    repository = os.path.join(scratch, "repository")
    shutil.copytree(os.path.join(scratch, "tree"), repository)
    git = ["git", "-C", repository, "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    run("git", "init", "-q", repository)
    run(*git, "add", "-A")
    run(*git, "commit", "-q", "-m", "all")
    program = os.path.join(scratch, "program")
    make_program(program, 40)
    statements = os.path.join(scratch, "statements.sql")
    with open(statements, "w") as file:
        file.write("CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT);\n")
        file.writelines(
            f"INSERT INTO t(word) VALUES ('word {index}');\n"
            for index in range(arguments.transactions))

    def build(folder):
        shutil.copytree(program, f"{folder}/program")
        seconds = timed(lambda: run("make", "-s", "-j2", "-C", f"{folder}/program"))
        shutil.rmtree(f"{folder}/program")
        return seconds

    def clone(folder):
        shutil.rmtree(f"{folder}/clone", ignore_errors=True)
        return timed(lambda: run("git", "clone", "-q", "--no-local", repository, f"{folder}/clone"))

    def database(folder):
        with open(statements) as file:
            seconds = timed(lambda: run("sqlite3", f"{folder}/test.db", stdin=file))
        found = run("sqlite3", f"{folder}/test.db", "SELECT count(*) FROM t; PRAGMA integrity_check")
        assert found.split() == [str(arguments.transactions), "ok"], found
        os.remove(f"{folder}/test.db")
        return seconds

    table.rate_steps([
        ("git clone", "s", clone, None),
        ("git status", "s", lambda at: run("git", "-C", f"{at}/clone", "status", "--short"), None),
        ("build of a C program", "s", build, None),
    ])
    table.rate_steps([
        (f"sqlite3, {arguments.transactions} commits", "s", database, None)], repeat=1)
    for place in table.places:
        run("rm", "-rf", f"{place.path}/clone")


WORK = {
    "sequential": sequential,
    "small": small_files,
    "names": names,
    "fio": fio,
    "programs": programs,
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--walrusfs", required=True)
    parser.add_argument("--options", help="for -o of our mount")
    parser.add_argument("--only", default=",".join(WORK), help="names of " + ", ".join(WORK))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--names", type=int, default=10000)
    parser.add_argument("--transactions", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=5, help="for each run of fio")
    parser.add_argument("--requests", action="store_true", help="print what the kernel asked for")
    parser.add_argument("--json", help="also write the rows to this file")
    return parser.parse_args()


def main():
    arguments = parse()
    scratch = tempfile.mkdtemp(prefix="walrusfs-bench-")
    places = []
    try:
        places.append(Local(scratch))
        if shutil.which("bindfs"):
            places.append(Bindfs(scratch))
        else:
            print("bindfs is not installed: nothing is compared with it")
        mount = Mount(os.path.abspath(arguments.walrusfs), scratch, arguments.options)
        places.append(mount)
        table = Table(places, arguments.repeat, arguments.requests)
        table.head()
        if not os.path.exists(os.path.join(scratch, "tree")) and "small" not in arguments.only:
            make_tree(os.path.join(scratch, "tree"), arguments.files)
        for name in arguments.only.split(","):
            WORK[name](table, scratch, mount, arguments)
        table.add("CPU of the mount", "s", {mount.name: mount.cpu_seconds()})
        table.add("peak memory of the mount", "MiB", {mount.name: mount.peak_memory() / (1 << 20)})
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(table.rows, file, indent=1)
    finally:
        for place in places:
            place.close()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
