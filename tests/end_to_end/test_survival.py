"""A run that is killed, loses power, fills the disk or reads bad files leaves complete products or none, and goes on with the same bits."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from astropy.io import fits

from conftest import simulate
from tools import TESSERA, run_record, tessera

SHIM = pathlib.Path(os.environ.get("TESSERA_BUILD", pathlib.Path(TESSERA).parent)) / "tests" / "libfaulty_io.so"
QUICK = ["--set", "run.tile_size=16", "--threads", "1", "--set", "output.report=false"]

needs_shim = pytest.mark.skipif(not SHIM.exists(), reason="skipped: the fault-injecting library is not built")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Five frames of 48²: a run takes a fifth of a second."""
    return simulate(tmp_path_factory.mktemp("small") / "frames", "camera.width=48", "camera.height=48", "stack.frames=5", "sources.count=10", "stack.offset_rms=0.05")


@pytest.fixture(scope="module")
def reference(frames, tmp_path_factory):
    out = tmp_path_factory.mktemp("reference") / "out"
    tessera("mosaic", frames, "-o", out, *QUICK)
    return sums(out)


def sums(out):
    return {p.name: [str(c) for hdu in fits.open(p) for c in hdu.header.cards] for p in sorted(pathlib.Path(out).glob("*.fits"))}


