"""--memory is a ceiling, the forecast of memory is right within a quarter, and neither many frames nor few open files are too much."""
import shutil

import pytest

from limits import MIB, Forecast, Run
from tools import run_record, tessera

PER_FRAME = 50_000


def simulate(folder, *options):
    tessera("simulate", "-o", folder, "-q", *options)
    shutil.rmtree(folder / "truth", ignore_errors=True)
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """12 frames of 1024²: more pixels than a ceiling of 256 MiB keeps."""
    return simulate(tmp_path_factory.mktemp("memory") / "stack", "--frames", 12, "--set", "camera.width=1024", "--set", "camera.height=1024")


KINDS = {
    "default": [],
    "lanczos3": ["interpolation.method=lanczos3", "coadd.method=median"],
    "all schemes, two passes": ["rejection.method=temporal,dual,box,radhit,blot"],
    "all products": ["output.rmasks=true", "output.rmask_mosaic=true", "output.outlier_maps=true", "output.std=true", "output.context=true", "output.median=true"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stays_below_its_ceiling_and_its_forecast_is_right_within_a_quarter(kind, stack, tmp_path):
    args = ["mosaic", stack, "--memory", "256M", "--threads", 2]
    for option in KINDS[kind]:
        args += ["--set", option]
    said = Forecast(args, tmp_path / "out")
    ceiling = 256 * MIB + 12 * PER_FRAME
    run = Run(args, tmp_path / "out", limit_bytes=ceiling)
    assert run.code == 0, run.messages
    print(f"\n{kind}: peak {run.peak / MIB:.0f} MiB, forecast {said.memory / MIB:.0f}; {'under a control group' if run.limited else 'measured only'}")
    assert run.peak <= ceiling
    assert said.memory == pytest.approx(run.peak, rel=0.25)


def test_300_frames_stay_below_the_ceiling_with_few_files_open(tmp_path):
    """Three files a frame, and 40 files open at once."""
    stack = simulate(tmp_path / "stack", "--frames", 300, "--set", "stack.map_columns=10", "--set", "stack.map_rows=6", "--set", "camera.width=64", "--set", "camera.height=64")
    args = ["mosaic", stack, "--memory", "256M", "--threads", 2]
    ceiling = 256 * MIB + 300 * PER_FRAME
    run = Run(args, tmp_path / "out", limit_bytes=ceiling, open_files=40)
    assert run.code == 0, run.messages
    assert len(run_record(tmp_path / "out")["frames"]) == 300
    assert run.peak <= ceiling
