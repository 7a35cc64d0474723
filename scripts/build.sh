#!/usr/bin/env bash
# Configures (when needed) and builds one preset.   scripts/build.sh PRESET [JOBS]
# TESSERA_FROM_NOTHING=ON: quicker where no compiler cache is warm (continuous integration).
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
jobs=${2:-$(nproc)}
# CMake watches its own files; a changed preset it does not see.
if [ ! -f "build/$preset/build.ninja" ] || [ CMakePresets.json -nt "build/$preset/CMakeCache.txt" ]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  cmake --preset "$preset" -DTESSERA_FROM_NOTHING="${TESSERA_FROM_NOTHING:-OFF}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
  touch "build/$preset/CMakeCache.txt"
fi
cmake --build --preset "$preset" --parallel "$jobs"
