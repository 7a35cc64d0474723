"""Spectral images, calibration, lists and requests as they should not be: one clear line and a code, or a result that says so; nothing half-written."""
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from tools import tessera

VERBS = ("spectrum", "cube", "discover", "cutout")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    out = tmp_path_factory.mktemp("bad") / "frames"
    tessera("simulate", "spherex", "-o", out, "--size", 96, "--sources", 40, "--bands", 2, "--seed", 3, "--set", "spherex.exposures=1")
    return out


@pytest.fixture(scope="module")
def frame(frames):
    return sorted(frames.glob("level2_*.fits"))[0]


@pytest.fixture
def edited(frame, tmp_path):
    def edit(change):
        path = tmp_path / frame.name
        with fits.open(frame) as hdus:
            new = fits.HDUList([h.copy() for h in hdus])
            new = change(new) or new
            new.writeto(path, overwrite=True)
        return path
    return edit


def middle(frame):
    header = fits.getheader(frame, "IMAGE")
    return f"{header['CRVAL1']},{header['CRVAL2']}"


def run(verb, path, frames, tmp_path, *more, code=0):
    """The verb on one frame; its messages."""
    out = tmp_path / f"{verb}_out"
    how = {"spectrum": ("--calibration", frames / "calibration"), "cutout": ("--size", 3)}.get(verb, ("--size", 4, "--calibration", frames / "calibration", "--set", "output.pictures=false"))
    done = tessera(verb, middle(path), path, "-o", out, *how, *more, code=code)
    if code:
        last = [line for line in done.stderr.splitlines() if line.startswith("tessera: ")]
        assert len(last) == 1 and not out.exists(), done.stderr
        return last[0]
    return done.stderr


def no_psf(hdus):
    del hdus["PSF"]


def no_zone(hdus):
    hdus["PSF"].data[:] = np.nan


@pytest.mark.parametrize("change", [no_psf, no_zone])
def test_without_a_point_response_nothing_is_fitted_and_cubes_are_made(edited, frames, tmp_path, change):
    path = edited(change)
    line = run("spectrum", path, frames, tmp_path, code=1)
    assert path.name in line and "PSF" in line and "--on-bad-frame skip" in line
    line = run("discover", path, frames, tmp_path, code=1)
    assert path.name in line and "no PSF for channel" in line and "--fwhm" in line
    run("cube", path, frames, tmp_path)
    run("cutout", path, frames, tmp_path)


def test_flags_without_cards_have_the_documented_numbers_and_it_is_said(edited, frame, frames, tmp_path):
    def change(hdus):
        for key in [k for k in hdus["FLAGS"].header if k.startswith("MP_")]:
            del hdus["FLAGS"].header[key]
    path = edited(change)
    assert "the documented numbers are used" in run("spectrum", path, frames, tmp_path)
    assert "the documented numbers are used" in run("cube", path, frames, tmp_path)
    (tmp_path / "plain").mkdir()
    run("spectrum", frame, frames, tmp_path / "plain")
    of = [Table.read(where / "spectrum_out" / "measurements.fits")[["flux", "flags"]] for where in (tmp_path, tmp_path / "plain")]
    assert np.array_equal(of[0]["flux"], of[1]["flux"]) and np.array_equal(of[0]["flags"], of[1]["flags"])


def test_variance_that_is_nan_everywhere_gives_rows_and_planes_without_a_value(edited, frames, tmp_path):
    def change(hdus):
        hdus["VARIANCE"].data[:] = np.nan
    path = edited(change)
    assert "FIT_ERROR" in run("spectrum", path, frames, tmp_path)
    row = fits.getdata(tmp_path / "spectrum_out" / "measurements.fits")[0]
    assert np.isnan(row["flux"]) and row["flags"] >> 33 & 1
    assert "no pixel of finite VARIANCE" in run("cube", path, frames, tmp_path)
    with fits.open(tmp_path / "cube_out" / "cube.fits") as cube:
        assert np.isnan(cube["IMAGE"].data).all() and (cube["NHITS"].data == 0).all()
    assert "0 sources" in run("discover", path, frames, tmp_path)


def test_one_nan_in_variance_is_one_pixel_less(edited, frames, tmp_path):
    def change(hdus):
        y, x = np.array(hdus["VARIANCE"].shape) // 2
        hdus["VARIANCE"].data[y, x] = np.nan
    run("spectrum", edited(change), frames, tmp_path)
    row = Table.read(tmp_path / "spectrum_out" / "measurements.fits")[0]
    assert np.isfinite(row["flux"]) and row["flags"] >> 32 & 1  # CONTAINS_BAD_PIXEL


def test_wrong_units_and_unknown_detectors_are_named(edited, frames, tmp_path):
    def units(hdus):
        hdus["IMAGE"].header["BUNIT"] = "Jy/beam"

    def detector(hdus):
        for h in hdus:
            if "DETECTOR" in h.header:
                h.header["DETECTOR"] = 9
    for verb in VERBS:
        line = run(verb, edited(units), frames, tmp_path, code=1)
        assert "BUNIT = 'Jy/beam'; expected 'MJy / sr'" in line
        line = run(verb, edited(detector), frames, tmp_path, code=1)
        assert "DETECTOR = 9; expected 1 to 6" in line


