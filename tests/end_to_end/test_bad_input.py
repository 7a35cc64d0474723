"""Bad input: one clear line, the right exit code, nothing half-written. One test per row of the list."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import numpy as np
import pytest
from astropy.io import fits

from tools import SHARED, TESSERA, needs_shared, run_record, tessera


@pytest.fixture
def frames(stack, tmp_path):
    """A copy of the small stack that a test may damage: list of image files."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for f in stack.glob("SIM*.fits"):
        shutil.copy(f, folder)
    return sorted(folder.glob("*_cbcd.fits"))


def refused(*args, code, out=None, names=()):
    """The run ends with `code`, its last line names each of `names`, and `out` holds no product. Returns the message."""
    done = tessera(*args, code=code)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines, "no message"
    message = lines[-1]
    for name in names:
        assert str(name) in message, message
    if out is not None:
        left = [p for p in pathlib.Path(out).rglob("*")] if pathlib.Path(out).exists() else []
        assert not left, left
    return message


def companion(image, kind):
    return image.with_name(image.name.replace("_cbcd", kind))


def rewrite(path, change):
    with fits.open(path) as hdus:
        data, header = hdus[0].data.copy(), hdus[0].header.copy()
    changed = change(data, header)
    data = data if changed is None else changed
    fits.writeto(path, data, header, overwrite=True, output_verify="silentfix")


def test_no_such_file(tmp_path):
    refused("mosaic", tmp_path / "nothing.fits", "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=["nothing.fits"])


def test_folder_without_frames(tmp_path):
    (tmp_path / "empty").mkdir()
    refused("mosaic", tmp_path / "empty", "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=["empty"])


def test_truncated_fits(frames, tmp_path):
    frames[2].write_bytes(frames[2].read_bytes()[:20000])
    refused("mosaic", frames[0].parent, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[2].name, "truncated"])


def test_not_fits(frames, tmp_path):
    frames[2].write_text("this is no FITS file\n" * 200)
    refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[2].name])


def test_no_wcs(frames, tmp_path):
    def strip(_, header):
        for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"):
            header.remove(key, ignore_missing=True)
    rewrite(frames[1], strip)
    refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[1].name, "CTYPE"])


def test_singular_cd(frames, tmp_path):
    def flatten(_, header):
        header["CD2_1"], header["CD2_2"] = header["CD1_1"], header["CD1_2"]
    rewrite(frames[1], flatten)
    message = refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[1].name])
    assert "singular" in message and "CD" in message


def test_distortion_that_ctype_does_not_promise_and_the_reverse(frames, tmp_path):
    def unpromised(_, header):
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    def absent(_, header):
        for key in [k for k in header if k.startswith(("A_", "B_", "AP_", "BP_"))]:
            del header[key]
    rewrite(frames[1], unpromised)
    message = refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[1].name, "SIP"])
    assert "CTYPE" in message
    tessera("mosaic", *frames, "-o", tmp_path / "applied", "--set", "input.distortion=apply")
    rewrite(frames[1], absent)
    rewrite(frames[1], lambda d, h: h.update(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP"))
    refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[1].name, "SIP"])


def test_companion_of_another_size(frames, tmp_path):
    rewrite(companion(frames[3], "_cbunc"), lambda d, h: d[:50, :50])
    message = refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[3].name.replace("_cbcd", "_cbunc")])
    assert "50" in message and "96" in message


def test_companion_missing(frames, tmp_path):
    companion(frames[3], "_bimsk").unlink()
    refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=["_bimsk"])


def test_lists_of_unequal_length(frames, tmp_path):
    (tmp_path / "i.txt").write_text("\n".join(map(str, frames)) + "\n")
    (tmp_path / "s.txt").write_text("\n".join(str(companion(f, "_cbunc")) for f in frames[:-1]) + "\n")
    message = refused("mosaic", "-I", tmp_path / "i.txt", "-S", tmp_path / "s.txt", "-o", tmp_path / "out", code=2, out=tmp_path / "out")
    assert str(len(frames)) in message and str(len(frames) - 1) in message


