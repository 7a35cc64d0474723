"""tessera cube: truth of small spectral images comes back channel by channel."""
import json
import xml.dom.minidom

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from spherex_frames import (HOT, OUTLIER, OVERFLOW, PIXEL, SIZE, SOURCE, TRANSIENT, sky_header, wavelength, write_calibration, write_frame, zodi)
from tools import tessera

RA, DEC = 150.02, 2.01
EDGES = [1.0985, 1.1245, 1.1519, 1.18, 1.2088, 1.2381, 1.2679, 1.2985, 1.3297, 1.3616, 1.3944, 1.4282, 1.463, 1.4989, 1.5357, 1.5733, 1.6116, 1.6505]  # of detector 2


def dithers(count, step=9.0, seed=3):
    """Positions and angles: small slews along y, jitter, the half turn of every second survey."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        angle = 20 + 180 * (i % 2) + rng.normal(0, .3)
        dy = (i - count / 2) * step * PIXEL / 3600
        yield RA + dy * np.sin(np.radians(20)) / np.cos(np.radians(DEC)) + rng.normal(0, 1e-4), DEC + dy * np.cos(np.radians(20)) + rng.normal(0, 1e-4), angle


def make(folder, count=6, calibration=True, **how):
    folder.mkdir()
    if calibration:
        write_calibration(folder / "calibration", [how.get("detector", 2)])
    for i, (ra, dec, angle) in enumerate(dithers(count)):
        write_frame(folder / f"level2_2025W18_2B_{i:04d}_1D{how.get('detector', 2)}_spx_l2b-v12-2025-164.fits", ra, dec, angle=angle, **how)
    return folder


def cube(out, *args, code=0, target=f"{RA},{DEC}", pictures=False):
    done = tessera("cube", target, *args, "-o", out, "--set", f"output.pictures={str(pictures).lower()}", code=code)
    return done if code else fits.open(out / "cube.fits")


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A sky of 0.7 MJy/sr under zodiacal light that follows the wavelength."""
    return make(tmp_path_factory.mktemp("flat") / "frames", sky=lambda ra, dec, lam: 0.7 + 0 * lam)


@pytest.mark.parametrize("method", ["area", "drizzle", "nearest", "bilinear", "lanczos3", "adaptive", "grid"])
def test_a_constant_sky_under_zodiacal_light_becomes_a_flat_cube(flat, tmp_path, method):
    with cube(tmp_path / "out", flat, "--size", "9", "--set", f"interpolation.method={method}") as c:
        image, hits = c["IMAGE"].data, c["NHITS"].data
        assert image.shape == (102, 60, 60)
        seen = np.isfinite(image)
        assert seen[17:34].mean() > .3 and not seen[:17].any() and not seen[34:].any()
        np.testing.assert_allclose(image[seen], 0.7, rtol=0, atol=1e-6)
        assert np.array_equal(seen, c["WEIGHT"].data > 0) and np.array_equal(seen, np.isfinite(c["VARIANCE"].data)) and (hits[~seen] == 0).all()


def strips_of(frame_header, grid, sub=10):
    """Of sub x sub points in each output pixel the strip, 1 to 17, that a frame shows there; 0 outside of all."""
    h, w = grid.array_shape
    s = (np.arange(sub) + .5) / sub - .5
    x, y = np.meshgrid((np.arange(w)[:, None] + s).ravel(), (np.arange(h)[:, None] + s).ravel())
    ra, dec = grid.all_pix2world(x, y, 0)
    u, v = WCS(frame_header).all_world2pix(ra, dec, 0, tolerance=1e-5)
    u, v = np.rint(u), np.rint(v)
    strip = np.searchsorted(EDGES, wavelength(u, v).astype(np.float32), side="right")
    strip[(u < 0) | (u >= SIZE) | (v < 0) | (v >= SIZE) | (strip > 17)] = 0
    return strip.reshape(h, sub, w, sub)


def test_hits_equal_geometry(flat, tmp_path):
    with cube(tmp_path / "out", flat, "--size", "6,5", "--rotation", "33") as c:
        grid = WCS(c["IMAGE"].header, c).celestial
        grid.array_shape = c["IMAGE"].shape[1:]
        shown = [strips_of(sky_header(ra, dec, angle), grid) for ra, dec, angle in dithers(6)]
        most = 0
        for strip in range(1, 18):
            parts = np.stack([(s == strip).mean(axis=(1, 3)) for s in shown])
            expected, sure = (parts > .5).sum(axis=0), (np.abs(parts - .5) > .05).all(axis=0)
            assert sure.mean() > .9
            assert np.array_equal(c["NHITS"].data[16 + strip][sure], expected[sure])
            assert np.abs(c["WEIGHT"].data[16 + strip] * .01 - parts.sum(axis=0)).max() < .08  # sub-points tell areas to some percent
            most = max(most, expected.max())
        assert most >= 2


