"""A flat field from frames of a starry field: the true response to its errors; without masking numpy's median."""
import numpy as np
import pytest
from astropy.io import fits

from tools import tessera

SIDE, FRAMES = 128, 14


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Frames of 400 electrons of sky through a vignetted, grainy detector; every frame sees the same stars elsewhere."""
    folder, rng = tmp_path_factory.mktemp("flat"), np.random.default_rng(11)
    yy, xx = np.mgrid[:SIDE, :SIDE]
    response = (1 - 0.15 * ((xx - 60) ** 2 + (yy - 70) ** 2) / 90 ** 2) * rng.normal(1, 0.02, (SIDE, SIDE))
    response[rng.uniform(size=response.shape) < 0.002] *= 0.5
    response /= np.median(response)
    stars = np.column_stack([rng.uniform(-40, SIDE + 40, (250, 2)), 10 ** rng.uniform(3, 5.5, 250)])
    lists = {"image": [], "sigma": []}
    for i in range(FRAMES):
        shift = rng.uniform(-40, 40, 2)
        photons = np.full((SIDE, SIDE), 4000.0 * rng.uniform(0.7, 1.4))
        for x, y, flux in stars:
            photons += flux * np.exp(-((xx - x - shift[0]) ** 2 + (yy - y - shift[1]) ** 2) / 5) / (5 * np.pi)
        expected = photons * response
        image = rng.poisson(expected).astype("f4")
        image[50, 60:70] = np.nan
        header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 5.0, "CRPIX1": 64.5 + shift[0], "CRPIX2": 64.5 + shift[1], "CDELT1": -1 / 3600, "CDELT2": 1 / 3600,
                              "EXPTIME": 10.0})
        for kind, data in (("image", image), ("sigma", np.sqrt(expected))):
            fits.writeto(folder / f"{kind}{i:02}.fits", data.astype("f4"), header)
            lists[kind].append(str(folder / f"{kind}{i:02}.fits"))
    for kind, names in lists.items():
        (folder / f"{kind}.txt").write_text("\n".join(names) + "\n")
    return folder, response


def flat(folder, out, *options):
    tessera("flat", "-I", folder / "image.txt", "-S", folder / "sigma.txt", "-o", out, *options)
    with fits.open(out) as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "SIGMA", "COVERAGE"]
        return [h.data.astype(float) for h in hdus]


def test_it_is_the_response_of_the_detector(sky, tmp_path):
    folder, response = sky
    value, sigma, count = flat(folder, tmp_path / "flat.fits")
    assert abs(np.nanmedian(value) - 1) < 1e-6 and np.isnan(value[50, 60:70]).all() and (count[50, 60:70] == 0).all()
    good = np.isfinite(value)
    pulls = ((value - response) / sigma)[good]
    print(f"pulls: mean {pulls.mean():+.3f}, width {pulls.std():.3f}; masked {1 - count[good].mean() / FRAMES:.3f}; sigma {np.median(sigma[good]):.4f}")
    # Stars that cover some per cent of the sky raise a plain median by a fraction of its error; masked, their faint wings remain.
    assert abs(pulls.mean()) < 0.15 and 0.9 < pulls.std() < 1.15 and good.mean() > 0.99
    # Five frames, where stars often meet: without masks they are in the flat.
    for kind in ("image", "sigma"):
        (tmp_path / f"{kind}.txt").write_text("\n".join((folder / f"{kind}.txt").read_text().split()[:5]) + "\n")
    starry = {}
    for masked in ("true", "false"):
        value, sigma, _ = flat(tmp_path, tmp_path / f"{masked}.fits", "--set", f"flat.mask_objects={masked}")
        starry[masked] = np.sum((value - response) / sigma > 6)
    print(f"pixels more than 6 sigma high, of 5 frames: {starry}")
    assert starry["false"] > 20 and starry["true"] < 0.2 * starry["false"]


def test_without_masks_it_is_the_median(sky, tmp_path):
    folder, _ = sky
    images = np.array([fits.getdata(folder / f"image{i:02}.fits").astype(float) for i in range(FRAMES)])
    expected = np.median(images / np.nanmedian(images, axis=(1, 2), keepdims=True), axis=0)
    value, _, count = flat(folder, tmp_path / "flat.fits", "--set", "flat.mask_objects=false")
    assert np.nanmax(np.abs(value - expected / np.nanmedian(expected))) < 1e-6 and count.max() == FRAMES


def test_threads_and_memory_change_no_bit(sky, tmp_path):
    for kind in ("image", "sigma"):  # so many that their rows do not fit in half of 64 MiB
        (tmp_path / f"{kind}.txt").write_text((sky[0] / f"{kind}.txt").read_text() * 12)
    flat(tmp_path, tmp_path / "a.fits", "--threads", "1", "--memory", "2G")
    flat(tmp_path, tmp_path / "b.fits", "--threads", "3", "--memory", "64M")
    with fits.open(tmp_path / "a.fits") as a, fits.open(tmp_path / "b.fits") as b:
        assert [h.header["DATASUM"] for h in a] == [h.header["DATASUM"] for h in b]


def test_wrong_input_is_named(sky, tmp_path):
    folder, _ = sky
    small = tmp_path / "small.fits"
    header = fits.getheader(folder / "image00.fits")
    fits.writeto(small, np.ones((20, 20), "f4"), header)
    done = tessera("flat", folder / "image00.fits", folder / "image01.fits", small, "-o", tmp_path / "no.fits", code=1)
    assert "one detector" in done.stderr
    dark = tmp_path / "dark.fits"
    fits.writeto(dark, np.random.default_rng(1).normal(-3, 1, (SIDE, SIDE)).astype("f4"), header)
    done = tessera("flat", dark, folder / "image01.fits", folder / "image02.fits", "-o", tmp_path / "no.fits", code=1)
    assert "bright sky" in done.stderr and "dark.fits" in done.stderr
    done = tessera("flat", folder / "image00.fits", "-o", tmp_path / "no.fits", code=2)
    assert "flat.min_frames" in done.stderr and not (tmp_path / "no.fits").exists()
