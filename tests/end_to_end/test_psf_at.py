"""tessera psf at: the response of a mosaic at single places, against noise-free mosaics of simulated stars."""
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.ndimage import map_coordinates

import photutils_models
from conftest import simulate
from tools import run_record, tessera

FRAMES_PSF = "gaussian:fwhm_pix=1.4"
KERNELS = {
    "area": (),
    "half-pixels": ("grid.oversample=2",),
    "drizzle": ("interpolation.method=drizzle", "interpolation.pixfrac=0.6"),
    "lanczos3": ("interpolation.method=lanczos3", "grid.oversample=2"),
    "bilinear": ("interpolation.method=bilinear",),
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Five distorted frames, turned by 23 degrees from one to the next, without noise, sky and defects."""
    return simulate(tmp_path_factory.mktemp("at") / "frames", "camera.width=96", "camera.height=96", "stack.frames=5", "stack.roll_step_deg=23", "stack.dither_scale=small", "stack.offset_rms=0", "sources.count=40",
                    "sources.placement=grid", "sources.flux_min_ujy=2000", "noise.photon=false", "noise.read=false", "sky.level=0", "sky.gradient=0", "sky.nebula_peak=0", "defects.cosmic_fraction=0",
                    "defects.dead_fraction=0", "defects.hot_fraction=0", seed=4)


def mosaic_of(stack, name, settings=()):
    out = stack.parent / name
    if not out.exists():
        tessera("mosaic", stack, "-o", out, "-q", *[a for s in ("rejection.method=none", "background.method=none", *settings) for a in ("--set", s)])
    return out


def well_inside(stack, mosaic, margin=12):
    """Stars that all five frames cover with room around."""
    truth = Table.read(stack / "truth_sources.ecsv", format="ascii.ecsv")
    with fits.open(mosaic / "mosaic.fits") as hdus:
        x, y = WCS(hdus[0].header).all_world2pix(truth["ra"], truth["dec"], 0)
    coverage = fits.getdata(mosaic / "mosaic_cov.fits")
    keep = []
    for k, (a, b) in enumerate(zip(x, y)):
        i, j = int(round(a)), int(round(b))
        if min(i, j) > margin and j < coverage.shape[0] - margin and i < coverage.shape[1] - margin and coverage[j - margin:j + margin + 1, i - margin:i + margin + 1].min() > 1.5:
            keep.append(k)
    return truth[keep]


def evaluated(hdu, x, y, xs, ys):
    """The table of an HDU, for a star at (x, y), on pixels."""
    h, n = hdu.header, hdu.header["PRSAMPX"]
    return map_coordinates(hdu.data.astype(float), [h["PRCENY"] + n * (ys - y), h["PRCENX"] + n * (xs - x)], order=5, mode="grid-constant")


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_response_at_a_star_is_what_the_mosaic_shows_of_it(stack, kernel):
    mosaic = mosaic_of(stack, kernel, KERNELS[kernel])
    stars = well_inside(stack, mosaic)[:8]
    assert len(stars) >= 4
    out = stack.parent / f"{kernel}-psf"
    tessera("psf", "at", *[f"{s['ra']:.9f},{s['dec']:.9f}" for s in stars], mosaic, "--psf", FRAMES_PSF, "-o", out, "-q")
    rows = Table.read(out / "places.fits")
    with fits.open(mosaic / "mosaic.fits") as hdus:
        pixels, header = hdus[0].data.astype(float), hdus[0].header
    sr = np.abs(np.linalg.det(WCS(header).pixel_scale_matrix)) * np.radians(1) ** 2
    worst = 0
    with fits.open(out / "psf.fits") as tables:
        assert len(tables) == len(stars) == len(rows)
        for star, row in zip(stars, rows):
            x, y, hdu = row["x"], row["y"], tables[row["hdu"]]
            assert row["status"].strip() == "covered" and hdu.header["PRX"] == x and hdu.header["PRY"] == y
            assert row["frames"] >= 2
            ys, xs = np.mgrid[round(y) - 9:round(y) + 10, round(x) - 9:round(x) + 10]
            seen = pixels[ys, xs] * 1e12 * sr / star["flux"]
            worst = max(worst, np.abs(seen - evaluated(hdu, x, y, xs, ys)).max() / seen.max())
            # One table for all places, or that of another star, is not this star's.
    print(f"{kernel}: worst pixel {100 * worst:.2f} % of the peak, full widths {min(rows['fwhm']):.3f} to {max(rows['fwhm']):.3f}")
    assert worst < 0.005


def test_the_same_bits_whatever_the_threads_and_a_replay_agrees(stack):
    mosaic = mosaic_of(stack, "area")
    stars = well_inside(stack, mosaic)[:3]
    places = [f"{s['ra']},{s['dec']}" for s in stars]
    for threads in (1, 2):
        tessera("psf", "at", *places, mosaic, "--psf", FRAMES_PSF, "-o", stack.parent / f"threads{threads}", "--threads", threads, "-q")
    sums = [{p["name"]: p.get("datasum") for p in run_record(stack.parent / f"threads{t}")["products"]} for t in (1, 2)]
    assert sums[0] == sums[1] and sums[0]["psf.fits"]
    tessera("replay", stack.parent / "threads1" / "run.json", "-q")


def test_a_list_with_places_beside_the_mosaic_has_rows_that_say_so_and_extract_takes_the_tables(stack):
    mosaic = mosaic_of(stack, "area")
    stars = well_inside(stack, mosaic)[:4]
    far = Table({"ra": [*stars["ra"], stars["ra"][0] + 1, np.nan], "dec": [*stars["dec"], stars["dec"][0], 3]})
    corner = WCS(fits.getheader(mosaic / "mosaic.fits")).all_pix2world(0, 0, 0)
    far.add_row([float(corner[0]), float(corner[1])])
    far.write(stack.parent / "list.ecsv", format="ascii.ecsv", overwrite=True)
    out = stack.parent / "listed"
    tessera("psf", "at", mosaic / "mosaic.fits", "--sources", stack.parent / "list.ecsv", "--psf", FRAMES_PSF, "-o", out, "-q")
    rows = Table.read(out / "places.fits")
    assert [s.strip() for s in rows["status"]] == ["covered"] * 4 + ["outside the mosaic", "no position", "no frame covers it"]
    assert list(rows["hdu"]) == [0, 1, 2, 3, -1, -1, -1] and (out / "psf.png").stat().st_size > 1000
    tessera("extract", mosaic, "--psf", out / "psf.fits", "--sources", stack.parent / "list.ecsv", "-o", stack.parent / "by-tables", "-q", "--set", "detection.check_psf=false")
    fitted = Table.read(stack.parent / "by-tables" / "catalog.fits")[:4]
    assert np.abs(np.array(fitted["flux"], float) / np.array(stars["flux"]) - 1).max() < 0.003
    nowhere = tessera("psf", "at", "10,10", mosaic, "--psf", FRAMES_PSF, "-o", stack.parent / "nowhere", "-q")
    assert not (stack.parent / "nowhere" / "psf.fits").exists() and (stack.parent / "nowhere" / "places.fits").exists(), nowhere


def test_photutils_reads_a_table(stack):
    psf = pytest.importorskip("photutils.psf", reason="skipped: no photutils")
    mosaic = mosaic_of(stack, "area")
    star = well_inside(stack, mosaic)[0]
    out = stack.parent / "one"
    tessera("psf", "at", f"{star['ra']},{star['dec']}", mosaic, "--psf", FRAMES_PSF, "-o", out, "-q")
    with fits.open(out / "psf.fits") as hdus:
        x, y = hdus[0].header["PRX"], hdus[0].header["PRY"]
        ys, xs = np.mgrid[round(y) - 5:round(y) + 6, round(x) - 5:round(x) + 6]
        model = photutils_models.image_model(psf, hdus[0]).evaluate(xs.astype(float), ys.astype(float), 1, x, y)
        ours = evaluated(hdus[0], x, y, xs, ys)
    assert np.abs(model - ours).max() < 0.01 * ours.max()


def test_what_cannot_be_is_said_in_a_line(stack, tmp_path):
    mosaic = mosaic_of(stack, "area")
    star = well_inside(stack, mosaic)[0]
    place, out = f"{star['ra']},{star['dec']}", tmp_path / "out"
    assert "--psf" in tessera("psf", "at", place, mosaic, "-o", out, code=2).stderr
    assert "no position" in tessera("psf", "at", mosaic, "--psf", FRAMES_PSF, "-o", out, code=2).stderr
    assert "'nine,2'" in tessera("psf", "at", "nine,2", mosaic, "--psf", FRAMES_PSF, "-o", out, code=2).stderr
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(mosaic / "mosaic.fits", alone)
    for verb in (("psf", "at", place, alone / "mosaic.fits"), ("extract", alone / "mosaic.fits", "--psf-of", "frames")):
        assert "run.json" in tessera(*verb, "--psf", FRAMES_PSF, "-o", out, "-q", "--overwrite", code=1).stderr
    moved = tmp_path / "moved"
    shutil.copytree(stack, moved / "frames")
    tessera("mosaic", moved / "frames", "-o", moved / "mosaic", "-q", "--set", "rejection.method=none", "--set", "coadd.method=median")
    assert "median" in tessera("psf", "at", place, moved / "mosaic", "--psf", FRAMES_PSF, "-o", out, "-q", "--overwrite", code=1).stderr
    shutil.rmtree(moved / "frames")
    gone = tessera("psf", "at", place, moved / "mosaic", "--psf", FRAMES_PSF, "-o", out, "-q", "--overwrite", code=1).stderr
    assert "put the frames back" in gone and gone.count("\n") == 1
