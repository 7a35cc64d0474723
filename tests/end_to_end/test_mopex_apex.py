"""tessera mopex with the APEX scripts: namelists on real IRAC frames, with MOPEX's flags, folders, file and column names."""
import json
import tomllib

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tools import SHARED, needs_shared, plane, tessera

NAMELISTS = SHARED / "mopex_namelists"
IRAC = SHARED / "spitzer_irac_grb120119a"
PRF = SHARED / "spitzer_irac_prf" / "prf_5x5" / "IRAC1_col129_row129.fits"
FRAMES = sorted((IRAC / "ch1").glob("*_cbcd.fits"))[:6]

APEX = """
run_detect_medfilter = 1
run_pointsourceprob = 1
run_gaussnoise = 1
run_detect = 1
run_extract_medfilter = 1
run_sourcestimate = 1
run_aperture = 1
run_select = 1
run_select_detect = 1
DCE_Status_Mask_Fatal_BitPattern = 32520
use_psp_to_detect = 1
use_background_subtracted_image_for_fitting = 1
use_data_unc_for_fitted_SNR = 1
delete_intermediate_files = 0
select_detect_conditions = "BlendSize < 6 and flux > 0.01"
select_columns = "srcid,RA,Dec,x,y,flux,delta_flux,SNR,chi2/dof,status,deblend,aperture1,ap_unc1"
select_conditions = "SNR > 5" and "deblend ! NO and deblend ! PO"
&DETECT_MEDFILTER
 Window_X = 45,
 Window_Y = 45,
 N_Outliers_Per_Window = 500,
 Use_Sbkg_for_Med = 1,
 Sbkg_Filt_Size_for_Med = 1,
&END
&POINTSOURCEPROB
 PRF_Xsize = 5,
 PRF_Ysize = 5,
 Apriori_Probability = 0.1,
&END
&GAUSSNOISE
 Window_X = 45,
 Window_Y = 45,
&END
&DETECT
 Input_Type = 'image_input',
 Detection_Max_Area = 100,
 Detection_Min_Area = 3,
 Detection_Threshold = 5,
 Threshold_Type = 'peak',
 Minimum_Coverage = 2,
&END
&EXTRACT_MEDFILTER
 Window_X = 45,
 Window_Y = 45,
 Use_Sbkg_for_Med = 1,
&END
&SOURCESTIMATE
 InputType = 'tile_map',
 Fitting_Area_X = 5,
 Fitting_Area_Y = 5,
 Max_Number_PS = 1,
 Chi_Threshold = 10,
 N_Edge = 4,
 PRF_ResampleX_Factor = 5,
 PRF_ResampleY_Factor = 5,
 Normalization_Radius = 60,
 Use_Photerr_for_SNR = 1,
&END
&APERTURE
 N_Apertures = 2,
 Aperture_Radius_1 = 5.0,
 Aperture_Radius_2 = 8.0,
 Aperture_Radius_3 = 9.0,
 Use_Annulus = 1,
 Min_Number_Pixels = 10,
 Annulus_Compute_Type = 'mode',
 Inner_Radius = 20,
 Outer_Radius = 30,
&END
"""


def changed(text, **keys):
    """The namelist with other values of keys, or with further keys in front."""
    front = [f"{k} = {v}" for k, v in keys.items()]
    kept = [line for line in text.splitlines() if line.split("=")[0].strip() not in keys]
    return "\n".join(front + kept) + "\n"


def files_of(out):
    return {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}


def record(out, script):
    return json.loads((out / f"run_{script}.json").read_text())


def options_of(out, script):
    return {o["key"]: o for o in record(out, script)["options"]}


