"""tessera mopex: namelists of MOPEX run on real IRAC frames, with MOPEX's flags, folders and file names."""
import json
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from tools import SHARED, needs_shared, plane, tessera

NAMELISTS = SHARED / "mopex_namelists"
FRAMES = sorted((SHARED / "spitzer_irac_grb120119a" / "ch1").glob("*_cbcd.fits"))[:6]
OF_MOSAIC = ["120119A_ch1", "irac_mosaic", "irac_flag_outliers", "tile_par"]
PLANES = ("mosaic", "mosaic_unc", "mosaic_cov")


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """-I -S -d of real frames."""
    folder = tmp_path_factory.mktemp("lists")
    for name, kind in (("images", "cbcd"), ("sigmas", "cbunc"), ("masks", "bimsk")):
        (folder / f"{name}.txt").write_text("".join(str(f).replace("_cbcd", f"_{kind}") + "\n" for f in FRAMES))
    return ["-I", folder / "images.txt", "-S", folder / "sigmas.txt", "-d", folder / "masks.txt"]


def record(out, script):
    return json.loads((out / f"run_{script}.json").read_text())


def files_of(out):
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}


def check_fits(out):
    for path in out.rglob("*.fits"):
        with fits.open(path, checksum=True) as hdus:
            assert all(h.verify_checksum() == 1 for h in hdus), path
        if shutil.which("fitsverify") and "Overlap_corr" not in str(path):
            done = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True)
            assert done.returncode == 0 and "OK" in done.stdout, done.stdout


def check_interpolated(out):
    """The straight average of the interpolated frames, by their offsets, is the mosaic."""
    mosaic, coverage = (plane(out / "Combine-mosaic" / f"{p}.fits")[0] for p in ("mosaic", "mosaic_cov"))
    total, weight = np.zeros(mosaic.shape), np.zeros(mosaic.shape)
    table = Table.read(out / "Interp-mosaic" / "interp_ImageList.txt.tbl", format="ascii.ipac")
    assert len(table) == len(FRAMES)
    for row in table:
        path = out / "Interp-mosaic" / row["filename"]
        value, header = plane(path)
        covered = plane(str(path).replace(".fits", "_covg.fits"))[0]
        sigma = plane(str(path).replace("interp_SPITZER", "interp_unc_SPITZER"))[0]
        assert (header["MINTOFFX"], header["MINTOFFY"]) == (row["MINTOFFX"], row["MINTOFFY"]) and value.shape == (row["NAXIS2"], row["NAXIS1"])
        assert (np.isfinite(value) == (covered > 0)).all() and (np.isfinite(sigma) == (covered > 0)).all()
        part = np.s_[row["MINTOFFY"]:row["MINTOFFY"] + value.shape[0], row["MINTOFFX"]:row["MINTOFFX"] + value.shape[1]]
        total[part] += np.where(covered > 0, value * covered, 0)
        weight[part] += covered
    seen = np.isfinite(mosaic)
    assert np.allclose(weight[seen], coverage[seen], rtol=1e-5, atol=1e-5)
    return np.abs(total[seen] / weight[seen] - mosaic[seen]).max()


@needs_shared
@pytest.mark.parametrize("name", OF_MOSAIC)
def test_a_namelist_of_mosaic_runs_on_real_frames(name, lists, tmp_path):
    out = tmp_path / "out"
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / f"{name}.nl", *lists, "-M", "none", "-F", "none", "-O", out)
    made = files_of(out)
    assert {f"Combine-mosaic/{p}.fits" for p in PLANES} | {"FIF.tbl", "mosaic_fif.tbl", "header_list.tbl", f"{name}.nl", "run_mosaic.json", "tessera_mosaic.log"} <= made
    assert not any("/" not in f and f.endswith(".fits") for f in made)
    assert (out / f"{name}.nl").read_bytes() == (NAMELISTS / f"{name}.nl").read_bytes()
    check_fits(out)
    text = (NAMELISTS / f"{name}.nl").read_text()
    kept = "delete_intermediate_files = 0" in text
    assert ("Interp-mosaic/interp_ImageList.txt.tbl" in made) == kept
    if kept:
        assert check_interpolated(out) < 1e-4
    # The record tells where every value comes from, and every product by its name here.
    run = record(out, "mosaic")
    assert run["verb"] == "mopex" and run["arguments"] == ["mosaic.pl"]
    assert {p["name"] for p in run["products"]} <= made
    option = {o["key"]: o for o in run["options"]}
    assert option["input.scale_noise"]["value"] == "false" and option["interpolation.uncertainty"]["value"] == "linear"
    assert option["background.method"]["value"] == "none"
    assert option["grid.pixel_scale" if name != "irac_flag_outliers" else "grid.oversample"]["source"] == "namelist"
    assert f"of {NAMELISTS / name}.nl" in next(o["where"] for o in run["options"] if o["source"] == "namelist" and "line" in o["where"])
    # What each line became is in the log.
    assert "MOSAIC_PIXEL_" in (out / "tessera_mosaic.log").read_text()


