#!/usr/bin/env bash
# Feeds one reader with mutated files.   scripts/fuzz.sh TARGET [SECONDS]
#   TARGET    a program fuzz_TARGET of tests/fuzz, built by scripts/build.sh fuzz
#   SECONDS   how long; without it the short run of `make test`: the same inputs every time
# Seeds are those of tests/fuzz/seeds, others made by tests/fuzz/make_seeds.py, and the small files of the shared data
# ($TESSERA_SHARED_DATA or ../shared/data) where that is at hand. New inputs collect in build/fuzz/corpus/TARGET; what ends the
# program is left in build/fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$1
seconds=${2:-}
program=build/fuzz/tests/fuzz/fuzz_$target
shared=${TESSERA_SHARED_DATA:-../shared/data}
mkdir -p build/fuzz/findings

longest=65536
runs=1000
words=()  # names of files in the shared data
case $target in
  fits_tables | fits_images | frame) words=('*.fits' '*.fit' '*.fz' '*.mt' '*.cat' '*.fits.gz') ;;
  wcs_cards) words=('*.fits' '*.hdr' '*.txt' '*.head' '*.ahead'); longest=32768 ;;
  ipac | fif) words=('*.tbl') ;;
  votable) words=('*.xml') ;;
  ecsv | yaml) words=('*.ecsv') ;;
  namelist) words=('*.nl' '*.swarp' '*.sex') ;;
esac

seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir -p "$seeds/ours"
[ -d "tests/fuzz/seeds/$target" ] && cp "tests/fuzz/seeds/$target"/* "$seeds/ours"
[ "$target" = fif ] && cp tests/fuzz/seeds/ipac/* "$seeds/ours"
[ "$target" = toml ] && cp profiles/*.toml "$seeds/ours"
case $target in fits_tables | fits_images | frame | wcs_cards) /usr/bin/python3 tests/fuzz/make_seeds.py "$seeds/made" ;; esac

# A fixed number of inputs from our own seeds is the same everywhere; a long run takes all there is.
options=(-max_len=$longest -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 -artifact_prefix=build/fuzz/findings/"$target"- -print_final_stats=1)
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=detect_stack_use_after_return=1:allocator_may_return_null=0
if [ -z "$seconds" ]; then
  mkdir "$seeds/new"
  "$program" "${options[@]}" -seed=1 -runs="$runs" "$seeds/new" "$seeds/ours" ${seeds:+$([ -d "$seeds/made" ] && echo "$seeds/made")} 2>"$seeds/log" || { tail -60 "$seeds/log"; exit 1; }
  tail -1 "$seeds/log"
  exit 0
fi
mkdir -p "$seeds/shared" "build/fuzz/corpus/$target"
if [ -d "$shared" ] && [ ${#words[@]} -gt 0 ]; then
  number=0
  for word in "${words[@]}"; do
    while read -r file; do
      ln -s "$file" "$seeds/shared/$((++number))"
    done < <(find "$(realpath "$shared")" -type f -name "$word" -size -200k)
  done
fi
"$program" "${options[@]}" -max_total_time="$seconds" -reload=0 "build/fuzz/corpus/$target" "$seeds/ours" "$seeds/shared" $([ -d "$seeds/made" ] && echo "$seeds/made")
