"""The methods of interpolation through the whole program: against STScI's drizzle, same bits for any tiles, fluxes of stars."""
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from conftest import simulate
from test_bits import sums
from test_simulated_truth import GRID_OF_STARS, NOISELESS, star_fluxes, truth
from tools import plane, robust_sigma, tessera

METHODS = ("area", "drizzle", "bilinear", "nearest", "cubic", "lanczos2", "lanczos3", "lanczos4", "grid")
KERNELS = ("square", "turbo", "gaussian", "point")
PLAIN = ("background.method=none", "rejection.method=none", "input.scale_noise=false")


def mosaic(frames, out, *settings):
    tessera("mosaic", *([frames] if not isinstance(frames, list) else frames), "-o", out, *[a for s in settings for a in ("--set", s)], "--set", "output.pictures=false")
    return out


def tan_header(angle, scale, shape, crpix):
    """TAN about one point of the sky: two such planes differ by an affine map, exactly."""
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": shape[1], "NAXIS2": shape[0], "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0,
                          "CRVAL2": 20.0, "CRPIX1": crpix[0], "CRPIX2": crpix[1], "CDELT1": -scale / 3600, "CDELT2": scale / 3600, "CROTA2": angle, "BUNIT": "MJy/sr",
                          "RADESYS": "ICRS", "EXPTIME": 10.0})
    return header




@pytest.fixture(scope="module")
def affine(tmp_path_factory):
    """A noise frame with bad pixels, a turned grid of other pixels, and where the frame's pixels lie on it."""
    base = tmp_path_factory.mktemp("affine")
    rng = np.random.default_rng(5)
    data = rng.normal(5, 1, (60, 70)).astype(np.float32)
    data[rng.random(data.shape) < 0.03] = np.nan
    header = tan_header(0, 1.2, data.shape, (33.3, 28.1))
    fits.writeto(base / "frame.fits", data, header)
    uncertainty = rng.uniform(0.5, 1.5, data.shape).astype(np.float32)
    fits.writeto(base / "sigma.fits", uncertainty, header)
    (base / "images.txt").write_text(f"{base / 'frame.fits'}\n")
    (base / "sigmas.txt").write_text(f"{base / 'sigma.fits'}\n")
    grid = tan_header(25, 0.9, (110, 120), (61.7, 52.2))
    fits.writeto(base / "grid.fits", np.zeros((110, 120), np.float32), grid)
    y, x = np.mgrid[:data.shape[0], :data.shape[1]].astype(float)
    there = np.linalg.inv(_cd_of(base / "grid.fits")) @ _cd_of(base / "frame.fits") @ np.array([x.ravel() + 1 - header["CRPIX1"], y.ravel() + 1 - header["CRPIX2"]])
    pixmap = np.stack([(there[0] + grid["CRPIX1"] - 1).reshape(x.shape), (there[1] + grid["CRPIX2"] - 1).reshape(x.shape)], axis=-1)
    return base, data, pixmap


def _cd_of(path):
    return WCS(fits.getheader(path)).pixel_scale_matrix


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("pixfrac", [0.6, 1.0])
def test_drizzle_agrees_with_stscis(affine, tmp_path, kernel, pixfrac):
    cdrizzle = pytest.importorskip("drizzle.cdrizzle", reason="skipped: no drizzle package")
    base, data, pixmap = affine
    out = mosaic(["-I", base / "images.txt", "-S", base / "sigmas.txt"], tmp_path / "out", *PLAIN, f"grid.file={base / 'grid.fits'}", "interpolation.method=drizzle",
                 f"interpolation.kernel={kernel}", f"interpolation.pixfrac={pixfrac}")
    ours, coverage = plane(out / "mosaic.fits")[0], plane(out / "mosaic_cov.fits")[0]
    theirs, weight = np.zeros(ours.shape, np.float32), np.zeros(ours.shape, np.float32)
    cdrizzle.tdriz(np.nan_to_num(data), np.isfinite(data).astype(np.float32), pixmap, theirs, weight, np.zeros(ours.shape, np.int32), uniqid=1, xmin=0, xmax=0, ymin=0,
                   ymax=0, scale=0.9 / 1.2, pixfrac=pixfrac, kernel=kernel, in_units="cps", expscale=1.0, wtscale=1.0, fillstr="0")
    both = (weight > 0.01 * np.median(weight[weight > 0])) & (coverage > 0.01)
    print(f"{kernel} {pixfrac}: {both.sum()} pixels, largest difference of values {np.abs(ours - theirs)[both].max():.2e}, "
          f"of relative weights {np.abs(coverage / coverage[both].mean() - weight / weight[both].mean())[both].max():.2e}")
    assert both.sum() > 5000 * (1 if kernel == "gaussian" else 0.5)
    assert np.abs(ours - theirs)[both].max() < 2e-5  # their sums run in float, on values near 5
    assert np.abs(coverage / coverage[both].mean() - weight / weight[both].mean())[both].max() < 2e-5
    assert ((weight > 0) == (coverage > 0))[np.abs(coverage - 0.005) > 0.005].all()


