"""tessera extract on simulated stacks with known truth: fluxes, positions, errors, lists, formats, and what it does with bad input."""
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import peers
from conftest import simulate
from tools import SHARED, needs_shared, run_record, tessera

GAUSSIAN = "gaussian:fwhm_pix=1.4"  # what the simulated camera has


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """Sixteen frames, hits and offsets left in, and their mosaic."""
    folder = tmp_path_factory.mktemp("extract")
    frames = simulate(folder / "frames", "stack.frames=16", "sources.count=300", "stack.offset_rms=0.03", seed=5)
    tessera("mosaic", frames, "-o", folder / "mosaic", "--rmasks", "-q")
    return folder


@pytest.fixture(scope="module")
def fitted(field):
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "fitted", "--formats", "fits,ipac,votable,ecsv", "-q")
    return field / "fitted"


def truth_of(field):
    return Table.read(field / "frames" / "truth_sources.ecsv", format="ascii.ecsv")


def sky_distance(ra1, dec1, ra2, dec2):
    return 3600 * np.hypot((ra1 - ra2) * np.cos(np.radians(dec2)), dec1 - dec2)


def matched(catalog, truth, isolated=8):
    """Rows of the catalogue with the truth nearest to each, where that is within an arcsecond and has no neighbour nearer than `isolated`."""
    ra, dec = np.array(truth["ra"]), np.array(truth["dec"])
    rows, which = [], []
    for k, row in enumerate(catalog):
        if not (np.isfinite(row["ra"]) and row["status"] == 1):
            continue
        d = sky_distance(row["ra"], row["dec"], ra, dec)
        i = int(np.argmin(d))
        apart = sky_distance(ra[i], dec[i], ra, dec)
        apart[i] = np.inf
        if d[i] < 1 and apart.min() > isolated:
            rows.append(k)
            which.append(i)
    return catalog[rows], truth[which]


def test_fluxes_and_positions_on_all_frames_are_unbiased_and_their_errors_true(field, fitted):
    stars, truth = matched(Table.read(fitted / "catalog.fits"), truth_of(field))
    pulls = np.array((stars["flux"] - truth["flux"]) / stars["flux_err"])
    east = np.array((stars["ra"] - truth["ra"]) * 3600 * np.cos(np.radians(truth["dec"])) / stars["ra_err"])
    north = np.array((stars["dec"] - truth["dec"]) * 3600 / stars["dec_err"])
    assert len(stars) > 100
    # A few sources stand on a hit that two frames could not tell from light: widths by quantiles, whose error is 1.25 / sqrt(2 n) here 0.08.
    for p in (pulls, east, north):
        width = (np.quantile(p, 0.84) - np.quantile(p, 0.16)) / 2
        assert abs(width - 1) < 0.2 and abs(np.median(p)) < 0.35, (width, np.median(p))
    bright = np.array(truth["flux"] / stars["flux_err"]) > 50
    bias = np.median(np.array(stars["flux"] / truth["flux"])[bright]) - 1
    assert abs(bias) < 0.004, bias
    assert 0.95 < run_record(fitted)["results"]["pull_width_sources"] < 1.06


def test_the_formats_hold_the_same_table(fitted):
    ours = Table.read(fitted / "catalog.fits")
    for name, kind in (("catalog.tbl", "ascii.ipac"), ("catalog.xml", "votable"), ("catalog.ecsv", "ascii.ecsv")):
        other = Table.read(fitted / name, format=kind)
        assert other.colnames == ours.colnames and len(other) == len(ours)
        assert np.allclose(np.array(other["flux"], float), np.array(ours["flux"], float), rtol=1e-9, equal_nan=True)
        assert str(other["flux"].unit) == "uJy"
    regions = (fitted / "sources.reg").read_text().splitlines()
    assert sum(line.startswith("circle(") for line in regions) == len(ours)


