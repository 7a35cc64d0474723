"""tessera simulate against astropy and fitsverify: positions, fluxes, headers, repeatability."""
import filecmp
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESSERA = os.environ.get("TESSERA", str(ROOT / "build" / "tessera"))

QUIET = ["noise.photon=false", "noise.read=false", "defects.cosmic_fraction=0", "defects.dead_fraction=0", "defects.hot_fraction=0"]


def simulate(out, *args, settings=(), code=0):
    command = [TESSERA, "simulate", "-o", str(out), *args]
    for s in settings:
        command += ["--set", s]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"exit {done.returncode}, expected {code}\n{done.stdout}\n{done.stderr}"
    return done


def frames(out, suffix="_cbcd.fits"):
    return sorted(pathlib.Path(out).glob("SIM_*" + suffix))


def centroid(image, x, y, half=10):
    x0, y0 = int(round(x)) - half, int(round(y)) - half
    cut = image[y0:y0 + 2 * half + 1, x0:x0 + 2 * half + 1].astype(float)
    yy, xx = np.mgrid[y0:y0 + cut.shape[0], x0:x0 + cut.shape[1]]
    return (cut * xx).sum() / cut.sum(), (cut * yy).sum() / cut.sum(), cut.sum()


@pytest.mark.parametrize("camera,order", [("irac", 5), ("irac", 3), ("irac", 0), ("mips", 5), ("spherex", 5)])
def test_noise_free_stars_stand_where_astropy_puts_the_truth(tmp_path, camera, order):
    """Isolated stars on a grid, no sky: first moments over 21 pixels hold all of a star. The moment of a pixelated Gaussian is off by
    up to exp(−2π²σ²)/π pixels, 10⁻⁷ at this width (3·10⁻⁴ at IRAC's own)."""
    settings = QUIET + ["sky.level=0", "stack.offset_rms=0", "stack.roll_step_deg=25", f"camera.sip_order={order}",
                        "camera.width=256", "camera.height=256", "sources.placement=grid", "psf.fwhm_pix=2"]
    simulate(tmp_path / "s", "--camera", camera, "--frames", "3", "--sources", "49", settings=settings)
    truth = Table.read(tmp_path / "s" / "truth_sources.ecsv")
    checked = 0
    for path in frames(tmp_path / "s", "_bcd.fits" if camera == "mips" else "_cbcd.fits"):
        image, header = fits.getdata(path), fits.getheader(path)
        x, y = WCS(header).all_world2pix(truth["ra"], truth["dec"], 0, quiet=True)
        for i in np.flatnonzero((x > 12) & (x < 243) & (y > 12) & (y < 243)):
            cx, cy, _ = centroid(image, x[i], y[i])
            assert abs(cx - x[i]) < 1e-3 and abs(cy - y[i]) < 1e-3
            checked += 1
    assert checked > 30


def test_fluxes_are_surface_brightness_times_astropys_pixel_area(tmp_path):
    """Without distortion the area is astropy's; at the reference pixel the two agree to the cosine cubed of a tenth of a degree."""
    simulate(tmp_path / "s", "--frames", "1", "--sources", "25",
             settings=QUIET + ["sky.level=0", "stack.offset_rms=0", "camera.sip_order=0", "sources.placement=grid"])
    truth = Table.read(tmp_path / "s" / "truth_sources.tbl", format="ascii.ipac")
    path = frames(tmp_path / "s")[0]
    image, header = fits.getdata(path), fits.getheader(path)
    wcs = WCS(header)
    area_sr = proj_plane_pixel_area(wcs) * (np.pi / 180) ** 2
    x, y = wcs.all_world2pix(truth["ra"], truth["dec"], 0)
    inside = np.flatnonzero((x > 12) & (x < 243) & (y > 12) & (y < 243))
    assert len(inside) >= 9
    for i in inside:
        _, _, total = centroid(image, x[i], y[i])
        assert total * area_sr * 1e12 == pytest.approx(truth["flux"][i], rel=3e-6)


