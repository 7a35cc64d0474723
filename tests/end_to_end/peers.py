"""Other programs run on the same frames and grid: SWarp, Montage and SExtractor."""
import shutil
import subprocess

import numpy as np
from astropy.io import fits
from astropy.table import Table

from tools import map_difference_arcsec, sip_to_tpv


def offsets_of(out):
    return np.asarray(Table.read(out / "offsets.tbl", format="ascii.ipac")["Offset"], dtype=float)


def grid_cards(out, path):
    """The mosaic's grid as a text header (SWarp's .head, Montage's template)."""
    header = fits.getheader(out / "mosaic.fits")
    keys = ["NAXIS", "NAXIS1", "NAXIS2", "CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CROTA2"]
    cards = [fits.Card("SIMPLE", True), fits.Card("BITPIX", -32)] + [fits.Card(k, header[k]) for k in keys]
    cards += [fits.Card("EQUINOX", 2000.0), fits.Card("RADESYS", "ICRS")]
    path.write_text("".join(f"{str(c):80s}".rstrip() + "\n" for c in cards) + "END\n")


def prepared_frame(image, mask, fatal, offset, rmask=None):
    """Value less the offset, and good = 1 or 0."""
    data = fits.getdata(image).astype(float)
    bad = ~np.isfinite(data)
    if rmask is not None:
        bad |= fits.getdata(rmask) != 0
    if mask is not None:
        bad |= (fits.getdata(mask).astype(int) & fatal) != 0
    return np.where(bad, 0.0, data - offset), (~bad).astype(np.float32)


def swarp(work, images, masks, fatal, out, kernel="LANCZOS3", combine="WEIGHTED"):
    """SWarp's mosaic of the frames on the grid of `out` (a tessera output folder), with its offsets and rejection masks; returns the image."""
    work.mkdir(parents=True, exist_ok=True)
    names = []
    for i, (image, mask, offset) in enumerate(zip(images, masks, offsets_of(out))):
        header = fits.getheader(image)
        tpv = sip_to_tpv(header)
        data, good = prepared_frame(image, mask, fatal, offset, out / "Rmask" / f"{image.stem}_rmask.fits")
        assert map_difference_arcsec(header, tpv, data.shape) < 1e-6
        fits.writeto(work / f"f{i}.fits", data.astype(np.float32), tpv, overwrite=True, output_verify="silentfix")
        fits.writeto(work / f"f{i}.weight.fits", good, overwrite=True)
        names.append(f"f{i}.fits")
    grid = fits.getheader(out / "mosaic.fits")
    angle = np.radians(grid.get("CROTA2", 0.0))
    dx, dy = grid["CDELT1"], grid["CDELT2"]
    cards = {k: grid[k] for k in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "NAXIS1", "NAXIS2")}
    cards |= {"CD1_1": dx * np.cos(angle), "CD1_2": -dy * np.sin(angle), "CD2_1": dx * np.sin(angle), "CD2_2": dy * np.cos(angle)}
    (work / "coadd.head").write_text("".join(f"{str(fits.Card(k, v)):80s}\n" for k, v in cards.items()) + "END\n")
    subprocess.run(["SWarp", *names, "-c", "/dev/null", "-IMAGEOUT_NAME", "coadd.fits", "-WEIGHT_TYPE", "MAP_WEIGHT", "-RESCALE_WEIGHTS", "N",
                    "-FSCALASTRO_TYPE", "NONE", "-SUBTRACT_BACK", "N", "-RESAMPLING_TYPE", kernel, "-COMBINE_TYPE", combine, "-VERBOSE_TYPE", "QUIET",
                    "-COPY_KEYWORDS", "OBJECT", "-WRITE_XML", "N", "-NTHREADS", "1"], cwd=work, check=True, capture_output=True)
    data = fits.getdata(work / "coadd.fits").astype(float)
    weight = fits.getdata(work / "coadd.weight.fits")
    return np.where(weight > 0, data, np.nan)


