#!/usr/bin/env python3
"""The demo's mosaic and catalogue against the simulator's truth: offsets, fluxes in apertures on the mosaic, fitted positions and fluxes; writes report.txt."""
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
ALONE = 6  # arcsec


def catalogue_rows(catalogue, truth):
    """What tessera extract found and fitted: of each true source the nearest row within an arcsecond."""
    good = catalogue[catalogue["status"] == 1]
    cos = np.cos(np.radians(np.mean(truth["dec"])))
    apart = 3600 * np.hypot((np.asarray(good["ra"])[:, None] - np.asarray(truth["ra"])) * cos, np.asarray(good["dec"])[:, None] - np.asarray(truth["dec"]))
    own = apart.argmin(axis=1)
    there = apart[np.arange(len(good)), own] < 1
    between = 3600 * np.hypot((np.asarray(truth["ra"])[:, None] - np.asarray(truth["ra"])) * cos, np.asarray(truth["dec"])[:, None] - np.asarray(truth["dec"]))
    np.fill_diagonal(between, np.inf)
    alone = there & (between.min(axis=1)[own] > ALONE)
    stars, true = good[alone], truth[own[alone]]
    ratio = np.asarray(stars["flux"] / true["flux"]) - 1
    bright = np.asarray(stars["snr"]) > 50
    pulls = np.asarray((stars["flux"] - true["flux"]) / stars["flux_err"])
    return [("catalogue: sources found", f"{len(good)}", f"{there.sum()} within an arcsecond of a true one"),
            ("those alone: median distance", f"{np.median(apart.min(axis=1)[alone]):.4f} arcsec", f"{alone.sum()} with no other within {ALONE} arcsec"),
            ("fluxes, SNR > 50: median diff.", f"{100 * np.median(ratio[bright]):+.3f} %", f"robust scatter {100 * robust_sigma(ratio[bright]):.3f} %"),
            ("errors of fluxes: pulls", f"width {robust_sigma(pulls):.2f}", "1 is right")]


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
            measured.append((flux, source["flux"], float(np.hypot(cx - x, cy - y)) * abs(header["CDELT1"]) * 3600))
    flux, true_flux, distance = np.array(measured).T
    ratio = flux / true_flux - 1
    hits = sum(int((fits.getdata(f) != 0).sum()) for f in (out / "frames").rglob("*_crmask.fits"))
    rejected = int(np.sum(offsets["rejected"]))
    rows += [("mosaic: isolated stars, SNR > 50", f"{len(measured)} of {len(truth)}", "in circles of 4 pixels"),
             ("positions: median distance", f"{np.median(distance):.4f} arcsec", f"worst tenth {np.quantile(distance, 0.9):.4f}"),
             ("fluxes: median difference", f"{100 * np.median(ratio):+.3f} %", f"robust scatter {100 * robust_sigma(ratio):.3f} %"),
             ("pixels hit by cosmic rays", f"{hits}", f"rejected {rejected}, with the neighbours a hit spreads to"),
             *catalogue_rows(Table.read(out / "sources" / "catalog.fits"), truth),
             ("sky level", f"{annulus_background(image, image.shape[1] / 2, image.shape[0] / 2, 0, 40):.5f} MJy/sr", "")]
    text = "\n".join(f"  {name:30s} {value:22s} {remark}" for name, value, remark in rows)
    (out / "report.txt").write_text(text + "\n")
    print(text)
    print(f"\nmosaic     {out}/mosaic/mosaic.fits\npictures   {out}/mosaic/mosaic.png  {out}/mosaic/coverage.png\n"
          f"catalogue  {out}/sources/catalog.fits\nreports    {out}/mosaic/report.html  {out}/sources/report.html  {out}/report.txt\nrecord     {out}/mosaic/run.json")


if __name__ == "__main__":
    main(sys.argv[1])
