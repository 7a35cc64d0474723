"""tessera mopex prf_estimate.pl: the guide's namelist, with MOPEX's flags and file names, on a simulated stack of well-sampled stars."""
import json
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from conftest import simulate
from tools import tessera

# The parameter blocks of the guide's chapter 7 as they stand there, but for the flux column.
NAMELIST = """
run_medfilter = {medfilter}
run_crop_stack = 1
split_by_array_position = {split}
run_prf_estimate = 1
POINT_SOURCE_LIST = stars.tbl
PRF_file_name = PRF.fits
PRF_Sigma_file_name = mySigma.fits
AnnealStatus_file_name = FitStat.tbl
StatusList_file_name = Status.txt
Star_file_name = star.fits
USE_REFINED_POINTING = 0
PRFMAP_FILE_NAME = prfmap.tbl
{files}
&MEDFILTER
 Window_X = 45,
 Window_Y = 45,
 N_Outliers_Per_Window = 500,
 Use_Sbkg_for_Med = 1,
 Sbkg_Filt_Size_for_Med = 3,
&END
&CROP_STACK
 PostStamp_Xsize = 21,
 PostStamp_Ysize = 21,
 X_Column_Name = 'RA',
 Y_Column_Name = 'Dec',
 TransformationType = 'SkyToPlane',
&END
&PRF_ESTIMATE
 MinNumber_Replacement_Pixels = 8,
 Reject_NaNs = {nans},
 Outlier_Threshold = 3,
 Min_Outlier_Overlap = 0.5,
 Max_Ratio_Outliers = 0.1,
 Max_Number_Outliers = 0,
 PRF_ResampleX_Factor = 4,
 PRF_ResampleY_Factor = 4,
 Zero_Edge = 0,
 Fit_Seed = 0,
 Fit_X = 5,
 Fit_Y = 5,
 Center_Box_X = 7,
 Center_Box_Y = 7,
&END
"""


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prf")
    frames = simulate(folder / "frames", "stack.frames=3", "sources.count=150", "sources.placement=grid", "sources.flux_min_ujy=2000", "sources.flux_max_ujy=4000", "psf.fwhm_pix=3", seed=5)
    tessera("mosaic", frames, "-o", folder / "mosaic", "-q")
    truth = Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")
    rows = "".join(f" {r['ra']:12.7f} {r['dec']:12.7f}\n" for r in truth)
    (folder / "stars.tbl").write_text(f"|RA          |Dec         |\n|double      |double      |\n{rows}")
    (folder / "prfmap.tbl").write_text("\\int Number_PRF = 2\n\\int PRF_Filename_1 = /elsewhere/a.fits\n\\int PRF_Filename_2 = /elsewhere/b.fits\n|PRFNum|NAXIS1|NAXIS2|PRFPos1|PRFPos2|\n|i     |i     |i     |i      |i      |\n"
                                       "      1    128    256       1       1 \n      2    128    256     129       1 \n")
    (folder / "images.txt").write_text("".join(f"{p}\n" for p in sorted(frames.glob("*_cbcd.fits"))))
    (folder / "masks.txt").write_text("".join(f"{p}\n" for p in sorted(frames.glob("*_bimsk.fits"))))
    return folder


def namelist(folder, name, files, medfilter=1, split=0, nans=0):
    (folder / name).write_text(NAMELIST.format(files=files, medfilter=medfilter, split=split, nans=nans))
    return name


