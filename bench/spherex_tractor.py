#!/usr/bin/env python3
"""Forced photometry by the Tractor (Lang, Hogg & Mykytyn 2016; GPL-2, used from its own folder) on the pixels that `tessera spectrum` fitted, with the same PSF, background and weights.

apt-get install astrometry.net
git clone https://github.com/Caltech-IPAC/tractor-spherex    # the mission's fork; numba and opencv-python-headless by pip. Or dstndstn/tractor
bench/spherex_tractor.py --tractor tractor-spherex [--work DIR]

The Tractor's responses here: the zone's cells summed to native pixels and shifted by Lanczos-3 there; the cells shifted on their own grid by the part of a cell that is left,
with the Tractor's function, and summed to pixels after that, as the mission's code does; and cells cut at pixel edges, as tessera has them, so that only the fit is compared.
Galaxies are drawn by the mission's function for them (tractor.spherex_utils), and left out where the folder has none.
"""
import argparse
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "end_to_end")]
import numpy as np  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.wcs import WCS  # noqa: E402
from scipy.optimize import nnls  # noqa: E402
from scipy.special import gammainc, gammaincinv  # noqa: E402
from spectrum_frames import overlap  # noqa: E402
from spherex_peer import SIDE, some_frames, squares  # noqa: E402
from spherex_pulls import DEFECTS, truth_of  # noqa: E402
from spherex_runs import PIXEL, grid_of_stars, simulate, spectrum, write_catalog  # noqa: E402

IGNORED = sum(1 << bit for bit in (2, 6, 9, 10, 11, 15, 17, 26, 27, 28, 29))  # what fits leave out
NATIVE, CELLS, SAME = "native pixels, Lanczos-3", "×10 cells, Lanczos-3", "the same response"
STEP = 10  # cells per native pixel


def load(folder):
    """The parts of the Tractor that forced photometry needs; ends with one line when they are not there."""
    sys.path.insert(0, str(folder))
    try:
        from tractor import brightness, engine, image, patch, pointsource, psf, sky, wcs
    except ImportError as error:
        sys.exit(f"spherex_tractor: no Tractor that runs in {folder}: {error}")
    parts = SimpleNamespace(Image=image.Image, Tractor=engine.Tractor, Patch=patch.Patch, PointSource=pointsource.PointSource, PixelizedPSF=psf.PixelizedPSF, shift=psf.lanczos_shift_image,
                            Flux=brightness.Flux, LinearPhotoCal=brightness.LinearPhotoCal, ConstantSky=sky.ConstantSky, NullWCS=wcs.NullWCS, PixPos=wcs.PixPos, galaxies=False)
    try:
        from tractor import galaxy, mixture_profiles, sersic, spherex_utils
        sersic.SersicGalaxy.getUnitFluxModelPatch = spherex_utils.getUnitFluxModelPatchSPHEREx
        parts.SersicGalaxy, parts.SersicIndex, parts.GalaxyShape, parts.MixtureOfGaussians, parts.galaxies = sersic.SersicGalaxy, sersic.SersicIndex, galaxy.GalaxyShape, mixture_profiles.MixtureOfGaussians, True
    except ImportError as error:
        print(f"spherex_tractor: no galaxies: {error}")
    return parts


def cut_cells(cells, x, y, side):
    """Cells as squares cut at the edges of side² native pixels, the star at (x, y)."""
    return overlap(y, len(cells), STEP, side) @ cells @ overlap(x, len(cells), STEP, side).T


