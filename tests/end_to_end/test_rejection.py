"""Schemes of outlier rejection beside the temporal one: bits, masks, their choice, and masks as input."""
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from conftest import simulate
from tools import SHARED, needs_shared, run_record, tessera

ALL = "rejection.method=radhit,temporal,dual,box,blot"
SHIFT = 12
SHALLOW = ("camera.width=192", "camera.height=192", "stack.frames=2", "sources.count=10", "stack.dither=random", f"stack.dither_size_pix={SHIFT / 3}")
BITS = {"radhit": 1, "temporal": 2, "dual": 4, "box": 8, "blot": 16}


def checksums(out):
    """DATASUM of every product and mask."""
    return {f.relative_to(out): fits.getheader(f)["DATASUM"] for f in sorted(out.rglob("*.fits"))}


def assert_alike(a, b):
    """To the 10⁻³ pixel of the pixel map, whose nodes lie on what a frame covers of the grid and of the halo that rejection needs."""
    one, other = (fits.getdata(d / "mosaic_cov.fits").astype(float) for d in (a, b))
    assert np.abs(one - other).max() < 0.01
    one, other = (fits.getdata(d / "mosaic.fits").astype(float) for d in (a, b))
    assert (np.isnan(one) == np.isnan(other)).all() and np.nanmax(np.abs(one - other)) < 2e-3 * np.nanmax(np.abs(one))


def masks(out):
    return [fits.getdata(f) for f in sorted((out / "Rmask").glob("*.fits"))]


def test_all_schemes_together_do_not_depend_on_threads_tiles_and_memory(stack, tmp_path):
    options = ("--set", ALL, "--set", "rejection.refine_threshold=10", "--set", "coadd.min_block_coverage=0.5", "--rmasks")
    tessera("mosaic", stack, "-o", tmp_path / "reference", "--threads", "1", *options)
    reference = checksums(tmp_path / "reference")
    assert len(reference) == 12
    for i, extra in enumerate((["--threads", "2"], ["--set", "run.tile_size=17"], ["--set", "run.tile_size=64", "--threads", "3"], ["--memory", "64M"])):
        tessera("mosaic", stack, "-o", tmp_path / f"out{i}", *options, *extra)
        assert checksums(tmp_path / f"out{i}") == reference, extra


@pytest.mark.parametrize("method", ["area", "drizzle", "cubic"])
def test_temporal_outliers_in_a_pass_of_their_own_give_the_same_bits(stack, tmp_path, method):
    """A gate that holds nothing back makes temporal rejection a pass of its own."""
    for name, options in (("one", ()), ("two", ("--set", "rejection.temporal_min_coverage=1e-9"))):
        tessera("mosaic", stack, "-o", tmp_path / name, "--rmasks", "--set", f"interpolation.method={method}", *options)
    assert checksums(tmp_path / "one") == checksums(tmp_path / "two")
    assert "looking for outliers" in [s["name"] for s in run_record(tmp_path / "two")["stages"]]
    assert "looking for outliers" not in [s["name"] for s in run_record(tmp_path / "one")["stages"]]


def test_each_scheme_has_its_bit_and_its_count(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "out", "--set", ALL, "--rmasks")
    record, found = run_record(tmp_path / "out"), masks(tmp_path / "out")
    for frame, mask in zip(record["frames"], found):
        assert frame["rejected_pixels"] == (mask != 0).sum()
        assert frame["found_by"] == {name: int(((mask & bit) != 0).sum()) for name, bit in BITS.items()}
        assert all(frame["found_by"][name] > 0 for name in ("temporal", "dual", "box", "blot"))
    assert fits.getheader(next((tmp_path / "out" / "Rmask").glob("*.fits")))["BIT03"] == "box outlier"
    assert "By blot" in (tmp_path / "out" / "report.html").read_text()