def test_a_mosaic_alone_with_the_response_of_its_frames(field):
    """Well sampled frames: there the mean response of the coadd is that of every star, to half a percent in a stack of 8, and the correlation of the pixels makes the errors of fainter ones true."""
    frames = simulate(field / "sampled", "stack.frames=8", "sources.count=900", "sources.placement=grid", "sources.min_frames=5", "psf.fwhm_pix=2.5", "defects.cosmic_fraction=0", "sources.flux_min_ujy=20", seed=8)
    tessera("mosaic", frames, "-o", field / "sampled-mosaic", "-q")
    tessera("extract", field / "sampled-mosaic", "--psf", "gaussian:fwhm_pix=2.5", "--psf-of", "frames", "-o", field / "sampled-out", "-q")
    truth = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
    stars, truth = matched(Table.read(field / "sampled-out" / "catalog.fits"), truth)
    snr = np.array(truth["flux"] / stars["flux_err"])
    good = (snr > 15) & (snr < 100) & (np.array(stars["portion"]) > 0.9)
    pulls = np.array((stars["flux"] - truth["flux"]) / stars["flux_err"])[good]
    assert good.sum() > 60
    width = (np.quantile(pulls, 0.84) - np.quantile(pulls, 0.16)) / 2
    assert abs(width - 1) < 0.25, width  # 4 errors of a width by quantiles of 60
    ratio = np.array(stars["flux"] / truth["flux"])[snr > 40]
    assert abs(np.median(ratio) - 1) < 0.004


@pytest.mark.parametrize("settings", [(), ("interpolation.method=drizzle", "interpolation.pixfrac=0.6", "grid.oversample=1.5")], ids=["area", "drizzle"])
def test_bright_stars_on_a_mosaic_of_undersampled_turned_frames_have_the_response_of_their_place(field, settings):
    """Their dither phases differ: with the mean response errors of S/N 100 to 300 are wrong by a factor, with that of the place they are right."""
    frames = field / "turned"
    if not frames.exists():
        simulate(frames, "stack.frames=8", "stack.roll_step_deg=17", "sources.count=900", "sources.placement=grid", "sources.min_frames=4", "defects.cosmic_fraction=0", "sources.flux_min_ujy=70",
                 "sources.flux_max_ujy=260", seed=12)
    out = field / f"turned-{len(settings)}"
    tessera("mosaic", frames, "-o", out, "-q", "--set", "rejection.method=none", *[a for s in settings for a in ("--set", s)])
    truth, widths = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv"), {}
    for name, place_snr in (("mean", "1e9"), ("place", "20")):
        tessera("extract", out, "--psf", "gaussian:fwhm_pix=1.4", "--psf-of", "frames", "--sources", frames / "truth_sources.ecsv", "-o", field / f"turned-{len(settings)}-{name}", "-q", "--set", "fit.positions=free",
                "--set", f"psf.place_snr={place_snr}")
        stars, there = matched(Table.read(field / f"turned-{len(settings)}-{name}" / "catalog.fits"), truth)
        snr = np.array(there["flux"] / stars["flux_err"], float)
        good = (snr > 100) & (snr < 300) & (np.array(stars["portion"]) > 0.9)
        pulls = np.array((stars["flux"] - there["flux"]) / stars["flux_err"], float)[good]
        widths[name] = (np.quantile(pulls, 0.8413) - np.quantile(pulls, 0.1587)) / 2
        print(f"{name}: {good.sum()} stars, pulls {np.median(pulls):+.2f}, {widths[name]:.2f}")
    assert good.sum() > 80 and abs(np.median(pulls)) < 5 * 1.25 / np.sqrt(good.sum())
    assert abs(widths["place"] - 1) < 3 * 0.96 / np.sqrt(good.sum()) and widths["mean"] > 1.25


def test_a_list_comes_back_row_by_row_and_fluxes_are_unbiased_at_any_brightness(field):
    truth = truth_of(field)
    rows = Table({"ra": np.array(truth["ra"]), "dec": np.array(truth["dec"])})
    for extra in ([np.nan, 1.0], [10.0, 10.0], [rows["ra"][3], rows["dec"][3]]):
        rows.add_row(extra)
    rows.write(field / "list.ecsv", format="ascii.ecsv")
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "--sources", field / "list.ecsv", "-o", field / "forced", "-q")
    forced = Table.read(field / "forced" / "catalog.fits")
    assert len(forced) == len(rows)
    assert list(forced["status"][-3:]) == [0, 0, -5]
    assert np.array_equal(np.array(forced["ra"][: len(truth)], float), np.array(truth["ra"], float))
    seen = (np.array(forced["status"][: len(truth)]) == 1) & (np.array(forced["portion"][: len(truth)], float) > 0.9)
    pulls = ((np.array(forced["flux"], float)[: len(truth)] - np.array(truth["flux"])) / np.array(forced["flux_err"], float)[: len(truth)])[seen]
    assert seen.sum() > 150
    width = (np.quantile(pulls, 0.84) - np.quantile(pulls, 0.16)) / 2
    assert abs(width - 1) < 0.2 and abs(np.median(pulls)) < 0.3, (width, np.median(pulls))


