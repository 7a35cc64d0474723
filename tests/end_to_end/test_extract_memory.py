"""--memory is a ceiling for extract in crowded fields: on frames and on a mosaic alone a run stays below it, with the same bits, or says in one line how much it needs."""
import re

import pytest

from limits import MIB, Run
from tools import run_record, tessera

GAUSSIAN = "gaussian:fwhm_pix=1.6"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """One source per 22 beams of four frames, and their mosaic."""
    folder = tmp_path_factory.mktemp("crowd")
    tessera("simulate", "-o", folder / "frames", "-n", 4, "-q", "--sources", 15000, "--set", "camera.width=1000", "--set", "camera.height=1000", "--set", "psf.fwhm_pix=1.6", "--set", "stack.dither_scale=small")
    tessera("mosaic", folder / "frames", "-o", folder / "mosaic", "--rmasks", "-q")
    return folder


def least_run(args, out):
    """The first run that goes through when what a refused one asks for is given to the next; and the ceilings that were refused."""
    ceiling, refused = 64, []
    for _ in range(5):
        run = Run([*args, "--memory", f"{ceiling}M"], out)
        if run.code == 0:
            return run, ceiling, refused
        assert run.code == 3 and run.peak <= ceiling * MIB, (ceiling, run.peak / MIB, run.messages)
        last = run.messages.strip().splitlines()[-1]
        refused.append(last)
        ceiling = int(float(re.search(r"needs ([\d.]+) MiB of memory, the ceiling is .*; raise it with --memory$", last).group(1))) + 2
    pytest.fail(str(refused))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["frames", "mosaic"])
def test_crowded_fields_stay_below_the_ceiling_or_say_what_they_need(kind, threads, crowd, tmp_path):
    on = [crowd / "frames", "--mosaic", crowd / "mosaic"] if kind == "frames" else [crowd / "mosaic"]
    args = ["extract", *on, "--psf", GAUSSIAN, "--threads", threads]
    tight, ceiling, refused = least_run(args, tmp_path / "tight")
    print(f"\n{kind}, {threads} threads: peak {tight.peak / MIB:.0f} of {ceiling} MiB, after {refused}")
    assert refused, "the least ceiling there is held it: nothing was tested"
    assert tight.peak <= ceiling * MIB
    assert ceiling * MIB < 1.3 * tight.peak, "asks for much more than it takes"
    tessera(*args, "-o", tmp_path / "roomy", "--memory", "4G", "-q")
    records = [run_record(tmp_path / name) for name in ("tight", "roomy")]
    sums = [({p["name"]: p.get("datasum") for p in r["products"] if p["name"] != "report.html"}, r["results"]) for r in records]
    assert sums[0] == sums[1]
