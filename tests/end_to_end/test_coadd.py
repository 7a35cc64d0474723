"""The ways to coadd: same bits whatever the tiles, the formulas on real pixels, honest errors, hits left out."""
import numpy as np
import pytest
from astropy.io import fits

from conftest import simulate
from tools import SHARED, needs_shared, plane, run_record, tessera

PLANES = ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp", "mosaic_std")
METHODS = (("coadd.method=median",), ("coadd.method=clipped",), ("coadd.method=clipped", "rejection.method=none"), ("coadd.method=minimum",), ("coadd.weights=sigma",),
           ("coadd.weights=exposure",))


def settings(*values):
    return [a for v in values for a in ("--set", v)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: "-".join(v.split("=")[1] for v in m))
def test_tiles_and_threads_change_no_bit(stack, tmp_path, method):
    options = settings(*method, "output.std=true")
    tessera("mosaic", stack, "-o", tmp_path / "a", "--threads", "1", *options)
    tessera("mosaic", stack, "-o", tmp_path / "b", "--threads", "3", "--set", "run.tile_size=19", *options)
    for p in PLANES:
        a, b = (fits.getheader(tmp_path / d / f"{p}.fits") for d in "ab")
        assert [str(c) for c in a.cards] == [str(c) for c in b.cards], p


REAL = SHARED / "spitzer_irac_grb120119a" / "ch1"


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """Pixels, uncertainties and exposures of five real frames, all given the WCS of one tangent plane: resampling is the identity."""
    folder = tmp_path_factory.mktemp("aligned")
    images = sorted(REAL.rglob("*_cbcd.fits"))[:5]
    if len(images) < 5:
        pytest.skip("skipped: no real frames")
    values, sigmas, exposures = [], [], [10.0, 10.0, 30.0, 5.0, 20.0]
    for i, path in enumerate(images):
        with fits.open(path) as hdus, fits.open(str(path).replace("_cbcd", "_cbunc")) as unc:
            value, sigma, unit = hdus[0].data[:120, :100].astype("f4"), unc[0].data[:120, :100].astype("f4"), hdus[0].header["BUNIT"]
        value[~(sigma > 0)] = np.nan
        header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 120.0, "CRVAL2": -9.0, "CRPIX1": 50.0, "CRPIX2": 60.0, "CDELT1": -1.2 / 3600,
                              "CDELT2": 1.2 / 3600, "BUNIT": unit, "EXPTIME": exposures[i]})
        fits.writeto(folder / f"image{i}.fits", value, header)
        fits.writeto(folder / f"sigma{i}.fits", sigma, header)
        values.append(value.astype(float))
        sigmas.append(sigma.astype(float))
    for kind in ("image", "sigma"):
        (folder / f"{kind}.txt").write_text("".join(f"{folder}/{kind}{i}.fits\n" for i in range(5)))
    return folder, np.array(values), np.array(sigmas), np.array(exposures)[:, None, None]


def coadd(folder, out, *options):
    tessera("mosaic", "-I", folder / "image.txt", "-S", folder / "sigma.txt", "-o", out, "--grid", folder / "image0.fits", "--background", "none",
            *settings("rejection.method=none", "input.scale_noise=false", "output.pictures=false", "output.std=true", "output.median=true", *options))
    return [plane(out / f"{p}.fits")[0] for p in PLANES]


def weighted(values, sigmas, weight):
    good = np.isfinite(values)
    w = np.where(good, weight, 0.0)
    v, s = np.where(good, values, 0.0), np.where(good, sigmas, 0.0)
    with np.errstate(invalid="ignore"):
        return (w * v).sum(0) / w.sum(0), np.sqrt((w ** 2 * s ** 2).sum(0)) / w.sum(0)


def truth(method, values, sigmas, exposures):
    good = np.isfinite(values)
    if method == "coadd.method=median":
        k = np.array([np.nan, 1, 1, 1.34601, 1.1928, 1.43417])
        n = good.sum(0)
        inverse = np.where(good, 1 / sigmas, 0).sum(0)
        few = np.sqrt(np.where(good, sigmas ** 2, 0).sum(0)) / n
        return np.nanmedian(values, 0), np.where(n > 2, np.sqrt(k[n] * n) / inverse, few)
    if method == "coadd.method=minimum":
        chosen = np.argmin(np.where(good, np.abs(values), np.inf), 0)[None]
        return np.take_along_axis(values, chosen, 0)[0], np.take_along_axis(sigmas, chosen, 0)[0]
    return weighted(values, sigmas, {"coadd.weights=coverage": 1.0, "coadd.weights=exposure": exposures, "coadd.weights=sigma": sigmas ** -2.0}[method])


@needs_shared
@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("method", ["coadd.weights=coverage", "coadd.weights=exposure", "coadd.weights=sigma", "coadd.method=median", "coadd.method=minimum"])
def test_formulas_on_real_pixels(aligned, tmp_path, method):
    """Against numpy, with every product: what is left is the rounding of floats and of areas."""
    folder, values, sigmas, exposures = aligned
    mosaic, unc, cov, exp, std = coadd(folder, tmp_path / "out", method)
    with np.errstate(all="ignore"):
        value, error = truth(method, values, sigmas, exposures)
    good = np.isfinite(values)
    assert (np.isfinite(mosaic) == good.any(0)).all()
    seen = good.any(0)
    assert np.abs(mosaic - value)[seen].max() <= 2e-6 * np.abs(value[seen]).max()
    assert np.abs(unc / error - 1)[seen].max() <= 1e-5
    assert np.abs(cov - good.sum(0))[seen].max() <= 1e-5
    assert np.abs(exp - (good * exposures).sum(0))[seen].max() <= 1e-3
    median, median_unc = (plane(tmp_path / "out" / f"mosaic_median{p}.fits")[0] for p in ("", "_unc"))
    with np.errstate(all="ignore"):
        value, error = truth("coadd.method=median", values, sigmas, exposures)
    assert (np.isfinite(median) == seen).all() and np.abs(median - value)[seen].max() <= 2e-6 * np.abs(value[seen]).max()
    assert np.abs(median_unc / error - 1)[seen].max() <= 1e-5
    tc = good * exposures
    deviation = np.sqrt((tc * np.where(good, values - mosaic, 0) ** 2).sum(0)[seen] / tc.sum(0)[seen])
    assert np.abs(std[seen] - deviation).max() <= 2e-6 * np.abs(value[seen]).max()


