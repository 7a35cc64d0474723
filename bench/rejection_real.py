#!/usr/bin/env python3
"""What rejection finds of hits injected into real IRAC frames, with the frames' own stars, noise and pointing: a check of docs/rejection.md that shares nothing with the simulations.

bench/rejection_real.py [--depth N …] [--repeats N]     Frames are those of ../shared/data/spitzer_irac_grb120119a (or $TESSERA_SHARED_DATA).

Tracks of 1 to 20 pixels, at random places and angles, 10 to 300σ of the sky per pixel, are added to 0.3 % of the pixels of the BCDs; uncertainties get the photon noise of what was added. Frames are drawn at random,
so that a shallow stack is not the same few frames each time. A hit is a good pixel that got more than 10σ where all frames of the stack see the sky; outside stars is where the mosaic of all frames, smoothed over
3 × 3 pixels, lies within 1σ of a frame of the local sky. What the unchanged frames lose there and in stars is told beside it: they have hits of their own.
"""
import argparse
import collections
import pathlib
import shutil
import sys
import tempfile

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import binary_dilation, map_coordinates, median_filter, uniform_filter

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from rejection import ALONE, BITS, EVERY, SETS, mosaic, table  # noqa: E402
from tools import SHARED  # noqa: E402


def tracks(shape, fraction, random):
    """σ of the sky to add, per pixel."""
    added = np.zeros(shape)
    while (added > 0).sum() < fraction * added.size:
        length, angle, energy = random.uniform(0.3, 20) ** random.choice([0, 1]), random.uniform(0, 2 * np.pi), 10 ** random.uniform(1, 2.5)
        x, y = random.uniform(0, shape[1]), random.uniform(0, shape[0])
        for t in np.arange(0, length, 0.2):
            i, j = int(x + t * np.cos(angle)), int(y + t * np.sin(angle))
            if 0 <= i < shape[1] and 0 <= j < shape[0]:
                added[j, i] = max(added[j, i], 1.02 * energy)
    return added


def companion(image, kind):
    return image.with_name(image.name.replace("_cbcd.fits", f"_{kind}.fits"))


def draw(frames, depth, folder, random, hits):
    """Copies of some frames, with hits; what was added to each."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    added = {}
    for image in sorted(random.choice(frames, depth, replace=False)):
        for kind in ("cbcd", "cbunc", "bimsk"):
            if companion(image, kind).exists():
                shutil.copy(companion(image, kind), folder)
        with fits.open(folder / image.name, mode="update") as hdus, fits.open(folder / companion(image, "cbunc").name, mode="update") as unc:
            header = hdus[0].header
            sigma = np.nanmedian(unc[0].data)
            more = (tracks(hdus[0].data.shape, 0.003, random) if hits else np.zeros(hdus[0].data.shape)) * sigma
            per_unit = header["EXPTIME"] * header["GAIN"] / header["FLUXCONV"]  # electrons
            noisy = more + np.sqrt(more / per_unit) * random.normal(size=more.shape)
            hdus[0].data = (hdus[0].data + noisy).astype(np.float32)
            unc[0].data = np.sqrt(unc[0].data.astype(float) ** 2 + more / per_unit).astype(np.float32)
        added[image.name] = more / sigma
    return added


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--depth", type=int, nargs="*", default=[2, 3, 4, 5, 10, 30])
    parser.add_argument("--repeats", type=int)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for channel in ("ch1", "ch2"):
            folder = SHARED / "spitzer_irac_grb120119a" / channel
            frames = sorted(folder.rglob("*_cbcd.fits"))
            exposures = [fits.getheader(f)["EXPTIME"] for f in frames]
            frames = np.array([f for f, t in zip(frames, exposures) if t > 0.5 * np.median(exposures)])  # channel 2 has two short ones, whose noise hides the hits of their partner
            draw(frames, len(frames), work / "frames", np.random.default_rng(0), False)
            mosaic(work / "frames", work / "all", ["rejection.method=temporal"])
            sky = fits.getdata(work / "all" / "mosaic.fits").astype(float)
            grid = WCS(fits.getheader(work / "all" / "mosaic.fits"))
            sky[~np.isfinite(sky)] = np.nanmedian(sky)
            local = median_filter(sky, 41)
            light = uniform_filter(sky, 3) - local
            for depth in options.depth:
                random, tally, n = np.random.default_rng(depth), collections.Counter(), collections.Counter()
                for _ in range(options.repeats or max(2, 30 // depth)):
                    for hits in (True, False):
                        added = draw(frames, min(depth, len(frames)), work / "frames", random, hits)
                        mosaic(work / "frames", work / "out", EVERY)
                        cov, own = fits.getdata(work / "out" / "mosaic_cov.fits"), WCS(fits.getheader(work / "out" / "mosaic.fits"))
                        for name, sigmas in added.items():
                            image = work / "frames" / name
                            data, wcs = fits.getdata(image), WCS(fits.getheader(image))
                            noise = np.nanmedian(fits.getdata(companion(image, "cbunc")))
                            yy, xx = np.mgrid[:data.shape[0], :data.shape[1]]
                            world = wcs.all_pix2world(xx, yy, 0)
                            u, v = grid.all_world2pix(*world, 0)
                            star = map_coordinates(light, [v, u], order=1, mode="nearest") / noise
                            u, v = (np.clip(np.rint(c), 0, m - 1).astype(int) for c, m in zip(own.all_world2pix(*world, 0), cov.shape[::-1]))
                            good = np.isfinite(data) & (cov[v, u] > min(depth, len(frames)) - 0.5)
                            bits = fits.getdata(work / "out" / "Rmask" / (image.stem + "_rmask.fits")).astype(int)
                            for kind, pixels in (("hits", good & (star < 1) & (sigmas > 10)), ("in light", good & (star >= 1) & (star < 10) & (sigmas > 10)), ("in cores", good & (star >= 10) & (sigmas > 10))) if hits else \
                                    (("sky", good & (star < 1)), ("cores", good & (star >= 10))):
                                n[kind] += int(pixels.sum())
                                for s, mask in {**BITS, **SETS}.items():
                                    tally[kind, s] += int((pixels & (bits & mask != 0)).sum())
                                if not hits:  # apart from what temporal finds
                                    tally[kind, "apart"] += int((pixels & (bits & 14 != 0) & ~binary_dilation(bits & 2 != 0, np.ones((3, 3)))).sum())
                rows.append((channel, depth, tally, n))
                print(channel, depth, "done", file=sys.stderr, flush=True)

    def share(r, kind, s):
        return f"{100 * r[2][kind, s] / r[3][kind]:.2f}" if r[3][kind] else "–"
    table(["channel", "depth", "hits > 10σ", *SETS, *(f"{s} alone" for s in ALONE if s != "temporal"), "in light of 1 to 10σ: temporal, box, dual (of)", "in cores > 10σ (of)", "unchanged frames: sky, cores; temporal", "temporal, box, dual", "of it not beside what temporal finds"], rows,
          lambda r: [r[0], str(r[1]), str(r[3]["hits"]), *(share(r, "hits", s) for s in SETS), *(share(r, "hits", s) for s in ALONE if s != "temporal"), f"{share(r, 'in light', 'temporal, box, dual')} ({r[3]['in light']})",
                     f"{share(r, 'in cores', 'temporal, box, dual')} ({r[3]['in cores']})", *(f"{share(r, 'sky', s)}, {share(r, 'cores', s)}" for s in ("temporal", "temporal, box, dual", "apart"))], print)


if __name__ == "__main__":
    main()