def moved_cells(shift, cells, x, y):
    """(first pixel in x, in y, response): cells moved by the part of one that brings their edges to edges of pixels, and summed."""
    grown = np.pad(cells, 3)  # light that the kernel pushes out
    first = (np.array((x, y)) + .5) * STEP - len(grown) // 2 - .5
    whole = np.rint(first).astype(int)
    moved = shift(grown.astype(np.float32), *(first - whole))
    pixel, off = np.divmod(whole, STEP)
    pad = [(o, -(len(grown) + o) % STEP) for o in off[::-1]]
    padded = np.pad(moved.astype(float), pad)
    rows, columns = (n // STEP for n in padded.shape)
    return pixel[0], pixel[1], padded.reshape(rows, STEP, columns, STEP).sum(axis=(1, 3))


def responses(tractor, square):
    """PSFs for the Tractor by name; a source has the zone nearest to it."""
    class Native(tractor.PixelizedPSF):
        def getImage(self, px, py):
            return cut_cells(square.cells(px, py), 5, 5, 11)

    class Drawn(Native):
        """Any response, drawn at its place; and what the mission's function for galaxies asks for."""
        _psf = SimpleNamespace(oversampling=STEP)

        def __init__(self, draw):
            super().__init__(middle)
            self.draw = draw

        def getPointSourcePatch(self, px, py, **more):
            return tractor.Patch(*self.draw(px, py))

        def getFourierTransformHiRes(self, px, py, halfsize):
            cells = square.cells(px, py)
            side = 2 ** int(np.ceil(np.log2(2 * STEP * halfsize)))
            first = (side - len(cells)) // 2
            grid = np.pad(cells, (first, side - len(cells) - first))
            centre = first + len(cells) // 2
            return np.fft.rfft2(grid), (centre, centre), grid.shape, (np.fft.rfftfreq(side), np.fft.fftfreq(side))

    def same(px, py):
        x0, y0 = int(np.rint(px)) - 6, int(np.rint(py)) - 6
        return x0, y0, cut_cells(square.cells(px, py), px - x0, py - y0, 13)
    middle = cut_cells(square.cells(square.x, square.y), 5, 5, 11)
    return {NATIVE: Native(middle), CELLS: Drawn(lambda px, py: moved_cells(tractor.shift, square.cells(px, py), px, py)), SAME: Drawn(same)}


def forced(tractor, data, weights, psf, sources):
    """(fluxes, errors by the Tractor, errors of each source alone): sources of fixed places and shapes."""
    for s in sources:
        s.freezeAllRecursive()
        s.thawParam("brightness")
    image = tractor.Image(data=data, invvar=weights, psf=psf, wcs=tractor.NullWCS(pixscale=PIXEL), photocal=tractor.LinearPhotoCal(1.0), sky=tractor.ConstantSky(0.0))
    image.freezeAllRecursive()
    result = tractor.Tractor([image], sources).optimize_forced_photometry(variance=True)
    alone = []
    for s in sources:
        model = np.zeros(data.shape)
        s.getUnitFluxModelPatch(image).addTo(model)
        alone.append((model ** 2 * weights).sum() ** -.5)
    return np.array([s.getParams()[0] for s in sources]), result.IV ** -.5, np.array(alone)


def pixels(square, background):
    """(µJy per pixel less the background, weights) as fits take them."""
    left_out = (square.flags & IGNORED != 0) | ~np.isfinite(square.image) | ~(square.variance > 0)
    return np.where(left_out, 0, square.image * square.unit - background), np.where(left_out, 0, 1 / np.where(left_out, 1, square.variance * square.unit ** 2))


def measured(tractor, work, catalog, folder, frames, fitted):
    """Arrays by name, one value for each measurement: fluxes and errors of both programs, and the truth."""
    few = some_frames(work / "few", folder, frames)
    runs = {way: spectrum(catalog, few, work / way, "--variance", "plane", "--psf-shift", way, "--calibration", folder / "calibration") for way in ("exact", "lanczos3")}
    t, other = runs["exact"], runs["lanczos3"]
    truth = truth_of(t, folder, work / "exact")
    found = []
    for s in squares(t, work / "exact", few, folder, fitted=fitted):
        data, weights = pixels(s, t["flux_bkg"][s.row])
        own = np.hypot(*(s.others - (s.x, s.y)).T) < 1e-6
        places = [(s.x, s.y), *s.others[(abs(s.others - SIDE // 2) < SIDE / 2 + 2).all(axis=1) & ~own]]
        if len(places) != fitted:
            continue
        one = {"exact": t["flux"][s.row], "lanczos3": other["flux"][s.row], "error": t["flux_err"][s.row], "truth": truth[s.row]}
        for name, psf in responses(tractor, s).items():
            flux, error, alone = forced(tractor, data, weights, psf, [tractor.PointSource(tractor.PixPos(*p), tractor.Flux(1.0)) for p in places])
            one |= {name: flux[0], f"{name}, error": error[0], f"{name}, alone": alone[0]}
        found.append(one)
    return {k: np.array([f[k] for f in found]) for k in found[0]}


PAIRS = ((SAME, "exact", .1), (CELLS, "lanczos3", .1), (CELLS, "exact", None), (NATIVE, "exact", None))


def told(what, m):
    """Prints a table; True when limits are met."""
    print(f"\n{what}: {len(m['truth'])} measurements\n\n| Tractor's response | tessera | S/N | median | rms | most | measurements |\n|---|---|---|---|---|---|---|")
    snr, met = m["exact"] / m["error"], True
    for tractor, tessera, limit in PAIRS:
        off = (m[tessera] - m[tractor]) / m["error"]
        met &= limit is None or bool(abs(off).max() < limit)
        for low, high in ((-np.inf, np.inf),) if limit else ((-np.inf, 10), (10, 100), (100, np.inf)):
            o = off[(snr >= low) & (snr < high)]
            part = "all" if limit else f"below {high}" if low < 0 else f"above {low}" if high > 1e9 else f"{low}–{high}"
            if len(o):
                print(f"| {tractor} | `{tessera}` | {part} | {np.median(o):+.4f} | {o.std():.4f} | {abs(o).max():.4f}{f' (limit {limit})' if limit else ''} | {len(o)} |")
    bright = snr > 100
    print("\nflux/truth − 1 above S/N 100, mean and rms: " + "; ".join(f"{k} {100 * o.mean():+.2f} %, {100 * o.std():.2f} %" for k in ("exact", "lanczos3", SAME, CELLS, NATIVE) for o in [(m[k] / m["truth"] - 1)[bright]] if bright.any()))
    print("errors, Tractor's over tessera's, median and range: " + "; ".join(f"{k} {np.median(e):.4f}, {e.min():.4f} to {e.max():.4f}" for k in (SAME, f"{SAME}, alone", NATIVE) for e in [m[k if k.endswith("alone") else f"{k}, error"] / m["error"]]))
    return met


def in_pixels(square, r_e, ratio, angle):
    """A sky ellipse (arcsec, axis ratio, degrees east of north) on the frame's pixels: (major half axis in pixels, axis ratio, degrees from +y towards −x)."""
    with fits.open(square.frame) as hdus:
        w = WCS(hdus["IMAGE"].header, hdus)
    at, step = square.corner + (square.x, square.y), .5
    ra, dec = w.all_pix2world(*at, 0)
    east, north = (np.array([w.all_pix2world(*(at + d), 0) for d in ((step, 0), (-step, 0), (0, step), (0, -step))]) - (ra, dec)).T
    sky = 3600 * np.array([[v[0] - v[1], v[2] - v[3]] for v in (east * np.cos(np.radians(dec)), north)])
    a = np.radians(angle)
    (x, y), (major, minor), _ = np.linalg.svd(np.linalg.inv(sky) @ (r_e * np.array([[np.sin(a), np.cos(a) * ratio], [np.cos(a), -np.sin(a) * ratio]])))
    return major, minor / major, np.degrees(np.arctan2(-x[0], y[0]))


def whole_mixture(n):
    """(shares, variances in R_e²) of Gaussians for all the light of a Sérsic profile, from its curve of growth; the Tractor's own tables end near 8 R_e."""
    r, v = np.geomspace(1e-3, 300, 400), np.geomspace(1e-6, 10 ** 3.5, 48)
    shares, _ = nnls(-np.expm1(-r[:, None] ** 2 / (2 * v)), gammainc(2 * n, gammaincinv(2 * n, .5) * r ** (1 / n)), maxiter=10000)
    return shares[shares > 0] / shares.sum(), v[shares > 0]


def half_light(profile):
    """Share of the light within R_e."""
    v = profile.var[:, 0, 0]
    return float((profile.amp * np.where(v > 0, -np.expm1(-.5 / np.where(v > 0, v, 1)), 1)).sum())


def galaxies(tractor, work, frames, side=8):
    """Sérsic galaxies of some indices and radii, by the Tractor with its own tables and with mixtures of all the light, beside tessera's."""
    x, y, flux = grid_of_stars(side, 180, (5000, 60000), seed=12)
    random, k = np.random.default_rng(13), np.arange(side * side)
    n, r_e = np.array((1, 1.5, 2.5, 4, 6))[k % 5], np.array((1.5, 4, 10))[k // 5 % 3]
    shape = {"sersic_n": n, "r_e": r_e, "axis_ratio": random.uniform(.3, 1, len(k)), "position_angle": random.uniform(0, 180, len(k))}
    catalog = write_catalog(work / "galaxies.ecsv", x, y, flux, **shape)
    folder = simulate(work / "frames", catalog, surveys=2, seed=14)
    few = some_frames(work / "few", folder, frames)
    t = spectrum(catalog, few, work / "out", "--variance", "plane", "--background", "local", "--calibration", folder / "calibration")
    whole = {i: tractor.MixtureOfGaussians(shares, np.zeros((len(v), 2)), v) for i in set(n) for shares, v in [whole_mixture(i)]}
    rows = []
    for s in squares(t, work / "out", few, folder):
        k = t["source"][s.row] - 1
        major, ratio, angle = in_pixels(s, r_e[k], shape["axis_ratio"][k], shape["position_angle"][k])
        galaxy = tractor.SersicGalaxy(tractor.PixPos(s.x, s.y), tractor.Flux(1.0), tractor.GalaxyShape(major * PIXEL, ratio, angle), tractor.SersicIndex(float(n[k])))
        psf, (data, weights), share = responses(tractor, s)[CELLS], pixels(s, t["flux_bkg"][s.row]), half_light(galaxy.getProfile())
        own = forced(tractor, data, weights, psf, [galaxy])[0][0]
        galaxy.getProfile = lambda: whole[n[k]]
        full = forced(tractor, data, weights, psf, [galaxy])[0][0]
        rows.append((n[k], r_e[k], own / t["flux"][s.row] - 1, .5 / share - 1, full / t["flux"][s.row] - 1, (full - t["flux"][s.row]) / t["flux_err"][s.row]))
    rows = np.array(rows)
    print(f"\nGalaxies: {len(rows)} measurements, S/N {(t['flux'] / t['flux_err']).min():.0f} to {(t['flux'] / t['flux_err']).max():.0f}; Tractor's over tessera's flux less 1\n\n"
          "| n | R_e | its tables: median (from, to) | said by its light within R_e | all the light: median (from, to) | in σ, at most | measurements |\n|---|---|---|---|---|---|---|")
    for index, radius in sorted(set(map(tuple, rows[:, :2]))):
        _, _, own, said, full, off = rows[(rows[:, 0] == index) & (rows[:, 1] == radius)].T
        own, full = ("{:+.2f} % ({:+.2f}, {:+.2f})".format(*(100 * f(v) for f in (np.median, np.min, np.max))) for v in (own, full))
        print(f"| {index:g} | {radius:g}″ | {own} | {100 * said[0]:+.2f} % | {full} | {abs(off).max():.3f} | {len(off)} |")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tractor", type=Path, default=Path("tractor"), help="folder that holds the package tractor")
    p.add_argument("--work", type=Path, default=HERE.parent / "build" / "bench" / "spherex_tractor")
    p.add_argument("--frames", type=int, default=4)
    a = p.parse_args()
    tractor = load(a.tractor)
    shutil.rmtree(a.work, ignore_errors=True)
    stars = write_catalog(a.work / "grid.ecsv", *grid_of_stars(20, 125, (60, 1.5e5)))
    x, y, flux = grid_of_stars(18, 125, (500, 40000), seed=2)
    random = np.random.default_rng(3)
    turn, partner = random.uniform(0, 2 * np.pi, len(x)), np.exp(random.uniform(*np.log((500, 40000)), len(x)))
    pairs = write_catalog(a.work / "pairs.ecsv", np.append(x, x + 6 * np.cos(turn)), np.append(y, y + 6 * np.sin(turn)), np.append(flux, partner))
    met = True
    for name, catalog, fitted, what, more in (("grid", stars, 1, "Stars alone", ()), ("defects", stars, 1, "The same stars on frames with defects", [f"spherex_defects.{d}" for d in DEFECTS]), ("pairs", pairs, 2, "Pairs of stars 6″ apart, fitted together", ())):
        folder = simulate(a.work / name / "frames", catalog, surveys=2, more=more)
        met &= told(what, measured(tractor, a.work / name, catalog, folder, a.frames, fitted))
    if tractor.galaxies:
        galaxies(tractor, a.work / "galaxies", a.frames)
    sys.exit(not met)


if __name__ == "__main__":
    main()
