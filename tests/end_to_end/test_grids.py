"""Output grids: the same stars on every projection, frame, rotation and scale; grids given as files; odd frames."""
import resource
import time

import erfa
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from conftest import simulate
from stars import NOISELESS, header_of, measure, summary, truth_sources
from tools import plane, run_record, tessera

STARS = ("sources.placement=grid", "sources.count=49", "sources.flux_min_ujy=1000", "sources.flux_max_ujy=1001")
SMALL = ("camera.width=128", "camera.height=128", "stack.frames=4", "stack.dither_size_pix=6", "stack.roll_step_deg=4", "psf.fwhm_pix=3")
PROJECTIONS = "TAN SIN STG ARC ZEA AIR CAR MER CEA CYP SFL PAR MOL AIT COP COE COD COO BON PCO".split()
FIELDS = {"plain": (), "ra0": ("stack.ra_deg=0.001", "stack.dec_deg=45"), "pole": ("stack.ra_deg=10", "stack.dec_deg=89.995"),
          "south": ("stack.ra_deg=200", "stack.dec_deg=-89.999")}


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    base = tmp_path_factory.mktemp("fields")
    return {name: simulate(base / name, *NOISELESS, *STARS, *SMALL, *settings) for name, settings in FIELDS.items()}


def sources_in(folder, frame):
    """True places in the output's sky frame. Galactic: the Hipparcos definition; ecliptic: IAU 2006, J2000 (docs/formats/wcs.md)."""
    sources = truth_sources(folder)
    if frame != "icrs":
        ra, dec = np.radians(sources["ra"]), np.radians(sources["dec"])
        lng, lat = erfa.icrs2g(ra, dec) if frame == "galactic" else erfa.eqec06(erfa.DJ00, 0.0, ra, dec)
        sources["ra"], sources["dec"] = np.degrees(lng), np.degrees(lat)
    return sources


def mosaic(frames, out, *args):
    """Without rejection: where the sampling makes all the difference between frames, as here, it takes steep pixels for hits."""
    inputs = frames if isinstance(frames, list) else [frames]
    tessera("mosaic", *inputs, "-o", out, "--no-pictures", "--set", "rejection.method=none", *args)
    return out


def check_stars(out, sources, label, scale=1.0, least=3.99, number=12, furthest=0.01):
    """Of the stars in all frames: at a frame's edge an output pixel holds the mean of its covered part only."""
    ratio, apart = measure(out, sources, radius=7, annulus=(9, 13), scale=scale, least=least)
    summary(label, ratio, apart)
    assert np.isfinite(ratio).sum() >= number
    assert np.nanmax(np.abs(ratio - 1)) <= 1e-3 and np.nanmax(apart) <= furthest


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_stars_are_the_same_on_every_projection(fields, tmp_path, projection):
    out = mosaic(fields["plain"], tmp_path / "out", "--projection", projection, "--rotation", "30")
    assert header_of(out)["CTYPE1"] == f"RA---{projection}"
    check_stars(out, truth_sources(fields["plain"]), projection)


@pytest.mark.parametrize("frame", ["galactic", "ecliptic"])
@pytest.mark.parametrize("projection,rotation", [("TAN", "mean"), ("CAR", "0"), ("AIT", "-120")])
def test_stars_are_the_same_in_galactic_and_ecliptic_coordinates(fields, tmp_path, frame, projection, rotation):
    out = mosaic(fields["plain"], tmp_path / "out", "--frame", frame, "--projection", projection, "--rotation", rotation)
    assert header_of(out)["CTYPE1"][:4] == {"galactic": "GLON", "ecliptic": "ELON"}[frame]
    check_stars(out, sources_in(fields["plain"], frame), f"{frame} {projection} {rotation}")


