"""Products on request, each against a slow direct version or simulated truth: local sky, depth, array correction, geometry, footprints."""
import json
import re

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from conftest import simulate
from tools import ROOT, plane, run_record, tessera

pytestmark = pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
QUIET = ("--set", "output.pictures=false", "--set", "output.report=false")


def settings(*values):
    return [a for v in values for a in ("--set", v)]


def datasum(path):
    return fits.getheader(path)["DATASUM"]


@pytest.fixture(scope="module")
def extras(stack, tmp_path_factory):
    """All of them in one run, twice: in one piece, and in pieces."""
    folder = tmp_path_factory.mktemp("extras")
    rng = np.random.default_rng(2)
    yy, xx = np.mgrid[:96, :96] / 96
    fits.writeto(folder / "corr.fits", (1 + 0.1 * xx - 0.05 * yy * yy + rng.normal(0, 0.01, (96, 96))).astype("f4"))
    fits.writeto(folder / "area.fits", (1 + 0.02 * yy).astype("f4"))
    options = settings("output.local_sky=true", "local_sky.window_x=21", "local_sky.window_y=15", "local_sky.drop=60", "output.depth=true", "output.psf_fwhm=1.8",
                       "output.footprint=true", "output.frame_footprints=true", "output.geometry=true", f"output.array_correction={folder}/corr.fits",
                       f"output.array_pixel_area={folder}/area.fits")
    tessera("mosaic", stack, "-o", folder / "a", "--threads", "1", *options, *QUIET)
    tessera("mosaic", stack, "-o", folder / "b", "--threads", "3", "--set", "run.tile_size=29", *options, *QUIET)
    return folder


def test_pieces_change_no_bit(extras):
    made = [p.relative_to(extras / "a") for p in sorted((extras / "a").rglob("*.fits"))]
    assert len(made) == 4 + 3 + 1 + 8, made  # planes; local sky, depth, correction; the MOC of all and of each frame
    for name in made:
        with fits.open(extras / "a" / name) as a, fits.open(extras / "b" / name) as b:
            assert [h.header["DATASUM"] for h in a] == [h.header["DATASUM"] for h in b], name
    listed = {p["name"] for p in run_record(extras / "a")["products"]}
    assert {"mosaic_minback.fits", "mosaic_depth.fits", "mosaic_arraycorr.fits", "footprint.reg", "footprint_moc.json", "geometry.tbl", "geom_ImageList.txt"} <= listed


def test_default_products_do_not_change(extras, stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "plain", *QUIET)
    for name in ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp"):
        assert datasum(tmp_path / "plain" / f"{name}.fits") == datasum(extras / "a" / f"{name}.fits")
    assert len(list((tmp_path / "plain").iterdir())) == 9


def test_local_sky_is_the_median_of_its_window(extras):
    mosaic, without = (plane(extras / "a" / f"{n}.fits")[0] for n in ("mosaic", "mosaic_minback"))
    assert (np.isnan(mosaic) == np.isnan(without)).all()
    rng = np.random.default_rng(0)
    good = np.argwhere(np.isfinite(mosaic))
    for y, x in good[rng.choice(len(good), 400, replace=False)]:
        window = mosaic[max(0, y - 7):y + 8, max(0, x - 10):x + 11]
        values = np.sort(window[np.isfinite(window)])
        sky = np.median(values[:len(values) - int(60 / (21 * 15) * len(values))])
        assert without[y, x] == np.float32(np.float32(mosaic[y, x]) - np.float32(sky))


def test_local_sky_by_panels_takes_a_slope_away(stack, tmp_path):
    options = settings("output.local_sky=true", "local_sky.panels=true", "local_sky.window_x=16", "local_sky.window_y=16")
    tessera("mosaic", stack, "-o", tmp_path / "a", "--threads", "1", *options, *QUIET)
    tessera("mosaic", stack, "-o", tmp_path / "b", "--set", "run.tile_size=31", *options, *QUIET)
    assert datasum(tmp_path / "a" / "mosaic_minback.fits") == datasum(tmp_path / "b" / "mosaic_minback.fits")
    mosaic, without = (plane(tmp_path / "a" / f"{n}.fits")[0] for n in ("mosaic", "mosaic_minback"))
    unc = plane(tmp_path / "a" / "mosaic_unc.fits")[0]
    assert abs(np.nanmedian(without / unc)) < 0.15 and abs(np.nanmedian(mosaic / unc)) > 3


