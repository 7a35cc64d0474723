"""peer_reproject.py FOLDER FUNCTION FRAMES OUT — reproject.FUNCTION of the first FRAMES of FOLDER/m*.fits on FOLDER/grid.hdr; their mean to OUT (.npy)."""
import sys
import warnings
from pathlib import Path

import numpy as np
import reproject
from astropy.io import fits
from astropy.wcs import WCS

warnings.simplefilter("ignore")


def main():
    folder, function, frames, out = Path(sys.argv[1]), getattr(reproject, sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    header = fits.Header.fromtextfile(folder / "grid.hdr")
    grid, shape = WCS(header), (header["NAXIS2"], header["NAXIS1"])
    total, weight = np.zeros(shape), np.zeros(shape)
    for f in sorted(folder.glob("m[0-9]*.fits"))[:frames]:
        data, head = fits.getdata(f, header=True)
        x, y = grid.all_world2pix(*WCS(head).all_pix2world([0, 0, data.shape[1] - 1, data.shape[1] - 1], [0, data.shape[0] - 1, 0, data.shape[0] - 1], 0), 0)
        x0, x1, y0, y1 = max(0, int(x.min()) - 2), min(shape[1], int(x.max()) + 3), max(0, int(y.min()) - 2), min(shape[0], int(y.max()) + 3)
        part = grid.deepcopy()  # only the box that the frame can touch, as reproject's own coaddition does
        part.wcs.crpix = part.wcs.crpix - np.array([x0, y0])
        value, covered = function((data, WCS(head)), part, shape_out=(y1 - y0, x1 - x0))
        covered = np.where(np.isfinite(value), covered, 0)
        total[y0:y1, x0:x1] += np.where(covered > 0, value, 0) * covered
        weight[y0:y1, x0:x1] += covered
    with np.errstate(invalid="ignore"):
        np.save(out, np.stack([total / weight, weight]))


main()
