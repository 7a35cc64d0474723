"""Tiny seeds for the fuzz targets: FITS files of every kind that is read. usage: make_seeds.py FOLDER"""

import gzip
import sys
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

warnings.simplefilter("ignore")


def images(folder):
    ramp = np.arange(16 * 12, dtype=np.float32).reshape(12, 16)
    holes = ramp.copy()
    holes[3, 4] = np.nan
    for dtype in ("u1", "i2", "i4", "i8", "f4", "f8", "u2"):
        fits.PrimaryHDU(ramp.astype(dtype)).writeto(folder / f"plain-{dtype}.fits", overwrite=True)
    for method, dtype, quantize in (
        ("RICE_1", "i2", 16), ("RICE_1", "i4", 16), ("RICE_1", "u1", 16), ("GZIP_1", "i2", 16), ("GZIP_2", "f4", 0), ("GZIP_2", "i4", 16),
        ("PLIO_1", "i2", 16), ("HCOMPRESS_1", "i4", 16), ("RICE_1", "f4", 16), ("HCOMPRESS_1", "f4", 16),
    ):
        data = (holes if dtype == "f4" and quantize == 0 else ramp).astype(dtype)
        name = f"tiles-{method}-{dtype}-{quantize}.fits"
        hdu = fits.CompImageHDU(data, compression_type=method, tile_size=(8, 4), quantize_level=quantize, quantize_method=2 if dtype == "f4" else -1)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(folder / name, overwrite=True)
    cube = fits.PrimaryHDU(np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5))
    cube.writeto(folder / "cube.fits", overwrite=True)
    (folder / "gzipped.fits").write_bytes(gzip.compress((folder / "plain-i2.fits").read_bytes(), mtime=0))


def frames(folder):
    primary = fits.PrimaryHDU(np.ones((8, 8), np.float32))
    primary.header.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=10.0, CRVAL2=20.0, CRPIX1=4.0, CRPIX2=4.0, CD1_1=-3e-4, CD1_2=0.0, CD2_1=0.0, CD2_2=3e-4,
        BUNIT="MJy/sr", EXPTIME=10.0, GAIN=2.0, RDNOISE=5.0, FILTER="r",
    )
    fits.HDUList([primary, fits.ImageHDU(np.ones((8, 8), np.float32), name="ERR"), fits.ImageHDU(np.zeros((8, 8), np.int16), name="DQ")]).writeto(
        folder / "frame.fits", overwrite=True
    )
    hst = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(primary.data, primary.header, name="SCI"), fits.ImageHDU(primary.data, name="ERR"), fits.ImageHDU(np.zeros((8, 8), np.int16), name="DQ")])
    hst[0].header.update(TELESCOP="HST", INSTRUME="ACS", DETECTOR="WFC", FILTER1="F606W", FILTER2="CLEAR2L", EXPTIME=60.0)
    hst.writeto(folder / "hst.fits", overwrite=True)


def tables(folder):
    table = Table({"a": [1, 2], "b": [1.5, np.nan], "name": ["x", "yy"], "flag": [True, False], "pair": [[1, 2], [3, 4]]})
    table.write(folder / "binary.fits", overwrite=True)
    ascii_table = fits.TableHDU.from_columns([fits.Column("a", "I6", array=[1, 2]), fits.Column("b", "E12.4", array=[1.5, 2.5]), fits.Column("c", "A4", array=["x", "yy"])])
    fits.HDUList([fits.PrimaryHDU(), ascii_table]).writeto(folder / "ascii.fits", overwrite=True)
    variable = fits.BinTableHDU.from_columns([fits.Column("v", "PJ()", array=np.array([[1], [2, 3]], dtype=object)), fits.Column("bits", "11X", array=np.ones((2, 11), bool))])
    fits.HDUList([fits.PrimaryHDU(), variable]).writeto(folder / "variable.fits", overwrite=True)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    for kind, make in (("images", images), ("frames", frames), ("tables", tables)):
        (target / kind).mkdir(parents=True, exist_ok=True)
        make(target / kind)