@needs_shared
def test_module_triggers_decide_what_is_made(lists, tmp_path):
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_FIF.nl", *lists, "-O", tmp_path / "grid")
    assert files_of(tmp_path / "grid") == {"FIF.tbl", "mosaic_fif.tbl", "header_list.tbl", "irac_FIF.nl", "run_mosaic.json", "tessera_mosaic.log"}
    text = (NAMELISTS / "120119A_ch1.nl").read_text().replace("run_mosaic_combiner = 1", "run_mosaic_combiner = 0").replace("RMASK_DIR = Rmask-mosaic", "RMASK_DIR = masks/of run")
    (tmp_path / "masks_only.nl").write_text("save_namelist = 1\n" + text)
    tessera("mopex", "mosaic.pl", "-n", tmp_path / "masks_only.nl", *lists, "-M", "none", "-O", tmp_path / "masks")
    made = files_of(tmp_path / "masks")
    assert len([f for f in made if f.startswith("masks/of run/") and f.endswith("_rmask.fits")]) == len(FRAMES)
    assert not any("mosaic.fits" in f for f in made)
    saved = [f for f in made if f.endswith("_masks_only.nl")]
    assert len(saved) == 1 and len(saved[0]) == len("12h32m53s_masks_only.nl")


@needs_shared
def test_overlap_then_mosaic_in_one_folder_as_mopex_users_do(lists, tmp_path):
    out = tmp_path / "out"
    quick = tmp_path / "quick.nl"
    quick.write_text((NAMELISTS / "overlap_ch1_template.nl").read_text().replace("mosaic_corrected_images = 0", "mosaic_corrected_images = 1"))
    given = [x if x != "-d" else "-D" for x in lists]  # overlap.pl's letter
    tessera("mopex", "overlap.pl", "-n", quick, *given, "-M", "none", "-F", "none", "-O", out)
    table = Table.read(out / "offsets.tbl", format="ascii.ipac")
    assert table.colnames[:4] == ["Image_id", "Offset", "del_Offset", "outliers"] and len(table) == len(FRAMES)
    assert {"mosaic.fits", "FIF.tbl", "header_list.tbl", "run_overlap.json"} <= files_of(out)
    corrected = [(out / "Overlap_corr" / f"overlapCorrection_{f.name}") for f in FRAMES]
    for row, path in zip(table, corrected):
        assert fits.getheader(path)["OVRLPDC"] == pytest.approx(row["Offset"], rel=1e-9)
    images = out / "Overlap_corr" / "images.txt"
    assert images.read_text().split() == [str(p) for p in corrected]

    # mosaic.pl finds OUT/FIF.tbl where the namelist says that it is made already.
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", "-I", images, *lists[2:], "-O", out)
    assert plane(out / "Combine-mosaic" / "mosaic.fits")[0].shape == plane(out / "Combine-mosaic" / "mosaic_cov.fits")[0].shape
    assert {"run_overlap.json", "run_mosaic.json", "offsets.tbl", "offsets_mosaic.tbl"} <= files_of(out)
    assert len(Table.read(out / "offsets.tbl", format="ascii.ipac")) == len(FRAMES)
    for script in ("overlap", "mosaic"):
        assert "products agree" in tessera("replay", out / f"run_{script}.json").stderr
    again = tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", "-I", images, *lists[2:], "-O", out, code=2).stderr
    assert "--overwrite" in again