def ipac(path):
    return Table.read(path, format="ascii.ipac")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Matched frames and their mosaic in MOPEX's folders, as overlap.pl and mosaic.pl leave them, and apex.pl run on both."""
    folder = tmp_path_factory.mktemp("apex")
    for name, kind in (("images", "cbcd"), ("sigmas", "cbunc"), ("masks", "bimsk")):
        (folder / f"{name}.txt").write_text("".join(str(f).replace("_cbcd", f"_{kind}") + "\n" for f in FRAMES))
    out = folder / "out"
    sides = ["-S", folder / "sigmas.txt", "-d", folder / "masks.txt"]
    (folder / "overlap.nl").write_text("compute_overlap_correction = 1\napply_overlap_correction = 1\nrun_fiducial_image_frame = 1\n")
    tessera("mopex", "overlap.pl", "-n", folder / "overlap.nl", "-I", folder / "images.txt", *sides, "-O", out, "-q")
    (folder / "mosaic.nl").write_text("run_mosaic_outlier = 1\nrun_mosaic_rmask = 1\nrun_mosaic_coadder = 1\nrun_mosaic_combiner = 1\nrun_fiducial_image_frame = 1\ndelete_intermediate_files = 0\n"
                                      "MOSAIC_PIXEL_SIZE_X = -1.6667E-4\nMOSAIC_PIXEL_SIZE_Y = 1.6667E-4\n")
    frames = ["-I", out / "Overlap_corr" / "images.txt", *sides]
    tessera("mopex", "mosaic.pl", "-n", folder / "mosaic.nl", *frames, "-O", out, "-q")
    (folder / "apex.nl").write_text(APEX)
    tessera("mopex", "apex.pl", "-n", folder / "apex.nl", *frames, "-p", PRF, "-O", out, "-q")
    return folder, out, frames


@needs_shared
def test_apex_measures_the_frames_of_a_mosaic_made_before(stack):
    folder, out, _ = stack
    made = files_of(out)
    assert {"extract.tbl", "extract_raw.tbl", "aperture.tbl", "mosaic_detect.tbl", "mosaic_detect_raw.tbl", "mosaic_PSP.fits", "mosaic_detect_mask.fits", "run_apex.json", "tessera_apex.log", "apex.nl"} <= made
    assert not any(f.startswith(("catalog", "detections", "mosaic/")) for f in made)
    table, raw, detected = ipac(out / "extract.tbl"), ipac(out / "extract_raw.tbl"), ipac(out / "mosaic_detect.tbl")
    assert table.colnames == ["srcid", "RA", "Dec", "x", "y", "flux", "delta_flux", "SNR", "chi2/dof", "status", "deblend", "aperture1", "ap_unc1"]
    assert detected.colnames[:6] == ["srcid", "x", "y", "flux", "BlendId", "BlendSize"]
    assert 300 < len(table) < len(raw) <= len(detected) <= len(ipac(out / "mosaic_detect_raw.tbl"))
    assert np.array(table["SNR"]).min() > 5 and not {"NO", "PO"} & set(table["deblend"])
    assert np.array(detected["flux"]).min() > 0.01 and np.array(detected["BlendSize"]).max() < 6
    # x and y are FITS pixels of the mosaic.
    sky = WCS(fits.getheader(out / "Combine-mosaic" / "mosaic.fits"))
    x, y = sky.all_world2pix(np.array(table["RA"]), np.array(table["Dec"]), 1)
    assert np.abs(x - table["x"]).max() < 1e-3 and np.abs(y - table["y"]).max() < 1e-3
    # Apertures on the mosaic hold the flux of the fit: of isolated, well fitted stars within what the array's varying response does (README of the data: 1 to 5 per cent) and the light beyond 3 arcsec.
    good = (table["status"] == 1) & (table["deblend"] == "N") & (table["SNR"] > 100) & (table["chi2/dof"] < 5)
    ratio = np.median(np.array(table["aperture1"])[good] / np.array(table["flux"])[good])
    assert good.sum() > 10 and 0.85 < ratio < 1.1, (good.sum(), ratio)
    assert set(np.array(raw["status"])) <= {-4, -3, -2, -1, 0, 1}


