"""Products written tile-compressed: the same bits, or rounded within the noise, and read by everybody."""
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits

from tools import run_record, tessera

PLANES = ["mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp"]


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    """One mosaic of a rotated stack (so that corners are empty), plain and compressed in both ways."""
    folder = tmp_path_factory.mktemp("compression")
    tessera("simulate", "-o", folder / "stack", "--frames", 6, "-q")
    out = {}
    for how in ("none", "gzip", "rice"):
        out[how] = folder / how
        tessera("mosaic", folder / "stack", "-o", out[how], "--compress", how, "--set", "grid.rotation=30", "--set", "output.rmasks=true", "--set", "output.rmask_mosaic=true",
                "--set", "output.context=true")
    return out


def pixels(folder, name):
    with fits.open(folder / f"{name}.fits") as hdus:
        return next(h for h in hdus if h.data is not None and h.data.ndim > 1).data.copy()


def test_gzip_keeps_every_bit_and_nan(mosaics):
    assert np.isnan(pixels(mosaics["none"], "mosaic")).any()
    for name in [*PLANES, "mosaic_ctx", "mosaic_rmask"]:
        plain, packed = pixels(mosaics["none"], name), pixels(mosaics["gzip"], name)
        assert np.array_equal(plain, packed, equal_nan=plain.dtype.kind == "f"), name
    for plain in sorted((mosaics["none"] / "Rmask").glob("*.fits")):
        assert np.array_equal(fits.getdata(plain), fits.getdata(mosaics["gzip"] / "Rmask" / plain.name))


def test_rice_rounds_within_the_noise_and_has_zeros_instead_of_nan(mosaics):
    plain, rounded = pixels(mosaics["none"], "mosaic"), pixels(mosaics["rice"], "mosaic")
    empty = np.isnan(plain)
    assert empty.any() and np.all(rounded[empty] == 0)
    sigma = pixels(mosaics["none"], "mosaic_unc")
    assert np.max(np.abs(rounded - plain)[~empty] / sigma[~empty]) < 0.25  # cfitsio takes the noise of rows, a pixel's own may be smaller
    assert np.array_equal(pixels(mosaics["none"], "mosaic_cov"), pixels(mosaics["rice"], "mosaic_cov"))
    assert np.all(pixels(mosaics["rice"], "mosaic_cov")[empty] == 0)
    header = fits.getheader(mosaics["rice"] / "mosaic.fits", 1)
    assert header["QLEVEL"] == 16


def test_compressed_products_are_smaller_and_legal(mosaics):
    size = {how: sum(f.stat().st_size for f in folder.rglob("*.fits")) for how, folder in mosaics.items()}
    assert size["rice"] < size["gzip"] < size["none"]
    if not shutil.which("fitsverify"):
        pytest.skip("skipped: no fitsverify")
    for how in ("gzip", "rice"):
        for file in sorted(mosaics[how].rglob("*.fits")):
            done = subprocess.run(["fitsverify", "-l", str(file)], capture_output=True, text=True)
            # A cube packed in a table has cards of a third axis, where fitsverify counts the table's two.
            legal = "and 0 error(s)" if file.name == "mosaic_ctx.fits" else "found 0 warning(s) and 0 error(s)"
            assert legal in done.stdout, done.stdout


def test_compressed_products_have_their_sums_in_the_record_and_can_be_replayed(mosaics):
    for how in ("gzip", "rice"):
        for product in run_record(mosaics[how])["products"]:
            if product["name"].endswith(".fits"):
                with fits.open(mosaics[how] / product["name"], checksum=True) as hdus:
                    assert product["datasum"] == "+".join(h._datasum if hasattr(h, "_datasum") and h._datasum else "0" for h in hdus) or "+" in product["datasum"]
        tessera("replay", mosaics[how] / "run.json")


def test_a_compressed_mosaic_serves_as_a_frame_and_is_described(mosaics, tmp_path):
    again = {}
    for how in ("none", "gzip"):
        frames = tmp_path / f"{how}-frames"
        frames.mkdir()
        shutil.copy(mosaics[how] / "mosaic.fits", frames / "m.fits")
        shutil.copy(mosaics[how] / "mosaic_unc.fits", frames / "s.fits")
        (tmp_path / f"{how}.i").write_text(f"{frames}/m.fits\n")
        (tmp_path / f"{how}.s").write_text(f"{frames}/s.fits\n")
        tessera("mosaic", "-I", tmp_path / f"{how}.i", "-S", tmp_path / f"{how}.s", "-o", tmp_path / how, "--set", "rejection.method=none")
        again[how] = pixels(tmp_path / how, "mosaic")
    assert np.array_equal(again["none"], again["gzip"], equal_nan=True)
    assert "MJy/sr" in tessera("info", mosaics["gzip"] / "mosaic.fits").stdout
    assert "aperture" in tessera("info", mosaics["gzip"] / "mosaic_unc.fits", "--aperture", 3).stdout