def test_correction_is_what_a_mosaic_of_corrections_would_be(extras, stack, tmp_path):
    """The slow way: frames whose pixels are the correction, coadded as the others were; rejected pixels are bad in them."""
    frames = tmp_path / "frames"
    frames.mkdir()
    tessera("mosaic", stack, "-o", tmp_path / "masks", "--rmasks", *QUIET)
    assert run_record(tmp_path / "masks")["weights"] == "coverage"
    value = fits.getdata(extras / "corr.fits") / fits.getdata(extras / "area.fits")
    rejected = 0
    for path in stack.glob("SIM*.fits"):
        with fits.open(path) as hdus:
            if path.stem.endswith("_cbcd"):
                hit = fits.getdata(tmp_path / "masks" / "Rmask" / f"{path.stem}_rmask.fits") > 0
                rejected += hit.sum()
                hdus[0].data = np.where(hit | ~np.isfinite(hdus[0].data), np.nan, value).astype("f4")
            hdus.writeto(frames / path.name)
    tessera("mosaic", frames, "-o", tmp_path / "slow", "--grid", extras / "a" / "mosaic.fits", *QUIET,
            *settings("background.method=none", "rejection.method=none", "input.scale_noise=false", "coadd.weights=coverage"))
    fast, slow = plane(extras / "a" / "mosaic_arraycorr.fits")[0], plane(tmp_path / "slow" / "mosaic.fits")[0]
    both = np.isfinite(fast) & np.isfinite(slow)
    inner = plane(extras / "a" / "mosaic_cov.fits")[0] > 0.5  # beyond the grid's border rejection is not recorded
    print(f"{rejected} pixels rejected; {both.sum()} compared, largest difference {np.abs(fast - slow)[both].max():.1e}")
    assert rejected > 50 and (np.isfinite(fast) == np.isfinite(slow))[inner].all()
    # Both runs have maps of their own, right to 0.001 pixel, over a correction that changes by 0.01 from pixel to pixel.
    assert np.abs(fast - slow)[both & inner].max() < 2e-5


def test_geometry_tells_where_frames_lie(extras):
    table = Table.read(extras / "a" / "geometry.tbl", format="ascii.ipac")
    shape = fits.getdata(extras / "a" / "mosaic.fits").shape
    assert (table["used"] == 1).all() and len(table) == 8
    union = np.zeros(shape, bool)
    for row in table:
        x0, y0 = max(0, row["x0"]), max(0, row["y0"])
        union[y0:row["y0"] + row["ny"], x0:row["x0"] + row["nx"]] = True
    assert union[plane(extras / "a" / "mosaic_cov.fits")[0] > 0].all()
    assert len((extras / "a" / "geom_ImageList.txt").read_text().split()) == 8


def test_lists_of_the_geometry_are_parallel(extras, tmp_path):
    """As Mosaic Geometry's; a mosaic from them is the mosaic."""
    images, sigmas, masks = ((extras / "a" / f"geom_{n}.txt").read_text().split() for n in ("ImageList", "SigmaList", "DmaskList"))
    assert len(images) == len(sigmas) == len(masks) == 8 and not (extras / "a" / "geom_rmask_ImageList.txt").exists()
    assert [s.replace("_cbunc", "_cbcd") for s in sigmas] == images == [m.replace("_bimsk", "_cbcd") for m in masks]


def test_a_positive_margin_adds_pixels(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "a", *QUIET)
    tessera("mosaic", stack, "-o", tmp_path / "b", *QUIET, *settings("grid.margin=5"))
    (a, ha), (b, hb) = (plane(tmp_path / d / "mosaic.fits") for d in "ab")
    assert b.shape == (a.shape[0] + 10, a.shape[1] + 10) and hb["CRPIX1"] == ha["CRPIX1"] + 5
    assert np.allclose(b[5:-5, 5:-5], a, rtol=1e-4, atol=1e-4, equal_nan=True) and np.isfinite(a).sum() > 1000