def test_the_mosaic_of_masks_counts_frames(stack, tmp_path):
    options = ("--set", ALL, "--set", "rejection.fatal_bits=temporal", "--set", "output.rmask_mosaic=true")
    tessera("mosaic", stack, "-o", tmp_path / "out", "--rmasks", *options)
    with fits.open(tmp_path / "out" / "mosaic_rmask.fits") as hdus:
        assert [h.name for h in hdus][1:] == ["FATAL", "RADHIT", "TEMPORAL", "DUAL", "BOX", "BLOT"]
        bits = hdus[0].data.astype(int)
        for name, bit in BITS.items():
            assert (((bits & bit) != 0) == (hdus[name.upper()].data > 0)).all()
        assert (hdus["FATAL"].data == hdus["TEMPORAL"].data).all() and 0 < hdus["BOX"].data.max() <= 8
        # Frame and output pixels are of one size: each rejected pixel lies on one to nine output pixels.
        found = sum(((m & 2) != 0).sum() for m in masks(tmp_path / "out"))
        assert found < hdus["TEMPORAL"].data.sum() < 9 * found
    tessera("mosaic", stack, "-o", tmp_path / "tiles", "--rmasks", *options, "--set", "run.tile_size=23")
    assert checksums(tmp_path / "out") == checksums(tmp_path / "tiles")


def test_thresholds_act_on_kept_maps(stack, tmp_path):
    """The maps hold the guide's deviation; another threshold on them needs no comparison."""
    method = ("--set", "rejection.method=temporal,box", "--rmasks")
    tessera("mosaic", stack, "-o", tmp_path / "first", *method, "--set", "output.outlier_maps=true")
    tessera("mosaic", stack, "-o", tmp_path / "tiles", *method, "--set", "output.outlier_maps=true", "--set", "run.tile_size=19")
    assert checksums(tmp_path / "first") == checksums(tmp_path / "tiles")
    tessera("mosaic", stack, "-o", tmp_path / "plain", *method)
    assert fits.getheader(tmp_path / "plain" / "mosaic.fits")["DATASUM"] == fits.getheader(tmp_path / "first" / "mosaic.fits")["DATASUM"]
    maps = sorted((tmp_path / "first" / "Outlier").glob("*.fits"))
    header, grid = fits.getheader(maps[3]), fits.getheader(tmp_path / "first" / "mosaic.fits")
    assert header["CRPIX1"] + header["MINTOFFX"] == pytest.approx(grid["CRPIX1"]) and header["CRPIX2"] + header["MINTOFFY"] == pytest.approx(grid["CRPIX2"])

    found = {}
    for high in (10, 20):
        out = tmp_path / f"again{high}"
        tessera("mosaic", stack, "-o", out, *method, "--set", f"rejection.outlier_maps={tmp_path / 'first'}", "--set", f"rejection.box_threshold_high={high}")
        assert "looking for outliers" not in [s["name"] for s in run_record(out)["stages"]]
        found[high] = [m & 8 for m in masks(out)]
    # All but pixels where the temporal comparison decides for the box scheme: on maps without gradient and growth.
    boxes = [m & 8 for m in masks(tmp_path / "first")]
    assert sum((a != b).sum() for a, b in zip(found[10], boxes)) < 0.1 * sum((b != 0).sum() for b in boxes)
    assert sum((m != 0).sum() for m in found[20]) < sum((m != 0).sum() for m in found[10])

    done = tessera("mosaic", stack, "-o", tmp_path / "other", *method, "--set", f"rejection.outlier_maps={tmp_path / 'first'}", "--oversample", "1.5", code=1)
    assert "made of other frames or on another grid" in done.stderr
    done = tessera("mosaic", stack, "-o", tmp_path / "dual", "--set", "rejection.method=dual", "--set", f"rejection.outlier_maps={tmp_path / 'first'}", code=1)
    refused = tessera("mosaic", stack, "-o", tmp_path / "blot", "--set", "rejection.method=blot", "--set", f"rejection.outlier_maps={tmp_path / 'first'}", code=2)
    assert "serves the schemes temporal, box and dual" in refused.stderr
    assert "holds no map of the dual scheme" in done.stderr


