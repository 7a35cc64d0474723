#!/usr/bin/env python3
"""Extraction on real images: colours of the same stars in two IRAC channels, a crowded GLIMPSE field beside its catalogue and SExtractor, 47 Tuc beside photutils' PSF fit. Prints the tables of docs/steps/extract.md.

bench/real_fields.py [irac] [glimpse] [hst]      none named: all three. Reads ../shared/data beside the checkout, or what $TESSERA_SHARED_DATA names; SExtractor and photutils 1.x where they are installed.
"""
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests" / "end_to_end")]
from fluxes import rows_of  # noqa: E402
from rejection import run, settings  # noqa: E402
from tools import SHARED  # noqa: E402

# Samples of the PRF tables, from 0, on which their stars lie (docs/steps/psf.md).
CENTRES = {1: (63.56, 63.37), 2: (61.67, 63.47)}
HRC_FATAL = 0b110011111  # bits of DQ that no pixel of a star may have
HRC_PIXEL = 0.0265       # arcsec


def half_width(values):
    """Half the width that holds 68 %."""
    low, high = np.quantile(values, [0.15866, 0.84134])
    return (high - low) / 2


def numbers(table, *names):
    return (np.array(table[n].filled(np.nan) if hasattr(table[n], "filled") else table[n], float) for n in names)


# -- IRAC ch1 and ch2 of the same field --------------------------------------------------------------------------------------------------

def irac_catalogue(folder, channel):
    prf = SHARED / "spitzer_irac_prf" / "prf_5x5" / f"IRAC{channel}_col129_row129.fits"
    x, y = CENTRES[channel]
    run("extract", SHARED / "spitzer_irac_grb120119a" / f"ch{channel}", "--psf", prf, "-o", folder / f"ch{channel}", "--no-report", *settings([f"psf.centre_x={x}", f"psf.centre_y={y}"]))
    t = Table.read(folder / f"ch{channel}" / "catalog.fits")
    return t[(np.array(t["status"]) == 1) & (np.array(t["depth"]) >= 5) & (np.array(t["members"]) == 1)]


def irac(folder):
    one, two = (irac_catalogue(folder, c) for c in (1, 2))
    rows = rows_of(one, two, 0.7)
    one, two = one[rows >= 0], two[rows[rows >= 0]]
    east = 3600 * (np.array(two["ra"]) - np.array(one["ra"])) * np.cos(np.radians(np.array(one["dec"])))
    north = 3600 * (np.array(two["dec"]) - np.array(one["dec"]))
    print(f"\nIRAC: {len(one)} unblended sources in both channels; ch2 lies {np.median(east):+.3f}″ east, {np.median(north):+.3f}″ north of ch1 (half widths {half_width(east):.3f}″, {half_width(north):.3f}″)\n")
    print("| S/N in both channels | sources | −2.5 lg ch2/ch1: fit | aperture, radius 3 pixels |\n|---|---|---|---|")
    snr = np.minimum(*(next(numbers(t, "snr")) for t in (one, two)))
    for low, high in ((30, 100), (100, 1000)):
        k = (snr >= low) & (snr < high)
        words = []
        for name in ("flux", "aperture_1"):
            a, b = next(numbers(one, name))[k], next(numbers(two, name))[k]
            good = (a > 0) & (b > 0)
            colour = -2.5 * np.log10(b[good] / a[good])
            words.append(f"{np.median(colour):+.3f} ± {half_width(colour):.3f} mag")
        print(f"| {low} to {high} | {k.sum()} | {words[0]} | {words[1]} |")


# -- GLIMPSE -----------------------------------------------------------------------------------------------------------------------------

def against_catalogue(name, truth, ra, dec, flux):
    """One line: how many of the catalogue's stars, slope of lg flux by lg flux, ratio and scatter. `flux` in µJy. Returns number, slope and scatter."""
    rows = rows_of(truth, Table({"ra": ra, "dec": dec}), 1.5)
    k = rows >= 0
    k[k] = flux[rows[k]] > 0
    a, b = np.log10(np.array(truth["flux"])[k]), np.log10(flux[rows[k]])
    slope = np.polyfit(a, b, 1)[0]
    print(f"| {name} | {k.sum()} of {len(truth)} | {slope:.3f} | {10 ** np.median(b - a):.3f} | {half_width(2.5 * (b - a)):.3f} mag |")
    return k.sum(), slope, half_width(2.5 * (b - a))