def test_parallel_lists_give_the_result_of_the_profile(frames, tmp_path):
    for name, kind in (("i", "_cbcd"), ("s", "_cbunc"), ("d", "_bimsk")):
        (tmp_path / f"{name}.txt").write_text("\n".join(str(companion(f, kind)) for f in frames) + "\n")
    tessera("mosaic", "-I", tmp_path / "i.txt", "-S", tmp_path / "s.txt", "-d", tmp_path / "d.txt", "--fatal-bits", "32520", "-o", tmp_path / "lists")
    tessera("mosaic", *frames, "-o", tmp_path / "files")
    sums = [fits.getheader(tmp_path / d / "mosaic.fits")["DATASUM"] for d in ("lists", "files")]
    assert sums[0] == sums[1]


@pytest.mark.parametrize("card,value", [("BUNIT", "DN/s"), ("CHNLNUM", 3)])
def test_mixed_units_or_filters(frames, tmp_path, card, value):
    rewrite(frames[2], lambda d, h: h.update({card: value}))
    message = refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[2].name])
    assert "mixed" in message
    if card == "CHNLNUM":
        tessera("mosaic", *frames, "-o", tmp_path / "out", "--set", "input.mixed=allow")


@pytest.mark.parametrize("how", ["nan", "infinite", "beyond single precision", "masked"])
def test_a_frame_all_nan_or_all_masked(frames, tmp_path, how):
    if how == "nan":
        rewrite(frames[2], lambda d, h: np.full_like(d, np.nan))
    elif how == "infinite":
        rewrite(frames[2], lambda d, h: np.full_like(d, np.inf))
    elif how == "beyond single precision":
        rewrite(frames[2], lambda d, h: np.full(d.shape, 1e300))
    else:
        rewrite(companion(frames[2], "_bimsk"), lambda d, h: np.full_like(d, 1 << 14))
    refused("mosaic", *frames, "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=[frames[2].name, "no pixel is good"])
    tessera("mosaic", *frames, "-o", tmp_path / "out", "--set", "input.on_bad_frame=skip")
    record = run_record(tmp_path / "out")
    assert [f["used"] for f in record["frames"]].count(False) == 1
    assert any(c["kind"] == "frame-without-good-pixels" for c in record["caveats"])


def test_bad_frame_is_skipped_and_counted_when_asked(frames, tmp_path):
    frames[2].write_bytes(frames[2].read_bytes()[:20000])
    tessera("mosaic", *frames, "-o", tmp_path / "out", "--set", "input.on_bad_frame=skip")
    record = run_record(tmp_path / "out")
    assert len(record["frames"]) == len(frames) - 1 and frames[2].name in record["skipped"][0]


def test_no_frame_overlaps_the_grid(frames, tmp_path):
    tessera("mosaic", *frames, "-o", tmp_path / "ok")
    fif = (tmp_path / "ok" / "FIF.tbl").read_text().splitlines()
    (tmp_path / "far.tbl").write_text("\n".join("\\real CRVAL2 = -80.0" if " CRVAL2 " in line else line for line in fif) + "\n")
    refused("mosaic", *frames, "-o", tmp_path / "out", "--set", f"grid.file={tmp_path / 'far.tbl'}", code=1, out=tmp_path / "out", names=["overlap"])


def test_grid_of_absurd_size(frames, tmp_path):
    message = refused("mosaic", *frames, "-o", tmp_path / "out", "--set", "grid.pixel_scale=0.0001", code=3, out=tmp_path / "out")
    assert "pixels" in message and ("TiB" in message or "PiB" in message)


def test_unknown_option_and_value_name_the_nearest(frames, tmp_path):
    assert "rejection.threshold_high" in refused("mosaic", *frames, "-o", tmp_path / "out", "--set", "rejection.treshold_high=3", code=2, out=tmp_path / "out")
    assert "area" in refused("mosaic", *frames, "-o", tmp_path / "out", "--set", "interpolation.method=aera", code=2, out=tmp_path / "out")
    assert "--threads" in refused("mosaic", *frames, "-o", tmp_path / "out", "--thraeds", "2", code=2, out=tmp_path / "out")
    assert "mosaic" in refused("mosiac", *frames, code=2)
    refused("mosaic", *frames, "-o", tmp_path / "out", "--set", "rejection.threshold_high=-3", code=2, out=tmp_path / "out")


def test_unwritable_output(frames, tmp_path):
    refused("mosaic", *frames, "-o", "/proc/tessera-out", code=3, names=["/proc/tessera-out"])
    (tmp_path / "file").write_text("")
    refused("mosaic", *frames, "-o", tmp_path / "file", code=2, names=["file"])


def test_existing_output_is_refused_or_overwritten(frames, tmp_path):
    out = tmp_path / "out"
    tessera("mosaic", *frames, "-o", out)
    before = (out / "run.json").read_text()
    message = refused("mosaic", *frames, "-o", out, code=2)
    assert "--overwrite" in message and (out / "run.json").read_text() == before
    tessera("mosaic", *frames, "-o", out, "--overwrite", "--set", "rejection.method=none")
    assert (out / "run.json").read_text() != before and not (out / ".tessera").exists()


def unfinished(frames, out):
    """Starts a run and kills it as soon as its journal holds a tile."""
    process = subprocess.Popen([TESSERA, "mosaic", *map(str, frames), "-o", str(out), "--set", "run.tile_size=4", "--threads", "1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / ".tessera" / "journal"
    for _ in range(2000):
        if journal.exists() and journal.read_text().count("\n") > 3:
            break
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert journal.exists()


def test_unfinished_output_of_another_plan_is_refused_with_what_differs(frames, tmp_path):
    out = tmp_path / "out"
    unfinished(frames, out)
    message = refused("mosaic", *frames, "-o", out, "--set", "run.tile_size=4", "--set", "rejection.threshold_high=7", code=2)
    assert "rejection.threshold_high" in message and "7" in message
    tessera("mosaic", *frames, "-o", out, "--set", "run.tile_size=4", "--set", "rejection.threshold_high=7", "--overwrite")


def test_two_runs_in_one_folder(frames, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen([TESSERA, "mosaic", *map(str, frames), "-o", str(out), "--set", "run.tile_size=3", "--threads", "1"], stderr=subprocess.DEVNULL)
    for _ in range(2000):
        if (out / ".tessera" / "journal").exists():
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)
    try:
        assert "another run" in refused("mosaic", *frames, "-o", out, "--set", "run.tile_size=3", code=2)
    finally:
        process.send_signal(signal.SIGCONT)
    assert process.wait() == 0


@pytest.mark.parametrize("which,code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_run_with_their_code(frames, tmp_path, which, code):
    out = tmp_path / "out"
    process = subprocess.Popen([TESSERA, "mosaic", *map(str, frames), "-o", str(out), "--set", "run.tile_size=3"], stderr=subprocess.PIPE, text=True)
    for _ in range(2000):
        if (out / ".tessera" / "journal").exists():
            break
        time.sleep(0.002)
    process.send_signal(which)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code, errors
    assert "interrupted" in errors.splitlines()[-1] and not (out / "mosaic.fits").exists()
    assert (out / ".tessera" / "journal").read_text().count("\n") == 1 or f"tessera resume {out}" in errors
    tessera("resume", out)
    assert (out / "mosaic.fits").exists()


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)], capture_output=True).returncode != 0:
        pytest.skip("skipped: a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_disk_full(frames, small_disk):
    message = refused("mosaic", *frames, "-o", small_disk / "out", code=3)
    assert "space" in message
    assert not (small_disk / "out" / "mosaic.fits").exists() and not (small_disk / "out" / "run.json").exists()
    subprocess.run(["mount", "-o", "remount,size=20M", str(small_disk)], check=True)
    tessera("mosaic", *frames, "-o", small_disk / "out")
    tessera("mosaic", *frames, "-o", small_disk / "beside")
    sums = [fits.getheader(small_disk / d / "mosaic.fits")["DATASUM"] for d in ("out", "beside")]
    assert sums[0] == sums[1] and not (small_disk / "out" / ".tessera").exists()


@pytest.mark.parametrize("name", ["with space", "a[1](x)+2", "größe-π", "100%", "#hash"])
def test_odd_names_work(frames, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    for f in frames:
        for kind in ("_cbcd", "_cbunc", "_bimsk"):
            shutil.copy(companion(f, kind), folder / companion(f, kind).name.replace("SIM", name))
    tessera("mosaic", folder, "-o", tmp_path / f"{name} out")
    assert fits.getheader(tmp_path / f"{name} out" / "mosaic.fits")["NCOMBINE"] == len(frames)


def test_disjoint_groups_are_matched_each_on_its_own(frames, tmp_path):
    for f in frames[4:]:
        rewrite(f, lambda d, h: h.update(CRVAL2=h["CRVAL2"] + 0.2))
    tessera("mosaic", *frames, "-o", tmp_path / "out")
    record = run_record(tmp_path / "out")
    assert {f["group"] for f in record["frames"][:4]} != {f["group"] for f in record["frames"][4:]}
    assert any(c["kind"] == "disjoint-groups" for c in record["caveats"])


@pytest.mark.parametrize("content", ["\ufeff{}\n", "{}\r\n", "  {}  # seen twice\n\n# nothing\n"])
def test_lists_as_other_systems_write_them(frames, tmp_path, content):
    (tmp_path / "list.txt").write_text("".join(content.format(f) if i == 0 else f"{f}\n" for i, f in enumerate(frames)), encoding="utf-8", newline="")
    tessera("mosaic", f"@{tmp_path / 'list.txt'}", "-o", tmp_path / "out", "--dry-run")


def test_an_image_given_twice_in_a_parallel_list_is_a_caveat(frames, tmp_path):
    (tmp_path / "i.txt").write_text("".join(f"{f}\n" for f in [*frames, frames[0]]))
    tessera("mosaic", "-I", tmp_path / "i.txt", "-o", tmp_path / "out")
    assert any("more than once" in c["message"] for c in run_record(tmp_path / "out")["caveats"])


def test_frames_of_mixed_filters_that_are_allowed_are_a_caveat(frames, tmp_path):
    rewrite(frames[2], lambda d, h: h.update(CHNLNUM=3))
    done = tessera("mosaic", *frames, "-o", tmp_path / "out", "--set", "input.mixed=allow")
    assert "different filters" in done.stderr


def test_one_frame_has_nothing_to_be_matched_with(frames, tmp_path):
    done = tessera("mosaic", frames[0], "-o", tmp_path / "out")
    assert "1 frame," in done.stderr and not any(c["kind"] == "unmatched-frame" for c in run_record(tmp_path / "out")["caveats"])


def test_pipes_without_writers_and_loops_of_links_are_refused_at_once(frames, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "lost.fits").symlink_to("nowhere.fits")
    for name in ("pipe", "loop", "lost.fits"):
        for arguments in ([tmp_path / name], [f"@{tmp_path / name}"], ["-I", tmp_path / name], [frames[0], "--grid", tmp_path / name]):
            done = tessera("mosaic", *arguments, "-o", tmp_path / "out", code=1, timeout=20)
            last = done.stderr.splitlines()[-1]
            assert name in last and "defect" not in last and "did you mean" not in last, last
    assert not (tmp_path / "out").exists()


def test_a_folder_of_folders_names_those_with_frames(frames, tmp_path):
    deep = tmp_path / "programme" / "night" / "chip"
    deep.mkdir(parents=True)
    shutil.copy(frames[0], deep)
    refused("mosaic", tmp_path / "programme", "-o", tmp_path / "out", code=1, out=tmp_path / "out", names=["night/chip"])


def test_names_that_are_not_utf8_and_their_replay(frames, tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(folder)
    for kind in ("_cbcd", "_cbunc", "_bimsk"):
        shutil.copy(os.fsencode(companion(frames[0], kind)), folder)
    out = os.fsencode(tmp_path) + b"/\xe9t\xe9"
    first = subprocess.run([TESSERA, "mosaic", folder, "-o", out, "--log-format", "json"], capture_output=True, timeout=60)
    assert first.returncode == 0, first.stderr
    assert all(json.loads(line) for line in first.stderr.decode().splitlines())
    again = subprocess.run([TESSERA, "replay", out + b"/run.json"], capture_output=True, timeout=60)
    assert again.returncode == 0 and b"agree" in again.stderr, again.stderr


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_does_not_get_into_a_product(frames, tmp_path, closed):
    out = tmp_path / "out"
    subprocess.run([TESSERA, "mosaic", *map(str, frames), "-o", str(out), "-v"], preexec_fn=lambda: os.close(closed), check=True, timeout=60)
    for name in ("mosaic.fits", "mosaic_cov.fits"):
        with fits.open(out / name, checksum=True) as hdus:
            assert hdus[0].verify_datasum() == 1 and hdus[0].verify_checksum() == 1


def test_file_size_limit_is_told_like_a_full_disk(frames, tmp_path):
    import resource
    done = tessera("mosaic", *frames, "-o", tmp_path / "out", code=3, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000)))
    assert "too large" in done.stderr.splitlines()[-1]
    tessera("mosaic", *frames, "-o", tmp_path / "out")


def test_a_plan_that_cannot_be_printed_is_an_error(frames, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([TESSERA, "mosaic", *map(str, frames), "--dry-run"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 3 and "standard output" in done.stderr.splitlines()[-1]


@pytest.fixture
def nobody(frames):
    """A command prefix that runs as a user without rights, a frame that user may read, and a folder it may not enter."""
    prefix = ["setpriv", "--reuid", "65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "locked").mkdir(mode=0)
        for kind in ("_cbcd", "_cbunc", "_bimsk"):
            shutil.copy(companion(frames[0], kind), folder)
        image = folder / frames[0].name
        for needed in (TESSERA, image):
            if os.geteuid() != 0 or subprocess.run([*prefix, "test", "-r", str(needed)], capture_output=True).returncode != 0:
                pytest.skip("skipped: needs root, and a program that others may run")
        yield prefix, image, folder / "locked"


def test_what_may_not_be_read_or_written_is_told_with_the_reason(nobody, tmp_path):
    prefix, image, locked = nobody
    for arguments, code in (([locked], 1), ([locked / "a.fits"], 1), ([f"@{locked / 'list'}"], 1), ([image, "-o", locked / "out"], 3)):
        done = subprocess.run([*prefix, TESSERA, "mosaic", "-o", str(tmp_path / "out"), *map(str, arguments)], capture_output=True, text=True,
                              timeout=60, env={**os.environ, "XDG_CONFIG_HOME": str(locked)})
        last = done.stderr.splitlines()[-1]
        assert done.returncode == code and "ermission" in last and "locked" in last and "defect" not in last, (done.returncode, done.stderr)


def test_errors_are_one_json_line_when_asked(tmp_path):
    done = tessera("mosaic", tmp_path / "nothing.fits", "-o", tmp_path / "out", "--log-format", "json", code=1)
    last = json.loads(done.stderr.splitlines()[-1])
    assert last["exit_code"] == 1 and last["kind"] == "data" and "nothing.fits" in last["message"]


@needs_shared
def test_every_corner_case_is_refused_with_one_line_or_done(tmp_path):
    seen = 0
    for path in sorted((SHARED / "fits_corner_cases").rglob("*")):
        if not path.is_file():
            continue
        seen += 1
        done = subprocess.run([TESSERA, "mosaic", str(path), "-o", str(tmp_path / "out"), "--overwrite"], capture_output=True, text=True, timeout=60)
        assert done.returncode in (0, 1, 2, 3), (path, done.returncode, done.stderr)
        assert "defect" not in done.stderr, (path, done.stderr)
        if done.returncode:
            assert path.name in done.stderr.splitlines()[-1], (path, done.stderr)
    assert seen > 25