@needs_shared
def test_every_key_of_the_namelist_has_its_option(stack):
    _, out, _ = stack
    option = options_of(out, "apex")
    expected = {"detection.background": "panels", "detection.window_x": "45", "detection.image": "probability", "detection.threshold_unit": "whole", "detection.filter_max_radius": "2", "detection.prior": "0.1",
                "detection.noise_cell": "23", "detection.max_area": "100", "detection.min_area": "3", "detection.threshold": "5", "detection.separation": "peak", "detection.min_coverage": "2", "detection.rounds": "1",
                "fit_sky.method": "panels", "fit.window": "5", "fit.max_chi2": "10", "fit.edge": "4", "fit.snr": "core", "fit.snr_noise": "stated", "psf.samples_per_pixel": "5", "psf.normalisation": "central",
                "psf.normalisation_radius": "12", "aperture.radii": "5,8", "aperture.annulus_inner": "20", "aperture.annulus_outer": "30", "aperture.statistic": "mode", "aperture.min_pixels": "10", "aperture.image": "original",
                "aperture.errors": "overlap", "catalog.columns": "mopex", "input.fatal_bits": "32520", "input.scale_noise": "false", "catalog.significance_map": "true"}
    assert {k: option[k]["value"] for k in expected} == expected
    assert option["catalog.where"]["value"] == '"SNR > 5" and "deblend ! NO and deblend ! PO"'
    assert "line" in option["detection.threshold"]["where"]
    assert record(out, "apex")["arguments"] == ["apex.pl"] and record(out, "apex")["verb"] == "mopex"
    assert "products agree" in tessera("replay", out / "run_apex.json").stderr


@needs_shared
def test_active_deblending_and_own_windows_on_the_detections_of_an_earlier_run(stack, tmp_path):
    _, out, frames = stack
    active = APEX.replace(" Fitting_Area_X = 5,\n Fitting_Area_Y = 5,\n", "").replace("Max_Number_PS = 1", "Max_Number_PS = 3").replace(" Chi_Threshold = 10,", " Chi_Threshold = 4,\n Chi2_Improvement = 1.0,")
    nl = tmp_path / "active.nl"
    nl.write_text(changed(active, run_detect=0, run_fit_radius=1, run_select=0, run_select_detect=0, COMBINER_DIR=out / "Combine-mosaic"))
    done = tessera("mopex", "apex.pl", "-n", nl, *frames, "-p", PRF, "-O", tmp_path / "none", code=1)
    assert "run_detect is off" in done.stderr and "detection.table=FILE" in done.stderr
    tessera("mopex", "apex.pl", "-n", nl, *frames, "-p", PRF, "-O", tmp_path / "out", "-q", "--set", f"detection.table={out / 'mosaic_detect_raw.tbl'}")
    option = options_of(tmp_path / "out", "apex")
    assert (option["fit.max_sources"]["value"], option["fit.max_chi2"]["value"], option["fit.chi2_gain"]["value"], option["fit.window_from"]["value"]) == ("3", "4", "1", "light")
    before, table, detected = ipac(out / "mosaic_detect_raw.tbl"), ipac(tmp_path / "out" / "extract.tbl"), ipac(tmp_path / "out" / "mosaic_detect.tbl")
    assert len(before) == len(detected) and np.allclose(before["x"], detected["x"]) and np.allclose(before["flux"], detected["flux"], rtol=1e-5)
    # Brighter detections have wider windows.
    bright = np.array(detected["flux"]) > np.quantile(detected["flux"], 0.9)
    assert np.median(detected["FitX"][bright]) > np.median(detected["FitX"][~bright]) >= 3 and set(np.array(detected["FitX"]) % 2) == {1}
    letters = np.array(table["deblend"]).astype(str)
    tried = np.char.find(letters, "A") >= 0
    assert len(table) > len(detected) and 10 < tried.sum() < 0.5 * len(table)
    assert np.array(table["N_PS"])[tried].min() >= 2 and np.array(table["N_PS"])[letters == "A"].max() <= 3
    # Further sources have the number of their detection.
    assert set(np.array(table["detid"])) == set(range(1, len(detected) + 1)) and np.unique(np.array(table["detid"])).size < len(table)


