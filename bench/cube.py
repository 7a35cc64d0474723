#!/usr/bin/env python3
"""Spectral cubes at full size: 15' x 15', 102 channels, from Level-2 images of 2040 x 2040 pixels.

bench/cube.py [--exposures 446] [--distinct 60] [--folder DIR] [-- OPTIONS of tessera cube]

Writes `distinct` frames (66 MB each) of the six detectors, their pointings moved along the strips so that every channel is on the target, and calibration
products; links stand for the rest. Then runs `tessera cube` and says wall and CPU seconds, memory, and how many planes have exposures.
"""
import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests" / "end_to_end")]
import numpy as np  # noqa: E402
from astropy.io import fits  # noqa: E402
from spherex_frames import PIXEL, write_calibration, write_frame  # noqa: E402
from tools import TESSERA  # noqa: E402

RA, DEC, SIZE = 150.0, 2.0, 2040


def write_frames(folder, distinct):
    """Frames of each detector in turn, evenly spread along y."""
    folder.mkdir(parents=True, exist_ok=True)
    write_calibration(folder / "calibration", range(1, 7), SIZE)
    random = np.random.default_rng(1)
    per_detector = max(1, distinct // 6)
    names = []
    for i in range(distinct):
        name = folder / f"level2_2025W18_2B_{i:04d}_1D{i % 6 + 1}_spx_l2b-v12-2025-164.fits"
        names.append(name)
        if name.exists():
            continue
        offset = (i // 6 + .5) / per_detector * SIZE - SIZE / 2  # of the target from the middle of the frame, along y
        write_frame(name, RA + random.normal(0, 1e-3), DEC - offset * PIXEL / 3600, detector=i % 6 + 1, angle=random.normal(0, 1), size=SIZE, noise=.02, variance=4e-4, rng=random)
    return names


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--exposures", type=int, default=446)
    p.add_argument("--distinct", type=int, default=60)
    p.add_argument("--folder", type=Path, default=HERE.parent / "build" / "bench" / "cube")
    p.add_argument("options", nargs="*")
    a = p.parse_args()
    names = write_frames(a.folder / "frames", a.distinct)
    linked = a.folder / f"list{a.exposures}"
    linked.mkdir(exist_ok=True)
    for i in range(a.exposures):
        link = linked / f"level2_2025W18_2B_{i:04d}_1D{i % a.distinct % 6 + 1}_spx_l2b-v12-2025-164.fits"
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(names[i % a.distinct], linked))
    out = a.folder / "out"
    began = time.perf_counter()
    subprocess.run([TESSERA, "cube", f"{RA},{DEC}", linked, "--calibration", a.folder / "frames" / "calibration", "--size", "15", "-o", out, "--overwrite", *a.options], check=True)
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with fits.open(out / "cube.fits") as c:
        planes = int(np.isfinite(c["IMAGE"].data).any(axis=(1, 2)).sum())
        shape = c["IMAGE"].shape
    print(f"{a.exposures} exposures, {a.distinct} distinct files, cube {shape}: {wall:.1f} s wall, {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss / 1024:.0f} MiB, {planes} planes with data")
    for stage in json.loads((out / "run.json").read_text())["stages"]:
        print("  ", stage)


if __name__ == "__main__":
    main()
