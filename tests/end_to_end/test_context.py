"""mosaic_ctx.fits: which frames count in each pixel."""
import subprocess

import numpy as np
import pytest
from astropy.io import fits

from conftest import simulate
from test_bits import sums
from tools import plane, tessera

PLAIN = ("background.method=none", "rejection.method=none")


def mosaic(frames, out, *settings):
    tessera("mosaic", *(frames if isinstance(frames, list) else [frames]), "-o", out, *[a for s in settings for a in ("--set", s)], "--set", "output.report=false")
    return out


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    """Forty small frames: two planes."""
    return simulate(tmp_path_factory.mktemp("forty") / "frames", "camera.width=40", "camera.height=40", "stack.frames=40", "stack.roll_step_deg=5", "stack.dither_size_pix=12",
                    "sources.count=5", "defects.cosmic_fraction=0.003")


def bits(path, frames):
    cube = fits.getdata(path).view(np.ndarray).astype(np.int64)
    return np.array([(cube[f // 32] >> (f % 32)) & 1 for f in range(frames)])


@pytest.mark.parametrize("settings", [["interpolation.method=area"], ["interpolation.method=drizzle", "interpolation.pixfrac=0.5"], ["interpolation.method=lanczos3"]],
                         ids=lambda s: s[0].split("=")[1])
def test_each_bit_is_the_footprint_of_one_frame(forty, tmp_path, settings):
    frames = sorted(forty.glob("*_cbcd.fits"))
    out = mosaic(frames, tmp_path / "out", *PLAIN, *settings, "output.context=true")
    header = fits.getheader(out / "mosaic_ctx.fits")
    assert (header["NAXIS3"], header["BITPIX"]) == (2, 32) and header["CRPIX1"] == fits.getheader(out / "mosaic.fits")["CRPIX1"] and "BUNIT" not in header
    counts = bits(out / "mosaic_ctx.fits", 40)
    coverage = plane(out / "mosaic_cov.fits")[0]
    assert ((counts.sum(axis=0) > 0) == (coverage > 0)).all() and counts.sum(axis=(1, 2)).min() > 500
    for f in (0, 17, 31, 32, 39):
        alone = mosaic([frames[f]], tmp_path / f"alone{f}", *PLAIN, *settings, f"grid.file={out / 'FIF.tbl'}")
        assert (counts[f] == (plane(alone / "mosaic_cov.fits")[0] > 0)).all(), f
    done = subprocess.run(["fitsverify", "-q", out / "mosaic_ctx.fits"], capture_output=True, text=True) if fits_verify() else None
    assert done is None or "OK" in done.stdout, done.stdout


def fits_verify():
    import shutil
    return shutil.which("fitsverify")


def test_rejected_values_do_not_count_and_tiles_change_nothing(forty, tmp_path):
    whole, tiles, clipped = (mosaic(forty, tmp_path / str(i), "output.context=true", *s) for i, s in enumerate((["run.tile_size=5000"], ["run.tile_size=17", "run.threads=2"], ["coadd.method=clipped"])))
    a, b = (fits.open(o / "mosaic_ctx.fits")[0].header for o in (whole, tiles))
    assert a["DATASUM"] == b["DATASUM"] and sums(whole) == sums(tiles)
    counts = bits(whole / "mosaic_ctx.fits", 40).sum(axis=0)
    everything = bits(mosaic(forty, tmp_path / "all", "output.context=true", "rejection.method=none") / "mosaic_ctx.fits", 40).sum(axis=0)
    assert (counts <= everything).all() and (bits(clipped / "mosaic_ctx.fits", 40).sum(axis=0) <= counts).all()
    assert sums(mosaic(forty, tmp_path / "without")) .keys() == sums(whole).keys() and not (tmp_path / "without" / "mosaic_ctx.fits").exists()
