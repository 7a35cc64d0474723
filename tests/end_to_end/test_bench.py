"""The benchmark of whole runs goes through on a tiny stack, with the peers that are there, and its parts compute what they say."""
import math
import subprocess
import sys

import numpy as np
import pytest

from tools import ROOT

sys.path.insert(0, str(ROOT / "bench"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    base = tmp_path_factory.mktemp("bench")
    done = subprocess.run([sys.executable, ROOT / "bench" / "run.py", "--tiny", "--no-curves", "--no-fidelity", "--out", base / "out", "--work", base / "work"], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return base / "out", done


def test_a_tiny_run_has_every_job_and_target(tiny):
    out, done = tiny
    text = (out / "RESULTS.md").read_text()
    assert "left out" not in done.stderr and "DISAGREE" not in text
    for job in ("Lanczos-3", "exact overlap", "drizzle, pixfrac 0.8", "exact overlap, four schemes of rejection", "exact overlap, matched backgrounds", "whole default job, 2 threads"):
        assert f"| tessera, {job} |" in text, job
    assert "| tessera overlap |" in text
    for target in ("≥ 25 Mpix / CPU s", "≥ 15 Mpix", "≤ 2.5 × CPU", "≥ 1.85 × wall", "≤ 1 CPU s", "≤ 1.2 ×"):
        assert target in text, target
    assert (out / "speed.svg").read_text().startswith("<svg")


def test_a_peer_that_is_there_is_compared(tiny):
    import peers
    text = (tiny[0] / "RESULTS.md").read_text()
    if not peers.have("SWarp"):
        pytest.skip("SWarp is not installed")
    assert "| SWarp Lanczos-3 |" in text and "agree: " in text


def test_mosaics_that_differ_are_told(tmp_path):
    from agree import compare
    from astropy.io import fits
    rng = np.random.default_rng(1)
    image, ones = rng.normal(5, 1, (60, 60)).astype(np.float32), np.ones((60, 60), np.float32)
    for name, data in (("mosaic", image), ("mosaic_unc", ones), ("mosaic_cov", 4 * ones)):
        fits.writeto(tmp_path / f"{name}.fits", data)
    everywhere = np.ones((60, 60), bool)
    assert compare(tmp_path, image + 0.001, everywhere).holds
    assert not compare(tmp_path, image + 0.1, everywhere).holds, "another level"
    assert not compare(tmp_path, image + rng.normal(0, 0.5, image.shape), everywhere).holds, "noise of its own"
    assert not compare(tmp_path, image, np.arange(3600).reshape(60, 60) < 1800).holds, "half of it"


def test_the_slope_of_a_power_law_is_its_exponent():
    from curves import Curve
    from timing import Cost
    curve = Curve("t", "x", "", [(n, Cost(2 * n ** 0.5, 3 * n ** 1.1, 7)) for n in (10, 100, 1000)])
    assert curve.slope("wall") == pytest.approx(0.5) and curve.slope("cpu") == pytest.approx(1.1) and math.isclose(curve.slope("peak_mib"), 0, abs_tol=1e-12)


def test_the_limit_of_two_frames_that_overlap_is_the_error_of_their_difference(tmp_path):
    """Offsets ±d/2 about their mean, each known to σ √(2/N)/2 for N shared pixels of noise σ."""
    import offsets_limit
    from astropy.io import fits
    from astropy.wcs import WCS
    w = WCS(naxis=2)
    w.wcs.ctype, w.wcs.crval, w.wcs.crpix, w.wcs.cdelt = ["RA---TAN", "DEC--TAN"], [10, 0], [80.5, 40.5], [-1e-4, 1e-4]
    fits.writeto(tmp_path / "mosaic.fits", np.zeros((80, 160), np.float32), w.to_header())
    images = []
    for k, x0 in enumerate((0, 80 - 16)):
        v = w.deepcopy()
        v.wcs.crpix = v.wcs.crpix - np.array([x0, 0])
        images.append(tmp_path / f"f{k}_cbcd.fits")
        fits.writeto(images[-1], np.zeros((80, 80), np.float32), v.to_header())
        fits.writeto(tmp_path / f"f{k}_cbunc.fits", np.full((80, 80), 0.3, np.float32))
    limit, sigma = offsets_limit.limit(images, tmp_path / "mosaic.fits")
    assert sigma == pytest.approx(0.3) and limit == pytest.approx(0.3 * np.sqrt(2 / (16 * 80)) / 2, rel=1e-6)
