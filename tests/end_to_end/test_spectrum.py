"""tessera spectrum on small frames with known sources: fluxes and errors, flags, tables, columns, motion, neighbours, the same bits however it runs, and bad input."""
import filecmp
import re
import shutil
import signal
import subprocess
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from spectrum_frames import SIDE, Survey, grid_positions, wavelength, write_frame
from tools import TESSERA, run_record, tessera

LEVELS = np.geomspace(100, 40000, 25)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    positions = grid_positions()
    made = Survey(tmp_path_factory.mktemp("spectrum") / "level2", positions, LEVELS)
    made.table = made.folder.parent / "sources.csv"
    Table(rows=[(f"s{i}", *p) for i, p in enumerate(positions)], names=("name", "RAJ2000", "DEJ2000")).write(made.table)
    return made


@pytest.fixture(scope="module")
def measured(survey):
    out = survey.folder.parent / "out"
    done = tessera("spectrum", survey.table, survey.folder, "-o", out, "--variance", "smooth", "--formats", "fits,ipac,votable,ecsv")
    survey.log = done.stderr
    return out


def pulls(t, fluxes, good=True):
    keep = t["flags"] < 1 << 32 if good else np.isfinite(t["flux"])
    error = np.hypot(t["flux_err"], t["flux_err_bkg"])
    return ((t["flux"] - np.asarray(fluxes)[t["source"] - 1]) / error)[keep], keep


def test_fluxes_are_right_within_their_errors(survey, measured):
    t = Table.read(measured / "measurements.fits")
    assert len(t) == 25 * 24
    pull, keep = pulls(t, LEVELS)
    snr = (t["flux"] / t["flux_err"])[keep]
    print(f"{keep.sum()} measurements, S/N {snr.min():.1f} to {snr.max():.0f}: pull {pull.mean():+.3f} ± {pull.std():.3f}, fit_ql {t['fit_ql'][keep].mean():.3f}")
    assert snr.min() < 5 and snr.max() > 100
    assert abs(pull.mean()) < 3.5 / np.sqrt(keep.sum()) + .05 and .92 < pull.std() < 1.08
    assert .75 < t["fit_ql"][keep].mean() < .85


def test_wavelengths_flags_and_counts_are_those_of_the_files(survey, measured):
    t = Table.read(measured / "measurements.fits")
    assert np.allclose(t["wavelength"], wavelength(t["x_image"] - 1, t["y_image"] - 1), rtol=2e-7) and np.allclose(t["lambda_width"], t["wavelength"] / 41, rtol=1e-6)
    frames = Table.read(measured / "frames.fits")
    assert list(frames["n_meas"]) == [25] * 24 and frames["file"][3] == survey.paths[3].name
    for row in t[::37]:
        yy, xx = np.mgrid[:SIDE, :SIDE]
        inside = survey.flagged[row["frame"] - 1][np.hypot(xx + 1 - row["x_image"], yy + 1 - row["y_image"]) <= 2.5]
        assert row["flags"] & 0xffffffff == np.bitwise_or.reduce(inside)
        assert row["n_source"] == (inside >> 21 & 1).sum() and row["n_hot"] == (inside >> 10 & 1).sum()
        assert (row["flags"] >> 32 & 1) == (row["n_hot"] > 0)
    assert t["obs_publisher_did"][0].startswith("ivo://irsa.ipac/spherex_qr2?2025W18_2B_") and t["obs_publisher_did"][0].endswith("/D2")


def test_wide_table_and_its_channel_means(measured):
    wide, t = Table.read(measured / "spectra.fits"), Table.read(measured / "measurements.fits")
    assert len(wide) == 25 and set(wide["status"]) == {"measured"} and list(wide["n_meas"]) == [24] * 25
    some = t[(t["source"] == 20) & (t["flags"] < 1 << 32)]
    for channel in np.unique(some["channel"]):
        m = some[some["channel"] == channel]
        w = 1 / m["flux_err"] ** 2
        assert wide["channel_n"][19][channel - 1] == len(m)
        assert np.isclose(wide["channel_flux"][19][channel - 1], (w * m["flux"]).sum() / w.sum(), rtol=1e-12)
        assert np.isclose(wide["channel_flux_err"][19][channel - 1], w.sum() ** -.5, rtol=1e-12)
    assert wide["channel_n"].shape == (25, 102) and wide["channel_n"].sum() == wide["n_used"].sum()


