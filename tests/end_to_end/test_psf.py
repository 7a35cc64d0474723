"""tessera psf on simulated stacks whose point response is known."""
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from scipy.ndimage import map_coordinates, spline_filter
from scipy.optimize import least_squares
from scipy.special import erf

import photutils_models
from conftest import simulate
from tools import SHARED, needs_shared, run_record, tessera


def gaussian_pixels(fwhm, samples, half):
    """Response of whole pixels to a Gaussian star, `samples` per pixel, by differences of erf."""
    sigma = fwhm / np.sqrt(8 * np.log(2))
    d = np.arange(-half, half + 1) / samples
    one = (erf((d + 0.5) / sigma / np.sqrt(2)) - erf((d - 0.5) / sigma / np.sqrt(2))) / 2
    return one[:, None] * one[None, :]


@pytest.fixture(scope="module")
def estimated(tmp_path_factory):
    """Some hundred stars of signal to noise near 200 in each of five frames that point a twentieth of a pixel wrong."""
    folder = tmp_path_factory.mktemp("psf")
    frames = simulate(folder / "frames", "stack.frames=5", "sources.count=150", "sources.placement=grid", "sources.flux_min_ujy=2000", "sources.flux_max_ujy=4000", "stack.pointing_error_arcsec=0.06", seed=3)
    tessera("mosaic", frames, "-o", folder / "mosaic", "--rmasks", "-q")
    tessera("psf", "estimate", frames, "--mosaic", folder / "mosaic", "--set", "estimate.radius=6", "-o", folder / "out", "-q")
    return folder


def test_the_response_of_undersampled_frames_is_found_to_half_a_percent(estimated):
    with fits.open(estimated / "out" / "psf.fits") as hdus:
        table, header = hdus[0].data.astype(float), hdus[0].header
    samples, half = header["PRSAMPX"], table.shape[0] // 2
    assert table.shape[0] % 2 == 1 and header["PRCENX"] == half and header["PRRESP"] == "pixel"
    r = np.hypot(*np.mgrid[-half:half + 1, -half:half + 1]) / samples
    truth = gaussian_pixels(1.4, samples, half)
    truth /= truth[r <= 6].sum() / samples**2
    assert np.abs(table - truth)[r <= 6].max() < 0.005 * truth.max()
    for radius in (1, 1.5, 2, 3, 4, 5):
        assert abs((table - truth)[r <= radius].sum() / samples**2) < 0.003
    record = run_record(estimated / "out")["results"]
    assert record["stars_used"] > 80 and 0.95 < record["chi2_dof"] < 1.05
    stars = Table.read(estimated / "out" / "stars.fits")
    used = stars[stars["status"] == 1]
    snr = np.array(used["flux"] / used["flux_err"]) / np.sqrt(np.array(used["images"]))
    assert 100 < np.median(snr) < 400  # per frame


def test_extract_takes_it_and_fluxes_are_those_of_the_true_response(estimated):
    tessera("extract", estimated / "frames", "--mosaic", estimated / "mosaic", "--psf", estimated / "out" / "psf.fits", "--sources", estimated / "frames" / "truth_sources.ecsv", "--set", "fit.positions=free",
            "-o", estimated / "fitted", "-q")
    rows, truth = Table.read(estimated / "fitted" / "catalog.fits"), Table.read(estimated / "frames" / "truth_sources.ecsv", format="ascii.ecsv")
    good = (np.array(rows["status"]) == 1) & (np.array(rows["portion"], float) > 0.9)
    ratio = np.array(rows["flux"], float)[good] / np.array(truth["flux"])[good]
    assert good.sum() > 80 and abs(np.median(ratio) - 1) < 0.003


# Whole, half and odd pixels, more than twice the tables' reach apart.
SUBPIXELS = [(30.0, 30.0), (60.5, 30.25), (90.3, 29.8), (30.15, 60.65), (60.75, 60.5), (90.9, 61.1)]