def plane_pixels(out, name, header):
    """A frame's map on the whole grid, NaN elsewhere."""
    whole = np.full((header["NAXIS2"], header["NAXIS1"]), np.nan)
    with fits.open(out / "Outlier" / name) as hdus:
        x, y = hdus[0].header["MINTOFFX"], hdus[0].header["MINTOFFY"]
        for hdu in hdus:
            part = whole.copy()
            part[y:y + hdu.data.shape[0], x:x + hdu.data.shape[1]] = hdu.data
            yield hdu.name, part


def test_outlier_mosaics_are_means_of_the_maps(stack, tmp_path):
    """Coverage-weighted means of the frames' deviations, and of the signs of their clusters; the weights are those of the interpolated frames."""
    options = ("--set", "rejection.method=temporal,dual", "--set", "rejection.fatal_bits=none", "--set", "output.outlier_maps=true", "--set", "output.outlier_mosaic=true",
               "--set", "output.dual_outlier_mosaic=true", "--set", "output.interpolated=true", "--no-pictures", "--no-report")
    tessera("mosaic", stack, "-o", tmp_path / "out", *options)
    header = fits.getheader(tmp_path / "out" / "mosaic.fits")
    shape = header["NAXIS2"], header["NAXIS1"]
    sums, weights, signs, all_weights = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for path in sorted((tmp_path / "out" / "Outlier").glob("*.fits")):
        stem = path.name.removesuffix("_outlier.fits")
        coverage_file = next((tmp_path / "out" / "Interp").glob(f"*{stem}*cov*.fits"))
        coverage, at = fits.getdata(coverage_file).astype(float), fits.getheader(coverage_file)
        weight = np.zeros(shape)
        weight[at["MINTOFFY"]:at["MINTOFFY"] + coverage.shape[0], at["MINTOFFX"]:at["MINTOFFX"] + coverage.shape[1]] = coverage
        maps = dict(plane_pixels(tmp_path / "out", path.name, header))
        part = weight >= 0.5
        sums[part] += (weight * maps["PRIMARY"])[part]
        weights[part] += weight[part]
        signs += np.where(weight > 0, weight * np.sign(np.nan_to_num(maps["DUAL"])), 0)
        all_weights += weight
    for name, expected in (("mosaic_outlier.fits", sums / np.where(weights > 0, weights, np.nan)), ("mosaic_dual_outlier.fits", signs / np.where(all_weights > 0, all_weights, np.nan))):
        found = fits.getdata(tmp_path / "out" / name).astype(float)
        assert (np.isnan(found) == np.isnan(expected)).mean() > 0.9999
        both = np.isfinite(found) & np.isfinite(expected)
        assert both.sum() > 5000 and np.abs(found - expected)[both].max() < 1e-4 * (1 + np.abs(expected[both]).max())
    assert fits.getdata(tmp_path / "out" / "mosaic_dual_outlier.fits")[np.isfinite(signs / all_weights)].min() < 0
    tessera("mosaic", stack, "-o", tmp_path / "tiles", *options, "--set", "run.tile_size=29")
    for name in ("mosaic_outlier.fits", "mosaic_dual_outlier.fits"):
        assert fits.getheader(tmp_path / "out" / name)["DATASUM"] == fits.getheader(tmp_path / "tiles" / name)["DATASUM"]


