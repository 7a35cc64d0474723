#!/usr/bin/env bash
# The main job on a simulated stack: frames with truth, a mosaic of them, and how the two compare.
set -euo pipefail
cd "$(dirname "$0")/.."
tessera=${TESSERA:-build/release/tessera}
out=${1:-demo-out}
rm -rf "$out"
mkdir -p "$out"

echo "1. Simulating 20 IRAC-like frames with offsets, cosmic rays and bad pixels …"
"$tessera" simulate -o "$out/frames" -c scripts/demo.toml -q
echo "2. Making the mosaic:  tessera mosaic $out/frames -o $out/mosaic"
"$tessera" mosaic "$out/frames" -o "$out/mosaic" -q
echo "3. Comparing with the truth …"
/usr/bin/python3 scripts/demo_compare.py "$out"
