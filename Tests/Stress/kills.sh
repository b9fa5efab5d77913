#!/usr/bin/env bash
# Kills a mount at random moments while real tools write to it, mounts it again at once, and looks
# for what had completed. Every tool notes what it has done in a journal outside of the mount, after
# it was done: whatever is in the journal must be there.
#
#     kills.sh WALRUSFS ROUNDS [SEED]
#
# The network is embedded, so it is killed together with the mount. In each round the serving process
# is killed with SIGKILL, alone or with its keeper, or is made to trap, so that the keeper mounts again
# (Docs/Decisions/0103). Then: fsck is clean, the journal is true, the work goes on. At the end all is
# published, a second state directory made from the key has the same tree, everything is removed, and
# neither segments of the log nor packs are left. Needs rsync, git, sqlite3 and fio.
set -euo pipefail -m
walrusfs=$(realpath "$1")
rounds=${2:-12}
seed=${3:-$((SRANDOM % 32768))}
RANDOM=$seed
echo "kills: $rounds rounds; seed $seed"
folder=$(mktemp -d "${TMPDIR:-/tmp}/walrusfs-kills-XXXXXX")
export WALRUSFS_HOME=$folder/home LC_ALL=C SWIFT_BACKTRACE=enable=no
export GIT_AUTHOR_NAME=w GIT_AUTHOR_EMAIL=w@w GIT_COMMITTER_NAME=w GIT_COMMITTER_EMAIL=w@w
mnt=$folder/mnt
journal=$folder/journal
state=$WALRUSFS_HOME/volumes/v
workers=()
# fio leaves a file where it runs.
cd "$folder"

finish() {
    status=$?
    trap - EXIT
    stop_workers
    cd /
    "$walrusfs" umount "$mnt" > /dev/null 2>&1 || umount -l "$mnt" 2> /dev/null || true
    if [ "$status" != 0 ]; then
        tail -n 20 "$state/mount.log" 2> /dev/null || true
        echo "kills: failed in round ${round:-0}"
    fi
    rm -rf "$folder"
    exit "$status"
}
trap finish EXIT

# A worker ends by itself when the mount is gone: its tool fails.
stop_workers() {
    for pid in "${workers[@]}"; do
        # With the tool that it runs: each is a process group of its own (set -m).
        kill -KILL -- "-$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
    done
    workers=()
}

note() { echo "$*" >> "$journal"; }

copy_worker() {
    for ((i = 0; ; i++)); do
        cp -a "$folder/tree" "$mnt/cp/$1-$i" && note "tree cp/$1-$i" || return 0
        ((i % 3 == 2)) || continue
        note "going cp/$1-$i"
        mv "$mnt/cp/$1-$i" "$mnt/cp/moved-$1-$i" && note "gone cp/$1-$i" &&
            note "tree cp/moved-$1-$i" || return 0
        note "going cp/moved-$1-$i"
        rm -rf "$mnt/cp/moved-$1-$i" && note "gone cp/moved-$1-$i" || return 0
    done
}
rsync_worker() {
    for ((i = 0; ; i++)); do
        rsync -a "$folder/tree/" "$mnt/rsync/$1-$i" && note "tree rsync/$1-$i" || return 0
    done
}
git_worker() {
    for ((i = 0; ; i++)); do
        echo "$1-$i" > "$mnt/git/file-$((i % 20))" && git -C "$mnt/git" add -A &&
            git -C "$mnt/git" commit -qm "$1-$i" || return 0
        commit=$(git -C "$mnt/git" rev-parse HEAD) && note "commit $commit" || return 0
    done
}
sqlite_worker() {
    for ((i = 0; ; i++)); do
        sqlite3 "$mnt/db/db" "PRAGMA synchronous = FULL; INSERT INTO t VALUES ('$1-$i', randomblob(3000))" &&
            note "row $1-$i" || return 0
    done
}
# As a thread, because fio's processes are in a session of their own, where kill does not find them.
fio_worker() {
    for ((i = 0; ; i++)); do
        fio --name=f --filename="$mnt/fio/$1-$i" --rw=randwrite --bs=4k-32k --size=2m --fsync=16 \
            --ioengine=psync --verify=crc32c --do_verify=0 --thread --minimal > /dev/null 2>&1 &&
            note "fio $1-$i" || return 0
    done
}
sync_worker() {
    for ((i = 0; ; i++)); do
        dd if="$folder/tree/blob" of="$mnt/synced/$1-$i" conv=fsync status=none &&
            note "blob synced/$1-$i" || return 0
    done
}

