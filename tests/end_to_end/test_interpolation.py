"""The methods of interpolation through the whole program: against STScI's drizzle, same bits for any tiles, fluxes of stars."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from conftest import simulate
from test_bits import sums
from test_simulated_truth import GRID_OF_STARS, NOISELESS, star_fluxes, truth
from tools import plane, robust_sigma, run_record, tessera

METHODS = ("area", "drizzle", "bilinear", "nearest", "cubic", "lanczos2", "lanczos3", "lanczos4", "grid", "adaptive")
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




@pytest.fixture(scope="module", params=[25, 0])
def affine(request, tmp_path_factory):
    """A noise frame with bad pixels, a turned grid of other pixels, and where the frame's pixels lie on it."""
    base = tmp_path_factory.mktemp("affine")
    rng = np.random.default_rng(5)
    data = rng.normal(5, 1, (60, 70)).astype(np.float32)
    data[rng.random(data.shape) < 0.03] = np.nan
    header, grid = tan_header(0, 1.2, data.shape, (33.3, 28.1)), tan_header(request.param, 0.9, (150, 150), (76.7, 74.2))
    fits.writeto(base / "frame.fits", data, header)
    fits.writeto(base / "sigma.fits", rng.uniform(0.5, 1.5, data.shape).astype(np.float32), header)
    fits.writeto(base / "grid.fits", np.zeros((150, 150), np.float32), grid)
    (base / "images.txt").write_text(f"{base / 'frame.fits'}\n")
    (base / "sigmas.txt").write_text(f"{base / 'sigma.fits'}\n")
    y, x = np.mgrid[:data.shape[0], :data.shape[1]].astype(float)
    there = np.linalg.inv(WCS(grid).pixel_scale_matrix) @ WCS(header).pixel_scale_matrix @ [x.ravel() + 1 - header["CRPIX1"], y.ravel() + 1 - header["CRPIX2"]]
    pixmap = np.stack([(there[0] + grid["CRPIX1"] - 1).reshape(x.shape), (there[1] + grid["CRPIX2"] - 1).reshape(x.shape)], axis=-1)
    return base, data, pixmap, request.param


def stsci_drizzle(data, pixmap, shape, pixel_ratio, pixfrac, kernel):
    """Values and weights by the drizzle package, whichever of its two interfaces is there."""
    good = np.isfinite(data).astype(np.float32)
    data = np.nan_to_num(data)
    try:
        from drizzle.resample import Drizzle
    except ImportError:
        from drizzle import cdrizzle
        values, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        cdrizzle.tdriz(data, good, pixmap, values, weights, np.zeros(shape, np.int32), uniqid=1, xmin=0, xmax=0, ymin=0, ymax=0, scale=pixel_ratio, pixfrac=pixfrac,
                       kernel=kernel, in_units="cps", expscale=1.0, wtscale=1.0, fillstr="0")
        return values / pixel_ratio ** 2, weights  # fluxes per output pixel
    run = Drizzle(kernel=kernel, out_shape=shape, fillval=0, disable_ctx=True)
    run.add_image(data, exptime=1.0, pixmap=pixmap, weight_map=good, pixfrac=pixfrac, in_units="cps", pixel_scale_ratio=pixel_ratio)
    return run.out_img, run.out_wht


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("pixfrac", [0.6, 1.0])
def test_drizzle_agrees_with_stscis(affine, tmp_path, kernel, pixfrac):
    drizzle = pytest.importorskip("drizzle", reason="skipped: no drizzle package")
    base, data, pixmap, angle = affine
    if kernel == "square" and angle and drizzle.__version__.startswith("1."):
        pytest.skip("skipped: drizzle 1.13 puts the corners of turned pixels in wrong places; 3.0 does not")
    out = mosaic(["-I", base / "images.txt", "-S", base / "sigmas.txt"], tmp_path / "out", *PLAIN, f"grid.file={base / 'grid.fits'}", "interpolation.method=drizzle",
                 f"interpolation.kernel={kernel}", f"interpolation.pixfrac={pixfrac}")
    ours, coverage = plane(out / "mosaic.fits")[0], plane(out / "mosaic_cov.fits")[0]
    theirs, weight = stsci_drizzle(data, pixmap, ours.shape, 0.9 / 1.2, pixfrac, kernel)
    both = (weight > 0.01 * np.median(weight[weight > 0])) & (coverage > 0.01)
    values, weights = np.abs(ours - theirs)[both].max(), np.abs(coverage / coverage[both].mean() - weight / weight[both].mean())[both].max()
    print(f"{kernel} {pixfrac} {angle}: {both.sum()} pixels, largest difference of values {values:.2e}, of relative weights {weights:.2e}")
    # Their sums run in float, on values near 5; the Gaussian's width is theirs to five digits (2.3548).
    tolerance = 1e-4 if kernel == "gaussian" else 1e-5
    assert both.sum() > 3500 and values < tolerance and weights < tolerance
    assert ((weight > 0) == (coverage > 0))[np.abs(coverage - 0.01) > 0.01].all()