def test_the_order_of_hdus_does_not_count(edited, frame, frames, tmp_path):
    path = edited(lambda h: fits.HDUList([h[0], h["WCS-WAVE"], h["PSF"], h["ZODI"], h["VARIANCE"], h["FLAGS"], h["IMAGE"]]))
    (tmp_path / "plain").mkdir()
    for where, of in ((tmp_path, path), (tmp_path / "plain", frame)):
        run("spectrum", of, frames, where)
        run("cube", of, frames, where)
    a, b = (Table.read(where / "spectrum_out" / "measurements.fits") for where in (tmp_path, tmp_path / "plain"))
    assert np.array_equal(a["flux"], b["flux"]) and np.array_equal(a["flux_err"], b["flux_err"])
    with fits.open(tmp_path / "cube_out" / "cube.fits") as c, fits.open(tmp_path / "plain" / "cube_out" / "cube.fits") as d:
        assert np.array_equal(c["IMAGE"].data, d["IMAGE"].data, equal_nan=True)


def test_calibration_of_another_detector_is_refused(frame, frames, tmp_path):
    (tmp_path / "cal").mkdir()
    for path in (frames / "calibration").iterdir():
        shutil.copy(path, tmp_path / "cal" / path.name)
        if "_D2_" in path.name:
            with fits.open(tmp_path / "cal" / path.name, mode="update") as hdus:
                for h in hdus:
                    if "DETECTOR" in h.header:
                        h.header["DETECTOR"] = 3
    for verb, more in (("spectrum", ()), ("cube", ("--size", 4))):
        done = tessera(verb, middle(frame), frame, "-o", tmp_path / "out", "--calibration", tmp_path / "cal", *more, code=1)
        assert "DETECTOR = 3; expected 2 as the name says" in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb, more, words", [
    ("spectrum", ("--wavelengths", "2-1"), "2-1"),
    ("cube", ("--size", 4, "--wavelengths", "2-1"), "the range 2-1 is empty"),
    ("cube", ("--size", 4, "--wavelengths", "9-10"), "no detector sees 9-10"),
    ("discover", ("--size", 4, "--wavelengths", "9-10"), "no detector sees 9-10"),
    ("cube", ("--size", "80d"), "at most 40"),
    ("cube", ("--size", "39d", "--pixel", 6.15), "at most 16384"),
    ("cube", ("--size", "0"), "above 0"),
    ("cube", ("--size", 4, "--pixel", 0.5), "pixel"),
])
def test_ranges_and_sizes_that_make_no_sense_are_usage_errors(frame, frames, tmp_path, verb, more, words):
    done = tessera(verb, middle(frame), frame, "-o", tmp_path / "out", "--calibration", frames / "calibration", *more, code=2)
    assert words in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.disk_usage("/tmp").free > 4e11, reason="a disk that would hold it")
def test_a_cube_too_large_for_the_disk_is_refused_before_anything_is_written(frame, frames, tmp_path):
    done = tessera("cube", middle(frame), frame, "-o", tmp_path / "out", "--calibration", frames / "calibration", "--size", "27d", "--pixel", "6.15", code=3)
    assert "the cube takes" in done.stderr and not (tmp_path / "out").exists()


def test_sources_on_the_edge_off_all_frames_and_out_of_range_have_rows_that_say_so(frame, frames, tmp_path):
    header = fits.getheader(frame, "IMAGE")
    n = header["NAXIS1"]
    places = WCS(header).all_pix2world([[0, n / 2], [-3, n / 2], [-400, 0], [n / 2, n / 2]], 0)
    rows = [("edge", *places[0], "", "", "", ""), ("beside", *places[1], "", "", "", ""), ("off", *places[2], "", "", "", ""), ("star", *places[3], "", "", "", "")]
    rows += [(name, *places[3], *shape) for name, shape in (("n", (9, 3, .5, 0)), ("r_e", (2, 40, .5, 0)), ("axis", (2, 4, 1.5, 0)), ("angle", (2, 4, .5, 999)), ("galaxy", (2, 4, .5, 10)))]
    (tmp_path / "list.csv").write_text("label,ra,dec,sersic_n,r_e,axis_ratio,position_angle\n" + "".join(",".join(map(str, r)) + "\n" for r in rows))
    done = tessera("spectrum", tmp_path / "list.csv", frame, "-o", tmp_path / "out", "--calibration", frames / "calibration")
    assert "refused-rows: 4 of 9" in done.stderr and "off-all-frames: 2 of 9" in done.stderr
    t = Table.read(tmp_path / "out" / "spectra.fits")
    status = {str(r["label"]).strip(): str(r["status"]).strip() for r in t}
    count = {str(r["label"]).strip(): int(r["n_meas"]) for r in t}
    assert list(status) == [r[0] for r in rows]
    assert [name for name, k in count.items() if k] == ["edge", "star", "galaxy"]
    for name, word in (("n", "9"), ("r_e", "40"), ("axis", "1.5"), ("angle", "999")):
        assert word in status[name], status
    assert status["off"] == status["beside"] and "off" in status["off"], status
