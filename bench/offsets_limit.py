"""The noise limit of background matching: the Cramér–Rao bound of one additive offset per frame when every sky pixel is one unknown."""
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

CELL = 8  # output pixels a side; only how many frames see a place matters


def limit(images, mosaic):
    """rms error (MJy/sr) about the mean of all offsets of a perfect match that uses every pixel, and the median noise of a frame's sky pixel."""
    grid = WCS(fits.getheader(mosaic))
    shape = fits.getdata(mosaic).shape
    ny, nx = -(-shape[0] // CELL), -(-shape[1] // CELL)
    yy, xx = np.mgrid[:ny, :nx] * CELL + CELL / 2
    ra, dec = grid.all_pix2world(xx.ravel(), yy.ravel(), 0)
    seen, precision, sigmas = [], [], []
    for f in images:
        header = fits.getheader(f)
        u, v = WCS(header).all_world2pix(ra, dec, 0, quiet=True)
        seen.append((u > -0.5) & (v > -0.5) & (u < header["NAXIS1"] - 0.5) & (v < header["NAXIS2"] - 0.5))
        sigma = float(np.nanmedian(fits.getdata(f.with_name(f.name.replace("_cbcd", "_cbunc")))))
        sigmas.append(sigma)
        precision.append(CELL ** 2 / sigma ** 2)
    seen, w = np.array(seen, float), np.array(precision)
    weighted = seen * w[:, None]
    total = weighted.sum(axis=0)
    fisher = np.diag(weighted.sum(axis=1)) - (weighted / np.where(total > 0, total, 1)) @ weighted.T
    variance = np.diag(np.linalg.pinv(fisher, hermitian=True, rcond=1e-10))
    return float(np.sqrt(variance.mean())), float(np.median(sigmas))
