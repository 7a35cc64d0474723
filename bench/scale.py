#!/usr/bin/env python3
"""What the parts of a run cut into pieces cost, for the arithmetic of docs/scale.md: planning, measuring, solving, coadding and gathering many small frames, CPU seconds, memory and bytes.

bench/scale.py [N …]     numbers of frames (default 300 1000 3000); frames of 32 × 32 pixels, so that what is left is the cost per frame and per tile
"""
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "end_to_end"))
from tools import TESSERA  # noqa: E402

FRAME = ["camera.width=32", "camera.height=32", "sources.count=30"]
TILE = 32


def measured(*args, env=None):
    """CPU seconds, wall seconds and peak memory (bytes) of one command."""
    begin = time.monotonic()
    pid = os.posix_spawn(TESSERA, [TESSERA, *map(str, args)], env or os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/tmp/scale.err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{args}: {pathlib.Path('/tmp/scale.err').read_text()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss * 1024


def size(path):
    return sum(f.stat().st_size for f in pathlib.Path(path).rglob("*") if f.is_file())


def stack(folder, n):
    """n frames by copies of 25 simulated ones, moved on the sky to a square field eight deep."""
    from astropy.io import fits
    few = folder / "few"
    subprocess.run([TESSERA, "simulate", "-o", few, *[a for s in [*FRAME, "stack.frames=25"] for a in ("--set", s)]], check=True, capture_output=True)
    out = folder / f"frames{n}"
    out.mkdir()
    originals = sorted(few.glob("*_cbcd.fits"))
    across = max(1, int((n / 8) ** 0.5))
    for i in range(n):
        source = originals[i % len(originals)]
        cell = i // 8
        for f in few.glob(source.name.replace("_cbcd.fits", "_*.fits")):
            target = out / f.name.replace(source.name[:-len("_cbcd.fits")], f"SIM_{i:07d}")
            with fits.open(f) as h:
                for hdu in h:
                    if "CRVAL1" in hdu.header:
                        hdu.header["CRVAL1"] += (cell % across) * 24 * 1.22 / 3600
                        hdu.header["CRVAL2"] += (cell // across) * 24 * 1.22 / 3600
                h.writeto(target)
    shutil.rmtree(few)
    return out


def main():
    numbers = [int(a) for a in sys.argv[1:]] or [300, 1000, 3000]
    for n in numbers:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            frames = stack(folder, n)
            plan, work = folder / "plan.json", folder / "plan.json.work"
            common = ["--threads", "1", "--set", f"run.tile_size={TILE}", "--set", "output.report=false", "--set", "output.pictures=false", "--set", "output.correlation=false"]
            row = {"frames": n}
            row["plan"] = measured("mosaic", frames, "-o", folder / "out", "--plan-only", plan, *common)
            about = json.loads(plan.read_text())
            row["tiles"], row["plan_bytes"] = about["tiles"], size(work) + plan.stat().st_size
            row["one_tile_before"] = measured("work", plan, "--pass", "outliers", "--tiles", "0", "--threads", "1")  # reads the plan, has nothing to do
            row["frames_pass"] = measured("work", plan, "--frames", "all", "--threads", "1")
            row["frame_bytes"] = size(work / "parts")
            row["solve"] = measured("work", plan, "--pass", "solve", "--threads", "1")
            row["solution_bytes"] = size(work / "parts") - row["frame_bytes"]
            row["one_tile"] = measured("work", plan, "--tiles", "0", "--threads", "1")
            row["coadd"] = measured("work", plan, "--tiles", "all", "--threads", "1")
            row["tile_bytes"] = size(work / "parts") - row["solution_bytes"] - row["frame_bytes"]
            row["gather"] = measured("gather", plan, "--threads", "1")
            row["whole"] = measured("mosaic", frames, "-o", folder / "one", *common)
            print(json.dumps(row, default=lambda v: v), flush=True)


if __name__ == "__main__":
    main()