@pytest.mark.parametrize("oversample", [0.5, 0.8, 1, 1.5, 2, 3])
def test_stars_are_the_same_at_every_pixel_scale(fields, tmp_path, oversample):
    out = mosaic(fields["plain"], tmp_path / "out", "--oversample", oversample)
    # Where pixels of two sizes beat along parallel axes, area overlap itself moves the light of few frames.
    check_stars(out, truth_sources(fields["plain"]), f"oversample {oversample}", scale=oversample, furthest=0.02 if oversample == 0.8 else 0.01)


@pytest.mark.parametrize("field", ["ra0", "pole", "south"])
@pytest.mark.parametrize("projection,frame", [("TAN", "icrs"), ("ZEA", "icrs"), ("CAR", "icrs"), ("AIT", "galactic")])
def test_stars_are_the_same_across_ra_zero_and_the_poles(fields, tmp_path, field, projection, frame):
    out = mosaic(fields[field], tmp_path / "out", "--projection", projection, "--frame", frame, "--rotation", "0")
    h = header_of(out)
    assert h["NAXIS1"] < 250 and h["NAXIS2"] < 250
    check_stars(out, sources_in(fields[field], frame), f"{field} {projection} {frame}")


def edited_fif(path, **new):
    """FIF.tbl with other values, as a user would type them."""
    lines = path.read_text().splitlines()
    for key, value in new.items():
        at = [i for i, line in enumerate(lines) if line.split()[1:2] == [key]]
        assert len(at) == 1, key
        lines[at[0]] = f"{lines[at[0]].split(key)[0]}{key} = {value}"
    return "\n".join(lines) + "\n"


def test_an_edited_fif_is_honoured_as_it_is(fields, tmp_path):
    first = mosaic(fields["plain"], tmp_path / "first")
    old = header_of(first)
    new = {"CRPIX1": old["CRPIX1"] + 20.25, "CRPIX2": old["CRPIX2"] + 10.5, "NAXIS1": 210, "NAXIS2": 190, "CROTA2": old["CROTA2"] + 25}
    edited = tmp_path / "edited.tbl"
    edited.write_text(edited_fif(first / "FIF.tbl", **new))
    out = mosaic(fields["plain"], tmp_path / "out", "--grid", edited)
    header = header_of(out)
    assert {k: header[k] for k in new} == new
    assert {k: header[k] for k in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2")} == {k: old[k] for k in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2")}
    check_stars(out, truth_sources(fields["plain"]), "edited FIF")
    # A mosaic's own FIF gives the same pixels again.
    again = mosaic(fields["plain"], tmp_path / "again", "--grid", out / "FIF.tbl")
    assert header_of(again)["DATASUM"] == header["DATASUM"]


def test_another_grid_in_the_same_file_is_another_plan(fields, tmp_path):
    """Or an interrupted run would be resumed on it."""
    first = mosaic(fields["plain"], tmp_path / "first")
    grid = tmp_path / "grid.tbl"
    grid.write_text((first / "FIF.tbl").read_text())
    before = run_record(mosaic(fields["plain"], tmp_path / "before", "--grid", grid))["plan"]
    grid.write_text(edited_fif(grid, CRPIX1=60.0))
    after = run_record(mosaic(fields["plain"], tmp_path / "after", "--grid", grid))["plan"]
    assert before != after


