"""What rejection finds and what it does to stars: the table of docs/rejection.md in small, and the table of every run."""
import importlib.util
import json

import numpy as np
import pytest
from astropy.table import Table

from conftest import simulate
from tools import ROOT, tessera


@pytest.fixture(scope="module")
def bench():
    spec = importlib.util.spec_from_file_location("rejection_bench", ROOT / "bench" / "rejection.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("depth, fwhm, hits, passing", [(2, 1.5, 92, 95), (2, 3.0, 92, 95), (4, 1.5, 99, 98), (5, 1.0, 99, 98)])
def test_hits_are_found_and_stars_are_kept(bench, tmp_path, depth, fwhm, hits, passing):
    """The default, each scheme and temporal with box and dual, on the same stacks."""
    row = bench.measure([], depth, fwhm, 5 if depth == 2 else 2, tmp_path)
    tally = row["tally"]
    bench.show([row])
    assert tally.all["hits"] > 100 and tally.percent("hits", "temporal") >= hits and tally.percent("trails", "temporal") >= passing
    assert tally.percent("hits", "all") >= max(99, hits)
    assert max(tally.percent("hits", "box"), tally.percent("hits", "dual")) >= 90
    for scheme in ("temporal", "box", "dual", "temporal, box, dual"):
        assert tally.percent("cores to 500", scheme) <= 0.1 and tally.percent("sky", scheme) <= 0.01, scheme
    for flux in row["flux"].values():
        assert flux["stars"] > 20 and flux["ratio"] <= 1.15 and abs(flux["bias"]) <= 0.1


STARS = ("stack.frames=8", "stack.dither_scale=small", "camera.width=128", "camera.height=128", "sources.placement=grid", "sources.count=49",
         "sources.flux_min_ujy=50", "sources.flux_max_ujy=5000")


def record(out):
    return json.loads((out / "run.json").read_text())


def test_every_run_tells_what_rejection_did_to_stars(tmp_path):
    frames = simulate(tmp_path / "frames", *STARS)
    tessera("mosaic", frames, "-o", tmp_path / "out")
    table = record(tmp_path / "out")["rejection_in_stars"]
    assert sum(b["stars"] for b in table["bins"]) > 20 and table["magnitudes"] == "AB"
    # 50 to 5000 µJy are AB 19.65 to 14.65; the light outside the aperture and the noise may move a star to the next bin.
    truth = 23.9 - 2.5 * np.log10(np.asarray(Table.read(frames / "truth_sources.ecsv", format="ascii.ecsv")["flux"]))
    for b in table["bins"]:
        assert b["magnitude_to"] == b["magnitude_from"] + 1 and b["peak_snr"] >= 10
        assert b["stars"] <= ((truth > b["magnitude_from"] - 0.3) & (truth < b["magnitude_to"] + 0.3)).sum() + 1
    snr = [b["peak_snr"] for b in table["bins"]]
    assert snr == sorted(snr, reverse=True)
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
    assert caveats and "AB magnitude" in caveats[0]["message"]
