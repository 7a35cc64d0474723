"""Against the simulator's truth: fidelity beside Montage, conservation, offsets at the noise limit, honest errors."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import peers
from conftest import simulate
from tools import aperture_flux, aperture_fraction, plane, robust_sigma, tessera

CLEAN = ("defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0")
NOISELESS = ("noise.photon=false", "noise.read=false", *CLEAN)
GRID_OF_STARS = ("sources.placement=grid", "sources.count=225", "sources.flux_min_ujy=1000", "sources.flux_max_ujy=1001")


def truth(folder):
    return (Table.read(folder / "truth_sources.ecsv", format="ascii.ecsv"), Table.read(folder / "truth_frames.ecsv", format="ascii.ecsv"))


def star_fluxes(image, header, sources, area=None, minimum=None, radius=4):
    """Aperture fluxes at the true positions, µJy; NaN near edges and where `minimum` (coverage, least) is not met."""
    wcs = WCS(header)
    fluxes = []
    for s in sources:
        x, y = (float(v) for v in wcs.all_world2pix(s["ra"], s["dec"], 0))
        flux = aperture_flux(image, x, y, radius, 8, 14)
        if np.isfinite(flux) and minimum is not None:
            slices, _ = aperture_fraction(image.shape, x, y, radius)
            if minimum[0][slices].min() < minimum[1]:
                flux = np.nan
        fluxes.append(flux * (area or header["PIXAR_SR"]) * 1e12)
    return np.array(fluxes)


@pytest.fixture(scope="module")
def noiseless(tmp_path_factory):
    base = tmp_path_factory.mktemp("noiseless")
    frames = simulate(base / "frames", *NOISELESS, *GRID_OF_STARS, "stack.frames=9", "stack.offset_rms=0", "stack.roll_step_deg=3", "sky.level=0.1")
    tessera("mosaic", frames, "-o", base / "out", "--set", "background.method=none", "--set", "rejection.method=none")
    return frames, base / "out"


def test_noise_free_fluxes_are_no_worse_than_montage(noiseless, tmp_path):
    frames, out = noiseless
    sources, _ = truth(frames)
    ours, header = plane(out / "mosaic.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    images = sorted(frames.glob("*_cbcd.fits"))
    mine = star_fluxes(ours, header, sources, minimum=(cov, 5))
    rows = {"tessera": mine}
    if peers.have("mProjectPP"):
        total, weight = np.zeros(ours.shape), np.zeros(ours.shape)
        for value, area in peers.montage_frames(tmp_path, images, [None] * len(images), 0, out):
            good = np.isfinite(value) & (area > 0)
            total[good] += (value * area)[good]
            weight[good] += area[good]
        theirs = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
        rows["montage"] = star_fluxes(theirs, header, sources, minimum=(cov, 5))
    result = {}
    for name, flux in rows.items():
        ratio = flux / np.asarray(sources["flux"]) - 1
        ratio = ratio[np.isfinite(ratio)]
        loss = np.median(ratio)  # light outside the aperture is the same for both
        result[name] = (loss, robust_sigma(ratio), len(ratio))
        print(f"{name}: {len(ratio)} stars, aperture flux − truth {100 * loss:+.4f} %, robust scatter {100 * robust_sigma(ratio):.4f} %")
    assert result["tessera"][2] > 30
    assert abs(result["tessera"][0]) < 0.004 and result["tessera"][1] <= 0.0018
    if "montage" in result:
        assert result["tessera"][1] <= 1.05 * result["montage"][1] + 1e-5
        assert abs(result["tessera"][0] - result["montage"][0]) < 5e-4


def test_a_constant_sky_stays_constant(tmp_path):
    frames = simulate(tmp_path / "frames", *NOISELESS, "sources.count=0", "stack.frames=5", "stack.offset_rms=0", "sky.level=0.25", "stack.roll_step_deg=11")
    tessera("mosaic", frames, "-o", tmp_path / "out")
    image, _ = plane(tmp_path / "out" / "mosaic.fits")
    values = image[np.isfinite(image)]
    assert len(values) > 50000 and np.abs(values / 0.25 - 1).max() <= 1e-6


def test_flux_is_conserved(tmp_path):
    frames = simulate(tmp_path / "frames", *NOISELESS, "camera.sip_order=0", "sources.placement=grid", "sources.count=9", "stack.frames=1", "stack.offset_rms=0",
                      "sky.level=0", "psf.fwhm_pix=2")
    tessera("mosaic", frames, "-o", tmp_path / "out", "--set", "background.method=none", "--set", "grid.rotation=33", "--set", "grid.oversample=1.37", "--set", "input.scale_noise=false")
    image, header = plane(tmp_path / "out" / "mosaic.fits")
    cov, _ = plane(tmp_path / "out" / "mosaic_cov.fits")
    frame = fits.open(next(frames.glob("*_cbcd.fits")))[0]
    scale = np.abs(np.linalg.det(WCS(frame.header).pixel_scale_matrix)) * np.radians(1) ** 2
    there, here = np.nansum(frame.data.astype(float)) * scale, np.nansum(image * cov) * header["PIXAR_SR"]
    # Solid angles follow the projection (1/cos³ of the distance to the tangent point): below 1e-6 over 2.6 arcmin.
    assert abs(here / there - 1) < 1e-6


NOISY = ("stack.frames=24", "stack.dither_scale=small", "stack.offset_rms=0.05", "stack.roll_step_deg=2", "sources.placement=grid", "sources.count=196",
         "sources.flux_min_ujy=30", "sources.flux_max_ujy=1500", "sky.level=0.1", "defects.cosmic_fraction=0.003")


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    base = tmp_path_factory.mktemp("noisy")
    frames = simulate(base / "frames", *NOISY)
    tessera("mosaic", frames, "-o", base / "out")
    return frames, base / "out"


def test_offsets_are_recovered_at_the_noise_limit(noisy):
    frames, out = noisy
    _, table = truth(frames)
    found = Table.read(out / "offsets.tbl", format="ascii.ipac")
    true = np.asarray(table["offset"], float)
    error = (np.asarray(found["Offset"]) - np.mean(found["Offset"])) - (true - true.mean())
    # The limit: a frame's mean sky is known to σ/√(good pixels); offsets are of means of frames that cover each other almost whole.
    unc = fits.getdata(next(frames.glob("*_cbunc.fits"))).astype(float)
    limit = np.nanmedian(unc) / np.sqrt(np.isfinite(unc).sum())
    print(f"offsets: rms error {error.std():.6f}, limit of whole frames {limit:.6f}, stated {np.mean(found['del_Offset']):.6f}")
    stated = np.asarray(found["del_Offset"])
    assert error.std() <= 1.2 * limit * np.sqrt(1.35)  # dithers leave about three quarters of a frame in common with the others
    assert 0.6 < (error / stated).std() < 1.5


def flux_pulls(frames, out):
    """(measured, true, error) µJy of the well covered stars."""
    sources, _ = truth(frames)
    image, header = plane(out / "mosaic.fits")
    unc, _ = plane(out / "mosaic_unc.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    wcs = WCS(header)
    # Mean noise correlation that area overlap of many dithers makes: the cubic B-spline at whole pixels, (1/6, 2/3, 1/6) per axis.
    rho = {(dx, dy): (1, 0.25)[abs(dx)] * (1, 0.25)[abs(dy)] for dx in (-1, 0, 1) for dy in (-1, 0, 1)}
    rows = []
    for s in sources:
        x, y = (float(v) for v in wcs.all_world2pix(s["ra"], s["dec"], 0))
        flux = aperture_flux(image, x, y, 4, 8, 14)
        slices, w = aperture_fraction(image.shape, x, y, 4)
        # Where a frame ends inside a star its sampling errors do not average out: 0.2 % of the flux, no noise.
        if not np.isfinite(flux) or cov[slices].min() < 0.8 * cov[slices].max() or cov[slices].min() < 8:
            continue
        ws = w * unc[slices]
        padded = np.pad(ws, 1)
        variance = sum(r * (ws * padded[1 + dy:1 + dy + ws.shape[0], 1 + dx:1 + dx + ws.shape[1]]).sum() for (dx, dy), r in rho.items())
        sky_sigma = np.median(unc[int(y) - 14:int(y) + 15, int(x) - 14:int(x) + 15])
        annulus_pixels = np.pi * (14 ** 2 - 8 ** 2)
        variance += (np.pi * 16) ** 2 * sky_sigma ** 2 * 2.25 * np.pi / 2 / annulus_pixels
        rows.append((flux * header["PIXAR_SR"] * 1e12, s["flux"], np.sqrt(variance) * header["PIXAR_SR"] * 1e12))
    return np.array(rows).T


def test_star_fluxes_have_honest_errors(tmp_path):
    pulls = []
    for seed in (1, 2, 3, 4):
        frames = simulate(tmp_path / f"frames{seed}", *NOISY, *CLEAN, seed=seed)
        tessera("mosaic", frames, "-o", tmp_path / f"out{seed}")
        measured, true, error = flux_pulls(frames, tmp_path / f"out{seed}")
        pulls.append((measured - true) / error)
    pulls = np.concatenate(pulls)
    print(f"{len(pulls)} stars: flux pulls have width {robust_sigma(pulls):.3f}, standard deviation {pulls.std():.3f}, mean {pulls.mean():+.3f}")
    assert len(pulls) > 200
    known_to = 1.2 / np.sqrt(len(pulls))  # standard error of the robust width of so many pulls
    assert 0.95 - known_to <= robust_sigma(pulls) <= 1.05 + known_to
    assert pulls.std() <= 1.05 + 2 * known_to


@pytest.mark.parametrize("known", [True, False])
def test_hits_bias_star_fluxes_little(tmp_path, known):
    """Known: flagged in the mask, so that only the lost pixels of undersampled cores matter; else as rejection finds them."""
    frames = simulate(tmp_path / "frames", *NOISY, f"defects.cosmic_masked={str(known).lower()}")
    tessera("mosaic", frames, "-o", tmp_path / "out")
    measured, true, error = flux_pulls(frames, tmp_path / "out")
    bright = true > np.median(true)
    excess = measured[bright] / true[bright] - 1
    pulls = (measured - true) / error
    print(f"{bright.sum()} bright stars, hits {'flagged' if known else 'left in'}: flux bias {100 * np.median(excess):+.3f} %, robust scatter "
          f"{100 * robust_sigma(excess):.3f} %, median error {100 * np.median(error[bright] / true[bright]):.3f} %, pull width of all {robust_sigma(pulls):.3f}")
    assert abs(np.median(excess)) < 0.005 and robust_sigma(excess) < 0.02
