#!/usr/bin/env bash
# Runs everything that build/release holds, then the C++ tests under sanitizers and the fuzz targets, and ends with one line of totals.
#   scripts/test.sh [JOBS]
set -uo pipefail
cd "$(dirname "$0")/.."
jobs=${1:-$(nproc)}
results=build/test-results
rm -rf "$results"
mkdir -p "$results"

ctest_in() { # PRESET
  ctest --preset "$1" --output-junit "$PWD/$results/ctest-$1.xml" >"$results/ctest-$1.log" 2>&1
  grep -vE '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ .* Passed|$)|^(Internal ctest|Test project)' "$results/ctest-$1.log"
}

echo "== C++ tests"
ctest_in release
echo "== Python tests"
TESSERA_BUILD="$PWD/build/release" TESSERA="$PWD/build/release/tessera" PYTHONDONTWRITEBYTECODE=1 \
  /usr/bin/python3 -m pytest tests -q --tb=short -p no:cacheprovider \
  --junitxml="$results/pytest.xml"
echo "== C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer"
if scripts/build.sh sanitize "$jobs"; then
  ctest_in sanitize
fi
echo "== Fuzz targets, the same short run every time"
if scripts/build.sh fuzz "$jobs"; then
  ctest_in fuzz
fi
/usr/bin/python3 scripts/summarise_tests.py "$results"/ctest-release.xml "$results"/pytest.xml "$results"/ctest-sanitize.xml "$results"/ctest-fuzz.xml