def test_kept_tiles_are_the_mosaic(stack, tmp_path):
    out = tmp_path / "out"
    tessera("mosaic", stack, "-o", out, *QUIET, *settings("output.tiles=true", "output.tile_width=50", "output.tile_height=60", "output.std=true", "interpolation.quantity=flux"))
    table = Table.read(out / "Coadd" / "coadd_tiles.tbl", format="ascii.ipac")
    lines = (out / "Coadd" / "coadd_tile_bcd.txt").read_text().splitlines()
    assert len(table) == len(lines) > 3
    for kind, product in (("Image", "mosaic"), ("Unc", "mosaic_unc"), ("Cov", "mosaic_cov"), ("Std_Unc", "mosaic_std")):
        whole, header = plane(out / f"{product}.fits")
        seen = np.zeros(whole.shape, int)
        for row in table:
            tile, of_tile = plane(out / "Coadd" / row["filename"].replace("Image", kind))
            part = np.s_[row["MINTOFFY"]:row["MINTOFFY"] + row["NAXIS2"], row["MINTOFFX"]:row["MINTOFFX"] + row["NAXIS1"]]
            assert np.array_equal(tile, whole[part], equal_nan=True)
            assert of_tile["CRPIX1"] == header["CRPIX1"] - row["MINTOFFX"] and of_tile.get("BUNIT") == header.get("BUNIT")
            seen[part] += 1
        assert (seen == 1).all()
    counts = [line.split() for line in lines]
    assert all(len(c) == 2 + int(c[1]) for c in counts) and max(int(c[1]) for c in counts) > 1


def test_output_pixels_may_be_higher_than_wide(stack, tmp_path):
    """The same flux in pixels of 1.22 by 2.44 arcsec, and the same coverage."""
    common = ("rejection.method=none", "background.method=none", "grid.pixel_scale=1.22", "grid.padding=5")
    tessera("mosaic", stack, "-o", tmp_path / "a", *QUIET, *settings(*common))
    tessera("mosaic", stack, "-o", tmp_path / "b", *QUIET, *settings(*common, "grid.pixel_scale_y=2.44"))
    totals = []
    for d in "ab":
        (image, header), (cov, _) = (plane(tmp_path / d / f"{p}.fits") for p in ("mosaic", "mosaic_cov"))
        totals.append((np.nansum(image * cov) * header["PIXAR_A2"], cov.sum() * header["PIXAR_A2"]))
        assert header["CDELT2"] == pytest.approx((1.22 if d == "a" else 2.44) / 3600)
    assert totals[1] == pytest.approx(totals[0], rel=1e-4)


def test_frames_without_their_sky_and_uncertainties_are_written(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path, "--overwrite", *QUIET, *settings("output.minback=true", "output.sigmas=true", "frame_sky.method=median", "frame_sky.window_x=21", "frame_sky.window_y=21"))
    frames = sorted(stack.glob("*_cbcd.fits"))
    for i, frame in enumerate(frames[:2]):
        value, less = fits.getdata(frame).astype(float), fits.getdata(tmp_path / "Medfilter" / frame.name.replace(".fits", "_minback.fits")).astype(float)
        sky = value - less
        inner = np.isfinite(sky[10:-10, 10:-10])
        assert inner.mean() > 0.9 and abs(np.nanmedian(less)) < 0.1 * np.nanstd(value) + 0.01
        # The sky is a smooth thing: far smoother than the frame.
        assert np.nanstd(np.diff(sky, axis=1)) < 0.2 * np.nanstd(np.diff(value, axis=1))
        scale = json.loads((tmp_path / "run.json").read_text())["frames"][i]["noise_scale"]
        sigma, given = fits.getdata(tmp_path / "Sigma" / frame.name.replace(".fits", "_sigma.fits")), fits.getdata(str(frame).replace("_cbcd", "_cbunc")).astype(float)
        good = np.isfinite(sigma)
        assert good.mean() > 0.9 and np.allclose(sigma[good], scale * given[good], rtol=1e-5)