def test_every_format_holds_the_same_numbers(measured):
    t = Table.read(measured / "measurements.fits")
    for name, form in (("measurements.tbl", "ascii.ipac"), ("measurements.xml", "votable"), ("measurements.ecsv", "ascii.ecsv")):
        other = Table.read(measured / name, format=form)
        assert len(other) == len(t) and np.array_equal(other["flux"], t["flux"], equal_nan=True) and np.array_equal(other["flags"], t["flags"])


def test_bits_do_not_depend_on_threads_or_on_who_else_is_listed_far_away(survey, measured, tmp_path):
    tessera("spectrum", survey.table, survey.folder, "-o", tmp_path / "one", "--variance", "smooth", "--threads", 1)
    assert filecmp.cmp(tmp_path / "one" / "measurements.fits", measured / "measurements.fits", shallow=False)
    ra, dec = grid_positions()[12]
    tessera("spectrum", f"{ra},{dec}", survey.folder, "-o", tmp_path / "alone", "--variance", "smooth", "--set", "background.mask_sources=true")
    alone, t = Table.read(tmp_path / "alone" / "measurements.fits"), Table.read(measured / "measurements.fits")
    t = t[t["source"] == 13]
    assert np.array_equal(alone["flux"], t["flux"], equal_nan=True) and np.array_equal(alone["flux_err"], t["flux_err"], equal_nan=True)


def test_a_cut_out_gives_the_flux_of_the_whole_frame(survey, tmp_path):
    with fits.open(survey.paths[0]) as whole:
        from astropy.wcs import WCS
        w = WCS(whole["IMAGE"].header)
        write_frame(tmp_path / "cut.fits", whole["IMAGE"].data, whole["VARIANCE"].data, whole["FLAGS"].data, w, survey.psfs, cut=(28, 25, 70, 73))
    ra, dec = grid_positions()[12]
    for name, frame in (("whole", survey.paths[0]), ("cut", tmp_path / "cut.fits")):
        tessera("spectrum", f"{ra},{dec}", frame, "-o", tmp_path / name, "--calibration", survey.folder / "calibration")
    a, b = (Table.read(tmp_path / name / "measurements.fits")[0] for name in ("whole", "cut"))
    assert np.isclose(a["flux"], b["flux"], rtol=1e-6) and np.isclose(a["wavelength"], b["wavelength"], rtol=1e-7) and np.isclose(a["flux_err"], b["flux_err"], rtol=1e-6)


def test_blends_and_neighbours(tmp_path):
    """Pairs 6 arcsec apart: both listed, or one of them as a neighbour only, give the same; alone the flux is wrong."""
    firsts = grid_positions(4, 20)
    pairs = [(ra, dec + 6 / 3600) for ra, dec in firsts]
    made = Survey(tmp_path / "level2", firsts + pairs, [5000] * 16 + [9000] * 16, frames=12)
    Table(rows=firsts, names=("ra", "dec")).write(tmp_path / "a.ecsv")
    Table(rows=pairs, names=("ra", "dec")).write(tmp_path / "b.ecsv")
    Table(rows=firsts + pairs, names=("ra", "dec")).write(tmp_path / "both.ecsv")
    tessera("spectrum", tmp_path / "both.ecsv", made.folder, "-o", tmp_path / "both", "--variance", "smooth", "--covariance")
    tessera("spectrum", tmp_path / "a.ecsv", made.folder, "-o", tmp_path / "along", "--variance", "smooth", "--neighbours", tmp_path / "b.ecsv")
    tessera("spectrum", tmp_path / "a.ecsv", made.folder, "-o", tmp_path / "alone", "--variance", "smooth")
    both, along, alone = (Table.read(tmp_path / n / "measurements.fits") for n in ("both", "along", "alone"))
    pull, keep = pulls(both, [5000] * 16 + [9000] * 16)
    print(f"{keep.sum()} measurements of blends: pull {pull.mean():+.3f} ± {pull.std():.3f}")
    assert abs(pull.mean()) < .2 and .9 < pull.std() < 1.1
    assert np.array_equal(both["flux"][both["source"] <= 16], along["flux"], equal_nan=True)
    assert (both["n_fitted"] >= 2).all() and np.median(both["blend_corr"]) < -.2
    assert np.nanmedian(alone["flux"]) > 6000
    # Covariances: the scatter of both fluxes about the truth, over pairs and frames.
    c = Table.read(tmp_path / "both" / "covariances.fits")
    c = c[(c["source"] <= 16) & (c["other"] == c["source"] + 16)]
    rows = both[c["measurement"] - 1]
    other = {(r["source"], r["frame"]): r for r in both}
    partner = [other[(r["source"] + 16, r["frame"])] for r in rows]
    good = [r["flags"] < 1 << 32 and p["flags"] < 1 << 32 for r, p in zip(rows, partner)]
    seen = np.mean([(r["flux"] - 5000) * (p["flux"] - 9000) for r, p, g in zip(rows, partner, good) if g])
    said = np.mean([v for v, g in zip(c["covariance"], good) if g])
    print(f"covariance of pairs: {said:.0f} stated, {seen:.0f} seen")
    assert said < 0 and .6 < seen / said < 1.5  # of some 180 pairs