def test_the_same_bits_whatever_the_threads_and_a_replay_agrees(field, fitted):
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "one", "--threads", "1", "--formats", "fits,ipac,votable,ecsv", "-q")
    sums = [{p["name"]: p.get("datasum") for p in run_record(out)["products"]} for out in (fitted, field / "one")]
    assert sums[0] == sums[1] and sums[0]["catalog.fits"]
    assert "all 9 products agree" in tessera("replay", fitted / "run.json").stderr


def test_conditions_and_mopexs_names(field):
    tessera("extract", field / "mosaic", "--psf", "gaussian:fwhm_pix=1.9", "-o", field / "chosen", "--where", 'SNR > 20 and deblend != "NO"', "--columns", "mopex", "--set", "catalog.residual=true",
            "--set", "catalog.segmentation_map=true", "--set", "detection.separation=peak", "-q")
    chosen = Table.read(field / "chosen" / "catalog.fits")
    assert {"srcid", "RA", "delta_flux", "chi2/dof", "aperture1", "ap_unc2"} <= set(chosen.colnames)
    assert len(chosen) > 20 and np.array(chosen["SNR"]).min() > 20
    with fits.open(field / "chosen" / "segmentation.fits") as hdus:
        found = Table.read(field / "chosen" / "detections.fits")
        assert hdus[0].data.max() == len(found)
        x, y = WCS(hdus[0].header).all_world2pix(np.array(found["RA"]), np.array(found["Dec"]), 1)
        assert np.abs(x - found["x"]).max() < 1e-3 and np.abs(y - found["y"]).max() < 1e-3
    wrong = tessera("extract", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "wrong", "--where", "fluks > 1", code=2)
    assert "did you mean 'flux'" in wrong.stderr and not (field / "wrong").exists()


def test_light_curves_have_a_flux_for_every_frame_that_sees_a_source(field):
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "curves", "--set", "fit.per_frame=true", "--set",
            "catalog.detect_where=peak > 20", "-q")
    catalog = Table.read(field / "curves" / "catalog.fits")
    curves = Table.read(field / "curves" / "light_curve.fits")
    for row in catalog[:40]:
        own = curves[curves["number"] == row["number"]]
        if row["status"] != 1 or row["members"] > 1 or row["portion"] < 0.98 or row["chi2_dof"] > 10:  # a hit taken for a star, where one frame alone looks, comes to rest or not by chance
            continue
        assert len(own) == row["depth"]
        weights = 1 / np.array(own["flux_err"]) ** 2
        mean = np.sum(np.array(own["flux"]) * weights) / weights.sum()
        assert abs(mean - row["flux"]) < 0.2 * row["flux_err"]  # one linear fit of all frames at one position is that mean


def one_to_one(x, y, truth_x, truth_y, order, radius=1.2):
    """Which truths were found and which rows are one, the brightest truth first; each row counts once."""
    found, used = np.zeros(len(truth_x), bool), np.zeros(len(x), bool)
    for k in order:
        d = np.where(used, np.inf, np.hypot(x - truth_x[k], y - truth_y[k]))
        if len(d) and d.min() < radius:
            used[int(np.argmin(d))] = found[k] = True
    return found, used