@needs_shared
def test_a_namelist_does_what_the_same_options_of_mosaic_do(lists, tmp_path):
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", *lists, "-F", "none", "-O", tmp_path / "a")
    tessera("import", NAMELISTS / "irac_mosaic.nl", "-o", tmp_path / "same.toml")
    tessera("mosaic", "-c", tmp_path / "same.toml", *lists, "-o", tmp_path / "b", "--set", "input.scale_noise=false", "--set", "interpolation.uncertainty=linear")
    for p in PLANES:
        assert fits.getheader(tmp_path / "a" / "Combine-mosaic" / f"{p}.fits")["DATASUM"] == fits.getheader(tmp_path / "b" / f"{p}.fits")["DATASUM"]
    # An option of the command line wins over the namelist.
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", *lists, "-F", "none", "-O", tmp_path / "c", "--set", "grid.pixel_scale=1.2")
    option = {o["key"]: o for o in record(tmp_path / "c", "mosaic")["options"]}
    assert option["grid.pixel_scale"]["value"] == "1.2" and option["grid.pixel_scale"]["source"] == "command line"


@needs_shared
@pytest.mark.parametrize("arguments, code, parts", [
    (["mosaic.pl", "-n", NAMELISTS / "120119A_ch1.nl"], 1, ["line 43 of", "IMAGE_STACK_FILE_NAME", "give -I LIST"]),
    (["mosaic.pl", "-n", NAMELISTS / "120119A_ch1.nl", "LISTS"], 1, ["line 46 of", "PMASK_FILE_NAME", "-M none to go on without"]),
    (["mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", "LISTS"], 1, ["FIF.tbl", "-F none"]),
    (["mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl"], 2, ["no list of images", "give -I LIST"]),
    (["mosaic.pl", "-n", NAMELISTS / "overlap_ch1_template.nl"], 2, ["namelist of overlap.pl, not one of mosaic.pl"]),
    (["mosaic.pl", "-n", NAMELISTS / "find_astrostars.nl"], 2, ["namelist of apex_user_list_1frame.pl, not one of mosaic.pl"]),
    (["mosaic.pl", "-n", "nowhere.nl"], 1, ["nowhere.nl", "neither here nor in cdf"]),
    (["mosaic.pl"], 2, ["add -n NAME.nl"]),
    (["apex.pl", "-n", NAMELISTS / "irac_mosaic.nl"], 2, ["namelist of mosaic.pl, not one of apex.pl"]),
    (["cosmetic.pl", "-n", NAMELISTS / "irac_mosaic.nl"], 2, ["mopex runs overlap.pl, mosaic.pl", "cosmetic.pl"]),
    ([], 2, ["needs the name of a script: overlap.pl"]),
])
def test_what_is_missing_is_told_in_one_line(arguments, code, parts, lists, tmp_path):
    words = [w for a in arguments for w in (lists if a == "LISTS" else [a])]
    told = tessera("mopex", *words, "-O", tmp_path / "out", code=code).stderr.strip().splitlines()[-1]
    for part in parts:
        assert part in told
    assert not (tmp_path / "out").exists()


@needs_shared
def test_a_namelist_in_cdf_and_a_folder_outside(lists, tmp_path):
    (tmp_path / "cdf").mkdir()
    text = (NAMELISTS / "irac_FIF.nl").read_text().replace("OUTPUT_DIR = ", "OUTPUT_DIR = there", 1)
    (tmp_path / "cdf" / "grid.nl").write_text(text)
    tessera("mopex", "mosaic.pl", "-n", "grid.nl", *lists, cwd=tmp_path)
    assert (tmp_path / "there" / "FIF.tbl").exists()
    (tmp_path / "cdf" / "out.nl").write_text(text.replace("COMBINER_DIR = Combine-mosaic", "COMBINER_DIR = ../elsewhere"))
    assert "stay in the output folder" in tessera("mopex", "mosaic.pl", "-n", "out.nl", *lists, cwd=tmp_path, code=2).stderr