def test_margin_leaves_out_frames_that_hardly_reach_the_grid(tmp_path):
    """Frames of 40 pixels on the grid's own lattice, each further to the left: what they share with the grid is known exactly."""
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 50.0, "CRVAL2": 30.0, "CDELT1": -1 / 3600, "CDELT2": 1 / 3600, "BUNIT": "MJy/sr", "CRPIX1": 20.5, "CRPIX2": 20.5})
    rng = np.random.default_rng(1)
    folder = tmp_path / "frames"
    folder.mkdir()
    overlaps = [40, 30, 11, 10, 9, 3, 1]
    for i, overlap in enumerate(overlaps):
        header["CRPIX1"] = 20.5 + (40 - overlap)
        fits.writeto(folder / f"f{i}.fits", rng.normal(1, 0.1, (40, 40)).astype("f4"), header)
    for margin, expected in ((0, 7), (-2, 6), (-3, 5), (-9, 4), (-10, 3), (-12, 2)):
        out = tmp_path / f"out{margin}"
        done = tessera("mosaic", *sorted(folder.glob("*.fits")), "-o", out, "--grid", folder / "f0.fits", "--background", "none", *QUIET,
                       *settings(f"grid.margin={margin}", "output.geometry=true", "rejection.method=none"))
        table = Table.read(out / "geometry.tbl", format="ascii.ipac")
        # A border that only touches has no area: less than the margin and exactly the margin are the same here.
        assert list(table["used"]) == [1] * expected + [0] * (7 - expected), (margin, list(table["used"]))
        assert fits.getheader(out / "mosaic.fits")["NCOMBINE"] == expected
        if expected < 7:
            assert f"{7 - expected} frame" in done.stderr and "pixels of it" in done.stderr and "no good pixel" not in done.stderr


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("blank") / "frames", "camera.width=256", "camera.height=256", "sources.count=0", "stack.offset_rms=0", "stack.dither_scale=small", "sky.level=0.1",
                    "stack.frames=6", "defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0", "stack.roll_step_deg=7")


@pytest.mark.parametrize("fwhm, options, low, high", [
    (3.0, (), 0.95, 1.05),
    (1.8, ("grid.oversample=2",), 0.95, 1.05),
    (3.0, ("interpolation.method=drizzle", "interpolation.pixfrac=0.7"), 0.95, 1.05),
    (3.0, ("interpolation.method=bilinear",), 0.95, 1.05),
    # Without a measured correlation the ratio of Casertano et al. stands in; it holds for areas much larger than a pixel: a profile of 3 pixels has some of its noise still to gain.
    (3.0, ("output.correlation=false",), 0.8, 1.05),
])
def test_depth_is_the_scatter_of_fitted_fluxes(blank, tmp_path, fwhm, options, low, high):
    """Blank sky: fluxes fitted everywhere with the profile scatter by what the depth says, correlated noise and all."""
    out = tmp_path / "out"
    tessera("mosaic", blank, "-o", out, "--depth", *QUIET, *settings(f"output.psf_fwhm={fwhm}", "background.method=none", "rejection.method=none", *options))
    mosaic, header = plane(out / "mosaic.fits")
    depth, about = plane(out / "mosaic_depth.fits")
    assert about["BUNIT"] == "uJy" and about["DEPTHSIG"] == 5
    scale = abs(header["CDELT1"]) * 3600
    s = fwhm / 2.35482 / scale
    half = int(np.ceil(4.5 * s)) + 2
    yy, xx = np.mgrid[-half:half + 1, -half:half + 1]
    profile = np.exp(-(xx ** 2 + yy ** 2) / (2 * s * s)) / (2 * np.pi * s * s)
    deep = plane(out / "mosaic_cov.fits")[0] > 5.5
    fluxes, limits = [], []
    for y in range(half, mosaic.shape[0] - half, 4):
        for x in range(half, mosaic.shape[1] - half, 4):
            part = np.s_[y - half:y + half + 1, x - half:x + half + 1]
            if deep[part].all():
                fluxes.append(((mosaic[part] - 0.1) * profile).sum() / (profile ** 2).sum() * header["PIXAR_SR"] * 1e12)
                limits.append(depth[y, x])
    ratio = 5 * np.std(fluxes) / np.median(limits)
    print(f"{options}: {len(fluxes)} fluxes, scatter over limit {ratio:.3f}; NOISERAT {about['NOISERAT']:.3f}; AB {about['ABMAGLIM']:.2f}")
    assert len(fluxes) > 400 and low < ratio < high
    assert abs(about["ABMAGLIM"] - (23.9 - 2.5 * np.log10(np.nanmedian(depth)))) < 0.01


