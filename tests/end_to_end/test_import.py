"""Namelists of MOPEX become options that `tessera mosaic -c` takes, on real frames; broken files end in one clear line."""
import random
import tomllib

import pytest

from tools import SHARED, needs_shared, run_record, tessera

NAMELISTS = SHARED / "mopex_namelists"
FRAMES = sorted((SHARED / "spitzer_irac_grb120119a" / "ch1").glob("*_cbcd.fits"))[:4]
OF_MOSAIC_AND_OVERLAP = ["120119A_ch1", "irac_FIF", "irac_flag_outliers", "irac_mosaic", "overlap_ch1_template", "tile_par"]


@needs_shared
@pytest.mark.parametrize("name", OF_MOSAIC_AND_OVERLAP)
def test_a_namelist_becomes_options_that_plan_a_mosaic_of_real_frames(name, tmp_path):
    out = tmp_path / "mosaic.toml"
    tessera("import", NAMELISTS / f"{name}.nl", "-o", out)
    assert tomllib.loads(out.read_text())["grid"]
    plan = tessera("mosaic", "-c", out, *FRAMES, "--dry-run")
    assert "plan" in plan.stdout + plan.stderr


@needs_shared
@pytest.mark.parametrize("name, verb, section, key, value", [("find_astrostars", "extract", "fit", "group_radius", 6), ("subtract_stars", "residual", "sources", "flux", "flux")])
def test_a_namelist_of_photometry_becomes_options_of_its_verb(name, verb, section, key, value):
    done = tessera("import", NAMELISTS / f"{name}.nl")
    assert tomllib.loads(done.stdout)[section][key] == value
    assert f"tessera {verb} -c THIS.toml" in done.stdout


def test_a_mosaic_made_from_a_namelist_has_its_options(stack, tmp_path):
    namelist, options = tmp_path / "m.nl", tmp_path / "m.toml"
    namelist.write_text("run_mosaic_outlier = 1\nrun_mosaic_rmask=1\nrun_mosaic_coadder = 1\ndelete_intermediate_files = 1\nMOSAIC_PIXEL_RATIO_X = 1.5\n"
                        "&MOSAICRMASKIN\nTOP_THRESHOLD = 8,\n&END\n")
    told = tessera("import", namelist, "-o", options).stderr
    assert "line 2: run_mosaic_rmask has no spaces around =" in told
    tessera("mosaic", "-c", options, stack, "-o", tmp_path / "m")
    text = str(run_record(tmp_path / "m"))
    assert "m.toml" in text
    refused = tessera("import", namelist, "-o", options, code=2).stderr
    assert "exists; say --overwrite" in refused


@pytest.mark.parametrize("content, part", [
    (b"", "has no settings"),
    (b"# only a comment\n", "has no settings"),
    (b"SIMPLE\0\xff\xfe", "is no text file"),
    (b"a = 1\n" * 3000, "more than any configuration"),
])
def test_what_is_no_configuration_is_refused_in_one_line(content, part, tmp_path):
    (tmp_path / "x.nl").write_bytes(content)
    assert part in tessera("import", tmp_path / "x.nl", code=1).stderr


def test_random_bytes_end_in_a_translation_or_an_error(tmp_path):
    rng = random.Random(3)
    for round_ in range(20):
        path = tmp_path / f"{round_}.{'nl' if round_ % 2 else 'swarp'}"
        path.write_bytes(bytes(rng.choice(b"&END=,'\"# \n\rab01.-\xff\xc2") for _ in range(400)))
        try:
            tomllib.loads(tessera("import", path).stdout)
        except AssertionError as refused:
            assert str(refused).startswith("exit 1,"), refused
