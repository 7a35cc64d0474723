"""Real frames of HST and DECam against what others made of them, and the borders of frames in real mosaics."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

from tools import SHARED, aperture_flux, centroid, find_stars, needs_shared, plane, robust_sigma, tessera

pytestmark = needs_shared
HST = SHARED / "hst_acs_47tuc_drizzle"
DECAM = SHARED / "decam_aligned_stack"
IRAC = SHARED / "spitzer_irac_grb120119a"


def mosaic(frames, out, *settings):
    tessera("mosaic", *frames, "-o", out, *[a for s in settings for a in ("--set", s)], "--set", "output.pictures=false", "--set", "output.report=false")
    return out


@pytest.fixture(scope="module")
def acs(tmp_path_factory):
    """The exposure with the WCS it was drizzled with: the archive's first one, without distortion, which it keeps as alternate WCS O. That it had no distortion
    shows in the constant weights of the peer's result; its displacements then named the WCS."""
    path = tmp_path_factory.mktemp("acs") / "opus.fits"
    with fits.open(HST / "input1.fits.gz") as hdus:
        header = hdus["SCI"].header
        for key in [k for k in header if k.split("_")[0] in ("A", "B") and len(k) < 8]:
            del header[key]
        for key in ("CD1_1", "CD1_2", "CD2_1", "CD2_2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CTYPE1", "CTYPE2"):
            header[key] = header[key + "O"]
        hdus.writeto(path)
    return path


@pytest.mark.parametrize("method", ["drizzle", "area"])
def test_47_tuc_is_the_peers_drizzle(acs, tmp_path, method):
    """Square kernel, pixfrac 1, no masks, weights 1: the parameters its header does not tell."""
    reference = HST / "reference_square_image.fits.gz"
    out = mosaic([acs], tmp_path / "out", f"interpolation.method={method}", "background.method=none", "rejection.method=none", "input.fatal_bits=none", f"grid.file={reference}")
    ours, header = plane(out / "mosaic.fits")
    coverage = plane(out / "mosaic_cov.fits")[0]
    with fits.open(reference) as hdus:
        theirs, weight = hdus["SCI"].data.astype(float), hdus["WHT"].data.astype(float)
    inside = (coverage > 0.999) & (weight > 0.999 * weight.max())
    assert weight[inside].std() < 1e-5, "an undistorted frame has pixels of one size"
    assert ((weight > 0) != np.isfinite(ours)).sum() < 10, "the same footprint"
    # Theirs is in electrons times the square of the pixel scales' ratio along x; ours in electrons per square arcsecond.
    factor = np.median((theirs / ours)[inside & (theirs > 50)])
    scale = [np.hypot(fits.getheader(f, "SCI")["CD1_1"], fits.getheader(f, "SCI")["CD2_1"]) for f in (acs, reference)]
    pixel = abs(np.linalg.det(WCS(fits.getheader(acs, "SCI")).pixel_scale_matrix)) * 3600 ** 2
    assert factor == pytest.approx((scale[1] / scale[0]) ** 2 * pixel, rel=1e-3)
    step = (maximum_filter(theirs, 3) - minimum_filter(theirs, 3))[inside] + 1
    difference = np.abs(theirs - factor * ours)[inside] / step
    print(f"{method}: {inside.sum()} pixels, difference over the largest step between neighbours: largest {difference.max():.1e}, 99.9 % below {np.quantile(difference, 0.999):.1e}")
    assert np.quantile(difference, 0.999) < 1e-5 and difference.max() < 0.01
    ratio, apart, whole = [], [], minimum_filter(coverage, 25)
    for x, y in find_stars(theirs, robust_sigma(theirs[inside]), 60, separation=14, contrast=0.3):
        if whole[y, x] < 0.999:
            continue
        mine, peer = (aperture_flux(i, x, y, 4, 6, 9) for i in (factor * ours, theirs))
        ratio.append(mine / peer)
        apart.append(np.hypot(*np.subtract(centroid(factor * np.nan_to_num(ours), x, y), centroid(theirs, x, y))))
    ratio, apart = np.array(ratio), np.array(apart)
    good = np.isfinite(ratio) & np.isfinite(apart)
    print(f"{good.sum()} stars: flux ratio from {ratio[good].min():.7f} to {ratio[good].max():.7f}, positions within {apart[good].max():.1e} pixel")
    assert good.sum() > 50 and np.abs(ratio[good] - 1).max() < 1e-4 and apart[good].max() < 1e-3


def test_47_tuc_with_its_distortion_keeps_every_electron(tmp_path):
    """Masked pixels are the only holes, and nothing else is lost: the mosaic's flux is that of the good pixels."""
    out = mosaic([HST / "input1.fits.gz"], tmp_path / "out", "background.method=none", "rejection.method=none", "input.fatal_bits=none")
    image, header = plane(out / "mosaic.fits")
    coverage = plane(out / "mosaic_cov.fits")[0]
    total = np.nansum(image * coverage) * header["PIXAR_A2"]
    electrons = fits.getdata(HST / "input1.fits.gz", "SCI").astype(float).sum()
    print(f"electrons in the mosaic over those in the frame: {total / electrons:.5f}")
    # One pixel area is used for the whole frame, as the frame is flat-fielded to surface brightness; over this camera the areas differ by several per cent.
    assert abs(total / electrons - 1) < 0.02