SKY = ("camera.width=128", "camera.height=128", "sources.count=0", "stack.offset_rms=0", "sky.level=0.1", "stack.dither_scale=small", "stack.roll_step_deg=7")
CLEAN = ("defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0")


@pytest.mark.parametrize("frames", [3, 5])
def test_a_blank_sky_is_unbiased_with_honest_errors(tmp_path, frames):
    """Median, clipped and mean of a constant sky; the whole path with its resampling, whose σ differ from frame to frame."""
    folder = simulate(tmp_path / "frames", *SKY, *CLEAN, f"stack.frames={frames}", seed=frames)
    for method in ("mean", "median", "clipped"):
        out = tmp_path / method
        tessera("mosaic", folder, "-o", out, *settings("background.method=none", "rejection.method=none", f"coadd.method={method}", "output.pictures=false"))
        (mosaic, header), (unc, _), (cov, _) = (plane(out / f"{p}.fits") for p in PLANES[:3])
        deep = cov > frames - 0.6
        pulls = ((mosaic - 0.1) / unc)[deep]
        print(f"{method}, depth {frames}: {deep.sum()} pixels, mean pull {pulls.mean():+.3f}, width {pulls.std():.3f}")
        assert header["COADD"] == method and deep.sum() > 5000
        assert abs(pulls.mean()) < 0.05 and 0.95 <= pulls.std() <= 1.05


def test_median_and_clipped_leave_hits_out_at_depth_five(tmp_path):
    clean = simulate(tmp_path / "clean", *SKY, *CLEAN, "stack.frames=5")
    hit = simulate(tmp_path / "hit", *SKY, "defects.cosmic_fraction=0.005", *CLEAN[1:], "stack.frames=5")
    worst = {}
    for method in ("mean", "median", "clipped"):
        images = []
        for frames in (clean, hit):
            out = tmp_path / f"{method}-{frames.name}"
            tessera("mosaic", frames, "-o", out, *settings("background.method=none", "rejection.method=none", "input.scale_noise=false", f"coadd.method={method}", "output.pictures=false"))
            images.append(plane(out / "mosaic.fits")[0])
        unc, cov = (plane(tmp_path / f"{method}-clean" / f"mosaic_{p}.fits")[0] for p in ("unc", "cov"))
        change = ((images[1] - images[0]) / unc)[cov > 4.4]
        worst[method] = (np.abs(change) > 5).sum()
        print(f"{method}: {worst[method]} of {change.size} pixels changed by more than 5 sigma by hits")
    assert worst["mean"] > 300
    assert worst["median"] <= 0.03 * worst["mean"] and worst["clipped"] <= 0.1 * worst["mean"]


def test_what_a_choice_costs_or_cannot_do_is_said(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "sigma", *settings("coadd.weights=sigma"))
    record = run_record(tmp_path / "sigma")
    assert record["weights"] == "sigma" and any("bright sources" in c["message"] for c in record["caveats"])
    assert not (tmp_path / "sigma" / "mosaic_std.fits").exists()
    copy = tmp_path / "frames"
    copy.mkdir()
    for f in stack.glob("SIM*.fits"):
        with fits.open(f) as hdus:
            for hdu in hdus:
                for key in ("EXPTIME", "FRAMTIME"):
                    hdu.header.remove(key, ignore_missing=True)
            hdus.writeto(copy / f.name)
    done = tessera("mosaic", copy, "-o", tmp_path / "no", *settings("coadd.weights=exposure"), code=1)
    assert "no exposure time" in done.stderr and not (tmp_path / "no").exists()


def test_a_median_beside_the_mean_is_that_of_a_run_of_its_own(stack, tmp_path):
    """With outliers left out, on tiles of any size; the mean has the bits it has without."""
    tessera("mosaic", stack, "-o", tmp_path / "both", *settings("output.median=true", "output.pictures=false", "run.tile_size=37", "background.uncertainty=include"))
    tessera("mosaic", stack, "-o", tmp_path / "mean", *settings("output.pictures=false", "background.uncertainty=include"))
    tessera("mosaic", stack, "-o", tmp_path / "median", *settings("coadd.method=median", "output.pictures=false", "background.uncertainty=include"))

    def same(one, other):
        a, b = plane(tmp_path / one)[0], plane(tmp_path / other)[0]
        return np.array_equal(a, b, equal_nan=True)
    assert same("both/mosaic.fits", "mean/mosaic.fits") and same("both/mosaic_unc.fits", "mean/mosaic_unc.fits")
    assert same("both/mosaic_median.fits", "median/mosaic.fits") and same("both/mosaic_median_unc.fits", "median/mosaic_unc.fits")
    assert not (tmp_path / "mean" / "mosaic_median.fits").exists()