status() { "$walrusfs" status --json v | python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])"; }

# What was about to be moved or removed may be there or not, or in part.
check() {
    git -C "$mnt/git" fsck --no-dangling --no-progress 2> "$folder/git.log" ||
        { cat "$folder/git.log"; return 1; }
    [ "$(sqlite3 "$mnt/db/db" 'PRAGMA integrity_check')" = ok ]
    sqlite3 "$mnt/db/db" 'SELECT name FROM t' | sort > "$folder/rows"
    sed -n 's/^row //p' "$journal" | sort | comm -23 - "$folder/rows" > "$folder/missing"
    [ ! -s "$folder/missing" ] || { echo "rows are missing:"; cat "$folder/missing"; return 1; }
    git -C "$mnt/git" rev-list HEAD | sort > "$folder/commits"
    sed -n 's/^commit //p' "$journal" | sort | comm -23 - "$folder/commits" > "$folder/missing"
    [ ! -s "$folder/missing" ] || { echo "commits are missing:"; cat "$folder/missing"; return 1; }
    while read -r kind name; do
        case $kind in
            row | commit) ;;
            tree) grep -qx "going $name" "$journal" || diff -r "$folder/tree" "$mnt/$name" ;;
            gone) [ ! -e "$mnt/$name" ] ;;
            fio) fio --name=f --filename="$mnt/fio/$name" --rw=randwrite --bs=4k-32k --size=2m \
                --ioengine=psync --verify=crc32c --verify_only --minimal > /dev/null ;;
            blob) cmp "$folder/tree/blob" "$mnt/$name" ;;
        esac || { echo "$kind $name is not as it was"; return 1; }
    done < <(sort -u "$journal")
}

mkdir -p "$mnt" "$WALRUSFS_HOME" "$folder/tree/a/b"
head -c 300000 /dev/urandom > "$folder/tree/blob"
for i in 1 2 3 4 5 6; do echo "file $i" > "$folder/tree/a/$i"; ln "$folder/tree/a/$i" "$folder/tree/a/b/$i"; done
ln -s a/1 "$folder/tree/link"
"$walrusfs" create --network "embedded:$folder/net?nodes=10" v > /dev/null
"$walrusfs" mount v "$mnt"
mkdir "$mnt"/{cp,rsync,git,db,fio,synced}
git -C "$mnt/git" init -q && git -C "$mnt/git" commit -q --allow-empty -m start
git -C "$mnt/git" config gc.auto 0
sqlite3 "$mnt/db/db" 'CREATE TABLE t (name TEXT PRIMARY KEY, data BLOB)'
: > "$journal"
completed=0
for ((round = 1; round <= rounds; round++)); do
    for worker in copy rsync git sqlite fio sync; do
        "${worker}_worker" "$round" 2> /dev/null &
        workers+=($!)
    done
    # Publishing goes on beside it, so that kills meet it at every stage.
    (while "$walrusfs" sync v > /dev/null 2>&1; do :; done) &
    workers+=($!)
    server=$(status pid)
    keeper=$(ps -o ppid= -p "$server")
    python3 -c "import time; time.sleep($((RANDOM % 1500 + 50)) / 1000)"
    how=$((RANDOM % 3))
    case $how in
        0) kill -KILL "$server" ;;
        1) kill -KILL "$keeper" "$server" ;;
        2) kill -SEGV "$server" ;;
    esac
    while kill -0 "$server" 2> /dev/null; do sleep 0.01; done
    stop_workers
    if [ "$how" = 2 ]; then
        # The keeper mounts again: who asks too early is told that nobody is there.
        until [ "$(status restarts 2> /dev/null)" ]; do sleep 0.05; done
        "$walrusfs" umount "$mnt" > /dev/null
    else
        # The keeper of a killed server ends too, once it has seen that.
        while kill -0 "$keeper" 2> /dev/null; do sleep 0.01; done
    fi
    "$walrusfs" fsck v > "$folder/fsck.log" || { cat "$folder/fsck.log"; exit 1; }
    "$walrusfs" mount v "$mnt"
    check
    completed=$(sort -u "$journal" | wc -l)
    # Not everything is kept for ever: the journal would be longer to check than to write.
    if ((round % 4 == 0)); then
        rm -rf "$mnt"/{cp,rsync,fio,synced} && mkdir "$mnt"/{cp,rsync,fio,synced}
        grep -E '^(row|commit) ' "$journal" > "$folder/rest" || true
        mv "$folder/rest" "$journal"
    fi
