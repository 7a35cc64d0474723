import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tools import tessera  # noqa: E402


def simulate(out, *settings, seed=1):
    """A small simulated stack; returns its folder of frames."""
    args = [a for s in settings for a in ("--set", s)]
    tessera("simulate", "-o", out, "--set", f"stack.seed={seed}", *args)
    return out


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Eight noisy 96² IRAC-like frames with offsets and cosmic rays."""
    return simulate(tmp_path_factory.mktemp("stack") / "frames", "camera.width=96", "camera.height=96", "stack.frames=8", "sources.count=20", "stack.offset_rms=0.05",
                    "defects.cosmic_fraction=0.003")
