"""The extension CORRELATION of mosaic_unc.fits: errors of sums over pixels on blank sky, through the whole program; same bits for any tiles and threads."""
import json

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import correlate

from conftest import simulate
from stars import CLEAN
from tools import aperture_fraction, plane, tessera

PLAIN = ("background.method=none", "rejection.method=none", "input.scale_noise=false", "output.pictures=false", "output.report=false")
METHODS = {"area": [], "drizzle": ["interpolation.pixfrac=0.8"], "bilinear": [], "lanczos3": [], "median": ["interpolation.method=area", "coadd.method=median"]}


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Sky and noise alone, dithered and rolled; truth is the level of the sky."""
    return simulate(tmp_path_factory.mktemp("sky") / "frames", *CLEAN, "sources.count=0", "stack.frames=6", "camera.width=512", "camera.height=512", "stack.roll_step_deg=7",
                    "stack.dither_size_pix=25", "stack.offset_rms=0")


def mosaic(frames, out, *settings):
    tessera("mosaic", frames, "-o", out, *[a for s in settings for a in ("--set", s)])
    return out


def error_of_sum(weights, sigma, rho):
    """√(Σ a_p a_q σ_p σ_q ρ(q − p)), the plain way."""
    noise = np.pad(weights * sigma, rho.shape[0] // 2)
    return np.sqrt((noise * correlate(noise, rho, mode="constant")).sum())


@pytest.mark.parametrize("method", METHODS)
def test_errors_of_apertures_are_right_to_three_per_cent(sky, tmp_path, method):
    out = mosaic(sky, tmp_path / "out", *PLAIN, *([] if method == "median" else [f"interpolation.method={method}"]), *METHODS[method])
    image, sigma, coverage = (plane(out / f"{p}.fits")[0] for p in ("mosaic", "mosaic_unc", "mosaic_cov"))
    with fits.open(out / "mosaic_unc.fits") as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "CORRELATION", "CORRELATION_SAMPLES"]
        rho, header, samples = hdus[1].data.astype(float), hdus[1].header, hdus[2].data
    middle = rho.shape[0] // 2
    assert rho[middle, middle] == 1 and np.allclose(rho, rho[::-1, ::-1]) and header["CRPIX1"] == middle + 1
    assert header["LARGEAPR"] == pytest.approx(np.sqrt(rho.sum()), rel=1e-6)
    assert len(samples) >= 2 and np.allclose(samples["large_aperture"], header["LARGEAPR"], rtol=0.05)
    well = coverage > 3
    level = np.median(image[well])
    for radius, step in ((1.5, 5), (3, 9), (6, 15)):
        pulls = []
        for y in np.arange(20, image.shape[0] - 20, step):
            for x in np.arange(20, image.shape[1] - 20, step):
                at = x + 0.37 * (y % 3), y + 0.21 * (x % 4)
                slices, weights = aperture_fraction(image.shape, *at, radius)
                if not well[slices].all():
                    continue
                pulls.append((weights * (image[slices] - level)).sum() / error_of_sum(weights, sigma[slices], rho))
        pulls = np.array(pulls)
        print(f"{method} radius {radius}: {len(pulls)} apertures, observed over predicted error {pulls.std():.4f}; without correlation it would be off by {header['LARGEAPR']:.3f}")
        # Statistics of N sums: 1/√(2N), 0.7 % and 2.5 % below.
        assert len(pulls) > 800 and abs(pulls.std() - 1) < 0.03 + 1.5 / np.sqrt(2 * len(pulls))


def test_the_command_line_gives_the_same_error(sky, tmp_path):
    out = mosaic(sky, tmp_path / "out", *PLAIN)
    told = json.loads(tessera("info", out / "mosaic_unc.fits", "--aperture", "4", "--at", "271 300.5", "--json").stdout)[0]
    sigma = plane(out / "mosaic_unc.fits")[0]
    rho = fits.getdata(out / "mosaic_unc.fits", "CORRELATION").astype(float)
    slices, weights = aperture_fraction(sigma.shape, 270, 299.5, 4, oversample=50)
    assert told["error_of_sum"] == pytest.approx(error_of_sum(weights, sigma[slices], rho), rel=1e-3)
    assert told["error_if_independent"] == pytest.approx(np.sqrt((weights ** 2 * sigma[slices] ** 2).sum()), rel=1e-3)
    assert "1.4" in tessera("info", out / "mosaic_unc.fits", "--aperture", "4").stdout
    for args, message in ((["--aperture", "4", "--at", "2 2"], "leaves the image"), (["--aperture", "4", "--at", "2"], "two numbers")):
        assert message in tessera("info", out / "mosaic_unc.fits", *args, code=2).stderr
    assert "no image extension CORRELATION" in tessera("info", out / "mosaic.fits", "--aperture", "4", code=1).stderr


def test_it_depends_on_neither_tiles_nor_threads(stack, tmp_path):
    def extensions(out):
        with fits.open(out / "mosaic_unc.fits") as hdus:
            return [str(c) for h in hdus[1:] for c in h.header.cards]
    reference = extensions(mosaic(stack, tmp_path / "one", "run.threads=1"))
    for i, extra in enumerate((["run.tile_size=17"], ["run.threads=2", "run.memory=64M"], ["run.tile_size=5000"])):
        assert extensions(mosaic(stack, tmp_path / str(i), *extra)) == reference, extra
    none = mosaic(stack, tmp_path / "none", "output.correlation=false")
    with fits.open(none / "mosaic_unc.fits") as without, fits.open(tmp_path / "one" / "mosaic_unc.fits") as hdus:
        assert len(without) == 1 and without[0].header["DATASUM"] == hdus[0].header["DATASUM"]
