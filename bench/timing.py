"""Whole processes timed with what the kernel counts for them: wall and CPU seconds, peak resident memory."""
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).resolve().parent / "launch.py"


@dataclass
class Cost:
    wall: float
    cpu: float
    peak_mib: float

    def __add__(self, other):
        return Cost(self.wall + other.wall, self.cpu + other.cpu, max(self.peak_mib, other.peak_mib))

    def __mul__(self, factor):
        return Cost(self.wall * factor, self.cpu * factor, self.peak_mib)


def timed(command, cwd=None):
    """Cost of one process; RuntimeError with its last words when it fails."""
    done = subprocess.run(["/usr/bin/python3", "-I", "-S", LAUNCH, *map(str, command)], cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))[:300]} failed: {done.stderr[-600:]}")
    wall, cpu, peak = map(float, done.stdout.split())
    return Cost(wall, cpu, peak / 1024)


def median(costs):
    return Cost(*(statistics.median(getattr(c, k) for c in costs) for k in ("wall", "cpu", "peak_mib")))


def in_turn(jobs, runs):
    """label → median cost. `jobs`: label → (function that runs the job once and returns its cost, times to run it at most). Every round
    takes each job once, so that a drift of the machine hits all alike. A job that fails is left out and said."""
    costs, failed = {label: [] for label in jobs}, set()
    for r in range(runs):
        for label, (job, most) in jobs.items():
            if r >= most or label in failed:
                continue
            say(f"  {label}, run {r + 1}")
            try:
                costs[label].append(job())
            except (RuntimeError, OSError) as error:
                failed.add(label)
                say(f"  left out: {label}: {error}")
    return {label: median(c) for label, c in costs.items() if c and label not in failed}


def load():
    return os.getloadavg()[0]


def say(text):
    print(text, file=sys.stderr, flush=True)
