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
    (["mosaic.pl", "-n", NAMELISTS / "find_astrostars.nl"], 2, ["detection or photometry"]),
    (["mosaic.pl", "-n", "nowhere.nl"], 1, ["nowhere.nl", "neither here nor in cdf"]),
    (["mosaic.pl"], 2, ["add -n NAME.nl"]),
    (["apex.pl", "-n", NAMELISTS / "irac_mosaic.nl"], 2, ["overlap.pl or mosaic.pl", "apex.pl"]),
    ([], 2, ["overlap.pl or mosaic.pl"]),
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