def test_a_prf_from_one_image_has_mopexs_names_and_is_read_again(field):
    script = namelist(field, "one.nl", "INPUT_FILE_NAME = mosaic/mosaic.fits\nOUTPUT_DIR = one")
    tessera("mopex", "prf_estimate.pl", "-n", script, "-q", cwd=field)
    out = field / "one"
    assert {p.name for p in out.iterdir() if p.is_file()} == {"PRF.fits", "mySigma.fits", "PRFCov.fits", "FitStat.tbl", "Status.txt", "star.fits", "one.nl", "run_prf_estimate.json", "report_prf_estimate.html", "tessera_prf_estimate.log"}
    prf, header = fits.getdata(out / "PRF.fits").astype(float), fits.getheader(out / "PRF.fits")
    assert prf.shape == (81, 81) and header["PRSAMPX"] == 4 and header["PRCENX"] == 40
    star = fits.getdata(out / "star.fits")
    assert star.shape == (21, 21) and np.allclose(star, prf[::4, ::4]) and np.unravel_index(star.argmax(), star.shape) == (10, 10)
    status = Table.read(out / "Status.txt", format="ascii.ipac")
    assert (out / "Status.txt").read_bytes() == (out / "FitStat.tbl").read_bytes()
    assert len(status) > 80 and (status["status"] == 1).sum() == header["NSTARS"] > 30
    # 3 pixels of the frames; the mosaic's pixels are as large, and its interpolation and the stamps' own widen stars.
    assert 3 < header["PRFWHM"] < 3.5
    tessera("replay", out / "run_prf_estimate.json", "-o", field / "replayed", "-q", cwd=field)
    tessera("extract", "mosaic/mosaic.fits", "--psf", out / "PRF.fits", "-o", field / "fitted", "-q", cwd=field)
    rows = Table.read(field / "fitted" / "catalog.fits")
    assert (np.array(rows["status"]) == 1).sum() > 60


def test_a_prf_for_each_area_of_a_map_from_a_stack(field):
    script = namelist(field, "stack.nl", "IMAGE_STACK_FILE_NAME = images.txt\nDCE_STATUS_MASK_LIST = masks.txt\nOUTPUT_DIR = stack", split=1, nans=5)
    tessera("mopex", "prf_estimate.pl", "-n", script, "--mosaic", "mosaic", "-q", cwd=field)
    out = field / "stack"
    table = Table.read(out / "PRF_map.tbl", format="ascii.ipac")
    assert list(table["PRFNum"]) == [1, 2] and "'PRF_2.fits'" in (out / "PRF_map.tbl").read_text() and "'mySigma_2.fits'" in (out / "PRF_map.tbl").read_text()
    counts = [fits.getheader(out / f"PRF_{k}.fits")["NSTARS"] for k in (1, 2)]
    assert min(counts) > 20 and (out / "mySigma_1.fits").exists()
    images = set(Table.read(out / "FitStat.tbl", format="ascii.ipac")["image"])
    assert images == {p.name for p in (field / "frames").glob("*_cbcd.fits")}
    assert json.loads((out / "run_prf_estimate.json").read_text())["results"]["stamps_used"] > sum(counts) / 2


def test_flags_win_and_what_is_missing_is_said(field, tmp_path):
    both = namelist(field, "both.nl", "INPUT_FILE_NAME = mosaic/mosaic.fits\nIMAGE_STACK_FILE_NAME = images.txt\nOUTPUT_DIR = both")
    assert "leave one of them out" in tessera("mopex", "prf_estimate.pl", "-n", both, cwd=field, code=2).stderr
    shutil.copy(field / "stars.tbl", tmp_path / "my.tbl")
    tessera("mopex", "prf_estimate.pl", "-n", both, "-i", "mosaic/mosaic.fits", "-E", tmp_path / "my.tbl", "-O", "flags", "--set", "estimate.stamp=15", "-q", cwd=field)
    assert fits.getdata(field / "flags" / "PRF.fits").shape == (57, 57)
    none = namelist(field, "none.nl", "OUTPUT_DIR = none")
    assert "-i FILE" in tessera("mopex", "prf_estimate.pl", "-n", none, cwd=field, code=2).stderr or "-I LIST" in tessera("mopex", "prf_estimate.pl", "-n", none, cwd=field, code=2).stderr
    lost = namelist(field, "lost.nl", "INPUT_FILE_NAME = not_there.fits\nOUTPUT_DIR = lost")
    assert "INPUT_FILE_NAME = not_there.fits: there is no such file" in tessera("mopex", "prf_estimate.pl", "-n", lost, cwd=field, code=1).stderr
    assert "is a MOPEX namelist of prf_estimate.pl" in tessera("mopex", "mosaic.pl", "-n", "one.nl", cwd=field, code=2).stderr


