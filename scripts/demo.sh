#!/usr/bin/env bash
# The main job on a simulated stack: frames with truth, a mosaic and a catalogue of them, and how they compare.
set -euo pipefail
cd "$(dirname "$0")/.."
tessera=${TESSERA:-build/release/tessera}
out=${1:-demo-out}
rm -rf "$out"
mkdir -p "$out"

echo "1. Simulating 20 IRAC-like frames with offsets, cosmic rays and bad pixels …"
"$tessera" simulate -o "$out/frames" -c scripts/demo.toml -q
echo "2. Making the mosaic:  tessera mosaic $out/frames -o $out/mosaic"
"$tessera" mosaic "$out/frames" -o "$out/mosaic" --rmasks -q
echo "3. Finding and fitting sources on all frames:  tessera extract $out/frames --mosaic $out/mosaic --psf gaussian:fwhm_pix=1.4 -o $out/sources"
"$tessera" extract "$out/frames" --mosaic "$out/mosaic" --psf gaussian:fwhm_pix=1.4 -o "$out/sources" -q
echo "4. Comparing with the truth …"
/usr/bin/python3 scripts/demo_compare.py "$out"
