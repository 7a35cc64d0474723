"""Same inputs and options give the same data, whatever threads, tiles, memory, interruption or grid cut-out."""
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from astropy.io import fits

from tools import TESSERA, plane, tessera

PLANES = ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp")


def sums(out):
    """Every card of every product, DATASUM among them."""
    return {p: [str(c) for c in fits.getheader(out / f"{p}.fits").cards] for p in PLANES}


def test_threads_tiles_and_memory_change_no_bit(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "reference", "--threads", "1")
    reference = sums(tmp_path / "reference")
    for i, extra in enumerate((["--threads", "2"], ["--set", "run.tile_size=17"], ["--set", "run.tile_size=64", "--threads", "3"], ["--memory", "64M"],
                               ["--set", "run.tile_size=5000"])):
        tessera("mosaic", stack, "-o", tmp_path / f"out{i}", *extra)
        assert sums(tmp_path / f"out{i}") == reference, extra


@pytest.mark.parametrize("method", ["temporal", "radhit,temporal,box,blot"])
def test_a_cut_out_of_the_grid_agrees_with_the_whole(stack, tmp_path, method):
    """To the 10⁻³ pixel of the pixel map: its nodes are anchored to the grid. Rejection near the border sees the same neighbours."""
    tessera("mosaic", stack, "-o", tmp_path / "whole", "--set", "background.method=none", "--set", f"rejection.method={method}")
    fif = (tmp_path / "whole" / "FIF.tbl").read_text()
    header = fits.getheader(tmp_path / "whole" / "mosaic.fits")
    x0, y0, nx, ny = 30, 21, 47, 40
    lines = []
    for line in fif.splitlines():
        for key, value in (("CRPIX1", header["CRPIX1"] - x0), ("CRPIX2", header["CRPIX2"] - y0), ("NAXIS1", nx), ("NAXIS2", ny)):
            if f" {key} " in line:
                line = line.split("=")[0] + f"= {value!r}"
        lines.append(line)
    (tmp_path / "cut.tbl").write_text("\n".join(lines) + "\n")
    tessera("mosaic", stack, "-o", tmp_path / "cut", "--set", "background.method=none", "--set", f"rejection.method={method}", "--set", f"grid.file={tmp_path / 'cut.tbl'}")
    from scipy.ndimage import maximum_filter, minimum_filter
    for p in PLANES:
        whole, cut = (fits.getdata(tmp_path / d / f"{p}.fits").astype(float) for d in ("whole", "cut"))
        part = whole[y0:y0 + ny, x0:x0 + nx]
        filled = np.nan_to_num(whole)
        steep = (maximum_filter(filled, 3) - minimum_filter(filled, 3))[y0:y0 + ny, x0:x0 + nx]
        assert (np.isnan(part) == np.isnan(cut)).all(), p
        assert (np.nan_to_num(np.abs(part - cut)) <= 3e-3 * steep + 1e-4 * np.abs(np.nan_to_num(part))).all(), p


def test_frames_in_another_order_agree_to_rounding(stack, tmp_path):
    frames = sorted(stack.glob("*_cbcd.fits"))
    tessera("mosaic", *frames, "-o", tmp_path / "a")
    tessera("mosaic", *frames[::-1], "-o", tmp_path / "b", "--set", f"grid.file={tmp_path / 'a' / 'FIF.tbl'}")
    a, b = (plane(tmp_path / d / "mosaic.fits")[0] for d in "ab")
    assert np.nanmax(np.abs(a - b)) < 1e-4 * np.nanmax(np.abs(a))


def test_an_interrupted_run_goes_on_and_ends_with_the_same_bits(stack, tmp_path):
    tessera("mosaic", stack, "-o", tmp_path / "reference")
    out = tmp_path / "out"
    command = [TESSERA, "mosaic", str(stack), "-o", str(out), "--set", "run.tile_size=6", "--threads", "1"]
    interrupted = 0
    for attempt, wait in enumerate((0.05, 0.1, 0.15, 0.2, 0.3, 0.4)):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        time.sleep(wait)
        which = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[attempt % 3]
        process.send_signal(which)
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        interrupted += 1
        assert process.returncode in (130, 143, -signal.SIGKILL, -signal.SIGINT, -signal.SIGTERM), errors
        assert not (out / "mosaic.fits").exists() and not (out / "run.json").exists()
    assert interrupted > 0
    if not (out / "run.json").exists():
        tessera("resume", out) if (out / ".tessera" / "journal").exists() else tessera(*command[1:])
    assert sums(out) == sums(tmp_path / "reference")
    assert not (out / ".tessera").exists()


def test_replay_says_when_an_input_changed(stack, tmp_path):
    copy = tmp_path / "frames"
    copy.mkdir()
    for f in stack.glob("SIM*.fits"):
        (copy / f.name).write_bytes(f.read_bytes())
    tessera("mosaic", copy, "-o", tmp_path / "out")
    tessera("replay", tmp_path / "out" / "run.json")
    victim = sorted(copy.glob("*_cbcd.fits"))[3]
    data = bytearray(victim.read_bytes())
    data[-5000] ^= 1
    victim.write_bytes(bytes(data))
    done = tessera("replay", tmp_path / "out" / "run.json", code=1)
    assert victim.name in done.stderr and "changed" in done.stderr
    assert os.path.exists(tmp_path / "out" / "mosaic.fits")


@pytest.mark.parametrize("method", ["area", "lanczos3", "drizzle"])
def test_a_mean_of_frames_added_one_by_one_has_the_bits_of_one_over_a_stack(stack, tmp_path, method):
    """The scatter of the frames needs them all at once; the mean beside it is made by the other way, too."""
    plain = ["--set", "rejection.method=none", "--set", "run.tile_size=150", "--set", f"interpolation.method={method}", "--set", "output.report=false", "--set", "output.correlation=false"]
    tessera("mosaic", stack, "-o", tmp_path / "alone", *plain)
    tessera("mosaic", stack, "-o", tmp_path / "stacked", *plain, "--set", "output.std=true")
    both = [[fits.getheader(tmp_path / out / f"{p}.fits")["DATASUM"] for p in PLANES] for out in ("alone", "stacked")]
    assert both[0] == both[1]
