"""Cameras and forms of input other than plain IRAC files: the same truth through each, and real frames of other telescopes."""
import gzip
import shutil

import erfa
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from conftest import simulate
from stars import CLEAN, NOISELESS, blank_sky_pulls, header_of, measure, offset_errors, pixel_area_sr, summary, truth_frames, truth_sources
from tools import SHARED, aperture_flux, centroid, find_stars, needs_shared, plane, robust_sigma, run_record, tessera

STARS = ("sources.placement=grid", "sources.count=49", "sources.flux_min_ujy=1000", "sources.flux_max_ujy=3000")
SMALL = ("camera.width=128", "camera.height=128", "stack.frames=6", "stack.dither_size_pix=6", "stack.roll_step_deg=4", "psf.fwhm_pix=2.2", "stack.offset_rms=0.05")
SKY = (*CLEAN, "sources.count=0", "camera.width=160", "camera.height=160", "stack.frames=16", "stack.roll_step_deg=4", "stack.dither_scale=small")
LAYOUTS = {"irac": "MJy/sr", "mips": "MJy/sr", "jwst": "MJy/sr", "hst": "electron/arcsec2", "plain": "MJy/sr"}


def mosaic(frames, out, *args):
    inputs = frames if isinstance(frames, list) else [frames]
    tessera("mosaic", *inputs, "-o", out, "--no-pictures", *args)
    return out


def images(folder):
    """The image files of a simulated folder, in order."""
    return sorted(f for f in folder.iterdir() if f.name.startswith("SIM_") and "unc" not in f.name and "msk" not in f.name)


def caveats(out):
    return " | ".join(c["message"] for c in run_record(out)["caveats"])


def ujy_per_electron(frame):
    """What one electron of an exposure is worth, by its own photometric cards: erg/s/cm²/Å at the pivot wavelength."""
    primary, sci = fits.getheader(frame, 0), fits.getheader(frame, "SCI")
    fnu = sci["PHOTFLAM"] / primary["EXPTIME"] * sci["PHOTPLAM"] ** 2 / 2.99792458e18
    return fnu * 1e23 * 1e6


@pytest.fixture(scope="module")
def noiseless(tmp_path_factory):
    base = tmp_path_factory.mktemp("noiseless")
    return {layout: simulate(base / layout, *NOISELESS, *STARS, *SMALL, f"camera.layout={layout}") for layout in LAYOUTS}