def test_thresholds_on_maps_are_the_masks_that_areas_give(stack, tmp_path):
    """Re-thresholding by the guide's words: a frame pixel is rejected where output pixels beyond the threshold cover a fifth of its area."""
    tessera("mosaic", stack, "-o", tmp_path / "first", "--set", "rejection.method=temporal,dual", "--set", "output.outlier_maps=true", "--rmasks", "--no-pictures")
    tessera("mosaic", stack, "-o", tmp_path / "again", "--set", "rejection.method=temporal,dual", "--set", f"rejection.outlier_maps={tmp_path / 'first'}",
            "--set", "rejection.threshold_high=9", "--set", "rejection.threshold_low=12", "--rmasks", "--no-pictures")
    assert all(((a & 4) == (b & 4)).all() for a, b in zip(masks(tmp_path / "first"), masks(tmp_path / "again"))), "dual outliers are those of the first run"
    header = fits.getheader(tmp_path / "first" / "mosaic.fits")
    grid, checked = WCS(header), 0
    for image, mask in zip(sorted(stack.glob("*_cbcd.fits"))[:3], masks(tmp_path / "again")):
        flags = dict(plane_pixels(tmp_path / "first", image.stem + "_outlier.fits", header))["PRIMARY"]
        flags = (flags > 9) | (flags < -12)
        frame = WCS(fits.getheader(image))
        # Areas by a fine raster of each frame pixel: 40 × 40 points, good to a few thousandths.
        n, fine = mask.shape, (np.arange(40) + 0.5) / 40 - 0.5
        good = fits.getdata(image)
        for y, x in np.argwhere((mask & 2) != 0).tolist() + np.argwhere((mask & 2) == 0)[::97].tolist():
            xx, yy = np.meshgrid(x + fine, y + fine)
            u, v = (np.rint(c).astype(int) for c in grid.all_world2pix(*frame.all_pix2world(xx.ravel(), yy.ravel(), 0), 0))
            inside = (u >= 0) & (v >= 0) & (u < flags.shape[1]) & (v < flags.shape[0])
            share = flags[v[inside], u[inside]].sum() / xx.size
            if abs(share - 0.2) < 0.01 or not np.isfinite(good[y, x]):
                continue
            assert bool(mask[y, x] & 2) == (share > 0.2), (image.name, x, y, share)
            checked += 1
    assert checked > 300


def test_detection_maps_are_written_and_read_again(stack, tmp_path):
    method = ("--set", "rejection.method=dual", "--rmasks", "--no-pictures", "--no-report")
    tessera("mosaic", stack, "-o", tmp_path / "first", *method, "--set", "output.detection_maps=true")
    maps = sorted((tmp_path / "first" / "Detect").glob("*_detmap.fits"))
    assert len(maps) == 8
    for path, image in zip(maps, sorted(stack.glob("*_cbcd.fits"))):
        labels = fits.getdata(path)
        assert labels.max() == fits.getheader(path)["NCLUSTER"] > 3 and labels.min() == 0
        data = fits.getdata(image)
        assert np.nanmedian(data[labels > 0]) > np.nanpercentile(data, 95)
        assert set(np.unique(labels)) == set(range(labels.max() + 1))
    tessera("mosaic", stack, "-o", tmp_path / "again", *method, "--set", f"rejection.detection_maps={tmp_path / 'first'}", "--set", "rejection.dual_threshold=50")
    assert checksums(tmp_path / "again") == {k: v for k, v in checksums(tmp_path / "first").items() if k.parts[0] != "Detect"}
    fits.writeto(maps[2], np.zeros((3, 3), np.int32), overwrite=True)
    done = tessera("mosaic", stack, "-o", tmp_path / "bad", *method, "--set", f"rejection.detection_maps={tmp_path / 'first'}", code=1)
    assert "detection map" in done.stderr and maps[2].name in done.stderr
    done = tessera("mosaic", stack, "-o", tmp_path / "bad", "--set", "output.detection_maps=true", code=2)
    assert "add dual to rejection.method" in done.stderr


def test_frames_with_surfaces_are_tested_on_their_own_pixels(tmp_path):
    """Planes as backgrounds, on frames that need none: the outliers are those that offsets give, to the few that another background decides."""
    frames = simulate(tmp_path / "frames", "stack.frames=6", "stack.dither_scale=small", "camera.width=128", "camera.height=128", "sources.count=20", seed=3)
    found = {}
    for name in ("offset", "plane", "surface"):
        tessera("mosaic", frames, "-o", tmp_path / name, "--set", f"background.method={name}", "--rmasks", "--no-pictures", "--no-report")
        found[name] = np.array(masks(tmp_path / name)) != 0
    tessera("mosaic", frames, "-o", tmp_path / "resampled", "--set", "background.method=offset", "--set", "rejection.candidate=0", "--rmasks", "--no-pictures", "--no-report")
    without = (np.array(masks(tmp_path / "resampled")) != 0) != found["offset"]
    assert found["offset"].sum() > 200 and without.sum() > 50, "the test of frame pixels makes a difference"
    for name in ("plane", "surface"):
        assert (found[name] != found["offset"]).sum() < 0.03 * found["offset"].sum()