def run(out, frames, *more, env=None, **kwargs):
    return subprocess.run([TESSERA, "mosaic", str(frames), "-o", str(out), *QUICK, *map(str, more)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
                          env={**os.environ, **(env or {})}, **kwargs)


def with_shim(**faults):
    return {"LD_PRELOAD": str(SHIM), **{k: str(v) for k, v in faults.items()}}


def check_complete_or_none(out, reference):
    """run.json stands for completeness; what stands beside it is then all there and right."""
    if (out / "run.json").exists():
        assert sums(out) == reference
        names = [p["name"] for p in run_record(out)["products"]]
        assert all((out / n).exists() for n in names)


def test_fifty_random_kills_end_with_the_same_bits(frames, reference, tmp_path):
    rng = random.Random(4)
    begin = time.monotonic()
    tessera("mosaic", frames, "-o", tmp_path / "timed", *QUICK)
    whole = time.monotonic() - begin
    kills, number = 0, 0
    while kills < 50:
        out = tmp_path / f"out{number}"
        number += 1
        while not (out / "run.json").exists():
            process = subprocess.Popen([TESSERA, "mosaic", str(frames), "-o", str(out), *QUICK, "--set", f"run.save_every={rng.choice([0, 0.02, 10])}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            time.sleep(rng.uniform(0.02, 1.1 * whole))
            process.kill()
            _, errors = process.communicate()
            assert process.returncode in (0, -signal.SIGKILL), errors
            kills += process.returncode != 0
            check_complete_or_none(out, reference)
        if (out / ".tessera").exists():  # killed between the last rename and the removal of the scratch folder
            assert run(out, frames).returncode == 0
        assert sums(out) == reference and not (out / ".tessera").exists()
        shutil.rmtree(out)


@needs_shim
def test_death_at_any_call_that_changes_a_file_leaves_complete_products_or_none(frames, reference, tmp_path):
    """Seeded calls from all over the run, and every one of the end, where products are put in place; writes are torn in half."""
    count = tmp_path / "count"
    assert run(tmp_path / "counted", frames, env=with_shim(KILL_COUNT=count)).returncode == 0
    calls = int(count.read_text())
    assert calls > 60
    moments = sorted(random.Random(5).sample(range(1, calls - 20), 12)) + list(range(calls - 20, calls + 1))
    for moment in moments:
        out = tmp_path / f"at{moment}"
        died = run(out, frames, env=with_shim(KILL_AT=moment))
        assert died.returncode in (0, -signal.SIGKILL), died.stderr
        check_complete_or_none(out, reference)
        if (out / "run.json").exists() and not (out / ".tessera").exists():
            assert run(out, frames).returncode == 2  # complete
        else:
            again = run(out, frames)
            assert again.returncode == 0, (moment, again.stderr)
        assert sums(out) == reference, moment
        assert not (out / ".tessera").exists()
        shutil.rmtree(out)


def interrupted(out, frames, *more, tiles=5):
    """A run stopped by SIGKILL with some tiles done."""
    for wait in (0.1, 0.14, 0.18, 0.22, 0.26, 0.3, 0.4):
        process = subprocess.Popen([TESSERA, "mosaic", str(frames), "-o", str(out), *QUICK, "--set", "run.tile_size=5", *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        journal = out / ".tessera" / "journal"
        while process.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < tiles):
            time.sleep(0.002)
        process.kill()
        process.wait()
        if journal.exists():
            return
    pytest.fail("no run could be interrupted")


def test_frames_recorded_without_noise_are_measured_again_when_a_resume_asks_for_it(frames, tmp_path):
    """The star check needs the noise, which a coadd by coverage does not: its record must not serve a resume that turns the check on."""
    coverage = [a for s in ("background.method=none", "rejection.method=none", "input.scale_noise=false", "coadd.weights=coverage") for a in ("--set", s)]
    out = tmp_path / "out"
    interrupted(out, frames, *coverage, "--set", "output.star_check=false")
    again = run(out, frames, "--set", "run.tile_size=5", *coverage)
    assert again.returncode == 0, again.stderr
    whole = tmp_path / "whole"
    assert run(whole, frames, "--set", "run.tile_size=5", *coverage).returncode == 0
    without = tmp_path / "without"
    assert run(without, frames, *coverage, "--set", "output.star_check=false").returncode == 0
    variances = [[f["sky_variance"] for f in run_record(o)["frames"]] for o in (out, whole, without)]
    assert variances[0] == variances[1] and all(v > 0 for v in variances[0])
    assert all(v is None for v in variances[2])
    assert sums(out) == sums(whole) == sums(without)


@pytest.mark.parametrize("name", ["journal", "tiles", "frames"])
def test_what_a_power_cut_tore_off_or_scrambled_is_done_again(frames, reference, tmp_path, name):
    rng = random.Random(name)
    out = tmp_path / "out"
    interrupted(out, frames)
    for trial in range(5):
        copy = tmp_path / f"trial{trial}"
        shutil.copytree(out, copy)
        file = copy / ".tessera" / name
        content = bytearray(file.read_bytes())
        cut = rng.randrange(len(content) // 2, len(content))
        if trial < 3:
            content = content[:cut]
        if trial in (1, 2):
            content += bytes(rng.randrange(4000))  # blocks that were never written read as zeros
        if trial > 2:
            content[cut] ^= 0x40
        file.write_bytes(bytes(content))
        done = run(copy, frames, "--set", "run.tile_size=5")
        assert done.returncode == 0, done.stderr
        assert sums(copy) == reference


def test_a_resumed_run_takes_measured_frames_and_finished_tiles_from_the_scratch(frames, reference, tmp_path):
    out = tmp_path / "out"
    interrupted(out, frames)
    done = run(out, frames, "--set", "run.tile_size=5")
    assert "resuming: 5 of 5 frames are measured" in done.stderr and re.search(r"resuming: \d+ tiles are finished", done.stderr), done.stderr
    assert sums(out) == reference


def test_a_resumed_run_does_not_look_again_for_the_outliers_of_a_tile(frames, tmp_path):
    """Its record is the proof: the second run adds none for the tiles of the first."""
    options = ["--set", "rejection.method=radhit,box,blot,temporal"]
    out = tmp_path / "out"
    interrupted(out, frames, *options)
    before = (out / ".tessera" / "outliers").read_bytes()
    done = subprocess.Popen([TESSERA, "mosaic", str(frames), "-o", str(out), *QUICK, "--set", "run.tile_size=5", *options], env={**os.environ, **(with_shim(KILL_AT=60) if SHIM.exists() else {})},
                            stderr=subprocess.PIPE, text=True)
    done.communicate()
    if done.returncode:
        assert (out / ".tessera" / "outliers").read_bytes() == before
        assert run(out, frames, "--set", "run.tile_size=5", *options).returncode == 0
    assert run(tmp_path / "fresh", frames, *options).returncode == 0
    assert sums(out) == sums(tmp_path / "fresh")


@pytest.mark.parametrize("background", ["offset", "none"])
def test_of_a_changed_input_what_depends_on_it_is_done_again(frames, tmp_path, background):
    """Without matching only its own tiles; offsets tie all frames together."""
    folder = tmp_path / "frames"
    shutil.copytree(frames, folder)
    options = ["--set", f"background.method={background}", "--set", "coadd.weights=coverage", "--set", "run.tile_size=5"]
    out = tmp_path / "out"
    interrupted(out, folder, *options, tiles=60)
    victim = sorted(folder.glob("*_cbcd.fits"))[4]
    with fits.open(victim, mode="update") as h:
        h[0].data[20:24, 20:24] += 1
    done = run(out, folder, *options)
    assert done.returncode == 0 and "resuming: 4 of 5 frames are measured" in done.stderr, done.stderr
    kept, todo, again = map(int, re.search(r"resuming: (\d+) tiles are finished, (\d+) to do \((\d+) of them once more", done.stderr).groups())
    assert again > 0 and (kept == 0) == (background == "offset")
    assert run(tmp_path / "fresh", folder, *options).returncode == 0
    assert sums(out) == sums(tmp_path / "fresh")


def test_another_option_is_refused_by_name_and_a_complete_folder_too(frames, tmp_path):
    out = tmp_path / "out"
    interrupted(out, frames)
    done = run(out, frames, "--set", "run.tile_size=5", "--set", "rejection.threshold_high=9")
    assert done.returncode == 2 and "rejection.threshold_high was" in done.stderr.splitlines()[-1]
    assert run(out, frames, "--overwrite").returncode == 0
    assert run(out, frames).returncode == 2


@needs_shim
def test_a_second_run_in_the_folder_is_refused_while_the_first_works(frames, tmp_path):
    out = tmp_path / "out"
    first = subprocess.Popen([TESSERA, "mosaic", str(frames), "-o", str(out), *QUICK], env={**os.environ, **with_shim(FAULT="slow", FAULT_PATH="_cbcd")}, stderr=subprocess.DEVNULL)
    while not (out / ".tessera" / "lock").exists():
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGSTOP)  # it holds the folder however long the second takes
    try:
        second = run(out, frames)
        plan = tmp_path / "plan.json"
        assert run(out, frames, "--plan-only", plan).returncode == 0
        tessera("work", plan, "--tiles", "all")
        third = tessera("gather", plan, code=2)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 2 and "another run is working in this folder" in second.stderr
    assert "another run is working in this folder" in third.stderr
    assert first.wait(timeout=60) == 0


def mounted(folder, size):
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "none", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("skipped: no small file system can be mounted here")


@pytest.mark.parametrize("size_kb", [4, 40, 120, 260, 420])
def test_a_full_disk_is_one_line_and_more_room_lets_the_run_go_on(frames, reference, tmp_path, size_kb):
    disk = tmp_path / "disk"
    mounted(disk, size_kb)
    try:
        done = run(disk / "out", frames)
        if done.returncode != 0:
            assert done.returncode == 3, done.stderr
            assert "No space left on device" in done.stderr.splitlines()[-1], done.stderr
            assert not (disk / "out" / "run.json").exists() and not list((disk / "out").glob("*.fits"))
        subprocess.run(["mount", "-o", "remount,size=20000k", str(disk)], check=True)
        if done.returncode != 0:
            again = run(disk / "out", frames)
            assert again.returncode == 0, again.stderr
        assert sums(disk / "out") == reference
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def damage(path, how):
    if how == "deleted":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:2880 * 5])
    else:
        with fits.open(path) as h:
            fits.PrimaryHDU(h[0].data[:-7, :-9], h[0].header).writeto(path, overwrite=True)


@needs_shim
@pytest.mark.parametrize("how", ["deleted", "truncated", "of another size"])
def test_a_frame_damaged_between_plan_and_pixels_is_named_or_left_out(frames, tmp_path, how):
    """The first frame's pixels come slowly; while they do, the last frame is damaged."""
    names = sorted(f.name for f in frames.glob("*_cbcd.fits"))
    for mode in ("stop", "skip"):
        folder, out = tmp_path / mode, tmp_path / f"out-{mode}"
        shutil.copytree(frames, folder)
        process = subprocess.Popen([TESSERA, "mosaic", str(folder), "-o", str(out), *QUICK, "--set", f"input.on_bad_frame={mode}", "--log-format", "json"], stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, **with_shim(FAULT="slow", FAULT_PATH=names[0], FAULT_SLOW_US=60000)})
        lines = []
        for line in process.stderr:
            lines.append(line)
            if '"measuring frames"' in line:
                damage(folder / names[4], how)
                break
        lines += list(process.stderr)
        code, text = process.wait(timeout=60), "".join(lines)
        if mode == "stop":
            assert code == 1 and names[4] in json.loads(lines[-1])["message"], text
            assert not (out / "run.json").exists()
            continue
        assert code == 0, text
        caveats = run_record(out)["caveats"]
        assert any(c["kind"] == "frame-skipped" and names[4] in c["message"] and c["count"] == 1 for c in caveats), caveats
        assert [f["used"] for f in run_record(out)["frames"]] == [True] * 4 + [False]
        rest = tmp_path / "rest"
        shutil.copytree(frames, rest)
        for f in rest.glob(names[4].replace("_cbcd.fits", "*")):
            f.unlink()
        tessera("mosaic", rest, "-o", tmp_path / "without", *QUICK, "--set", f"grid.file={out / 'FIF.tbl'}")
        for plane in ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp"):
            assert fits.getheader(out / f"{plane}.fits")["DATASUM"] == fits.getheader(tmp_path / "without" / f"{plane}.fits")["DATASUM"], plane


def test_a_frame_lost_after_it_was_measured_leaves_the_offsets_too(frames, tmp_path):
    """The resumed run finds its measurement in the scratch and the file changed: with skip the rest is matched anew without it."""
    folder, out = tmp_path / "frames", tmp_path / "out"
    shutil.copytree(frames, folder)
    options = ["--set", "input.on_bad_frame=skip", "--set", "run.tile_size=5"]
    interrupted(out, folder, *options, tiles=20)
    names = sorted(f.name for f in frames.glob("*_cbcd.fits"))
    damage(folder / names[4], "truncated")
    done = run(out, folder, *options)
    assert done.returncode == 0 and names[4] in done.stderr, done.stderr
    assert run(tmp_path / "fresh", folder, *options).returncode == 0
    assert sums(out) == sums(tmp_path / "fresh")


@needs_shim
@pytest.mark.parametrize("fault,code", [("eio", 1), ("short", 0), ("eintr", 0), ("slow", 0)])
def test_bad_reads_end_in_one_line_or_in_the_right_data(frames, reference, tmp_path, fault, code):
    """From the first opening on (headers), from a later one (pixels), and for the uncertainties."""
    victim = sorted(f.name for f in frames.glob("*_cbcd.fits"))[2]
    for word, opens, after in ((victim, 1, 0), (victim, 3, 0), (victim, 1, 4000), (victim.replace("_cbcd", "_cbunc"), 1, 4000)):
        out = tmp_path / f"{fault}-{opens}-{after}-{len(word)}"
        done = run(out, frames, env=with_shim(FAULT=fault, FAULT_PATH=word, FAULT_OPENS=opens, FAULT_AFTER=after))
        if done.returncode == 0:
            assert sums(out) == reference, (word, opens, after)
            assert code == 0 or opens > 1
            continue
        assert done.returncode == code, done.stderr
        assert word in done.stderr.splitlines()[-1] and done.stderr.splitlines()[-1].startswith("tessera: "), done.stderr
        assert not (out / "run.json").exists()
