"""tessera match on catalogues with known truth, on real catalogues of two bands, against astropy, and with bad input."""
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from tools import run_record, tessera


def catalogue(path, ra, dec, sigma, **columns):
    t = Table({"id": np.arange(len(ra)) + 1, "ra": ra * u.deg, "dec": dec * u.deg, "ra_err": np.full(len(ra), sigma) * u.arcsec, "dec_err": np.full(len(ra), sigma) * u.arcsec, **columns})
    t.write(path, overwrite=True)
    return path


@pytest.fixture(scope="module")
def bands(tmp_path_factory):
    """Three catalogues of 2000 sources: each misses a fifth, has its own scatter; the second is shifted by 0.2 arcsec and turned."""
    folder = tmp_path_factory.mktemp("match")
    random = np.random.default_rng(3)
    ra, dec = 210 + random.uniform(-0.15, 0.15, 2000) / np.cos(np.radians(54)), 54 + random.uniform(-0.15, 0.15, 2000)
    paths, rows = [], []
    for k, (sigma, shift) in enumerate(((0.1, 0.0), (0.15, 0.2), (0.3, 0.0))):
        there = np.flatnonzero(random.uniform(size=2000) < 0.8)
        random.shuffle(there)
        turn = np.radians(0.01) if k == 1 else 0.0
        x, y = (ra[there] - 210) * np.cos(np.radians(54)), dec[there] - 54
        north = y - turn * x + random.normal(0, sigma, len(there)) / 3600
        east = x + turn * y + (shift + random.normal(0, sigma, len(there))) / 3600
        paths.append(catalogue(folder / f"band{k + 1}.fits", 210 + east / np.cos(np.radians(54)), 54 + north, sigma, flux=there.astype(float)))
        rows.append(there)
    return folder, paths, rows


def test_three_bands_become_one_table(bands):
    folder, paths, rows = bands
    tessera("match", *paths, "-o", folder / "merged", "--radius", 2, "--formats", "fits,ipac,votable,ecsv", "-q")
    t = Table.read(folder / "merged" / "matched.fits")
    flux = np.array([np.ma.filled(t[f"flux_band{k}"].astype(float), np.nan) for k in (1, 2, 3)])
    right = np.array([len(set(f[np.isfinite(f)])) == 1 for f in flux.T])
    assert right.mean() > 0.99 and len(t) < len(set(np.concatenate(rows))) * 1.02
    common = len(set(rows[0]) & set(rows[1]) & set(rows[2]))
    found = int(((t["catalogues"] == 3) & right).sum())
    print(f"{found} of {common} sources of all three bands; {(~right).sum()} of {len(t)} rows mix two sources")
    assert found > 0.98 * common
    for k in (1, 2, 3):
        assert np.isfinite(flux[k - 1]).sum() == len(rows[k - 1]), "every row comes back once"
    whole = (t["catalogues"] == 3) & right
    assert 3.5 < np.median(t["position_chi2"][whole]) / 3.36 * 4 < 5.5, "χ² of 4 degrees of freedom, and what the shift adds"
    for name in ("matched.tbl", "matched.xml", "matched.ecsv"):
        assert (folder / "merged" / name).exists()
    assert (folder / "merged" / "report.html").stat().st_size > 10000
    assert run_record(folder / "merged")["results"]["rows"] == len(t)


def test_the_astrometric_check_finds_shift_and_turn(bands):
    folder, paths, _ = bands
    tessera("match", *paths, "-o", folder / "check", "--radius", 2, "-q")
    check = Table.read(folder / "check" / "astrometry.tbl", format="ascii.ipac")
    second, third = check
    print(check["catalogue", "matched", "by_chance", "offset_ra", "offset_ra_err", "offset_dec", "rotation", "rotation_err", "scale", "pull_width"])
    assert abs(second["offset_ra"] - 0.2) < 5 * second["offset_ra_err"] < 0.05 and abs(second["offset_dec"]) < 5 * second["offset_dec_err"]
    assert abs(second["rotation"] - 0.01) < 5 * second["rotation_err"] < 0.005
    assert abs(third["offset_ra"]) < 5 * third["offset_ra_err"] and abs(third["rotation"]) < 5 * third["rotation_err"]
    for row in check:
        assert abs(row["scale"]) < 5 * row["scale_err"] and 0.9 < row["pull_width"] < 1.1


def test_pairs_are_astropys_where_nothing_is_ambiguous(bands):
    folder, paths, _ = bands
    tessera("match", *paths[:2], "-o", folder / "two", "--radius", 1.5, "--sigmas", 0, "--keep", "common", "--where", "others = 0", "-q")
    t = Table.read(folder / "two" / "matched.fits")
    first, second = (Table.read(p) for p in paths[:2])
    a, b = (SkyCoord(c["ra"], c["dec"]) for c in (first, second))
    index, apart, _ = a.match_to_catalog_sky(b)
    expected = {i + 1: j + 1 for i, (j, d) in enumerate(zip(index, apart.arcsec)) if d <= 1.5}
    assert len(t) > 1000
    for row in t:
        assert expected[row["id_band1"]] == row["id_band2"]
    positions = SkyCoord(t["ra"], t["dec"])
    assert (positions.separation(SkyCoord(t["ra_band1"], t["dec_band1"])).arcsec < t["separation_band1"] + 1e-6).all()


def test_replay_gives_the_same(bands):
    folder, paths, _ = bands
    tessera("match", *paths, "-o", folder / "first", "-q")
    tessera("replay", folder / "first" / "run.json", "-q")


@pytest.mark.parametrize("name, columns, args, code, words", [
    ("one", None, [], 2, "two catalogues or more"),
    ("missing", None, ["nowhere.fits"], 1, "nowhere.fits"),
    ("no columns", {"x": [1.0], "y": [2.0]}, [], 1, "no column of ra"),
    ("text", {"ra": ["12:00:00"], "dec": ["+10:00:00"]}, [], 1, "degrees are expected"),
    ("names", {"ra": [1.0], "dec": [2.0]}, ["--names", "a"], 2, "1 names for 2 catalogues"),
    ("named column", {"ra": [1.0], "dec": [2.0]}, ["--set", "match.ra=RAX"], 1, "RAX"),
])
def test_bad_input_gets_one_line(bands, tmp_path, name, columns, args, code, words):
    _, paths, _ = bands
    inputs = [paths[0]]
    if columns:
        Table(columns).write(tmp_path / "other.fits")
        inputs.append(tmp_path / "other.fits")
    done = tessera("match", *inputs, *args, "-o", tmp_path / "out", code=code)
    line = [x for x in done.stderr.splitlines() if words in x]
    assert line, done.stderr
    assert not (tmp_path / "out" / "matched.fits").exists()


def test_nothing_in_common_is_an_empty_table(bands, tmp_path):
    _, paths, _ = bands
    far = catalogue(tmp_path / "far.fits", np.array([10.0, 11.0]), np.array([-5.0, -5.0]), 0.1)
    tessera("match", paths[0], far, "--keep", "common", "-o", tmp_path / "out", "-q")
    with fits.open(tmp_path / "out" / "matched.fits") as hdus:
        assert len(hdus[1].data) == 0 and "ra" in hdus[1].columns.names