def test_truth_tables_agree_with_headers_masks_and_offsets(tmp_path):
    out = tmp_path / "s"
    simulate(out, "--frames", "4", "--sources", "0", settings=["noise.photon=false", "noise.read=false", "sky.level=0.2", "stack.offset_rms=0.1",
                                                               "defects.hot_fraction=0", "stack.roll_scatter_deg=3"])
    truth = Table.read(out / "truth_frames.ecsv")
    twin = Table.read(out / "truth_frames.tbl", format="ascii.ipac")
    assert len(truth) == len(twin) == 4
    for row, other, path in zip(truth, twin, frames(out)):
        image, header = fits.getdata(path), fits.getheader(path)
        hits = fits.getdata(out / "truth" / f"{row['name']}_crmask.fits")
        mask = fits.getdata(str(path).replace("_cbcd", "_bimsk"))
        sigma = fits.getdata(str(path).replace("_cbcd", "_cbunc"))
        assert path.name.startswith(row["name"])
        assert header["CRVAL1"] == row["header_ra"] == row["ra"] and header["CRVAL2"] == row["header_dec"]
        assert header["PA"] == pytest.approx(row["position_angle"], abs=1e-9)
        assert hits.sum() == row["cosmic_pixels"] == round(0.003 * 256 * 256)
        assert other["offset"] == pytest.approx(row["offset"], rel=1e-12)
        assert np.array_equal(np.isnan(image), mask == 16384)
        clean = (hits == 0) & (mask == 0)
        assert np.allclose(image[clean], 0.2 + row["offset"], atol=2e-7)
        assert (image[(hits == 1) & (mask == 0)] > 0.2 + row["offset"]).all()
        assert np.isfinite(sigma).all() and (sigma > 0).all()
    sky = fits.getdata(out / "truth" / "sky.fits")
    assert np.allclose(sky, 0.2)


@pytest.mark.parametrize("layout,suffix", [("irac", "_cbcd.fits"), ("mips", "_bcd.fits"), ("hst", "_flt.fits"), ("jwst", "_cal.fits"), ("plain", ".fits")])
def test_headers_pass_fitsverify_and_astropy_in_every_layout(tmp_path, layout, suffix):
    out = tmp_path / "s"
    simulate(out, "--frames", "2", settings=[f"camera.layout={layout}", "camera.width=100", "camera.height=80", "products.model=true"])
    assert len(frames(out, suffix)) == 2
    files = sorted(out.rglob("*.fits"))
    for path in files:
        done = subprocess.run(["fitsverify", "-q", str(path)], capture_output=True, text=True)
        assert re.search(r"verification OK", done.stdout), done.stdout + done.stderr
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            for hdu in hdus:
                assert "CHECKSUM" in hdu.header and "DATASUM" in hdu.header
    with fits.open(frames(out, suffix)[0]) as hdus:
        image = hdus[1 if layout in ("hst", "jwst") else 0]
        assert image.data.shape == (80, 100)
        assert image.header["CTYPE1"] == "RA---TAN-SIP"
        assert WCS(image.header).sip is not None
        if layout in ("hst", "jwst"):
            assert [h.name for h in hdus[1:]] == ["SCI", "ERR", "DQ"]


def test_compressed_frames_hold_the_same_pixels(tmp_path):
    base = ["camera.layout=jwst", "camera.width=120", "camera.height=90"]
    simulate(tmp_path / "plain", "--frames", "1", settings=base)
    simulate(tmp_path / "packed", "--frames", "1", settings=base + ["products.compress=true"])
    with fits.open(tmp_path / "plain" / "SIM_JWST_0000_cal.fits") as a, fits.open(tmp_path / "packed" / "SIM_JWST_0000_cal.fits.fz") as b:
        for name in ("SCI", "ERR", "DQ"):
            assert np.array_equal(a[name].data, b[name].data, equal_nan=True)
    message = simulate(tmp_path / "no", settings=["products.compress=true"], code=2).stderr
    assert "companion files" in message and not (tmp_path / "no").exists()


def same_files(a, b):
    names = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file())
    return names, [n for n in names if not filecmp.cmp(a / n, b / n, shallow=False)]


