#!/usr/bin/env python3
"""Times the reference Reed-Solomon code for encoder-bench: wheel.py ORIGINALS RECOVERIES SIZE

Prints the median seconds of an encoding. Shards go in and come out as bytes objects, as they do as
arrays on the other side.
"""

import os
import sys
import time

import reed_solomon_leopard


def main():
    originals, recoveries, size = map(int, sys.argv[1:])
    shards = [os.urandom(size) for _ in range(originals)]
    taken = []
    started = time.perf_counter()
    while len(taken) < 5 or (time.perf_counter() - started < 0.5 and len(taken) < 1000):
        begin = time.perf_counter()
        reed_solomon_leopard.encode(shards, recoveries)
        taken.append(time.perf_counter() - begin)
    taken.sort()
    print(taken[len(taken) // 2])


if __name__ == "__main__":
    main()
