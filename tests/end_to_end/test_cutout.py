"""tessera cutout: smaller files that say the same."""
import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from spherex_frames import PIXEL, SIZE, wavelength, write_frame
from test_cube import cube
from tools import tessera

RA, DEC = 150.02, 2.01


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cutouts") / "frames"
    folder.mkdir()
    rng = np.random.default_rng(8)
    for i in range(5):
        flags = rng.integers(0, 2, (SIZE, SIZE)) << 21
        write_frame(folder / f"level2_2025W18_2B_{i:04d}_1D2_spx_l2b-v12-2025-164.fits", RA, DEC + (i - 2) * 24 * PIXEL / 3600, angle=10 * i, sky=lambda ra, dec, lam: ra - 150 + lam, flags=flags, noise=.1, rng=rng,
                    mjd=60800 + i, compress=i == 3, order=("VARIANCE", "IMAGE", "ZODI", "FLAGS") if i == 1 else ("IMAGE", "FLAGS", "VARIANCE", "ZODI"))
    return folder


def cut(out, *args, code=0):
    return tessera("cutout", f"{RA},{DEC}", *args, "-o", out, code=code)


def test_pixels_planes_and_positions_are_those_of_the_frame(frames, tmp_path):
    cut(tmp_path / "out", frames, "--size", f"{21 * PIXEL}s,{11 * PIXEL}s")
    t = Table.read(tmp_path / "out" / "cutouts.tbl", format="ascii.ipac")
    assert len(t) == 5
    for row in t:
        with fits.open(frames / row["file"]) as whole, fits.open(tmp_path / "out" / row["file"]) as part:
            assert [h.name for h in part] == [h.name for h in whole]
            assert all(h.verify_checksum() == 1 and h.verify_datasum() == 1 for h in part if h.name in ("IMAGE", "FLAGS", "VARIANCE", "ZODI"))
            x0, y0 = row["x0"] - 1, row["y0"] - 1
            assert (row["width"], row["height"]) == (21, 11)
            for name in ("IMAGE", "FLAGS", "VARIANCE", "ZODI"):
                assert np.array_equal(part[name].data, whole[name].data[y0:y0 + 11, x0:x0 + 21]) and part[name].data.dtype.kind == whole[name].data.dtype.kind
            assert whole["WCS-WAVE"].data.tobytes() == part["WCS-WAVE"].data.tobytes()
            a, b = WCS(whole["IMAGE"].header), WCS(part["IMAGE"].header)
            np.testing.assert_allclose(a.all_pix2world(x0 + 3.2, y0 + 7.7, 0), b.all_pix2world(3.2, 7.7, 0), rtol=0, atol=1e-11)
            assert part["IMAGE"].header["CRPIX1A"] == 1 - x0 and part["IMAGE"].header["CRPIX2A"] == 1 - y0
            px, py = b.all_world2pix(RA, DEC, 1)
            assert px == pytest.approx(row["x"], abs=1e-3) and py == pytest.approx(row["y"], abs=1e-3) and abs(px - 11) <= .5 and abs(py - 6) <= .5
            assert row["wavelength"] == pytest.approx(wavelength(round(float(px)) - 1 + x0, round(float(py)) - 1 + y0), abs=1e-3)  # by WCS-WAVE; one pixel further it changes by 3.5e-3
            kept = {k: v for k, v in whole["IMAGE"].header.items() if k not in ("NAXIS1", "NAXIS2", "CRPIX1", "CRPIX2", "CRPIX1A", "CRPIX2A", "CHECKSUM", "DATASUM", "")}
            assert all(part["IMAGE"].header[k] == v for k, v in kept.items())


def test_a_cube_of_cut_outs_is_that_of_the_frames(frames, tmp_path):
    cut(tmp_path / "parts", frames, "--size", "6")
    with cube(tmp_path / "a", frames, "--size", "3") as a, cube(tmp_path / "b", tmp_path / "parts", "--size", "3") as b:
        assert np.isfinite(a["IMAGE"].data).sum() > 1000
        for name in ("IMAGE", "NHITS", "FLAGS", "WEIGHT", "VARIANCE"):  # VARIANCE is constant, so the weights are the same
            np.testing.assert_allclose(a[name].data, b[name].data, rtol=2e-5, atol=2e-5)


def test_frames_are_chosen_by_time_wavelength_and_detector_and_cut_at_their_edges(frames, tmp_path):
    def made(name, *args):
        cut(tmp_path / name, frames, *args)
        return Table.read(tmp_path / name / "cutouts.tbl", format="ascii.ipac")
    everything = made("all", "--size", "200m")
    assert (everything["width"] == SIZE).all() and (everything["x0"] == 1).all()
    assert list(made("time", "--mjd", "60800.5,60802.5")["mjd"]) == [60801, 60802]
    low, high = sorted(everything["wavelength"])[1:3]
    assert len(made("wave", "--wavelengths", f"{low - 1e-4}-{high + 1e-4}")) == 2
    assert not list((tmp_path / "wave").glob("level2*_0009_*"))
    edge = made("edge", "--size", "10")
    assert (edge["width"] <= SIZE).all() and (edge["height"] < SIZE).any()
    done = cut(tmp_path / "none", frames, "--detectors", "1,3")
    assert "0 of 5 frames" in done.stderr + done.stdout and [p.name for p in (tmp_path / "none").glob("*.fits")] == []


def test_packed_files_and_equal_names(frames, tmp_path):
    name = sorted(frames.glob("*.fits"))[2]
    (tmp_path / "more").mkdir()
    with gzip.open(tmp_path / "more" / (name.name + ".gz"), "wb", compresslevel=1) as f:
        f.write(name.read_bytes())
    cut(tmp_path / "out", name, tmp_path / "more" / (name.name + ".gz"), "--size", "1")
    a, b = (fits.getdata(tmp_path / "out" / n, "IMAGE") for n in (name.name, name.name.replace(".fits", "_2.fits")))
    assert np.array_equal(a, b) and a.shape == (11, 11)


def test_what_cannot_be_cut_is_refused_in_one_line(frames, tmp_path):
    def refused(code, *args):
        done = cut(tmp_path / "x", *args, code=code)
        assert not (tmp_path / "x").exists() or not any((tmp_path / "x").iterdir())
        return done.stderr
    assert "no frames given" in refused(2)
    assert "numbers from 1 to 6" in refused(2, frames, "--detectors", "7")
    assert "the shorter wavelength comes first" in refused(2, frames, "--wavelengths", "2-1")
    assert "the earlier first" in refused(2, frames, "--mjd", "60000")
    assert "expected an angle above 0" in refused(2, frames, "--size", "0")
    assert "is none" in tessera("cutout", frames, "-o", tmp_path / "x", code=2).stderr
    bad = tmp_path / "bad.fits"
    write_frame(bad, RA, DEC, order=("IMAGE", "VARIANCE", "ZODI"))
    assert "no image FLAGS" in refused(1, bad)
    cut(tmp_path / "skip", bad, sorted(frames.glob("*.fits"))[2], "--on-bad-frame", "skip")
    assert len(list((tmp_path / "skip").glob("*.fits"))) == 1
