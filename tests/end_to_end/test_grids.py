"""Output grids: the same stars on every projection, frame, rotation and scale; grids given as files; odd frames."""
import resource
import time

import erfa
import numpy as np
import pytest
from astropy.io import fits
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


def mosaic(frames, out, *args, **kwargs):
    inputs = frames if isinstance(frames, list) else [frames]
    tessera("mosaic", *inputs, "-o", out, "--no-pictures", *args, **kwargs)
    return out


def check_stars(out, sources, label, scale=1.0, least=2, number=15):
    ratio, apart = measure(out, sources, radius=7, annulus=(9, 13), scale=scale, least=least)
    summary(label, ratio, apart)
    assert np.isfinite(ratio).sum() >= number
    assert np.nanmax(np.abs(ratio - 1)) <= 1e-3 and np.nanmax(apart) <= 0.01


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
    check_stars(out, truth_sources(fields["plain"]), f"oversample {oversample}", scale=oversample)


@pytest.mark.parametrize("field", ["ra0", "pole", "south"])
@pytest.mark.parametrize("projection,frame", [("TAN", "icrs"), ("ZEA", "icrs"), ("CAR", "icrs"), ("AIT", "galactic")])
def test_stars_are_the_same_across_ra_zero_and_the_poles(fields, tmp_path, field, projection, frame):
    out = mosaic(fields[field], tmp_path / "out", "--projection", projection, "--frame", frame, "--rotation", "0")
    h = header_of(out)
    assert h["NAXIS1"] < 250 and h["NAXIS2"] < 250
    check_stars(out, sources_in(fields[field], frame), f"{field} {projection} {frame}")


def write_fif(path, keywords):
    path.write_text("".join(f"\\{k} = {v!r}\n" if isinstance(v, str) else f"\\{k} = {v}\n" for k, v in keywords.items()) + "| dummy |\n")
    return path


