"""Our point responses as a user of photutils makes models of them, in the releases whose readers and names differ; and what tessera itself draws with the same file."""
import numpy as np
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from astropy.wcs import WCS

from tools import tessera

SCALE = 1.2  # arcsec per pixel of the image that is drawn on


def image_model(psf, hdu):
    """Of one table. ImagePSF came with photutils 2.0; before, it was EPSFModel, which holds an effective PSF by the same numbers."""
    if hasattr(psf, "ImagePSF"):
        return psf.ImagePSF(hdu.data.astype(float), oversampling=hdu.header["OVERSAMP"])
    return psf.EPSFModel(hdu.data.astype(float), oversampling=hdu.header["OVERSAMP"], normalize=False)


def grid_model(psf, path):
    """Of an STDPSF grid. photutils reads it from 1.9 on; before, its users gave the model the tables and their places, which is what that reader does (places count from 1 in the file)."""
    if hasattr(psf.GriddedPSFModel, "read"):
        return psf.GriddedPSFModel.read(str(path), format="stdpsf")
    data, header = fits.getdata(path).astype(float), fits.getheader(path)
    places = [(header[f"IPSFX{i:02d}"] - 1, header[f"JPSFY{j:02d}"] - 1) for j in range(1, header["NYPSFS"] + 1) for i in range(1, header["NXPSFS"] + 1)]
    return psf.GriddedPSFModel(NDData(data, meta={"grid_xypos": places, "oversampling": header["OVERSAMP"]}))


def drawn_by_tessera(psf, places, fluxes, side, folder):
    """An image of `side`² pixels with these sources alone, in the unit of the fluxes per pixel: `residual --add` on an empty one."""
    folder.mkdir()
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 30.0, "CRVAL2": -5.0, "CRPIX1": side / 2, "CRPIX2": side / 2, "CDELT1": -SCALE / 3600, "CDELT2": SCALE / 3600, "BUNIT": "MJy/sr"})
    for name, value in (("empty", 0), ("empty_unc", 1)):
        fits.writeto(folder / f"{name}.fits", np.full((side, side), value, np.float32), header)
    ra, dec = WCS(header).all_pix2world(*np.transpose(places), 0)
    Table({"id": np.arange(len(ra)) + 1, "ra": ra, "dec": dec, "flux": fluxes}, units={"ra": "deg", "dec": "deg", "flux": "uJy"}).write(folder / "sources.ecsv", format="ascii.ecsv")
    tessera("residual", folder / "sources.ecsv", folder / "empty.fits", "--psf", psf, "--add", "-o", folder / "out", "-q")
    return fits.getdata(folder / "out" / "Inserted" / "empty_inserted.fits").astype(float) * 1e12 * np.radians(SCALE / 3600) ** 2


def drawn_by_photutils(model, places, fluxes, side):
    y, x = np.mgrid[:side, :side].astype(float)
    return sum(model.evaluate(x, y, flux, px, py) for (px, py), flux in zip(places, fluxes))


def agree(theirs, ours, places, fluxes, reach, shape):
    """Pixels within `shape` of the peak, and fluxes within circles of `reach` pixels to a thousandth; places are further apart than that."""
    y, x = np.mgrid[:ours.shape[0], :ours.shape[1]]
    for (px, py), flux in zip(places, fluxes):
        near = np.hypot(x - px, y - py) <= reach
        assert ours[near].sum() > 0.9 * flux, (px, py)
        assert abs(theirs[near].sum() / ours[near].sum() - 1) < 1e-3, (px, py)
        assert np.abs(theirs - ours)[near].max() < shape * ours[near].max(), (px, py)