def test_moving_sources_are_met_where_they_are(tmp_path):
    positions = grid_positions(3, 28)
    motions = [(900.0, -700.0)] * 9  # mas/yr: 10 arcsec in nine years
    made = Survey(tmp_path / "level2", positions, [20000] * 9, frames=8, motions=motions)
    Table(rows=[(*p, *m, 2016.0) for p, m in zip(positions, motions)], names=("ra", "dec", "pmra", "pmdec", "ref_epoch")).write(tmp_path / "gaia.fits")
    tessera("spectrum", tmp_path / "gaia.fits", made.folder, "-o", tmp_path / "out", "--variance", "smooth")
    t = Table.read(tmp_path / "out" / "measurements.fits")
    pull, _ = pulls(t, [20000] * 9)
    assert len(t) == 72 and abs(pull.mean()) < .5 and pull.std() < 1.3
    assert (np.abs((t["dec"] - np.array(positions)[t["source"] - 1, 1]) * 3600 + .7 * (2000 + (t["mjd"] - 51544.5) / 365.25 - 2016)) < 1e-4).all()


def test_rows_that_cannot_be_measured_say_so_and_the_others_go_on(survey, tmp_path):
    ra, dec = grid_positions()[12]
    rows = [("good", ra, dec, np.nan, np.nan), ("far", ra + 5, dec, np.nan, np.nan), ("steep", ra, dec, 9.0, 3.0), ("wide", ra, dec, 2.0, 25.0), ("nowhere", ra, 95.0, np.nan, np.nan), ("point", ra, dec, 4.0, .5), ("good", ra, dec, np.nan, np.nan)]
    Table(rows=rows, names=("label", "ra", "dec", "sersic_n", "r_e")).write(tmp_path / "rows.fits")
    done = tessera("spectrum", tmp_path / "rows.fits", survey.paths[0], "-o", tmp_path / "out", "--calibration", survey.folder / "calibration")
    wide = Table.read(tmp_path / "out" / "spectra.fits")
    assert [s.strip() for s in wide["status"]] == ["measured", "off all frames", "refused: Sersic index = 9; expected 0.5 to 6", "refused: effective radius = 25; expected 1 to below 20 arcsec (less than 1: a point)",
                                                   "refused: declination = 95; expected -90 to 90 degrees", "measured", "measured"]
    t = Table.read(tmp_path / "out" / "measurements.fits")
    assert list(t["source"]) == [1, 6, 7] and len(set(t["flux"])) == 1, "one source listed three times shares its light with nobody"
    assert "3 of 7 rows are not measured" in done.stderr
    assert run_record(tmp_path / "out")["results"]["off_all_frames"] == 1


def test_sources_at_the_edge_are_measured_with_what_is_there(survey, tmp_path):
    from astropy.wcs import WCS
    w = WCS(fits.getheader(survey.paths[0], "IMAGE"))
    places = [(-.4, 40), (-.6, 40), (SIDE - .6, SIDE - .6), (40, SIDE - .4)]
    Table(rows=[w.all_pix2world(x, y, 0) for x, y in places], names=("ra", "dec")).write(tmp_path / "edge.ecsv")
    tessera("spectrum", tmp_path / "edge.ecsv", survey.paths[0], "-o", tmp_path / "out")
    t = Table.read(tmp_path / "out" / "measurements.fits")
    assert list(t["source"]) == [1, 3] and (t["flags"] >> 32 & 1 == 1).all() and np.isfinite(t["flux"]).all()


def broken(survey, path, **changes):
    with fits.open(survey.paths[0]) as hdus:
        image, variance, flags = (hdus[n].data.copy() for n in ("IMAGE", "VARIANCE", "FLAGS"))
        from astropy.wcs import WCS
        w = WCS(hdus["IMAGE"].header)
    if changes.pop("nan_variance", False):
        variance[:] = np.nan
    psfs = changes.pop("psfs", survey.psfs)
    return write_frame(path, image, variance, flags, w, psfs, **changes)


