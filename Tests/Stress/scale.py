#!/usr/bin/env python3
"""A directory of very many entries and a file of very many extents, on a mounted volume.

    scale.py WALRUSFS VOLUME MOUNTPOINT COUNT

Each step is checked, and printed with its seconds, the microseconds that one of COUNT took, those of them
that the serving process computed, and the most memory that it has had. Steps that follow a remount meet a
volume that remembers nothing.
"""

import ctypes
import json
import os
import random
import subprocess
import sys
import time

STEP = 8192
PIECE = 64


class Scale:
    def __init__(self, walrusfs, volume, mountpoint, count):
        self.walrusfs, self.volume = walrusfs, volume
        self.mountpoint, self.count = mountpoint, count
        self.random = random.Random(count)

    def path(self, name):
        return os.path.join(self.mountpoint, name)

    def server(self):
        text = subprocess.run(
            [self.walrusfs, 'status', '--json', self.volume],
            check=True, capture_output=True, text=True).stdout
        return json.loads(text)['pid']

    def peak(self, server):
        """The most memory that the server has had, in MiB."""
        with open(f'/proc/{server}/status') as status:
            for line in status:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1]) // 1024

    def computed(self, server):
        """Seconds of processor time of the server."""
        with open(f'/proc/{server}/stat') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def step(self, name, body, count=None):
        before = self.server()
        computed, start = self.computed(before), time.monotonic()
        body()
        seconds, server = time.monotonic() - start, self.server()
        computed = self.computed(server) - (computed if server == before else 0)
        each, alone = (value / (count or self.count) * 1e6 for value in (seconds, computed))
        print(f'{name:44} {seconds:8.2f} s {each:9.1f} us {alone:9.1f} us  {self.peak(server):5} MiB',
            flush=True)

    def remount(self):
        subprocess.run([self.walrusfs, 'umount', self.mountpoint], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(
            [self.walrusfs, 'mount', '-o', 'allow_other', self.volume, self.mountpoint],
            check=True, stdout=subprocess.DEVNULL)

    # A directory of many entries

    def directory(self):
        folder = self.path('many')
        names = [f'{index:07d}-of-many' for index in range(self.count)]
        shuffled = self.random.sample(names, self.count)
        step = self.step
        os.mkdir(folder)
        at = os.open(folder, os.O_RDONLY)

        def create():
            for name in names:
                os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=at))

        def names_are(wanted):
            found = os.listdir(folder)
            assert len(found) == len(wanted) and set(found) == set(wanted), len(found)

        def find():
            for name in shuffled:
                assert os.stat(name, dir_fd=at, follow_symlinks=False).st_nlink == 1

        def miss():
            for name in shuffled:
                try:
                    os.stat('no-' + name, dir_fd=at)
                    raise AssertionError(name)
                except FileNotFoundError:
                    pass

        def rename():
            for name in shuffled[::10]:
                os.rename(name, name + '-moved', src_dir_fd=at, dst_dir_fd=at)
                os.rename(name + '-moved', name, src_dir_fd=at, dst_dir_fd=at)

        def remove_half():
            for name in shuffled[::2]:
                os.unlink(name, dir_fd=at)

        def remove_rest():
            for name in shuffled[1::2]:
                os.unlink(name, dir_fd=at)
            os.close(at)
            os.rmdir(folder)

        step('entries: create', create)
        step('entries: list', lambda: names_are(names))
        step('entries: look up in any order', find)
        os.close(at)
        step('entries: remount', self.remount)
        at = os.open(folder, os.O_RDONLY)
        step('entries: look up, cold', find)
        step('entries: look up what is not there', miss)
        os.close(at)
        self.remount()
        at = os.open(folder, os.O_RDONLY)
        step('entries: list, cold', lambda: names_are(names))
        step('entries: go to places of a listing', lambda: self.seek_entries(folder))
        step('entries: rename a tenth, and back', rename)
        step('entries: remove half', remove_half)
        step('entries: list the rest', lambda: names_are(shuffled[1::2]))
        os.close(at)
        step('entries: remount', self.remount)
        at = os.open(folder, os.O_RDONLY)
        step('entries: remove the rest', remove_rest)

    def seek_entries(self, folder):
        """What comes after a place is the same when one goes back to it."""
        libc = ctypes.CDLL(None, use_errno=True)
        libc.opendir.restype = ctypes.c_void_p
        libc.readdir.restype = ctypes.c_void_p
        libc.telldir.restype = ctypes.c_long
        libc.readdir.argtypes = libc.telldir.argtypes = libc.closedir.argtypes = [ctypes.c_void_p]
        libc.seekdir.argtypes = [ctypes.c_void_p, ctypes.c_long]

        def next_name():
            entry = libc.readdir(stream)
            # struct dirent: inode, offset, length, kind, name.
            return ctypes.string_at(entry + 19) if entry else None

        stream = libc.opendir(folder.encode())
        places = []
        every = max(1, self.count // 1000)
        for index in range(self.count + 2):
            if index % every == 0:
                places.append((libc.telldir(stream), next_name()))
            else:
                assert next_name() is not None
        assert next_name() is None
        self.random.shuffle(places)
        for place, name in places:
            libc.seekdir(stream, place)
            assert next_name() == name
        libc.closedir(stream)

    # A file of many extents

    def piece(self, index, turn):
        return (b'%d of %d ' % (index, turn)).ljust(PIECE, b'.')

    def extents(self):
        path = self.path('extents')
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
        order = self.random.sample(range(self.count), self.count)
        some = order[:max(1, self.count // 10)]
        turn = dict.fromkeys(range(self.count), 0)
        step = self.step

        def write(indices, new):
            for index in indices:
                assert os.pwrite(file, self.piece(index, new), index * STEP) == PIECE
                turn[index] = new

        def read_all():
            length = size()
            for index in order:
                wanted = self.piece(index, turn[index]) + bytes(8)
                assert os.pread(file, PIECE + 8, index * STEP) == wanted[:length - index * STEP]

        def size():
            return os.fstat(file).st_size

        def seek():
            at = 0
            for index in range(self.count):
                data = os.lseek(file, at, os.SEEK_DATA)
                at = os.lseek(file, data, os.SEEK_HOLE)
                assert (data, at) == (index * STEP, index * STEP + PIECE), (data, at)

        def clone():
            other = os.open(self.path('clone'), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            done = 0
            while done < size():
                count = os.copy_file_range(file, other, size() - done, done, done)
                assert count > 0
                done += count
            assert os.fstat(other).st_blocks == os.fstat(file).st_blocks
            os.close(other)

        def cut():
            os.ftruncate(file, self.count // 2 * STEP)
            assert os.fstat(file).st_blocks == (self.count // 2 * PIECE + 511) // 512

        step('extents: write in any order', lambda: write(order, 1))
        step('extents: fsync', lambda: os.fsync(file))
        step('extents: overwrite a tenth', lambda: write(some, 2), len(some))
        step('extents: read', read_all)
        step('extents: find data and holes', seek)
        os.close(file)
        step('extents: remount', self.remount)
        file = os.open(path, os.O_RDWR)
        step('extents: first read, cold', lambda: os.pread(file, PIECE, 0), 1)
        step('extents: overwrite one', lambda: write(some[:1], 3), 1)
        step('extents: overwrite a tenth', lambda: write(some, 4), len(some))
        step('extents: read', read_all)
        step('extents: clone', clone)
        step('extents: remove the clone', lambda: os.unlink(self.path('clone')))
        step('extents: cut to half', cut)
        step('extents: write the half again', lambda: write(range(self.count // 2, self.count), 5))
        os.close(file)
        step('extents: remove', lambda: os.unlink(path))
        step('extents: remount', self.remount)
        # What was removed last goes in steps, between other work.
        for _ in range(600):
            used = os.statvfs(self.mountpoint)
            if used.f_blocks == used.f_bfree:
                break
            time.sleep(0.1)
        assert used.f_blocks == used.f_bfree, 'bytes are used by nothing'


def main():
    walrusfs, volume, mountpoint, count = sys.argv[1:]
    scale = Scale(walrusfs, volume, mountpoint, int(count))
    scale.directory()
    scale.extents()


main()
