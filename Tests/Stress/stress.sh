#!/usr/bin/env bash
# Loads a mounted volume: stress-ng's filesystem class, fio with verification, a directory of very
# many entries and a file of as many extents. Everything is below one temporary folder, and ends
# with the script.
#
#     stress.sh WALRUSFS [SECONDS [COUNT]]
#
# SECONDS is the time of stress-ng's stressors together: the whole class one after another, or, if
# that is less than a minute, some of it at once. COUNT is of entries and of extents.
set -euo pipefail
walrusfs=$(realpath "$1")
seconds=${2:-120}
count=${3:-1000000}
scale=$(realpath "$(dirname "$0")/scale.py")
folder=$(mktemp -d)
export WALRUSFS_HOME=$folder/home
mnt=$folder/mnt

finish() {
    status=$?
    cd /
    "$walrusfs" umount "$mnt" > /dev/null 2>&1 || umount -l "$mnt" 2> /dev/null || true
    if [ "$status" != 0 ]; then
        tail -n 40 "$WALRUSFS_HOME/volumes/stress/mount.log" 2> /dev/null || true
        echo "stress: failed"
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

remount() {
    cd /
    "$walrusfs" umount "$mnt"
    "$walrusfs" mount -o allow_other stress "$mnt"
    cd "$mnt"
}

mkdir -p "$mnt" "$WALRUSFS_HOME"
"$walrusfs" create --network none stress > /dev/null
"$walrusfs" mount -o allow_other stress "$mnt"
cd "$mnt"
"$walrusfs" status --json stress > "$folder/before"

echo "stress: stress-ng, $seconds s"
mkdir stressors
if [ "$seconds" -lt 60 ]; then
    which=()
    for name in dir dentry rename link symlink xattr fallocate fpunch copy-file hdd; do
        which+=("--$name" 1)
    done
    which+=(--timeout "${seconds}s")
else
    # Three need what a FUSE mount does not have, the others do nothing on it.
    which=(--class filesystem --sequential 1 --timeout "$((seconds / 40 + 1))s"
        --exclude binderfs,fiemap,verity,bind-mount,dup,eventfd,ioprio,procfs)
fi
# What a test starts has most signals blocked, the alarm that ends a stressor among them.
unblocked='import os, signal, sys
signal.pthread_sigmask(signal.SIG_SETMASK, [])
os.execvp(sys.argv[1], sys.argv[1:])'
python3 -c "$unblocked" stress-ng --temp-path "$mnt/stressors" --verify "${which[@]}" --oom-avoid \
    > "$folder/stress.log" 2>&1 ||
    { tail -n 30 "$folder/stress.log"; exit 1; }
tail -n 1 "$folder/stress.log"
if grep -E 'fail: ' "$folder/stress.log"; then exit 1; fi

echo "stress: fio with verification"
size=$((seconds < 60 ? 8 : 64))M
for engine in psync mmap; do
    fio --name="$engine" --directory="$mnt" --ioengine="$engine" --rw=randwrite --bs=4k-64k \
        --size="$size" --io_size="$size" --verify=crc32c --do_verify=1 --verify_fatal=1 \
        --fsync=64 --minimal > /dev/null
done
fio --name=keep --directory="$mnt" --ioengine=psync --rw=randwrite --bs=4k --size="$size" \
    --verify=crc32c --do_verify=0 --end_fsync=1 --minimal > /dev/null
remount
fio --name=keep --directory="$mnt" --ioengine=psync --rw=randwrite --bs=4k --size="$size" \
    --verify=crc32c --verify_only=1 --verify_fatal=1 --minimal > /dev/null
rm -rf ./*

echo "stress: a directory of $count entries, a file of $count extents"
cd /
python3 "$scale" "$walrusfs" stress "$mnt" "$count"
cd "$mnt"
[ -z "$(ls -A)" ]
used=$(df --output=used -B1 . | tail -1)
[ "$used" -eq 0 ] || { echo "stress: $used bytes are still used"; exit 1; }
grep -q '"restarts":0' "$folder/before"
"$walrusfs" status --json stress | grep -q '"restarts":0' || { echo "stress: it trapped"; exit 1; }
echo "stress: all is well"
