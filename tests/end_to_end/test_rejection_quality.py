"""What rejection finds and what it does to stars: the table of docs/rejection.md in small, and the table of every run."""
import importlib.util
import json

import pytest

from conftest import simulate
from tools import ROOT, tessera


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("rejection_bench", ROOT / "bench" / "rejection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("depth, fwhm, hits, passing", [(2, 1.5, 92, 95), (5, 1.0, 99, 98), (10, 1.5, 99, 98)])
def test_hits_are_found_and_stars_are_kept(bench, tmp_path, depth, fwhm, hits, passing):
    row = bench.measure("rejection.method=temporal", depth, fwhm, 6 if depth == 2 else 2, tmp_path)
    print(bench.line(row))
    assert row["n_hits"] > 100 and row["hits"] >= hits and row["passing"] >= passing
    assert row["sky"] <= 0.002 and max(row["cores"]) <= 0.1
    assert row["stars"] > 20 and row["scatter"] <= 1.15 and abs(row["bias"]) <= 0.1


STARS = ("stack.frames=8", "stack.dither_scale=small", "camera.width=128", "camera.height=128", "sources.placement=grid", "sources.count=49",
         "sources.flux_min_ujy=50", "sources.flux_max_ujy=5000")


def record(out):
    return json.loads((out / "run.json").read_text())


def test_every_run_tells_what_rejection_did_to_stars(tmp_path):
    frames = simulate(tmp_path / "frames", *STARS)
    tessera("mosaic", frames, "-o", tmp_path / "out")
    table = record(tmp_path / "out")["rejection_in_stars"]
    assert sum(b["stars"] for b in table["bins"]) > 20
    assert all(b["percent"] < 1.5 for b in table["bins"] if b["core_pixels"] > 500) and 0.1 < table["percent_of_all_pixels"] < 1
    assert "Rejection in stars" in (tmp_path / "out" / "report.html").read_text()
    assert not [c for c in record(tmp_path / "out")["caveats"] if c["kind"] == "rejection-in-stars"]
    tessera("mosaic", frames, "-o", tmp_path / "tiles", "--set", "run.tile_size=50", "--threads", "1")
    assert record(tmp_path / "tiles")["rejection_in_stars"] == table


def test_a_rejection_that_eats_stars_is_a_caveat(tmp_path):
    frames = simulate(tmp_path / "frames", *STARS)
    tessera("mosaic", frames, "-o", tmp_path / "out", "--set", "rejection.candidate=0", "--set", "rejection.gradient=0", "--set", "rejection.threshold_high=2.5",
            "--set", "rejection.min_images=100")
    caveats = [c for c in record(tmp_path / "out")["caveats"] if c["kind"] == "rejection-in-stars"]
    assert caveats and "signal to noise" in caveats[0]["message"]
