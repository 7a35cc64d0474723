"""tessera discover: stars of simulated spectral images found without a list, and nothing else."""
import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tools import run_record, tessera

TARGET = "120.02,-9.05"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    out = tmp_path_factory.mktemp("discover") / "frames"
    tessera("simulate", "spherex", "-o", out, "--size", 256, "--sources", 300, "--bands", 2, "--seed", 11, "--set", "spherex.groups=4")
    return out


def discover(out, frames, *more, code=0):
    return tessera("discover", TARGET, frames, "--size", "24", "-o", out, "--set", "output.pictures=false", *more, code=code)


@pytest.fixture(scope="module")
def found(frames, tmp_path_factory):
    out = tmp_path_factory.mktemp("discover") / "out"
    discover(out, frames, "--measure", "--threads", 1)
    return out


def positions(table):
    return SkyCoord(np.array(table["ra"]) * u.deg, np.array(table["dec"]) * u.deg)


def channels_at(cube, table):
    """Channels with data at the pixel of each row; 0 off the cube or within two pixels of its border."""
    with fits.open(cube) as c:
        seen = np.isfinite(c["IMAGE"].data).sum(axis=0)
        x, y = np.rint(WCS(c["IMAGE"].header, c).celestial.all_world2pix(table["ra"], table["dec"], 0)).astype(int)
    inside = (x >= 2) & (y >= 2) & (x < seen.shape[1] - 2) & (y < seen.shape[0] - 2)
    return np.where(inside, seen[y.clip(0, seen.shape[0] - 1), x.clip(0, seen.shape[1] - 1)], 0)


def test_bright_stars_are_found_and_nothing_else(frames, found):
    truth, got = Table.read(frames / "truth_sources.ecsv"), Table.read(found / "detections.fits")
    there = channels_at(found / "cube" / "cube.fits", truth) >= 4
    nearest, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    bright = there & (truth["flux"] > 100)
    hit = apart.arcsec < 6
    assert bright.sum() >= 15
    assert (bright & ~hit).sum() <= 1, truth[bright & ~hit]
    assert np.median(apart.arcsec[bright & hit]) < 2
    fluxes, looks = Table.read(frames / "truth" / "fluxes.fits"), Table.read(found / "quicklook.fits")
    ratios = []
    for k in np.flatnonzero(bright & hit):
        look, true = looks[looks["id"] == got["id"][nearest[k]]], fluxes[fluxes["id"] == truth["id"][k]]
        order = np.argsort(true["wavelength"])
        ratio = look["flux"] / np.interp(look["wavelength"], true["wavelength"][order], true["flux"][order])
        ratios += list(ratio[look["significance"] > 5])
    assert len(ratios) > 40 and .7 < np.median(ratios) < 1.1  # a quick look: docs/steps/discover.md says how good it is
    _, away, _ = positions(got).match_to_catalog_sky(positions(truth))
    assert (away.arcsec > 12).sum() <= 1, got[away.arcsec > 12]
    assert len(got) > bright.sum() and (np.diff(got["significance"]) <= 0).all() and got["significance"].min() > 5.5


def test_tables_agree_with_each_other_and_with_the_forced_fit(found):
    got, looks = Table.read(found / "detections.fits"), Table.read(found / "quicklook.fits")
    assert np.array_equal(got["id"], np.arange(1, len(got) + 1))
    for row in got[:10]:
        of = looks[looks["id"] == row["id"]]
        assert len(of) == row["channels"] and (of["significance"] >= 3).sum() == row["channels_seen"]
        weight = of["flux_err"] ** -2.
        assert row["flux"] == pytest.approx((weight * of["flux"]).sum() / weight.sum(), rel=1e-5)
        seen = of[of["significance"] >= 3]
        assert row["brightest_channel"] == seen["channel"][np.argmax(seen["flux"])]
    measured = Table.read(found / "spectra" / "spectra.fits")
    assert len(measured) == len(got)
    record = run_record(found)
    assert record["results"]["sources"] == len(got) and record["results"]["channels"] == 17


def test_threads_change_no_bit(frames, found, tmp_path):
    discover(tmp_path / "out", frames, "--threads", 3)
    for name in ("detections.ecsv", "quicklook.fits"):
        assert (tmp_path / "out" / name).read_bytes() == (found / name).read_bytes()


def test_refusals(frames, found, tmp_path):
    assert "--overwrite" in discover(found, frames, code=2).stderr
    assert "synthetic bands" in discover(tmp_path / "a", frames, "--bands", "K.dat", code=2).stderr
    path = sorted(frames.glob("level2_*.fits"))[0]
    with fits.open(path) as hdus:
        del hdus["PSF"]
        hdus.writeto(tmp_path / path.name)
    more = ("--calibration", frames / "calibration")
    place = f"{fits.getval(path, 'CRVAL1', 'IMAGE')},{fits.getval(path, 'CRVAL2', 'IMAGE')}"
    done = tessera("discover", place, tmp_path / path.name, "--size", "10", "-o", tmp_path / "b", *more, code=1)
    assert "no PSF for channel" in done.stderr and "--fwhm" in done.stderr and not (tmp_path / "b").exists()
    tessera("discover", place, tmp_path / path.name, "--size", "10", "-o", tmp_path / "c", "--fwhm", "9", "--set", "output.pictures=false", *more)
    none = discover(tmp_path / "d", frames, "--threshold", "900")
    assert "0 sources" in none.stderr and len(Table.read(tmp_path / "d" / "detections.fits")) == 0