def test_photutils_draws_with_the_table_what_we_draw(estimated, tmp_path):
    psf = pytest.importorskip("photutils.psf", reason="skipped: no photutils")
    with fits.open(estimated / "out" / "psf.fits") as hdus:
        model = photutils_models.image_model(psf, hdus[0])
    fluxes = [1000, 1100, 1200, 1300, 1400, 1500]
    theirs = photutils_models.drawn_by_photutils(model, SUBPIXELS, fluxes, 121)
    ours = photutils_models.drawn_by_tessera(estimated / "out" / "psf.fits", SUBPIXELS, fluxes, 121, tmp_path / "drawn")
    photutils_models.agree(theirs, ours, SUBPIXELS, fluxes, 5, 0.003)
    # And both draw the star that was simulated.
    y, x = np.mgrid[:121, :121]
    sigma = 1.4 / np.sqrt(8 * np.log(2))
    for (px, py), flux in zip(SUBPIXELS, fluxes):
        along, across = ((erf((np.arange(121) - c + 0.5) / sigma / np.sqrt(2)) - erf((np.arange(121) - c - 0.5) / sigma / np.sqrt(2))) / 2 for c in (px, py))
        truth, near = flux * np.outer(across, along), np.hypot(x - px, y - py) <= 5
        assert np.abs(theirs - truth)[near].max() < 0.005 * truth.max()


def test_the_same_bits_whatever_the_threads(estimated):
    tessera("psf", "estimate", estimated / "frames", "--mosaic", estimated / "mosaic", "--set", "estimate.radius=6", "-o", estimated / "one", "--threads", "1", "-q")
    sums = [{p["name"]: p.get("datasum") for p in run_record(out)["products"]} for out in (estimated / "out", estimated / "one")]
    assert sums[0] == sums[1] and sums[0]["psf.fits"]


def test_what_cannot_be_is_said_in_a_line(estimated):
    out = estimated / "none"
    assert "estimate" in tessera("psf", "guess", estimated / "frames", "-o", out, code=2).stderr
    assert "no image given" in tessera("psf", "estimate", "-o", out, code=2).stderr
    few = tessera("psf", "estimate", estimated / "frames", "--mosaic", estimated / "mosaic", "--set", "estimate.min_snr=100000", "-o", out, "-q", code=1)
    assert "estimate.min_snr" in few.stderr and not (out / "psf.fits").exists()


def test_sectors_and_polynomials_are_read_back(estimated):
    common = ("psf", "estimate", estimated / "frames", "--mosaic", estimated / "mosaic", "--set", "estimate.radius=5", "-q")
    tessera(*common, "--set", "estimate.sectors_x=2", "-o", estimated / "sectors")
    tessera(*common, "--set", "estimate.degree=1", "--forms", "prf,psfex,grid", "-o", estimated / "varying")
    table = Table.read(estimated / "sectors" / "prfmap.tbl", format="ascii.ipac")
    assert list(table["PRFNum"]) == [1, 2] and list(table["PRFPos1"]) == [1, 129] and set(table["NAXIS1"]) == {128} and min(table["stars"]) > 20
    with fits.open(estimated / "varying" / "psf.fits") as hdus:
        places = {(h.header["PRX"], h.header["PRY"]) for h in hdus if "PRX" in h.header}
        tables = {(h.header["PRX"], h.header["PRY"]): h.data.astype(float) for h in hdus if "PRX" in h.header}
    assert len(places) == 25 and (0, 0) in places and (255, 255) in places
    # PSFEx's polynomial and the grid say the same; tables of psf.fits are each of flux 1, which the polynomial's are to what its terms hold of light.
    with fits.open(estimated / "varying" / "psf.psf") as hdus:
        terms, header = hdus[1].data["PSF_MASK"][0].astype(float), hdus[1].header
    for (x, y), table in tables.items():
        u, v = (x + 1 - header["POLZERO1"]) / header["POLSCAL1"], (y + 1 - header["POLZERO2"]) / header["POLSCAL2"]
        there = terms[0] + u * terms[1] + v * terms[2]
        assert np.abs(there / there.max() - table / table.max()).max() < 1e-5
    with fits.open(estimated / "varying" / "psf_grid.fits") as hdus:
        assert hdus[0].data.shape[0] == 25 and hdus[0].header["IPSFX05"] == 256
    truth = Table.read(estimated / "frames" / "truth_sources.ecsv", format="ascii.ecsv")
    for psf in ("sectors/prfmap.tbl", "varying/psf.fits"):
        out = estimated / (psf.split("/")[0] + "-fitted")
        tessera("extract", estimated / "frames", "--mosaic", estimated / "mosaic", "--psf", estimated / psf, "--sources", estimated / "frames" / "truth_sources.ecsv", "--set", "fit.positions=free", "-o", out, "-q")
        rows = Table.read(out / "catalog.fits")
        good = (np.array(rows["status"]) == 1) & (np.array(rows["portion"], float) > 0.9)
        assert good.sum() > 80 and abs(np.median(np.array(rows["flux"], float)[good] / np.array(truth["flux"])[good]) - 1) < 0.004
    both = tessera(*common, "--set", "estimate.sectors_x=2", "--set", "estimate.degree=1", "-o", estimated / "both", code=2)
    assert "choose one" in both.stderr


