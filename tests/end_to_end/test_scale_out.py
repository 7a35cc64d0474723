"""A mosaic cut into pieces for many processes, by hand and by Slurm, has the bits of the mosaic made in one process."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest
from astropy.io import fits

import slurm_cluster
from tools import TESSERA, run_record, tessera

SHIM = pathlib.Path(os.environ.get("TESSERA_BUILD", pathlib.Path(TESSERA).parent)) / "tests" / "libfaulty_io.so"

SMALL = ["--set", "run.tile_size=24", "--set", "output.report=false", "--set", "output.pictures=false"]


def sums(out):
    """Every card of every FITS product, DATASUM among them."""
    return {p.name: [str(c) for hdu in fits.open(p) for c in hdu.header.cards] for p in sorted(out.glob("*.fits"))}


def facts(out):
    """What run.json says beside times and machines."""
    r = run_record(out)
    return {k: r[k] for k in ("version", "verb", "arguments", "working_folder", "plan", "unit", "weights", "grid", "inputs", "frames", "skipped", "overlap_pairs", "background_error", "caveats")}


def counts(plan):
    j = json.loads(plan.read_text())
    return j["frames"], j["tiles"]


OPTIONS = {
    "default": [],
    "all schemes": ["--set", "rejection.method=radhit,temporal,dual,box,blot", "--set", "output.rmasks=true"],
    "surfaces and their errors": ["--set", "background.method=surface", "--set", "background.uncertainty=include", "--set", "output.std=true", "--set", "output.context=true"],
    "unmatched median": ["--set", "background.method=none", "--set", "coadd.method=median", "--set", "rejection.method=none"],
}


@pytest.mark.parametrize("name", OPTIONS)
def test_pieces_done_by_several_processes_have_the_bits_of_one(stack, tmp_path, name):
    options = SMALL + OPTIONS[name]
    tessera("mosaic", stack, "-o", tmp_path / "one", *options)
    plan = tmp_path / "plan.json"
    tessera("mosaic", stack, "-o", tmp_path / "many", "--plan-only", plan, *options)
    assert not (tmp_path / "many").exists()
    frames, tiles = counts(plan)
    tessera("work", plan, "--frames", "5-99")
    tessera("work", plan, "--frames", "0-4")
    tessera("work", plan, "--pass", "solve")
    for which in ("clusters", "outliers"):
        tessera("work", plan, "--pass", which, "--tiles", "all")
    half = tiles // 2
    both = [subprocess.Popen([TESSERA, "work", plan, "--tiles", r], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for r in (f"{half}-{tiles}", f"0-{half}")]  # one tile in common
    assert [p.wait(timeout=100) for p in both] == [0, 0]
    tessera("gather", plan)
    assert sums(tmp_path / "many") == sums(tmp_path / "one")
    assert facts(tmp_path / "many") == facts(tmp_path / "one")
    assert not (tmp_path / "plan.json.work").exists() and not (tmp_path / "many" / ".tessera").exists()


def test_gather_says_what_is_missing_and_work_does_what_came_before(stack, tmp_path):
    plan = tmp_path / "plan.json"
    tessera("mosaic", stack, "-o", tmp_path / "out", "--plan-only", plan, *SMALL)
    frames, tiles = counts(plan)
    done = tessera("gather", plan, code=2)
    assert f"{frames} of {frames} frames of the pass frames are missing: 0-{frames - 1}" in done.stderr and len(done.stderr.splitlines()) == 1
    assert "frames are not measured yet" in tessera("work", plan, "--pass", "solve", code=2).stderr
    first = tessera("work", plan, "--tiles", "0-2")
    assert "done by nobody yet" in first.stderr and re.search(r"coadding tiles: (\d) of \1 ", first.stderr)
    assert "nothing to do" in tessera("work", plan, "--tiles", "1").stderr
    assert f"missing: 3-{tiles - 1}; run: tessera work {plan} --pass coadd --tiles 3-{tiles - 1}" in tessera("gather", plan, code=2).stderr
    assert "a range A-B was expected" in tessera("work", plan, "--tiles", "7-3", code=2).stderr
    # A part cut short, as a full disk or a broken copy leaves it, counts as not there; one with another byte is named.
    folder = tmp_path / "plan.json.work" / "parts"
    part = next(folder.glob("coadd-*"))
    part.write_bytes(part.read_bytes()[:-5])
    assert f"missing: 0-{tiles - 1}" in tessera("gather", plan, code=2).stderr
    tessera("work", plan, "--tiles", "all")
    part.unlink()
    for part in folder.glob("coadd-*"):
        content = bytearray(part.read_bytes())
        content[len(content) // 2] ^= 1
        part.write_bytes(bytes(content))
    refused = tessera("gather", plan, code=1)
    assert "coadd-" in refused.stderr and "delete the file" in refused.stderr and not (tmp_path / "out" / "mosaic.fits").exists()
    for part in folder.glob("coadd-*"):
        part.unlink()
    tessera("work", plan, "--tiles", "all")
    tessera("gather", plan)
    tessera("mosaic", stack, "-o", tmp_path / "one", *SMALL)
    assert sums(tmp_path / "out") == sums(tmp_path / "one")


def test_a_frame_that_changed_after_the_plan_is_named(stack, tmp_path):
    shutil.copytree(stack, tmp_path / "frames")
    plan = tmp_path / "plan.json"
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "out", "--plan-only", plan, *SMALL)
    victim = sorted((tmp_path / "frames").glob("*_cbcd.fits"))[3]
    os.utime(victim, (1e9, 1e9))
    done = tessera("work", plan, "--frames", "all", code=1)
    assert victim.name in done.stderr and "changed since the run was planned" in done.stderr


@pytest.mark.parametrize("how", ["deleted", "cut short"])
def test_a_frame_lost_after_the_plan_is_left_out_where_that_is_asked_for(stack, tmp_path, how):
    """The result is that of the other frames on the same grid, offsets and all."""
    shutil.copytree(stack, tmp_path / "frames")
    plan = tmp_path / "plan.json"
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "out", "--plan-only", plan, *SMALL, "--set", "input.on_bad_frame=skip")
    victim = sorted((tmp_path / "frames").glob("*_cbcd.fits"))[0]
    if how == "deleted":
        victim.unlink()
    else:
        os.truncate(victim, 20000)
    tessera("work", plan, "--tiles", "all")
    assert victim.name in tessera("gather", plan).stderr
    assert [f["used"] for f in run_record(tmp_path / "out")["frames"]] == [False] + [True] * 7
    for f in (tmp_path / "frames").glob(victim.name.replace("_cbcd.fits", "*")):
        f.unlink()
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "rest", *SMALL, "--set", f"grid.file={tmp_path / 'out' / 'FIF.tbl'}")
    for plane in ("mosaic", "mosaic_unc", "mosaic_cov", "mosaic_exp"):
        assert fits.getheader(tmp_path / "out" / f"{plane}.fits")["DATASUM"] == fits.getheader(tmp_path / "rest" / f"{plane}.fits")["DATASUM"], plane


def test_a_moving_object_and_frames_of_two_exposures_keep_their_bits(tmp_path):
    """What the set of frames settles (units per second, carried skies) travels in the plan."""
    tessera("simulate", "-o", tmp_path / "frames", "--set", "camera.width=64", "--set", "camera.height=64", "--set", "stack.frames=5", "--set", "stack.seed=3")
    frames = sorted((tmp_path / "frames").glob("*_cbcd.fits"))
    for i, f in enumerate(frames):
        with fits.open(f, mode="update") as h:
            h[0].header["RA_REF"], h[0].header["DEC_REF"] = h[0].header["CRVAL1"] + i * 2e-4, h[0].header["CRVAL2"]
    options = [*SMALL, "--moving", "header"]
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "one", *options)
    tessera("mosaic", tmp_path / "frames", "-o", tmp_path / "many", "--plan-only", tmp_path / "p", *options)
    tessera("work", tmp_path / "p", "--tiles", "all")
    tessera("gather", tmp_path / "p")
    assert sums(tmp_path / "many") == sums(tmp_path / "one")


def test_without_slurm_the_executor_says_so_in_one_line(stack, tmp_path):
    done = tessera("mosaic", stack, "-o", tmp_path / "out", "--executor", "slurm", code=3, env={**os.environ, "PATH": "/nowhere"})
    assert done.stderr.startswith("tessera: --executor slurm: sbatch does not run here") and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    reason = slurm_cluster.why_not()
    if reason:
        pytest.skip(reason)
    try:
        c = slurm_cluster.Cluster(tmp_path_factory.mktemp("slurm") / "c")
    except (TimeoutError, OSError) as error:
        pytest.skip(f"skipped: Slurm does not start here ({error})")
    yield c
    c.stop()


def test_slurm_loses_a_node_and_its_jobs_and_the_bits_are_the_same(cluster, stack, tmp_path):
    """Frames are read slowly, so that a job surely runs on the node that dies; it is started again elsewhere."""
    options = [*SMALL, "--set", "rejection.method=radhit,temporal,box"]
    tessera("mosaic", stack, "-o", tmp_path / "one", *options)
    slow = {"LD_PRELOAD": str(SHIM), "FAULT": "slow", "FAULT_PATH": "_cbcd", "FAULT_SLOW_US": "8000"} if SHIM.exists() else {}
    run = subprocess.Popen([TESSERA, "mosaic", str(stack), "-o", str(tmp_path / "out"), "--executor", "slurm", "--set", "run.chunk=4", "--set", "run.throttle=3", "--set", "run.job_memory=1G", *options],
                           env={**cluster.environment, **slow}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    restarts = set()
    try:
        cluster.wait_for(lambda: " R " in cluster.run("squeue", "-h", "-r"), "a running job")
        node = next(line for line in cluster.run("squeue", "-h", "-t", "R", "-o", "%N").splitlines() if line)
        cluster.kill_node(node)
        cluster.start(node, [slurm_cluster.path_of("slurmd"), "-D", "-N", node])
        end = time.monotonic() + 90
        while run.poll() is None and time.monotonic() < end:
            restarts |= set(re.findall(r"Restarts=(\d+)", cluster.run("scontrol", "show", "job", "-o")))
            cluster.let_requeued_start()
            time.sleep(0.2)
        _, errors = run.communicate(timeout=10)
    finally:
        run.kill()
    assert run.returncode == 0, errors
    assert "1" in restarts or not slow, "no job was started again"
    assert "jobs of the pass coadd" in errors
    assert sums(tmp_path / "out") == sums(tmp_path / "one")
    assert not (tmp_path / "out" / ".tessera").exists()


def test_interrupting_the_caller_cancels_the_jobs_and_the_same_command_goes_on(cluster, stack, tmp_path):
    command = [TESSERA, "mosaic", str(stack), "-o", str(tmp_path / "out"), "--executor", "slurm", "--set", "run.chunk=2", "--set", "run.throttle=1", "--set", "run.job_memory=1G", *SMALL]
    run = subprocess.Popen(command, env=cluster.environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    parts = tmp_path / "out" / ".tessera" / "scale" / "plan.json.work" / "parts"
    cluster.wait_for(lambda: parts.is_dir() and any(p.suffix == ".part" for p in parts.iterdir()), "a part")
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=30)
    assert run.returncode == 130 and "cancelled" in errors, errors
    cluster.wait_for(lambda: cluster.run("squeue", "-h").strip() == "", "an empty queue")
    second = subprocess.run([*command, "--set", "run.throttle=0", "--set", "run.chunk=8"], env=cluster.environment, capture_output=True, text=True, timeout=120)
    assert second.returncode == 0, second.stderr
    tessera("mosaic", stack, "-o", tmp_path / "one", *SMALL)
    assert sums(tmp_path / "out") == sums(tmp_path / "one")


def test_jobs_that_fail_are_tried_again_and_then_named(cluster, stack, tmp_path):
    shutil.copytree(stack, tmp_path / "frames")
    victim = sorted((tmp_path / "frames").glob("*_cbcd.fits"))[2]
    with fits.open(victim, mode="update") as h:
        h[0].data[:] = float("nan")
    done = subprocess.run([TESSERA, "mosaic", str(tmp_path / "frames"), "-o", str(tmp_path / "out"), "--executor", "slurm", "--set", "run.retries=1", "--set", "run.job_memory=1G", *SMALL], env=cluster.environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 3 and "submitting them again (1 of 1)" in done.stderr and victim.name in done.stderr.splitlines()[-1], done.stderr
