"""The columns of tessera extract beside the fitted flux: shapes, flags, limits, corrections, MOPEX's signal to noise, proper motions, saturated stars."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from conftest import simulate
from tools import tessera

GAUSSIAN = "gaussian:fwhm_pix=2"
SIDE = 200
SCALE = 1.0  # arcsec


def header(bunit="MJy/sr"):
    w = WCS(naxis=2)
    w.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    w.wcs.crval = [150, 2]
    w.wcs.crpix = [(SIDE + 1) / 2] * 2
    w.wcs.cdelt = [-SCALE / 3600, SCALE / 3600]
    h = w.to_header()
    h["BUNIT"] = bunit
    return h


def pixels_of_gaussian(x, y, flux, sigma_x, sigma_y=None):
    from scipy.special import erf

    sigma_y = sigma_y or sigma_x
    edge = np.arange(SIDE + 1) - 0.5
    gx, gy = (np.diff(erf((edge - c) / s / np.sqrt(2))) / 2 for c, s in ((x, sigma_x), (y, sigma_y)))
    return flux * np.outer(gy, gx)


def write(folder, image, sigma=1.0, name="image.fits", **cards):
    folder.mkdir(exist_ok=True)
    h = header(cards.pop("bunit", "electron"))
    for k, v in cards.items():
        h[k] = v
    fits.writeto(folder / name, image.astype("f4"), h, overwrite=True)
    fits.writeto(folder / name.replace(".fits", "_unc.fits"), np.full_like(image, sigma, "f4"), h, overwrite=True)
    return folder / name


def places(n, rng, step=25):
    at = np.array([(x, y) for y in range(20, SIDE - 20, step) for x in range(20, SIDE - 20, step)], float)
    return (at + rng.uniform(-0.5, 0.5, at.shape))[:n]


def extract(image, out, *options):
    tessera("extract", image, "--psf", GAUSSIAN, "-o", out, "-q", *[a for o in options for a in (("--set", o) if not o.startswith("--") else o.split(" ", 1))])
    return Table.read(out / "catalog.fits")


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """49 sources of 3000 electrons on a noisy frame, every other one a galaxy (a Gaussian of 3 × 1.8 pixels); catalogue and truth by row."""
    rng = np.random.default_rng(1)
    at, image = places(49, rng), rng.normal(0, 1, (SIDE, SIDE))
    star = 2 / 2.3548
    for k, (x, y) in enumerate(at):
        image += pixels_of_gaussian(x, y, 3000, *((3, 1.8) if k % 2 else (star,)))
    folder = tmp_path_factory.mktemp("columns")
    cat = extract(write(folder, image), folder / "out", "shape.ellipses=3,6", "aperture.radii=2,4,8", "aperture.annulus_outer=0", "aperture.annulus_inner=0", "aperture.correct=true")
    cat = cat[["A" not in str(d) for d in cat["deblend"]]]  # points that the fit adds to a galaxy have no shape of their own
    order = [int(np.argmin(np.hypot(cat["x"] - x, cat["y"] - y))) for x, y in at]
    return cat[order], np.arange(49) % 2 == 1


def test_shapes_tell_galaxies_from_stars_and_hold_their_light(sources):
    cat, galaxy = sources
    assert np.all(cat["spread"][galaxy] > 10 * cat["spread_err"][galaxy])
    pulls = (cat["spread"] / cat["spread_err"])[~galaxy]
    assert abs(pulls.mean()) < 0.6 and 0.6 < pulls.std() < 1.4
    kron = np.array(cat["kron_flux"])
    assert abs(np.median(kron[galaxy]) / 3000 - 1) < 0.03 and abs(np.median(kron[~galaxy]) / 3000 - 1) < 0.01
    assert np.all(np.abs(kron[~galaxy] / 3000 - 1) < 5 * cat["kron_flux_err"][~galaxy] / 3000 + 0.01)
    # Half of a round Gaussian's light lies within 1.1774 sigma; the star's sigma has two pixels in it: the camera's, and that a circle takes light as even over a pixel.
    assert abs(np.median(cat["half_light_radius"][~galaxy]) / (1.1774 * np.hypot(2 / 2.3548, np.sqrt(1 / 6))) - 1) < 0.03
    assert 2.3 < np.median(cat["half_light_radius"][galaxy]) < 3.0
    assert np.all(cat["ellipse_2"] > 0.9 * 3000) and np.median(cat["ellipse_1"][galaxy]) < np.median(cat["ellipse_2"][galaxy])


def test_corrected_circles_agree_at_every_radius(sources):
    cat, galaxy = sources
    for k in (1, 2, 3):
        pulls = (cat[f"aperture_{k}"][~galaxy] - 3000) / cat[f"aperture_{k}_err"][~galaxy]
        assert abs(pulls.mean()) < 0.8, k
    assert np.median(cat["aperture_1_correction"]) > 1.02 and abs(np.median(cat["aperture_3_correction"]) - 1) < 1e-3


def test_mopexs_rules_of_signal_to_noise(tmp_path):
    rng = np.random.default_rng(2)
    image = rng.normal(0, 2, (SIDE, SIDE)) + pixels_of_gaussian(100, 100, 3000, 2 / 2.3548)
    file = write(tmp_path / "in", image, sigma=2.0)
    flux, peak = 3000, pixels_of_gaussian(100, 100, 1, 2 / 2.3548).max()
    # The core: to a tenth of the peak, 1.82 pixels of a Gaussian of this width, so one pixel to each side.
    expected = {"peak": flux * peak / 2, "core": flux / (2 * 3), "gain": flux / np.sqrt(9 * 4 + flux / 1.5)}
    for rule, value in expected.items():
        cat = extract(file, tmp_path / rule, f"fit.snr={rule}", "fit.snr_gain=1.5", "detection.noise_cell=0")
        row = cat[np.argmax(cat["flux"])]
        assert abs(row["snr"] / value - 1) < 0.05, (rule, row["snr"], value)
        assert fits.getheader(tmp_path / rule / "catalog.fits", 1)["SNRRULE"] == rule


def test_limits_magnitudes_and_rows_of_a_list(tmp_path):
    rng = np.random.default_rng(3)
    image = rng.normal(0, 1, (SIDE, SIDE)) * 1e-3
    steradian = np.radians(SCALE / 3600) ** 2
    image += pixels_of_gaussian(100, 100, 40 / (1e12 * steradian), 2 / 2.3548)
    file = write(tmp_path / "in", image, sigma=1e-3, bunit="MJy/sr")
    w = WCS(header())
    world = w.pixel_to_world([100, 40], [100, 40])
    Table({"name": ["bright", "empty"], "ra": world.ra.deg, "dec": world.dec.deg}).write(tmp_path / "list.ecsv")
    cat = extract(file, tmp_path / "out", f"--sources {tmp_path / 'list.ecsv'}", "catalog.vega_jy=280.9")
    bright, empty = cat
    assert list(cat["list_id"]) == ["bright", "empty"]
    assert abs(bright["mag_ab"] - (23.9 - 2.5 * np.log10(bright["flux"]))) < 1e-6
    assert abs(bright["mag_vega"] + 2.5 * np.log10(bright["flux"] * 1e-6 / 280.9)) < 1e-6
    assert np.isnan(np.ma.filled(bright["flux_limit"], np.nan))
    assert abs(empty["flux_limit"] - (max(0, empty["flux"]) + 3 * empty["flux_err"])) < 1e-9


def test_proper_motions_carry_sources_to_the_epoch_of_each_frame(tmp_path):
    """Frames two years apart; a star that moves a pixel a year is fitted where it is in each, by a list of the epoch between."""
    rng = np.random.default_rng(4)
    folder = tmp_path / "frames"
    for k, mjd in enumerate((57388.5, 58119.0)):  # J2016.0, J2018.0
        moved = 100 - (k * 2 - 1)  # right ascension grows to the left
        image = rng.normal(0, 1, (SIDE, SIDE)) + 50 + pixels_of_gaussian(moved, 100, 3000, 2 / 2.3548) + pixels_of_gaussian(60, 60, 3000, 2 / 2.3548)
        for x, y in places(20, rng):
            if np.hypot(x - 100, y - 100) > 20 and np.hypot(x - 60, y - 60) > 15:
                image += pixels_of_gaussian(x, y, 800, 2 / 2.3548)
        write(folder, image, name=f"f{k}.fits", MJD_OBS=mjd, **{"MJD-OBS": mjd})
    world = WCS(header()).pixel_to_world([100, 60], [100, 60])
    table = Table({"ra": world.ra.deg, "dec": world.dec.deg, "pmra": [1000.0, 0.0], "pmdec": [0.0, 0.0]})
    table.write(tmp_path / "list.ecsv")
    frames = sorted(folder.glob("f?.fits"))
    tessera("mosaic", *frames, "-o", tmp_path / "mosaic", "-q", "--set", "rejection.method=none")
    arguments = ["extract", *frames, "--mosaic", tmp_path / "mosaic", "--psf", GAUSSIAN, "--sources", tmp_path / "list.ecsv", "-q"]
    done = tessera(*arguments, "-o", tmp_path / "no", code=2)
    assert "epoch" in done.stderr
    tessera(*arguments, "-o", tmp_path / "out", "--set", "catalog.epoch=2017")
    cat = Table.read(tmp_path / "out" / "catalog.fits")
    assert np.all(np.abs(cat["flux"] - 3000) < 5 * cat["flux_err"]) and np.all(cat["source_chi2_dof"] < 1.5)
    table.remove_columns(["pmra", "pmdec"])
    table.write(tmp_path / "list.ecsv", overwrite=True)
    tessera(*arguments, "-o", tmp_path / "still")
    still = Table.read(tmp_path / "still" / "catalog.fits")
    assert still["flux"][0] < 2600 and still["source_chi2_dof"][0] > 10


def test_saturated_stars_are_fitted_on_their_wings(tmp_path):
    rng = np.random.default_rng(5)
    image = rng.normal(0, 1, (SIDE, SIDE))
    at = places(9, rng, 50)
    for x, y in at:
        image += pixels_of_gaussian(x, y, 20000, 2 / 2.3548)
    image = np.minimum(image, 2000)
    file = write(tmp_path / "in", image, SATURATE=2000.0)
    cat = extract(file, tmp_path / "out", "detection.check_psf=false")
    stars = cat[cat["flux"] > 5000]
    assert len(stars) == 9 and np.all(stars["saturated"] > 0)
    assert np.all(np.abs(stars["flux"] - 20000) < 5 * stars["flux_err"])
    wrong = extract(file, tmp_path / "all", "detection.check_psf=false", "fit.saturation=-1")
    assert np.median(wrong[wrong["flux"] > 5000]["flux"]) < 19000


def test_flags_are_those_of_the_masks(tmp_path):
    frames = simulate(tmp_path / "frames", "stack.frames=4", "camera.width=96", "camera.height=96", "sources.count=15", "defects.cosmic_fraction=0.01", seed=8)
    tessera("mosaic", frames, "-o", tmp_path / "mosaic", "--rmasks", "-q")
    tessera("extract", frames, "--mosaic", tmp_path / "mosaic", "--psf", "gaussian:fwhm_pix=1.4", "-o", tmp_path / "out", "-q", "--set", "fit.window=7")
    cat = Table.read(tmp_path / "out" / "catalog.fits")
    bits = [int(n[5:]) for n in cat.colnames if n.startswith("flag_")]
    assert bits
    for row in cat:
        assert row["flags"] == sum(1 << b for b in bits if row[f"flag_{b}"] > 0)
    # Counted by hand for one source in all frames.
    row = cat[np.argmax([sum(r[f"flag_{b}"] for b in bits) for r in cat])]
    expected = dict.fromkeys(bits, 0)
    for image in sorted(frames.glob("*_cbcd.fits")):
        w = WCS(fits.getheader(image))
        x, y = (int(np.round(v)) for v in w.all_world2pix(row["ra"], row["dec"], 0))
        mask = fits.getdata(str(image).replace("_cbcd", "_bimsk"))
        cut = mask[max(0, y - 3) : max(0, y + 4), max(0, x - 3) : max(0, x + 4)].astype(int)
        for b in bits:
            expected[b] += int((cut >> b & 1).sum())
    assert {b: int(row[f"flag_{b}"]) for b in bits} == expected


def test_corrections_are_columns_and_leave_fluxes_alone(tmp_path):
    rng = np.random.default_rng(6)
    image = rng.normal(0, 1, (SIDE, SIDE)) + pixels_of_gaussian(100.3, 99.9, 3000, 2 / 2.3548)
    file = write(tmp_path / "in", image)
    fits.writeto(tmp_path / "array.fits", np.add.outer(np.zeros(SIDE), 1 + 0.001 * np.arange(SIDE)).astype("f4"))
    plain = extract(file, tmp_path / "plain")
    cat = extract(file, tmp_path / "out", "correction.pixel_phase=0.0535", f"correction.array_location={tmp_path / 'array.fits'}", "correction.colour=1.02")
    row, same = cat[np.argmax(cat["flux"])], plain[np.argmax(plain["flux"])]
    assert row["flux"] == same["flux"] and "colour_correction" not in plain.colnames
    p = np.hypot(row["x"] - np.round(row["x"]), row["y"] - np.round(row["y"]))
    assert abs(row["pixel_phase_correction"] - 1 / (1 + 0.0535 * (1 / np.sqrt(2 * np.pi) - p))) < 1e-6
    assert abs(row["array_location_correction"] - (1 + 0.001 * row["x"])) < 1e-5
    assert row["colour_correction"] == 1.02
    fits.writeto(tmp_path / "small.fits", np.ones((9, 9), "f4"))
    done = tessera("extract", file, "--psf", GAUSSIAN, "-o", tmp_path / "bad", "--set", f"correction.array_location={tmp_path / 'small.fits'}", code=1)
    assert "small.fits" in done.stderr


def test_the_simplex_finds_what_the_gradients_find(tmp_path):
    rng = np.random.default_rng(7)
    image = rng.normal(0, 1, (SIDE, SIDE))
    for x, y in places(20, rng):
        image += pixels_of_gaussian(x, y, 500, 2 / 2.3548) + pixels_of_gaussian(x + 2.5, y, 300, 2 / 2.3548)
    file = write(tmp_path / "in", image)
    one, two = (extract(file, tmp_path / m, f"fit.minimiser={m}", "detection.check_psf=false") for m in ("levenberg", "simplex"))
    near = [int(np.argmin(np.hypot(two["x"] - r["x"], two["y"] - r["y"]))) for r in one]
    other = two[near]
    same = np.abs(one["flux"] - other["flux"]) < 0.05 * one["flux_err"]
    assert len(one) >= 39 and same.sum() >= 37 and np.allclose(one["flux_err"][same], other["flux_err"][same], rtol=0.02)
    blended = one["members"] > 1
    assert np.any(np.abs(one["correlation"][blended]) > 0.02) and np.all(one["neighbour"][blended] > 0)


def test_parquet_is_the_same_table_for_other_readers(tmp_path):
    """Read back by DuckDB or pyarrow where there is one, and by tessera itself."""
    if "none" in tessera("--version").stdout:
        pytest.skip("skipped: this build has no Parquet")
    rng = np.random.default_rng(8)
    image = rng.normal(0, 1, (SIDE, SIDE)) + pixels_of_gaussian(100, 100, 3000, 2 / 2.3548)
    ours = extract(write(tmp_path / "in", image), tmp_path / "out", "--formats fits,parquet")
    tessera("match", tmp_path / "out" / "catalog.fits", tmp_path / "out" / "catalog.parquet", "-o", tmp_path / "match", "-q")
    both = Table.read(tmp_path / "match" / "matched.fits")
    assert len(both) == len(ours) and np.all(both["catalogues"] == 2)
    table = pyarrow_table(tmp_path / "out" / "catalog.parquet")
    assert table["names"] == ours.colnames and table["rows"] == len(ours) and table["unit"] == "electron"
    assert np.allclose(table["flux"], ours["flux"], rtol=0) and table["version"] == "1.0"


def pyarrow_table(path):
    """What the wheel that Arrow came out of reads, in its own interpreter."""
    import json
    import subprocess
    from pathlib import Path

    python = Path(__file__).resolve().parents[2] / "build" / "arrow" / "bin" / "python"
    if not python.exists():
        pytest.skip("skipped: no pyarrow")
    code = (
        "import sys, json, pyarrow.parquet as pq; f = pq.ParquetFile(sys.argv[1]); t = f.read();"
        "print(json.dumps(dict(names=t.column_names, rows=t.num_rows, flux=t['flux'].to_pylist(), unit=t.schema.field('flux').metadata[b'unit'].decode(),"
        "version=f.metadata.metadata[b'IVOA.VOTable-Parquet.version'].decode())))"
    )
    return json.loads(subprocess.run([python, "-c", code, path], capture_output=True, text=True, check=True).stdout)


def test_bands_together_find_what_each_alone_does_not(tmp_path):
    """Sources of 4 sigma in each of three bands: a third is found in one, nearly all in the three together, and no more chance sources than in one."""
    rng = np.random.default_rng(9)
    at, sigma = places(49, rng), 2 / 2.3548
    response = pixels_of_gaussian(100, 100, 1, sigma)
    flux = 4 / np.sqrt((response**2).sum())
    stars = sum(pixels_of_gaussian(x, y, flux, sigma) for x, y in at)
    files = [write(tmp_path / f"b{k}", stars + rng.normal(0, 1, (SIDE, SIDE))) for k in range(3)]

    def found(out, *options):
        extract(files[0], out, "detection.rounds=1", "detection.threshold=4.5", *options)
        t = Table.read(out / "detections.fits")
        near = np.array([np.hypot(at[:, 0] - r["x"], at[:, 1] - r["y"]).min() < 2 for r in t])
        return near.sum(), (~near).sum()

    one, three = found(tmp_path / "one"), found(tmp_path / "three", f"detection.bands={files[1]},{files[2]}")
    assert one[0] < 30 and three[0] > 44 and three[1] <= 2, (one, three)
    other = write(tmp_path / "other", stars[:-1])
    done = tessera("extract", files[0], "--psf", GAUSSIAN, "-o", tmp_path / "bad", "--bands", other, code=1)
    assert "199" in done.stderr and "--grid" in done.stderr


def test_covariances_between_sources_are_those_of_the_normal_equations(tmp_path):
    rng = np.random.default_rng(10)
    sigma, at = 2 / 2.3548, [(100.2, 99.7), (102.1, 100.4), (99.1, 102.3)]
    image = rng.normal(0, 1, (SIDE, SIDE)) + sum(pixels_of_gaussian(x, y, 400, sigma) for x, y in at)
    world = WCS(header()).pixel_to_world([p[0] for p in at], [p[1] for p in at])
    Table({"ra": world.ra.deg, "dec": world.dec.deg}).write(tmp_path / "list.ecsv")
    cat = extract(write(tmp_path / "in", image), tmp_path / "out", f"--sources {tmp_path / 'list.ecsv'}", "fit.covariance=true", "fit.window=13", "input.scale_noise=false", "fit.noise=planes")
    pairs = Table.read(tmp_path / "out" / "covariance.fits")
    assert [(r["number"], r["other"]) for r in pairs] == [(1, 2), (1, 3), (2, 3)]
    rows = np.array([pixels_of_gaussian(x, y, 1, sigma)[85:117, 85:117].ravel() for x, y in at])
    expected = np.linalg.inv(rows @ rows.T)
    for r in pairs:
        i, j = r["number"] - 1, r["other"] - 1
        assert abs(r["flux_cov"] / expected[i, j] - 1) < 0.02
        assert abs(r["correlation"] - expected[i, j] / np.sqrt(expected[i, i] * expected[j, j])) < 0.01
    assert np.allclose(cat["flux_err"], np.sqrt(np.diag(expected)), rtol=0.01)


def test_the_window_and_the_limits_of_a_position_may_differ_in_x_and_y(tmp_path):
    """On an image turned by 35 degrees: what is told east and north of the sky is held along the pixels' rows and columns."""
    image = np.random.default_rng(6).normal(0, 1, (SIDE, SIDE)) + pixels_of_gaussian(100.8, 100.7, 3000, 2 / 2.3548)
    file = write(tmp_path / "in", image)
    turn = np.radians(35)
    for name in (file, file.with_name("image_unc.fits")):
        with fits.open(name, mode="update") as f:
            f[0].header.update(PC1_1=np.cos(turn), PC1_2=-np.sin(turn), PC2_1=np.sin(turn), PC2_2=np.cos(turn))
    world = WCS(fits.getheader(file)).pixel_to_world(100, 100)
    Table({"ra": [world.ra.deg], "dec": [world.dec.deg]}).write(tmp_path / "list.ecsv")
    options = (f"--sources {tmp_path / 'list.ecsv'}", "fit.positions=free", "fit.window=5", "fit.window_y=10", "detection.check_psf=false")
    tall = extract(file, tmp_path / "tall", *options, "fit.max_shift=2", "fit.max_shift_y=0.25")[0]
    assert tall["dof"] == 5 * 11 - 3 and tall["status"] == -2
    assert abs(tall["x"] - 100.8) < 0.05 and abs(tall["y"] - 100.25) < 1e-4
    held_x = extract(file, tmp_path / "x", *options, "fit.max_shift=0.25", "fit.max_shift_y=2")[0]
    assert abs(held_x["x"] - 100.25) < 1e-4 and abs(held_x["y"] - 100.7) < 0.05


def test_an_aperture_whose_ring_has_too_few_pixels_has_no_flux_or_nothing_subtracted(tmp_path):
    image = 5 + pixels_of_gaussian(100, 100, 3000, 2 / 2.3548)
    file = write(tmp_path / "in", image)
    world = WCS(header()).pixel_to_world(100, 100)
    Table({"ra": [world.ra.deg], "dec": [world.dec.deg]}).write(tmp_path / "list.ecsv")
    options = (f"--sources {tmp_path / 'list.ecsv'}", "fit.skip=true", "aperture.radii=8", "aperture.image=original", "aperture.annulus_inner=12", "aperture.annulus_outer=14")
    flux = {}
    for name, more in {"sky": (), "missing": ("aperture.min_pixels=1000",), "sum": ("aperture.min_pixels=1000", "aperture.without_sky=unsubtracted")}.items():
        flux[name] = float(np.ma.filled(extract(file, tmp_path / name, *options, *more)["aperture_1"][0], np.nan))
    assert abs(flux["sky"] - 3000) < 1 and np.isnan(flux["missing"])
    assert abs(flux["sum"] - 3000 - 5 * np.pi * 64) < 1
