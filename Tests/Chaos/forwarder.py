"""One node's way to the others: a network namespace whose only link is this process.

    forwarder.py READY OWN_PORT OTHER_PORT...

The node runs in the namespace (`nsenter --net=/proc/PID/ns/net`). Its own port answers outside, those
of the others answer inside. While this process is stopped (SIGSTOP), every packet of the node vanishes,
as in a partition; what was under way goes on afterwards. READY is made when all of it listens, and
again at each SIGUSR1: how many bytes have come to the node from each other port, in JSON.
"""

import ctypes
import errno
import fcntl
import json
import os
import selectors
import signal
import socket
import struct
import sys
import threading
import time

NEW_NETWORK = 0x40000000
SET_FLAGS = 0x8914
LENGTH = 1 << 17
PORT_SECONDS = 40

libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    """Has this thread make its sockets in a namespace."""
    if libc.setns(namespace, NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def listen(port):
    """Listens; a port that somebody else has as a source comes free again."""
    end = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return socket.create_server(("127.0.0.1", port), backlog=128)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                raise
            time.sleep(0.2)


class Pump:
    """Copies one direction of a connection: reads only while there is nothing to write."""

    def __init__(self, loop, source, target, counts=None, port=None):
        self.loop, self.source, self.target = loop, source, target
        self.counts, self.port = counts, port
        self.waiting = memoryview(b"")

    def run(self):
        """Goes on as far as it can."""
        try:
            while True:
                while self.waiting:
                    self.waiting = self.waiting[self.target.send(self.waiting):]
                data = self.source.recv(LENGTH)
                if not data:
                    self.target.shutdown(socket.SHUT_WR)
                    return self.loop.ended(self)
                self.waiting = memoryview(data)
                if self.counts is not None:
                    self.counts[self.port] = self.counts.get(self.port, 0) + len(data)
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.loop.broke(self)


class Loop:
    """Accepts in one namespace, and connects in the one that its thread is in."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.pumps = {}
        # Bytes that came back, by port; only this loop's thread counts.
        self.received = {}

    def listen(self, listener, port):
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ, port)

    def accept(self, listener, port):
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.socket()
        for end in near, far:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far.connect_ex(("127.0.0.1", port))
        there, back = Pump(self, near, far), Pump(self, far, near, self.received, port)
        for end in near, far:
            self.pumps[end] = [there, back]
            self.watch(end)

    def watch(self, end):
        """Edges would be simpler; with levels, an end is watched for what its pumps wait for."""
        wanted = 0
        for pump in self.pumps.get(end, []):
            if pump.source is end and not pump.waiting:
                wanted |= selectors.EVENT_READ
            if pump.target is end and pump.waiting:
                wanted |= selectors.EVENT_WRITE
        known = self.selector.get_map().get(end)
        if known is None:
            if wanted:
                self.selector.register(end, wanted, None)
        elif not wanted:
            self.selector.unregister(end)
        elif known.events != wanted:
            self.selector.modify(end, wanted, None)

    def ended(self, pump):
        """One direction is at its end; the other may go on."""
        ends = pump.source, pump.target
        for end in ends:
            self.pumps[end] = [other for other in self.pumps.get(end, []) if other is not pump]
        if not any(self.pumps[end] for end in ends):
            self.close(ends)

    def broke(self, pump):
        self.close((pump.source, pump.target))

    def close(self, ends):
        for end in ends:
            self.pumps.pop(end, None)
            if end.fileno() >= 0 and self.selector.get_map().get(end) is not None:
                self.selector.unregister(end)
            end.close()

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is not None:
                    self.accept(key.fileobj, key.data)
                    continue
                pumps = list(self.pumps.get(key.fileobj, []))
                for pump in pumps:
                    if pump in self.pumps.get(key.fileobj, []):
                        pump.run()
                for end in {end for pump in pumps for end in (pump.source, pump.target)}:
                    if end in self.pumps:
                        self.watch(end)


def main():
    ready, own, others = sys.argv[1], int(sys.argv[2]), [int(port) for port in sys.argv[3:]]
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    inward, outward = Loop(), Loop()
    inward.listen(listen(own), own)
    if libc.unshare(NEW_NETWORK) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    inside = os.open("/proc/self/ns/net", os.O_RDONLY)
    up = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, up)
    for port in others:
        outward.listen(listen(port), port)

    def run(loop, namespace):
        enter(namespace)
        loop.run()

    threading.Thread(target=run, args=(outward, outside), daemon=True).start()

    def tell(*_):
        with open(ready + ".new", "w", encoding="ascii") as file:
            json.dump(dict(outward.received), file)
        os.rename(ready + ".new", ready)

    signal.signal(signal.SIGUSR1, tell)
    tell()
    run(inward, inside)


if __name__ == "__main__":
    main()
