"""Galaxies drawn by GalSim (Rowe et al. 2015; BSD) with a zone's cells, noiseless, and their fluxes by `tessera spectrum`: what differs is the profile, its convolution and the pixels.

python3 -m venv V && V/bin/pip install galsim astropy pytest && V/bin/python bench/spherex_galsim.py [--work DIR]
"""
import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "end_to_end")]
import numpy as np  # noqa: E402
from astropy.table import Table  # noqa: E402
from spectrum_frames import OMEGA, SIDE, UJY_PER_ARCSEC2, moffat_cells, sky_wcs, write_frame  # noqa: E402
from tools import tessera  # noqa: E402

SHAPES = [(.5, 1, 1, 0), (.5, 12, .4, 70), (.8, 5, .8, 0), (1, 1.2, .3, -20), (1, 19, .6, 120), (1.5, 8, .2, 33), (2.5, 3, .5, 45), (4, 2, 1, 0), (4, 12, .7, 10), (4, 19, .3, 80), (6, 1, .9, 0), (6, 8, .5, 60), (6, 19, .6, 20)]


def drawn(galsim, shape, cells, x, y, jacobian):
    """Flux 1 at (x, y), counted from 0. `jacobian`: arcseconds east and north per pixel."""
    n, r_e, ratio, angle = shape
    psf = galsim.InterpolatedImage(galsim.Image(cells), scale=.1, x_interpolant="nearest", normalization="flux", flux=1)  # pixels; each cell a square
    circle = galsim.Sersic(n, half_light_radius=1)
    a = np.radians(angle)
    on_sky = r_e * np.array([[np.sin(a), np.cos(a) * ratio], [np.cos(a), -np.sin(a) * ratio]])  # major and minor axes, east and north
    (p, q), (r, s) = np.linalg.inv(jacobian) @ on_sky
    whole = galsim.Convolve(galsim.Transform(circle, (p, q, r, s), flux_ratio=1 / abs(p * s - q * r)), psf, gsparams=galsim.GSParams(folding_threshold=1e-3, maximum_fft_size=16384))
    image = galsim.Image(SIDE, SIDE, xmin=0, ymin=0)
    whole.drawImage(image, scale=1, center=galsim.PositionD(x, y))
    return image.array.astype(float)


def compare(work):
    import galsim
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    cells, random, flux = moffat_cells(.8), np.random.default_rng(5), 1000.0
    print("| n | R_e | axis ratio | flux by tessera / flux drawn by GalSim − 1 |\n|---|---|---|---|")
    worst = 0.0
    for k, shape in enumerate(SHAPES):
        x, y = random.uniform(46, 50, 2)
        w = sky_wcs(angle=25.0 * k)
        ra, dec = w.all_pix2world(x, y, 0)
        step = .5
        east, north = (np.array([w.all_pix2world(x + dx, y + dy, 0) for dx, dy in ((step, 0), (-step, 0), (0, step), (0, -step))]) - (ra, dec)).T
        east = east * np.cos(np.radians(dec))
        jacobian = 3600 * np.array([[east[0] - east[1], east[2] - east[3]], [north[0] - north[1], north[2] - north[3]]])
        light = flux * drawn(galsim, shape, cells, x, y, jacobian)
        omega = abs(np.linalg.det(jacobian))
        folder = work / f"{k}"
        folder.mkdir()
        write_frame(folder / "level2_a.fits", light / (UJY_PER_ARCSEC2 * omega), np.full((SIDE, SIDE), 1e-6), np.zeros((SIDE, SIDE), int), w, [cells] * 4)
        n, r_e, ratio, angle = shape
        Table([[ra], [dec], [float(n)], [float(r_e)], [float(ratio)], [float(angle)]], names=("ra", "dec", "sersic_n", "r_e", "axis_ratio", "position_angle")).write(folder / "list.fits")
        tessera("spectrum", folder / "list.fits", folder / "level2_a.fits", "-o", folder / "out", "--no-report", "--background", "none", "--set", "spectrum.each=0")
        off = Table.read(folder / "out" / "measurements.fits")["flux"][0] / flux - 1
        worst = max(worst, abs(off))
        print(f"| {n} | {r_e}″ | {ratio} | {100 * off:+.3f} % |", flush=True)
    return galsim.__version__, worst


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, default=HERE.parent / "build" / "bench" / "spherex_galsim")
    version, most = compare(p.parse_args().work)
    print(f"GalSim {version}: at most {100 * most:.3f} % (limit 0.3 %)")
    sys.exit(int(most > 3e-3))
