"""Limits of the work with SPHEREx images that few frames can show; bench/spherex_acceptance.py has all of them, on more."""
import sys

import numpy as np
import pytest

from tools import ROOT

sys.path.insert(0, str(ROOT / "bench"))
import spherex_acceptance as bench  # noqa: E402


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    work = tmp_path_factory.mktemp("acceptance")
    catalog = bench.write_catalog(work / "grid.ecsv", *bench.grid_of_stars(12, 125, (60, 12000)))
    return work, catalog, bench.simulate(work / "grid", catalog, groups=1)


def hold(rows):
    for row in rows:
        print(row)
        assert row.met in (None, True), str(row)
    assert any(row.met for row in rows)


def test_pulls_of_isolated_stars(field):
    work, catalog, folder = field
    pull, snr, ql = bench.pulls_of(catalog, folder, work / "out", "smooth")
    counts = (snr > 3) & (snr < 100)
    pull = pull[counts]
    assert len(pull) > 250 and near_one(pull)
    assert abs(ql[counts].mean() - .8) < .05


def near_one(pull):
    print(f"{len(pull)} pulls: {pull.mean():+.3f} ± {pull.std():.3f}")
    return len(pull) > 60 and abs(pull.mean()) < .05 + 3 / np.sqrt(len(pull)) and abs(pull.std() - 1) < .05 + 3 / np.sqrt(2 * len(pull))


def test_pulls_of_galaxies(tmp_path):
    x, y, flux = bench.grid_of_stars(6, 200, (500, 60000), seed=12)
    catalog = bench.write_catalog(tmp_path / "galaxies.ecsv", x, y, flux, **bench.shapes(np.random.default_rng(13), len(x), (1, 20)))
    folder = bench.simulate(tmp_path / "galaxies", catalog, groups=1, seed=14)
    pull, snr, _ = bench.pulls_of(catalog, folder, tmp_path / "out", "smooth")
    assert near_one(pull[(snr > 3) & (snr < 300)])
    both = [bench.spectrum(catalog, folder, tmp_path / way, "--variance", "smooth", "--background", way) for way in ("fit", "auto")]
    assert np.array_equal(both[0]["flux"], both[1]["flux"], equal_nan=True)


def test_stars_keep_their_local_background_with_auto(field, tmp_path):
    both = [bench.spectrum(field[1], field[2], tmp_path / way, "--background", way) for way in ("local", "auto")]
    assert np.array_equal(both[0]["flux"], both[1]["flux"], equal_nan=True) and len(both[0]) > 250


@pytest.mark.parametrize("setting", ["spherex.layout=epsf", "spherex.ramps=true"])
def test_stars_on_files_with_epsf_and_from_ramps(field, tmp_path, setting):
    folder = bench.simulate(tmp_path / "frames", field[1], groups=1, size=192, more=[setting, "spherex.exposures=2"])
    pull, snr, _ = bench.pulls_of(field[1], folder, tmp_path / "out", "smooth")
    assert near_one(pull[(snr > 3) & (snr < 300)])


def test_stars_on_frames_with_defects(field, tmp_path):
    hold(bench.defects(tmp_path, field[1], surveys=1, groups=1))


def test_a_cut_out_and_the_whole_frame(field):
    hold(bench.cut_outs(*field, sources=1))


def test_wrong_zones_of_old_files(field):
    hold(bench.header_fix(*field[:2], groups=1, exposures=1))


def test_constant_sky_hits_and_wavelengths(field):
    hold(bench.flat_cube(field[0], bands="2", groups=1, side="5"))


def test_light_of_stars_in_a_cube(field):
    hold(bench.star_flux(field[0], size=256, groups=2))


def test_photutils_finds_the_same_with_the_same_weights(field):
    pytest.importorskip("photutils.psf", reason="skipped: no photutils")
    hold(bench.peer(*field, frames=1, stars=40))