def test_a_refined_threshold_spares_confirmed_sources(stack, tmp_path):
    harsh = ("--set", "rejection.threshold_high=2.5", "--set", "rejection.gradient=0", "--rmasks")
    tessera("mosaic", stack, "-o", tmp_path / "harsh", *harsh)
    tessera("mosaic", stack, "-o", tmp_path / "refined", *harsh, "--set", "rejection.refine_threshold=30")
    before, after = masks(tmp_path / "harsh"), masks(tmp_path / "refined")
    assert all(((b & 2) <= (a & 2)).all() for a, b in zip(before, after)), "nothing new is rejected"
    spared = sum((a != b).sum() for a, b in zip(before, after))
    assert spared > 20
    stack_of_values = np.concatenate([fits.getdata(f)[a != b] for f, a, b in zip(sorted(stack.glob("*_cbcd.fits")), before, after)])
    everything = np.concatenate([fits.getdata(f).ravel() for f in sorted(stack.glob("*_cbcd.fits"))])
    assert np.nanmedian(stack_of_values) > np.nanpercentile(everything, 90), "what is spared lies in sources"


def test_only_fatal_bits_reject(stack, tmp_path):
    """Found and not fatal: in the masks, not in the mosaic."""
    tessera("mosaic", stack, "-o", tmp_path / "temporal")
    tessera("mosaic", stack, "-o", tmp_path / "both", "--set", "rejection.method=temporal,box,dual", "--set", "rejection.fatal_bits=temporal", "--rmasks")
    assert fits.getheader(tmp_path / "both" / "mosaic.fits")["DATASUM"] == fits.getheader(tmp_path / "temporal" / "mosaic.fits")["DATASUM"]
    assert sum(((m & 8) != 0).sum() for m in masks(tmp_path / "both")) > 0
    tessera("mosaic", stack, "-o", tmp_path / "none", "--set", "rejection.method=none")
    tessera("mosaic", stack, "-o", tmp_path / "nonfatal", "--set", "rejection.fatal_bits=none")
    assert_alike(tmp_path / "none", tmp_path / "nonfatal")
    done = tessera("mosaic", stack, "-o", tmp_path / "bad", "--set", "rejection.fatal_bits=boxes", code=2)
    assert "rejection.fatal_bits: 'boxes' is no scheme" in done.stderr
    done = tessera("mosaic", stack, "-o", tmp_path / "bad", "--set", "rejection.method=temporal,bax", code=2)
    assert "did you mean box?" in done.stderr


def test_masks_of_an_earlier_run_are_read_again(stack, tmp_path):
    frames = sorted(stack.glob("*_cbcd.fits"))
    tessera("mosaic", stack, "-o", tmp_path / "first", "--set", "rejection.method=temporal,box", "--rmasks", "--set", "background.method=none", "--set", "input.scale_noise=false")
    listed = tmp_path / "rmasks.txt"
    listed.write_text("".join(f"{tmp_path / 'first' / 'Rmask' / (f.stem + '_rmask.fits')}\n" for f in frames))
    plain = ("--set", "rejection.method=none", "--set", "background.method=none", "--set", "input.scale_noise=false")
    tessera("mosaic", stack, "-o", tmp_path / "again", "-R", listed, *plain)
    assert_alike(tmp_path / "again", tmp_path / "first")
    tessera("mosaic", stack, "-o", tmp_path / "box", "-R", listed, *plain, "--set", "rejection.fatal_bits=box")
    assert fits.getdata(tmp_path / "box" / "mosaic_cov.fits").sum() > fits.getdata(tmp_path / "again" / "mosaic_cov.fits").sum()
    (tmp_path / "short.txt").write_text(listed.read_text().splitlines()[0] + "\n")
    assert "-R names 1 files, but there are 8 images" in tessera("mosaic", stack, "-o", tmp_path / "short", "-R", tmp_path / "short.txt", code=2).stderr