@needs_shared
def test_apex_makes_its_own_mosaic_where_the_namelist_says_so(stack, tmp_path):
    folder, _, frames = stack
    (tmp_path / "own.nl").write_text(changed(APEX, run_fiducial_image_frame=1, run_mosaic_coadder=1, run_mosaic_combiner=1, MOSAIC_PIXEL_RATIO_X=1, COMBINER_DIR="Combine-apex", run_select=0, delete_intermediate_files=1))
    tessera("mopex", "apex.pl", "-n", tmp_path / "own.nl", *frames, "-p", PRF, "-O", tmp_path / "out", "-q")
    made = files_of(tmp_path / "out")
    assert {"Combine-apex/mosaic.fits", "Combine-apex/mosaic_unc.fits", "Combine-apex/mosaic_cov.fits", "extract.tbl"} <= made and "mosaic_PSP.fits" not in made
    option = options_of(tmp_path / "out", "apex")
    assert option["rejection.method"]["value"] == "none" and option["background.method"]["value"] == "none" and option["coadd.weights"]["value"] == "coverage"
    assert len(ipac(tmp_path / "out" / "extract.tbl")) == len(ipac(tmp_path / "out" / "extract_raw.tbl")) > 200


@needs_shared
def test_one_frame_and_what_is_searched(stack, tmp_path):
    frame = FRAMES[0]
    sides = ["-s", str(frame).replace("_cbcd", "_cbunc"), "-d", str(frame).replace("_cbcd", "_bimsk")]
    counts = {}
    for use, kind in ((1, "snr_input"), (0, "snr_input"), (0, "image_input"), (2, "snr_input"), (2, "image_input"), (-1, "image_input")):
        nl = tmp_path / f"one{use}{kind}.nl"
        nl.write_text(changed(APEX, use_psp_to_detect=use, run_select=0, run_select_detect=0).replace("Minimum_Coverage = 2,", "").replace("'image_input'", f"'{kind}'").replace("'tile_map'", "'image_list'"))
        out = tmp_path / f"out{use}{kind}"
        tessera("mopex", "apex_1frame.pl", "-n", nl, "-i", frame, *sides, "-p", PRF, "-O", out, "-q", "--set", "output.report=false")
        counts[use, kind] = len(ipac(out / "extract.tbl"))
        assert ("mosaic_PSP.fits" if use == 1 else "mosaic_Filtered.fits" if use == 0 else "mosaic_searched.fits") in files_of(out)
        option = options_of(out, "apex_1frame")
        assert option["detection.threshold_unit"]["value"] == ("local" if kind == "snr_input" else "whole")
        assert option["detection.background"]["value"] == ("none" if use == -1 else "panels")
    # The filter finds more than single pixels do, and a threshold in the deviation of a whole image, stars and all, less than one in its local noise.
    assert counts[0, "snr_input"] > counts[2, "snr_input"] > 20 and min(counts.values()) > 10, counts


@needs_shared
def test_sources_are_found_by_the_deviation_mosaic_or_the_pixels_own_noise(stack, tmp_path):
    _, out, _ = stack
    for name in ("mosaic.fits", "mosaic_unc.fits", "mosaic_cov.fits"):
        (tmp_path / name).write_bytes((out / "Combine-mosaic" / name).read_bytes())
    nl = tmp_path / "std.nl"
    text = changed(APEX, run_select=0, run_select_detect=0, run_sourcestimate=0, delete_intermediate_files=1, use_unc_to_detect=0).replace("'image_input'", "'snr_input'").replace("'tile_map'", "'image_list'")
    nl.write_text("use_std_to_detect = 1\n" + text)
    run = ["-n", nl, "-i", tmp_path / "mosaic.fits", "-p", "gaussian:fwhm_pix=3", "-q", "--set", "output.report=false", "--set", "detection.noise_cell=0", "--set", "detection.threshold_unit=own", "--set", "detection.image=significance"]
    assert "mosaic_std.fits: there is no such file" in tessera("mopex", "apex_1frame.pl", *run, "-O", tmp_path / "none", code=1).stderr
    # Where frames differ a hundred times as much, nothing is found.
    with fits.open(tmp_path / "mosaic_unc.fits") as f:
        half = f[0].data.shape[1] // 2
        f[0].data[:, :half] *= 100
        fits.writeto(tmp_path / "mosaic_std.fits", f[0].data, f[0].header)
    places = {}
    for name, by in (("std", "use_std_to_detect = 1\n"), ("none", ""), ("stated", "use_unc_to_detect = 1\n")):
        nl.write_text(by + (text.replace("use_unc_to_detect = 0\n", "") if name == "stated" else text))
        tessera("mopex", "apex_1frame.pl", *run, "-O", tmp_path / name)
        assert options_of(tmp_path / name, "apex_1frame")["detection.uncertainty"]["value"] == {"std": "std", "none": "none", "stated": ""}[name]
        places[name] = np.array(ipac(tmp_path / name / "mosaic_detect.tbl")["x"])
    left = {name: int((x < half).sum()) for name, x in places.items()}
    assert left["std"] < 0.1 * left["stated"] and left["none"] > 0.3 * left["stated"], left
    assert (places["std"] > half).sum() > 0.8 * (places["stated"] > half).sum()


