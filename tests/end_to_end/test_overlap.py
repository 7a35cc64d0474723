"""Background matching: tessera overlap, its corrected frames and tables, planes and surfaces, the offsets' error in the mosaic."""
import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits

from conftest import simulate
from tools import SHARED, needs_shared, plane, robust_sigma, run_record, tessera

PLANES = ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp")


def sums(out):
    return {p: fits.getheader(out / f"{p}.fits")["DATASUM"] for p in PLANES}


def frames_of(folder):
    return sorted(folder.glob("*_cbcd.fits"))


def offsets_of(out, column="Offset"):
    lines = (out / "offsets.tbl").read_text().splitlines()
    names = [n.strip() for n in next(line for line in lines if line.startswith("|")).strip("|").split("|")]
    rows = [line.split() for line in lines if line and line[0] not in "\\|"]
    return np.array([float(r[names.index(column)]) for r in rows])


@pytest.fixture(scope="module")
def overlap(stack, tmp_path_factory):
    out = tmp_path_factory.mktemp("overlap") / "out"
    tessera("overlap", stack, "-o", out, "--corrected", "--quicklook")
    return out


def test_offsets_are_those_of_the_mosaic_and_may_come_from_the_table(stack, overlap, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "solved")
    tessera("mosaic", stack, "-o", tmp_path / "given", "--offsets", overlap / "offsets.tbl")
    assert (offsets_of(overlap) == offsets_of(tmp_path / "solved")).all()
    assert sums(tmp_path / "solved") == sums(tmp_path / "given")
    record = run_record(overlap)
    assert record["verb"] == "overlap" and record["overlap_pairs"] == 28
    assert 0 < record["background_error"]["median"] <= record["background_error"]["largest"] < 1e-3
    tessera("replay", overlap / "run.json")
    page = (overlap / "report.html").read_text()
    assert "Background offsets" in page and "data:image/png;base64," in page


def test_corrected_frames_keep_everything_else(stack, overlap):
    offsets, errors = offsets_of(overlap), offsets_of(overlap, "del_Offset")
    for frame, offset, error in zip(frames_of(stack), offsets, errors):
        with fits.open(frame) as before, fits.open(overlap / "Overlap_corr" / frame.name, checksum=True) as after:
            assert after[0].verify_checksum() == after[0].verify_datasum() == 1
            assert after[0].header["OVRLPDC"] == pytest.approx(offset, rel=1e-12) and after[0].header["OVRLPDCD"] == pytest.approx(error, rel=1e-12)
            assert after[0].header["OVRLPOUT"] == 0
            ours = ("CHECKSUM", "DATASUM", "OVRLPDC", "OVRLPDCD", "OVRLPOUT")
            assert [str(c) for c in before[0].header.cards if c.keyword not in ours] == [str(c) for c in after[0].header.cards if c.keyword not in ours]
            assert (np.isnan(before[0].data) == np.isnan(after[0].data)).all()
            assert np.nanmax(np.abs(before[0].data.astype(float) - offset - after[0].data)) <= 1e-6 * np.nanmax(np.abs(before[0].data))


def test_a_mosaic_of_corrected_frames_is_the_matched_mosaic(stack, overlap, tmp_path):
    folder = overlap / "Overlap_corr"
    tessera("mosaic", "-I", folder / "images.txt", "-S", folder / "sigmas.txt", "-d", folder / "masks.txt", "-o", tmp_path / "corrected", "--background", "none")
    tessera("mosaic", stack, "-o", tmp_path / "matched")
    a, b = (plane(tmp_path / d / "mosaic.fits")[0] for d in ("corrected", "matched"))
    unc = plane(tmp_path / "matched" / "mosaic_unc.fits")[0]
    assert (np.isnan(a) == np.isnan(b)).all()
    assert np.nanmax(np.abs(a - b) / unc) < 0.02


def test_the_quick_look_shows_the_matched_sky(overlap, stack, tmp_path):
    image, header = plane(overlap / "quicklook.fits")
    assert (overlap / "quicklook.png").read_bytes().startswith(b"\x89PNG")
    tessera("mosaic", stack, "-o", tmp_path / "mosaic")
    mosaic, fine = plane(tmp_path / "mosaic" / "mosaic.fits")
    assert abs(np.nanmedian(image) - np.nanmedian(mosaic)) < 0.3 * robust_sigma(mosaic[np.isfinite(mosaic)])
    from astropy.wcs import WCS
    centre = WCS(fine).wcs_pix2world([[(fine["NAXIS1"] - 1) / 2, (fine["NAXIS2"] - 1) / 2]], 0)
    side = abs(header["CDELT1"] / fine["CDELT1"])
    x, y = WCS(header).wcs_world2pix(centre, 0)[0]
    assert x == pytest.approx(((fine["NAXIS1"] - 1) / 2 + 0.5) / side - 0.5, abs=1e-3) and y == pytest.approx(((fine["NAXIS2"] - 1) / 2 + 0.5) / side - 0.5, abs=1e-3)