def glimpse_sextractor(folder, image):
    """Positions and fluxes (µJy) in apertures of 6 pixels across, by SExtractor with thorough deblending."""
    fits.writeto(folder / "se.fits", np.nan_to_num(fits.getdata(image)), overwrite=True)
    (folder / "columns.param").write_text("X_IMAGE\nY_IMAGE\nFLUX_APER\n")
    subprocess.run(["source-extractor", "se.fits", "-c", "/usr/share/source-extractor/default.sex", "-PARAMETERS_NAME", "columns.param", "-FILTER_NAME", "/usr/share/source-extractor/default.conv",
                    "-STARNNW_NAME", "/usr/share/source-extractor/default.nnw", "-CATALOG_NAME", "cat.fits", "-CATALOG_TYPE", "FITS_1.0", "-DETECT_THRESH", "3", "-ANALYSIS_THRESH", "3", "-DETECT_MINAREA", "3",
                    "-BACK_SIZE", "32", "-PHOT_APERTURES", "6", "-DEBLEND_NTHRESH", "64", "-DEBLEND_MINCONT", "0.001", "-VERBOSE_TYPE", "QUIET"], cwd=folder, check=True)
    found = Table.read(folder / "cat.fits", hdu=1)
    wcs = WCS(fits.getheader(image))
    at = SkyCoord(*wcs.all_pix2world(found["X_IMAGE"], found["Y_IMAGE"], 1), unit="deg", frame="galactic").icrs
    return at.ra.deg, at.dec.deg, np.array(found["FLUX_APER"]) * 1e12 * abs(np.linalg.det(np.radians(wcs.pixel_scale_matrix)))


def glimpse_image():
    """The image and the published stars on it, fluxes in µJy."""
    here = SHARED / "spitzer_glimpse_crowded"
    image = here / "spitzer_example_image.fits"
    catalogue = Table.read(here / "spitzer_example_catalog.xml")
    at = SkyCoord(catalogue["l"], catalogue["b"], unit="deg", frame="galactic")
    x, y = WCS(fits.getheader(image)).world_to_pixel(at)
    inside = (x > 5) & (x < 1019) & (y > 5) & (y < 507)
    return image, Table({"ra": at.icrs.ra.deg[inside], "dec": at.icrs.dec.deg[inside], "flux": 1000 * np.array(catalogue["f4_5"], float)[inside]})


def glimpse_fluxes(folder, image, psf):
    run("extract", image, "--psf", psf, "-o", folder / "out", "--overwrite", "--no-report")
    t = Table.read(folder / "out" / "catalog.fits")
    return t[np.isin(np.array(t["status"]), (1, -1, -2))]


def glimpse(folder):
    image, truth = glimpse_image()
    run("psf", "estimate", image, "-o", folder / "psf")
    print("\nGLIMPSE, against the published catalogue:\n\n| | stars found | slope of lg flux | median ratio | scatter |\n|---|---|---|---|---|")
    for name, psf in (("extract, Gaussian of 2 pixels", "gaussian:fwhm_pix=2"), ("extract, response estimated on the image", folder / "psf" / "psf.fits")):
        t = glimpse_fluxes(folder, image, psf)
        against_catalogue(name, truth, *numbers(t, "ra", "dec", "flux"))
        if psf == "gaussian:fwhm_pix=2":
            against_catalogue("the same, apertures of 3 pixels radius", truth, *numbers(t, "ra", "dec", "aperture_1"))
    if shutil.which("source-extractor"):
        against_catalogue("SExtractor, apertures of 3 pixels radius", truth, *glimpse_sextractor(folder, image))


# -- 47 Tuc ------------------------------------------------------------------------------------------------------------------------------