def test_a_pmask_makes_its_pixels_bad_in_every_frame(stack, tmp_path):
    shape = fits.getdata(next(stack.glob("*_cbcd.fits"))).shape
    pmask = np.zeros(shape, np.int16)
    pmask[40:44, 50:60] = 1 << 14
    pmask[10, 10] = 1 << 3
    fits.writeto(tmp_path / "pmask.fits", pmask)
    good = {}
    for name, options in (("none", ()), ("all", ("-M", tmp_path / "pmask.fits")), ("one", ("-M", tmp_path / "pmask.fits", "--set", "input.pmask_fatal_bits=16384"))):
        tessera("mosaic", stack, "-o", tmp_path / name, *options)
        record = run_record(tmp_path / name)
        good[name] = [f["good_fraction"] * shape[0] * shape[1] for f in record["frames"]]
    assert all(30 < a - b <= 41 for a, b in zip(good["none"], good["all"]))  # some may have been bad before
    assert all(0 <= b - a <= 1 for a, b in zip(good["all"], good["one"]))
    assert sum(good["one"]) > sum(good["all"])
    assert str(tmp_path / "pmask.fits") in [i["path"] for i in run_record(tmp_path / "all")["inputs"]]


def test_fix_coverage_leaves_partly_covered_values_out(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "plain")
    tessera("mosaic", stack, "-o", tmp_path / "fixed", "--set", "coadd.min_single_coverage=0.95", "--set", "coadd.min_block_coverage=0.83")
    plain, fixed = (fits.getdata(tmp_path / d / "mosaic_cov.fits").astype(float) for d in ("plain", "fixed"))
    assert (fixed <= plain + 1e-5).all() and fixed.sum() < 0.99 * plain.sum()
    inside = plain > 7.99
    assert inside.sum() > 100 and (fixed[inside] == plain[inside]).mean() > 0.8  # the rest lies beside rejected pixels


@pytest.mark.parametrize("scheme,least", [("temporal", 0.9), ("box", 0.9), ("dual", 0.8), ("blot", 0.9)])
def test_schemes_find_hits_between_two_frames(tmp_path, scheme, least):
    frames = simulate(tmp_path / "frames", *SHALLOW, "defects.cosmic_fraction=0.005", seed=5)
    clean = simulate(tmp_path / "clean", *SHALLOW, "defects.cosmic_fraction=0", seed=5)
    tessera("mosaic", frames, "-o", tmp_path / "out", "--set", f"rejection.method={scheme}", "--rmasks")
    hit = found = 0
    for image, mask in zip(sorted(frames.glob("*_cbcd.fits")), masks(tmp_path / "out")):
        extra = fits.getdata(image).astype(float) - fits.getdata(clean / image.name).astype(float)
        sigma = fits.getdata(str(image).replace("_cbcd.fits", "_cbunc.fits")).astype(float)
        inner = np.zeros(extra.shape, bool)
        inner[SHIFT:-SHIFT, SHIFT:-SHIFT] = True  # where the other frame sees it too
        bright = inner & (extra > 20 * np.median(sigma))
        hit += bright.sum()
        found += (bright & (mask != 0)).sum()
    assert hit > 20 and found >= least * hit, (found, hit)


@needs_shared
def test_real_frames_with_every_scheme(tmp_path):
    frames = SHARED / "spitzer_irac_grb120119a" / "ch1"
    tessera("mosaic", frames, "-o", tmp_path / "out", "--set", ALL, "--no-pictures", "--rmasks")
    record = run_record(tmp_path / "out")
    total = {name: sum(f["found_by"][name] for f in record["frames"]) for name in BITS}
    pixels = len(record["frames"]) * 256 * 256
    assert all(0.001 < total[name] / pixels < 0.05 for name in BITS), total
    with fits.open(tmp_path / "out" / "mosaic.fits") as hdus:
        assert np.isfinite(hdus[0].data[fits.getdata(tmp_path / "out" / "mosaic_cov.fits") > 5]).all()
