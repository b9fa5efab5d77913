#!/bin/bash
# fuzz.sh BINARY WORK TARGET|all SECONDS [keep]: libFuzzer on one parser or on all in turn. Inputs begin
# with Tests/Fixtures/fuzz; what is new stays in WORK/corpus, what fails in WORK/failures. With "keep",
# the inputs that reach most of what those of the repository do not, and are short, are added to it.
set -u
binary=$1 work=$2 target=$3 seconds=$4 keep=${5:-}
kept_max=24 length_max=1024
# Reads libFuzzer's record of what each input reaches: how many inputs, how many of them are of the
# first folder, their names, and for each a line "FT number features…". Prints the names of those to
# keep, always the one next that reaches most besides what is kept, of equals the shortest.
choose='
function news(input, also_take,    parts, count, part, found) {
    count = split(reach[input], parts, " ")
    for (part = 3; part <= count; part++) if (!(parts[part] in reached)) {
        found++
        if (also_take) reached[parts[part]] = 1
    }
    return found + 0
}
NR == 1 { inputs = $1; next }
NR == 2 { ours = $1; next }
NR <= inputs + 2 { name[NR - 3] = $0; next }
$1 == "FT" { reach[$2] = $0 }
END {
    for (input = 0; input < ours; input++) news(input, 1)
    while (room-- > 0) {
        most = 0
        for (input = ours; input < inputs; input++) {
            found = news(input, 0)
            if (found > most) { most = found; best = input }
        }
        if (most == 0) break
        print name[best]
        news(best, 1)
    }
}'
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
        learned=$work/learned
        rm -rf "$learned" "$work/reach" && mkdir -p "$learned/ours" "$learned/all"
        # libFuzzer adds to the first folder, by rules of its own.
        cp "$fixtures"/* "$learned/ours" 2>/dev/null
        find "$work/corpus/$name" -type f -size "-$((length_max + 1))c" -exec cp -t "$learned/all" {} +
        "$binary" -set_cover_merge=1 -merge_control_file="$work/reach" -timeout=10 \
            -rss_limit_mb=1024 -malloc_limit_mb=64 -detect_leaks=0 -verbosity=0 \
            -artifact_prefix="$work/failures/$name-merge-" \
            "$learned/ours" "$learned/all" >>"$work/$name.log" 2>&1
        room=$((kept_max - $(ls "$fixtures" | wc -l)))
        for file in $(awk -v room="$room" "$choose" "$work/reach"); do
            base=${file##*/}
            cp "$file" "$fixtures/${base:0:16}"
        done
    fi
done
exit $failed
