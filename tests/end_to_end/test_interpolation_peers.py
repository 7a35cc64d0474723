"""The methods of interpolation against other programs: reproject's exact and adaptive, Montage's mProject on real frames."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from peers import grid_cards, have, montage_frame
from test_interpolation import PLAIN, mosaic, tan_header
from tools import SHARED, needs_shared, plane, robust_sigma

IRAC = SHARED / "spitzer_irac_grb120119a"


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Noise around a smooth sky, no bad pixel."""
    base = tmp_path_factory.mktemp("peers")
    rng = np.random.default_rng(8)
    y, x = np.mgrid[:90, :100]
    data = (5 + rng.normal(0, 1, x.shape) + 20 * np.exp(-((x - 47.3) ** 2 + (y - 44.8) ** 2) / 6)).astype(np.float32)
    header = tan_header(0, 1.2, data.shape, (50.3, 45.1))
    fits.writeto(base / "frame.fits", data, header)
    fits.writeto(base / "sigma.fits", np.ones_like(data), header)
    return base, data, header


def ours(frame, tmp_path, angle, scale, *settings):
    base, _, header = frame
    n = int(150 * 1.2 / scale)
    grid = tan_header(angle, scale, (n, n), (n / 2 + 0.3, n / 2 + 0.7))
    fits.writeto(tmp_path / "grid.fits", np.zeros((n, n), np.float32), grid)
    (tmp_path / "images.txt").write_text(f"{base / 'frame.fits'}\n")
    (tmp_path / "sigmas.txt").write_text(f"{base / 'sigma.fits'}\n")
    out = mosaic(["-I", tmp_path / "images.txt", "-S", tmp_path / "sigmas.txt"], tmp_path / "out", *PLAIN, f"grid.file={tmp_path / 'grid.fits'}", *settings)
    return plane(out / "mosaic.fits")[0], plane(out / "mosaic_cov.fits")[0], WCS(grid)


@pytest.mark.parametrize("angle,scale", [(0, 0.9), (25, 0.9), (40, 1.2), (-70, 4.1)])
@pytest.mark.parametrize("kernel,tolerance", [("hann", 2e-5), ("gaussian", 5e-3)])
def test_adaptive_agrees_with_reproject(frame, tmp_path, angle, scale, kernel, tolerance):
    """The values run from 2 to 25, with a scatter of 1. Hann: the same formula. Gaussian: reproject samples the kernel in a box of the frame's axes around
    the region asked for, we in the region itself."""
    reproject = pytest.importorskip("reproject", reason="skipped: no reproject package")
    data, coverage, grid = ours(frame, tmp_path, angle, scale, "interpolation.method=adaptive", f"interpolation.adaptive_kernel={kernel}")
    theirs, _ = reproject.reproject_adaptive((frame[1].astype(float), WCS(frame[2])), grid, shape_out=data.shape, kernel=kernel, kernel_width=1.3, sample_region_width=5,
                                             boundary_mode="ignore", conserve_flux=False)
    inside = (coverage > 0.9999) & np.isfinite(theirs)
    largest = np.abs(data - theirs)[inside].max()
    print(f"adaptive {kernel}, turned by {angle}, output pixel {scale / 1.2:.2f}: {inside.sum()} pixels, largest difference {largest:.1e}")
    assert inside.sum() > 300 and largest < tolerance


@pytest.mark.parametrize("angle,scale", [(0, 0.9), (25, 0.9), (40, 1.2), (-70, 4.1)])
def test_area_agrees_with_reproject_exact(frame, tmp_path, angle, scale):
    reproject = pytest.importorskip("reproject", reason="skipped: no reproject package")
    data, coverage, grid = ours(frame, tmp_path, angle, scale)
    theirs, share = reproject.reproject_exact((frame[1].astype(float), WCS(frame[2])), grid, shape_out=data.shape, parallel=False)
    some = (coverage > 0.01) & (share > 0.01)
    values, shares = np.abs(data - theirs)[some].max(), np.abs(coverage - share)[some].max()
    print(f"area against reproject_exact, turned by {angle}, output pixel {scale / 1.2:.2f}: {some.sum()} pixels, largest difference of values {values:.1e}, of coverage {shares:.1e}")
    assert some.sum() > 500 and values < 1e-4 and shares < 1e-4


@needs_shared
@pytest.mark.skipif(not have("mProject"), reason="skipped: no Montage")
@pytest.mark.parametrize("channel,number,oversample", [("ch1", "0060", 1), ("ch1", "0071", 2), ("ch2", "0012", 1), ("ch2", "0020", 0.5)])
def test_area_agrees_with_montage_on_real_frames(tmp_path, channel, number, oversample):
    """Spherical areas there, planar ones in the frame here; the SIP map of the frames on both sides."""
    image = next((IRAC / channel).glob(f"*_{number}_*_cbcd.fits*"))
    out = mosaic([image], tmp_path / "out", *PLAIN, "input.fatal_bits=none", f"grid.oversample={oversample}")
    data, coverage = plane(out / "mosaic.fits")[0], plane(out / "mosaic_cov.fits")[0]
    grid_cards(out, tmp_path / "grid.hdr")
    with fits.open(image) as hdus:
        fits.writeto(tmp_path / "in.fits", hdus[0].data.astype(float), hdus[0].header, output_verify="silentfix")
    theirs, area = montage_frame(tmp_path / "montage", tmp_path / "in.fits", tmp_path / "grid.hdr")
    share = area / np.median(area[area > 0.9 * area.max()])
    both = (coverage > 0.999) & (share > 0.98) & np.isfinite(theirs)
    steep = robust_sigma(data[both])
    difference = np.abs(data - theirs)[both]
    print(f"area against mProject, {channel} {number}, oversample {oversample}: {both.sum()} pixels of {np.isfinite(data).sum()}, scatter of the sky {steep:.4f}, "
          f"largest difference {difference.max():.1e}, relative {np.max(difference / np.maximum(np.abs(data[both]), steep)):.1e}, 99.9 % {np.quantile(difference, 0.999):.1e}")
    assert both.sum() > 0.8 * np.isfinite(data).sum() and np.quantile(difference, 0.999) < 0.02 * steep
