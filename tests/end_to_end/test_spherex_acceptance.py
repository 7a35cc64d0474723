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
    print(f"{len(pull)} pulls: {pull.mean():+.3f} ± {pull.std():.3f}")
    assert len(pull) > 250
    assert abs(pull.mean()) < .05 + 3 / np.sqrt(len(pull)) and abs(pull.std() - 1) < .05 + 3 / np.sqrt(2 * len(pull))
    assert abs(ql[counts].mean() - .8) < .05


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