def montage_frames(work, images, masks, fatal, out):
    """Each frame by Montage's mProjectPP on the grid of `out`; yields (value, area) arrays on the whole grid."""
    work.mkdir(parents=True, exist_ok=True)
    grid_cards(out, work / "grid.hdr")
    shape = fits.getdata(out / "mosaic.fits").shape
    for i, (image, mask, offset) in enumerate(zip(images, masks, offsets_of(out))):
        data, good = prepared_frame(image, mask, fatal, offset)
        header = fits.getheader(image)
        fits.writeto(work / "in.fits", np.where(good > 0, data, np.nan).astype(np.float32), header, overwrite=True, output_verify="silentfix")
        done = subprocess.run(["mProjectPP", "in.fits", "out.fits", "grid.hdr"], cwd=work, capture_output=True, text=True)
        if 'stat="OK"' not in done.stdout:
            raise RuntimeError(f"mProjectPP refused frame {i}: {done.stdout}")
        value, area = np.full(shape, np.nan), np.zeros(shape)
        projected = fits.open(work / "out.fits")[0]
        y0 = int(round(fits.getheader(out / "mosaic.fits")["CRPIX2"] - projected.header["CRPIX2"]))
        x0 = int(round(fits.getheader(out / "mosaic.fits")["CRPIX1"] - projected.header["CRPIX1"]))
        ny, nx = projected.data.shape
        value[y0:y0 + ny, x0:x0 + nx] = projected.data
        area[y0:y0 + ny, x0:x0 + nx] = fits.getdata(work / "out_area.fits")
        yield value, area


def have(*programs):
    return all(shutil.which(p) for p in programs)


def montage_frame(work, image, template, program="mProject"):
    """One image by Montage on the grid of a text header; (value, area as a share of the output pixel) on the whole grid, NaN and 0 where there is nothing."""
    work.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([program, str(image), "out.fits", str(template)], cwd=work, capture_output=True, text=True)
    if 'stat="OK"' not in done.stdout:
        raise RuntimeError(f"{program} refused {image}: {done.stdout}")
    grid = fits.Header.fromtextfile(template)
    value, area = np.full((grid["NAXIS2"], grid["NAXIS1"]), np.nan), np.zeros((grid["NAXIS2"], grid["NAXIS1"]))
    projected = fits.open(work / "out.fits")[0]
    y0, x0 = (int(round(grid[k] - projected.header[k])) for k in ("CRPIX2", "CRPIX1"))
    ny, nx = projected.data.shape
    # Montage cuts off empty borders, and may begin beyond the grid.
    ours = slice(max(0, y0), min(value.shape[0], y0 + ny)), slice(max(0, x0), min(value.shape[1], x0 + nx))
    theirs = slice(ours[0].start - y0, ours[0].stop - y0), slice(ours[1].start - x0, ours[1].stop - x0)
    value[ours] = projected.data[theirs]
    area[ours] = fits.getdata(work / "out_area.fits")[theirs]
    return value, area


def sextractor(work, out, threshold, min_area, kernel, aperture):
    """SExtractor's catalogue of the mosaic in `out` with its uncertainties as rms map; thorough deblending, positions in pixels from 0 as X, Y."""
    work.mkdir(parents=True, exist_ok=True)
    image, sigma = fits.getdata(out / "mosaic.fits"), fits.getdata(out / "mosaic_unc.fits")
    bad = ~np.isfinite(image) | ~np.isfinite(sigma)
    fits.writeto(work / "image.fits", np.where(bad, 0, image).astype(np.float32), overwrite=True)
    fits.writeto(work / "rms.fits", np.where(bad, 1e10, sigma).astype(np.float32), overwrite=True)
    (work / "columns.param").write_text("X_IMAGE\nY_IMAGE\nFLUX_APER\nFLUXERR_APER\n")
    (work / "kernel.conv").write_text("CONV NORM\n" + "\n".join(" ".join(f"{v:.6f}" for v in row) for row in kernel) + "\n")
    subprocess.run(["source-extractor", "image.fits", "-c", "/usr/share/source-extractor/default.sex", "-PARAMETERS_NAME", "columns.param", "-FILTER_NAME", "kernel.conv",
                    "-STARNNW_NAME", "/usr/share/source-extractor/default.nnw", "-CATALOG_NAME", "out.fits", "-CATALOG_TYPE", "FITS_1.0", "-WEIGHT_TYPE", "MAP_RMS", "-WEIGHT_IMAGE", "rms.fits",
                    "-DETECT_THRESH", str(threshold), "-ANALYSIS_THRESH", str(threshold), "-DETECT_MINAREA", str(min_area), "-BACK_SIZE", "32", "-PHOT_APERTURES", f"{aperture:.3f}",
                    "-DEBLEND_NTHRESH", "64", "-DEBLEND_MINCONT", "0.001", "-VERBOSE_TYPE", "QUIET"], cwd=work, check=True, capture_output=True)
    table = Table.read(work / "out.fits", hdu=1)
    return np.asarray(table["X_IMAGE"]) - 1, np.asarray(table["Y_IMAGE"]) - 1, np.asarray(table["FLUX_APER"] / table["FLUXERR_APER"])