def test_threads_tiles_and_memory_change_no_bit(stack, tmp_path):
    for method in ("plane", "surface"):
        common = ["--background", method, "--set", "background.uncertainty=include"]
        tessera("mosaic", stack, "-o", tmp_path / method, "--threads", "1", *common)
        for i, extra in enumerate((["--threads", "3", "--set", "run.tile_size=17"], ["--memory", "64M"])):
            tessera("mosaic", stack, "-o", tmp_path / f"{method}{i}", *extra, *common)
            assert sums(tmp_path / f"{method}{i}") == sums(tmp_path / method), (method, extra)
        tessera("overlap", stack, "-o", tmp_path / f"table_{method}", "--background", method)
        tessera("mosaic", stack, "-o", tmp_path / f"given_{method}", "--offsets", tmp_path / f"table_{method}" / "offsets.tbl")
        assert sums(tmp_path / f"given_{method}")["mosaic"] == sums(tmp_path / method)["mosaic"]


def tilted(folder, out, rng, slope):
    """A copy of a stack whose frames have random planes added, their mean over all frames zero; returns the copy."""
    shutil.copytree(folder, out)
    files = frames_of(out)
    planes = rng.normal(0, slope, (len(files), 2))
    planes -= planes.mean(axis=0)
    for file, (a, b) in zip(files, planes):
        with fits.open(file, mode="update") as hdus:
            ny, nx = hdus[0].data.shape
            y, x = np.mgrid[:ny, :nx]
            hdus[0].data += (a * (2 * x - nx + 1) / nx + b * (2 * y - ny + 1) / ny).astype(np.float32)
    return out


