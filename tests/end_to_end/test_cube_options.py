"""tessera cube beyond channels of a rectangle: bands, polygons, rows of catalogues, matched levels, clipped values."""
import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from spherex_frames import PIXEL, SIZE, wavelength, write_calibration, write_frame
from test_cube import DEC, EDGES, RA, cube, digests, dithers
from tools import tessera


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """34 exposures half a strip apart, so that every channel covers the middle; the sky's brightness is its wavelength in µm."""
    folder = tmp_path_factory.mktemp("many") / "frames"
    folder.mkdir()
    write_calibration(folder / "calibration")
    for i in range(34):
        write_frame(folder / f"{i:02d}.fits", RA, DEC + (i - 16.5) * 4 * PIXEL / 3600, sky=lambda ra, dec, lam: lam)
    return folder


def band(folder, points, name="b.dat"):
    (folder / name).write_text("# um T\n" + "".join(f"{w} {t}\n" for w, t in points))
    return folder / name


def test_a_band_is_the_mean_of_its_channels_by_photons(many, tmp_path):
    curve = band(tmp_path, [(1.22, 0), (1.25, .9), (1.33, .9), (1.39, 0)])
    with cube(tmp_path / "band", many, "--size", "3", "--bands", f"J={curve}", "--wave-eff") as b, cube(tmp_path / "all", many, "--size", "3", "--wave-eff") as c:
        lam = np.linspace(1.22, 1.39, 40001)
        t = np.interp(lam, [1.22, 1.25, 1.33, 1.39], [0, .9, .9, 0])
        weights = np.array([np.trapz(np.where((lam >= lo) & (lam < hi), t / lam, 0), lam) for lo, hi in zip(EDGES[:-1], EDGES[1:])])
        weights /= weights.sum()
        used = weights > 0
        images, variances = c["IMAGE"].data[17:34][used], c["VARIANCE"].data[17:34][used]
        w = weights[used][:, None, None]
        whole = np.isfinite(images).all(axis=0)
        assert whole.mean() > .9
        image = b["IMAGE"].data[0]
        np.testing.assert_allclose(image[whole], (w * images).sum(axis=0)[whole], rtol=3e-5)  # 40001 steps are less than exact
        np.testing.assert_allclose(b["VARIANCE"].data[0][whole], (w ** 2 * variances).sum(axis=0)[whole], rtol=1e-4)
        assert np.array_equal(b["NHITS"].data[0][whole], c["NHITS"].data[17:34][used].sum(axis=0)[whole])
        pivot = np.sqrt(np.trapz(t * lam, lam) / np.trapz(t / lam, lam))
        row = b["SPECTRAL_CHANNELS"].data[0]
        assert row["NAME"] == "J" and row["CHANNEL"] == 0 and row["WAVELENGTH"] == pytest.approx(pivot, rel=1e-7) and row["BANDWIDTH"] == pytest.approx(np.trapz(t, lam) / .9, rel=1e-6)
        assert b["WCS-WAVE"].data["WAVELENGTHS"].ravel()[0] == pytest.approx(pivot, rel=1e-7)
        assert np.nanmedian(np.abs(b["WAVE_EFF"].data[0] - image)) < 1e-5  # the sky is its wavelength


@pytest.mark.parametrize("power, most", [(1, .004), (-3, .012)])
def test_a_band_of_a_sloped_spectrum_is_its_mean_by_photons(tmp_path, power, most):
    """A pixel meets each channel at one or two of its wavelengths, up to half a strip (1.2 %) from the middle: four to eighteen channels average that."""
    frames = tmp_path / "frames"
    frames.mkdir()
    write_calibration(frames / "calibration")
    for i in range(34):
        write_frame(frames / f"{i:02d}.fits", RA, DEC + (i - 16.5) * 4 * PIXEL / 3600, sky=lambda ra, dec, lam: lam ** power)
    lam = np.linspace(1.1, 1.65, 40001)
    for name, points in {"narrow": [(1.22, 0), (1.25, .9), (1.33, .9), (1.39, 0)], "wide": [(1.15, 0), (1.6, 1)]}.items():
        t = np.interp(lam, *np.transpose(points), left=0, right=0)
        truth = np.trapz(t * lam ** power / lam, lam) / np.trapz(t / lam, lam)
        with cube(tmp_path / name, frames, "--size", "3", "--bands", band(tmp_path, points)) as c:
            off = c["IMAGE"].data[0] / truth - 1
        assert np.isfinite(off).mean() > .9
        assert abs(np.nanmean(off)) < .0015 and np.nanmax(abs(off)) < most


