"""What the end-to-end tests share: running the program, reading products, measuring stars the plain way."""
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("TESSERA_SHARED_DATA", ROOT.parent / "shared" / "data"))
TESSERA = os.environ.get("TESSERA", os.path.join(os.environ.get("TESSERA_BUILD", str(ROOT / "build" / "release")), "tessera"))

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="skipped: no shared data")


def tessera(*args, code=0, timeout=600, **kwargs):
    """Runs the program; fails the test unless it ends with `code`. Returns the finished process."""
    done = subprocess.run([TESSERA, *map(str, args)], capture_output=True, text=True, timeout=timeout,
                          stdin=subprocess.DEVNULL, **kwargs)
    assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
    return done


def plane(path):
    with fits.open(path) as hdus:
        return hdus[0].data.astype(float), hdus[0].header


def run_record(out):
    return json.loads((pathlib.Path(out) / "run.json").read_text())


def robust_sigma(values):
    values = np.asarray(values)
    return 1.4826 * np.median(np.abs(values - np.median(values)))


def aperture_fraction(shape, x, y, radius, oversample=10):
    """Fraction of each pixel of a cut-out inside a circle; returns (slices, weights)."""
    x0, x1 = max(0, int(np.floor(x - radius - 1))), min(shape[1], int(np.ceil(x + radius + 2)))
    y0, y1 = max(0, int(np.floor(y - radius - 1))), min(shape[0], int(np.ceil(y + radius + 2)))
    sub = (np.arange(oversample) + 0.5) / oversample - 0.5
    px = (np.arange(x0, x1)[:, None] + sub).ravel() - x
    py = (np.arange(y0, y1)[:, None] + sub).ravel() - y
    inside = (px[None, :] ** 2 + py[:, None] ** 2 <= radius ** 2).astype(float)
    weights = inside.reshape(y1 - y0, oversample, x1 - x0, oversample).mean(axis=(1, 3))
    return (slice(y0, y1), slice(x0, x1)), weights


def annulus_values(image, x, y, inner, outer):
    (sy, sx), _ = aperture_fraction(image.shape, x, y, outer)
    yy, xx = np.mgrid[sy, sx]
    r = np.hypot(xx - x, yy - y)
    values = image[sy, sx][(r > inner) & (r < outer)]
    return values[np.isfinite(values)]


def annulus_mean(image, x, y, inner, outer):
    """Linear in the image: the same for a mean of frames as in the mean over frames, whatever faint stars are there."""
    values = annulus_values(image, x, y, inner, outer)
    return values.mean() if len(values) else np.nan


def annulus_background(image, x, y, inner, outer):
    """Clipped median: what photometry programs use; where faint stars crowd it depends on the noise."""
    values = annulus_values(image, x, y, inner, outer)
    for _ in range(5):
        middle, width = np.median(values), robust_sigma(values)
        kept = values[np.abs(values - middle) < 3 * width]
        if len(kept) == len(values) or len(kept) < 10:
            break
        values = kept
    return np.median(values) if len(values) else np.nan


def aperture_flux(image, x, y, radius, inner, outer, background=annulus_background):
    """Sum over a circle less the annulus' level; NaN when a pixel of the circle is NaN or the edge is near."""
    if not (outer < x < image.shape[1] - outer and outer < y < image.shape[0] - outer):
        return np.nan
    slices, weights = aperture_fraction(image.shape, x, y, radius)
    cut = image[slices]
    if np.isnan(cut[weights > 0]).any():
        return np.nan
    return float(np.nansum((cut - background(image, x, y, inner, outer)) * weights))


