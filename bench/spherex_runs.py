"""Simulated frames for the benchmarks of SPHEREx, and `tessera spectrum` on them."""
import numpy as np
from astropy.table import Table
from astropy.wcs import WCS
from tools import tessera

RA, DEC, PIXEL = 120.036, -9.064, 6.15


def on_sky(x, y):
    """Positions of arcseconds east and north of the middle of the field."""
    w = WCS(naxis=2)
    w.wcs.ctype, w.wcs.crval, w.wcs.crpix, w.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [RA, DEC], [0, 0], [1 / 3600, 1 / 3600]
    return w.all_pix2world(x, y, 0)


def grid_of_stars(side, spacing, flux, seed=1):
    """side² stars some `spacing` arcsec apart, at random parts of a pixel; fluxes (µJy at 2 µm) drawn from the range `flux`, the same per logarithm."""
    random = np.random.default_rng(seed)
    at = (np.arange(side) - (side - 1) / 2) * spacing
    x, y = (v.ravel() + random.uniform(-PIXEL, PIXEL, side * side) for v in np.meshgrid(at, at))
    return x, y, np.exp(random.uniform(*np.log(flux), side * side))


def write_catalog(path, x, y, flux, index=0.0, **columns):
    ra, dec = on_sky(x, y)
    path.parent.mkdir(parents=True, exist_ok=True)
    Table({"ra": ra, "dec": dec, "flux": flux, "spectral_index": np.full(len(ra), float(index)), **columns}).write(path, format="ascii.ecsv", overwrite=True)
    return path


def simulate(out, catalog=None, noise=True, zodi=True, level=0.0, bands="2", groups=6, surveys=1, size=256, seed=7, more=()):
    settings = [f"spherex_sky.zodi={str(zodi).lower()}", f"spherex_sky.level={level}", f"noise.photon={str(noise).lower()}", f"noise.read={str(noise).lower()}",
                f"sources.catalog={catalog}" if catalog else "sources.count=0", *more]
    tessera("simulate", "spherex", "-o", out, "--bands", bands, "--size", size, "--groups", groups, "--surveys", surveys, "--seed", seed, *[a for s in settings for a in ("--set", s)], timeout=7200)
    return out


def frames_of(folder):
    return sorted(folder.glob("level2_*.fits"))


def spectrum(catalog, folder, out, *more):
    tessera("spectrum", catalog, folder, "-o", out, "--no-report", "--set", "spectrum.each=0", *more)
    return Table.read(out / "measurements.fits")


def good(t):
    return np.asarray(t["flags"] < 1 << 32)
