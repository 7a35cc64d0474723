#!/usr/bin/env python3
"""tessera's extraction beside SExtractor, sep and photutils: one simulated image, each program in turn, CPU seconds of one thread.

bench/extraction.py [--runs N] [--side PIXELS] [--no-photutils] [--out FILE]

Writes EXTRACTION.md (bench/). Parts (detection, apertures, fits) are those of bench_extraction, which must be built (-DTESSERA_BENCH=ON), on a field of the same recipe: stars of 2.5 pixels, 1 in 524 pixels, lg flux even from 1 to 3, noise 1.
Whole programs read the image and write a catalogue. A program that is not there is left out.
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "end_to_end")]
import numpy as np  # noqa: E402
import peer_extraction  # noqa: E402
import results  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.table import Table  # noqa: E402
from timing import in_turn, load, say, timed  # noqa: E402
from tools import TESSERA  # noqa: E402

FWHM, NOISE, PIXELS_PER_STAR = 2.5, 1.0, 524
# Targets, and figures published or measured for the peers on other machines: sep 17 Mpix/s and 0.4 M apertures/s, photutils 1.5 and 0.05, forced fits 1 / 10 sources per 15 x 15 cut-out: Tractor 2750 / 750, photutils 153 / 36 a second.
GIVEN = {"detection": ("40 Mpix/s", "sep 17, photutils 1.5"), "aperture 3": ("0.6 M/s", "sep 0.4, photutils 0.05"), "aperture 5": ("", ""), "fit": ("20 k/s, 5 frames", ""),
         "forced, 1": ("", "Tractor 2.75, photutils 0.15 k/s"), "forced, 10": ("150 k/s", "Tractor 0.75, photutils 0.036 k/s")}

BUSY = " Other work ran on the same processors: programs in turns are comparable, parts, timed one program after another, only roughly."


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--side", type=int, default=2048)
    p.add_argument("--no-photutils", action="store_true")
    p.add_argument("--out", type=Path, default=HERE / "EXTRACTION.md")
    return p.parse_args()


def write_field(folder, side):
    """image.fits in MJy/sr with its uncertainty beside it."""
    random = np.random.default_rng(1)
    image = random.normal(0, NOISE, (side, side))
    s, half = np.hypot(FWHM / 2.3548, 1 / np.sqrt(12)), 10
    for _ in range(side * side // PIXELS_PER_STAR):
        x, y = random.uniform(half, side - half - 1, 2)
        flux, cx, cy = 10 ** random.uniform(1, 3), int(round(x)), int(round(y))
        gx, gy = (np.exp(-((c + np.arange(-half, half + 1) - v) ** 2) / (2 * s * s)) for c, v in ((cx, x), (cy, y)))
        image[cy - half : cy + half + 1, cx - half : cx + half + 1] += flux / (2 * np.pi * s * s) * gy[:, None] * gx[None, :]
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 5.0, "CRPIX1": side / 2, "CRPIX2": side / 2, "CDELT1": -1e-4, "CDELT2": 1e-4, "BUNIT": "MJy/sr"})
    fits.PrimaryHDU(image.astype("f4"), header).writeto(folder / "image.fits")
    fits.PrimaryHDU(np.full(image.shape, NOISE, "f4"), header).writeto(folder / "image_unc.fits")


def whole_programs(folder):
    """label → (job, runs); what each found is in the folder afterwards."""
    width = np.hypot(FWHM, 2.3548 / np.sqrt(12))
    common = [TESSERA, "extract", folder / "image.fits", "--psf", f"gaussian:fwhm_pix={FWHM}", "--threads", 1, "--overwrite", "-q", "--no-report", "--set", "detection.threshold=5"]
    jobs = {"tessera extract, fits of all sources, 2 apertures": (lambda: timed([*common, "-o", folder / "ours"]), 9), "the same without deblending in what the fit leaves": (lambda: timed([*common, "--set", "detection.rounds=1", "-o", folder / "ours1"]), 9)}
    if shutil.which("source-extractor"):
        k = peer_extraction.kernel(width)
        (folder / "kernel.conv").write_text("CONV NORM\n" + "\n".join(" ".join(f"{v:.6f}" for v in row) for row in k) + "\n")
        (folder / "columns.param").write_text("X_IMAGE\nY_IMAGE\nFLUX_APER(2)\nFLUXERR_APER(2)\nFLUX_AUTO\n")
        subprocess.run("source-extractor -d > default.sex", shell=True, cwd=folder, check=True)
        command = ["source-extractor", "image.fits", "-c", "default.sex", "-PARAMETERS_NAME", "columns.param", "-FILTER_NAME", "kernel.conv", "-CATALOG_NAME", "se.fits", "-CATALOG_TYPE", "FITS_1.0", "-PHOT_APERTURES", "6,10",
                   "-WEIGHT_TYPE", "MAP_RMS", "-WEIGHT_IMAGE", "image_unc.fits", "-DETECT_MINAREA", "3", "-DETECT_THRESH", "1.5", "-VERBOSE_TYPE", "QUIET"]
        jobs["SExtractor, 2 apertures and AUTO"] = (lambda: timed(command, cwd=folder), 9)
    return jobs


def own_parts(runs):
    """job → rates of bench_extraction, in sources, cut-outs or Mpix per CPU second."""
    program = next((p for p in (HERE.parent / "build" / "release" / "bench" / "bench_extraction", Path(TESSERA).parent / "bench" / "bench_extraction") if p.exists()), None)
    if program is None:
        say("bench_extraction was not built (-DTESSERA_BENCH=ON): no parts")
        return {}
    patterns = {"detection": (r"^detection with deblending", 1), "aperture 3": (r"radius 3", 1e6), "aperture 5": (r"radius 5", 1e6), "fit": (r"PRF fit, 5 frames, 7x7", 1e3), "forced, 1": (r"15x15 cut-out, 1 ", 1e3), "forced, 10": (r"15x15 cut-out, 10 ", 1e3)}
    rates = {k: [] for k in patterns}
    for _ in range(runs):
        for line in subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines():
            for job, (pattern, unit) in patterns.items():
                if re.search(pattern, line):
                    rates[job].append(float(line[58:].split()[0]) * unit)
    return {k: statistics.median(v) for k, v in rates.items()}


def peer_parts(program, folder, mpix):
    done = subprocess.run(["/usr/bin/python3", HERE / "peer_extraction.py", program, folder / "image.fits", str(NOISE), str(np.hypot(FWHM, 2.3548 / np.sqrt(12)))], capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    if done.returncode:
        say(f"left out: {program}: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}")
        return {}
    costs = json.loads(done.stdout)
    n = costs["sources"]
    rates = {"detection": mpix / costs["detection"], "aperture 3": n / costs["aperture 3"], "aperture 5": n / costs["aperture 5"], "sources": n}
    if "forced, 1" in costs:
        rates.update({"fit": 1 / costs["fit, one source of one frame"], "forced, 1": 1 / costs["forced, 1"], "forced, 10": 1 / costs["forced, 10"]})
    return rates


def parts_table(ours, peers):
    names = {"detection": "detection with deblending, Mpix/s", "aperture 3": "exact circle of radius 3, sources/s", "aperture 5": "of radius 5", "fit": "fit of position and flux, 7 × 7 pixels, sources/s (here 5 frames each, photutils 1)",
             "forced, 1": "forced fit, 15 × 15 cut-out, 1 source, cut-outs/s", "forced, 10": "10 sources"}
    lines = ["", "## Parts, per CPU second", "", "| | tessera | " + " | ".join(peers) + " | target | figures given |", "|---|---|" + "---|" * len(peers) + "---|---|"]
    for job, name in names.items():
        mine = ours.get(job)
        cells = [f"{p[job]:.3g} (×{mine / p[job]:.1f})" if job in p and mine else f"{p[job]:.3g}" if job in p else "" for p in peers.values()]
        lines.append(f"| {name} | {f'{mine:.3g}' if mine else ''} | " + " | ".join(cells) + f" | {GIVEN[job][0]} | {GIVEN[job][1]} |")
    return lines


def main():
    a = arguments()
    mpix, before = 1e-6 * a.side ** 2, load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_field(folder, a.side)
        costs = in_turn(whole_programs(folder), a.runs)
        counts = {"tessera extract, fits of all sources, 2 apertures": folder / "ours" / "catalog.fits", "the same without deblending in what the fit leaves": folder / "ours1" / "catalog.fits", "SExtractor, 2 apertures and AUTO": folder / "se.fits"}
        counts = {k: len(Table.read(v)) for k, v in counts.items() if v.exists()}
        say("parts")
        ours = own_parts(a.runs)
        peers = {p: r for p in ("sep", "photutils") if not (p == "photutils" and a.no_photutils) and (r := peer_parts(p, folder, mpix))}
    lines = ["# Extraction: speed", "", f"Written by bench/extraction.py. {results.machine()}. Load {before:.1f} before, {load():.1f} after. One image of {a.side}², {a.side ** 2 // PIXELS_PER_STAR} stars; medians of {a.runs}." + (BUSY if before > 2 * os.cpu_count() else ""), "",
             "## Whole programs, one thread, files to files", "", "| program | sources | wall s | CPU s | Mpix per CPU s | thousand sources per CPU s | peak MiB |", "|---|---|---|---|---|---|---|"]
    lines += [f"| {k} | {counts.get(k, 0)} | {c.wall:.2f} | {c.cpu:.2f} | {mpix / c.cpu:.1f} | {counts.get(k, 0) / c.cpu / 1000:.1f} | {c.peak_mib:.0f} |" for k, c in costs.items()]
    lines += parts_table(ours, peers)
    lines += ["", "× is tessera over the other. Detection: tessera 7 × 7 matched filter with the noise of every pixel, 5σ; sep the same kernel, matched, 1.5σ and 3 pixels; photutils convolution, threshold, deblending. photutils' apertures are timed on 2000 of its sources, its fits on 200."]
    a.out.write_text("\n".join(lines) + "\n")
    say(f"{a.out} written")


if __name__ == "__main__":
    main()