@pytest.mark.parametrize("form", ["CD", "PC", "image"])
def test_a_fits_header_is_honoured_as_a_grid(fields, tmp_path, form):
    base = header_of(mosaic(fields["plain"], tmp_path / "first"))
    angle = np.radians(40)
    c, s, step = np.cos(angle), np.sin(angle), base["CDELT2"] * 0.9
    header = fits.Header()
    for key in ("CRVAL1", "CRVAL2"):
        header[key] = base[key]
    header["CTYPE1"], header["CTYPE2"], header["CRPIX1"], header["CRPIX2"] = "RA---TAN", "DEC--TAN", 95.5, 101.25
    if form == "PC":
        header["CDELT1"], header["CDELT2"] = -step, step
        header["PC1_1"], header["PC1_2"], header["PC2_1"], header["PC2_2"] = c, s, -s, c
    else:  # mirrored when "image": right ascension runs with x
        flip = 1 if form == "image" else -1
        header["CD1_1"], header["CD1_2"], header["CD2_1"], header["CD2_2"] = flip * step * c, -flip * step * s, step * s, step * c
    grid = tmp_path / "grid.fits"
    fits.writeto(grid, np.zeros((200, 190), np.int16), header)
    out = mosaic(fields["plain"], tmp_path / "out", "--grid", grid)
    ours = header_of(out)
    assert (ours["NAXIS1"], ours["NAXIS2"]) == (190, 200)
    xy = np.array([[1, 1], [190, 1], [1, 200], [190, 200], [70.3, 90.1]])
    there, here = WCS(header).wcs_pix2world(xy, 1), WCS(ours).wcs_pix2world(xy, 1)
    assert np.abs(there - here).max() * 3600 < 1e-6
    check_stars(out, truth_sources(fields["plain"]), f"grid from a FITS header ({form})", scale=1 / 0.9)


def test_padding_adds_what_it_says(fields, tmp_path):
    plain, padded = header_of(mosaic(fields["plain"], tmp_path / "a")), header_of(mosaic(fields["plain"], tmp_path / "b", "--padding", "30"))
    per_side = 30 / (3600 * plain["CDELT2"])
    for axis in ("1", "2"):
        assert abs(padded[f"NAXIS{axis}"] - plain[f"NAXIS{axis}"] - 2 * per_side) <= 2
        assert abs(padded[f"CRPIX{axis}"] - plain[f"CRPIX{axis}"] - per_side) <= 1
    cov, _ = plane(tmp_path / "b" / "mosaic_cov.fits")
    edge = int(per_side) - 1
    assert cov[:edge].max() == cov[-edge:].max() == cov[:, :edge].max() == cov[:, -edge:].max() == 0 and cov.max() > 3


def test_centre_and_size_are_what_was_asked(fields, tmp_path):
    sources = truth_sources(fields["plain"])
    star = sources[np.argmin(np.hypot((sources["ra"] - 120.036), sources["dec"] + 9.064))]
    out = mosaic(fields["plain"], tmp_path / "out", "--center", f"{star['ra']:.9f} {star['dec']:.9f}", "--size", "61 47")
    header = header_of(out)
    assert (header["NAXIS1"], header["NAXIS2"]) == (61, 47)
    x, y = WCS(header).wcs_world2pix(star["ra"], star["dec"], 1)
    assert np.hypot(x - 31, y - 24) < 1e-4
    # The cut-out's sky is the whole mosaic's: rejection and matching see the frames beyond its edge.
    whole = mosaic(fields["plain"], tmp_path / "whole")
    assert header_of(whole)["CDELT1"] == pytest.approx(header["CDELT1"], rel=1e-9)
    level = np.median(plane(whole / "mosaic.fits")[0][50:90, 50:90])
    assert np.isclose(np.median(plane(out / "mosaic.fits")[0]), level, atol=1e-4)


@pytest.mark.parametrize("oversample", [1, 2, 3])
def test_rejection_leaves_stars_their_cores_on_fine_grids(tmp_path, oversample):
    """Slopes per output pixel are shallower there, differences between dithers are not."""
    frames = simulate(tmp_path / "frames", "camera.width=200", "camera.height=200", "stack.frames=12", "stack.dither_scale=small", "sources.placement=grid", "sources.count=64",
                      "sources.flux_min_ujy=300", "sources.flux_max_ujy=3000", "defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0")
    covers = []
    for method in ("temporal", "none"):
        tessera("mosaic", frames, "-o", tmp_path / method, "--no-pictures", "--oversample", oversample, "--set", f"rejection.method={method}")
        covers.append(plane(tmp_path / method / "mosaic_cov.fits")[0])
    left = covers[0] / np.where(covers[1] > 0, covers[1], np.nan)
    deep = covers[1] >= 4
    lost = sum(f["rejected_pixels"] for f in run_record(tmp_path / "temporal")["frames"])
    print(f"oversample {oversample}: {lost} of {12 * 200 * 200} frame pixels rejected, least part of the coverage left {np.nanmin(left[deep]):.3f}")
    assert np.nanmin(left[deep]) > 0.6 and lost < 60


