#!/usr/bin/env bash
# Puts Apache Arrow's C++ library, out of its pinned Python wheel, into build/arrow, for tables in Parquet. Without a package index
# the build goes on without.
set -uo pipefail
cd "$(dirname "$0")/.."
version=26.0.1
[ -e "build/arrow/$version" ] || [ -e build/arrow-not-here ] && exit 0
rm -rf build/arrow
mkdir -p build
echo "setup: fetching Apache Arrow $version for Parquet"
if /usr/bin/python3 -m venv build/arrow &&
  build/arrow/bin/pip install -q --disable-pip-version-check --no-deps --only-binary=:all: "pyarrow==$version"; then
  touch "build/arrow/$version"
  rm -f build/release/build.ninja # configured again, with it
else
  rm -rf build/arrow
  touch build/arrow-not-here # not asked again before make clean
  echo "setup: Apache Arrow is not to be had here; the program is built without Parquet" >&2
fi
