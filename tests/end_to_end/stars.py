"""Stars and blank sky of a mosaic measured against the simulator's truth."""
import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tools import annulus_background, aperture_flux, aperture_fraction, plane, robust_sigma

CLEAN = ("defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0")
NOISELESS = ("noise.photon=false", "noise.read=false", *CLEAN)


def truth_sources(folder):
    return Table.read(folder / "truth_sources.ecsv", format="ascii.ecsv")


def truth_frames(folder):
    return Table.read(folder / "truth_frames.ecsv", format="ascii.ecsv")


def offset_errors(frames, out):
    """Offsets found less the true ones, both about their mean."""
    true = np.asarray(truth_frames(frames)["offset"], float)
    found = np.asarray(Table.read(out / "offsets.tbl", format="ascii.ipac")["Offset"], float)
    return (found - found.mean()) - (true - true.mean())


def moment(image, x, y, radius, annulus):
    """Centre of light in a circle, background taken off. Without weights: area overlap keeps first moments exactly, while it gives
    a star seen by few frames a skewness that windowed centroids follow by up to 0.01 px."""
    slices, w = aperture_fraction(image.shape, x, y, radius)
    light = (image[slices] - annulus_background(image, x, y, *annulus)) * w
    yy, xx = np.mgrid[slices]
    return (light * xx).sum() / light.sum(), (light * yy).sum() / light.sum()


def measure(out, sources, radius=7, annulus=(10, 16), least=3, scale=1.0, unit_ujy_per_sr=1e12):
    """Per source: aperture flux over the true flux, and distance of the centre of light from the true place in mosaic pixels; NaN where
    fewer than `least` frames cover the aperture. `scale`: input over output pixel; the other lengths are in input pixels."""
    image, header = plane(out / "mosaic.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    wcs = WCS(header)
    radius, annulus = radius * scale, [r * scale for r in annulus]
    ratio, apart = np.full(len(sources), np.nan), np.full(len(sources), np.nan)
    places = wcs.all_world2pix(np.asarray(sources["ra"]), np.asarray(sources["dec"]), 0)
    for i, (x, y) in enumerate(zip(*places)):
        slices, _ = aperture_fraction(image.shape, x, y, radius)
        if cov[slices].size == 0 or cov[slices].min() < least:
            continue
        ratio[i] = aperture_flux(image, x, y, radius, *annulus) * pixel_area_sr(wcs, x, y) * unit_ujy_per_sr / sources["flux"][i]
        if np.isfinite(ratio[i]):
            apart[i] = np.hypot(*np.subtract(moment(image, x, y, radius, annulus), (x, y)))
    return ratio, apart


def pixel_area_sr(wcs, x, y):
    """Solid angle of a pixel from the sky positions half a pixel to each side."""
    lng, lat = (np.radians(v) for v in wcs.all_pix2world([x - 0.5, x + 0.5, x, x], [y, y, y - 0.5, y + 0.5], 0))
    n = np.stack([np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)], axis=1)
    return np.linalg.norm(np.cross(n[1] - n[0], n[3] - n[2]))


def blank_sky_pulls(out, radius=4, step=10, least=6):
    """Sums over circles of star-free sky, less the mean sky, over their propagated error. Neighbouring pixels of an area-overlap mosaic
    of many dithers at the input's scale are correlated like the cubic B-spline at whole pixels: 1/4 per step and axis."""
    image, _ = plane(out / "mosaic.fits")
    unc, _ = plane(out / "mosaic_unc.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    rho = {(dx, dy): (1, 0.25)[abs(dx)] * (1, 0.25)[abs(dy)] for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    sky = np.median(image[cov >= least])
    pulls = []
    for y in range(radius + 2, image.shape[0] - radius - 2, step):
        for x in range(radius + 2, image.shape[1] - radius - 2, step):
            slices, w = aperture_fraction(image.shape, x, y, radius)
            if cov[slices].min() < least:
                continue
            ws = w * unc[slices]
            padded = np.pad(ws, 1)
            variance = sum(r * (ws * padded[1 + dy:1 + dy + ws.shape[0], 1 + dx:1 + dx + ws.shape[1]]).sum() for (dx, dy), r in rho.items())
            pulls.append(((image[slices] - sky) * w).sum() / np.sqrt(variance))
    return np.array(pulls)


def summary(label, ratio, apart=None):
    good = np.isfinite(ratio)
    text = f"{label}: {good.sum()} stars, flux/truth median {np.median(ratio[good]):.5f}, scatter {robust_sigma(ratio[good]):.5f}"
    if apart is not None:
        text += f", centroids off by median {np.nanmedian(apart):.4f}, at most {np.nanmax(apart):.4f} px"
    print(text)


def header_of(out, product="mosaic"):
    return fits.getheader(out / f"{product}.fits")