@pytest.mark.parametrize("settings", [[f"interpolation.method={m}"] for m in METHODS[2:]] +
                         [["interpolation.method=drizzle", f"interpolation.kernel={k}", "interpolation.pixfrac=0.7"] for k in KERNELS], ids=lambda s: "-".join(v.split("=")[1] for v in s))
def test_tiles_change_no_bit(stack, tmp_path, settings):
    mosaic(stack, tmp_path / "whole", *settings, "run.tile_size=5000")
    mosaic(stack, tmp_path / "tiles", *settings, "run.tile_size=23")
    assert sums(tmp_path / "tiles") == sums(tmp_path / "whole")
    image, header = plane(tmp_path / "whole" / "mosaic.fits")
    assert header["INTERP"] == settings[0].split("=")[1] and np.isfinite(image).sum() > 5000


@pytest.mark.parametrize("setting", ["interpolation.fineres=3", "interpolation.uncertainty=linear"])
def test_variants_of_area_overlap_change_no_bit_with_tiles_and_only_what_they_say(stack, tmp_path, setting):
    whole, tiles, plain = (mosaic(stack, tmp_path / name, *s) for name, s in (("whole", [setting, "run.tile_size=5000"]), ("tiles", [setting, "run.tile_size=23"]), ("plain", [])))
    assert sums(tiles) == sums(whole)
    (a, b), (ua, ub) = ([plane(o / f"{p}.fits")[0] for o in (whole, plain)] for p in ("mosaic", "mosaic_unc"))
    inside = np.isfinite(a) & np.isfinite(b)
    if setting.endswith("linear"):
        assert np.array_equal(a, b, equal_nan=True) and (ua[inside] >= ub[inside] * 0.999999).all() and np.median(ua[inside] / ub[inside]) > 1.2
        assert len(fits.open(whole / "mosaic_unc.fits")) == 1, "no correlation belongs to uncertainties of this kind"
    else:
        assert np.median(ua[inside] / ub[inside]) < 0.95 and abs(np.median((a - b)[inside])) < 0.01 * np.std(a[inside]), "smoother, the same level"
    rejected = [sum(int(f["rejected_pixels"]) if "rejected_pixels" in f else 0 for f in run_record(o)["frames"]) for o in (whole, plain)]
    assert rejected[0] == rejected[1]


def test_flux_per_pixel_is_brightness_times_the_pixels_own_area(stack, tmp_path):
    """On a grid 20° from its tangent point, where areas of pixels differ; against solid angles from corners on the sphere."""
    frame = fits.getheader(next(iter(sorted(stack.glob("*_cbcd.fits")))))
    grid = tan_header(10, 2.4, (80, 90), (45, 40))
    grid["CRVAL1"], grid["CRVAL2"] = frame["CRVAL1"], frame["CRVAL2"] + 20
    x, y = WCS(grid).all_world2pix(frame["CRVAL1"], frame["CRVAL2"], 1)
    grid["CRPIX1"], grid["CRPIX2"] = 45 - (float(x) - 45), 40 - (float(y) - 40)
    fits.writeto(tmp_path / "grid.fits", np.zeros((80, 90), np.float32), grid)
    bright, flux = (mosaic(stack, tmp_path / q, f"grid.file={tmp_path / 'grid.fits'}", f"interpolation.quantity={q}", "output.std=true") for q in ("surface_brightness", "flux"))
    wcs = WCS(fits.getheader(bright / "mosaic.fits"))
    yy, xx = np.mgrid[:81, :91] - 0.5
    ra, dec = np.radians(wcs.all_pix2world(xx.ravel(), yy.ravel(), 0))
    corner = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1).reshape(81, 91, 3)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    area = 0.5 * np.linalg.norm(np.cross(c - a, d - b), axis=-1)
    for name in ("mosaic", "mosaic_unc", "mosaic_std"):
        (sb, h), (f, hf) = plane(bright / f"{name}.fits"), plane(flux / f"{name}.fits")
        assert (h["BUNIT"], hf["BUNIT"]) == ("MJy/sr", "Jy/pixel") and (h["QUANTITY"], hf["QUANTITY"]) == ("surface brightness", "flux per pixel")
        inside = np.isfinite(sb) & (sb != 0)
        assert inside.sum() > 500 and np.array_equal(np.isfinite(sb), np.isfinite(f)) and np.allclose(f[inside] / sb[inside], area[inside] * 1e6, rtol=2e-6)
    assert hf["MAGZPAB"] == pytest.approx(8.900, abs=1e-3)
    assert np.array_equal(plane(bright / "mosaic_cov.fits")[0], plane(flux / "mosaic_cov.fits")[0])


