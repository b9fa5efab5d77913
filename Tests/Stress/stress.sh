#!/usr/bin/env bash
# Loads a mounted volume: stress-ng's filesystem class, fio with verification, a large directory and
# a file of very many extents. Everything is below one temporary folder, and ends with the script.
#
#     stress.sh WALRUSFS [SECONDS]
#
# SECONDS is the time of stress-ng's stressors together; the rest is bounded by its size.
set -euo pipefail
walrusfs=$(realpath "$1")
seconds=${2:-120}
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

# Three need what a FUSE mount does not have.
each=$((seconds / 50 > 0 ? seconds / 50 : 1))
echo "stress: the filesystem class of stress-ng, $each s for each stressor"
mkdir stressors
stress-ng --temp-path "$mnt/stressors" --verify --class filesystem --sequential 1 \
    --exclude binderfs,fiemap,verity --timeout "${each}s" --oom-avoid > "$folder/stress.log" 2>&1 ||
    { tail -n 30 "$folder/stress.log"; exit 1; }
tail -n 1 "$folder/stress.log"
if grep -E 'fail: ' "$folder/stress.log"; then exit 1; fi

echo "stress: fio with verification"
for engine in psync mmap; do
    fio --name="$engine" --directory="$mnt" --ioengine="$engine" --rw=randwrite --bs=4k-64k \
        --size=64M --io_size=64M --verify=crc32c --do_verify=1 --verify_fatal=1 \
        --fsync=64 --minimal > /dev/null
done
fio --name=keep --directory="$mnt" --ioengine=psync --rw=randwrite --bs=4k --size=32M \
    --verify=crc32c --do_verify=0 --end_fsync=1 --minimal > /dev/null
remount
fio --name=keep --directory="$mnt" --ioengine=psync --rw=randwrite --bs=4k --size=32M \
    --verify=crc32c --verify_only=1 --verify_fatal=1 --minimal > /dev/null

many=$((seconds * 1000 > 1000000 ? 1000000 : seconds * 1000))
echo "stress: a directory of $many entries, a file of $many extents"
python3 - "$many" <<'END'
import os, sys
many = int(sys.argv[1])
os.mkdir('many')
for index in range(many): os.close(os.open('many/%d' % index, os.O_CREAT | os.O_WRONLY))
with open('extents', 'wb') as file:
    for index in range(many): os.pwrite(file.fileno(), b'%08d' % index, index * 8192)
END
remount
python3 - "$many" <<'END'
import os, sys
many = int(sys.argv[1])
names = os.listdir('many')
assert len(names) == many and set(names) == {str(i) for i in range(many)}, len(names)
with open('extents', 'rb') as file:
    for index in range(0, many, 97):
        assert os.pread(file.fileno(), 16, index * 8192) == b'%08d' % index + bytes(8), index
        at = os.lseek(file.fileno(), index * 8192, os.SEEK_HOLE)
        assert at == index * 8192 + 8, (index, at)
os.truncate('extents', 8192 * (many // 2))
assert os.stat('extents').st_blocks * 512 <= 8 * (many // 2) + 512
for index in range(many): os.unlink('many/%d' % index)
os.rmdir('many'); os.unlink('extents')
END
rm -rf ./*
remount
[ -z "$(ls -A)" ]
used=$(df --output=used -B1 . | tail -1)
[ "$used" -eq 0 ] || { echo "stress: $used bytes are still used"; exit 1; }
grep -q '"restarts":0' "$folder/before"
"$walrusfs" status --json stress | grep -q '"restarts":0' || { echo "stress: it trapped"; exit 1; }
echo "stress: all is well"
