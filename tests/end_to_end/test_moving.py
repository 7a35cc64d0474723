"""A moving object kept still: its light adds up in one place, whichever way its track is given, and the stars go."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tools import aperture_flux, centroid, plane, tessera

pytestmark = pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
SCALE, SIDE, SIGMA, FWHM = 1.2, 100, 0.01, 2.6
FRAMES, FLUX = 12, 40.0  # flux: sum over pixels of MJy/sr
START, STEP = 60000.125, 0.004  # MJD of the first exposure; days between exposures
SETTINGS = ("--set", "background.method=none", "--set", "output.pictures=false", "--set", "output.report=false", "--pixel-scale", str(SCALE))


def where(mjd):
    """High up in declination, where a shift of coordinates is not a shift on the sky; 6″ from frame to frame, curved."""
    t = (mjd - START) / STEP
    return 180.0 + 4.2 * t / 3600 / np.cos(np.radians(70)), 70.0 + (4.0 * t + 0.05 * t * t) / 3600


def star_image(shape, x, y, flux, fwhm=FWHM):
    s = fwhm / 2.3548
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    return flux * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * s * s)) / (2 * np.pi * s * s)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("moving"), 15)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    return make_frames(tmp_path_factory.mktemp("alone"), 0)


def make_frames(folder, star_count):
    """Noisy frames that follow nothing: dithers about the middle of the path."""
    rng = np.random.default_rng(7)
    middle = where(START + STEP * (FRAMES - 1) / 2)
    stars = [(middle[0] + dx / 3600 / np.cos(np.radians(70)), middle[1] + dy / 3600, f) for dx, dy, f in rng.uniform((-45, -45, 20), (45, 45, 200), (star_count, 3))]
    lists = {"image": [], "sigma": []}
    for i in range(FRAMES):
        mjd = START + i * STEP
        header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": middle[0] + rng.uniform(-6, 6) / 1200, "CRVAL2": middle[1] + rng.uniform(-6, 6) / 3600,
                              "CRPIX1": 50.3, "CRPIX2": 50.8, "CDELT1": -SCALE / 3600, "CDELT2": SCALE / 3600, "CROTA2": 4.0 * i, "BUNIT": "MJy/sr", "EXPTIME": 30.0})
        header["MJD-OBS"] = mjd - 15 / 86400
        header["OBJ_RA"], header["OBJ_DEC"] = where(mjd)
        image, wcs = rng.normal(0.3, SIGMA, (SIDE, SIDE)), WCS(header)
        for ra, dec, flux in [*stars, (*where(mjd), FLUX)]:
            image += star_image(image.shape, *wcs.all_world2pix(ra, dec, 0), flux)
        for kind, pixels in (("image", image), ("sigma", np.full_like(image, SIGMA))):
            path = folder / f"{kind}{i:02}.fits"
            fits.writeto(path, pixels.astype("f4"), header)
            lists[kind].append(str(path))
    for kind, names in lists.items():
        (folder / f"{kind}.txt").write_text("\n".join(names) + "\n")
    times = START + np.arange(-3, FRAMES + 3, 2) * STEP  # every other exposure: positions between them are interpolated
    ra, dec = where(times)
    Table({"datetime_jd": times + 2400000.5, "RA": ra, "DEC": dec}).write(folder / "track.ecsv", format="ascii.ecsv")
    Table({"time": ["2023-02-25T" + t for t in ("02:00:00", "04:00:00")], "ra": ra[:2], "dec": dec[:2]}).write(folder / "short.ecsv", format="ascii.ecsv")
    return folder


def mosaic(frames, out, *options, **kwargs):
    return tessera("mosaic", "-I", frames / "image.txt", "-S", frames / "sigma.txt", "-o", out, *SETTINGS, *options, **kwargs)


CARDS = ("--set", "grid.moving_ra=OBJ_RA", "--set", "grid.moving_dec=OBJ_DEC")


@pytest.mark.parametrize("way", ["header", "track"])
@pytest.mark.parametrize("reference", [1, 7])
def test_the_object_is_a_point_of_the_right_flux_in_the_right_place(frames, tmp_path, way, reference):
    out = tmp_path / "out"
    options = ("--moving", "header", *CARDS) if way == "header" else ("--moving", frames / "track.ecsv")
    mosaic(frames, out, *options, "--set", f"grid.moving_reference={reference}")
    image, header = plane(out / "mosaic.fits")
    ra, dec = where(START + (reference - 1) * STEP)
    assert abs(header["RA_REF"] - ra) < 1e-7 and abs(header["DEC_REF"] - dec) < 1e-7
    x, y = map(float, WCS(header).all_world2pix(ra, dec, 0))
    cx, cy = centroid(image, x, y)
    flux, error = aperture_flux(image, x, y, 6, 9, 14), SIGMA * np.sqrt(np.pi * 36 / FRAMES)
    print(f"{way}, frame {reference}: off by {cx - x:+.3f} {cy - y:+.3f} px, flux {flux:.3f} of {FLUX} (1 sigma {error:.3f})")
    # Position error of a point of this signal to noise: 0.6 FWHM / SNR < 0.01 px; the rest is for resampling.
    assert np.hypot(cx - x, cy - y) < 0.03
    # What stars leave below the thresholds where they pass the object.
    assert abs(flux / FLUX - 1) < 0.01
    # Nothing else is left: stars pass each pixel once and are rejected.
    unc = plane(out / "mosaic_unc.fits")[0]
    yy, xx = np.mgrid[:image.shape[0], :image.shape[1]]
    deep = (plane(out / "mosaic_cov.fits")[0] > 8) & (np.hypot(xx - x, yy - y) > 8)
    left = np.abs((image - 0.3) / unc)[deep]
    assert deep.sum() > 2000 and np.mean(left > 6) < 0.003, (left > 6).sum()
    table = Table.read(out / "moving.tbl", format="ascii.ipac")
    assert len(table) == FRAMES and abs(table["carried_north"][reference - 1]) < 1e-6
    assert np.allclose(table["ra"], where(START + np.arange(FRAMES) * STEP)[0], atol=2e-8)


@pytest.mark.parametrize("options", [("--moving", "header"), ("--moving", "header", "--set", "interpolation.method=drizzle")], ids=["area", "drizzle"])
def test_alone_on_the_sky_it_keeps_its_flux_to_the_noise(alone, tmp_path, options):
    mosaic(alone, tmp_path / "out", *CARDS, *options)
    image, header = plane(tmp_path / "out" / "mosaic.fits")
    x, y = map(float, WCS(header).all_world2pix(header["RA_REF"], header["DEC_REF"], 0))
    flux, error = aperture_flux(image, x, y, 6, 9, 14), SIGMA * np.sqrt(np.pi * 36 / FRAMES)
    print(f"flux {flux:.3f} of {FLUX} (1 sigma {error:.3f})")
    assert abs(flux - FLUX) < 4 * error  # an aperture of radius 2.3 FWHM holds all but 4e-7 of a Gaussian


def test_without_it_the_object_goes_and_the_stars_stay(frames, tmp_path):
    out = tmp_path / "out"
    mosaic(frames, out)
    image, header = plane(out / "mosaic.fits")
    x, y = map(float, WCS(header).all_world2pix(*where(START + 6 * STEP), 0))
    assert abs(aperture_flux(image, x, y, 4, 9, 14)) < 0.1 * FLUX
    assert "RA_REF" not in header and not (out / "moving.tbl").exists()


def test_tiles_change_no_bit(frames, tmp_path):
    for name, more in (("a", ("--threads", "1")), ("b", ("--threads", "3", "--set", "run.tile_size=23"))):
        mosaic(frames, tmp_path / name, "--moving", frames / "track.ecsv", *more)
    for p in ("mosaic", "mosaic_unc", "mosaic_cov"):
        assert fits.getheader(tmp_path / "a" / f"{p}.fits")["DATASUM"] == fits.getheader(tmp_path / "b" / f"{p}.fits")["DATASUM"]


def test_what_is_wrong_is_said(frames, tmp_path):
    for options, code, words in ((("--moving", "header"), 1, "card RA_REF"),
                                 (("--moving", frames / "short.ecsv"), 1, "outside the track"),
                                 (("--moving", "header", *CARDS, "--set", "grid.moving_reference=13"), 2, "there are 12 frames"),
                                 (("--moving", frames / "image00.fits"), 1, "image00.fits"),
                                 (("--moving", frames / "none.tbl"), 1, "none.tbl")):
        done = mosaic(frames, tmp_path / "no", *options, code=code)
        assert words in done.stderr and not (tmp_path / "no").exists(), done.stderr
