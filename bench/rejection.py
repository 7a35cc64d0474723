#!/usr/bin/env python3
"""What rejection finds and what it does to stars, on simulated stacks with truth: the tables of docs/rejection.md.

bench/rejection.py [SETTING …] [--quick] [--repeats N] [--seed N] [--camera irac|other]     SETTING is what --set gives to the mosaics.

One run with every scheme, none of them fatal, tells what each finds alone and together: their bits in the RMasks do not depend on one another. Fluxes are those of runs
with the default scheme and with temporal, box and dual.

A hit is a pixel to which a cosmic ray, a satellite trail or the moving object added more than 10 of the sky's sigma. Outside stars: more than
the radius at which the star's light falls below half a sigma of a pixel, at least 3 pixels from every star. A star's core: pixels whose centre lies within one pixel
or half a FWHM of it, whichever is more. False rejections are counted on the same stack without hits. Only pixels that all frames see count.
"""
import argparse
import collections
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

STARS = ["sources.placement=grid", "sources.count=81", "sources.flux_min_ujy=10", "sources.flux_max_ujy=20000", "sources.flux_slope=1"]
FIELD = ["camera.width=128", "camera.height=128", "stack.dither_size_pix=8", "stack.roll_step_deg=2", "stack.offset_rms=0.05", "sky.level=0.1",
         "defects.dead_fraction=0", "defects.hot_fraction=0", "products.added=true", "noise.uncertainty_from=observed", "defects.cosmic_min_e=100"]
CAMERAS = {"irac": [], "other": ["camera.pixel_scale_arcsec=0.4", "camera.gain=1.5", "camera.read_noise_e=4.5", "camera.exposure_s=300", "camera.distortion=3", "psf.profile=moffat", "psf.beta=3", "psf.axis_ratio=0.85",
                                 "stack.roll_step_deg=23", "stack.dither=random", "defects.cosmic_slope=2"]}
HITS = ["transients.trail_fraction=0.2", "transients.trail_e=1500", "transients.mover_flux_ujy=300", "transients.mover_rate_arcsec_h=150"]
BITS = {"radhit": 1, "temporal": 2, "dual": 4, "box": 8, "blot": 16}
SETS = {"temporal": 2, "temporal, box, dual": 14, "all": 31}
EVERY = ["rejection.method=radhit,temporal,dual,box,blot", "rejection.fatal_bits=none"]
COADDED = {"temporal": ["rejection.method=temporal"], "temporal, box, dual": ["rejection.method=temporal,box,dual"]}
MAGNITUDES = list(range(13, 22))  # AB, lower edges of bins of one
FULL = {"depth": (2, 3, 4, 5, 10, 30), "fwhm": (1.0, 1.5, 2.0, 3.0)}
QUICK = {"depth": (2, 5, 10), "fwhm": (1.4,)}


def run(*args):
    done = subprocess.run([TESSERA, *map(str, args)], capture_output=True, text=True)
    if done.returncode not in (0, 10):
        raise RuntimeError(f"{' '.join(map(str, args))}: exit {done.returncode}\n{done.stderr}")


def settings(words):
    return [w for s in words for w in ("--set", s)]


def simulate(out, depth, fwhm, seed, *more):
    run("simulate", "-o", out, "--seed", seed, *settings([*FIELD, *STARS, f"stack.frames={depth}", f"psf.fwhm_pix={fwhm}", *more]))


def mosaic(frames, out, words):
    shutil.rmtree(out, ignore_errors=True)
    run("mosaic", frames, "-o", out, "--rmasks", "--no-pictures", "--no-report", "--set", "output.correlation=false", *settings(words))


class Tally:
    """Of how many pixels each set of schemes found how many, by kind of pixel."""

    def __init__(self):
        self.all, self.found = collections.Counter(), collections.Counter()

    def add(self, kind, pixels, bits):
        self.all[kind] += int(pixels.sum())
        for name, mask in {**BITS, **SETS}.items():
            self.found[kind, name] += int((pixels & (bits & mask != 0)).sum())

    def percent(self, kind, name):
        return 100 * self.found[kind, name] / self.all[kind] if self.all[kind] else float("nan")

    def many(self, kinds, name):
        n = sum(self.all[k] for k in kinds)
        return 100 * sum(self.found[k, name] for k in kinds) / n if n else float("nan")


def magnitude(flux_ujy):
    return 23.9 - 2.5 * np.log10(flux_ujy)