@pytest.mark.parametrize("changes, says", [
    ({"leave_out": ("PSF",)}, "neither PSF nor EPSF"),
    ({"psfs": np.full((4, 101, 101), np.nan)}, "every PSF zone that is needed holds NaN"),
    ({"detector": 9}, "DETECTOR = 9; expected 1 to 6"),
    ({"leave_out": ("WCS-WAVE",)}, "no WCS-WAVE"),
    ({"leave_out": ("VARIANCE",)}, "no image VARIANCE"),
    ({"BUNIT": "Jy/beam"}, "BUNIT = 'Jy/beam'"),
])
def test_frames_that_cannot_be_used_stop_the_run_or_are_counted(survey, tmp_path, changes, says):
    frame = broken(survey, tmp_path / "bad.fits", **dict(changes))
    ra, dec = grid_positions()[12]
    done = tessera("spectrum", f"{ra},{dec}", frame, "-o", tmp_path / "out", code=1)
    assert says in done.stderr and not (tmp_path / "out" / "run.json").exists()
    good = shutil.copy(survey.paths[1], tmp_path / "good.fits")  # away from the products of calibration
    tessera("spectrum", f"{ra},{dec}", frame, good, "-o", tmp_path / "out2", "--on-bad-frame", "skip")
    frames = Table.read(tmp_path / "out2" / "frames.fits")
    assert says in frames["left_out"][0] and len(Table.read(tmp_path / "out2" / "measurements.fits")) == 1


def test_where_flags_leave_no_background_it_is_fitted_and_said(survey, tmp_path):
    from astropy.wcs import WCS
    with fits.open(survey.paths[0]) as hdus:
        frame = write_frame(tmp_path / "full.fits", hdus["IMAGE"].data, hdus["VARIANCE"].data, hdus["FLAGS"].data | 1 << 21, WCS(hdus["IMAGE"].header), survey.psfs)
    ra, dec = grid_positions()[20]
    done = tessera("spectrum", f"{ra},{dec}", frame, "-o", tmp_path / "out", "--calibration", survey.folder / "calibration", "--variance", "smooth")
    row = Table.read(tmp_path / "out" / "measurements.fits")[0]
    assert "1 of 1 measurements had too few pixels without flags around them" in done.stderr
    assert row["bkg_side"] == 0 and row["flags"] >> 32 == 1 and abs(row["flux"] - LEVELS[20]) < 5 * row["flux_err"] and row["flux_err_bkg"] == 0


def test_what_else_is_wrong_with_frames(survey, tmp_path):
    ra, dec = grid_positions()[12]
    frame = broken(survey, tmp_path / "nan.fits", nan_variance=True)
    tessera("spectrum", f"{ra},{dec}", frame, "-o", tmp_path / "nan")
    row = Table.read(tmp_path / "nan" / "measurements.fits")[0]
    assert row["flags"] >> 32 == 3 and np.ma.is_masked(row["flux"]), "no pixel can be used: FIT_ERROR and CONTAINS_BAD_PIXEL"
    done = tessera("spectrum", f"{ra},{dec}", broken(survey, tmp_path / "cards.fits", leave_out=("cards",)), "-o", tmp_path / "cards")
    assert "FLAGS has no cards that number its bits" in done.stderr
    done = tessera("spectrum", f"{ra},{dec}", broken(survey, tmp_path / "astrometry.fits", FINAST=1), "-o", tmp_path / "astrometry")
    assert "failed a check of the mission" in done.stderr and len(Table.read(tmp_path / "astrometry" / "measurements.fits")) == 0
    tessera("spectrum", f"{ra},{dec}", tmp_path / "astrometry.fits", "-o", tmp_path / "any", "--any-quality")
    assert len(Table.read(tmp_path / "any" / "measurements.fits")) == 1