def test_an_edited_fif_is_honoured_as_it_is(fields, tmp_path):
    first = mosaic(fields["plain"], tmp_path / "first")
    lines = (first / "FIF.tbl").read_text().splitlines()
    old = header_of(first)
    new = {"CRPIX1": old["CRPIX1"] + 20.25, "CRPIX2": old["CRPIX2"] + 10.5, "NAXIS1": 210, "NAXIS2": 190, "CROTA2": old["CROTA2"] + 25}
    for i, line in enumerate(lines):
        for key, value in new.items():
            if line.startswith(f"\\{key}") and line[len(key) + 1] in " =":
                lines[i] = f"\\{key} = {value}"
    edited = tmp_path / "edited.tbl"
    edited.write_text("\n".join(lines) + "\n")
    out = mosaic(fields["plain"], tmp_path / "out", "--grid", edited)
    header = header_of(out)
    assert {k: header[k] for k in new} == new
    assert {k: header[k] for k in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2")} == {k: old[k] for k in ("CRVAL1", "CRVAL2", "CDELT1", "CDELT2")}
    check_stars(out, truth_sources(fields["plain"]), "edited FIF", number=10)
    # A mosaic's own FIF gives the same pixels again.
    again = mosaic(fields["plain"], tmp_path / "again", "--grid", out / "FIF.tbl")
    assert header_of(again)["DATASUM"] == header["DATASUM"]


def test_an_interrupted_run_is_not_resumed_on_another_grid(fields, tmp_path):
    """The grid's file may change between two runs while its name stays."""
    first = mosaic(fields["plain"], tmp_path / "first")
    grid = tmp_path / "grid.tbl"
    grid.write_text((first / "FIF.tbl").read_text())
    plans = []
    for crpix in (None, "60.0"):
        if crpix:
            grid.write_text("\n".join(f"\\CRPIX1 = {crpix}" if l.startswith("\\CRPIX1") else l for l in grid.read_text().splitlines()) + "\n")
        plans.append(run_record(mosaic(fields["plain"], tmp_path / f"out{crpix}", "--grid", grid))["plan"])
    assert plans[0] != plans[1]


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
    star = sources[len(sources) // 2]
    out = mosaic(fields["plain"], tmp_path / "out", "--center", f"{star['ra']:.9f} {star['dec']:.9f}", "--size", "61 47")
    header = header_of(out)
    assert (header["NAXIS1"], header["NAXIS2"]) == (61, 47)
    x, y = WCS(header).wcs_world2pix(star["ra"], star["dec"], 1)
    assert np.hypot(x - 31, y - 24) < 1e-4
    # The cut-out's sky is the whole mosaic's: rejection and matching see the frames beyond its edge.
    whole = mosaic(fields["plain"], tmp_path / "whole")
    assert header_of(whole)["CDELT1"] == pytest.approx(header["CDELT1"], rel=1e-9)
    ratio, _ = measure(out, sources[len(sources) // 2:len(sources) // 2 + 1], annulus=(9, 13), least=2)
    assert abs(ratio[0] - 1) < 1e-3


# ---- odd frames ----

def test_frames_of_different_pixel_scales_make_one_mosaic(tmp_path):
    """Two cameras of one field; fluxes hold wherever either or both look."""
    fine = simulate(tmp_path / "fine", *NOISELESS, *STARS, *SMALL, "camera.pixel_scale_arcsec=0.8")
    catalog = f"sources.catalog={fine / 'truth_sources.ecsv'}"
    coarse = simulate(tmp_path / "coarse", *NOISELESS, catalog, *SMALL, "camera.pixel_scale_arcsec=1.6", "psf.fwhm_pix=1.5", seed=2)
    for scale, name in ((0.8, "a"), (1.2, "b"), (1.6, "c")):
        out = mosaic([fine, coarse], tmp_path / name, "--pixel-scale", scale, "--set", "background.method=none")
        ratio, apart = measure(out, truth_sources(fine), radius=9, annulus=(10, 14), scale=0.8 / scale, least=2)
        summary(f"frames of 0.8 and 1.6 arcsec on {scale} arcsec", ratio, apart)
        assert np.isfinite(ratio).sum() >= 10 and np.nanmax(np.abs(ratio - 1)) <= 2e-3 and np.nanmax(apart) <= 0.02
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


@pytest.mark.parametrize("width,height,frames", [(20, 20, 12), (4000, 50, 3), (50, 4000, 3), (16, 16, 300)])
def test_frames_of_odd_shapes_keep_their_fluxes(tmp_path, width, height, frames):
    few = min(width, height) <= 20
    stack = simulate(tmp_path / "frames", *NOISELESS, f"camera.width={width}", f"camera.height={height}", f"stack.frames={frames}", "psf.fwhm_pix=2",
                     "stack.dither_size_pix=2", "stack.offset_rms=0", "camera.distortion=0.3", "sources.placement=grid", f"sources.count={1 if few else 60}",
                     "sources.flux_min_ujy=1000", "sources.flux_max_ujy=1001", "sky.level=0")
    out = mosaic(stack, tmp_path / "out", "--set", "background.method=none")
    ratio, apart = measure(out, truth_sources(stack), radius=4.5, annulus=(4.5, 7), least=2)
    summary(f"{frames} frames of {width} x {height}", ratio, apart)
    assert np.isfinite(ratio).sum() >= (1 if few else 10)
    assert np.nanmax(np.abs(ratio - 1)) <= 3e-3 and np.nanmax(apart) <= 0.02
    cov, _ = plane(out / "mosaic_cov.fits")
    assert frames * 0.9 < cov.max() <= frames * (1 + 1e-5)


def test_small_frames_spread_over_degrees_take_little(tmp_path):
    """400 frames of 64² on five degrees: 2·10⁸ output pixels, one in a hundred covered."""
    frames = simulate(tmp_path / "frames", "camera.width=64", "camera.height=64", "stack.map_columns=20", "stack.map_rows=20", "stack.map_step_arcsec=945",
                      "stack.frames=400", "sources.count=0", "stack.dither=none", "products.cosmic_masks=false")
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    out = mosaic(frames, tmp_path / "out", "--memory", "1G")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = max(stage["peak_bytes"] for stage in run_record(out)["stages"])
    header = header_of(out)
    print(f"{header['NAXIS1']} x {header['NAXIS2']} pixels: {time.time() - began:.1f} s, {cpu:.1f} cpu-s, peak {peak / 2**20:.0f} MiB, "
          f"files {sum(f.stat().st_size for f in out.iterdir()) / 2**20:.0f} MiB")
    assert peak < 1.05 * 2**30