class Stars:
    """Where the stars of the truth are on one frame, and how bright."""

    def __init__(self, frames, name, header, sigma, fwhm):
        table = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
        flux = np.asarray(table["flux"])
        shape = sigma.shape
        area = np.radians(np.sqrt(header["PXSCAL1"] ** 2) / 3600) * np.radians(header["PXSCAL2"] / 3600)
        x, y = WCS(header).all_world2pix(table["ra"], table["dec"], 0)
        yy, xx = np.mgrid[:shape[0], :shape[1]]
        sky = np.median(sigma)
        peak = flux * 1e-12 / abs(area) / (1 + 1.13 * fwhm ** 2)
        self.outside, self.owner = np.ones(shape, bool), np.full(shape, -1)
        self.magnitude, self.snr = np.append(magnitude(flux), np.nan), np.full(len(flux) + 1, np.nan)
        for i in np.flatnonzero((x > -20) & (x < shape[1] + 20) & (y > -20) & (y < shape[0] + 20)):
            d = np.hypot(xx - x[i], yy - y[i])
            self.outside &= d > max(3.0, 1.2 * np.hypot(fwhm, 1) / 2.355 * np.sqrt(2 * max(0.0, np.log(peak[i] / (0.5 * sky)))) + 1)
            self.owner[d <= max(1.0, fwhm / 2)] = i
            near = d <= max(2.0, fwhm)
            self.snr[i] = flux[i] * 1e-12 / abs(area) / np.sqrt((sigma[near] ** 2).sum()) if near.any() else np.nan

    def of(self, low):
        with np.errstate(invalid="ignore"):
            return ((self.magnitude >= low) & (self.magnitude < low + 1))[self.owner]

    def up_to(self, snr):
        with np.errstate(invalid="ignore"):
            return (self.snr <= snr)[self.owner]


def judge_frames(frames, out, fwhm, tally, hits, coverage):
    """Adds what rejection found of the hits (hits=True), or falsely of clean frames, to the tally."""
    depth_map, grid_header = plane(coverage)  # of frames without rejections: only pixels that all of them see count
    grid = WCS(grid_header)
    for image in sorted(frames.glob("*_cbcd.fits")):
        name = image.name.removesuffix("_cbcd.fits")
        data, header = plane(image)
        bits = fits.getdata(out / "Rmask" / (name + "_cbcd_rmask.fits")).astype(int)
        added = fits.getdata(frames / "truth" / (name + "_added.fits")).astype(float)
        sigma = fits.getdata(frames / (name + "_cbunc.fits")).astype(float)
        kind = fits.getdata(frames / "truth" / (name + "_crmask.fits"))
        stars = Stars(frames, name, header, sigma, fwhm)
        yy, xx = np.mgrid[:data.shape[0], :data.shape[1]]
        u, v = (np.clip(np.rint(c), 0, n - 1).astype(int) for c, n in zip(grid.all_world2pix(*WCS(header).all_pix2world(xx, yy, 0), 0), depth_map.shape[::-1]))
        inner = depth_map[v, u] > depth_map.max() - 0.5
        big = inner & (added > 10 * np.median(sigma))
        if hits:
            tally.add("hits", big & stars.outside & (kind & 1 != 0), bits)
            tally.add("faint hits", big & stars.outside & (kind & 1 != 0) & (added < 20 * np.median(sigma)), bits)
            tally.add("trails", big & stars.outside & (kind & 1 == 0) & (kind & 2 != 0), bits)
        else:
            tally.add("sky", inner & stars.outside, bits)
            tally.add("cores to 500", inner & (stars.owner >= 0) & stars.up_to(500), bits)
            tally.add("cores above 500", inner & (stars.owner >= 0) & ~stars.up_to(500), bits)
        for low in MAGNITUDES:
            mine = inner & (stars.owner >= 0) & stars.of(low)
            tally.add(("hits" if hits else "core", low), mine & big if hits else mine, bits)


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


def measure(extra, depth, fwhm, repeats, work, camera="irac", first_seed=1, coadded=COADDED):
    """One row of the tables. `extra`: settings of all mosaics."""
    tally, left, flagged = Tally(), collections.defaultdict(list), collections.defaultdict(list)
    for seed in range(first_seed, first_seed + repeats):
        for name, more in (("hit", HITS), ("known", ["defects.cosmic_masked=true"]), ("clean", ["defects.cosmic_fraction=0"]), ("plain", [])):
            shutil.rmtree(work / name, ignore_errors=True)
            simulate(work / name / "frames", depth, fwhm, seed, *CAMERAS[camera], *more)
        for name in ("clean", "hit"):
            mosaic(work / name / "frames", work / name / "out", [*extra, *EVERY])
            judge_frames(work / name / "frames", work / name / "out", fwhm, tally, name == "hit", work / "clean" / "out" / "mosaic_cov.fits")
        # The fluxes of stacks without trails, which cannot be flagged beforehand; the noise of both is the same.
        for scheme, words in coadded.items():
            ratios = []
            for name in ("plain", "known"):
                mosaic(work / name / "frames", work / name / "out", [*extra, *words])
                truth, r = fluxes(work / name / "frames", work / name / "out", fwhm)
                ratios.append(r)
            good = (truth > np.median(truth)) & np.isfinite(ratios[0]) & np.isfinite(ratios[1])
            left[scheme].append(ratios[0][good])
            flagged[scheme].append(ratios[1][good])
    row = {"depth": depth, "fwhm": fwhm, "tally": tally, "flux": {}}
    for scheme in coadded:
        a, b = np.concatenate(left[scheme]), np.concatenate(flagged[scheme])
        row["flux"][scheme] = {"ratio": robust_sigma(a) / robust_sigma(b), "percent": 100 * robust_sigma(a), "bias": 100 * (np.median(a) - np.median(b)), "stars": len(a)}
    return row