@pytest.fixture(scope="module")
def well_sampled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stamps")
    frames = simulate(folder / "frames", "stack.frames=4", "sources.count=150", "sources.placement=grid", "sources.flux_min_ujy=2000", "sources.flux_max_ujy=4000", "psf.fwhm_pix=3", seed=3)
    tessera("mosaic", frames, "-o", folder / "mosaic", "-q")
    return folder


def test_the_mean_of_stamps_is_the_response_of_well_sampled_stars(well_sampled):
    """The guide's method; interpolation between pixels leaves 2.4 % of the peak for stars of 3 pixels (tests/psf_estimate/stamp_mean_test.cpp)."""
    out = well_sampled / "out"
    tessera("psf", "estimate", well_sampled / "frames", "--mosaic", well_sampled / "mosaic", "--method", "mopex", "--psf", "gaussian:fwhm_pix=3", "--set", "estimate.stamp=25", "--set", "estimate.max_bad=5", "-o", out, "-q")
    with fits.open(out / "psf.fits") as hdus:
        table, header = hdus[0].data.astype(float), hdus[0].header
    samples, half = header["PRSAMPX"], table.shape[0] // 2
    assert samples == 4 and half == 4 * 12 and header["PRCENX"] == half
    r = np.hypot(*np.mgrid[-half:half + 1, -half:half + 1]) / samples
    truth = gaussian_pixels(3, samples, half)
    truth /= truth[r <= 12].sum() / samples**2
    assert np.abs(table - truth)[r <= 8].max() < 0.035 * truth.max()
    stamps = Table.read(out / "stamps.fits")
    used = stamps["status"] == 1
    record = run_record(out)["results"]
    assert used.sum() == record["stamps_used"] == header["NSTARS"] > 80 and len(stamps) == record["stamps"]
    assert set(stamps["status"]) <= {1, 0, -1, -2, -3, -4, -5} and set(stamps["reason"][used]) == {"used"}
    assert fits.getdata(out / "psf_coverage.fits").max() == used.sum()
    assert np.abs(np.median(np.array(stamps["sigma"][used], float)) - 3 / 2.3548) < 0.1
    # Fluxes of the Gaussian against the truth, star by star.
    sky, truth_rows = np.array([stamps["ra"], stamps["dec"]]), Table.read(well_sampled / "frames" / "truth_sources.ecsv", format="ascii.ecsv")
    ratios = [stamps["flux"][i] / truth_rows["flux"][np.argmin(np.hypot((truth_rows["ra"] - sky[0, i]) * np.cos(np.radians(sky[1, i])), truth_rows["dec"] - sky[1, i]))] for i in np.flatnonzero(used)]
    assert abs(np.median(ratios) - 1) < 0.03
    assert "Residuals by pixel phase" in (out / "report.html").read_text(encoding="utf-8") and record["phase_residual_scatter"] < 0.01