def test_import_translates_it_for_psf_estimate(field, tmp_path):
    script = namelist(field, "import.nl", "INPUT_FILE_NAME = mosaic/mosaic.fits")
    toml = tessera("import", script, cwd=field).stdout
    for line in ('method = "mopex"', "samples_per_pixel = 4", "stamp = 21", "fit_box = 5", "core_box = 7", "max_bad = 0", 'method = "panels"', "window_x = 45", 'ra_column = "RA"'):
        assert line in toml, line
    assert "tessera psf estimate -c THIS.toml mosaic/mosaic.fits" in toml and ": unknown" not in toml and "not there yet" not in toml
    (tmp_path / "prf.toml").write_text(toml)
    tessera("psf", "estimate", "mosaic/mosaic.fits", "-c", tmp_path / "prf.toml", "--sources", "stars.tbl", "-o", tmp_path / "out", "-q", cwd=field)
    tessera("mopex", "prf_estimate.pl", "-n", script, "-O", "again", "-q", cwd=field)
    assert fits.getheader(tmp_path / "out" / "psf.fits")["DATASUM"] == fits.getheader(field / "again" / "PRF.fits")["DATASUM"]


def test_places_in_pixels_and_samplings_that_differ(field):
    from astropy.wcs import WCS
    truth, sky = Table.read(field / "stars.tbl", format="ascii.ipac"), WCS(fits.getheader(field / "mosaic" / "mosaic.fits"))
    x, y = sky.all_world2pix(np.array(truth["RA"]), np.array(truth["Dec"]), 1)
    (field / "pixels.tbl").write_text("|x           |y           |\n|double      |double      |\n" + "".join(f" {a:12.5f} {b:12.5f}\n" for a, b in zip(x, y)))
    script = namelist(field, "pixels.nl", "INPUT_FILE_NAME = mosaic/mosaic.fits\nFIF_FILE_NAME = mosaic/FIF.tbl")
    text = (field / script).read_text().replace("stars.tbl", "pixels.tbl").replace("'SkyToPlane'", "'PlaneToPlane'").replace("'RA'", "'x'").replace("'Dec'", "'y'").replace("PRF_ResampleY_Factor = 4", "PRF_ResampleY_Factor = 3")
    (field / script).write_text(text)
    tessera("mopex", "prf_estimate.pl", "-n", script, "-O", "pixels", "-q", cwd=field)
    tessera("mopex", "prf_estimate.pl", "-n", namelist(field, "sky.nl", "INPUT_FILE_NAME = mosaic/mosaic.fits"), "-O", "sky", "-q", cwd=field)
    one, header = fits.getdata(field / "pixels" / "PRF.fits").astype(float), fits.getheader(field / "pixels" / "PRF.fits")
    both = fits.getdata(field / "sky" / "PRF.fits").astype(float)
    assert one.shape == (61, 81) and (header["PRSAMPX"], header["PRSAMPY"]) == (4, 3) and (header["PRCENX"], header["PRCENY"]) == (40, 30)
    assert np.allclose(fits.getdata(field / "pixels" / "star.fits"), fits.getdata(field / "sky" / "star.fits"), atol=1e-4 * both.max())
    assert np.allclose(one[30], both[40], atol=2e-4 * both.max()) and np.allclose(one[::3], both[::4], atol=2e-4 * both.max())
    # It is read as it was written: the same fluxes.
    tables = []
    for name in ("pixels", "sky"):
        tessera("extract", "mosaic/mosaic.fits", "--psf", field / name / "PRF.fits", "--sources", "stars.tbl", "-o", field / f"fit_{name}", "-q", cwd=field)
        tables.append(np.array(Table.read(field / f"fit_{name}" / "catalog.fits")["flux"]))
    good = np.isfinite(tables[0]) & np.isfinite(tables[1])
    assert good.sum() > 60 and np.abs(np.median(tables[0][good] / tables[1][good]) - 1) < 2e-3
