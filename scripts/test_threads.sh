#!/usr/bin/env bash
# Tests of the rooms that threads meet in, and whole multi-threaded runs of small stacks, under ThreadSanitizer.
#   scripts/test_threads.sh [JOBS]      needs build/release/tessera (it makes the stack)
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-$(nproc)}
rooms="parallel io wcs reproject background outlier run pipeline joint_fit"
targets=tessera
for room in $rooms; do targets+=" test_$room"; done
[ -f build/thread-sanitize/build.ninja ] || cmake --preset thread-sanitize >/dev/null
cmake --build build/thread-sanitize --parallel "$jobs" --target $targets
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
for room in $rooms; do
  echo "== $room"
  build/thread-sanitize/tests/test_"$room" --gtest_brief=1
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build/release/tessera simulate -q -o "$folder/stack" --frames 8 --set camera.width=128 --set camera.height=128
for options in "" "--set rejection.method=temporal,dual,box,radhit,blot" "--set interpolation.method=drizzle --memory 64M"; do
  echo "== mosaic $options"
  build/thread-sanitize/tessera mosaic "$folder/stack" -o "$folder/out" --overwrite --threads 4 -q $options
done
echo "no data race was found"