def test_other_programs_forms_hold_the_same_response(well_sampled):
    """PSFEx's model and an STDPSF grid, by one option; read back here, by astropy, and by photutils where it is new enough."""
    common = ("psf", "estimate", well_sampled / "frames", "--mosaic", well_sampled / "mosaic", "--method", "mopex", "--psf", "gaussian:fwhm_pix=3", "--set", "estimate.max_bad=5", "--set", "estimate.sectors_x=2", "-q")
    tessera(*common, "--forms", "prf,psfex,grid", "-o", well_sampled / "forms")
    table = fits.getdata(well_sampled / "forms" / "psf.fits").astype(float)
    with fits.open(well_sampled / "forms" / "psf.psf", checksum=True) as hdus:
        mask, header = hdus["PSF_DATA"].data["PSF_MASK"][0], hdus["PSF_DATA"].header
    assert mask.shape == (1, *table.shape) and header["PSF_SAMP"] == 0.25 and np.array_equal(mask[0], table)
    with fits.open(well_sampled / "forms" / "psf_grid.fits", checksum=True) as hdus:
        grid, header = hdus[0].data.astype(float), hdus[0].header
    assert grid.shape[0] == 4 and (header["NXPSFS"], header["NYPSFS"], header["OVERSAMP"]) == (2, 2, 4)
    assert [header[k] for k in ("IPSFX01", "IPSFX02", "JPSFY01", "JPSFY02")] == [64.5, 192.5, 1, 256]
    sectors = [fits.getdata(well_sampled / "forms" / f"PRF_{k}.fits").astype(float) for k in (1, 2)]
    for plane, sector in zip(grid, sectors + sectors):
        assert np.abs(plane - sector).max() < 1e-6 * sector.max()
    fluxes = {}
    for form in ("psf.fits", "psf.psf", "psf_grid.fits"):
        tessera("extract", well_sampled / "mosaic" / "mosaic.fits", "--psf", well_sampled / "forms" / form, "--sources", well_sampled / "frames" / "truth_sources.ecsv", "-o", well_sampled / f"with_{form}", "-q")
        fluxes[form] = np.array(Table.read(well_sampled / f"with_{form}" / "catalog.fits")["flux"], float)
    good = fluxes["psf.fits"] > 1500
    assert good.sum() > 60 and np.abs(fluxes["psf.psf"] / fluxes["psf.fits"] - 1)[good].max() < 1e-3
    assert abs(np.median((fluxes["psf_grid.fits"] / fluxes["psf.fits"])[good]) - 1) < 0.01  # tables of the two halves
    tessera(*common, "--forms", "psfex", "-o", well_sampled / "alone")
    assert not (well_sampled / "alone" / "psf.fits").exists() and (well_sampled / "alone" / "psf.psf").exists()
    assert "psfex" in tessera(*common, "--forms", "sketch", "-o", well_sampled / "no", code=2).stderr


def test_sextractor_measures_fluxes_with_the_psfex_form(well_sampled, tmp_path):
    program = shutil.which("source-extractor") or shutil.which("sex")
    if not program:
        pytest.skip("skipped: no SExtractor")
    mosaic = well_sampled / "mosaic" / "mosaic.fits"
    tessera("psf", "estimate", mosaic, "--method", "mopex", "--psf", "gaussian:fwhm_pix=3", "--set", "estimate.max_bad=20", "--forms", "psfex", "-o", tmp_path / "psf", "-q")
    (tmp_path / "columns").write_text("FLUX_APER(1)\nFLUX_PSF\n")
    subprocess.run([program, mosaic, "-c", "/dev/null", "-PARAMETERS_NAME", "columns", "-FILTER", "N", "-PSF_NAME", tmp_path / "psf" / "psf.psf", "-CATALOG_NAME", "out.cat", "-CATALOG_TYPE", "ASCII", "-PHOT_APERTURES", "16", "-DETECT_THRESH", "20", "-VERBOSE_TYPE", "QUIET"],
                   cwd=tmp_path, check=True, capture_output=True, timeout=120)
    aperture, fitted = np.loadtxt(tmp_path / "out.cat")[:, :2].T  # positions follow
    assert len(aperture) > 60 and abs(np.median(fitted / aperture) - 1) < 0.03  # circles of 8 pixels about stars of 3, the table's own flux being that within 10


def test_photutils_draws_with_the_grid_what_we_draw(well_sampled, tmp_path):
    """Two tables in x, between which both take a part of each."""
    psf = pytest.importorskip("photutils.psf", reason="skipped: no photutils")
    tessera("psf", "estimate", well_sampled / "frames", "--mosaic", well_sampled / "mosaic", "--method", "mopex", "--psf", "gaussian:fwhm_pix=3", "--set", "estimate.max_bad=5", "--set", "estimate.sectors_x=2", "--forms", "prf,grid", "-o", well_sampled / "grid", "-q")
    model = photutils_models.grid_model(psf, well_sampled / "grid" / "psf_grid.fits")
    places = [(x + dx, y + dy) for y in (40, 128, 215) for x, dx, dy in ((40, 0, 0), (100, 0.5, 0.25), (160, 0.3, -0.2), (210, 0.15, 0.65))]
    fluxes = [1000 + 100 * k for k in range(len(places))]
    theirs = photutils_models.drawn_by_photutils(model, places, fluxes, 256)
    ours = photutils_models.drawn_by_tessera(well_sampled / "grid" / "psf_grid.fits", places, fluxes, 256, tmp_path / "drawn")
    photutils_models.agree(theirs, ours, places, fluxes, 8, 0.003)
    tables = fits.getdata(well_sampled / "grid" / "psf_grid.fits")
    assert np.abs(tables[0] - tables[1]).max() > 0.001 * tables.max()  # else the places would not matter