def test_a_profile_may_know_the_width_of_a_point_source(stack, tmp_path, monkeypatch):
    profile = (ROOT / "profiles" / "spitzer-irac.toml").read_text() + '\n[defaults]\n"output.psf_fwhm" = "1.9"\n'
    (tmp_path / "spitzer-irac.toml").write_text(profile)
    monkeypatch.setenv("TESSERA_PROFILES", str(tmp_path))
    tessera("mosaic", stack, "-o", tmp_path / "out", "--depth", *QUIET)
    assert fits.getheader(tmp_path / "out" / "mosaic_depth.fits")["PSFFWHM"] == 1.9


def test_footprints_hold_the_mosaic(extras):
    """Against HEALPix of another author: every pixel with data lies in the MOC, and the MOC is not larger than its cells force it to be."""
    healpix = pytest.importorskip("astropy_healpix", reason="skipped: no astropy_healpix")
    out = extras / "a"
    coverage, header = plane(out / "mosaic_cov.fits")
    with fits.open(out / "footprint_moc.fits") as hdus:
        uniq, about = hdus[1].data["UNIQ"], hdus[1].header
    assert about["ORDERING"] == "NUNIQ" and about["MOCVERS"] == "2.0" and about["TFORM1"].strip() == "K" and (np.diff(uniq) > 0).all()
    orders = (np.log2(uniq // 4) // 2).astype(int)
    by_order = {k: set((uniq - 4 * 4 ** orders.astype(np.int64))[orders == k].tolist()) for k in set(orders.tolist())}
    assert {int(k): set(v) for k, v in json.loads((out / "footprint_moc.json").read_text()).items()} == by_order
    finest = about["MOCORD_S"]
    yy, xx = np.nonzero(coverage > 0)
    ra, dec = WCS(header).all_pix2world(xx, yy, 0)
    cell = healpix.lonlat_to_healpix(ra * u.deg, dec * u.deg, 2 ** finest, order="nested")
    expected = set(cell.tolist())
    found = set()
    for k, cells in by_order.items():
        for c in cells:
            width = 4 ** (finest - k)
            found.update(range(c * width, (c + 1) * width))
    assert found == expected
    polygons = re.findall(r"^polygon\((.*)\) # text=\{(.*)\}$", (out / "footprint.reg").read_text(), re.M)
    assert len(polygons) == 8 and polygons[0][1] == "SIM_I1_0000_cbcd.fits"
    points = np.array(polygons[0][0].split(","), float).reshape(-1, 2)
    frame = WCS(fits.getheader(fits_path(out)))
    px, py = frame.all_world2pix(points[:, 0], points[:, 1], 0)
    assert len(points) == 16 and np.abs(np.maximum(np.abs(px - 47.5), np.abs(py - 47.5)) - 48).max() < 1e-2
    # A frame's own MOC holds all its pixels.
    with fits.open(out / "Footprint" / "SIM_I1_0000_cbcd_moc.fits") as hdus:
        uniq = hdus[1].data["UNIQ"]
    orders = (np.log2(uniq // 4) // 2).astype(np.int64)
    low = (uniq - 4 * 4 ** orders) << (2 * (29 - orders))
    high = (uniq - 4 * 4 ** orders + 1) << (2 * (29 - orders))
    yy, xx = np.mgrid[:96, :96]
    ra, dec = frame.all_pix2world(xx.ravel(), yy.ravel(), 0)
    fine = healpix.lonlat_to_healpix(ra * u.deg, dec * u.deg, 2 ** 29, order="nested")
    order = np.argsort(low)
    at = np.searchsorted(low[order], fine, side="right") - 1
    assert (at >= 0).all() and (fine < high[order][at]).all()


def fits_path(out):
    return (out / "geom_ImageList.txt").read_text().split()[0]


def test_what_cannot_be_is_refused_before_work(stack, tmp_path):
    small = tmp_path / "small.fits"
    fits.writeto(small, np.ones((4, 4), "f4"))
    for options, code, words in ((("output.depth=true",), 2, "output.psf_fwhm"), ((f"output.array_correction={small}",), 1, "4 × 4 pixels"),
                                 ((f"output.array_pixel_area={small}",), 2, "output.array_correction"), (("output.local_sky=true", "local_sky.drop=3000"), 2, "leaves nothing")):
        done = tessera("mosaic", stack, "-o", tmp_path / "no", *settings(*options), code=code)
        assert words in done.stderr and not (tmp_path / "no").exists(), done.stderr
