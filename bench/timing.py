"""Whole processes timed with what the kernel counts for them: wall and CPU seconds, peak resident memory."""
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


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
    began = time.monotonic()
    process = subprocess.Popen([str(c) for c in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))[:300]} ended with {process.returncode}: {errors.decode(errors='replace')[-600:]}")
    return Cost(time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


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
