"""The simulated stacks: TAN-SIP of fifth order, 0.3 % of the pixels hit by cosmic rays, uncertainties, masks with dead pixels."""
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from tools import TESSERA
from timing import say


@dataclass
class Stack:
    name: str
    title: str
    settings: list
    rotation: str  # of the frames against the output grid
    folder: Path = None
    images: list = field(default_factory=list)

    @property
    def mpix(self):
        return sum(fits.getheader(f)["NAXIS1"] * fits.getheader(f)["NAXIS2"] for f in self.images) / 1e6

    @property
    def bytes(self):
        return sum(f.stat().st_size for f in self.folder.glob("*.fits"))


def simulate(folder, *settings):
    say(f"simulating {folder.name}")
    subprocess.run([TESSERA, "simulate", "-o", folder, "-q", "--overwrite", *[a for s in settings for a in ("--set", s)]], check=True)
    return sorted(folder.glob("*_cbcd.fits"))


IRAC = ["stack.map_columns=2", "stack.map_rows=2", "stack.roll_step_deg=1", "sources.count=600"]
SPHEREX = ["camera.preset=spherex", "camera.layout=irac", "stack.roll_step_deg=5"]
ROMAN = ["camera.preset=roman", "camera.layout=irac", "stack.roll_step_deg=9"]

FULL = [Stack("irac", "100 × 256²", [*IRAC, "stack.frames=100"], "−50° to 49° in steps of 1°"),
        Stack("spherex", "12 × 2048²", [*SPHEREX, "stack.frames=12", "sources.count=20000"], "−28° to 27° in steps of 5°"),
        Stack("roman", "4 × 4088²", [*ROMAN, "stack.frames=4", "sources.count=20000"], "−14° to 13° in steps of 9°")]
QUICK = [Stack("irac", "20 × 256²", [*IRAC, "stack.frames=20"], "−10° to 9° in steps of 1°"),
         Stack("spherex", "4 × 1024²", [*SPHEREX, "camera.width=1024", "camera.height=1024", "stack.frames=4", "sources.count=2000"], "−8° to 7° in steps of 5°")]
TINY = [Stack("irac", "8 × 96²", [*IRAC, "camera.width=96", "camera.height=96", "stack.frames=8", "sources.count=60", "stack.dither_size_pix=8"], "−4° to 3° in steps of 1°")]


def make(stacks, base):
    for stack in stacks:
        stack.folder = base / stack.name
        stack.images = simulate(stack.folder, *stack.settings)
        assert stack.images and np.all([f.is_file() for f in stack.images])
    return stacks
