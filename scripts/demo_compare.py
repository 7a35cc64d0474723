#!/usr/bin/env python3
"""Offsets, positions and fluxes of the demo's mosaic against the simulator's truth; writes catalogue.ecsv and report.txt."""
import pathlib
import sys
import warnings

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS, FITSFixedWarning

warnings.simplefilter("ignore", FITSFixedWarning)  # DATE-BEG made from MJD-BEG
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "end_to_end"))
from tools import annulus_background, aperture_fraction, aperture_flux, centroid, plane, robust_sigma  # noqa: E402

RADIUS, INNER, OUTER = 4, 8, 14


def main(out):
    out = pathlib.Path(out)
    frames = Table.read(next((out / "frames").rglob("truth_frames.ecsv")), format="ascii.ecsv")
    truth = Table.read(next((out / "frames").rglob("truth_sources.ecsv")), format="ascii.ecsv")
    offsets = Table.read(out / "mosaic" / "offsets.tbl", format="ascii.ipac")
    image, header = plane(out / "mosaic" / "mosaic.fits")
    unc, _ = plane(out / "mosaic" / "mosaic_unc.fits")
    cov, _ = plane(out / "mosaic" / "mosaic_cov.fits")
    wcs, area = WCS(header), header["PIXAR_SR"]

    true = np.asarray(frames["offset"], float)
    found = np.asarray(offsets["Offset"], float)
    delta = (found - found.mean()) - (true - true.mean())
    rows = [("frames", f"{len(frames)}", ""),
            ("offsets: rms error", f"{delta.std():.5f} MJy/sr", f"true rms {true.std():.5f}; stated error {np.mean(offsets['del_Offset']):.5f}")]

    measured = []
    places = np.array(wcs.all_world2pix(truth["ra"], truth["dec"], 0)).T
    brightness = np.asarray(truth["flux"], float)
    for source, (x, y) in zip(truth, places):
        beside = np.hypot(*(places - (x, y)).T)
        # A neighbour's light in circle or annulus is no error of the mosaic.
        if brightness[(beside > 0) & (beside < OUTER + 4)].sum() > 0.02 * source["flux"]:
            continue
        if not (OUTER < x < image.shape[1] - OUTER - 1 and OUTER < y < image.shape[0] - OUTER - 1) or cov[int(round(float(y))), int(round(float(x)))] < 5:
            continue
        slices, weights = aperture_fraction(image.shape, float(x), float(y), RADIUS)
        annulus_error = np.sqrt(np.pi * RADIUS ** 2) * np.nanmedian(unc[slices]) * RADIUS / np.sqrt(OUTER ** 2 - INNER ** 2)
        flux = aperture_flux(image, float(x), float(y), RADIUS, INNER, OUTER) * area * 1e12
        error = np.hypot(np.sqrt(np.nansum((weights * unc[slices]) ** 2)), annulus_error) * area * 1e12
        cx, cy = centroid(image, float(x), float(y))
        if np.isfinite(flux) and np.isfinite(cx) and flux > 50 * error:
            ra, dec = wcs.all_pix2world(cx, cy, 0)
            measured.append((source["id"], float(ra), float(dec), flux, error, source["flux"], float(np.hypot(cx - x, cy - y)) * abs(header["CDELT1"]) * 3600))
    catalogue = Table(rows=measured, names=["id", "ra", "dec", "flux", "flux_err", "true_flux", "distance"], units=[None, "deg", "deg", "uJy", "uJy", "uJy", "arcsec"])
    catalogue.write(out / "catalogue.ecsv", format="ascii.ecsv", overwrite=True)
    distance = np.asarray(catalogue["distance"])
    ratio = np.asarray(catalogue["flux"] / catalogue["true_flux"]) - 1
    hits = sum(int((fits.getdata(f) != 0).sum()) for f in (out / "frames").rglob("*_crmask.fits"))
    rejected = int(np.sum(offsets["rejected"]))
    rows += [("isolated stars, SNR > 50", f"{len(catalogue)} of {len(truth)}", ""),
             ("positions: median distance", f"{np.median(distance):.4f} arcsec", f"worst tenth {np.quantile(distance, 0.9):.4f}"),
             ("fluxes: median difference", f"{100 * np.median(ratio):+.3f} %", f"robust scatter {100 * robust_sigma(ratio):.3f} %"),
             ("pixels hit by cosmic rays", f"{hits}", f"rejected {rejected}, with the neighbours a hit spreads to"),
             ("sky level", f"{annulus_background(image, image.shape[1] / 2, image.shape[0] / 2, 0, 40):.5f} MJy/sr", "")]
    text = "\n".join(f"  {name:30s} {value:22s} {remark}" for name, value, remark in rows)
    (out / "report.txt").write_text(text + "\n")
    print(text)
    print(f"\nmosaic     {out}/mosaic/mosaic.fits\npictures   {out}/mosaic/mosaic.png  {out}/mosaic/coverage.png\n"
          f"catalogue  {out}/catalogue.ecsv\nreport     {out}/report.txt\nrecord     {out}/mosaic/run.json")


if __name__ == "__main__":
    main(sys.argv[1])
