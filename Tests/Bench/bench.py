#!/usr/bin/env python3
"""Times the mount against the machine's own filesystem, the same work in one run.

    bench.py --walrusfs .build/release/walrusfs [--json FILE] [--size MIB] [--files N]

Makes an embedded network and a volume in a temporary folder, mounts it, and does each piece of work
first on the folder's own filesystem and then on the mount. Prints figures and their ratio (1.0: as
fast as local; 2.0: twice the time). Everything it made is gone when it ends, also after a failure.
The machine is small, shared and noisy: believe ratios within a run, and those over 1.4.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
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


def drop_caches():
    run("sync")
    with contextlib.suppress(PermissionError), open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def disk_bytes(folder):
    return int(run("du", "-sB1", folder).split()[0])


def random_file(path, mib):
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(random.Random(len(path) + _).randbytes(1 << 20))


class Mount:
    """A volume on an embedded network, mounted while in use."""

    def __init__(self, walrusfs, scratch):
        self.walrusfs = walrusfs
        self.scratch = scratch
        self.path = os.path.join(scratch, "mnt")
        self.network = os.path.join(scratch, "network")
        os.mkdir(self.path)
        self.peak = 0  # of the processes that were replaced by a remount
        self.cpu = 0.0
        self.environment = dict(os.environ, WALRUSFS_HOME=os.path.join(scratch, "home"))

    def command(self, *arguments):
        return run(self.walrusfs, *arguments, env=self.environment)

    def __enter__(self):
        self.command("create", "--network", f"embedded:{self.network}?nodes=10", "bench")
        self.command("mount", "bench", self.path)
        return self

    def __exit__(self, *error):
        subprocess.run(
            [self.walrusfs, "umount", self.path], env=self.environment, capture_output=True)
        if os.path.ismount(self.path):
            subprocess.run(["umount", "-l", self.path])

    def remount(self):
        self.peak, self.cpu = self.peak_memory(), self.cpu_seconds()
        self.command("umount", self.path)
        self.command("mount", "bench", self.path)

    def status(self):
        return json.loads(self.command("status", "--json", self.path))

    def peak_memory(self):
        pid = self.status().get("pid")
        if pid is None:
            return self.peak
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return max(self.peak, int(line.split()[1]) * 1024)
        return self.peak

    def cpu_seconds(self):
        pid = self.status().get("pid")
        if pid is None:
            return self.cpu
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return self.cpu + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, unit, local, ours, bigger_is_better=False):
        ratio = None
        if local:
            ratio = local / ours if bigger_is_better else ours / local
        self.rows.append(
            {"name": name, "unit": unit, "local": local, "ours": ours, "ratio": ratio})
        shown = "" if local is None else f"{local:12.2f}"
        print(f"{name:34s} {unit:8s} {shown:>12s} {ours:12.2f} "
              f"{'' if ratio is None else f'{ratio:8.2f}'}", flush=True)


def sequential(table, local, mount, mib):
    source = os.path.join(os.path.dirname(local), "source.bin")
    random_file(source, mib)

    def write(folder):
        return timed(lambda: run(
            "dd", f"if={source}", f"of={folder}/big.bin", "bs=1M", "conv=fsync", "status=none"))

    def read(folder):
        return timed(lambda: run(
            "dd", f"if={folder}/big.bin", "of=/dev/null", "bs=1M", "status=none"))

    run("dd", f"if={source}", "of=/dev/null", "bs=1M", "status=none")  # both writes read it from memory
    write_local, write_ours = write(local), write(mount.path)
    table.add("sequential write + fsync", "MiB/s", mib / write_local, mib / write_ours, True)
    table.add("sequential read, warm", "MiB/s", mib / read(local), mib / read(mount.path), True)
    drain = timed(lambda: mount.command("sync", mount.path))
    table.add("  then certified and published", "s", None, drain)
    mount.remount()
    drop_caches()
    table.add("sequential read, cold", "MiB/s", mib / read(local), mib / read(mount.path), True)
    run("cmp", source, f"{mount.path}/big.bin")


def small_files(table, scratch, local, mount, count):
    tree = os.path.join(scratch, "tree")
    make_tree(tree, count)
    archive = os.path.join(scratch, "tree.tar")
    run("tar", "-cf", archive, "-C", scratch, "tree")

    def both(name, work):
        table.add(name, "s", timed(lambda: work(local)), timed(lambda: work(mount.path)))

    both(f"untar {count} files", lambda to: run("tar", "-xf", archive, "-C", to))
    both("rsync -a, first", lambda to: run("rsync", "-a", tree + "/", to + "/rsync/"))
    both("rsync -a, unchanged", lambda to: run("rsync", "-a", tree + "/", to + "/rsync/"))
    drain = timed(lambda: mount.command("sync", mount.path))
    table.add("  then certified and published", "s", None, drain)
    run("diff", "-r", "--no-dereference", tree, mount.path + "/rsync")
    both("rm -rf", lambda to: run("rm", "-rf", to + "/tree"))


def fdatasync(table, local, mount):
    def rate(folder):
        out = json.loads(run(
            "fio", "--name=sync", f"--filename={folder}/sync.bin", "--rw=randwrite", "--bs=4k",
            "--size=64m", "--ioengine=psync", "--fdatasync=1", "--runtime=10", "--time_based",
            "--output-format=json"))
        return out["jobs"][0]["write"]["iops"]

    if shutil.which("fio"):
        table.add("4 KiB write + fdatasync", "1/s", rate(local), rate(mount.path), True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--walrusfs", required=True)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--json", help="also write the rows to this file")
    arguments = parser.parse_args()
    walrusfs = os.path.abspath(arguments.walrusfs)

    scratch = tempfile.mkdtemp(prefix="walrusfs-bench-")
    try:
        local = os.path.join(scratch, "local")
        os.mkdir(local)
        table = Table()
        print(f"{'work':34s} {'unit':8s} {'local':>12s} {'walrusfs':>12s} {'ratio':>8s}")
        with Mount(walrusfs, scratch) as mount:
            sequential(table, local, mount, arguments.size)
            used = disk_bytes(mount.network) / (arguments.size << 20)
            table.add("bytes at nodes per user byte", "x", None, used)
            small_files(table, scratch, local, mount, arguments.files)
            fdatasync(table, local, mount)
            table.add("CPU of the mount", "s", None, mount.cpu_seconds())
            table.add("peak memory of the mount", "MiB", None, mount.peak_memory() / (1 << 20))
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(table.rows, file, indent=1)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
