#!/usr/bin/env python3
"""What rejection finds and what it does to stars, on simulated IRAC stacks with truth: the table of docs/rejection.md.

bench/rejection.py [SCHEME …] [--quick]     SCHEME is what --set gives to the mosaic: rejection.method=temporal (the default), or
several settings joined by '+'. Each scheme is run on the same stacks.

A hit is a pixel to which a cosmic ray, a satellite trail or the moving object added more than 10 of the sky's sigma. Outside stars: more than
the radius at which the star's light falls below half a sigma of a pixel, at least 3 pixels from every star. A star's core: pixels whose centre lies within one pixel
or half a FWHM of it, whichever is more. False rejections are counted on the same stack without hits.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "end_to_end"))
from tools import TESSERA, aperture_flux, plane, robust_sigma  # noqa: E402

FIELD = ["camera.width=128", "camera.height=128", "stack.dither_size_pix=8", "stack.roll_step_deg=2", "stack.offset_rms=0.05", "sky.level=0.1",
         "defects.dead_fraction=0", "defects.hot_fraction=0", "products.added=true",
         "sources.placement=grid", "sources.count=81", "sources.flux_min_ujy=10", "sources.flux_max_ujy=20000", "sources.flux_slope=1", "noise.uncertainty_from=observed", "defects.cosmic_min_e=100"]
HITS = ["transients.trail_fraction=0.2", "transients.trail_e=1500", "transients.mover_flux_ujy=300", "transients.mover_rate_arcsec_h=150"]
MAGNITUDES = [(10, 100), (100, 1000), (1000, 20001)]  # µJy
FULL = {"depth": (2, 3, 5, 10, 30), "fwhm": (1.0, 1.5, 2.0, 3.0)}
QUICK = {"depth": (2, 5, 10), "fwhm": (1.4,)}


def run(*args):
    done = subprocess.run([TESSERA, *map(str, args)], capture_output=True, text=True)
    if done.returncode not in (0, 10):
        raise RuntimeError(f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stderr}")


def simulate(out, depth, fwhm, seed, *more):
    settings = [w for s in [*FIELD, f"stack.frames={depth}", f"psf.fwhm_pix={fwhm}", *more] for w in ("--set", s)]
    run("simulate", "-o", out, "--seed", seed, *settings)


def mosaic(frames, out, scheme):
    run("mosaic", frames, "-o", out, "--rmasks", "--no-pictures", "--no-report", *[w for s in scheme.split("+") for w in ("--set", s)])


class Tally(dict):
    def add(self, key, of, hit):
        n, k = self.get(key, (0, 0))
        self[key] = (n + int(of), k + int(hit))

    def percent(self, key):
        n, k = self.get(key, (0, 0))
        return 100 * k / n if n else float("nan")


def judge_frames(frames, out, fwhm, tally, hits, coverage):
    """Adds what rejection found of the hits (hits=True), or falsely of clean frames, to the tally."""
    sources = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
    flux = np.asarray(sources["flux"])
    core = max(1.0, fwhm / 2)
    depth_map, grid_header = plane(coverage)  # of frames without rejections: only pixels that all of them see count
    grid = WCS(grid_header)
    for image in sorted(frames.glob("*_cbcd.fits")):
        name = image.name.removesuffix("_cbcd.fits")
        data, header = plane(image)
        found = fits.getdata(out / "Rmask" / (name + "_cbcd_rmask.fits")) != 0
        added = fits.getdata(frames / "truth" / (name + "_added.fits")).astype(float)
        sigma = np.median(fits.getdata(frames / (name + "_cbunc.fits")))
        kind = fits.getdata(frames / "truth" / (name + "_crmask.fits"))
        x, y = WCS(header).all_world2pix(sources["ra"], sources["dec"], 0)
        yy, xx = np.mgrid[:data.shape[0], :data.shape[1]]
        outside, owner = np.ones(data.shape, bool), np.full(data.shape, -1)
        peak = flux * 1e-12 / (header["PXSCAL2"] / 206265) ** 2 / (1 + 1.13 * fwhm ** 2)
        for i in range(len(flux)):
            if not (-20 < x[i] < data.shape[1] + 20 and -20 < y[i] < data.shape[0] + 20):
                continue
            d = np.hypot(xx - x[i], yy - y[i])
            reach = max(3.0, 1.2 * np.hypot(fwhm, 1) / 2.355 * np.sqrt(2 * max(0.0, np.log(peak[i] / (0.5 * sigma)))) + 1)
            outside &= d > reach
            owner[d <= core] = i
        u, v = (np.clip(np.rint(c), 0, n - 1).astype(int) for c, n in zip(grid.all_world2pix(*WCS(header).all_pix2world(xx, yy, 0), 0), depth_map.shape[::-1]))
        inner = depth_map[v, u] > depth_map.max() - 0.5
        if hits:
            big = inner & (added > 10 * sigma)
            faint = big & outside & (kind & 1 != 0) & (added < 20 * sigma)
            tally.add("faint", faint.sum(), (faint & found).sum())
            for label, these in (("hits", kind & 1 != 0), ("trails and object", (kind & 1 == 0) & (kind & 2 != 0))):
                tally.add((label, "outside"), (big & outside & these).sum(), (big & outside & these & found).sum())
        else:
            clean = inner & outside
            tally.add("sky", clean.sum(), (clean & found).sum())
        for low, high in MAGNITUDES:
            mine = np.append((flux >= low) & (flux < high), False)[owner] & inner
            if hits:
                tally.add(("hits", low), (mine & big).sum(), (mine & big & found).sum())
            else:
                tally.add(("core", low), mine.sum(), (mine & found).sum())


def fluxes(frames, out, fwhm):
    sources = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
    image, header = plane(out / "mosaic.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    x, y = WCS(header).all_world2pix(sources["ra"], sources["dec"], 0)
    radius = max(3.0, 2 * fwhm)
    ratio = []
    for i, f in enumerate(np.asarray(sources["flux"])):
        value = aperture_flux(image, x[i], y[i], radius, radius + 1, radius + 5)
        near = cov[int(max(0, y[i] - radius)):int(y[i] + radius + 1), int(max(0, x[i] - radius)):int(x[i] + radius + 1)]
        whole = near.size and near.min() > 0.6 * np.median(cov[cov > 0.5])
        ratio.append(value * header["PIXAR_SR"] * 1e12 / f if whole else np.nan)
    return np.asarray(sources["flux"]), np.array(ratio)


def measure(scheme, depth, fwhm, repeats, work):
    """One row of the table."""
    tally, left, flagged = Tally(), [], []
    for seed in range(1, repeats + 1):
        for name, more in (("hit", HITS), ("known", ["defects.cosmic_masked=true"]), ("clean", ["defects.cosmic_fraction=0"]), ("plain", [])):
            base = work / name
            shutil.rmtree(base, ignore_errors=True)
            simulate(base / "frames", depth, fwhm, seed, *more)
            mosaic(base / "frames", base / "out", scheme)
        for name in ("hit", "clean"):
            judge_frames(work / name / "frames", work / name / "out", fwhm, tally, name == "hit", work / "clean" / "out" / "mosaic_cov.fits")
        # The fluxes of stacks without trails, which cannot be flagged beforehand; the noise of both is the same.
        truth, a = fluxes(work / "plain" / "frames", work / "plain" / "out", fwhm)
        _, b = fluxes(work / "known" / "frames", work / "known" / "out", fwhm)
        bright = truth > np.median(truth)
        good = bright & np.isfinite(a) & np.isfinite(b)
        left.append(a[good])
        flagged.append(b[good])
    left, flagged = np.concatenate(left), np.concatenate(flagged)
    return {"depth": depth, "fwhm": fwhm, "hits": tally.percent(("hits", "outside")), "n_hits": tally.get(("hits", "outside"), (0, 0))[0],
            "faint": tally.percent("faint"), "n_faint": tally.get("faint", (0, 0))[0],
            "passing": tally.percent(("trails and object", "outside")), "n_passing": tally.get(("trails and object", "outside"), (0, 0))[0], "sky": tally.percent("sky"),
            "in_stars": [tally.percent(("hits", low)) for low, _ in MAGNITUDES],
            "n_in_stars": [tally.get(("hits", low), (0, 0))[0] for low, _ in MAGNITUDES], "cores": [tally.percent(("core", low)) for low, _ in MAGNITUDES],
            "n_cores": [tally.get(("core", low), (0, 0))[0] for low, _ in MAGNITUDES],
            "scatter": robust_sigma(left) / robust_sigma(flagged), "scatter_pct": 100 * robust_sigma(left), "bias": 100 * (np.median(left) - np.median(flagged)),
            "stars": len(left)}


HEAD = ("| depth | FWHM, px | hits > 10σ found, % (of) | of 10 to 20σ, % (of) | trails, object, % (of) | sky lost, % | hits in cores found, % (of): faint / middle / bright | "
        "cores lost, %: faint / middle / bright | flux scatter over pre-flagged | flux bias, % |\n|" + "---|" * 10)


def line(r):
    return (f"| {r['depth']} | {r['fwhm']} | {r['hits']:.2f} ({r['n_hits']}) | {r['faint']:.1f} ({r['n_faint']}) | {r['passing']:.1f} ({r['n_passing']}) | {r['sky']:.4f} | {' / '.join(f'{v:.0f} ({n})' if n else '–' for v, n in zip(r['in_stars'], r['n_in_stars']))} | "
            f"{' / '.join(f'{v:.3f}' for v in r['cores'])} | {r['scatter']:.2f} ({r['scatter_pct']:.2f} %) | {r['bias']:+.3f} |")


def table(schemes, cases, repeats=None, echo=print):
    rows = {}
    with tempfile.TemporaryDirectory() as work:
        for scheme in schemes:
            echo(f"\n### `{scheme.replace('+', ' ')}`\n\n{HEAD}")
            for fwhm in cases["fwhm"]:
                for depth in cases["depth"]:
                    r = measure(scheme, depth, fwhm, repeats or max(2, 24 // depth), pathlib.Path(work))
                    rows[scheme, depth, fwhm] = r
                    echo(line(r))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("scheme", nargs="*", default=["rejection.method=temporal"])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int)
    options = parser.parse_args()
    table(options.scheme, QUICK if options.quick else FULL, options.repeats, lambda text: print(text, flush=True))
