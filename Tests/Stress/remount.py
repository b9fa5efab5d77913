#!/usr/bin/env python3
"""How long a killed mount takes to come back with much that nobody has published.

    remount.py PRODUCTS [MEBIBYTES [ROWS]]

PRODUCTS has walrus and walrusfs. Four nodes and a ledger are stopped, so that nothing is published while
MEBIBYTES of a file and ROWS changed rows (each new file has two: an inode and a name) are written to a
volume. Then its process is killed and the volume mounted again, with the network answering, with nobody at
its address, and with one that stands still; each time everything must be there. Printed are the seconds
until the mount command returned, those until a name that was never looked up and the middle of the file
were read, and the seconds of processor time that the serving process had used until then. A few minutes.
"""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

# Until something has happened that must, on a machine that is busy with others.
BOUND_SECONDS = 600
PIECE = 1 << 20
FOLDER = 1000


def wait_for(what, is_there):
    end = time.monotonic() + BOUND_SECONDS
    while not is_there():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


def piece(index):
    """A mebibyte that does not compress, the same each time."""
    return hashlib.shake_128(b'%d' % index).digest(PIECE)


class Remount:
    def __init__(self, products, mebibytes, rows, folder):
        self.products, self.mebibytes, self.files = products, mebibytes, rows // 2
        self.folder, self.mountpoint = folder, f'{folder}/mnt'
        self.environment = dict(os.environ, WALRUSFS_HOME=f'{folder}/home')
        self.state = f'{folder}/home/volumes/v'
        self.devnet = None
        self.parts = []
        os.makedirs(self.mountpoint)

    def walrusfs(self, *arguments):
        return subprocess.run(
            [f'{self.products}/walrusfs', *arguments], check=True, capture_output=True, text=True,
            env=self.environment, timeout=BOUND_SECONDS).stdout

    def status(self, member):
        return json.loads(self.walrusfs('status', '--json', 'v'))[member]

    # The network

    def start_network(self):
        self.devnet = subprocess.Popen(
            [f'{self.products}/walrus', 'devnet', '--dir', f'{self.folder}/net', '--nodes', '4',
             '--n-shards', '10'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        report = f'{self.folder}/net/devnet.json'
        wait_for('the network', lambda: os.path.exists(report) or self.devnet.poll() is not None)
        with open(report, encoding='utf-8') as file:
            found = json.load(file)
        self.parts = [part['pid'] for part in found['processes']]
        return found['network']

    def signal_network(self, number):
        for process in self.parts:
            os.kill(process, number)

    def end_network(self):
        if self.devnet is None:
            return
        self.signal_network(signal.SIGCONT)
        self.devnet.terminate()
        self.devnet.wait(BOUND_SECONDS)
        self.devnet = None

    # The volume

    def mount(self):
        # Room for all of it without a writer that waits.
        log = 4 * self.mebibytes + 2048
        self.walrusfs('mount', '-o', f'log={log}', 'v', self.mountpoint)

    def kill(self):
        server = self.status('pid')
        os.kill(server, signal.SIGKILL)
        wait_for('the end of the server', lambda: not os.path.exists(f'/proc/{server}'))

    def fill(self):
        with open(f'{self.mountpoint}/big', 'wb') as file:
            for index in range(self.mebibytes):
                file.write(piece(index))
        for start in range(0, self.files, FOLDER):
            folder = f'{self.mountpoint}/{start}'
            os.mkdir(folder)
            at = os.open(folder, os.O_RDONLY)
            for index in range(start, min(self.files, start + FOLDER)):
                os.close(os.open(f'{index}', os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=at))
            os.close(at)

    def check(self, turn):
        """Something that nobody has read since the kill."""
        index = self.files * (turn + 1) // 5
        os.stat(f'{self.mountpoint}/{index // FOLDER * FOLDER}/{index}')
        number = self.mebibytes * (turn + 1) // 5
        with open(f'{self.mountpoint}/big', 'rb') as file:
            file.seek(number * PIECE)
            assert file.read(PIECE) == piece(number), number

    def check_all(self):
        found = sum(len(names) for _, _, names in os.walk(self.mountpoint))
        assert found == self.files + 1, found
        assert os.stat(f'{self.mountpoint}/big').st_size == self.mebibytes * PIECE

    def dirty_rows(self):
        database = sqlite3.connect(f'file:{self.state}/volume.db?mode=ro', uri=True)
        try:
            return database.execute('SELECT count(*) FROM dirty').fetchone()[0]
        finally:
            database.close()

    def computed(self):
        with open(f"/proc/{self.status('pid')}/stat", encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def remount(self, what, turn):
        start = time.monotonic()
        self.mount()
        mounted = time.monotonic() - start
        self.check(turn)
        read = time.monotonic() - start
        print(f'{what:32} mounted after {mounted:6.2f} s, read after {read:6.2f} s, '
              f'{self.computed():6.2f} s computed, load {os.getloadavg()[0]:.1f}', flush=True)

    def run(self):
        self.walrusfs('create', '--network', self.start_network(), 'v')
        self.mount()
        self.walrusfs('sync', 'v')
        self.signal_network(signal.SIGSTOP)
        start = time.monotonic()
        self.fill()
        unpublished = self.status('unpublishedBytes')
        print(f'{unpublished >> 20} MiB and {self.files} files written in '
              f'{time.monotonic() - start:.0f} s, nothing of it published', flush=True)
        # The figure leaves out the little that was written while a cut was taken.
        assert unpublished > 0.9 * self.mebibytes * PIECE
        self.kill()
        self.remount('the network stands still', 0)
        rows = self.dirty_rows()
        print(f'{rows} dirty rows', flush=True)
        assert rows >= 2 * self.files
        self.check_all()
        self.kill()
        self.signal_network(signal.SIGCONT)
        self.remount('the network answers', 1)
        self.signal_network(signal.SIGSTOP)
        self.kill()
        self.end_network()
        self.remount('nobody is at its address', 2)
        self.check_all()
        self.walrusfs('umount', self.mountpoint)

    def close(self):
        """Leaves nothing behind, however it ended."""
        if os.path.ismount(self.mountpoint):
            for command in ([f'{self.products}/walrusfs', 'umount'], ['umount', '-l']):
                done = subprocess.run(
                    [*command, self.mountpoint], capture_output=True, env=self.environment,
                    check=False, timeout=BOUND_SECONDS)
                if done.returncode == 0:
                    break
        self.end_network()
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    numbers = [int(number) for number in sys.argv[2:]]
    mebibytes, rows = (numbers + [1024, 1_000_000][len(numbers):])[:2]
    folder = tempfile.mkdtemp(prefix='walrusfs-remount-')
    remount = Remount(os.path.realpath(sys.argv[1]), mebibytes, rows, folder)
    # So that everything is ended by the way.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        remount.run()
    finally:
        remount.close()
    print('remount: done')


main()
