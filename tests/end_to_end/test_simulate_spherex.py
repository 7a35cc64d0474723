"""tessera simulate spherex: files that astropy and fitsverify take, the same bits for any threads, and refusals."""
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from tools import SHARED, needs_shared, tessera

NAMES = ["PRIMARY", "IMAGE", "FLAGS", "VARIANCE", "ZODI", "PSF", "WCS-WAVE"]


def make(out, *more):
    tessera("simulate", "spherex", "-o", out, "--size", 64, "--sources", 20, *more)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make(tmp_path_factory.mktemp("spherex") / "s", "--bands", "1,4", "--seed", 5, "--threads", 2)


def test_a_frame_is_laid_out_as_published_ones(folder):
    frames = sorted(folder.glob("level2_*.fits"))
    assert len(frames) == 8
    for path in frames:
        with fits.open(path, checksum=True) as hdus:
            assert [h.name for h in hdus] == NAMES
            image, flags, psf, wave = hdus["IMAGE"], hdus["FLAGS"], hdus["PSF"], hdus["WCS-WAVE"]
            assert image.header["CTYPE1"] == "RA---TAN-SIP" and image.header["CDELT1"] == 1 and image.header["A_0_0"] != 0
            assert flags.data.dtype.kind == "i" and flags.header["MP_SOURCE"] == 21 and flags.header["EXTTYPE"] == "MASK"
            assert psf.data.shape == (121, 101, 101) and np.allclose(psf.data.sum(axis=(1, 2), dtype=float), 1, atol=1e-5)
            assert wave.columns["VALUES"].unit is None and wave.data["X"].dtype.kind == "i"
            assert wave.data["VALUES"].shape == (1, wave.data["Y"].size, wave.data["X"].size, 2)
            # Published rows stand in WCS A from 0, and W gives the table's wavelengths at its control points.
            assert WCS(image.header, key="A").wcs_pix2world(3, 4, 0) == pytest.approx([3, 4])
            spectral = WCS(image.header, hdus, key="W")
            spectral.sip = None
            x, y = wave.data["X"][0][2], wave.data["Y"][0][3]
            assert spectral.wcs_pix2world(x, y, 1) == pytest.approx(wave.data["VALUES"][0][3, 2], rel=1e-6)