@needs_shared
def test_the_shared_namelist_of_a_list_on_a_real_frame(stack, tmp_path):
    """find_astrostars.nl is for 100-fold PRFs; ours are 5-fold."""
    _, out, _ = stack
    frame = FRAMES[0]
    image, header = plane(frame)
    sky = WCS(header)
    found = ipac(out / "extract.tbl")
    x, y = sky.all_world2pix(np.array(found["RA"]), np.array(found["Dec"]), 0)
    stars = found[(x > 20) & (x < 235) & (y > 20) & (y < 235) & (found["SNR"] > 60) & (found["deblend"] == "N")][:40]
    (tmp_path / "list.tbl").write_text("|RA                |Dec               |\n|double            |double            |\n" + "".join(f" {r['RA']:.7f}        {r['Dec']:.7f}\n" for r in stars))
    x, y = sky.all_world2pix(np.array(stars["RA"]), np.array(stars["Dec"]), 1)
    (tmp_path / "pixels.tbl").write_text("|x                 |y                 |\n|double            |double            |\n" + "".join(f" {a:<18.5f} {b:<18.5f}\n" for a, b in zip(x, y)))
    text = (NAMELISTS / "find_astrostars.nl").read_text()
    for key, value in (("PRF_ResampleX_Factor", 5), ("PRF_ResampleY_Factor", 5), ("Normalization_Radius", 60), ("run_aperture", 1)):
        text = "\n".join(f"{key} = {value}{',' if line.strip().endswith(',') else ''}" if line.split("=")[0].strip() == key else line for line in text.splitlines())
    (tmp_path / "list.nl").write_text(text)
    (tmp_path / "pixels.nl").write_text("\n".join("use_input_list_type = 0" if line.startswith("use_input_list_type") else line for line in text.splitlines()))
    sides = ["-i", frame, "-s", str(frame).replace("_cbcd", "_cbunc"), "-d", str(frame).replace("_cbcd", "_bimsk"), "-p", PRF]
    tables = {}
    for name in ("list", "pixels"):
        tessera("mopex", "apex_user_list_1frame.pl", "-n", tmp_path / f"{name}.nl", *sides, "-u", tmp_path / f"{name}.tbl", "-O", tmp_path / name, "-q")
        tables[name] = ipac(tmp_path / name / "extract.tbl")
    assert len(tables["list"]) == len(stars) > 15
    option = options_of(tmp_path / "list", "apex_user_list_1frame")
    assert (option["fit.positions"]["value"], option["fit.max_shift"]["value"], option["fit.group_radius"]["value"], option["fit.background"]["value"]) == ("free", "5", "6", "common")
    assert option["aperture.radii"]["value"] == "2,3,5" and option["fit_sky.method"]["value"] == "none"
    good = (tables["list"]["status"] == 1) & (tables["list"]["SNR"] > 30)
    ratio = np.array(tables["list"]["flux"])[good] / np.array(stars["flux"])[good]
    assert good.sum() > 10 and abs(np.median(ratio) - 1) < 0.1, np.median(ratio)  # one frame against six: the response varies by the place on the array
    assert np.allclose(np.array(tables["pixels"]["flux"], float)[good], np.array(tables["list"]["flux"], float)[good], rtol=1e-3)