@pytest.mark.skipif(shutil.which("source-extractor") is None, reason="skipped: no source-extractor")
@pytest.mark.parametrize("fwhm, count, seed", [(1.4, 300, 3), (1.4, 2000, 5), (2.5, 800, 6)])
def test_completeness_and_purity_beside_sextractor(tmp_path, fwhm, count, seed):
    """A sparse field and one source per 15 beams; SExtractor with the star's own width as its filter, at three thresholds, all of its rows above 5 sigma in an aperture."""
    frames = simulate(tmp_path / "frames", "stack.frames=10", f"sources.count={count}", f"psf.fwhm_pix={fwhm}", "sources.flux_min_ujy=1.5", "sources.flux_slope=1.8", "defects.cosmic_masked=true",
                      "sources.min_frames=3", seed=seed)
    tessera("mosaic", frames, "-o", tmp_path / "mosaic", "--rmasks", "-q")
    common = (frames, "--mosaic", tmp_path / "mosaic", "--psf", f"gaussian:fwhm_pix={fwhm}", "-q")
    tessera("extract", *common, "-o", tmp_path / "free", "--where", "snr > 5")
    tessera("extract", *common, "-o", tmp_path / "forced", "--sources", frames / "truth_sources.ecsv")
    truth = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
    with fits.open(tmp_path / "mosaic" / "mosaic_cov.fits") as hdus:
        coverage = hdus[0].data
        x, y = WCS(hdus[0].header).all_world2pix(np.array(truth["ra"]), np.array(truth["dec"]), 0)

    def deep(a, b):
        return coverage[np.clip(np.round(b).astype(int), 0, coverage.shape[0] - 1), np.clip(np.round(a).astype(int), 0, coverage.shape[1] - 1)] > 2

    snr = np.array(truth["flux"]) / np.array(Table.read(tmp_path / "forced" / "catalog.fits")["flux_err"], float)
    wanted = deep(x, y) & (snr > 5)
    order = np.argsort(-np.array(truth["flux"]))

    def quality(a, b):
        found, used = one_to_one(a, b, x, y, order)
        return found[wanted].mean(), used[deep(a, b)].mean()

    ours = Table.read(tmp_path / "free" / "catalog.fits")
    complete, pure = quality(np.array(ours["x"]), np.array(ours["y"]))
    width = np.hypot(fwhm, np.sqrt(8 * np.log(2) / 6))  # of a star on the mosaic, pixels included
    step = np.arange(-3, 4)
    kernel = np.exp(-(step[:, None] ** 2 + step[None, :] ** 2) * 4 * np.log(2) / width ** 2)
    for threshold, area in ((1.5, 5), (1.5, 3), (1.2, 5)):
        a, b, significance = peers.sextractor(tmp_path / "se", tmp_path / "mosaic", threshold, area, kernel, 2 * width)
        keep = significance > 5
        theirs = quality(a[keep], b[keep])
        print(f"FWHM {fwhm}, {count} sources: completeness and purity {complete:.3f} {pure:.3f}; SExtractor {threshold}σ × {area}: {theirs[0]:.3f} {theirs[1]:.3f}")
        assert complete >= theirs[0] and pure >= theirs[1]


@needs_shared
@pytest.mark.parametrize("channel", [1, 2])
def test_real_irac_frames_with_the_published_prf(tmp_path, channel):
    frames, prf = SHARED / "spitzer_irac_grb120119a" / f"ch{channel}", SHARED / "spitzer_irac_prf" / "prf_5x5" / f"IRAC{channel}_col129_row129.fits"
    if not frames.is_dir() or not prf.is_file():
        pytest.skip("skipped: no shared data")
    tessera("extract", frames, "--psf", prf, "-o", tmp_path / "out", "--set", "fit.per_frame=true", "-q")
    stars = Table.read(tmp_path / "out" / "catalog.fits")
    curves = Table.read(tmp_path / "out" / "light_curve.fits")
    assert len(stars) > 900 and (np.array(stars["status"]) == 1).mean() > 0.95
    isolated = stars[(stars["status"] == 1) & (stars["snr"] > 60) & (stars["members"] == 1) & (stars["depth"] > 8)]
    # Single-frame fluxes scatter about the joint one, whose mean they must be; the cryogenic PRF is not that of these warm frames, so they scatter more than their errors.
    means = []
    for row in isolated[:60]:
        flux = np.array(curves["flux"][curves["number"] == row["number"]])
        means.append(np.median(flux) / row["flux"] - 1)
    print(f"ch{channel}: {len(stars)} sources, single frames over joint fit {100 * np.median(means):+.2f} %, residuals {run_record(tmp_path / 'out')['results']['pull_width_sources']:.2f}")
    assert len(means) > 30 and abs(np.median(means)) < 0.01
    assert run_record(tmp_path / "out")["results"]["pull_width_sources"] < 1.3


# -- what cannot be measured, or is not what it says -------------------------------------------------------------------------------------

def small_mosaic(folder, values, sigma=0.01):
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 5.0, "CRPIX1": 40.0, "CRPIX2": 40.0, "CDELT1": -3e-4, "CDELT2": 3e-4, "BUNIT": "MJy/sr"})
    folder.mkdir()
    fits.PrimaryHDU(values.astype("f4"), header).writeto(folder / "m.fits")
    if sigma is not None:
        fits.PrimaryHDU(np.full(values.shape, sigma, "f4"), header).writeto(folder / "m_unc.fits")
    return folder / "m.fits"


def noise(seed=1, side=80):
    return np.random.default_rng(seed).normal(1.0, 0.01, (side, side))


def add_star(image, x, y, flux, fwhm):
    yy, xx = np.mgrid[: image.shape[0], : image.shape[1]]
    s = fwhm / 2.3548
    image += flux / (2 * np.pi * s * s) * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * s * s))