# What a simulated header has more: that it is simulated, and checksums.
ADDED = {"IMAGE": {"SIMULATE", "SIMSEED", "CHECKSUM", "DATASUM"}, "FLAGS": {"CHECKSUM", "DATASUM"}, "WCS-WAVE": {"CHECKSUM", "DATASUM"}}
# Words that the library that writes FITS has of its own, or that are cut at the end of a card.
STRUCTURE = {"XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "GCOUNT", "TFIELDS", "EXTNAME", "COMMENT", "HISTORY", ""} | {f"T{k}{i}" for k in ("TYPE", "FORM", "DIM") for i in (1, 2, 3)}
CUT = {"SPS_ELON", "SPS_ELAT", "SPS_EPA", "XYZ_SC_SYSTEM", "L2 N_BLOOM_NS", "L2 N_SNOW_NS"}


@needs_shared
@pytest.mark.parametrize("hdu", ["IMAGE", "FLAGS", "WCS-WAVE"])
def test_headers_are_those_of_a_published_frame_card_by_card(folder, hdu):
    lines = (SHARED / "spherex_documents" / f"qr2_cutout_{hdu}_header.txt").read_text().splitlines()
    real = fits.Header.fromstring("".join(line.ljust(80)[:80] for line in lines))
    ours = fits.getheader(sorted(folder.glob("level2_*.fits"))[0], hdu)
    assert set(real) <= set(ours)
    assert set(ours) - set(real) == ADDED[hdu]
    order = [key for key in ours if key in real and key not in STRUCTURE]
    assert order == [key for key in real if key not in STRUCTURE]
    assert len(ours["HISTORY"]) == len(real["HISTORY"]) if "HISTORY" in real else "HISTORY" not in ours
    for key in (set(real) & set(ours)) - {"COMMENT", "HISTORY", ""}:
        assert type(real[key]) is type(ours[key]), key
        if key not in STRUCTURE:
            assert real.comments[key] == ours.comments[key] or (key in CUT and (real.comments[key].startswith(ours.comments[key]) or ours.comments[key].startswith(real.comments[key][:30]))), key


def test_astropy_finds_the_sources_where_the_truth_says(folder):
    truth, fluxes = Table.read(folder / "truth_sources.ecsv"), Table.read(folder / "truth" / "fluxes.fits")
    frames = Table.read(folder / "truth_frames.ecsv")
    row = frames[0]
    here = fluxes[(fluxes["exposure"] == row["exposure"]) & (fluxes["detector"] == row["detector"])]
    assert len(here) > 3
    sky = WCS(fits.getheader(folder / row["name"], "IMAGE"))
    places = truth[[int(i) - 1 for i in here["id"]]]
    x, y = sky.all_world2pix(places["ra"], places["dec"], 0)
    assert np.allclose(x, here["x"], atol=1e-5) and np.allclose(y, here["y"], atol=1e-5)


def test_fitsverify_has_nothing_to_say(folder, tmp_path):
    if not shutil.which("fitsverify"):
        pytest.skip("skipped: no fitsverify")
    newer = make(tmp_path / "epsf", "--bands", "3", "--set", "spherex.layout=epsf", "--set", "spherex.exposures=1")
    for path in [*folder.glob("level2_*D4_*.fits"), *folder.glob("calibration/*.fits"), *newer.glob("level2_*.fits")]:
        done = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True)
        assert "OK" in done.stdout, done.stdout


def test_a_full_field_is_told_in_its_truth(tmp_path):
    out = make(tmp_path / "full", "--bands", "3", "--full", "--set", "spherex.layout=epsf", "--set", "spherex.exposures=2")
    sources, frames = Table.read(out / "truth_sources.ecsv"), Table.read(out / "truth_frames.ecsv")
    assert (sources["sersic_n"] > 0).any() and (sources["blend_id"] > 0).sum() == 2 and sources["flux"].max() == 6e5
    assert len(set(frames["mover_ra"])) == 2
    for name in frames["name"]:
        flags = fits.getdata(out / name, "FLAGS")
        truth = fits.getdata(out / "truth" / name.replace(".fits", "_defects.fits"))
        assert np.array_equal(flags >> 10 & 1, truth >> 1 & 1)
        assert (truth & 4).any() and (truth & 128).any()
        with fits.open(out / name) as hdus:
            assert hdus["EPSF"].data["EPSF"].shape == (451, 33, 33)
            assert hdus["FLAGS"].header["MSKN0016"] == "SOURCE" and hdus["FLAGS"].header["MSKM0016"] == 1 << 21
    if shutil.which("fitsverify"):
        for path in [*out.glob("level2_*.fits"), *out.glob("truth/*.fits")]:
            assert "OK" in subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True).stdout


def test_threads_do_not_change_a_bit(folder, tmp_path):
    again = make(tmp_path / "s", "--bands", "1,4", "--seed", 5, "--threads", 1)
    for path in folder.rglob("*.fits"):
        assert path.read_bytes() == (again / path.relative_to(folder)).read_bytes(), path.name


def test_options_of_the_other_simulation_are_refused(tmp_path):
    said = tessera("simulate", "spherex", "-o", tmp_path / "x", "--set", "camera.width=64", code=2).stderr
    assert "camera.width" in said and "spherex" in said
    said = tessera("simulate", "-o", tmp_path / "x", "--set", "spherex.size=64", code=2).stderr
    assert "spherex.size" in said
    said = tessera("simulate", "frames", "-o", tmp_path / "x", code=2).stderr
    assert "frames" in said
    assert not (tmp_path / "x").exists()