@needs_shared
def test_a_list_on_all_frames_and_apertures_alone(stack, tmp_path):
    folder, out, frames = stack
    found = ipac(out / "extract.tbl")
    stars = found[(found["SNR"] > 50) & (found["status"] == 1) & (found["deblend"] == "N")][:30]
    (tmp_path / "list.tbl").write_text("|RA                |Dec               |\n|double            |double            |\n" + "".join(f" {r['RA']:.7f}        {r['Dec']:.7f}\n" for r in stars))
    nl = tmp_path / "user.nl"
    nl.write_text(changed(APEX, INPUT_USER_LIST=tmp_path / "list.tbl", run_detect=0, run_detection_map=1, run_select=0).replace("'tile_map'", "'detection_map'").replace(" N_Edge = 4,", " N_Edge = 4,\n MaxShift_X = 1.0,\n MaxShift_Y = 0.5,"))
    tessera("mopex", "apex_user_list.pl", "-n", nl, *frames, "-p", PRF, "-O", out, "-q")
    table = ipac(out / "extract.tbl")
    option = options_of(out, "apex_user_list")
    assert (option["fit.max_shift"]["value"], option["fit.max_shift_y"]["value"]) == ("1", "0.5") and option["fit.positions"]["value"] == "free"
    # What is not in the list counts with its neighbours, so a few are off.
    off = np.abs(np.array(table["flux"]) / np.array(stars["flux"]) - 1)
    assert len(table) == len(stars) and np.isfinite(off).sum() > 0.9 * len(off)
    off = off[np.isfinite(off)]
    assert np.median(off) < 0.005 and np.quantile(off, 0.8) < 0.02, np.sort(off)
    assert "mosaic_detect.tbl" in files_of(out), "that of apex.pl stays"
    # aperture.pl: the same circles, without a response and without a fit.
    (tmp_path / "aperture.nl").write_text("&APERTURE" + APEX.split("&APERTURE")[1])
    tessera("mopex", "aperture.pl", "-n", tmp_path / "aperture.nl", "-i", out / "Combine-mosaic" / "mosaic.fits", "-E", out / "extract.tbl", "-O", tmp_path / "aper", "-q")
    circles = ipac(tmp_path / "aper" / "aperture.tbl")
    assert not {"extract.tbl", "extract_raw.tbl"} & files_of(tmp_path / "aper")
    assert np.allclose(np.array(circles["aperture1"]), np.array(table["aperture1"]), rtol=1e-6) and np.allclose(np.array(circles["ap_unc1"]), np.array(table["ap_unc1"]), rtol=1e-6)


@needs_shared
def test_apex_qa_takes_sources_off_frames_and_mosaic(stack, tmp_path):
    _, out, frames = stack
    (tmp_path / "qa.nl").write_text("create_residual_images = 1\n&POINTSOURCEIMAGE\n PRF_ResampleX_Factor = 5,\n PRF_ResampleY_Factor = 5,\n Normalization_Radius = 60,\n Input_RA_Dec = 1,\n X_Column_Name = 'RA',\n"
                                    " Y_Column_Name = 'Dec',\n Flux_Column_Name = 'flux',\n&END\n")
    tessera("mopex", "apex_qa.pl", "-n", tmp_path / "qa.nl", *frames, "-p", PRF, "-E", out / "extract_raw.tbl", "-O", tmp_path / "qa", "-q")
    corrected = [out / "Overlap_corr" / f"overlapCorrection_{f.name}" for f in FRAMES]
    rows = ipac(out / "extract_raw.tbl")
    bright = rows[np.argsort(np.array(rows["SNR"], float))[-1]]
    for path in corrected:
        left = tmp_path / "qa" / "Residual-ApexQA" / f"residual_{path.name}"
        before, header = plane(path)
        after = plane(left)[0]
        x, y = WCS(header).all_world2pix(float(bright["RA"]), float(bright["Dec"]), 0)
        x, y = int(round(float(x))), int(round(float(y)))
        if 5 < x < 250 and 5 < y < 250 and np.isfinite(before[y, x]):
            box = np.s_[y - 1:y + 2, x - 1:x + 2]
            assert np.nansum(after[box]) < 0.4 * np.nansum(before[box])
    listed = (tmp_path / "qa" / "Residual-ApexQA" / "images.txt").read_text().split()
    assert listed == [str(tmp_path / "qa" / "Residual-ApexQA" / f"residual_{p.name}") for p in corrected]
    # The shared namelist, of a mosaic; the sources alone are what was taken off.
    (tmp_path / "subtract_stars.nl").write_text((NAMELISTS / "subtract_stars.nl").read_text().replace("create_pointsource_mosaic = 0", "create_pointsource_mosaic = 1"))
    tessera("mopex", "apex_qa.pl", "-n", tmp_path / "subtract_stars.nl", "-T", out / "Combine-mosaic" / "mosaic.fits", "-E", out / "extract_raw.tbl", "-P", "gaussian:fwhm_pix=2.9", "-O", tmp_path / "mosaic", "-q")
    assert {"Residual-ApexQA/residual_mosaic.fits", "subtract_stars.nl", "run_apex_qa.json"} <= files_of(tmp_path / "mosaic")
    planes = [plane(p)[0] for p in (out / "Combine-mosaic" / "mosaic.fits", tmp_path / "mosaic" / "Residual-ApexQA" / "residual_mosaic.fits", tmp_path / "mosaic" / "Residual-ApexQA" / "pointsource_mosaic.fits")]
    seen = np.isfinite(planes[0])
    assert np.allclose((planes[1] + planes[2])[seen], planes[0][seen], rtol=1e-5, atol=1e-5) and np.isfinite(planes[2]).all() and planes[2].max() > 1
    assert "products agree" in tessera("replay", tmp_path / "mosaic" / "run_apex_qa.json").stderr