def test_the_flux_of_a_star_is_kept_and_its_position(tmp_path):
    """Strips of 24 pixels, so that the star lies in one whole now and then; what an edge of a strip cuts is made of halves with other phases."""
    stars = [(RA + .004, DEC - .006, 5e4, 0.8)]
    frames = tmp_path / "frames"
    frames.mkdir()
    for i, (ra, dec, angle) in enumerate(dithers(10, step=19)):
        write_frame(frames / f"{i}.fits", ra, dec, angle=angle, stars=stars, sky=lambda ra, dec, lam: 0.2 + 0 * lam, size=3 * SIZE)
    with cube(tmp_path / "out", frames, "--size", "4", "--pixel", "6.15") as c:
        wcs = WCS(c["IMAGE"].header, c).celestial
        sx, sy = wcs.all_world2pix(*stars[0][:2], 0)
        y, x = np.mgrid[0:39, 0:39]
        near = np.hypot(x - sx, y - sy) < 6
        whole = [z for z in range(102) if c["WEIGHT"].data[z][near].min() > 90]  # nearly one exposure everywhere
        assert len(whole) >= 4
        for z in whole:
            excess = c["IMAGE"].data[z] - 0.2
            flux = excess[near].sum() * 23.50443 * 6.15 ** 2
            assert flux == pytest.approx(5e4, rel=.01)
            assert (excess * x)[near].sum() / excess[near].sum() == pytest.approx(float(sx), abs=.05)
            assert (excess * y)[near].sum() / excess[near].sum() == pytest.approx(float(sy), abs=.05)


def test_planes_may_be_counted_and_wavelengths_stand_in_another_wcs(flat, tmp_path):
    with cube(tmp_path / "out", flat, "--size", "4", "--rotation", "30", "--wavelengths", "1.15-1.30", "--set", "output.axis=planes", target="10:00:04.8,+02:00:36") as c:
        lam = np.array([w[0] for w in c["WCS-WAVE"].data["WAVELENGTHS"][0]])
        first, second = WCS(c["IMAGE"].header), WCS(c["IMAGE"].header, c, key="W")
        middle = (c["IMAGE"].header["NAXIS1"] - 1) / 2
        ra, dec, plane = first.all_pix2world(middle, middle, np.arange(7), 0)
        assert np.allclose(plane, np.arange(1, 8)) and np.allclose(ra, 150.02, atol=1e-9)
        ra, dec, plane = first.all_pix2world(middle + 4, middle + 9, np.arange(7), 0)
        again = second.all_pix2world(middle + 4, middle + 9, np.arange(7), 0)
        assert np.allclose(again[0], ra, atol=1e-9) and np.allclose(again[1], dec, atol=1e-9) and np.allclose(again[2], lam, rtol=1e-9)


def test_astropy_reads_the_axes_and_the_tables(flat, tmp_path):
    with cube(tmp_path / "out", flat, "--size", "10m,240s", "--pixel", "12", "--rotation", "30", "--wavelengths", "1.15-1.30", "--wave-eff", target="10:00:04.8,+02:00:36") as c:
        assert [h.name for h in c] == ["PRIMARY", "IMAGE", "VARIANCE", "WEIGHT", "NHITS", "FLAGS", "WAVE_EFF", "SPECTRAL_CHANNELS", "WCS-WAVE"]
        assert all(h.verify_checksum() == 1 and h.verify_datasum() == 1 for h in c)
        assert c["IMAGE"].shape == (7, 20, 50)
        channels, wave = c["SPECTRAL_CHANNELS"].data, c["WCS-WAVE"].data
        assert list(channels["CHANNEL"]) == [19, 20, 21, 22, 23, 24, 25] and list(channels["SUBCHAN"]) == [2, 3, 4, 5, 6, 7, 8]
        assert list(wave["PLANE"][0]) == [1, 2, 3, 4, 5, 6, 7]
        lam = np.array([w[0] for w in wave["WAVELENGTHS"][0]])
        assert np.allclose(lam, channels["WAVELENGTH"]) and np.allclose([w[0] for w in wave["BANDWIDTHS"][0]], channels["BANDWIDTH"])
        wcs = WCS(c["IMAGE"].header, c)
        ra, dec, waves = wcs.all_pix2world(24.5, 9.5, np.arange(7), 0)
        assert wcs.wcs.ctype[2] == "WAVE-TAB" and str(wcs.wcs.cunit[2]) == "um"
        assert np.allclose(ra, 150.02, atol=1e-9) and np.allclose(dec, 2.01, atol=1e-9) and np.allclose(waves, lam, rtol=1e-9)
        up = wcs.celestial.all_pix2world(24.5, 14.5, 0)  # +y lies 30 degrees east of north
        east, north = (up[0] - 150.02) * np.cos(np.radians(2.01)), up[1] - 2.01
        assert np.degrees(np.arctan2(east, north)) == pytest.approx(30, abs=.01) and 3600 * np.hypot(east, north) == pytest.approx(60, abs=.01)
        eff = c["WAVE_EFF"].data
        seen = np.isfinite(eff)
        for z in range(7):
            assert (eff[z][seen[z]] > channels["WL_MIN"][z]).all() and (eff[z][seen[z]] < channels["WL_MAX"][z]).all()
        assert np.array_equal(seen, np.isfinite(c["IMAGE"].data))


