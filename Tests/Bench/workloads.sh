#!/usr/bin/env bash
# Runs a folder of outside workloads on our mount, on a local directory and on bindfs.
#
#     workloads.sh WALRUSFS FOLDER OUT [option of the workloads …]
#
# FOLDER has the workloads and the scripts that start and stop other filesystems:
#     workloads.sh MOUNT OUT.jsonl [option …]   does the work, and appends a line for each figure; it calls
#                                               $BENCH_REMOUNT and $BENCH_DRAIN, and names $BENCH_PEER
#     run-peer.sh PEER OUT [option …]           the same for a filesystem that it starts (ext4, bindfs)
#     summarize.py OUT.jsonl …                  prints the medians as a table
# In OUT are then the lines of each filesystem, and table.md. `PEERS=""` leaves the others out; as root.
#
# To drain is `walrusfs sync`: every byte is certified by the nodes. After a remount the kernel has
# nothing in memory; the local log and cache stay, as they do for a user.

set -euo pipefail

walrusfs=$(realpath "$1")
folder=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
shift 3

scratch=$(mktemp -d "${TMPDIR:-/tmp}/walrusfs-workloads.XXXXXX")
export WALRUSFS_HOME="$scratch/home"
mountpoint="$scratch/mnt"
mkdir "$mountpoint"

finish() {
    "$walrusfs" umount "$mountpoint" >/dev/null 2>&1 || true
    # Also what the others left mounted, when they were cut off.
    findmnt -rno TARGET | grep "^$scratch/" | while read -r left; do
        umount -l "$left"
    done || true
    rm -rf --one-file-system "$scratch"
}
trap finish EXIT

for peer in ${PEERS-ext4 bindfs}; do
    rm -f "$out/$peer.jsonl"
    BINDFS_OPTS="-o big_writes" PEERS_DIR="$scratch/peers" "$folder/run-peer.sh" "$peer" "$out" "$@"
done

"$walrusfs" create --network "embedded:$scratch/network?nodes=10" bench >/dev/null
"$walrusfs" mount bench "$mountpoint"
rm -f "$out/walrusfs.jsonl"
BENCH_PEER=walrusfs \
    BENCH_REMOUNT="'$walrusfs' umount '$mountpoint' && '$walrusfs' mount bench '$mountpoint'" \
    BENCH_DRAIN="'$walrusfs' sync '$mountpoint' >/dev/null" \
    "$folder/workloads.sh" "$mountpoint" "$out/walrusfs.jsonl" "$@"

"$folder/summarize.py" "$out"/*.jsonl | tee "$out/table.md"