done
echo "kills: $completed things of the last rounds completed, and all are there"

# Everything gets to the network, and a machine that has only the key sees the same.
"$walrusfs" sync v
contents() { (cd "$mnt" && find . -type f -print0 | sort -z | xargs -0 sha256sum && find . | sort); }
contents > "$folder/before"
"$walrusfs" key export v > "$folder/key" && chmod 600 "$folder/key"
[ -z "$(ls "$state/packs" "$state/cuts" | grep -v : || true)" ] || { ls "$state/packs" "$state/cuts"; exit 1; }
sequence=$(status sequence)
"$walrusfs" umount "$mnt" > /dev/null
# Every blob that was paid for is certified, none twice, and each is a pack of contents, or one of the
# rows or the manifest of a checkpoint (Docs/Formats/ledger-state.md, kinds 0x08 and 0x09).
ledger() { sqlite3 "$folder/net/ledger/ledger.db" "SELECT count($1) FROM state WHERE substr(key, 1, 1) = $2"; }
registered=$(ledger '*' "x'08'")
packs=$(sqlite3 "$state/volume.db" 'SELECT count(*) FROM packs')
echo "kills: $registered blobs registered for $packs packs and $sequence checkpoints"
[ "$(ledger '*' "x'08' AND length(value) < 163")" = 0 ] || { echo "some were never certified"; exit 1; }
[ "$(ledger 'DISTINCT substr(key, 2, 32)' "x'09'")" = "$registered" ] || { echo "some twice"; exit 1; }
((registered == packs + 2 * sequence)) || { echo "some were uploaded in vain"; exit 1; }
export WALRUSFS_HOME=$folder/other
mkdir "$WALRUSFS_HOME"
"$walrusfs" attach --key-file "$folder/key" --network "embedded:$folder/net?nodes=10" v > /dev/null
"$walrusfs" mount -o ro v "$mnt"
contents | cmp - "$folder/before"
"$walrusfs" umount "$mnt" > /dev/null
export WALRUSFS_HOME=$folder/home

# When nothing is needed any more, nothing is left: segments of the log, packs, cuts.
"$walrusfs" mount v "$mnt"
rm -rf "${mnt:?}"/*
"$walrusfs" sync v
touch "$mnt/last"
for ((i = 0; i < 1200; i++)); do
    "$walrusfs" sync v
    (($(ls "$state/log" | grep -c seg) > 3)) || break
    sleep 0.1
done
ls "$state/log" > "$folder/segments"
(($(grep -c seg "$folder/segments") <= 3)) || { echo "segments leaked:"; cat "$folder/segments"; exit 1; }
"$walrusfs" umount "$mnt" > /dev/null
"$walrusfs" fsck v
echo "kills: done"