def test_effective_wavelengths_are_those_of_the_exposures(tmp_path):
    """One exposure on its own pixels: each pixel's wavelength is the map's."""
    (tmp_path / "frames").mkdir()
    write_calibration(tmp_path / "calibration")
    write_frame(tmp_path / "frames" / "a.fits", RA, DEC, sip=False)
    with cube(tmp_path / "out", tmp_path / "frames" / "a.fits", "--calibration", tmp_path / "calibration", "--size", f"{20 * PIXEL}s", "--pixel", "6.15", "--wave-eff") as c:
        eff = c["WAVE_EFF"].data[17:34]
        y, x = np.mgrid[58:78, 58:78].astype(float)  # 20 pixels about the middle; east is left in frame and cube
        assert np.isfinite(eff).sum(axis=0).min() >= 1
        lam = wavelength(x, y)
        strip = np.searchsorted(EDGES, lam.astype(np.float32), side="right") - 1
        inner = np.take_along_axis(eff, strip[None], axis=0)[0]
        assert np.nanmax(np.abs(inner - lam)) < 5e-5


def test_dropped_flags_leave_holes_and_kept_ones_are_told(tmp_path):
    flags = np.zeros((SIZE, SIZE), int)
    flags[60:64, 40:100] = HOT
    flags[66, 66], flags[70, 70], flags[74, 70], flags[72, 60] = SOURCE, OVERFLOW, OUTLIER | SOURCE, TRANSIENT
    variance = np.full((SIZE, SIZE), .01)
    variance[76, 60], variance[76, 64], variance[76, 68] = np.nan, 0, -1
    (tmp_path / "frames").mkdir()
    write_frame(tmp_path / "frames" / "a.fits", RA, DEC, sip=False, flags=flags, variance=variance, sky=lambda ra, dec, lam: 1 + 0 * lam)
    with cube(tmp_path / "out", tmp_path / "frames" / "a.fits", "--size", f"{20 * PIXEL}s", "--pixel", "6.15") as c:
        hole = ~np.isfinite(c["IMAGE"].data).any(axis=0)
        marks = np.bitwise_or.reduce(c["FLAGS"].data, axis=0)
        assert hole[2:6].all() and hole[14, 2]  # rows 60 to 63; TRANSIENT
        assert hole[18, 2] and hole[18, 6] and hole[18, 10] and hole.sum() == 4 * 20 + 4
        assert marks[8, 8] == SOURCE and marks[12, 12] == OVERFLOW and marks[16, 12] == OUTLIER | SOURCE
        assert (marks != 0).sum() <= 3 * 9 and c["FLAGS"].header["MP_OUTLIER"] == 19
        told = np.unique(marks)
        assert set(told) <= {0, SOURCE, OVERFLOW, OUTLIER | SOURCE}