@needs_shared
def test_apex_qa_cuts_the_response_and_mosaics_the_residuals(stack, tmp_path):
    _, out, frames = stack
    block = ("&POINTSOURCEIMAGE\n PRF_ResampleX_Factor = 5,\n PRF_ResampleY_Factor = 5,\n Normalization_Radius = 60,\n Input_RA_Dec = {sky},\n X_Column_Name = {x},\n Y_Column_Name = {y},\n Flux_Column_Name = 'flux',\n"
             " Outer_Radius = 6,\n Hole_Radius = 2,\n&END\n")
    sky = WCS(fits.getheader(out / "Combine-mosaic" / "mosaic.fits"))
    qa, mosaic = tmp_path / "qa.nl", tmp_path / "mosaic_qa.nl"
    qa.write_text("create_residual_images = 1\ncreate_pointsource_images = 1\n" + block.format(sky=1, x="'RA'", y="'Dec'"))
    mosaic.write_text("run_mosaic_coadder = 1\nrun_mosaic_combiner = 1\nCOMBINER_DIR = Combine-mosaic\n")  # as namelists of mosaic.pl have it
    run = ["-n", qa, *frames, "-p", PRF, "-E", out / "extract_raw.tbl"]
    tessera("mopex", "apex_qa.pl", *run, "-u", mosaic, "-F", out / "FIF.tbl", "-O", tmp_path / "qa", "-q")
    made = files_of(tmp_path / "qa")
    assert {"Combine-ApexQA/mosaic.fits", "Combine-ApexQA/mosaic_unc.fits", "Combine-ApexQA/mosaic_cov.fits", "run_apex_qa.json", "run_apex_qa_mosaic.json", "qa.nl", "mosaic_qa.nl"} <= made and "mosaic.fits" not in made
    # Nothing was taken off beyond the outer radius or in the hole: the middle of the brightest star stays, the sources' own images are rings.
    rows = ipac(out / "extract_raw.tbl")
    star = rows[(rows["status"] == 1) & (rows["deblend"] == "N") & (rows["SNR"] > 100)][0]
    alone, header = plane(next((tmp_path / "qa" / "Residual-ApexQA").glob("pointsource_*")))
    x, y = (float(v) for v in WCS(header).all_world2pix(float(star["RA"]), float(star["Dec"]), 0))
    rr = np.hypot(*np.meshgrid(np.arange(alone.shape[1]) - x, np.arange(alone.shape[0]) - y))
    assert np.abs(alone[rr < 1.9]).max() < 1e-3 * alone[(rr > 2.1) & (rr < 3)].max()
    whole, left = plane(out / "Combine-mosaic" / "mosaic.fits")[0], plane(tmp_path / "qa" / "Combine-ApexQA" / "mosaic.fits")[0]
    assert whole.shape == left.shape
    xm, ym = (int(round(float(v))) for v in sky.all_world2pix(float(star["RA"]), float(star["Dec"]), 0))
    assert abs(left[ym, xm] / whole[ym, xm] - 1) < 0.2  # hole
    ring = np.hypot(*np.meshgrid(np.arange(whole.shape[1]) - xm, np.arange(whole.shape[0]) - ym))
    ring = (ring > 5) & (ring < 9)  # 2.5 to 4.5 frame pixels
    background = np.nanmedian(whole)
    assert np.nansum(left[ring] - background) < 0.5 * np.nansum(whole[ring] - background)
    assert "products agree" in tessera("replay", tmp_path / "qa" / "run_apex_qa.json").stderr
    # Places in pixels of the fiducial frame: the same residuals. Its own namelist asks for the mosaic.
    qa.write_text("run_mosaic_coadder = 1\nrun_fiducial_image_frame = 1\n" + block.format(sky=0, x="x", y="y"))
    tessera("mopex", "apex_qa.pl", *run, "-F", out / "FIF.tbl", "-O", tmp_path / "pixels", "-q")
    name = sorted(p.name for p in (tmp_path / "qa" / "Residual-ApexQA").glob("residual_*.fits"))[0]
    a, b = plane(tmp_path / "qa" / "Residual-ApexQA" / name)[0], plane(tmp_path / "pixels" / "Residual-ApexQA" / name)[0]
    assert np.nanmax(np.abs(a - b)) < 0.01 * np.nanmax(a) and (tmp_path / "pixels" / "Combine-ApexQA" / "mosaic.fits").exists()