def test_decam_agrees_with_the_published_coadd(tmp_path):
    exposures = sorted(DECAM.glob("*.mini.fits"))
    out = mosaic(exposures, tmp_path / "out")
    ours, header = plane(out / "mosaic.fits")
    theirs, their_header = plane(DECAM / "Stack-DEC-OBS18.fits")
    wcs, their_wcs = WCS(header), WCS(their_header)
    single = [plane(f)[0] for f in exposures]
    ratio, apart, spread = [], [], []
    for x, y in find_stars(theirs, robust_sigma(theirs), 12, separation=14, contrast=0.2):
        sky = their_wcs.all_pix2world(x, y, 0)
        px, py = (float(v) for v in wcs.all_world2pix(*sky, 0))
        peer, mine = aperture_flux(theirs, x, y, 8, 10, 15), aperture_flux(ours, px, py, 8, 10, 15)
        if not (np.isfinite(peer) and np.isfinite(mine)):
            continue
        a, b = centroid(theirs, x, y, sigma=2.0), centroid(ours, px, py, sigma=2.0)
        on_sky = np.subtract(wcs.all_pix2world(*b, 0), their_wcs.all_pix2world(*a, 0)) * 3600 * [np.cos(np.radians(sky[1])), 1]
        ratio.append(mine / peer), apart.append(np.hypot(*on_sky)), spread.append(np.mean([aperture_flux(s, x, y, 8, 10, 15) for s in single]) / peer)
    ratio, apart, spread = map(np.array, (ratio, apart, spread))
    print(f"{len(ratio)} stars: our flux over theirs {np.median(ratio):.4f}, scatter {robust_sigma(ratio):.4f}; mean of the exposures over theirs {np.median(spread):.4f}, "
          f"scatter {robust_sigma(spread):.4f}; ours over the mean of exposures {np.median(ratio / spread):.4f}; positions apart {np.median(apart):.4f}″ in the median, {apart.max():.4f}″ at most")
    # Theirs is resampled with another kernel and weighted another way. The mean of the exposures was not resampled at all.
    assert len(ratio) > 5 and abs(np.median(ratio) - 1) < 0.005 and robust_sigma(ratio) < 0.01 and abs(np.median(ratio / spread) - 1) < 0.005
    assert np.median(apart) < 0.03 and apart.max() < 0.1
    assert np.isfinite(ours[2:-2, 2:-2]).mean() > 0.9


def places_in(frame, grid, shape):
    """Frame coordinates of every pixel of a grid, from every eighth."""
    y, x = (np.arange(0, n + 8, 8) for n in shape)
    xx, yy = np.meshgrid(x, y)
    at = WCS(fits.getheader(frame)).all_world2pix(*grid.all_pix2world(xx.ravel(), yy.ravel(), 0), 0, tolerance=1e-3, maxiter=30, quiet=True)
    where = np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")
    return [RegularGridInterpolator((y, x), a.reshape(xx.shape))(np.stack(where, axis=-1)) for a in at]


def frame_without(path, weight, weights, image, sigma):
    """What a frame does to the mosaic: mosaic less the mosaic without it, and its 1σ, where other frames are left; from the frame as it was coadded."""
    value, header = plane(path)
    covered, own = plane(str(path).replace(".fits", "_covg.fits"))[0] * weight, plane(path.with_name(path.name.replace("interp_", "interp_unc_", 1)))[0]
    part = np.s_[header["MINTOFFY"]:header["MINTOFFY"] + value.shape[0], header["MINTOFFX"]:header["MINTOFFX"] + value.shape[1]]
    total, rest = weights[part], weights[part] - covered
    change, error = np.full(image.shape, np.nan), np.full(image.shape, np.nan)
    with np.errstate(all="ignore"):
        others = (total * image[part] - covered * np.nan_to_num(value)) / rest
        spread = np.sqrt(((total * sigma[part]) ** 2 - (covered * np.nan_to_num(own)) ** 2) / rest ** 2 + own ** 2)
        used = (rest > 0.5) & (covered > 0)
        change[part] = np.where(used, image[part] - others, np.nan)
        error[part] = np.where(used, covered / total * spread, np.nan)
    return change, error