@pytest.mark.parametrize("arguments, code, says", [
    (["--wavelengths", "2-1"], 2, "the range 2-1 is empty"),
    (["--wavelengths", "8-9"], 2, "no detector sees 8-9 micrometres"),
    (["--side", "14"], 2, "fit.side = 14: an odd number of pixels is expected"),
    (["--set", "sources.ra=alpha"], 1, "no column 'alpha' (sources.ra)"),
    (["--calibration", "absent"], 2, "calibration folder absent is not a folder"),
    (["--neighbours", "absent.fits"], 1, "absent.fits: no such file"),
])
def test_wrong_requests_are_refused_in_one_line(survey, tmp_path, arguments, code, says):
    done = tessera("spectrum", survey.table, survey.paths[0], "-o", tmp_path / "out", *arguments, code=code)
    assert says in done.stderr.splitlines()[-1] and not (tmp_path / "out").exists()


def test_wavelength_ranges_leave_the_others_out(survey, measured, tmp_path):
    t = Table.read(measured / "measurements.fits")
    tessera("spectrum", survey.table, survey.folder, "-o", tmp_path / "some", "--variance", "smooth", "--wavelengths", "1.2-1.25,1.3-1.31")
    some = Table.read(tmp_path / "some" / "measurements.fits")
    inside = ((t["wavelength"] >= 1.2) & (t["wavelength"] <= 1.25)) | ((t["wavelength"] >= 1.3) & (t["wavelength"] <= 1.31))
    assert len(some) == inside.sum() > 0 and np.array_equal(some["flux"], t["flux"][inside], equal_nan=True)


def test_each_source_gets_its_votable_and_picture_and_the_page_shows_pixels(survey, measured, tmp_path):
    t = Table.read(measured / "measurements.fits")
    names = sorted(p.name for p in (measured / "spectra").iterdir())
    assert len(names) == 75 and all(sum(n.endswith(s) for n in names) == 25 for s in (".xml", ".png", ".svg"))
    ra, dec = grid_positions()[12]
    drawn = ElementTree.parse(measured / "spectra" / f"{ra:.5f}_{dec:+.5f}.svg").getroot()
    assert drawn.tag.endswith("svg") and len(list(drawn.iter("{http://www.w3.org/2000/svg}path"))) > 3 * np.isfinite(t["flux"][t["source"] == 13]).sum()  # each point: a dot, its error, its width
    one = Table.read(measured / "spectra" / f"{ra:.5f}_{dec:+.5f}.xml", format="votable")
    assert one.colnames == ["lambda", "lambda_width", "flux", "flux_err", "flags", "fit_ql", "flux_bkg", "lvf_id", "det_id", "deep_flg", "mjd", "ra", "dec", "x_image", "y_image", "obs_publisher_did"]
    assert np.array_equal(one["flux"], t["flux"][t["source"] == 13], equal_nan=True)
    page = (measured / "report.html").read_text()
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    assert len(re.findall(r'<section class="card" id="s\d+">', page)) == 24 and "1 more sources are in the tables" in page
    links, targets = set(re.findall(r'<a href="#(p\d+-\d+)">', page)), set(re.findall(r'<figure class="point" id="(p\d+-\d+)">', page))
    assert links == targets and len(links) > 500
    assert re.search(r"HOT \(\d+ px\)", page) and "CONTAINS_BAD_PIXEL" in page
    tessera("spectrum", survey.table, survey.paths[0], "-o", tmp_path / "few", "--no-report", "--set", "spectrum.each=24")
    assert sorted(p.name for p in (tmp_path / "few").iterdir()) == ["frames.fits", "measurements.fits", "run.json", "spectra.fits", "tessera.log"]


def test_an_interrupted_run_goes_on_with_the_same_bits(survey, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for k in range(30):
        for path in survey.paths:
            (many / path.name.replace("_2B_", f"_2B_{k:02d}")).symlink_to(path)
    arguments = ("spectrum", survey.table, many, "--calibration", survey.folder / "calibration", "--no-report", "--set", "spectrum.each=0", "--threads", 1)
    tessera(*arguments, "-o", tmp_path / "whole")
    process = subprocess.Popen([TESSERA, *map(str, arguments), "-o", tmp_path / "out", "--log-format", "json"], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out" / ".tessera" / "frames").exists():
        assert process.poll() is None
    time.sleep(.3)
    process.send_signal(signal.SIGINT)
    process.communicate()
    if process.returncode == 0:
        pytest.skip("the machine was too fast to be interrupted")
    assert process.returncode == 130 and not (tmp_path / "out" / "run.json").exists()
    done = tessera("resume", tmp_path / "out")
    assert re.search(r"\d+ of 720 frames were measured before", done.stderr)
    for name in ("measurements.fits", "spectra.fits", "frames.fits"):
        assert filecmp.cmp(tmp_path / "out" / name, tmp_path / "whole" / name, shallow=False), name
