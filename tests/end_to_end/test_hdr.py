"""Saturated pixels of long exposures: value, uncertainty and mask of the longest exposure that is good there, nothing else touched."""
import numpy as np
import pytest
from astropy.io import fits

from conftest import simulate
from tools import plane, run_record, tessera

SATURATED, BAD = 1 << 13, 1 << 14
LENGTHS = {"L": (30.0, 0.15), "M": (1.2, 0.4), "S": (0.4, np.inf)}  # seconds, value that saturates


@pytest.fixture(scope="module")
def triplets(tmp_path_factory):
    """Three pointings, each exposed three times: frames of one simulated sky with their own noise, cut off where they saturate."""
    folder = tmp_path_factory.mktemp("hdr")
    source = simulate(folder / "sim", "camera.width=64", "camera.height=64", "stack.frames=3", "sources.count=30", "defects.cosmic_fraction=0", "noise.photon=false")
    rng = np.random.default_rng(4)
    frames = folder / "frames"
    frames.mkdir()
    for k, path in enumerate(sorted(source.glob("*_cbcd.fits"))):
        with fits.open(path) as image, fits.open(str(path).replace("_cbcd", "_cbunc")) as unc, fits.open(str(path).replace("_cbcd", "_bimsk")) as mask:
            for j, (letter, (seconds, limit)) in enumerate(LENGTHS.items()):
                sigma = unc[0].data * np.sqrt(30 / seconds)
                value = (image[0].data + rng.normal(0, 0.01, sigma.shape) * np.sqrt(30 / seconds)).astype("f4")
                bits = mask[0].data.astype("i2")
                hot = value > limit
                bits[hot] |= SATURATED
                value[hot] = limit
                if letter == "M":
                    bits[::7, ::5] |= BAD
                header = image[0].header.copy()
                for key in ("EXPTIME", "FRAMTIME"):
                    if key in header:
                        header[key] = seconds
                header["DATE_OBS"] = f"2005-06-0{k + 1}T00:0{j}:00"
                name = frames / f"SIM{letter}_I1_000{k}"
                fits.writeto(f"{name}_cbcd.fits", value, header)
                fits.writeto(f"{name}_cbunc.fits", sigma.astype("f4"), unc[0].header)
                fits.writeto(f"{name}_bimsk.fits", bits, mask[0].header)
    return frames


def planes(folder, name):
    return [fits.getdata(folder / f"{name}_{kind}.fits") for kind in ("cbcd", "cbunc", "bimsk")]


def test_each_saturated_pixel_takes_the_longest_good_exposure(triplets, tmp_path):
    out = tmp_path / "out"
    done = tessera("hdr", triplets, "-o", out)
    total = 0
    for k in range(3):
        long, medium, short = (planes(triplets, f"SIM{letter}_I1_000{k}") for letter in "LMS")
        found = planes(out, f"SIML_I1_000{k}")
        hot = (long[2] & SATURATED) > 0
        from_medium = hot & ((medium[2] & (SATURATED | BAD)) == 0)
        from_short = hot & ~from_medium & ((short[2] & (SATURATED | BAD)) == 0)
        assert hot.sum() > 10 and from_medium.any() and from_short.any()
        total += hot.sum()
        for f, a, b, c in zip(found, long, medium, short):
            expected = np.where(from_medium, b, np.where(from_short, c, a))
            assert (np.nan_to_num(f) == np.nan_to_num(expected)).all()
        assert fits.getheader(out / f"SIML_I1_000{k}_cbcd.fits")["HDRNPIX"] == (from_medium | from_short).sum()
        assert fits.getheader(out / f"SIML_I1_000{k}_cbcd.fits")["CRVAL1"] == fits.getheader(triplets / f"SIML_I1_000{k}_cbcd.fits")["CRVAL1"]
    assert f"of {total} saturated" in done.stderr
    lists = {name: (out / f"{name}.txt").read_text().split() for name in ("short", "medium", "long", "hdr")}
    assert [len(v) for v in lists.values()] == [3, 3, 3, 3]
    assert all("SIMM" in p for p in lists["medium"]) and all(p.startswith(str(out)) for p in lists["hdr"])
    assert len(list(out.glob("*.fits"))) == 9


def test_the_mosaic_of_the_result_has_no_holes_and_no_cut_stars(triplets, tmp_path):
    tessera("hdr", triplets, "-o", tmp_path / "hdr")
    for name, source in (("long", f"@{tmp_path}/hdr/long.txt"), ("hdr", tmp_path / "hdr")):
        tessera("mosaic", source, "-o", tmp_path / name / "mosaic", "--set", "rejection.method=none", "--set", "background.method=none", "--set", "output.report=false")
    long, hdr = (plane(tmp_path / n / "mosaic" / "mosaic.fits")[0] for n in ("long", "hdr"))
    covered = [plane(tmp_path / n / "mosaic" / "mosaic_cov.fits")[0] for n in ("long", "hdr")]
    assert run_record(tmp_path / "hdr" / "mosaic")["frames"][0]["profile"] == "spitzer-irac"
    assert (covered[1] >= covered[0] - 1e-4).all() and covered[1].sum() > covered[0].sum() + 10
    assert np.nanmax(hdr) > 1 > 0.151 > np.nanmax(long)


def test_what_cannot_be_is_said(triplets, tmp_path):
    longs = sorted(triplets.glob("SIML*_cbcd.fits"))
    assert "one pointing" in tessera("hdr", *longs, "-o", tmp_path / "no", code=1).stderr
    assert "nonsense" in tessera("hdr", triplets, "-o", tmp_path / "no2", "--set", "hdr.bits=nonsense", code=2).stderr
    assert "frames themselves" in tessera("hdr", triplets, "-o", triplets, code=2).stderr
    done = tessera("hdr", triplets, "-o", tmp_path / "dry", "--dry-run")
    assert "2 shorter" in done.stderr and not (tmp_path / "dry").exists()
