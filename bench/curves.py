"""What a run costs against the number of frames, their size, the pixel ratio and the threads; each with its slope in a double-logarithmic plot."""
import math
import os
import shutil
from dataclasses import dataclass, field

from stacks import IRAC, simulate
from timing import say, timed
from tools import TESSERA


@dataclass
class Curve:
    title: str
    x_label: str
    what: str
    points: list = field(default_factory=list)  # (x, Cost)
    fit_from: float = 0                         # the slope is that of the points from here on

    def values(self, key):
        return [(x, getattr(c, key)) for x, c in self.points]

    def slope(self, key):
        """Least squares of log y on log x; nothing for fewer than two points."""
        used = [(math.log(x), math.log(y)) for x, y in self.values(key) if x >= self.fit_from and y > 0]
        if len(used) < 2:
            return None
        mx, my = (sum(p[k] for p in used) / len(used) for k in (0, 1))
        across = sum((p[0] - mx) ** 2 for p in used)
        return sum((p[0] - mx) * (p[1] - my) for p in used) / across if across > 0 else None


def mosaic(frames, out, threads, *settings):
    shutil.rmtree(out, ignore_errors=True)
    return timed([TESSERA, "mosaic", frames, "-o", out, "-q", "--threads", threads, *[a for s in settings for a in ("--set", s)]])


def of_frames(base, counts):
    """The whole default job; the map grows with the number of frames, so that the depth stays near 25."""
    curve = Curve("frames of 256²", "frames", f"whole default job, map of n/25 fields, depth ≈ 25; {counts[0]} to {counts[-1]} frames", fit_from=100 if counts[-1] > 300 else 0)
    for n in counts:
        side = max(1, round(math.sqrt(n / 25)))
        folder = base / f"curve-{n}"
        simulate(folder, f"stack.frames={n}", f"stack.map_columns={side}", f"stack.map_rows={side}", "stack.roll_step_deg=0.1", f"sources.count={n * 6}")
        curve.points.append((n, mosaic(folder, base / "curve-out", 1)))
        say(f"  {n} frames: {curve.points[-1][1]}")
        shutil.rmtree(folder)
    return curve


def of_size(base, sides):
    curve = Curve("12 frames, side of a frame", "pixels along a side", "whole default job, 12 frames", fit_from=512 if sides[-1] > 1024 else 0)
    for side in sides:
        folder = base / f"curve-side-{side}"
        simulate(folder, "camera.preset=spherex", "camera.layout=irac", f"camera.width={side}", f"camera.height={side}", "stack.frames=12", "stack.roll_step_deg=5",
                 f"sources.count={max(20, side * side // 200)}")
        curve.points.append((side, mosaic(folder, base / "curve-out", 1)))
        say(f"  side {side}: {curve.points[-1][1]}")
        shutil.rmtree(folder)
    return curve


def of_ratio(base, ratios, frames):
    curve = Curve("input over output pixel", "input pixel / output pixel (linear)", f"whole default job, {frames} frames of 256²", fit_from=1)
    folder = base / "curve-ratio"
    simulate(folder, *IRAC, f"stack.frames={frames}")
    for ratio in ratios:
        curve.points.append((ratio, mosaic(folder, base / "curve-out", 1, f"grid.oversample={ratio}")))
        say(f"  ratio {ratio}: {curve.points[-1][1]}")
    shutil.rmtree(folder)
    return curve


def of_threads(stack, out, runs):
    curve = Curve(f"threads, {stack.name}", "threads", f"whole default job, {stack.title}; medians of {runs}")
    most = os.cpu_count()
    counts = sorted({1, 2, *(2 ** k for k in range(8)), most} & set(range(1, max(2, most) + 1)))
    from timing import median
    costs = {n: [] for n in counts}
    for _ in range(runs):
        for n in counts:
            costs[n].append(mosaic(stack.folder, out, n))
    curve.points = [(n, median(c)) for n, c in costs.items()]
    return curve


def panels(all_curves):
    return [(c.title, c.x_label, "seconds; MiB", [("wall s", c.values("wall"), c.slope("wall")), ("CPU s", c.values("cpu"), c.slope("cpu")), ("peak MiB", c.values("peak_mib"), c.slope("peak_mib"))])
            for c in all_curves]