@needs_shared
@pytest.mark.parametrize("script, more, code, parts", [
    ("apex.pl", ["FRAMES"], 2, ["names no point response", "-p FILE or -m MAP"]),
    ("apex.pl", ["FRAMES", "-p", PRF], 1, ["run_mosaic_coadder is off", "--mosaic PATH"]),
    ("apex.pl", ["-p", PRF], 2, ["no list of images", "-I LIST"]),
    ("apex_1frame.pl", ["-p", PRF], 2, ["names no image", "-i FILE"]),
    ("apex_user_list.pl", ["FRAMES", "-p", PRF], 2, ["no list of sources", "-u LIST"]),
    ("apex_qa.pl", [], 2, ["namelist of apex.pl, not one of apex_qa.pl"]),
    ("mosaic.pl", ["FRAMES"], 2, ["namelist of apex.pl, not one of mosaic.pl"]),
    ("prf_estimator.pl", [], 2, ["mopex runs", "apex_user_list_1frame.pl"]),
])
def test_what_is_missing_is_told_in_one_line(script, more, code, parts, stack, tmp_path):
    folder, _, frames = stack
    words = [w for a in more for w in (frames if a == "FRAMES" else [a])]
    told = tessera("mopex", script, "-n", folder / "apex.nl", *words, "-O", tmp_path / "out", code=code).stderr.strip().splitlines()[-1]
    for part in parts:
        assert part in told
    assert not (tmp_path / "out").exists()


@needs_shared
def test_an_apex_namelist_becomes_options_of_extract(stack, tmp_path):
    """The same options by the verb itself: the same fluxes."""
    folder, out, frames = stack
    done = tessera("import", folder / "apex.nl", "-o", tmp_path / "apex.toml")
    options = tomllib.loads((tmp_path / "apex.toml").read_text())
    assert options["detection"]["separation"] == "peak" and "tessera extract -c THIS.toml" in (tmp_path / "apex.toml").read_text()
    assert "-> fit.window = 5" in done.stderr
    tessera("extract", "-c", tmp_path / "apex.toml", *frames, "--mosaic", out / "Combine-mosaic", "--psf", PRF, "--set", "psf.untold=prf", "--set", "input.scale_noise=false", "--columns", "mopex", "-o", tmp_path / "a", "-q")
    tessera("mopex", "apex.pl", "-n", folder / "apex.nl", *frames, "-p", PRF, "-O", out, "-q", "--overwrite")
    ours, theirs = Table.read(tmp_path / "a" / "catalog.fits"), ipac(out / "extract.tbl")
    assert len(ours) == len(theirs) and np.allclose(np.array(ours["flux"]), np.array(theirs["flux"]), rtol=1e-9)