def test_a_seed_gives_the_same_files_whatever_the_threads(tmp_path):
    for name, threads in (("one", "1"), ("three", "3")):
        simulate(tmp_path / name, "--frames", "7", "--threads", threads, "--seed", "42")
    names, differing = same_files(tmp_path / "one", tmp_path / "three")
    assert len(names) == 7 * 4 + 6 and differing == []
    simulate(tmp_path / "other", "--frames", "7", "--seed", "43")
    _, differing = same_files(tmp_path / "one", tmp_path / "other")
    assert len(differing) > 7


def test_simulation_toml_and_the_truth_catalogue_repeat_the_simulation(tmp_path):
    settings = ["sources.blend_fraction=0.2", "sky.nebula_peak=0.3", "psf.profile=moffat", "camera.width=90", "camera.height=70"]
    simulate(tmp_path / "a", "--frames", "2", "--seed", "5", "--sources", "40", settings=settings)
    simulate(tmp_path / "b", "-c", str(tmp_path / "a" / "simulation.toml"))
    assert same_files(tmp_path / "a", tmp_path / "b")[1] == []
    simulate(tmp_path / "c", "-c", str(tmp_path / "a" / "simulation.toml"), settings=[f"sources.catalog={tmp_path / 'a' / 'truth_sources.ecsv'}"])
    assert [str(n) for n in same_files(tmp_path / "a", tmp_path / "c")[1]] == ["simulation.toml"]


def test_a_finished_folder_is_kept_unless_told_otherwise(tmp_path):
    out = tmp_path / "s"
    simulate(out, "--frames", "3", settings=["camera.width=40", "camera.height=40"])
    (out / "notes.txt").write_text("mine")
    before = (out / "SIM_I1_0000_cbcd.fits").read_bytes()
    assert "--overwrite" in simulate(out, "--frames", "2", code=2).stderr
    assert (out / "SIM_I1_0000_cbcd.fits").read_bytes() == before
    simulate(out, "--frames", "2", "--overwrite", settings=["camera.width=40", "camera.height=40"])
    assert len(frames(out)) == 2 and (out / "notes.txt").read_text() == "mine"


def test_bad_requests_are_refused_in_one_line_and_leave_nothing(tmp_path):
    catalogue = tmp_path / "stars.ecsv"
    Table({"ra": [1.0], "flux": [2.0]}).write(catalogue, format="ascii.ecsv")
    for settings, code, words in [(["defects.cosmic_fraction=2"], 2, "cosmic_fraction"), (["camera.preset=wfpc"], 2, "wfpc"),
                                  (["sources.flux_min_ujy=10", "sources.flux_max_ujy=1"], 2, "flux_max_ujy"),
                                  ([f"sources.catalog={catalogue}"], 1, "dec"), ([f"sources.catalog={tmp_path / 'none.tbl'}"], 1, "none.tbl"),
                                  (["camera.width=32768", "camera.height=32768", "camera.pixel_scale_arcsec=0.1", "run.memory=2G"], 3, "memory")]:
        done = simulate(tmp_path / "s", settings=settings, code=code)
        assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert not (tmp_path / "s").exists()


def test_fitsverify_and_the_program_are_there():
    assert shutil.which("fitsverify") and pathlib.Path(TESSERA).exists()


@pytest.mark.parametrize("layout,profile", [("irac", "spitzer-irac"), ("mips", "spitzer-mips"), ("hst", "hst-acs"), ("jwst", "jwst"), ("plain", "generic")])
def test_the_profiles_take_exactly_the_frames_of_a_simulated_folder(tmp_path, layout, profile):
    out = tmp_path / "s"
    simulate(out, "--frames", "3", settings=[f"camera.layout={layout}", "camera.width=64", "camera.height=64"])
    done = subprocess.run([TESSERA, "mosaic", str(out), "-o", str(tmp_path / "m"), "--dry-run"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"3\s+\(3 {profile}\)", done.stdout + done.stderr), done.stdout + done.stderr