def test_variance_and_weights_follow_one_weight_per_exposure(tmp_path):
    """Two exposures on one another: the mean is weighted by the median variance of the strip, not by that of the bright pixel."""
    (tmp_path / "frames").mkdir()
    for i, (level, variance) in enumerate([(1.0, .01), (2.0, .04)]):
        v = np.full((SIZE, SIZE), variance)
        v[66:70, 66:70] *= 100  # as photons of a bright source have it
        write_frame(tmp_path / "frames" / f"{i}.fits", RA, DEC, sip=False, variance=v, sky=lambda ra, dec, lam, level=level: level + 0 * lam)
    with cube(tmp_path / "out", tmp_path / "frames", "--size", f"{16 * PIXEL}s", "--pixel", "6.15") as c:
        image, variance, weight = c["IMAGE"].data, c["VARIANCE"].data, c["WEIGHT"].data
        inner = c["NHITS"].data == 2
        assert inner.sum() >= 16 * 16 - 80
        np.testing.assert_allclose(image[np.isfinite(image)], (1 / .01 + 2 / .04) / (1 / .01 + 1 / .04), rtol=1e-6)
        whole = weight > .999 * 125
        expected = (100 ** 2 * .01 + 25 ** 2 * .04) / 125 ** 2
        values = variance[whole]
        assert whole.sum() > 150 and np.sort(np.unique(np.round(values / expected, 3)))[0] == 1
        assert (np.abs(values / expected - 100) < .1).sum() >= 4


def digests(path):
    with fits.open(path) as c:
        return [h.header.get("DATASUM") for h in c]


def test_bits_depend_on_neither_threads_nor_memory_nor_order_of_hdus(flat, tmp_path):
    args = [flat, "--size", "9", "--wave-eff", "--wavelengths", "1.1-1.5"]
    cube(tmp_path / "a", *args, "--threads", "1").close()
    cube(tmp_path / "b", *args, "--threads", "3", "--memory", "300M").close()
    assert digests(tmp_path / "a" / "cube.fits") == digests(tmp_path / "b" / "cube.fits")
    other = make(tmp_path / "frames", sky=lambda ra, dec, lam: 0.7 + 0 * lam, order=("VARIANCE", "ZODI", "FLAGS", "IMAGE"), compress=True)
    cube(tmp_path / "c", other, *args[1:]).close()
    assert digests(tmp_path / "a" / "cube.fits") == digests(tmp_path / "c" / "cube.fits")


def test_cut_outs_give_the_same_cube(tmp_path):
    sky = lambda ra, dec, lam: 1 + 20 * (dec - DEC) + lam  # noqa: E731
    for name, window in (("whole", None), ("cut", (20, 24, 120, 116))):
        (tmp_path / name).mkdir()
        for i, (ra, dec, angle) in enumerate(dithers(4, step=4)):
            write_frame(tmp_path / name / f"{i}.fits", ra, dec, angle=angle, sky=sky, window=window)
        cube(tmp_path / f"of_{name}", tmp_path / name, "--size", "5", "--calibration", write_calibration(tmp_path / "calibration")).close()
    with fits.open(tmp_path / "of_whole" / "cube.fits") as a, fits.open(tmp_path / "of_cut" / "cube.fits") as b:
        both = np.isfinite(a["IMAGE"].data) & np.isfinite(b["IMAGE"].data)
        assert both.sum() == np.isfinite(a["IMAGE"].data).sum()
        np.testing.assert_allclose(a["IMAGE"].data[both], b["IMAGE"].data[both], rtol=0, atol=2e-6)
        assert np.array_equal(a["NHITS"].data, b["NHITS"].data)


def test_what_cannot_be_made_is_refused_in_one_line(flat, tmp_path):
    def refused(code, *args, target=f"{RA},{DEC}", frames=flat):
        done = cube(tmp_path / "out", frames, *args, code=code, target=target)
        assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())
        lines = [line for line in done.stderr.splitlines() if line.startswith("tessera: ")]
        assert len(lines) == 1
        return lines[0]

    assert "no detector sees 5.5-6 micrometres" in refused(2, "--wavelengths", "5.5-6")
    assert "no channel asked for reaches into this range" in refused(2, "--wavelengths", "4.9-5", "--channels", "1-3")
    assert "the shorter wavelength comes first" in refused(2, "--wavelengths", "2-1")
    assert "at most 40" in refused(2, "--size", "60d")
    assert "at most 16384 are made" in refused(2, "--size", "39d,30s", "--pixel", "6.15")
    assert 'expected "W,H"' in refused(2, "--size", "1,2,3")
    assert "expected an angle above 0" in refused(2, "--size", "-3")
    assert "numbers from 1 to 102" in refused(2, "--channels", "100-103")
    assert "is no position" in refused(2, target="nowhere")
    assert "none of 6 frames" in refused(1, target="10.0,-60.0")
    assert "no frames given" in tessera("cube", f"{RA},{DEC}", "-o", tmp_path / "out", code=2).stderr
    bad = tmp_path / "bad"
    bad.mkdir()
    write_frame(bad / "a.fits", RA, DEC, cards=[("DETECTOR", 7)])
    assert "DETECTOR = 7; expected 1 to 6" in refused(1, frames=bad / "a.fits")
    calibration = write_calibration(tmp_path / "calibration", [3])
    (calibration / "spectral_wcs_D3_spx_cal-wcs-v4-2025-150.fits").rename(calibration / "spectral_wcs_D2_spx_cal-wcs-v4-2025-150.fits")
    assert "DETECTOR = 3; expected 2 as the name says" in refused(1, "--calibration", calibration)


