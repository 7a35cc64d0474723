"""Stars measured again on every frame: wrong pointings and fluxes are named, right ones are not."""
import math
import re
import shutil

import numpy as np
import pytest
from astropy.io import fits

from conftest import simulate
from tools import SHARED, needs_shared, run_record, tessera

QUIET = ("--set", "output.pictures=false")
MISPLACED, BRIGHT, LOST = 3, 7, 10  # frames
CAVEATS = ("frame-position", "frame-flux")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("repeat") / "frames", "camera.width=128", "camera.height=128", "stack.frames=12", "sources.count=150", "sources.flux_min_ujy=60", "defects.cosmic_fraction=0.003", seed=5)


def told(out):
    return {(c["kind"], re.match(r"(\S+\.fits)", c["message"])[1]) for c in run_record(out)["caveats"] if c["kind"] in CAVEATS}


def stars(out):
    return [f["stars"] for f in run_record(out)["frames"]]


def tamper(frames, folder):
    """One frame off by half a pixel along x, one 5 % too bright, one off by a minute of arc: it shows other stars."""
    shutil.copytree(frames, folder)
    names = sorted(p.name for p in folder.glob("*_cbcd.fits"))
    with fits.open(folder / names[MISPLACED], mode="update") as hdus:
        h = hdus[0].header
        h["CRVAL2"] += 0.5 * math.hypot(h["CD1_1"], h["CD2_1"])
    with fits.open(folder / names[BRIGHT], mode="update") as hdus:
        hdus[0].data = hdus[0].data * np.float32(1.05)
    with fits.open(folder / names[LOST], mode="update") as hdus:
        hdus[0].header["CRVAL2"] += 25 / 3600
    return names


def test_clean_stack_has_no_caveat_and_its_errors_are_right(frames, tmp_path):
    tessera("mosaic", frames, "-o", tmp_path / "out", *QUIET)
    assert told(tmp_path / "out") == set()
    all_stars = stars(tmp_path / "out")
    assert min(s["count"] for s in all_stars) >= 8 and all(s["count"] >= 0.8 * s["covered"] for s in all_stars)
    pulls = [v / s["position_sigma_arcsec"] for s in all_stars for v in (s["east_arcsec"], s["north_arcsec"])]
    fluxes = [(s["flux_ratio"] - 1) / s["flux_sigma"] for s in all_stars]
    print(f"{[s['count'] for s in all_stars]} stars; pulls of positions {np.std(pulls):.2f}, of fluxes {np.std(fluxes):.2f}; scatter {np.median([s['position_scatter_arcsec'] for s in all_stars]):.4f} arcsec")
    assert 0.4 < np.std(pulls) < 1.6 and 0.4 < np.std(fluxes) < 1.6


def test_wrong_frames_are_named_with_the_right_numbers(frames, tmp_path):
    names = tamper(frames, tmp_path / "frames")
    out = tmp_path / "out"
    done = tessera("mosaic", tmp_path / "frames", "-o", out, *QUIET)
    assert told(out) == {("frame-position", names[MISPLACED]), ("frame-position", names[LOST]), ("frame-flux", names[BRIGHT])}
    all_stars = stars(out)
    wrong, bright, lost = (all_stars[i] for i in (MISPLACED, BRIGHT, LOST))
    pixel = 1.22
    print(wrong, bright, lost, sep="\n")
    assert abs(wrong["north_arcsec"] - 0.5 * pixel) < 0.05 and abs(wrong["east_arcsec"]) < 0.05
    assert abs(bright["flux_ratio"] - 1.05) < 0.02 and abs(bright["north_arcsec"]) < 0.05
    assert lost["covered"] >= 4 and 2 * lost["count"] < lost["covered"]
    page = (out / "report.html").read_text()
    assert "Star positions" in page and "Star fluxes" in page and "wrong pointing?" in page and "wrong pointing?" in done.stderr


def test_pieces_change_no_bit(frames, tmp_path):
    for name, more in (("a", ("--threads", "1")), ("b", ("--threads", "3", "--set", "run.tile_size=37", "--memory", "64MB"))):
        tessera("mosaic", frames, "-o", tmp_path / name, *QUIET, *more)
    assert stars(tmp_path / "a") == stars(tmp_path / "b")
    assert run_record(tmp_path / "a")["stars"] == run_record(tmp_path / "b")["stars"]


def test_finer_pixels_and_other_axes_tell_the_same(frames, tmp_path):
    """East and north do not turn with the grid, and fluxes do not change with its pixels."""
    names = tamper(frames, tmp_path / "frames")
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "out", *QUIET, "--set", "grid.oversample=2", "--set", "grid.rotation=40")
    found = stars(tmp_path / "out")
    print(found[MISPLACED], found[BRIGHT], sep="\n")
    assert {("frame-position", names[MISPLACED]), ("frame-flux", names[BRIGHT])} <= told(tmp_path / "out")
    assert abs(found[MISPLACED]["north_arcsec"] - 0.61) < 0.06 and abs(found[MISPLACED]["east_arcsec"]) < 0.06 and abs(found[BRIGHT]["flux_ratio"] - 1.05) < 0.02


def test_one_frame_and_no_stars(frames, tmp_path):
    tessera("mosaic", sorted(frames.glob("*_cbcd.fits"))[0], "-o", tmp_path / "one", *QUIET)
    assert stars(tmp_path / "one") == [{"covered": 0, "count": 0}]
    simulate(tmp_path / "blank", "camera.width=64", "camera.height=64", "stack.frames=3", "sources.count=0")
    tessera("mosaic", tmp_path / "blank", "-o", tmp_path / "none", *QUIET)
    assert told(tmp_path / "none") == set() and "Star positions" not in (tmp_path / "none" / "report.html").read_text()


@needs_shared
@pytest.mark.parametrize("channel", ["ch1", "ch2"])
def test_real_frames_are_in_their_place(channel, tmp_path):
    tessera("mosaic", SHARED / "spitzer_irac_grb120119a" / channel, "-o", tmp_path / "out", *QUIET)
    assert told(tmp_path / "out") == set()
    all_stars = [s for s in stars(tmp_path / "out") if s["count"]]
    off = [math.hypot(s["east_arcsec"], s["north_arcsec"]) for s in all_stars]
    print(f"{channel}: {len(all_stars)} frames with {np.median([s['count'] for s in all_stars]):.0f} stars; off by {np.median(off):.3f}, at most {max(off):.3f} arcsec; fluxes "
          f"{min(s['flux_ratio'] for s in all_stars):.3f} to {max(s['flux_ratio'] for s in all_stars):.3f}")
    assert len(all_stars) >= 29 and max(off) < 0.25
