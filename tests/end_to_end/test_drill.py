"""tessera drill: quick spectra from cubes, their fluxes and errors."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from spherex_frames import SIZE, write_calibration, write_frame
from tools import tessera

RA, DEC = 150.02, 2.01


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Strips of 24 pixels: six exposures, some strips apart, each with noise of 0.1 MJy/sr, and one star."""
    base = tmp_path_factory.mktemp("drill")
    frames = base / "frames"
    frames.mkdir()
    write_calibration(frames / "calibration", size=3 * SIZE)
    rng = np.random.default_rng(5)
    for i in range(6):
        write_frame(frames / f"{i}.fits", RA + 1e-4 * i, DEC + (9.3 * i - 23) * 6.15 / 3600, angle=3, sky=lambda ra, dec, lam: 0.3 + 0 * lam, size=3 * SIZE, noise=.1, variance=.01, rng=rng,
                    stars=[(RA, DEC, 3e5, .9)])
    tessera("cube", f"{RA},{DEC}", frames, "--size", "24", "-o", base / "cube", "--channels", "18-34")
    return base / "cube"


def test_a_circle_has_the_flux_of_its_star(noisy, tmp_path):
    tessera("drill", noisy, "--circle", f"{RA},{DEC},50s", "--background", "70s,140s", "-o", tmp_path / "s.ecsv")
    t = Table.read(tmp_path / "s.ecsv", format="ascii.ecsv")
    assert len(t) == 17 and t["flux"].unit == "uJy" and list(t["plane"]) == list(range(1, 18))
    flux, error = np.array(t["flux"]), np.array(t["flux_err"])
    seen = np.isfinite(flux)
    assert seen.sum() >= 2
    assert (np.abs(flux[seen] - 3e5) < 5 * error[seen] + .02 * 3e5).all() and (error[seen] < 3e4).all()  # edges of strips cut stars: some percent
    assert np.abs(t["background"][seen] - .3).max() < .03
    assert (tmp_path / "s.png").read_bytes()[:4] == b"\x89PNG"


def test_errors_are_those_that_many_circles_scatter_by(noisy, tmp_path):
    pulls = []
    rng = np.random.default_rng(2)
    for i in range(36):
        angle, radius = 2 * np.pi * i / 36, rng.uniform(240, 600)
        ra, dec = RA + radius / 3600 * np.cos(angle), DEC + radius / 3600 * np.sin(angle)
        tessera("drill", noisy, "--circle", f"{ra},{dec},30s", "-o", tmp_path / f"{i}.fits", "--set", "drill.picture=false")
        t = Table.read(tmp_path / f"{i}.fits")
        area = np.pi * 30 ** 2 * 23.50443
        pulls += list(((t["flux"] - .3 * area) / t["flux_err"])[np.isfinite(t["flux"])])
    assert len(pulls) > 60
    assert .8 < np.std(pulls) < 1.2 and abs(np.mean(pulls)) < 3 / np.sqrt(len(pulls))  # neighbouring circles share no pixels; 60 of them tell the width to 9 %


def test_a_pixel_and_a_polygon(noisy, tmp_path):
    with fits.open(noisy / "cube.fits") as c:
        image, variance, flags = c["IMAGE"].data, c["VARIANCE"].data, c["FLAGS"].data
    tessera("drill", noisy / "cube.fits", "--at", f"{RA},{DEC}", "-o", tmp_path / "a.tbl")
    t = Table.read(tmp_path / "a.tbl", format="ascii.ipac")
    middle = image[:, 80, 80]
    assert image.shape[1:] == (160, 160)
    seen = np.isfinite(middle)
    near = [image[:, y, x][seen] for y in (79, 80) for x in (79, 80)]  # the centre is the corner of four pixels
    got = np.array(t["brightness"], float)
    assert any(np.allclose(got[seen], n, rtol=1e-6) for n in near) and variance.shape == image.shape and flags.max() == 0
    d = 60 / 3600
    corners = f"{RA - d},{DEC - d} {RA + d},{DEC - d} {RA + d},{DEC + d} {RA - d},{DEC + d}"
    tessera("drill", noisy, "--polygon", corners, "-o", tmp_path / "p.xml", "--set", "drill.min_coverage=0")
    p = Table.read(tmp_path / "p.xml", format="votable")
    z = int(np.nanargmax(p["coverage"]))
    block = image[z, 73:87, 73:87]
    assert p["brightness"][z] == pytest.approx(np.nanmean(block), rel=.1) and p["nhits"][z] > .3


def test_cubes_of_the_mission_have_no_variance(noisy, tmp_path):
    with fits.open(noisy / "cube.fits") as c:
        fits.HDUList([h for h in c if h.name not in ("VARIANCE", "WEIGHT")]).writeto(tmp_path / "m.fits")
    done = tessera("drill", tmp_path / "m.fits", "--circle", f"{RA},{DEC},50s", "-o", tmp_path / "s.fits")
    assert "no VARIANCE" in done.stderr + done.stdout
    t = Table.read(tmp_path / "s.fits")
    assert np.ma.getmaskarray(t["flux_err"]).all() and np.isfinite(t["flux"]).any()


def test_what_cannot_be_drilled_is_refused_in_one_line(noisy, tmp_path):
    def refused(code, *args, cube=noisy, out="x.fits"):
        done = tessera("drill", cube, *args, "-o", tmp_path / out, code=code)
        assert not (tmp_path / out).exists()
        return done.stderr
    assert "one of --at, --circle and --polygon; 0" in refused(2)
    assert "; 2 were given" in refused(2, "--at", "1,2", "--circle", "1,2,3s")
    assert "lies off the cube" in refused(2, "--at", f"{RA + 2},{DEC}")
    assert "no suffix of a table" in refused(2, "--at", f"{RA},{DEC}", out="x.txt")
    assert "a polygon has none" in refused(2, "--polygon", "1,2 2,2 2,3", "--background", "1,2")
    assert "inner radius" in refused(2, "--at", f"{RA},{DEC}", "--background", "60s,30s")
    assert "no cube IMAGE" in refused(1, "--at", f"{RA},{DEC}", cube=noisy.parent / "frames" / "0.fits")