def test_stamps_are_split_by_the_areas_of_a_prf_map(well_sampled, tmp_path):
    (tmp_path / "areas.tbl").write_text("\\int Number_PRF = 2\n|PRFNum|NAXIS1|NAXIS2|PRFPos1|PRFPos2|\n|i     |i     |i     |i      |i      |\n      7    128    256       1       1 \n      9    128    128     129       1 \n      9    128    128     129     129 \n")
    common = ("psf", "estimate", well_sampled / "frames", "--mosaic", well_sampled / "mosaic", "--method", "mopex", "--psf", "gaussian:fwhm_pix=3", "--set", "estimate.stamp=25", "--set", "estimate.max_bad=5", "-q")
    tessera(*common, "--set", f"estimate.map={tmp_path / 'areas.tbl'}", "-o", well_sampled / "areas")
    table = Table.read(well_sampled / "areas" / "prfmap.tbl", format="ascii.ipac")
    assert list(table["PRFNum"]) == [7, 9, 9] and list(table["PRFPos2"]) == [1, 1, 129]
    counts = {n: fits.getheader(well_sampled / "areas" / f"PRF_{n}.fits")["NSTARS"] for n in (7, 9)}
    assert min(counts.values()) > 20 and fits.getdata(well_sampled / "areas" / "PRFSigma_9.fits").shape == fits.getdata(well_sampled / "areas" / "PRF_9.fits").shape
    tessera("extract", well_sampled / "mosaic" / "mosaic.fits", "--psf", well_sampled / "areas" / "prfmap.tbl", "-o", well_sampled / "fitted", "-q")
    (tmp_path / "none.tbl").write_text("|a|\n|i|\n 1 \n")
    assert "no column PRFNum" in tessera(*common, "--set", f"estimate.map={tmp_path / 'none.tbl'}", "-o", tmp_path / "none", code=1).stderr
    for wrong, word in ((("estimate.degree=1",), "estimate.degree"), (("estimate.fit_box=4",), "odd")):
        bad = tessera(*common, *(a for w in wrong for a in ("--set", w)), "-o", tmp_path / "bad", code=2)
        assert word in bad.stderr and not (tmp_path / "bad" / "psf.fits").exists()


@needs_shared
def test_the_response_of_real_undersampled_frames_is_that_of_the_instrument(tmp_path):
    """IRAC ch1, twelve frames: the shape of the instrument's own table in the middle of the array, from other stars, to a few per cent of the peak. Its star lies near sample (63.56, 63.37)."""
    frames = sorted((SHARED / "spitzer_irac_grb120119a" / "ch1").glob("*_cbcd.fits"))[:12]
    tessera("mosaic", *frames, "-o", tmp_path / "mosaic", "--rmasks", "-q")
    tessera("psf", "estimate", *frames, "--mosaic", tmp_path / "mosaic", "--set", "estimate.radius=6", "-o", tmp_path / "psf", "-q")
    assert run_record(tmp_path / "psf")["results"]["stars_used"] > 30
    with fits.open(tmp_path / "psf" / "psf.fits") as hdus:
        ours, samples = hdus[0].data.astype(float), hdus[0].header["PRSAMPX"]
    half = ours.shape[0] // 2
    theirs = spline_filter(fits.getdata(SHARED / "spitzer_irac_prf" / "prf_5x5" / "IRAC1_col129_row129.fits").astype(float), order=5)
    y, x = np.mgrid[-half:half + 1, -half:half + 1] / samples
    core = np.hypot(x, y) < 4

    def off(p):
        return (p[2] * map_coordinates(theirs, [p[1] + 5 * y[core], p[0] + 5 * x[core]], order=5, prefilter=False) - ours[core]) / ours.max()

    best = least_squares(off, [63, 63, ours.max() / theirs.max()])
    assert np.abs(best.x[:2] - [63.56, 63.37]).max() < 0.3  # samples of a fifth of a pixel
    assert np.abs(best.fun).max() < 0.05 and np.sqrt(np.mean(best.fun**2)) < 0.01