@pytest.fixture(scope="module")
def plain_sky(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sky") / "plain", *SKY, "camera.layout=plain")


@pytest.mark.parametrize("layout,unit", LAYOUTS.items())
def test_stars_of_every_camera_have_their_true_fluxes_and_places(noiseless, tmp_path, layout, unit):
    frames = noiseless[layout]
    out = mosaic(frames, tmp_path / "out", "--set", "rejection.method=none")
    header = header_of(out)
    assert header["BUNIT"] == unit
    factor = 1e12
    if layout == "hst":  # electron/arcsec² → µJy/sr
        factor = ujy_per_electron(images(frames)[0]) * (180 * 3600 / np.pi) ** 2
    ratio, apart = measure(out, truth_sources(frames), annulus=(9, 14), least=5.99, unit_ujy_per_sr=factor)
    summary(layout, ratio, apart)
    # PHOTFLAM is that of the reference pixel, the program divides by the median pixel's area.
    assert np.isfinite(ratio).sum() > 8 and np.nanmax(np.abs(ratio - 1)) < (0.01 if layout == "hst" else 1e-3) and np.nanmax(apart) < 0.02
    assert np.nanstd(ratio) < 1e-3
    if layout != "hst":
        assert np.abs(offset_errors(frames, out)).max() < 1e-4
    times = truth_frames(frames)["mjd"]
    exposure = fits.getheader(images(frames)[0]).get("EXPTIME") or fits.getheader(images(frames)[0]).get("EFFEXPTM")
    assert header["MJD-BEG"] == pytest.approx(times.min(), abs=1e-6) and 0.9 < (header["MJD-END"] - times.max()) * 86400 / exposure < 1.1
    assert header["TOTEXP"] == pytest.approx(6 * exposure) and header["NCOMBINE"] == 6
    cov, exp = plane(out / "mosaic_cov.fits")[0], plane(out / "mosaic_exp.fits")[0]
    assert np.allclose(exp, cov * exposure, rtol=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_blank_sky_of_every_camera_has_honest_errors(plain_sky, tmp_path, layout):
    frames = plain_sky if layout == "plain" else simulate(tmp_path / "frames", *SKY, f"camera.layout={layout}", seed=len(layout))
    out = mosaic(frames, tmp_path / "out")
    pulls = blank_sky_pulls(out, step=9, least=6)
    print(f"{layout}: {len(pulls)} apertures, width {pulls.std():.3f}, robust {robust_sigma(pulls):.3f}, mean {pulls.mean():+.3f}")
    assert len(pulls) > 200 and 0.9 <= pulls.std() <= 1.1
    assert ("noise" in caveats(out)) == (layout == "plain")


def bad_patch(name):
    """HDU and value of each layout's mask that rejects a pixel, and one that does not."""
    return {"irac": (0, 1 << 14, 1 << 4), "mips": (0, 1 << 14, 1 << 4), "hst": ("DQ", 4, 4096), "jwst": ("DQ", 1, 4)}[name]


@pytest.mark.parametrize("layout", ["irac", "mips", "hst", "jwst"])
def test_masks_are_honoured(noiseless, tmp_path, layout):
    """A patch of nonsense under a fatal bit is left out; under another bit it is data."""
    hdu, fatal, harmless = bad_patch(layout)
    clean = mosaic(noiseless[layout], tmp_path / "clean", "--set", "rejection.method=none", "--set", "background.method=none")
    values = {}
    for name, bits in (("fatal", fatal), ("harmless", harmless)):
        folder = tmp_path / name
        shutil.copytree(noiseless[layout], folder)
        image = images(folder)[2]
        mask = image if layout in ("hst", "jwst") else next(f for f in folder.iterdir() if "msk" in f.name and image.name[:12] == f.name[:12])
        with fits.open(mask, mode="update") as hdus:
            hdus[hdu].data[60:70, 60:70] |= bits
        with fits.open(image, mode="update") as hdus:
            hdus["SCI" if layout in ("hst", "jwst") else 0].data[60:70, 60:70] = 1e6
        values[name] = mosaic(folder, tmp_path / f"{name}_out", "--set", "rejection.method=none", "--set", "background.method=none")
    reference = plane(clean / "mosaic.fits")[0]
    kept, spoilt = (plane(values[k] / "mosaic.fits")[0] for k in ("fatal", "harmless"))
    assert np.nanmax(np.abs(kept - reference)) < np.nanmax(reference) and np.nanmax(spoilt) > 1e4
    lost = plane(clean / "mosaic_cov.fits")[0] - plane(values["fatal"] / "mosaic_cov.fits")[0]
    assert lost.sum() == pytest.approx(100, rel=0.05), "the patch of 100 frame pixels counts no more"
    none = mosaic(tmp_path / "fatal", tmp_path / "none", "--fatal-bits", "none", "--set", "rejection.method=none", "--set", "background.method=none")
    assert np.nanmax(plane(none / "mosaic.fits")[0]) > 1e4


# ---- forms of files ----

def rewritten(frames, folder, change):
    """Copies of plain frames as `change(hdu)` makes them; change returns an HDU list."""
    folder.mkdir()
    for f in images(frames):
        with fits.open(f) as hdus:
            change(hdus[0].copy(), f.name).writeto(folder / f.name)
    return folder


def same_pixels(a, b, names=("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp")):
    for name in names:
        x, y = plane(a / f"{name}.fits")[0], plane(b / f"{name}.fits")[0]
        assert x.shape == y.shape and np.array_equal(np.isnan(x), np.isnan(y)), name
        assert np.allclose(x, y, rtol=2e-6, atol=1e-7, equal_nan=True), name


def test_compressed_frames_give_the_same_mosaic(plain_sky, tmp_path):
    """Tile-compressed by the simulator, gzipped here; rejection masks are named after the image."""
    plain = mosaic(plain_sky, tmp_path / "plain")
    tiled = simulate(tmp_path / "tiled", *SKY, "camera.layout=plain", "products.compress=true")
    assert all(f.name.endswith(".fits.fz") for f in images(tiled))
    same_pixels(plain, mosaic(tiled, tmp_path / "tiled_out", "--rmasks"))
    assert {f.name for f in (tmp_path / "tiled_out" / "Rmask").iterdir()} == {f.name.replace(".fits", "_rmask.fits") for f in images(plain_sky)}
    zipped = tmp_path / "zipped"
    zipped.mkdir()
    for f in images(plain_sky):
        (zipped / f"{f.name}.gz").write_bytes(gzip.compress(f.read_bytes(), 1))
    same_pixels(plain, mosaic(zipped, tmp_path / "zipped_out"))


def test_frames_of_one_name_in_two_folders_keep_their_own_rejection_masks(plain_sky, tmp_path):
    other = simulate(tmp_path / "other", *SKY, "camera.layout=plain", seed=9)
    out = mosaic([images(plain_sky)[0], images(plain_sky)[1], images(other)[0]], tmp_path / "out", "--rmasks")
    name, second = images(other)[0].name.replace(".fits", ""), images(plain_sky)[1].name.replace(".fits", "")
    assert {f.name for f in (out / "Rmask").iterdir()} == {f"{name}_image1_rmask.fits", f"{name}_image3_rmask.fits", f"{second}_rmask.fits"}


@pytest.mark.parametrize("dtype,zero", [(np.int16, 0.1), (np.uint16, 32768), (np.int32, 0.0)])
def test_scaled_integers_are_the_values_they_stand_for(plain_sky, tmp_path, dtype, zero):
    """BSCALE, BZERO and BLANK; the same values as floats give the same mosaic."""
    step = 1e-5
    blank = np.iinfo(np.int16).min if dtype != np.int32 else -5

    def stored(data):
        raw = np.round(data / step).astype(np.int64) if dtype == np.uint16 else np.round((data - zero) / step).astype(np.int64)
        low, high = (0, 60000) if dtype == np.uint16 else (-32000, 32000)
        return np.clip(raw, low, high)

    def hole(shape):
        return np.add.outer(np.arange(shape[0]), 3 * np.arange(shape[1])) % 97 == 0

    def integers(hdu, _):
        raw, h = stored(hdu.data), hdu.header
        if dtype == np.uint16:  # unsigned by FITS's convention: counts
            out = fits.PrimaryHDU(raw.astype(np.uint16), h)
            out.header["BUNIT"] = "adu"
            return fits.HDUList([out])
        raw[hole(raw.shape)] = blank
        out = fits.PrimaryHDU(raw.astype(dtype), h)
        out.header["BSCALE"], out.header["BZERO"], out.header["BLANK"] = step, zero, blank
        return fits.HDUList([out])

    def floats(hdu, _):
        raw = stored(hdu.data)
        if dtype == np.uint16:
            hdu.header["BUNIT"] = "adu"
            return fits.HDUList([fits.PrimaryHDU(raw.astype(np.float32), hdu.header)])
        data = (raw * step + zero).astype(np.float32)
        data[hole(data.shape)] = np.nan
        return fits.HDUList([fits.PrimaryHDU(data, hdu.header)])

    a = rewritten(plain_sky, tmp_path / "integers", integers)
    first = fits.open(images(a)[0], do_not_scale_image_data=True)[0]
    assert first.header["BITPIX"] == (32 if dtype == np.int32 else 16)
    if dtype != np.uint16:  # astropy drops the scaling when it writes an HDU it was given as integers
        for f in images(a):
            with fits.open(f, mode="update", do_not_scale_image_data=True) as hdus:
                hdus[0].header["BSCALE"], hdus[0].header["BZERO"], hdus[0].header["BLANK"] = step, zero, blank
    b = rewritten(plain_sky, tmp_path / "floats", floats)
    options = ("--set", "background.method=none", "--set", "rejection.method=none", "--set", "input.scale_noise=false")
    out = mosaic(a, tmp_path / "a_out", *options), mosaic(b, tmp_path / "b_out", *options)
    same_pixels(*out, names=("mosaic", "mosaic_cov"))
    assert plane(out[0] / "mosaic_cov.fits")[0].max() > 10


@pytest.mark.parametrize("name,power", [("ERR", 1), ("VARIANCE", 2), ("IVAR", -2), ("WHT", -2), ("companion", -2)])
def test_every_kind_of_uncertainty_plane_means_the_same(plain_sky, tmp_path, name, power):
    """σ, variance, inverse variance, and weight maps of unknown scale in the file or beside it."""
    rng = np.random.default_rng(3)
    sigma = {f.name: (0.01 * (1 + 0.5 * rng.random((160, 160)))).astype(np.float32) for f in images(plain_sky)}

    def change(p, hdu_name, factor=1.0):
        def inner(hdu, file):
            data = factor * sigma[file].astype(float) ** p
            data[5:9, 5:9] = np.nan if p > 0 else 0
            image = fits.ImageHDU(hdu.data, hdu.header, name="SCI")
            return fits.HDUList([fits.PrimaryHDU(header=fits.Header({"EXPTIME": hdu.header["EXPTIME"]})), image, fits.ImageHDU(data.astype(np.float32), name=hdu_name)])
        return inner

    # Weights have no scale of their own; the noise scale settles it for both.
    relative = name in ("WHT", "companion")
    options = () if relative else ("--set", "input.scale_noise=false")
    reference = mosaic(rewritten(plain_sky, tmp_path / "sigma", change(1, "ERR")), tmp_path / "reference", *options)
    if name == "companion":
        folder = tmp_path / "frames"
        shutil.copytree(plain_sky, folder)
        for f in images(folder):
            weight = 7 * sigma[f.name].astype(float) ** -2
            weight[5:9, 5:9] = 0
            fits.writeto(folder / f.name.replace(".fits", ".weight.fits"), weight.astype(np.float32))
    else:
        folder = rewritten(plain_sky, tmp_path / "frames", change(power, name, 7.0 if relative else 1.0))
    out = mosaic(folder, tmp_path / "out", *options)
    assert run_record(out)["frames"][0]["good_fraction"] == pytest.approx(1 - 16 / 160 ** 2)
    same_pixels(reference, out, names=("mosaic_cov", "mosaic_exp"))
    for product in ("mosaic", "mosaic_unc"):
        a, b = plane(reference / f"{product}.fits")[0], plane(out / f"{product}.fits")[0]
        assert np.nanmax(np.abs(a - b)) < 0.02 * np.nanmedian(plane(reference / "mosaic_unc.fits")[0]), product
    assert ("unknown scale" in caveats(out)) == relative


def test_without_uncertainties_gain_and_read_noise_make_the_noise_model(plain_sky, tmp_path):
    """Frames in electrons with GAIN and RDNOISE: errors of blank sky are honest, and one caveat speaks for all frames."""
    stack = simulate(tmp_path / "frames", *SKY, "camera.layout=hst", "sky.level=0.3")

    def planes(keep):
        folder = tmp_path / f"with_{'_'.join(keep)}"
        folder.mkdir()
        for f in images(stack):
            with fits.open(f) as hdus:
                header = hdus["SCI"].header.copy()
                header["GAIN"], header["RDNOISE"], header["EXPTIME"] = 1.0, hdus[0].header["READNSEC"], hdus[0].header["EXPTIME"]
                if "cards" not in keep:
                    del header["GAIN"], header["RDNOISE"]
                fits.writeto(folder / f.name, hdus["SCI"].data, header, output_verify="silentfix")
        return folder

    for keep, words in ((("cards",), "noise model from"), (("none",), "one variance per frame")):
        out = mosaic(planes(keep), tmp_path / f"out_{keep[0]}", "--set", "input.scale_noise=false")
        pulls = blank_sky_pulls(out, step=9)
        notes = [c for c in run_record(out)["caveats"] if c["kind"] == "frame-note" and words in c["message"]]
        print(f"{words}: pulls of blank sky have width {pulls.std():.3f}; {notes}")
        assert 0.9 < pulls.std() < 1.1
        assert len(notes) == 1 and notes[0]["count"] == 16


def test_a_missing_uncertainty_or_mask_is_made_up_for_or_refused(noiseless, tmp_path):
    folder = tmp_path / "frames"
    shutil.copytree(noiseless["irac"], folder)
    for f in folder.glob("*_cbunc.fits"):
        f.unlink()
    out = mosaic(folder, tmp_path / "no_unc")
    assert "noise model from" in caveats(out)
    for f in folder.glob("*_bimsk.fits"):
        f.unlink()
    done = tessera("mosaic", folder, "-o", tmp_path / "no_mask", code=1)
    assert "_bimsk.fits is missing" in done.stderr
    mosaic(folder, tmp_path / "generic", "--profile", "generic")


def test_two_chips_of_one_file_are_two_frames(noiseless, tmp_path):
    """Pairs of exposures as SCI,1 and SCI,2 of one file give the mosaic of the six single ones."""
    singles, folder = images(noiseless["hst"]), tmp_path / "frames"
    folder.mkdir()
    for first, second in zip(singles[::2], singles[1::2]):
        with fits.open(first) as a, fits.open(second) as b:
            both = fits.HDUList([a[0].copy()])
            for version, chip in ((1, a), (2, b)):
                for name in ("SCI", "ERR", "DQ"):
                    hdu = chip[name].copy()
                    hdu.ver = version
                    both.append(hdu)
            both.writeto(folder / first.name)
    out = mosaic(folder, tmp_path / "out")
    assert header_of(out)["NCOMBINE"] == 6
    same_pixels(mosaic(noiseless["hst"], tmp_path / "singles"), out)


def snr(out, sources, factor=1e12):
    """Median signal to noise of the stars by scatter of blank apertures."""
    image, header = plane(out / "mosaic.fits")
    cov, _ = plane(out / "mosaic_cov.fits")
    rng = np.random.default_rng(1)
    wcs, sums = WCS(header), []
    stars = np.array(wcs.all_world2pix(sources["ra"], sources["dec"], 0)).T
    while len(sums) < 300:
        x, y = rng.uniform(20, image.shape[1] - 20), rng.uniform(20, image.shape[0] - 20)
        if cov[int(y) - 12:int(y) + 13, int(x) - 12:int(x) + 13].min() >= 8 and np.hypot(*(stars - (x, y)).T).min() > 14:
            sums.append(aperture_flux(image, x, y, 3, 7, 12))
    return 1 / robust_sigma(sums)


@pytest.mark.parametrize("layout", ["irac", "hst"])
def test_mixed_exposures_are_weighted_by_their_sky_noise(tmp_path, layout):
    """Long and short exposures of one field. In counts they are read per second, so that stars are the same in both."""
    settings = (*CLEAN, "sources.placement=grid", "sources.count=25", "sources.flux_min_ujy=300", "sources.flux_max_ujy=600", f"camera.layout={layout}",
                "camera.width=128", "camera.height=128", "stack.dither_size_pix=6", "stack.frames=6", "psf.fwhm_pix=2.2")
    long = simulate(tmp_path / "long", *settings)
    short = simulate(tmp_path / "short", *settings, f"sources.catalog={long / 'truth_sources.ecsv'}", "camera.exposure_s=9.36", seed=2)
    out = mosaic([long, short], tmp_path / "out")
    plain = mosaic([long, short], tmp_path / "plain", "--set", "coadd.weights=coverage")
    assert run_record(out)["weights"] == "sky_variance"
    sources = truth_sources(long)
    better = snr(out, sources) / snr(plain, sources)
    factor = 1e12
    if layout == "hst":
        assert header_of(out)["BUNIT"] == "electron/s/arcsec2"
        frame = images(long)[0]
        factor = ujy_per_electron(frame) * fits.getheader(frame)["EXPTIME"] * (180 * 3600 / np.pi) ** 2
    ratio, _ = measure(out, sources, radius=4, annulus=(8, 13), least=11.9, unit_ujy_per_sr=factor)
    summary(f"{layout}, exposures of 93.6 and 9.36 s: signal to noise {better:.2f} times that of plain weights", ratio)
    assert better > 1.5 and abs(np.nanmedian(ratio) - 1) < 0.02
    assert header_of(out)["TOTEXP"] == pytest.approx(6 * (93.6 + 9.36))


# ---- real frames ----

def compared(theirs, there, ours, here, positions, radius=4, annulus=(8, 14), move=None):
    """Ratio of star fluxes (ours over theirs, each times its pixel's solid angle) and the distance of our centroid from theirs, in our pixels."""
    ratio, apart = [], []
    for x, y in positions:
        x, y = centroid(theirs, x, y)
        if not np.isfinite(x):
            continue
        lng, lat = there.all_pix2world(x, y, 0)
        if move:
            lng, lat = np.degrees(move(np.radians(lng), np.radians(lat)))
        ox, oy = (float(v) for v in here.all_world2pix(lng, lat, 0))
        cx, cy = centroid(ours, ox, oy)
        if np.isfinite(cx):
            ratio.append(aperture_flux(ours, cx, cy, radius, *annulus) * pixel_area_sr(here, cx, cy) / (aperture_flux(theirs, x, y, radius, *annulus) * pixel_area_sr(there, x, y)))
            apart.append((cx - ox, cy - oy))
    good = np.isfinite(ratio)
    return np.array(ratio)[good], np.array(apart)[good]


def report(label, ratio, apart):
    print(f"{label}: {len(ratio)} stars, flux ratio {np.median(ratio):.5f}, relative scatter {robust_sigma(ratio) / np.median(ratio):.5f}, "
          f"median shift {np.round(np.median(apart, axis=0), 4)}, median distance {np.median(np.hypot(*apart.T)):.4f} px")


@needs_shared
def test_decam_cutouts_make_a_mosaic_per_filter(tmp_path):
    frames = sorted((SHARED / "decam_bok_mosaic_cutouts" / "testcase3" / "images").rglob("*_ooi_*.fits"))
    done = tessera("mosaic", *frames, "-o", tmp_path / "all", code=1)
    assert "mixed filters" in done.stderr and not (tmp_path / "all").exists()
    for band, number in (("g", 3), ("r", 2), ("z", 3)):
        out = mosaic([f for f in frames if f"_ooi_{band}_" in f.name], tmp_path / band)
        header, record = header_of(out), run_record(out)
        assert header["NCOMBINE"] == number and header["FILTER"].startswith(band) and header["BUNIT"] == "adu/s/arcsec2"
        assert [f["profile"] for f in record["frames"]] == ["decam-cutout"] * number
        assert np.isfinite(plane(out / "mosaic.fits")[0]).mean() > 0.9
        lost = sum(f["rejected_pixels"] for f in record["frames"])
        assert lost < 0.02 * number * 51 * 41, "exposures of different lengths are no outliers of each other"


@needs_shared
def test_an_aligned_stack_agrees_with_the_published_one(tmp_path):
    """Five exposures without uncertainties, BUNIT or zero points: one common factor is free."""
    folder = SHARED / "decam_aligned_stack"
    out = mosaic(sorted(folder.glob("*mini.fits")), tmp_path / "out", "--profile", "generic")
    assert "no BUNIT" in caveats(out) and "noise model from 4.1505 electrons" in caveats(out)
    theirs, there = plane(folder / "Stack-DEC-OBS18.fits")
    ours, here = plane(out / "mosaic.fits")
    ratio, apart = compared(theirs, WCS(there), ours, WCS(here), find_stars(theirs, robust_sigma(theirs), 20, contrast=0.2))
    report("DECam stack", ratio, apart)
    assert len(ratio) >= 5 and np.abs(ratio / np.median(ratio) - 1).max() < 0.02 and abs(np.median(ratio) - 1) < 0.02
    assert np.median(np.hypot(*apart.T)) < 0.05


@needs_shared
def test_hst_exposure_agrees_with_astropy_and_with_drizzle(tmp_path):
    """The WCS against astropy; fluxes against the drizzle package's result on the same grid. That one was made with another distortion (up to 4 px
    from the header's SIP, smooth to second order), so its stars are looked for where a quadratic says."""
    folder = SHARED / "hst_acs_47tuc_drizzle"
    out = mosaic(folder / "input1.fits.gz", tmp_path / "out", "--grid", folder / "reference_square_image.fits.gz")
    with fits.open(folder / "input1.fits.gz") as hdus:
        sci, dq, wcs = hdus["SCI"].data.astype(float), hdus["DQ"].data, WCS(hdus["SCI"].header)
    with fits.open(folder / "reference_square_image.fits.gz") as hdus:
        theirs, there = np.where(hdus["WHT"].data > 0, hdus["SCI"].data, np.nan), WCS(hdus["SCI"].header)
    ours, header = plane(out / "mosaic.fits")
    here = WCS(header)
    assert ours.shape == theirs.shape and header["BUNIT"] == "electron/arcsec2" and header["EXPTIME"] == pytest.approx(60, rel=0.05)
    usable = [(x, y) for x, y in find_stars(sci, robust_sigma(sci), 15, separation=10, contrast=0.3) if not (dq[y - 6:y + 7, x - 6:x + 7] & 24540).any()]
    ratio, apart = compared(sci, wcs, ours, here, usable[:200])
    report("HST against its own exposure", ratio, apart)
    assert len(apart) > 60 and np.median(np.hypot(*apart.T)) < 0.05 and np.abs(np.median(apart, axis=0)).max() < 0.02
    places = np.array([centroid(sci, *p) for p in usable[:200]])
    places = places[np.isfinite(places[:, 0])]
    expected = np.array(there.all_world2pix(*wcs.all_pix2world(*places.T, 0), 0)).T
    found = np.array([centroid(theirs, *p) for p in expected])
    u, v = (places.T - 512) / 512
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
    keep = np.isfinite(found[:, 0])
    for _ in range(8):
        solution = np.linalg.lstsq(terms[keep], (found - expected)[keep], rcond=None)[0]
        off = np.hypot(*(found - expected - terms @ solution).T)
        keep = np.isfinite(off) & (off < 0.15)
    ratio = np.array([aperture_flux(ours, *centroid(ours, *e), 5, 9, 14) / aperture_flux(theirs, *f, 5, 9, 14) for e, f in zip(expected[keep], found[keep])])
    ratio = ratio[np.isfinite(ratio)]
    print(f"HST against drizzle: {keep.sum()} stars, positions after a quadratic {off[keep].std():.3f} px, flux ratio scatter {robust_sigma(ratio) / np.median(ratio):.4f}")
    assert len(ratio) > 40 and np.median(off[keep]) < 0.05 and robust_sigma(ratio) / np.median(ratio) < 0.015


@needs_shared
def test_a_galactic_plate_carree_image_keeps_its_stars_on_a_tangent_plane(tmp_path):
    image = SHARED / "spitzer_glimpse_crowded" / "spitzer_example_image.fits"
    out = mosaic(image, tmp_path / "out", "--rotation", "17")
    theirs, there = plane(image)
    ours, here = plane(out / "mosaic.fits")
    assert here["CTYPE1"] == "RA---TAN" and here["BUNIT"] == "MJy/sr"
    stars = find_stars(theirs, robust_sigma(theirs[np.isfinite(theirs)]), 10, separation=12, contrast=0.2)
    ratio, apart = compared(theirs, WCS(there), ours, WCS(here), stars, move=erfa.g2icrs)
    report("GLIMPSE", ratio, apart)
    assert len(ratio) > 15 and abs(np.median(ratio) - 1) < 0.005 and robust_sigma(ratio) < 0.01 and np.median(np.hypot(*apart.T)) < 0.05


@needs_shared
def test_irac_frames_in_galactic_coordinates_have_the_same_stars(tmp_path):
    frames = SHARED / "spitzer_irac_grb120119a" / "ch1"
    equatorial, galactic = mosaic(frames, tmp_path / "eq"), mosaic(frames, tmp_path / "gal", "--frame", "galactic", "--rotation", "0")
    (a, there), (b, here) = plane(equatorial / "mosaic.fits"), plane(galactic / "mosaic.fits")
    assert here["CTYPE1"] == "GLON-TAN"
    cov = plane(equatorial / "mosaic_cov.fits")[0]
    stars = [(x, y) for x, y in find_stars(a, 0.003, 60) if cov[max(0, y - 5):y + 6, max(0, x - 5):x + 6].min() > 15]
    ratio, apart = compared(a, WCS(there), b, WCS(here), stars, move=erfa.icrs2g)
    report("ch1 in galactic coordinates", ratio, apart)
    assert len(ratio) > 10 and abs(np.median(ratio) - 1) < 0.003 and robust_sigma(ratio) < 0.01 and np.median(np.hypot(*apart.T)) < 0.05