def test_interpolated_frames_do_not_depend_on_threads_or_memory(stack, tmp_path):
    common = ["--set", "output.interpolated=true", "--set", "interpolation.method=drizzle"]
    tessera("mosaic", stack, "-o", tmp_path / "a", *common)
    tessera("mosaic", stack, "-o", tmp_path / "b", *common, "--threads", 1, "--memory", "300M")
    made = sorted((tmp_path / "a" / "Interp").iterdir())
    assert len(made) > 3
    for path in made:
        assert path.read_bytes() == (tmp_path / "b" / "Interp" / path.name).read_bytes()


def namelist(path, *lines, base="irac_mosaic"):
    """A shared namelist in which these lines stand for those of the same keys."""
    keys = {line.split("=")[0].strip().lower() for line in lines}
    kept = [line for line in (NAMELISTS / f"{base}.nl").read_text().splitlines() if line.split("=")[0].strip().lower() not in keys]
    path.write_text("\n".join([*lines, *kept]) + "\n")
    return path


@needs_shared
def test_of_a_given_fif_the_area_counts_and_the_pixels_are_the_namelists(lists, tmp_path):
    """The guide's way: FIF.tbl in the frames' pixels, edited, and MOSAIC_PIXEL_SIZE for those of the mosaic (5.3)."""
    fif = tmp_path / "FIF.tbl"
    fif.write_text("\\real CRVAL1 = 120.02\n\\real CRVAL2 = -9.08\n\\real CRPIX1 = 50.5\n\\real CRPIX2 = 40.5\n\\real CROTA2 = 0.0\n\\real CDELT1 = -3.39E-04\n\\real CDELT2 = 3.39E-04\n"
                   "\\int NAXIS1 = 100\n\\int NAXIS2 = 80\n\\int EQUINOX = 2000\n\\char PROJTYPE = TAN\n\\char COORDINATE_SYSTEM = J2000\n")
    text = (NAMELISTS / "irac_mosaic.nl").read_text()
    size = abs(float(next(line.split("=")[1] for line in text.splitlines() if line.startswith("MOSAIC_PIXEL_SIZE_X"))))
    tessera("mopex", "mosaic.pl", "-n", NAMELISTS / "irac_mosaic.nl", *lists, "-F", fif, "-O", tmp_path / "out")
    image, header = plane(tmp_path / "out" / "Combine-mosaic" / "mosaic.fits")
    assert abs(header["CDELT1"]) == pytest.approx(size, rel=1e-5)
    assert image.shape == (int(np.ceil(80 * 3.39e-4 / size - 1e-6)), int(np.ceil(100 * 3.39e-4 / size - 1e-6)))
    assert header["CRPIX1"] == pytest.approx(0.5 + 50 * 3.39e-4 / size, rel=1e-5) and (header["CRVAL1"], header["CRVAL2"]) == (120.02, -9.08)