class Tucanae:
    """The HRC exposure less the sky and with one σ for all pixels, fitted by extract at fixed places; what photutils makes of the same places, response, pixels and weights."""

    def __init__(self, folder):
        source = folder / "hrc.fits"
        with fits.open(SHARED / "hst_acs_47tuc_drizzle" / "input1.fits.gz") as hdus:
            hdus.writeto(source, overwrite=True)
            self.bad = (hdus[3].data & HRC_FATAL) != 0
            value = hdus[1].data.astype(float)
        run("psf", "estimate", source, "-o", folder / "psf")
        run("extract", source, "--psf", folder / "psf" / "psf.fits", "-o", folder / "found", "--no-report", *settings(["catalog.background_map=true"]))
        self.table = fits.getdata(folder / "psf" / "psf.fits").astype(float)
        self.oversampling = fits.getheader(folder / "psf" / "psf.fits")["OVERSAMP"]
        self.width = fits.getheader(folder / "psf" / "psf.fits")["PRFWHM"]
        # Sky and residuals are per square arcsec; here a flat pixel of HRC_PIXEL takes both ways, so that no distortion comes between the two programs.
        sky, header = fits.getdata(folder / "found" / "background.fits").astype(float), fits.getheader(source, 1)
        per_pixel = np.sqrt(np.abs(np.linalg.det(WCS(header, naxis=2).pixel_scale_matrix))) * 3600
        self.image = value - sky * per_pixel ** 2
        flat = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 6.0, "CRVAL2": -72.0, "CRPIX1": 512.0, "CRPIX2": 512.0, "CDELT1": -HRC_PIXEL / 3600, "CDELT2": HRC_PIXEL / 3600, "BUNIT": "electron"})
        fits.writeto(folder / "flat.fits", np.where(self.bad, np.nan, self.image).astype("f4"), flat, overwrite=True)
        fits.writeto(folder / "flat_unc.fits", np.full(self.image.shape, 20, "f4"), flat, overwrite=True)
        found = Table.read(folder / "found" / "catalog.fits")
        found = found[np.array(found["status"]) == 1]
        self.x, self.y = numbers(found, "x", "y")
        Table({"x": self.x + 1, "y": self.y + 1}).write(folder / "list.fits", overwrite=True)
        run("extract", folder / "flat.fits", "--psf", folder / "psf" / "psf.fits", "--sources", folder / "list.fits", "-o", folder / "forced", "--no-report",
            *settings(["catalog.sources_in=pixels", "fit.noise=planes", "detection.background=none", "detection.check_psf=false", "catalog.residual=true"]))
        forced = Table.read(folder / "forced" / "catalog.fits")
        self.flux, self.error = numbers(forced, "flux", "flux_err")
        self.left = np.where(self.bad, 0, fits.getdata(folder / "forced" / "residual.fits") * HRC_PIXEL ** 2)
        self.window = int(json.loads((folder / "forced" / "run.json").read_text())["results"]["fit_window"])
        whole = (np.array(forced["status"]) == 1) & (np.array(forced["bad_pixels"]) == 0) & (self.flux > 50 * self.error)
        self.chosen = np.flatnonzero(whole & (np.abs(self.x - 450) < 150) & (np.abs(self.y - 450) < 150))

    def group(self, i):
        """Stars that hang together with the i-th by less than two full widths, as extract has them."""
        members = [i]
        for k in members:
            members += [j for j in np.flatnonzero(np.hypot(self.x - self.x[k], self.y - self.y[k]) < 2 * self.width) if j not in members]
        return members

    def model(self, flux=1.0, x=0.0, y=0.0):
        from photutils.psf import FittableImageModel

        return FittableImageModel(self.table, flux=flux, x_0=x, y_0=y, normalize=False, oversampling=self.oversampling)  # its middle sample is where the star lies

    def photutils(self, i, members, others_off, half=14):
        """photutils' flux of star i, fitted with its group at fixed places on a cut-out: of the image, or of what extract left with the group put back."""
        from photutils.psf import BasicPSFPhotometry, DAOGroup

        cx, cy = int(round(self.x[i])), int(round(self.y[i]))
        part = (slice(cy - half, cy + half + 1), slice(cx - half, cx + half + 1))
        rows, columns = np.mgrid[part]
        data = self.left[part] + sum(self.model(self.flux[j], self.x[j], self.y[j])(columns, rows) for j in members) if others_off else np.where(self.bad, 0, self.image)[part]
        model = self.model()
        model.x_0.fixed = model.y_0.fixed = True
        start = Table({"x_0": [self.x[j] - cx + half for j in members], "y_0": [self.y[j] - cy + half for j in members], "flux_0": [self.flux[j] for j in members]})
        fitted = BasicPSFPhotometry(DAOGroup(2 * self.width), None, model, (self.window, self.window))(data, mask=self.bad[part], init_guesses=start)
        return fitted["flux_fit"][np.argmin(np.hypot(fitted["x_0"] - start["x_0"][0], fitted["y_0"] - start["y_0"][0]))]


def hst(folder):
    field = Tucanae(folder)
    print(f"\n47 Tuc: {len(field.x)} stars, {len(field.chosen)} of them above S/N 50 on good pixels in the part that is compared; photutils' over extract's flux at the same places\n")
    print("| | stars | light of other stars taken off: median − 1, half width | left on |\n|---|---|---|---|")
    groups = {i: field.group(i) for i in field.chosen}
    for name, wanted in (("alone", [i for i, g in groups.items() if len(g) == 1]), ("in groups of 2 to 4", [i for i, g in groups.items() if 1 < len(g) < 5])):
        words = []
        for off in (True, False):
            ratio = np.array([field.photutils(i, groups[i], off) / field.flux[i] for i in wanted])
            words.append(f"{np.median(ratio) - 1:+.1e}, {half_width(ratio):.1e}" if off else f"{100 * (np.median(ratio) - 1):+.1f} %, {100 * half_width(ratio):.1f} %")
        print(f"| {name} | {len(wanted)} | {words[0]} | {words[1]} |")


def main():
    warnings.simplefilter("ignore")
    wanted = sys.argv[1:] or ["irac", "glimpse", "hst"]
    if set(wanted) - {"irac", "glimpse", "hst"} or not SHARED.is_dir():
        raise SystemExit(__doc__ if SHARED.is_dir() else f"{SHARED}: no shared data; name its folder in $TESSERA_SHARED_DATA")
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            {"irac": irac, "glimpse": glimpse, "hst": hst}[name](Path(folder))


if __name__ == "__main__":
    main()
