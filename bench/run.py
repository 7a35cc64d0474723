#!/usr/bin/env python3
"""Whole-process timings of tessera beside SWarp and Montage, on the same simulated stacks, in turn, in one run.

Writes bench/RESULTS.md: medians of CPU and wall seconds, input Mpix per CPU second, peak memory, and the ratio to the peer. Peers get the frames as
they read them fastest (TPV headers, weight maps, no background work); making those files is not timed. bench/run.py [RUNS] [irac] [spherex]
"""
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from astropy.io import fits

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "end_to_end"))
import peers  # noqa: E402
from tools import TESSERA, sip_to_tpv  # noqa: E402

STACKS = {
    "irac": ("100 × 256²", ["stack.frames=100", "stack.map_columns=2", "stack.map_rows=2", "stack.roll_step_deg=1", "sources.count=600"]),
    "spherex": ("24 × 2048²", ["camera.preset=spherex", "camera.layout=irac", "stack.frames=24", "stack.roll_step_deg=5", "sources.count=20000"]),
}


def timed(command, cwd=None):
    """(wall, cpu, peak MiB) of one run."""
    began = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {errors.decode()[-500:]}")
    return time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def peer_files(frames, out, work):
    """SWarp's input: TPV headers and weight maps; and the grid for both peers."""
    work.mkdir()
    names = []
    for i, image in enumerate(sorted(frames.glob("*_cbcd.fits"))):
        mask = image.with_name(image.name.replace("_cbcd", "_bimsk"))
        data, good = peers.prepared_frame(image, mask, 32520, 0.0)
        fits.writeto(work / f"f{i}.fits", data.astype(np.float32), sip_to_tpv(fits.getheader(image)), output_verify="silentfix")
        fits.writeto(work / f"f{i}.weight.fits", good)
        names.append(f"f{i}.fits")
    peers.grid_cards(out, work / "grid.hdr")
    grid = fits.getheader(out / "mosaic.fits")
    angle = np.radians(grid["CROTA2"])
    cards = {k: grid[k] for k in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "NAXIS1", "NAXIS2")}
    cards |= {"CD1_1": grid["CDELT1"] * np.cos(angle), "CD1_2": -grid["CDELT2"] * np.sin(angle),
              "CD2_1": grid["CDELT1"] * np.sin(angle), "CD2_2": grid["CDELT2"] * np.cos(angle)}
    (work / "coadd.head").write_text("".join(f"{str(fits.Card(k, v)):80s}\n" for k, v in cards.items()) + "END\n")
    return names


def commands(frames, work, out, names):
    """label → list of commands of one whole job."""
    fresh = [TESSERA, "mosaic", frames, "-o", out, "--overwrite", "-q", "--threads", "1"]
    plain = ["--set", "background.method=none", "--set", "rejection.method=none", "--set", "output.pictures=false", "--set", "input.scale_noise=false"]
    swarp = ["SWarp", *names, "-c", "/dev/null", "-WEIGHT_TYPE", "MAP_WEIGHT", "-RESCALE_WEIGHTS", "N", "-FSCALASTRO_TYPE", "NONE", "-SUBTRACT_BACK", "N",
             "-COMBINE_TYPE", "WEIGHTED", "-VERBOSE_TYPE", "QUIET", "-WRITE_XML", "N", "-NTHREADS", "1", "-RESAMPLING_TYPE"]
    rows = {"tessera, whole job (matching, rejection, pictures, checksums)": [fresh],
            "tessera, coadd only (value, variance, coverage, exposure)": [fresh + plain]}
    if peers.have("SWarp"):
        rows["SWarp LANCZOS3 coadd"] = [swarp + ["LANCZOS3"]]
        rows["SWarp BILINEAR coadd"] = [swarp + ["BILINEAR"]]
    return rows


def montage(frames, work):
    """mProjectPP of three frames: its cost per pixel does not depend on how many there are."""
    costs = []
    for i, image in enumerate(sorted(frames.glob("*_cbcd.fits"))[:3]):
        shutil.copy(image, work / "m.fits")
        costs.append(timed(["mProjectPP", "m.fits", "mout.fits", "grid.hdr"], cwd=work))
    return costs


def measure(name, runs, lines):
    title, settings = STACKS[name]
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as base:
        base = pathlib.Path(base)
        frames, out, work = base / "frames", base / "out", base / "peers"
        subprocess.run([TESSERA, "simulate", "-o", frames, "-q", *[a for s in settings for a in ("--set", s)]], check=True)
        subprocess.run([TESSERA, "mosaic", frames, "-o", out, "-q"], check=True)
        names = peer_files(frames, out, work)
        images = sorted(frames.glob("*_cbcd.fits"))
        mpix = sum(np.prod(fits.getdata(f).shape) for f in images) / 1e6
        jobs = commands(frames, work, out, names)
        costs = {label: [] for label in jobs}
        for _ in range(runs):  # in turn, so that a drift of the machine hits all alike
            for label, list_of_commands in jobs.items():
                parts = [timed(c, cwd=work if c[0] == "SWarp" else None) for c in list_of_commands]
                costs[label].append((sum(p[0] for p in parts), sum(p[1] for p in parts), max(p[2] for p in parts)))
        middle = {label: [statistics.median(c[k] for c in values) for k in range(3)] for label, values in costs.items()}
        if peers.have("mProjectPP"):
            each = montage(frames, work)
            scale = len(images)
            middle["Montage mProjectPP of all frames (3 measured)"] = [statistics.median(c[0] for c in each) * scale, statistics.median(c[1] for c in each) * scale, max(c[2] for c in each)]
        base_cpu = middle["tessera, coadd only (value, variance, coverage, exposure)"][1]
        lines += ["", f"## {name}: {title} ({mpix:.1f} Mpix), one thread", "", "| job | wall s | CPU s | Mpix per CPU s | peak MiB | CPU / tessera coadd |", "|---|---|---|---|---|---|"]
        for label, (wall, cpu, peak) in middle.items():
            lines.append(f"| {label} | {wall:.2f} | {cpu:.2f} | {mpix / cpu:.2f} | {peak:.0f} | {cpu / base_cpu:.2f} |")


def main():
    runs = next((int(a) for a in sys.argv[1:] if a.isdigit()), 3)
    names = [a for a in sys.argv[1:] if a in STACKS] or list(STACKS)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    version = subprocess.run([TESSERA, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    lines = ["# Timings", "", f"Made by `make bench`: {version}; {cpu}, {os.cpu_count()} processors; medians of {runs} runs in turn. Ratios below 1.5 are noise on a shared machine.",
             "All write value and weight; tessera also variance, coverage and exposure. Matching and rejection are in the first row only."]
    for name in names:
        measure(name, runs, lines)
        (ROOT / "bench" / "RESULTS.md").write_text("\n".join(lines) + "\n")  # after each stack: the large one takes minutes
    print((ROOT / "bench" / "RESULTS.md").read_text())


if __name__ == "__main__":
    main()