def test_frames_of_poor_quality_or_unreadable_are_left_out_and_counted(tmp_path):
    frames = make(tmp_path / "frames", count=4)
    names = sorted(frames.glob("*.fits"))
    with fits.open(names[0], mode="update") as f:
        f["IMAGE"].header["FINAST"] = 3
    with fits.open(names[1], mode="update") as f:
        f["VARIANCE"].data[:] = np.nan
    names[2].write_bytes(names[2].read_bytes()[:9000])
    tessera("cube", f"{RA},{DEC}", frames, "-o", tmp_path / "out", code=1)
    with cube(tmp_path / "out", frames, "--on-bad-frame", "skip") as c:
        assert c[0].header["NFRAMES"] == 2 and c["NHITS"].data.max() == 1
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    told = " ".join(c["message"] for c in record["caveats"])
    assert "FINAST = 3" in told and "no pixel of finite VARIANCE" in told and names[2].name in told
    assert "FINAST = 3" in (tmp_path / "out" / "exposures.tbl").read_text()


def test_one_pixel_and_a_large_pixel(flat, tmp_path):
    with cube(tmp_path / "a", flat, "--size", "6.15s", "--pixel", "6.15") as c:
        assert c["IMAGE"].shape == (102, 1, 1)
        assert np.nanmax(np.abs(c["IMAGE"].data - .7)) < 1e-6
    with cube(tmp_path / "b", flat, "--size", "60m", "--pixel", "3600") as c:
        assert c["IMAGE"].shape == (102, 1, 1)
        seen = np.isfinite(c["IMAGE"].data)
        assert seen.sum() == 17 and np.abs(c["IMAGE"].data[seen] - .7).max() < 1e-6


def test_pictures_and_a_report_that_needs_nothing_beside_it(flat, tmp_path):
    cube(tmp_path / "out", flat, "--size", "6", "--channels", "20-30", pictures=True).close()
    made = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    with fits.open(tmp_path / "out" / "cube.fits") as c:
        exposures = c["SPECTRAL_CHANNELS"].data["NFRAMES"]
    pictures = {f"planes/channel_{n:03}.png" for n, count in zip(range(20, 31), exposures) if count}
    assert made == pictures | {"cube.fits", "contact_sheet.png", "rgb.png", "report.html", "exposures.tbl", "run.json", "tessera.log"} and len(pictures) > 5
    assert all((tmp_path / "out" / name).read_bytes()[:4] == b"\x89PNG" for name in pictures | {"contact_sheet.png", "rgb.png"})
    page = (tmp_path / "out" / "report.html").read_text()
    xml.dom.minidom.parseString(page[page.index("<html"):])
    assert "Plane by plane" in page and page.count("data:image/png;base64,") == 2 and "src=\"http" not in page
    assert ">11<" in page  # planes


@pytest.mark.parametrize("ra, dec", [(0.001, -12.0), (77.0, 89.97)])
def test_across_the_meridian_and_at_the_pole(tmp_path, ra, dec):
    (tmp_path / "frames").mkdir()
    write_calibration(tmp_path / "frames" / "calibration")
    for i in range(2):
        write_frame(tmp_path / "frames" / f"{i}.fits", ra, dec - i * 8 * PIXEL / 3600, angle=30 * i, sky=lambda ra, dec, lam: 0.7 + 0 * lam)
    with cube(tmp_path / "out", tmp_path / "frames", "--size", "6", target=f"{ra},{dec}") as c:
        image = c["IMAGE"].data
        assert np.isfinite(image).any(axis=0).mean() > .9 and np.nanmax(np.abs(image - .7)) < 1e-6


def test_frames_of_the_survey_and_of_deep_fields_are_told_apart(tmp_path):
    (tmp_path / "frames").mkdir()
    for i, deep in enumerate((False, True, True)):
        write_frame(tmp_path / "frames" / f"{i}.fits", RA, DEC, cards=[("NON_SURVEY", deep)])
    counted = {}
    for survey in ("all", "sky", "deep"):
        with cube(tmp_path / survey, tmp_path / "frames", "--size", "1", "--survey", survey) as c:
            counted[survey] = int(c["NHITS"].data.max())
    assert counted == {"all": 3, "sky": 1, "deep": 2}