def test_a_grid_whose_reference_point_is_far_away_gives_the_same_bits_in_any_tiles(fields, tmp_path):
    """Plate carrée on the equator, frames at declination 45°: output pixels there are not of the size they have at CRPIX."""
    header = fits.Header({"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": -1 / 3600, "CDELT2": 1 / 3600})
    header["CRPIX1"], header["CRPIX2"] = 130.0, 110.0 - 45 * 3600
    grid = tmp_path / "grid.fits"
    fits.writeto(grid, np.zeros((220, 260), np.int16), header)
    sums = set()
    for tile in (24, 300):
        tessera("mosaic", fields["ra0"], "-o", tmp_path / str(tile), "--no-pictures", "--grid", grid, "--set", f"run.tile_size={tile}")
        sums.add(tuple(header_of(tmp_path / str(tile), p)["DATASUM"] for p in ("mosaic", "mosaic_unc", "mosaic_cov")))
    assert len(sums) == 1
    check_stars(mosaic(fields["ra0"], tmp_path / "stars", "--grid", grid), truth_sources(fields["ra0"]), "CAR at 45 degrees", scale=1.22)


def test_nothing_is_lost_at_the_seam_of_an_all_sky_grid(tmp_path):
    """Frames across RA 180° on plate carrée with its seam there cover as much sky as the same frames at RA 90°."""
    header = fits.Header({"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": -0.1, "CDELT2": 0.1, "CRPIX1": 1800.5, "CRPIX2": 900.5})
    grid = tmp_path / "grid.fits"
    fits.writeto(grid, np.zeros((1800, 3600), np.uint8), header)
    areas = []
    for ra in (90, 180):
        frames = simulate(tmp_path / f"ra{ra}", *NOISELESS, "sources.count=0", f"stack.ra_deg={ra}", "stack.dec_deg=20", "camera.width=96", "camera.height=96",
                          "camera.pixel_scale_arcsec=200", "camera.distortion=0.2", "stack.frames=4", "stack.dither_size_pix=5", "stack.roll_step_deg=20")
        out = mosaic(frames, tmp_path / f"out{ra}", "--grid", grid)
        cov, _ = plane(out / "mosaic_cov.fits")
        areas.append((cov.sum(axis=1) * np.cos(np.radians((np.arange(1800) - 899.5) * 0.1))).sum() * 0.01)
        image, _ = plane(out / "mosaic.fits")
        assert np.nanstd(image) < 1e-4, "one sky, wherever the frames lie"
    columns = np.flatnonzero(cov.sum(axis=0))
    assert columns[0] == 0 and columns[-1] == 3599 and len(columns) < 200
    assert areas[1] == pytest.approx(areas[0], rel=1e-5)


# ---- odd frames ----

def test_frames_of_different_pixel_scales_make_one_mosaic(tmp_path):
    """Two cameras of one field; fluxes hold wherever either or both look."""
    fine = simulate(tmp_path / "fine", *NOISELESS, *STARS, *SMALL, "camera.pixel_scale_arcsec=0.8")
    catalog = f"sources.catalog={fine / 'truth_sources.ecsv'}"
    coarse = simulate(tmp_path / "coarse", *NOISELESS, catalog, *SMALL, "camera.pixel_scale_arcsec=1.6", "psf.fwhm_pix=1.5", seed=2)
    for scale, name in ((0.8, "a"), (1.2, "b"), (1.6, "c")):
        out = mosaic([fine, coarse], tmp_path / name, "--pixel-scale", scale, "--set", "background.method=none")
        ratio, apart = measure(out, truth_sources(fine), radius=9, annulus=(10, 14), scale=0.8 / scale, least=7.99)
        summary(f"frames of 0.8 and 1.6 arcsec on {scale} arcsec", ratio, apart)
        assert np.isfinite(ratio).sum() >= 8 and np.nanmax(np.abs(ratio - 1)) <= 2e-3 and np.nanmax(apart) <= 0.02
        cov, _ = plane(out / "mosaic_cov.fits")
        assert abs(cov.max() - 8) < 1e-3