@pytest.mark.parametrize("what", ["no source", "all NaN", "constant"])
def test_without_a_source_the_catalogue_is_empty_and_valid(tmp_path, what):
    values = {"no source": noise(), "all NaN": np.full((80, 80), np.nan), "constant": np.ones((80, 80))}[what]
    done = tessera("extract", small_mosaic(tmp_path / "in", values), "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "out", "--set", "detection.threshold=7")
    assert "nothing to do" in done.stderr
    table = Table.read(tmp_path / "out" / "catalog.fits")
    assert len(table) == 0 and {"ra", "dec", "flux", "flux_err"} <= set(table.colnames)
    assert json.loads((tmp_path / "out" / "run.json").read_text())["results"]["rows"] == 0


def test_a_response_of_the_wrong_sampling_is_refused_by_its_width(tmp_path):
    values = noise(2, 200)
    for k in range(9):
        add_star(values, 30.3 + 60 * (k % 3), 30.6 + 60 * (k // 3), 5, 2.0)
    mosaic = small_mosaic(tmp_path / "in", values)
    for fwhm, word in (("4", "wide"), ("1", "narrow")):
        refused = tessera("extract", mosaic, "--psf", f"gaussian:fwhm_pix={fwhm}", "-o", tmp_path / "out", code=1)
        assert f"too {word}" in refused.stderr and not (tmp_path / "out").exists()
    tessera("extract", mosaic, "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "out", "-q")
    assert len(Table.read(tmp_path / "out" / "catalog.fits")) >= 9


def test_missing_and_misfitting_planes(tmp_path):
    values = noise(3)
    add_star(values, 40, 40, 3, 2)
    mosaic = small_mosaic(tmp_path / "in", values, sigma=None)
    done = tessera("extract", mosaic, "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "out")
    assert "no-uncertainty" in done.stderr
    row = Table.read(tmp_path / "out" / "catalog.fits")[0]
    assert abs(row["x"] - 40) < 0.05 and row["snr"] > 50
    fits.PrimaryHDU(np.ones((70, 80), "f4")).writeto(tmp_path / "cov.fits")
    refused = tessera("extract", mosaic, "-C", tmp_path / "cov.fits", "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "bad", code=1)
    assert "cov.fits" in refused.stderr and "80 × 70" in refused.stderr


def test_requests_that_cannot_be(tmp_path):
    mosaic = small_mosaic(tmp_path / "in", noise(4))
    assert "--psf" in tessera("extract", mosaic, "-o", tmp_path / "out", code=2).stderr
    Table({"x": [1.0], "y": [2.0]}).write(tmp_path / "list.ecsv", format="ascii.ecsv")
    refused = tessera("extract", mosaic, "--psf", "gaussian:fwhm_pix=2", "--sources", tmp_path / "list.ecsv", "-o", tmp_path / "out", code=1)
    assert "needs a column ra" in refused.stderr
    shutil.copy(mosaic, tmp_path / "alone.fits")
    refused = tessera("extract", mosaic, tmp_path / "alone.fits", "--mosaic", tmp_path / "alone.fits", "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "out", code=1)
    assert "no run.json" in refused.stderr
    # A response wider than the image is cut, no failure.
    tessera("extract", mosaic, "--psf", "moffat:fwhm_pix=30,beta=2", "-o", tmp_path / "wide", "-q", "--set", "detection.check_psf=false")


def test_residual_frames_are_the_frames_less_the_sources(field, tmp_path):
    """Where stars are, what is left is noise: against the frames' own uncertainties, and all else is as it was."""
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", tmp_path / "out", "--set", "catalog.residual_frames=true", "-q")
    truth = truth_of(field)
    bright = truth[truth["flux"] > np.quantile(truth["flux"], 0.8)]
    before, after = [], []
    left = sorted((tmp_path / "out" / "Residual").glob("*_residual.fits"))
    frames = sorted((field / "frames").glob("*_cbcd.fits"))
    assert len(left) == len(frames)
    for frame, residual in zip(frames, left):
        data, header = fits.getdata(frame).astype(float), fits.getheader(frame)
        rest = fits.getdata(residual).astype(float)
        assert [c for c in header if c not in fits.getheader(residual)] == []
        sigma = fits.getdata(str(frame).replace("_cbcd", "_cbunc")).astype(float)
        x, y = WCS(header).all_world2pix(bright["ra"], bright["dec"], 0)
        for i, j in zip(np.rint(x).astype(int), np.rint(y).astype(int)):
            if 4 < i < data.shape[1] - 5 and 4 < j < data.shape[0] - 5:
                before.append((data[j, i] - np.nanmedian(data)) / sigma[j, i])
                after.append((rest[j, i] - np.nanmedian(rest)) / sigma[j, i])
    before, after = np.array(before), np.array(after)
    good = np.isfinite(before) & np.isfinite(after)
    print(f"{good.sum()} pixels on bright stars: {np.median(before[good]):.1f} σ above the sky before, {np.median(after[good]):+.2f} ± {1.4826 * np.median(np.abs(after[good] - np.median(after[good]))):.2f} after")
    assert np.median(before[good]) > 20 and abs(np.median(after[good])) < 0.2
    assert 0.8 < 1.4826 * np.median(np.abs(after[good] - np.median(after[good]))) < 1.4


def test_frames_beyond_the_memory_ceiling_are_fitted_from_disk_with_the_same_bits(tmp_path):
    frames = simulate(tmp_path / "frames", "stack.frames=12", "sources.count=400", "camera.width=512", "camera.height=512", seed=3)
    tessera("mosaic", frames, "-o", tmp_path / "mosaic", "--rmasks", "-q")
    sums = []
    for memory in ("4G", "112M"):
        done = tessera("extract", frames, "--mosaic", tmp_path / "mosaic", "--psf", GAUSSIAN, "-o", tmp_path / memory, "--memory", memory, "--set", "fit.per_frame=true", "--set", "catalog.residual_frames=true",
                       "--inject", "100")
        assert ("exceed the memory ceiling" in done.stderr) == (memory == "112M")
        assert sorted(p.name for p in (tmp_path / memory).iterdir() if p.name.startswith(".")) == []
        record = run_record(tmp_path / memory)
        sums.append(({p["name"]: p.get("datasum") for p in record["products"] if p["name"] != "report.html"}, record["results"]))
    assert sums[0] == sums[1] and len(sums[0][0]) == 12 + 6


@pytest.mark.parametrize("ratio", [1, 2, 5])
def test_pairs_one_width_apart_are_taken_apart_and_their_fluxes_right(tmp_path, ratio):
    """The fainter above S/N 50. Before the strongest of what a fit left around a source was taken alone, one in six equal pairs stayed one source of twice the flux."""
    frames = simulate(tmp_path / "frames", "stack.frames=10", "psf.fwhm_pix=1.4", "sources.placement=grid", "sources.count=100", f"sources.flux_min_ujy={40 * ratio}", f"sources.flux_max_ujy={300 * ratio}", "sources.flux_slope=1",
                      "sources.blend_fraction=1", "sources.blend_separation_arcsec=1.708", f"sources.blend_flux_ratio={1 / ratio}", "defects.cosmic_masked=true", "sources.min_frames=5", "stack.dither_size_pix=12", seed=21)
    tessera("mosaic", frames, "-o", tmp_path / "mosaic", "--rmasks", "-q")
    tessera("extract", frames, "--mosaic", tmp_path / "mosaic", "--psf", GAUSSIAN, "-o", tmp_path / "out", "-q")
    truth, found = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv"), Table.read(tmp_path / "out" / "catalog.fits")
    found = found[(found["status"] == 1) & (found["portion"] > 0.9)]
    free, pulls, seen = np.ones(len(found), bool), [], 0
    for row in truth[np.argsort(-np.array(truth["flux"]))]:
        d = np.where(free, sky_distance(found["ra"], found["dec"], row["ra"], row["dec"]), np.inf)
        inside = np.min(sky_distance(found["ra"], found["dec"], row["ra"], row["dec"])) < 1.7  # a row of this pair on good pixels
        seen += inside
        if d.min() < 0.85:
            k = int(np.argmin(d))
            free[k] = False
            pulls.append(float((found["flux"][k] - row["flux"]) / found["flux_err"][k]))
    width = (np.quantile(pulls, 0.84134) - np.quantile(pulls, 0.15866)) / 2
    print(f"ratio {ratio}: {len(pulls)} of {seen} stars of pairs, pulls {np.mean(pulls):+.2f}, {width:.2f}")
    assert len(pulls) > 0.97 * seen > 90
    assert abs(np.median(pulls)) < 5 * 1.25 / np.sqrt(len(pulls)) and abs(width - 1) < 4 * 0.96 / np.sqrt(len(pulls))
