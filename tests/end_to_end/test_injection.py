"""tessera extract --inject: artificial sources tell completeness, bias and the true size of errors of the run they are added to."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from conftest import simulate
from tools import run_record, tessera

GAUSSIAN = "gaussian:fwhm_pix=1.4"


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    folder = tmp_path_factory.mktemp("injection")
    frames = simulate(folder / "frames", "stack.frames=6", "sources.count=120", seed=4)
    tessera("mosaic", frames, "-o", folder / "mosaic", "--rmasks", "-q")
    return folder


def rows_by(out, kind):
    bins = Table.read(out / "completeness.fits")
    return bins[np.char.strip(np.array(bins["by"]).astype(str)) == kind]


def test_frames_give_completeness_unbiased_fluxes_and_errors_that_are_true(field):
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "free", "--inject", 1500, "-q")
    record = run_record(field / "free")["results"]
    sources = Table.read(field / "free" / "injection.fits")
    assert len(sources) == record["injected"] == 1500 and sources["found"].sum() == record["injected_found"]
    by_snr = rows_by(field / "free", "snr")
    assert by_snr["injected"].sum() == 1500 == rows_by(field / "free", "flux")["injected"].sum()
    assert by_snr["completeness"][-1] > 0.95 and by_snr["completeness"][0] < 0.1
    assert 4 < record["half_complete_snr"] < 7  # the threshold is 4σ and more for what is merged with it
    for name, right in (("flux_error_factor", 1), ("position_error_factor", 1), ("flux_bias", 0)):
        assert abs(record[name] - right) < 5 * record[name + "_err"], (name, record[name], record[name + "_err"])
    found = sources[(sources["found"] == 1) & (sources["true_snr"] > 20)]
    assert np.median(np.hypot(found["east"], found["north"])) < 0.15  # arcsec; FWHM 1.7
    assert np.hypot(found["east"], found["north"]).max() < 1.3
    page = (field / "free" / "report.html").read_text()
    assert "Artificial sources" in page and "Worst fits" in page and page.count("data, model and residual") == 12


def test_the_run_itself_is_not_changed_and_neither_threads_nor_a_replay_change_bits(field):
    common = (field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-q")
    tessera("extract", *common, "-o", field / "plain")
    for threads in (1, 2):
        tessera("extract", *common, "-o", field / f"t{threads}", "--inject", 200, "--threads", threads)
    sums = [{p["name"]: p.get("datasum") for p in run_record(field / name)["products"]} for name in ("plain", "t1", "t2")]
    assert {k: v for k, v in sums[1].items() if k in sums[0] and k != "report.html"} != {} and sums[1] == sums[2]
    plain, injected = (Table.read(field / name / "catalog.fits") for name in ("plain", "t1"))
    assert np.array_equal(np.array(plain["flux"], float), np.array(injected["flux"], float), equal_nan=True)
    assert "products agree" in tessera("replay", field / "t1" / "run.json").stderr


def test_a_list_gives_the_bias_of_forced_fluxes(field):
    tessera("extract", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "--sources", field / "frames" / "truth_sources.ecsv", "-o", field / "forced", "--inject", 800, "-q")
    record = run_record(field / "forced")["results"]
    sources = Table.read(field / "forced" / "injection.fits")
    assert (sources["found"] == 1).mean() > 0.97 and record["position_error_factor"] is None
    faint = sources[(sources["found"] == 1) & (sources["true_snr"] < 5)]
    pulls = np.array((faint["flux"] - faint["true_flux"]) / faint["flux_err"])
    assert abs(np.median(pulls)) < 5 * 1.25 / np.sqrt(len(pulls))  # nothing was chosen by its noise
    assert abs(record["flux_error_factor"] - 1) < 5 * record["flux_error_factor_err"]


def test_a_mosaic_alone_and_rows_that_the_catalogue_does_not_keep(field):
    common = (field / "mosaic", "--psf", GAUSSIAN, "--psf-of", "frames", "--inject", 600, "-q")
    tessera("extract", *common, "-o", field / "all")
    tessera("extract", *common, "-o", field / "bright", "--where", "snr > 30")
    complete = [rows_by(field / name, "snr")["completeness"] for name in ("all", "bright")]
    snr = np.array(rows_by(field / "all", "snr")["high"])
    assert np.all(complete[1][snr < 25] < 0.05) and complete[0][(snr > 12) & (snr < 25)].min() > 0.8
    assert complete[1][-1] > 0.9


def test_images_that_hold_fewer_or_none(tmp_path, field):
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 5.0, "CRPIX1": 20.0, "CRPIX2": 20.0, "CDELT1": -3e-4, "CDELT2": 3e-4, "BUNIT": "MJy/sr"})
    for name, values in (("noise", np.random.default_rng(2).normal(1, 0.01, (40, 40))), ("nan", np.full((40, 40), np.nan))):
        fits.PrimaryHDU(values.astype("f4"), header).writeto(tmp_path / f"{name}.fits")
        fits.PrimaryHDU(np.full((40, 40), 0.01, "f4"), header).writeto(tmp_path / f"{name}_unc.fits")
    done = tessera("extract", tmp_path / "noise.fits", "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "few", "--inject", 3000)
    assert "of 3000 artificial sources" in done.stderr
    assert 0 < run_record(tmp_path / "few")["results"]["injected"] < 3000
    done = tessera("extract", tmp_path / "nan.fits", "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "none", "--inject", 10)
    assert "0 of 10 artificial sources" in done.stderr and not (tmp_path / "none" / "injection.fits").exists()
    refused = tessera("extract", tmp_path / "noise.fits", "--psf", "gaussian:fwhm_pix=2", "-o", tmp_path / "bad", "--inject", 10, "--set", "injection.snr_min=5", "--set", "injection.snr_max=4", code=2)
    assert "snr_max" in refused.stderr and not (tmp_path / "bad").exists()
