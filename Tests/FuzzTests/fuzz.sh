#!/bin/bash
# fuzz.sh BINARY WORK TARGET|all SECONDS [keep]: libFuzzer on one parser or on all in turn. Inputs begin
# with Tests/Fixtures/fuzz; what is new stays in WORK/corpus, what fails in WORK/failures. With "keep",
# the inputs that reach more code than those of the repository, and are short, are added to it.
set -u
binary=$1 work=$2 target=$3 seconds=$4 keep=${5:-}
kept_max=24
targets=$target
[ "$target" = all ] && targets=$(WALRUS_FUZZ_TARGET=list "$binary" -runs=0 2>/dev/null)
failed=0
for name in $targets; do
    fixtures=Tests/Fixtures/fuzz/$name
    mkdir -p "$work/corpus/$name" "$work/failures" "$fixtures"
    export WALRUS_FUZZ_TARGET=$name
    if [ "$seconds" -gt 0 ]; then
        "$binary" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
            -malloc_limit_mb=64 -detect_leaks=0 -print_final_stats=1 -verbosity=0 \
            -artifact_prefix="$work/failures/$name-" \
            "$work/corpus/$name" "$fixtures" >"$work/$name.log" 2>&1
        status=$?
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name.log")
        echo "$name: ${runs:-0} inputs, $(ls "$work/corpus/$name" | wc -l) that reach something new"
        if [ $status -ne 0 ]; then
            failed=1
            echo "$name FAILED: see $work/$name.log and $work/failures/$name-*"
        fi
    fi
    if [ "$keep" = keep ]; then
        rm -rf "$work/merged" && mkdir -p "$work/merged"
        cp "$fixtures"/* "$work/merged" 2>/dev/null
        "$binary" -merge=1 -max_len=1024 -timeout=10 -detect_leaks=0 -verbosity=0 \
            "$work/merged" "$work/corpus/$name" >>"$work/$name.log" 2>&1
        room=$((kept_max - $(ls "$fixtures" | wc -l)))
        for file in $(ls -Sr "$work/merged"); do
            [ -e "$fixtures/$file" ] && continue
            [ "$room" -gt 0 ] || break
            cp "$work/merged/$file" "$fixtures/${file:0:16}"
            room=$((room - 1))
        done
    fi
done
exit $failed