def steps_at_borders(frames, out):
    """For every border of every frame, in units of the mosaic's σ per pixel beside it: the step it makes, the noise expected of it, and the same on a strip inside the frame.

    What the mosaic does across a border is the step of the sky, and what the frame that ends there changes. The first is measured by the other frames, which do not
    end there, so the second is the mosaic with the frame less the mosaic without, on the same pixels of the strip inside the border: no sky is left in it."""
    image, header = plane(out / "mosaic.fits")
    sigma = plane(out / "mosaic_unc.fits")[0]
    grid, reach = WCS(header), 5
    weight = {row["filename"]: row["weight"] for row in Table.read(out / "offsets.tbl", format="ascii.ipac")}
    paths = {out / "Interp" / f"interp_{f.name}": f for f in frames}
    weights = np.zeros(image.shape)
    for p in paths:
        covered, place = plane(str(p).replace(".fits", "_covg.fits"))
        weights[place["MINTOFFY"]:place["MINTOFFY"] + covered.shape[0], place["MINTOFFX"]:place["MINTOFFX"] + covered.shape[1]] += covered * weight[p.name[len("interp_"):]]
    sources = binary_dilation(image > np.nanmedian(image) + 3 * np.nanmedian(sigma), iterations=2)
    large = np.sqrt(fits.getdata(out / "mosaic_unc.fits", "CORRELATION").sum())  # errors of sums over many pixels
    found = []
    for p, frame in paths.items():
        change, error = frame_without(p, weight[p.name[len("interp_"):]], weights, image, sigma)
        u, v = places_in(frame, grid, image.shape)
        last = fits.getheader(frame)["NAXIS1"] - 1
        for depth, along in ((u, v), (last - u, v), (v, u), (last - v, u)):  # pixels inside the border at −½
            strips = [(along > 8) & (along < last - 8) & ~sources & np.isfinite(change) & (depth > at) & (depth < at + reach) for at in (0.5, 12)]
            if min(s.sum() for s in strips) < 300:
                continue
            local = np.median(sigma[strips[0]])
            noise = large * np.sqrt(np.pi / 2) * np.sqrt((error[strips[0]] ** 2).sum()) / strips[0].sum() / local  # of a median
            found.append([np.median(change[strips[0]]) / local, noise, np.median(change[strips[1]]) / np.median(sigma[strips[1]])])
    return np.array(found).T


def unmatched_is_rough(frames, out, steps):
    rough = steps_at_borders(frames, mosaic(frames, out, "output.interpolated=true", "background.method=none"))[0]
    print(f"unmatched: rms {np.sqrt(np.mean(rough ** 2)):.3f}, largest {np.abs(rough).max():.3f}")
    assert np.abs(rough).max() > 0.4 and np.sqrt(np.mean(rough ** 2)) > 3 * np.sqrt(np.mean(steps ** 2)), "the measure sees steps where there are some"


def no_steps(name, frames, out, at_least):
    steps, noise, inside = steps_at_borders(frames, out)
    print(f"{name}: {len(steps)} borders of {len(frames)} frames, step over σ of a pixel: rms {np.sqrt(np.mean(steps ** 2)):.3f}, largest {np.abs(steps).max():.3f}; expected of noise {np.sqrt(np.mean(noise ** 2)):.3f}; "
          f"strips inside the frames: rms {np.sqrt(np.mean(inside ** 2)):.3f}, largest {np.abs(inside).max():.3f}")
    assert len(steps) >= at_least and np.abs(steps).max() <= 0.3
    # A border does no more than the frame does anywhere: nothing of the border is left, but noise and flat fields.
    assert np.sqrt(np.mean(steps ** 2)) < 0.02 + 1.5 * np.hypot(np.sqrt(np.mean(inside ** 2)), np.sqrt(np.mean(noise ** 2)))
    image, coverage, sigma = (plane(out / f"mosaic{p}.fits")[0] for p in ("", "_cov", "_unc"))
    assert not (~np.isfinite(image) & (coverage > 0)).any() and np.isfinite(sigma[coverage > 0]).all(), "no NaN where a frame has data"
    return steps


@pytest.mark.parametrize("channel", ["ch1", "ch2"])
def test_no_step_at_the_borders_of_frames(tmp_path, channel):
    """Every single border ≤ 0.3 σ of a pixel; unmatched frames of ch1 would not pass."""
    frames = [f for f in sorted((IRAC / channel).glob("*_cbcd.fits*")) if not (channel == "ch2" and f.name.split("_")[3] in ("0000", "0001"))]
    steps = no_steps(channel, frames, mosaic(frames, tmp_path / "out", "output.interpolated=true"), 80)
    if channel == "ch1":
        unmatched_is_rough(frames, tmp_path / "unmatched", steps)


def test_no_step_at_borders_cut_into_exposures_of_decam(tmp_path):
    """The five exposures lie on one another, so squares of 180 pixels are cut out of them at different places: borders in the middle of the mosaic, with the noise and what sky was
    left in real exposures; their levels were taken out before they were published, so each gets one of up to 2 σ of its pixels."""
    frames = []
    for exposure, x, y, level in zip(sorted(DECAM.glob("*.mini.fits")), (0, 76, 20, 60, 38), (0, 12, 70, 60, 30), (1.5, -1, 2, 0, -2)):
        data, header = fits.getdata(exposure), fits.getheader(exposure)
        data += level * robust_sigma(data)
        header["CRPIX1"] -= x
        header["CRPIX2"] -= y
        frames.append(tmp_path / "cut" / exposure.name)
        frames[-1].parent.mkdir(exist_ok=True)
        fits.writeto(frames[-1], data[y:y + 180, x:x + 180], header)
    steps = no_steps("DECam", frames, mosaic(frames, tmp_path / "out", "output.interpolated=true"), 10)
    unmatched_is_rough(frames, tmp_path / "unmatched", steps)