ALONE = ("temporal", "box", "dual", "blot", "radhit")


def table(head, rows, line, echo):
    echo("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for r in rows:
        echo("| " + " | ".join(line(r)) + " |")


def show(rows, echo=print):
    """The tables of finished rows."""
    def place(r):
        return [str(r["depth"]), f"{r['fwhm']:.1f}"]

    echo("\n### Hits outside stars\n")
    table(["depth", "FWHM, px", "hits > 10σ", *SETS, *(f"{s} alone" for s in ALONE if s != "temporal"), "of 10 to 20σ: all", "trails, object: all", "temporal"], rows,
          lambda r: [*place(r), str(r["tally"].all["hits"]), *(f"{r['tally'].percent('hits', s):.2f}" for s in SETS),
                     *(f"{r['tally'].percent('hits', s):.1f}" for s in ALONE if s != "temporal"), f"{r['tally'].percent('faint hits', 'all'):.1f} ({r['tally'].all['faint hits']})",
                     f"{r['tally'].percent('trails', 'all'):.2f} ({r['tally'].all['trails']})", f"{r['tally'].percent('trails', 'temporal'):.2f}"], echo)
    echo("\n### Falsely rejected\n")
    lost = ["temporal", "temporal, box, dual", "box", "dual", "radhit", "blot"]
    table(["depth", "FWHM, px", "core pixels to SNR 500", *lost, "above 500: temporal, box, dual", "sky: temporal", "temporal, box, dual"], rows,
          lambda r: [*place(r), str(r["tally"].all["cores to 500"]), *(f"{r['tally'].percent('cores to 500', s):.3f}" for s in lost), f"{r['tally'].percent('cores above 500', 'temporal, box, dual'):.3f}",
                     *(f"{r['tally'].percent('sky', s):.4f}" for s in ("temporal", "temporal, box, dual"))], echo)
    echo("\n### Fluxes of the bright half\n")
    table(["depth", "FWHM, px", *(w for s in rows[0]["flux"] for w in (f"{s}: scatter over pre-flagged", "bias, %"))], rows,
          lambda r: [*place(r), *(w for f in r["flux"].values() for w in (f"{f['ratio']:.2f} ({f['percent']:.2f} %)", f"{f['bias']:+.3f}"))], echo)
    for kind, title in (("hits", "Hits in the cores of stars, found"), ("core", "Core pixels falsely rejected")):
        for scheme in ("temporal", "temporal, box, dual"):
            echo(f"\n### {title}: {scheme}\n")
            depths = sorted({r["depth"] for r in rows})
            merged = {d: [r["tally"] for r in rows if r["depth"] == d] for d in depths}

            def cell(d, low):
                n, k = (sum(c[key] for c in (getattr(t, what) for t in merged[d])) for what, key in (("all", (kind, low)), ("found", ((kind, low), scheme))))
                return "–" if not n else f"{100 * k / n:.0f} ({n})" if kind == "hits" else f"{100 * k / n:.3f} ({n})"
            table(["AB magnitude", *(f"depth {d}, % (of)" for d in depths)], MAGNITUDES, lambda low: [f"{low} to {low + 1}", *(cell(d, low) for d in depths)], echo)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("setting", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--camera", choices=CAMERAS, default="irac")
    options = parser.parse_args()
    cases, rows = QUICK if options.quick else FULL, []
    with tempfile.TemporaryDirectory() as work:
        for fwhm in cases["fwhm"]:
            for depth in cases["depth"]:
                rows.append(measure(options.setting, depth, fwhm, options.repeats or max(2, 24 // depth), pathlib.Path(work), options.camera, options.seed))
                print(f"depth {depth}, FWHM {fwhm}: done", file=sys.stderr, flush=True)
    show(rows)


if __name__ == "__main__":
    main()