def difference(a, b):
    """Mosaic a - b without its mean, smoothed over 16 x 16 pixels."""
    d = plane(a / "mosaic.fits")[0] - plane(b / "mosaic.fits")[0]
    d = d[: d.shape[0] // 16 * 16, : d.shape[1] // 16 * 16].reshape(d.shape[0] // 16, 16, -1, 16)
    with np.errstate(invalid="ignore"):
        blocks = np.array([[np.nanmean(d[j, :, i]) if np.isfinite(d[j, :, i]).sum() > 60 else np.nan for i in range(d.shape[2])] for j in range(d.shape[0])])
    return blocks - np.nanmean(blocks)


def test_planes_take_out_gradients_of_frames_and_leave_large_scale_emission(tmp_path):
    frames = simulate(tmp_path / "frames", "camera.width=96", "camera.height=96", "stack.frames=48", "stack.map_columns=4", "stack.map_rows=3", "stack.map_step_arcsec=70",
                      "sources.count=60", "stack.offset_rms=0.02", "sky.nebula_peak=0.5", "sky.nebula_fwhm_arcsec=200", "sky.gradient=3", seed=5)
    tilt = tilted(frames, tmp_path / "tilted", np.random.default_rng(3), 0.05)
    tessera("mosaic", frames, "-o", tmp_path / "truth", "--no-report")
    grid = ["--set", f"grid.file={tmp_path / 'truth' / 'FIF.tbl'}", "--no-report"]
    found = {}
    for method in ("offset", "plane", "surface"):
        for name, folder in (("flat", frames), ("tilted", tilt)):
            tessera("mosaic", folder, "-o", tmp_path / f"{method}_{name}", "--background", method, *grid)
            found[method, name] = np.nanstd(difference(tmp_path / f"{method}_{name}", tmp_path / "truth"))
    print({"/".join(k): round(float(v), 6) for k, v in found.items()})
    assert found["offset", "flat"] < 1e-6
    assert found["offset", "tilted"] > 0.01
    assert found["plane", "tilted"] < 0.1 * found["offset", "tilted"]
    assert found["plane", "flat"] < 0.005 * 0.5 and found["surface", "flat"] < 0.02 * 0.5, "of the nebula's peak"


def test_the_offsets_error_is_in_the_uncertainty_when_asked(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "record")
    tessera("mosaic", stack, "-o", tmp_path / "include", "--set", "background.uncertainty=include")
    a, b = (plane(tmp_path / d / "mosaic_unc.fits")[0] for d in ("record", "include"))
    added = np.sqrt(np.clip(b ** 2 - a ** 2, 0, None))
    error = run_record(tmp_path / "record")["background_error"]
    assert (b >= a * (1 - 1e-6))[np.isfinite(a)].all() and sums(tmp_path / "record")["mosaic"] == sums(tmp_path / "include")["mosaic"]
    assert np.nanmedian(added[added > 0]) == pytest.approx(error["median"], rel=0.5) and np.nanmax(added) < 3 * error["largest"]


def test_zodiacal_light_is_subtracted_on_request(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "with")
    tessera("mosaic", stack, "-o", tmp_path / "without", "--set", "background.zodi=true")
    zodi = fits.getheader(frames_of(stack)[0])["ZODY_EST"]
    a, b = (plane(tmp_path / d / "mosaic.fits")[0] for d in ("with", "without"))
    assert zodi > 0 and np.nanmedian(a - b) == pytest.approx(zodi, abs=1e-5)
    assert run_record(tmp_path / "without")["frames"][0]["zodi"] == pytest.approx(zodi)
    bare = tmp_path / "bare"
    shutil.copytree(stack, bare)
    fits.delval(frames_of(bare)[0], "ZODY_EST")
    tessera("overlap", stack, "-o", tmp_path / "files", "--corrected", "--set", "background.zodi=true", "--set", "output.zodi_subtracted=true")
    for frame in frames_of(stack):
        less, header = fits.getdata(tmp_path / "files" / "Zod_Sub" / frame.name), fits.getheader(tmp_path / "files" / "Zod_Sub" / frame.name)
        level = fits.getheader(frame)["ZODY_EST"]
        assert header["ZODYSUB"] == pytest.approx(level) and "OVRLPDC" not in header
        assert np.allclose(less, fits.getdata(frame).astype(float) - level, rtol=1e-6, atol=1e-6, equal_nan=True)
        matched = tmp_path / "files" / "Overlap_corr" / frame.name
        assert np.allclose(fits.getdata(matched), less - fits.getheader(matched)["OVRLPDC"], rtol=1e-6, atol=1e-6, equal_nan=True)
    assert "needs background.zodi" in tessera("overlap", stack, "-o", tmp_path / "no", "--set", "output.zodi_subtracted=true", code=2).stderr
    assert "states no zodiacal light" in tessera("overlap", bare, "-o", tmp_path / "refused", "--set", "background.zodi=true", code=1).stderr


def test_other_hdus_keep_their_bytes_and_integers_become_floats(tmp_path):
    """A file of a table, a chip of scaled integers and one of floats, gzipped: only the images change."""
    frames = simulate(tmp_path / "frames", "camera.width=64", "camera.height=64", "stack.frames=3", "camera.layout=jwst", seed=2)
    files = sorted(frames.glob("SIM_*.fits"))
    with fits.open(files[0]) as hdus:
        table = fits.BinTableHDU.from_columns([fits.Column(name="N", format="J", array=np.arange(5))], name="NOTES")
        hdus.append(table)
        hdus.writeto(tmp_path / "new.fits", checksum=True)
    with open(tmp_path / "new.fits", "rb") as plain, gzip.open(tmp_path / "frames" / (files[0].name + ".gz"), "wb") as packed:
        shutil.copyfileobj(plain, packed)
    files[0].unlink()
    tessera("overlap", *sorted(frames.glob("SIM_*.fits*")), "-o", tmp_path / "out", "--corrected")
    corrected = tmp_path / "out" / "Overlap_corr" / files[0].name
    with fits.open(tmp_path / "new.fits") as before, fits.open(corrected, checksum=True) as after:
        assert [h.name for h in before] == [h.name for h in after]
        changed = [h.name for h, g in zip(before, after) if h.fileinfo()["datSpan"] and not np.array_equal(h.data, g.data, equal_nan=h.name != "NOTES")]
        assert len(changed) == 1
        assert all(h.verify_checksum() and h.verify_datasum() for h in after)


@pytest.mark.parametrize("kind", ("compressed", "integers"))
def test_frames_stored_otherwise_become_plain_floats(tmp_path, kind):
    compress = ["products.compress=true"] if kind == "compressed" else []
    frames = simulate(tmp_path / "frames", "camera.width=64", "camera.height=64", "stack.frames=3", "stack.offset_rms=1", "camera.layout=plain", "defects.dead_fraction=0", *compress, seed=4)
    files = sorted(frames.glob("SIM_*.fits*"))
    if kind == "integers":
        for file in files:
            with fits.open(file, mode="update") as hdus:
                image = next(h for h in hdus if h.data is not None)
                image.data = np.nan_to_num(image.data)
                image.scale("int16", bscale=0.01, bzero=float(np.median(image.data)))
    before = []
    for file in files:
        with fits.open(file) as hdus:
            before.append(np.array(next(h.data for h in hdus if h.data is not None), dtype=float))
    tessera("overlap", *files, "-o", tmp_path / "out", "--corrected")
    ratio = []
    for file, old in zip(files, before):
        name = file.name.removesuffix(".fz")
        with fits.open(tmp_path / "out" / "Overlap_corr" / name, checksum=True) as after:
            image = next(h for h in after if h.data is not None)
            assert image.header["BITPIX"] == -32 and "BZERO" not in image.header and image.verify_checksum() and image.verify_datasum()
            d = old - image.data
            assert np.nanstd(d) < 1e-5 * np.nanmax(np.abs(old))
            ratio.append(np.nanmedian(d) / image.header["OVRLPDC"])
    assert np.ptp(ratio) < 1e-3 * abs(np.mean(ratio)), "one factor between the unit of the cards and that of the file"


def test_statistics_agree_in_a_field_full_of_emission(tmp_path):
    frames = simulate(tmp_path / "frames", "camera.width=96", "camera.height=96", "stack.frames=16", "stack.offset_rms=0.02", "sources.count=400",
                      "sky.nebula_peak=3", "sky.nebula_fwhm_arcsec=60", seed=8)
    from astropy.table import Table
    truth = np.array(Table.read(frames / "truth_frames.tbl", format="ascii.ipac")["offset"])
    errors = {}
    for statistic in ("weighted", "mean", "median", "mode", "midpt"):
        out = tmp_path / statistic
        tessera("overlap", frames, "-o", out, "--set", f"background.statistic={statistic}", "--set", "background.min_images=1000")
        errors[statistic] = np.std(offsets_of(out) - (truth - truth.mean())), np.mean(offsets_of(out, "del_Offset"))
    tessera("overlap", frames, "-o", tmp_path / "local", "--set", "background.sky=local")
    local = np.std(offsets_of(tmp_path / "local") - truth)
    print({k: (float(round(e, 6)), float(round(s, 6))) for k, (e, s) in errors.items()}, "local", round(float(local), 6))
    for statistic, (error, sigma) in errors.items():
        assert error < 3 * sigma, statistic
        assert error < 0.05 * local, "overlaps do not take emission for sky; a frame's own sky does"


@needs_shared
def test_real_frames(tmp_path):
    source = SHARED / "spitzer_irac_grb120119a" / "ch1"
    if not source.is_dir():
        pytest.skip("skipped: no shared data")
    tessera("overlap", source, "-o", tmp_path / "out", "--corrected")
    names = (tmp_path / "out" / "Overlap_corr" / "images.txt").read_text().split()
    assert len(names) == 32
    header = fits.getheader(names[5])
    assert abs(header["OVRLPDC"]) < 0.1 and 0 < header["OVRLPDCD"] < 1e-3


def test_what_does_not_fit_is_refused_in_one_line(stack, overlap, tmp_path):
    short = tmp_path / "short.tbl"
    short.write_text("\n".join((overlap / "offsets.tbl").read_text().splitlines()[:-1]) + "\n")
    assert "no row for" in tessera("mosaic", stack, "-o", tmp_path / "a", "--offsets", short, code=1).stderr
    mopex = tmp_path / "mopex.tbl"
    mopex.write_text("|Image_id|   Offset   |  del_Offset  | outliers |\n| int    |   real     |    real      |   int    |\n      1   0.13305403   0.00988516      1\n")
    assert "1 rows and no column filename, but 8 frames" in tessera("mosaic", stack, "-o", tmp_path / "b", "--offsets", mopex, code=1).stderr
    assert "uses no offsets" in tessera("mosaic", stack, "-o", tmp_path / "d", "--background", "none", "--offsets", overlap / "offsets.tbl", code=2).stderr
    tessera("overlap", stack, "-o", tmp_path / "zodi", "--set", "background.zodi=true")
    assert "background.zodi = true as well" in tessera("mosaic", stack, "-o", tmp_path / "e", "--offsets", tmp_path / "zodi" / "offsets.tbl", code=1).stderr
    assert "nothing to do" in tessera("overlap", stack, "-o", tmp_path / "c", "--background", "none", code=2).stderr