def centroid(image, x, y, sigma=1.3, rounds=20):
    """Gaussian-weighted centroid, iterated (as SExtractor's windowed positions)."""
    for _ in range(rounds):
        x0, y0 = int(round(x)), int(round(y))
        if not (6 < x0 < image.shape[1] - 7 and 6 < y0 < image.shape[0] - 7):
            return np.nan, np.nan
        yy, xx = np.mgrid[y0 - 5:y0 + 6, x0 - 5:x0 + 6]
        cut = image[y0 - 5:y0 + 6, x0 - 5:x0 + 6] - annulus_background(image, x, y, 6, 11)
        weight = cut * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * sigma ** 2))
        total = weight.sum()
        if not np.isfinite(total) or total <= 0:
            return np.nan, np.nan
        dx, dy = 2 * (weight * (xx - x)).sum() / total, 2 * (weight * (yy - y)).sum() / total
        x, y = x + dx, y + dy
        if np.hypot(dx, dy) < 1e-4:
            break
    return x, y


def find_stars(image, sigma, threshold, separation=12, contrast=0.1):
    """Pixel positions of local maxima above threshold·sigma over the median, brightest first, without another maximum of more than
    `contrast` of their height within `separation`."""
    from scipy.ndimage import maximum_filter
    filled = np.where(np.isfinite(image), image, np.nanmedian(image))
    excess = (filled - np.median(filled)) / sigma
    peaks = np.argwhere((excess == maximum_filter(excess, 5)) & (excess > threshold * contrast))
    heights = excess[peaks[:, 0], peaks[:, 1]]
    kept = []
    for (y, x), height in zip(peaks, heights):
        if height <= threshold:
            continue
        near = np.hypot(peaks[:, 0] - y, peaks[:, 1] - x) < separation
        if (heights[near] > contrast * height).sum() == 1:
            kept.append((height, x, y))
    return [(x, y) for _, x, y in sorted(kept, reverse=True)]


def sip_to_tpv(header):
    """The header with its TAN-SIP WCS as the same map in TPV form: substituting u = CD⁻¹ξ in ξ = CD (u + f(u)) is exact."""
    order = max(header["A_ORDER"], header["B_ORDER"])
    cd = np.array([[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]])
    exponents = [(n - k, k) for n in range(order + 1) for k in range(n + 1)]  # x^(n−k) y^k, TPV's order without r terms
    rng = np.random.default_rng(1)
    span = np.abs(cd).sum() * 300
    xi, eta = rng.uniform(-1, 1, (2, 40 * len(exponents)))
    u, v = np.linalg.inv(cd) @ np.array([xi, eta]) * span

    def distortion(name):
        return sum(header.get(f"{name}_{i}_{j}", 0.0) * u ** i * v ** j for i in range(order + 1) for j in range(order + 1 - i))

    target = cd @ np.array([u + distortion("A"), v + distortion("B")]) / span
    out = header.copy()
    for key in [k for k in out if k.split("_")[0] in ("A", "B", "AP", "BP") and k != "A_DMAX"]:
        del out[key]
    out["CTYPE1"], out["CTYPE2"] = "RA---TPV", "DEC--TPV"
    numbers, n = [], 0
    for degree in range(order + 1):  # numbering: 0; 1 2 (3 = r); 4–6; 7–10 (11 = r³); 12–16; 17–22 (23 = r⁵); …
        for k in range(degree + 1):
            numbers.append(n)
            n += 1
        n += degree % 2
    for axis, (a, b, t) in enumerate(((xi, eta, target[0]), (eta, xi, target[1])), start=1):
        matrix = np.stack([a ** i * b ** j for i, j in exponents], axis=1)
        solution = np.linalg.lstsq(matrix, t, rcond=None)[0]
        for number, (i, j), value in zip(numbers, exponents, solution):
            out[f"PV{axis}_{number}"] = value * span ** (1 - i - j)
    return out


def map_difference_arcsec(a, b, shape):
    """Largest distance between two headers' positions over the frame."""
    y, x = np.mgrid[0:shape[0]:16, 0:shape[1]:16]
    sky_a = WCS(a).all_pix2world(x.ravel(), y.ravel(), 0)
    sky_b = WCS(b).all_pix2world(x.ravel(), y.ravel(), 0)
    dra = (sky_a[0] - sky_b[0]) * np.cos(np.radians(sky_a[1]))
    return 3600 * np.hypot(dra, sky_a[1] - sky_b[1]).max()