@needs_shared
def test_files_between_modules_are_kept_in_mopex_folders(lists, tmp_path):
    nl = namelist(tmp_path / "all.nl", "delete_intermediate_files = 0", "run_medfilter = 1", "compute_uncertainties_internally = 1", "run_median_mosaic = 1", "run_mosaic_geom = 1",
                  "do_multiprocess = manual", "ncpu_multiprocess = 1", "verbose = 1", "USE_REFINED_POINTING = 1", "MARGIN = 3", "run_fiducial_image_frame = 1")
    nl.write_text(nl.read_text() + "\n&MEDFILTER\n Window_X = 31,\n Window_Y = 31,\n N_Outliers_Per_Window = 40,\n Use_Sbkg_for_Med = 0,\n&END\n"
                  "&SNESTIMATORIN\n Gain = 2755,\n Read_Noise = 21,\n Confusion_Sigma = 0,\n&END\n")
    out = tmp_path / "out"
    done = tessera("mopex", "mosaic.pl", "-n", nl, *lists, "-F", "none", "-O", out)
    made = files_of(out)
    assert {f"Medfilter-mosaic/{f.stem}_minback.fits" for f in FRAMES} | {f"Sigma-mosaic/{f.stem}_sigma.fits" for f in FRAMES} <= made
    assert {"Combine-mosaic/median_mosaic.fits", "Combine-mosaic/median_mosaic_unc.fits", "Coadd-mosaic/coadd_tiles.tbl", "Coadd-mosaic/coadd_tile_bcd.txt", "Coadd-mosaic/coadd_Tile_001_Image.fits",
            "Coadd-mosaic/coadd_Tile_001_Unc.fits", "Coadd-mosaic/coadd_Tile_001_Cov.fits", "geom_ImageList.txt", "geom_DmaskList.txt", "geom_fif.tbl", "geom_Tile.tbl", "geom_Int_Img.tbl"} <= made
    option = {o["key"]: o for o in record(out, "mosaic")["options"]}
    assert (option["run.threads"]["value"], option["run.threads"]["source"]) == ("1", "namelist") and option["run.verbosity"]["value"] == "verbose"
    assert option["input.pointing"]["value"] == "refined" and option["grid.margin"]["value"] == "3"
    assert "debug" in done.stderr or "MOSAIC_PIXEL_SIZE_X" in done.stderr, "verbose tells every line of the namelist"
    # The guide's noise model (5.6.3): σ² = (read noise / gain)² + value / gain.
    value, sigma = fits.getdata(FRAMES[0]).astype(float), fits.getdata(out / "Sigma-mosaic" / f"{FRAMES[0].stem}_sigma.fits")
    good = np.isfinite(sigma)
    assert good.mean() > 0.9 and np.allclose(sigma[good], np.sqrt((21 / 2755) ** 2 + np.maximum(value, 0)[good] / 2755), rtol=1e-5)
    header = fits.getheader(out / "Medfilter-mosaic" / f"{FRAMES[0].stem}_minback.fits")
    assert header["CRVAL1"] == fits.getheader(FRAMES[0])["CRVAL1"] and header["BUNIT"] == "MJy/sr"
    assert "products agree" in tessera("replay", out / "run_mosaic.json").stderr
    check_fits(out / "Combine-mosaic")


@needs_shared
def test_frames_without_the_zodiacal_light_are_kept(lists, tmp_path):
    nl = tmp_path / "zodi.nl"
    nl.write_text("apply_zodiacal_subtraction = 1\nsave_zodiacal_subtracted_images = 1\ncompute_overlap_correction = 1\nrun_fiducial_image_frame = 1\n")
    tessera("mopex", "overlap.pl", "-n", nl, *lists, "-O", tmp_path / "out")
    for frame in FRAMES[:2]:
        header = fits.getheader(frame)
        less = fits.getdata(tmp_path / "out" / "Zod_Sub" / frame.name)
        assert np.allclose(less, fits.getdata(frame).astype(float) - (header["ZODY_EST"] - header["SKYDRKZB"]), rtol=1e-6, atol=1e-6, equal_nan=True)


@needs_shared
def test_refined_pointing_moves_the_mosaic_as_the_cards_say(tmp_path):
    """The grid of one frame follows its pointing."""
    for pointing in ("header", "refined"):
        tessera("mosaic", FRAMES[0], "-o", tmp_path / pointing, "--set", f"input.pointing={pointing}", "--set", "output.report=false")
    header = fits.getheader(FRAMES[0])
    a, b = (fits.getheader(tmp_path / p / "mosaic.fits") for p in ("header", "refined"))
    assert b["CRVAL1"] - a["CRVAL1"] == pytest.approx(header["RARFND"] - header["CRVAL1"], abs=2e-7)
    assert b["CRVAL2"] - a["CRVAL2"] == pytest.approx(header["DECRFND"] - header["CRVAL2"], abs=2e-7)


def test_easymosaic_needs_no_namelist(stack, tmp_path):
    tessera("mopex", "easymosaic.pl", stack, "-O", tmp_path / "a")
    tessera("mosaic", stack, "-o", tmp_path / "b")
    assert fits.getheader(tmp_path / "a" / "mosaic.fits")["DATASUM"] == fits.getheader(tmp_path / "b" / "mosaic.fits")["DATASUM"]
    assert "products agree" in tessera("replay", tmp_path / "a" / "run.json").stderr
    assert "takes no namelist" in tessera("mopex", "easymosaic.pl", stack, "-n", "a.nl", "-O", tmp_path / "c", code=2).stderr
