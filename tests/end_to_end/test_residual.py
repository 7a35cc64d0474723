"""tessera residual: sources of a catalogue taken off frames and mosaics, or added; other catalogues' columns and units; bad tables."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from conftest import simulate
from tools import run_record, tessera

GAUSSIAN = "gaussian:fwhm_pix=1.4"


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """Six frames, their mosaic, and what extract found."""
    folder = tmp_path_factory.mktemp("residual")
    frames = simulate(folder / "frames", "stack.frames=6", "sources.count=150", seed=12)
    tessera("mosaic", frames, "-o", folder / "mosaic", "--rmasks", "-q")
    tessera("extract", frames, "--mosaic", folder / "mosaic", "--psf", GAUSSIAN, "-o", folder / "sources", "--formats", "fits,ipac", "--set", "catalog.residual_frames=true", "--set", "catalog.residual=true", "-q")
    return folder


def frames_of(field):
    return sorted((field / "frames").glob("*_cbcd.fits"))


def pixels(path):
    return fits.getdata(path).astype(float)


def sigma_of(frame):
    return pixels(str(frame).replace("_cbcd", "_cbunc"))


def named(folder, frame, suffix="residual"):
    return folder / f"{frame.stem}_{suffix}.fits"


def test_the_catalogue_alone_gives_the_residuals_of_the_fit(field):
    tessera("residual", field / "sources" / "catalog.fits", field / "frames", "--mosaic", field / "mosaic", "--psf", GAUSSIAN, "-o", field / "again", "-q")
    for frame in frames_of(field):
        ours, theirs, sigma = pixels(named(field / "again" / "Residual", frame)), pixels(named(field / "sources" / "Residual", frame)), sigma_of(frame)
        # The fit moves sources along the frame's tangent, a catalogue by its whole WCS; and sees wings of stars beyond the edge as far as windows go.
        apart = np.abs(ours - theirs) / sigma
        assert np.nanquantile(apart, 0.999) < 0.01 and np.nanmax(apart) < 0.5
        assert np.nanmax(np.abs(ours - pixels(frame)) / sigma) > 50
        before, after = fits.getheader(frame), fits.getheader(named(field / "again" / "Residual", frame))
        assert [c for c in before if c not in after] == []
    mosaic = pixels(field / "again" / "Residual" / "mosaic_residual.fits")
    fitted = pixels(field / "sources" / "residual.fits")
    background = np.nanmedian(mosaic - fitted)
    assert np.nanquantile(np.abs(mosaic - fitted - background), 0.99) < 0.2 * np.nanstd(fitted)
    assert run_record(field / "again")["results"]["images"] == 7


def test_taking_off_and_adding_give_the_frames_back(field):
    tessera("residual", field / "sources" / "catalog.fits", field / "frames", "--psf", GAUSSIAN, "-o", field / "off", "-q")
    tessera("residual", field / "sources" / "catalog.fits", field / "off" / "Residual", "--set", "input.profile=generic", "--psf", GAUSSIAN, "--add", "-o", field / "on", "-q")
    for frame in frames_of(field):
        back = pixels(field / "on" / "Inserted" / f"{frame.stem}_residual_inserted.fits")
        assert np.nanmax(np.abs(back - pixels(frame)) / sigma_of(frame)) < 1e-4  # single precision of the file between
        assert np.array_equal(np.isnan(back), np.isnan(pixels(frame)))


def test_a_source_that_is_added_has_its_flux(tmp_path):
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 5.0, "CRPIX1": 40.5, "CRPIX2": 40.5, "CDELT1": -3e-4, "CDELT2": 3e-4, "BUNIT": "MJy/sr"})
    fits.PrimaryHDU(np.zeros((80, 80), "f4"), header).writeto(tmp_path / "empty.fits")
    area = np.radians(3e-4) ** 2
    for column, values, unit in (("flux", [250.0], "uJy"), ("flux", [0.25], "mJy"), ("mag_ab", [23.9 - 2.5 * np.log10(250)], "mag"), ("F", [250.0], "")):
        Table({"ra": [10.0], "dec": [5.0], column: values}, units={column: unit}).write(tmp_path / "one.ecsv", format="ascii.ecsv", overwrite=True)
        done = tessera("residual", tmp_path / "one.ecsv", tmp_path / "empty.fits", "--psf", "gaussian:fwhm_pix=2.5", "--add", "--flux", column, "-o", tmp_path / "out", "--overwrite")
        image = pixels(tmp_path / "out" / "Inserted" / "empty_inserted.fits")
        assert image.sum() * area * 1e12 == pytest.approx(250, rel=1e-4)
        yy, xx = np.mgrid[:80, :80]
        assert (image * xx).sum() / image.sum() == pytest.approx(39.5, abs=1e-3)
        assert ("unit-assumed" in done.stderr) == (unit == "")


def test_mopexs_table_and_conditions(field, tmp_path):
    tessera("extract", field / "mosaic", "--psf", GAUSSIAN, "--psf-of", "frames", "-o", tmp_path / "mopex", "--columns", "mopex", "--formats", "ipac,fits", "-q")
    common = (field / "mosaic", "--psf", GAUSSIAN, "--psf-of", "frames", "-q")
    tessera("residual", tmp_path / "mopex" / "catalog.tbl", *common, "-o", tmp_path / "all")
    tessera("residual", tmp_path / "mopex" / "catalog.tbl", *common, "-o", tmp_path / "bright", "--where", "SNR > 50")
    before, all_off, bright_off = (pixels(p) for p in (field / "mosaic" / "mosaic.fits", tmp_path / "all" / "Residual" / "mosaic_residual.fits", tmp_path / "bright" / "Residual" / "mosaic_residual.fits"))
    assert np.nanstd(all_off) < np.nanstd(bright_off) < np.nanstd(before) / 5
    record = run_record(tmp_path / "bright")["results"]
    assert record["sources"] < record["rows"]


def test_threads_do_not_change_bits_and_a_replay_agrees(field, tmp_path):
    sums = []
    for threads in (1, 2):
        tessera("residual", field / "sources" / "catalog.fits", field / "frames", "--psf", GAUSSIAN, "-o", tmp_path / f"t{threads}", "--threads", threads, "-q")
        sums.append({p["name"]: p["datasum"] for p in run_record(tmp_path / f"t{threads}")["products"]})
    assert sums[0] == sums[1] and len(sums[0]) == 6
    assert "all 6 products agree" in tessera("replay", tmp_path / "t1" / "run.json").stderr


def test_rows_that_cannot_be_used_are_counted(field, tmp_path):
    ra, dec = (float(fits.getheader(frames_of(field)[0])[k]) for k in ("CRVAL1", "CRVAL2"))
    table = Table({"ra": [ra, ra, np.nan, 10.0, ra], "dec": [dec, dec, dec, 10.0, 95.0], "flux": [100.0, np.nan, 5.0, 7.0, 3.0]}, units={"flux": "uJy"})
    table.write(tmp_path / "list.ecsv", format="ascii.ecsv")
    done = tessera("residual", tmp_path / "list.ecsv", field / "frames", "--psf", GAUSSIAN, "-o", tmp_path / "out")
    assert "3 of 5 rows" in done.stderr and "1 of 2 sources lie on no image" in done.stderr
    table[3:4].write(tmp_path / "away.ecsv", format="ascii.ecsv")
    done = tessera("residual", tmp_path / "away.ecsv", field / "frames", "--psf", GAUSSIAN, "-o", tmp_path / "away")
    assert "nothing to do" in done.stderr
    frame = frames_of(field)[0]
    assert np.array_equal(pixels(named(tmp_path / "away" / "Residual", frame)), pixels(frame), equal_nan=True)


def test_tables_and_requests_that_cannot_be(field, tmp_path):
    def refused(table, units, *options, code=1, images=(field / "frames",)):
        Table(table, units=units).write(tmp_path / "bad.ecsv", format="ascii.ecsv", overwrite=True)
        message = tessera("residual", tmp_path / "bad.ecsv", *images, "--psf", GAUSSIAN, "-o", tmp_path / "out", *options, code=code).stderr.strip()
        assert "\n" not in message.split("\n", 1)[-1] and not (tmp_path / "out").exists()
        return message

    place = {"ra": [10.0], "dec": [5.0]}
    assert "needs a column flux" in refused(place, {})
    assert "needs a column dec" in refused({"ra": [1.0], "flux": [1.0]}, {})
    assert "did you mean flux_1?" in refused({**place, "flux_1": [1.0]}, {}, "--flux", "flux_2")
    assert "is in electron" in refused({**place, "flux": [1.0]}, {"flux": "electron"})
    assert "degrees were expected" in refused({**place, "flux": [1.0]}, {"ra": "rad"})
    assert "holds text" in refused({"ra": ["10:00:00"], "dec": ["05:00:00"], "flux": [1.0]}, {})
    assert "did you mean 'flux'" in refused({**place, "flux": [1.0]}, {}, "--where", "fluks > 1", code=2)
    assert "psf.of = frames" in refused({**place, "flux": [1.0]}, {}, "--psf-of", "frames", code=2)
    assert "catalogue and then" in refused({**place, "flux": [1.0]}, {}, images=(), code=2)
    fits.PrimaryHDU(np.zeros((20, 20), "f4")).writeto(tmp_path / "nowhere.fits")
    assert "nowhere.fits" in refused({**place, "flux": [1.0]}, {}, images=(tmp_path / "nowhere.fits",))
    assert "--psf" in tessera("residual", tmp_path / "bad.ecsv", field / "frames", "-o", tmp_path / "out", code=2).stderr
    assert "absent.fits" in tessera("residual", tmp_path / "absent.fits", field / "frames", "--psf", GAUSSIAN, "-o", tmp_path / "out", code=1).stderr