@pytest.mark.parametrize("settings", [[f"interpolation.method={m}"] for m in METHODS[2:]] +
                         [["interpolation.method=drizzle", f"interpolation.kernel={k}", "interpolation.pixfrac=0.7"] for k in KERNELS], ids=lambda s: "-".join(v.split("=")[1] for v in s))
def test_tiles_change_no_bit(stack, tmp_path, settings):
    mosaic(stack, tmp_path / "whole", *settings, "run.tile_size=5000")
    mosaic(stack, tmp_path / "tiles", *settings, "run.tile_size=23")
    assert sums(tmp_path / "tiles") == sums(tmp_path / "whole")
    image, header = plane(tmp_path / "whole" / "mosaic.fits")
    assert header["INTERP"] == settings[0].split("=")[1] and np.isfinite(image).sum() > 5000


def test_the_same_pixels_are_rejected_whatever_the_method(stack, tmp_path):
    masks = []
    for method in ("area", "drizzle", "lanczos3"):
        out = mosaic(stack, tmp_path / method, f"interpolation.method={method}", "interpolation.pixfrac=0.8", "output.rmasks=true")
        masks.append([fits.getdata(f) for f in sorted((out / "Rmask").glob("*.fits"))])
    assert sum(m.sum() for m in masks[0]) > 0
    for other in masks[1:]:
        assert all((a == b).all() for a, b in zip(masks[0], other))


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("stars") / "frames", *NOISELESS, *GRID_OF_STARS, "stack.frames=9", "stack.offset_rms=0", "stack.roll_step_deg=3", "sky.level=0.1")


# Method: largest bias, largest robust scatter of noise-free aperture fluxes, with a margin over what is measured (docs/steps/mosaic.md).
LIMITS = {}


@pytest.mark.parametrize("settings", [[f"interpolation.method={m}"] for m in METHODS if m != "drizzle"] +
                         [["interpolation.method=drizzle", f"interpolation.kernel={k}", f"interpolation.pixfrac={p}"] for k in KERNELS for p in (0.5, 0.8)],
                         ids=lambda s: "-".join(v.split("=")[1] for v in s))
def test_fluxes_of_stars_are_kept(stars, tmp_path, settings):
    sources, _ = truth(stars)
    out = mosaic(stars, tmp_path / "out", *PLAIN[:2], *settings)
    image, header = plane(out / "mosaic.fits")
    coverage, _ = plane(out / "mosaic_cov.fits")
    flux = star_fluxes(image, header, sources, minimum=(coverage, 5))
    ratio = flux / np.asarray(sources["flux"]) - 1
    ratio = ratio[np.isfinite(ratio)]
    print(f"{'-'.join(v.split('=')[1] for v in settings)}: {len(ratio)} stars, bias {100 * np.median(ratio):+.3f} %, robust scatter {100 * robust_sigma(ratio):.3f} %", file=sys.stderr)
    assert len(ratio) > 30
    bias, scatter = LIMITS.get(settings[0].split("=")[1], (0.01, 0.02))
    assert abs(np.median(ratio)) < bias and robust_sigma(ratio) < scatter
