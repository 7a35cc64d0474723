"""What mosaics do to the fluxes of stars: aperture of 4 pixels, ring of 8 to 12, against the simulator's truth."""
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from stars import pixel_area_sr
from tools import annulus_mean, aperture_flux, robust_sigma

RADIUS, INNER, OUTER = 4, 8, 12


def places(folder, wcs, shape):
    """Pixel positions and true fluxes (µJy) of the simulated sources that lie on the grid, isolated ones only."""
    sources = Table.read(folder / "truth_sources.ecsv", format="ascii.ecsv")
    x, y = wcs.all_world2pix(np.asarray(sources["ra"]), np.asarray(sources["dec"]), 0)
    flux = np.asarray(sources["flux"])
    apart = np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :])
    apart[np.arange(len(x)), np.arange(len(x))] = np.inf
    disturbed = ((apart < OUTER + RADIUS) & (flux[None, :] > 1e-4 * flux[:, None])).any(axis=1)
    inside = (x > OUTER) & (y > OUTER) & (x < shape[1] - OUTER - 1) & (y < shape[0] - OUTER - 1)
    return x[inside & ~disturbed], y[inside & ~disturbed], flux[inside & ~disturbed]


def ratios(image, header, folder, coverage, least):
    """Measured over true flux of each star that at least `least` frames see in all of its aperture. The first half in the order of flux is left out."""
    wcs = WCS(header)
    x, y, flux = places(folder, wcs, image.shape)
    found, true = [], []
    for a, b, f in zip(x, y, flux):
        i, j = int(round(a)), int(round(b))
        if not np.nanmin(coverage[j - RADIUS - 1:j + RADIUS + 2, i - RADIUS - 1:i + RADIUS + 2]) >= least:
            continue
        value = aperture_flux(image, a, b, RADIUS, INNER, OUTER, background=annulus_mean)
        if np.isfinite(value):
            found.append(value * pixel_area_sr(wcs, a, b) * 1e12 / f)
            true.append(f)
    return np.array(found), np.array(true)


def bias_and_scatter(image, header, folder, coverage, reference=1.0, least=3, brightest=1.0):
    """Per cent, against `reference` (the share of a star's light that the aperture holds in the frames themselves); number of stars."""
    ratio, true = ratios(image, header, folder, coverage, least)
    if brightest < 1 and len(true):
        ratio = ratio[true >= np.quantile(true, 1 - brightest)]
    if len(ratio) < 5:
        return float("nan"), float("nan"), len(ratio)
    return 100 * (np.median(ratio) / reference - 1), 100 * robust_sigma(ratio) / np.median(ratio), len(ratio)


def reference_of(folder, images):
    """The same measurement on the frames as they are: median over frames and stars."""
    all_ratios = []
    for f in images:
        data, header = fits.getdata(f, header=True)
        ratio, _ = ratios(data.astype(float), header, folder, np.ones(data.shape), 0)
        all_ratios.extend(ratio)
    return float(np.median(all_ratios))