def test_one_frame_alone_is_its_own_mosaic(tmp_path):
    frames = simulate(tmp_path / "frames", *NOISELESS, *STARS, *SMALL, "stack.frames=1", "stack.offset_rms=0.3")
    out = mosaic(frames, tmp_path / "out")
    check_stars(out, truth_sources(frames), "one frame", least=0.99)
    cov, _ = plane(out / "mosaic_cov.fits")
    frame = fits.getdata(next(frames.glob("*_cbcd.fits")))
    image, _ = plane(out / "mosaic.fits")
    assert abs(np.nanmedian(image) - np.median(frame)) < 1e-3, "the level of a frame without neighbours stays"
    assert cov.max() <= 1 + 1e-6


@pytest.mark.parametrize("width,height,frames", [(20, 20, 12), (4000, 50, 3), (50, 4000, 3), (24, 24, 300)])
def test_frames_of_odd_shapes_keep_their_fluxes(tmp_path, width, height, frames):
    """One star in the middle of every frame."""
    catalog = tmp_path / "star.ecsv"
    Table({"ra": [120.036], "dec": [-9.064], "flux": [1000.0]}, units={"ra": "deg", "dec": "deg", "flux": "uJy"}).write(catalog, format="ascii.ecsv")
    stack = simulate(tmp_path / "frames", *NOISELESS, f"camera.width={width}", f"camera.height={height}", f"stack.frames={frames}", "psf.fwhm_pix=2",
                     "stack.dither_size_pix=1", "stack.offset_rms=0", "camera.distortion=0.2", f"sources.catalog={catalog}", "sky.level=0.1")
    out = mosaic(stack, tmp_path / "out")
    ratio, apart = measure(out, truth_sources(stack), radius=5, annulus=(5, 7), least=0.98 * frames)
    summary(f"{frames} frames of {width} x {height}", ratio, apart)
    assert abs(ratio[0] - 1) <= 1e-3 and apart[0] <= 0.01
    cov, _ = plane(out / "mosaic_cov.fits")
    assert frames * 0.98 < cov.max() <= frames * (1 + 1e-5)


def test_small_frames_spread_over_degrees_take_little(tmp_path):
    """100 frames of 64² on 1.4 degrees: 1.6·10⁷ output pixels, one in forty covered. (400 frames on five degrees: 2.2·10⁸ pixels in 16 s.)"""
    frames = simulate(tmp_path / "frames", "camera.width=64", "camera.height=64", "stack.map_columns=10", "stack.map_rows=10", "stack.map_step_arcsec=540",
                      "stack.frames=100", "sources.count=0", "stack.dither=none", "products.cosmic_masks=false")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    out = mosaic(frames, tmp_path / "out", "--memory", "1G")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    record = run_record(out)
    peak = max(stage["peak_bytes"] for stage in record["stages"])
    header = header_of(out)
    pixels = header["NAXIS1"] * header["NAXIS2"]
    print(f"{header['NAXIS1']} x {header['NAXIS2']} pixels: {time.time() - began:.1f} s, {cpu:.1f} cpu-s, peak {peak / 2**20:.0f} MiB")
    assert pixels > 1e7 and peak < 1e8 and cpu < 3 + pixels * 3e-7
    assert [c["kind"] for c in record["caveats"]].count("disjoint-groups") == 1