def test_weights_fall_towards_the_ends_of_strips_and_nothing_else_changes(many, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    write_calibration(few / "calibration")
    for i in (16, 17):  # half a strip apart, of different levels, each constant
        write_frame(few / f"{i}.fits", RA, DEC + (i - 16.5) * 4 * PIXEL / 3600, sky=lambda ra, dec, lam: i + 0 * lam)
    with cube(tmp_path / "sharp", few, "--size", "3") as a, cube(tmp_path / "soft", few, "--size", "3", "--feather", "2") as b:
        assert np.array_equal(a["NHITS"].data, b["NHITS"].data)
        image, weight, sharp, hits = b["IMAGE"].data, b["WEIGHT"].data, a["WEIGHT"].data, a["NHITS"].data
        seen = sharp > 0
        assert np.array_equal(seen, weight > 0)
        share = weight[seen] / sharp[seen]
        assert abs(share.max() - 1) < 1e-6 and abs(share.min() - .25) < 1e-6  # the border pixels have half a step
        near = lambda level: np.abs(image - level) < 1e-4  # noqa: E731
        assert (near(16) | near(17))[hits == 1].mean() > .6  # one exposure: its value whatever its weight; more than half of another counts as two
        between = (image > 16.1) & (image < 16.9)
        assert len(np.unique(np.round(image[between], 2))) > len(np.unique(np.round(a["IMAGE"].data[(a["IMAGE"].data > 16.1) & (a["IMAGE"].data < 16.9)], 2)))


def test_missing_channels_leave_a_hole_unless_little_is_missing(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    write_calibration(frames / "calibration")
    for i in range(34):
        if i not in (14, 15, 16):
            write_frame(frames / f"{i:02d}.fits", RA, DEC + (i - 16.5) * 4 * PIXEL / 3600, sky=lambda ra, dec, lam: 1 + 0 * lam)
    curve = band(tmp_path, [(1.12, 1), (1.63, 1)])
    seen = []
    for i, coverage in enumerate((1, .95, .5)):
        with cube(tmp_path / str(i), frames, "--size", "3", "--bands", curve, "--set", f"channels.band_coverage={coverage}") as c:
            image = c["IMAGE"].data[0]
            seen.append(np.isfinite(image).mean())
            assert np.abs(image[np.isfinite(image)] - 1).max() < 1e-6 if seen[-1] else True
            assert np.array_equal(np.isfinite(image), c["WEIGHT"].data[0] > 0)
    assert seen[0] < .7 and seen[0] <= seen[1] < 1 and seen[2] == 1


def test_bands_that_are_none_are_refused(many, tmp_path):
    def refused(code, *args):
        return tessera("cube", f"{RA},{DEC}", many, "--size", "1", "-o", tmp_path / "x", *args, code=code).stderr
    assert "no channel asked for lies in its 6 to 7" in refused(2, "--bands", band(tmp_path, [(6, 1), (7, 1)]))
    assert "must ascend" in refused(1, "--bands", band(tmp_path, [(2, 1), (1, 1)]))
    cube(tmp_path / "cut", many, "--size", "1", "--bands", band(tmp_path, [(1.5, 1), (6, 1)])).close()
    told = " ".join(c["message"] for c in json.loads((tmp_path / "cut" / "run.json").read_text())["caveats"])
    assert "the channels hold 86.8 % of its weight" in told  # ln(4.9999/1.5) of ln(6/1.5), less a gap between detectors


def test_a_polygon_has_data_in_pixels_that_it_touches(many, tmp_path):
    d = 80 / 3600
    corners = [(RA - d, DEC - d), (RA + d, DEC - d / 2), (RA, DEC + d)]
    done = tessera("cube", "--polygon", " ".join(f"{a},{b}" for a, b in corners), many, "--rotation", "20", "-o", tmp_path / "out", "--channels", "24")
    with fits.open(tmp_path / "out" / "cube.fits") as c:
        wcs = WCS(c["IMAGE"].header, c).celestial
        x, y = wcs.all_world2pix(*np.array(corners).T, 0)
        h, w = c["IMAGE"].shape[1:]
        assert x.min() >= -.5 - 1e-6 and x.max() <= w - .5 + 1e-6 and y.min() >= -.5 - 1e-6 and y.max() <= h - .5 + 1e-6 and w < np.ptp(x) + 1.01 and h < np.ptp(y) + 1.01
        py, px = np.mgrid[0:h, 0:w]
        cross = [(x[(i + 1) % 3] - x[i]) * (py - y[i]) - (y[(i + 1) % 3] - y[i]) * (px - x[i]) for i in range(3)]
        centre_inside = (np.sign(cross) == np.sign(cross[0])).all(axis=0)
        seen = np.isfinite(c["IMAGE"].data[0])
        assert (~seen[centre_inside]).sum() == 0 and .4 < seen.mean() < .8 and (c["WEIGHT"].data[0][~seen] == 0).all() and (c["NHITS"].data[0][~seen] == 0).all(), done.stderr


def test_a_row_of_a_catalogue_is_the_centre(many, tmp_path):
    Table({"id": [7, 8], "RAJ2000": [10., RA], "DEJ2000": [-5., DEC]}).write(tmp_path / "cat.fits")
    tessera("cube", many, "--catalog", tmp_path / "cat.fits", "--row", "2", "--size", "2", "-o", tmp_path / "a", "--channels", "24-26")
    cube(tmp_path / "b", many, "--size", "2", "--channels", "24-26").close()
    assert digests(tmp_path / "a" / "cube.fits") == digests(tmp_path / "b" / "cube.fits")
    assert "has 2 rows" in tessera("cube", many, "--catalog", tmp_path / "cat.fits", "--row", "3", "-o", tmp_path / "c", code=2).stderr


def test_levels_of_exposures_are_matched_channel_by_channel(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    write_calibration(frames / "calibration")
    rng = np.random.default_rng(4)
    levels = rng.normal(0, .3, 24)
    for i, level in enumerate(levels):
        write_frame(frames / f"{i:02d}.fits", RA + rng.normal(0, 1e-3), DEC + (i % 12 - 5.5) * 3 * PIXEL / 3600, angle=3 * (i % 3), sky=lambda ra, dec, lam, level=level: 1 + level + 0 * lam, noise=.01, variance=1e-4, rng=rng)
    spread = []
    for name, more in (("as_is", []), ("matched", ["--match"])):
        with cube(tmp_path / name, frames, "--size", "7", *more) as c:
            image, hits = c["IMAGE"].data, c["NHITS"].data
            spread.append(np.median([np.std(image[z][hits[z] >= 2]) for z in range(17, 34) if (hits[z] >= 2).sum() > 100]))
    assert spread[0] > .08 and spread[1] < .02
    offsets = Table.read(tmp_path / "matched" / "exposures.tbl", format="ascii.ipac")
    for channel in (25, 26, 27):
        rows = offsets[offsets["channel"] == channel]
        got, true = np.array(rows["offset"]), levels[[int(f[:2]) for f in rows["file"]]]
        assert len(rows) > 8 and np.abs((got - got.mean()) - (true - true.mean())).max() < .01 and abs(got.mean()) < .01


def test_clipping_takes_a_hit_and_spares_an_undersampled_star(tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    size = 3 * SIZE
    write_calibration(frames / "calibration", size=size)
    rng = np.random.default_rng(6)
    rows = np.arange(size)
    strip = np.searchsorted(EDGES, wavelength(size / 2, rows, size=size))
    middle = rows[strip == strip[size // 2]].mean()  # of the strip in the middle of the frame
    star = (RA + .0011, DEC + (middle - size / 2 + .5) * PIXEL / 3600, 4e4, .55)  # narrower than a pixel
    for i in range(9):
        ra, dec = RA + rng.normal(0, 4e-4), DEC + rng.normal(0, 4e-4)
        path = write_frame(frames / f"{i}.fits", ra, dec, angle=rng.uniform(0, 8), sky=lambda ra, dec, lam: .2 + 0 * lam, noise=.01, variance=1e-4, rng=rng, stars=[star], size=size, sip=False)
        if i == 4:
            with fits.open(path, mode="update") as f:
                f["IMAGE"].data[int(middle) + 3, size // 2 + 9] += 5.0
    results = {}
    for name, more in (("plain", []), ("clipped", ["--clip", "5"])):
        with cube(tmp_path / name, frames, "--size", "3", "--pixel", "6.15", *more) as c:
            results[name] = c["IMAGE"].data.copy(), c["NHITS"].data.copy()
            wcs = WCS(c["IMAGE"].header, c).celestial
    (plain, hits), (clipped, clipped_hits) = results["plain"], results["clipped"]
    sx, sy = wcs.all_world2pix(*star[:2], 0)
    y, x = np.mgrid[0:plain.shape[1], 0:plain.shape[2]]
    far = np.hypot(x - sx, y - sy) > 8
    deep = hits >= 5
    assert np.nanmax(np.where(far & deep, plain, np.nan)) > .5 and np.nanmax(np.where(far & deep, clipped, np.nan)) < .28
    assert (clipped_hits[:, far] < hits[:, far]).sum() >= 1
    near = np.hypot(x - sx, y - sy) < 5
    for z in range(17, 34):
        if hits[z][near].min() >= 7:
            flux = [np.nansum((image[z] - .2)[near]) * 23.50443 * PIXEL ** 2 for image in (plain, clipped)]
            assert flux[1] == pytest.approx(flux[0], rel=.01) and flux[0] == pytest.approx(4e4, rel=.03)
            break
    else:
        pytest.fail("no channel holds the star in seven exposures")
    record = json.loads((tmp_path / "clipped" / "run.json").read_text())
    assert record["results"]["values_clipped"] >= 1


def test_bits_stay_with_all_of_it(many, tmp_path):
    args = [many, "--size", "4", "--match", "--clip", "5", "--wave-eff", "--bands", f"{band(tmp_path, [(1.2, 1), (1.4, 1)])}"]
    cube(tmp_path / "a", *args, "--threads", "1").close()
    cube(tmp_path / "b", *args, "--threads", "4", "--memory", "400M").close()
    assert digests(tmp_path / "a" / "cube.fits") == digests(tmp_path / "b" / "cube.fits")
