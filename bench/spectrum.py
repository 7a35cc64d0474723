#!/usr/bin/env python3
"""Spectra at full size: 5700 spectral images of 2040 × 2040 pixels on disk, for one source and for a thousand in the same field.

bench/spectrum.py [--frames 5700] [--distinct 60] [--folder DIR] [--sources 1,1000] [-- OPTIONS of tessera spectrum]

Writes `distinct` frames (66 MB each) of the six detectors that look at one field, with 121 PSF zones, and products of calibration; links stand for the rest. Then runs `tessera spectrum` and says wall and
CPU seconds, peak memory and fits per CPU second. The published tool needs 1.67 s per image and 50 s: 2.66 h for 5700.
"""
import argparse
import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "end_to_end")]
import numpy as np  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.table import Table  # noqa: E402
from astropy.wcs import Sip  # noqa: E402
from spectrum_frames import cards, moffat_cells, sky_wcs  # noqa: E402
from timing import say, timed  # noqa: E402
from tools import TESSERA  # noqa: E402

SIZE, ZONES, RA, DEC = 2040, 11, 150.0, 2.0
RANGES = {1: (.75, 1.11), 2: (1.11, 1.65), 3: (1.65, 2.42), 4: (2.43, 3.82), 5: (3.82, 4.42), 6: (4.42, 5.0)}


def wavelengths(detector):
    low, high = RANGES[detector]
    return np.broadcast_to(np.linspace(high, low, SIZE)[:, None], (SIZE, SIZE)).astype("f4")


def write_products(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for d in range(1, 7):
        head = fits.Header({"DETECTOR": d})
        wave = wavelengths(d)
        fits.HDUList([fits.PrimaryHDU(header=head), fits.ImageHDU(wave, name="CWAVE"), fits.ImageHDU(wave / 41, name="CBAND")]).writeto(folder / f"spectral_wcs_D{d}_spx_cal-wcs-v4-2025-150.fits", overwrite=True)
        fits.HDUList([fits.PrimaryHDU(header=head), fits.ImageHDU(np.full((SIZE, SIZE), 37.8, "f4"), name="IMAGE")]).writeto(folder / f"solid_angle_pixel_map_D{d}_spx_cal-sapm-v1-2025-150.fits", overwrite=True)


def write_frames(folder, distinct):
    random = np.random.default_rng(1)
    noise = random.normal(.3, .02, (SIZE, SIZE)).astype("f4")
    variance = np.full((SIZE, SIZE), 4e-4, "f4")
    flags = np.where(random.uniform(size=(SIZE, SIZE)) < .4, 1 << 21, 0).astype("i4")
    psfs = np.asarray([moffat_cells(f) for f in np.linspace(.8, 1.1, ZONES ** 2)], "f4")
    width = SIZE / ZONES
    names = []
    for i in range(distinct):
        detector = i % 6 + 1
        names.append(folder / f"level2_2025W18_2B_{i:04d}_1D{detector}_spx_l2b-v12-2025-164.fits")
        if names[-1].exists():
            continue
        w = sky_wcs(RA + random.uniform(-.2, .2), DEC + random.uniform(-.2, .2), random.uniform(0, 360))
        w.wcs.crpix = [SIZE / 2, SIZE / 2]
        a, b = np.zeros((4, 4)), np.zeros((4, 4))
        a[2, 0], b[1, 1] = 1e-6, -1e-6
        w.sip = Sip(a, b, None, None, w.wcs.crpix)
        planes = [fits.ImageHDU(np.roll(noise, 37 * i, 0), name="IMAGE"), fits.ImageHDU(flags, name="FLAGS"), fits.ImageHDU(variance, name="VARIANCE"), fits.ImageHDU(noise, name="ZODI"), fits.ImageHDU(psfs, name="PSF")]
        cards(planes[0].header, w, DETECTOR=detector, OBSID=f"2025W18_2B_{i:04d}_1", **{"MJD-AVG": 60800 + .01 * i, "JACTIVE": SIZE, "KACTIVE": SIZE})
        planes[1].header["HIERARCH MP_SOURCE"] = 21
        planes[4].header["OVERSAMP"] = 10
        for z in range(ZONES ** 2):
            for key, value in (("XCTR", (z % ZONES + .5) * width), ("YCTR", (z // ZONES + .5) * width), ("XWID", width), ("YWID", width)):
                planes[4].header[f"{key}_{z + 1}"] = value
        fits.HDUList([fits.PrimaryHDU(header=fits.Header({"VERSION": "6.5.6"})), *planes]).writeto(names[-1], overwrite=True)
    return names


def link(folder, names, frames):
    folder.mkdir(exist_ok=True)
    for old in folder.glob("level2_*"):
        old.unlink()
    for i in range(frames):
        name = names[i % len(names)]
        (folder / name.name.replace("_2B_", f"_2B_{i // len(names):03d}")).symlink_to(name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=int, default=5700)
    arguments.add_argument("--distinct", type=int, default=60)
    arguments.add_argument("--sources", default="1,1000")
    arguments.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "tessera-bench-spectrum")
    arguments.add_argument("options", nargs="*")
    o = arguments.parse_args()
    write_products(o.folder / "calibration")
    say(f"writing {o.distinct} frames of {SIZE} × {SIZE} to {o.folder}")
    link(o.folder / "links", write_frames(o.folder, o.distinct), o.frames)
    random = np.random.default_rng(2)
    say(f"load {os.getloadavg()[0]:.1f}; {len(os.sched_getaffinity(0))} processors")
    for count in map(int, o.sources.split(",")):
        table = o.folder / f"sources{count}.fits"
        Table({"ra": RA + random.uniform(-.5, .5, count), "dec": DEC + random.uniform(-.5, .5, count)}).write(table, overwrite=True)
        cost = timed([TESSERA, "spectrum", table, o.folder / "links", "-o", o.folder / f"out{count}", "--calibration", o.folder / "calibration", "--overwrite", "-q", "--no-report", "--set", "spectrum.each=0", *o.options])
        rows = fits.getheader(o.folder / f"out{count}" / "measurements.fits", 1)["NAXIS2"]
        print(f"{count} sources, {o.frames} frames: {cost.wall:.1f} s wall, {cost.cpu:.1f} cpu-s, {cost.peak_mib:.0f} MiB; {rows} measurements, {rows / cost.cpu:.0f} per cpu-s with all reading", flush=True)


if __name__ == "__main__":
    main()