def test_flux_of_an_unknown_unit_is_refused(affine, tmp_path):
    with fits.open(affine[0] / "frame.fits") as hdus:
        hdus[0].header["BUNIT"] = "furlong"
        hdus.writeto(tmp_path / "frame.fits")
    done = tessera("mosaic", tmp_path / "frame.fits", "-o", tmp_path / "out", "--set", "interpolation.quantity=flux", code=2)
    assert "furlong" in done.stderr and "per solid angle" in done.stderr


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
    base = tmp_path_factory.mktemp("stars")
    frames = simulate(base / "frames", *NOISELESS, *GRID_OF_STARS, "stack.frames=9", "stack.offset_rms=0", "stack.roll_step_deg=3", "sky.level=0.1")
    out = mosaic(frames, base / "area", *PLAIN[:2])
    image, header = plane(out / "mosaic.fits")
    sources, _ = truth(frames)
    covered = np.isfinite(star_fluxes(image, header, sources, minimum=(plane(out / "mosaic_cov.fits")[0], 5)))
    return frames, sources[covered]


# Method: largest bias and robust scatter of noise-free aperture fluxes, in per cent, with a margin over what is measured (docs/steps/mosaic.md).
LIMITS = {"area": (0.01, 0.01), "bilinear": (0.03, 0.08), "nearest": (0.8, 2.5), "cubic": (0.03, 0.03), "lanczos2": (0.03, 0.15), "lanczos3": (0.2, 0.12), "lanczos4": (0.6, 0.15),
          "grid": (0.2, 0.4), "adaptive": (0.1, 0.1), "drizzle-square-0.5": (0.4, 0.6), "drizzle-square-0.8": (0.1, 0.25), "drizzle-turbo-0.5": (0.4, 0.6), "drizzle-turbo-0.8": (0.1, 0.3),
          "drizzle-gaussian-0.5": (1, 2.5), "drizzle-gaussian-0.8": (0.2, 0.8), "drizzle-point-0.5": (1, 2.5)}


@pytest.mark.parametrize("settings", [[f"interpolation.method={m}"] for m in METHODS if m != "drizzle"] +
                         [["interpolation.method=drizzle", f"interpolation.kernel={k}", f"interpolation.pixfrac={p}"] for k in KERNELS for p in (0.5, 0.8) if (k, p) != ("point", 0.8)],
                         ids=lambda s: "-".join(v.split("=")[1] for v in s))
def test_fluxes_of_stars_are_kept(stars, tmp_path, settings):
    frames, sources = stars
    image, header = plane(mosaic(frames, tmp_path / "out", *PLAIN[:2], *settings) / "mosaic.fits")
    flux = star_fluxes(image, header, sources)
    ratio = flux / np.asarray(sources["flux"]) - 1
    ratio = ratio[np.isfinite(ratio)]
    print(f"{'-'.join(v.split('=')[1] for v in settings)}: {len(ratio)} stars, bias {100 * np.median(ratio):+.3f} %, robust scatter {100 * robust_sigma(ratio):.3f} %")
    assert len(ratio) > 30
    bias, scatter = LIMITS["-".join(v.split("=")[1] for v in settings)]
    assert abs(np.median(ratio)) < bias / 100 and robust_sigma(ratio) < scatter / 100
