"""What is run of tessera and beside it, stack by stack; the numbers, and whether the mosaics agree."""
import json
import shutil
import subprocess
from dataclasses import dataclass, field

import numpy as np
import peer_jobs
import peers
from agree import compare
from astropy.io import fits
from timing import in_turn, say, timed
from tools import TESSERA

# A coadd and nothing else: value, uncertainty, coverage and exposure time, weights by coverage. SWarp and Montage make neither reports nor checksums.
PLAIN = ["background.method=none", "rejection.method=none", "input.scale_noise=false", "coadd.weights=coverage", "output.pictures=false", "output.report=false",
         "output.correlation=false", "output.star_check=false", "output.input_checksums=false", "run.save_every=10"]
METHODS = {"Lanczos-3": ["interpolation.method=lanczos3"], "bilinear": ["interpolation.method=bilinear"], "exact overlap": ["interpolation.method=area"],
           "drizzle, pixfrac 0.8": ["interpolation.method=drizzle", "interpolation.pixfrac=0.8"], "drizzle, pixfrac 0.5": ["interpolation.method=drizzle", "interpolation.pixfrac=0.5"]}
ALL_SCHEMES = "rejection.method=radhit,temporal,dual,box"


@dataclass
class Measured:
    """Of one stack."""
    stack: object
    ours: dict = field(default_factory=dict)      # label → Cost
    theirs: dict = field(default_factory=dict)
    part: dict = field(default_factory=dict)      # label of theirs → note: what part of the stack was timed and scaled
    agreements: dict = field(default_factory=dict)
    floors: dict = field(default_factory=dict)    # method → {read, arithmetic, write} in CPU seconds
    grid: tuple = (0, 0)
    rejected: float = 0.0

    def rate(self, cost):
        return self.stack.mpix / cost.cpu if cost and cost.cpu > 0 else float("nan")


def settings(*all_settings):
    """Later ones take the place of earlier ones of the same option."""
    last = {s.split("=")[0]: s for s in all_settings}
    return [a for s in last.values() for a in ("--set", s)]


def mosaic(frames, out, *extra, threads=1):
    shutil.rmtree(out, ignore_errors=True)
    frames = frames if isinstance(frames, list) else [frames]
    return timed([TESSERA, "mosaic", *frames, "-o", out, "-q", "--threads", threads, *extra])


def our_jobs(stack, work, runs):
    def plain(name, *more, threads=1):
        return lambda: mosaic(stack.folder, work / name, *settings(*PLAIN, *more), threads=threads)

    jobs = {f"{label}": (plain(label.replace(" ", "-"), *chosen), runs) for label, chosen in METHODS.items()}
    jobs["exact overlap, 2 threads"] = (plain("two", threads=2), runs)
    jobs["exact overlap, four schemes of rejection"] = (plain("schemes", ALL_SCHEMES), runs)
    jobs["exact overlap, temporal rejection"] = (plain("temporal", "rejection.method=temporal"), runs)
    jobs["exact overlap, matched backgrounds"] = (plain("matched", "background.method=offset"), runs)
    jobs["whole default job"] = (lambda: mosaic(stack.folder, work / "whole"), runs)
    jobs["whole default job, 2 threads"] = (lambda: mosaic(stack.folder, work / "whole-two", threads=2), runs)
    jobs["tessera overlap"] = (lambda: overlap(stack, work), runs)
    return jobs


def overlap(stack, work):
    shutil.rmtree(work / "overlap", ignore_errors=True)
    return timed([TESSERA, "overlap", stack.folder, "-o", work / "overlap", "-q", "--threads", 1])


def peer_jobs_of(stack, work, out, most, runs, python):
    """label → (job, runs); and notes on what was timed in part. Only programs that are there."""
    jobs, part = {}, {}
    if peers.have("SWarp"):
        names = peer_jobs.swarp_files(stack, out, work / "swarp")
        for kernel, label in (("BILINEAR", "SWarp bilinear"), ("LANCZOS3", "SWarp Lanczos-3")):  # the last one's mosaic is compared
            jobs[label] = (lambda k=kernel: timed(peer_jobs.swarp_command(names, k), cwd=work / "swarp"), runs)
    files = peer_jobs.masked_files(stack, out, work / "masked")
    folder = work / "masked"
    if peers.have("mProjectPP"):
        few = min(len(files), most["mProjectPP"])
        jobs["Montage mProjectPP"] = (lambda n=few: peer_jobs.montage(folder, "mProjectPP", n), 1)
        part["Montage mProjectPP"] = f"{few} of {len(files)} frames, scaled; projection only, no coadd"
    if peers.have("mProject") and most["mProject"]:
        few = min(len(files), most["mProject"])
        jobs["Montage mProject"] = (lambda n=few: peer_jobs.montage(folder, "mProject", n), 1)
        part["Montage mProject"] = f"{few} of {len(files)} frames, scaled; projection only"
    if peer_jobs.python_has(python, "drizzle.resample"):
        jobs["drizzle (Python package), pixfrac 0.8"] = (lambda: peer_jobs.python_peer(python, "peer_drizzle.py", folder, 0.8, work / "drizzle.npy"), 1)
    if peer_jobs.python_has(python, "reproject"):
        for function, label in (("reproject_interp", "reproject_interp"), ("reproject_exact", "reproject_exact")):
            few = min(len(files), most[function])
            if few:
                jobs[label] = (lambda f=function, n=few: peer_jobs.python_peer(python, "peer_reproject.py", folder, f, n, work / f"{f}.npy") * (len(files) / n), 1)
                part[label] = f"{few} of {len(files)} frames, scaled"
    return jobs, part


def agreements(m, work, python_results=True):
    """label of the peer → Agreement, for those that ran."""
    found = {}
    stack = m.stack
    if "SWarp Lanczos-3" in m.theirs:
        # SWarp takes the missing neighbours of a masked pixel from a median, tessera from the kernel's rest; far from such places they agree.
        found["SWarp Lanczos-3"] = compare(work / "Lanczos-3", *peer_jobs.swarp_result(work / "swarp"))
    if "Montage mProjectPP" in m.theirs:
        value, area = placed(work / "masked" / "projected_m0000.fits", work / "masked" / "grid.hdr")
        mosaic([stack.images[0]], work / "one", "--grid", work / "exact-overlap" / "mosaic.fits", *settings(*PLAIN))
        found["Montage mProjectPP"] = compare(work / "one", value, area > 0)
    if "drizzle (Python package), pixfrac 0.8" in m.theirs and python_results:
        value, weight = np.load(work / "drizzle.npy")
        found["drizzle (Python package), pixfrac 0.8"] = compare(work / "drizzle,-pixfrac-0.8", value, weight > 0)
    for label, method in (("reproject_exact", "area"), ("reproject_interp", "bilinear")):
        if label in m.theirs and python_results:
            few = int(m.part[label].split()[0])
            value, weight = np.load(work / f"{label}.npy")
            mosaic(stack.images[:few], work / "few", "--grid", work / "exact-overlap" / "mosaic.fits", *settings(*PLAIN, f"interpolation.method={method}"))
            found[label] = compare(work / "few", value, weight > 0)
    return found


def placed(path, template):
    """Montage cuts off empty borders: its image and area on the whole grid."""
    grid = fits.Header.fromtextfile(template)
    value, area = np.full((grid["NAXIS2"], grid["NAXIS1"]), np.nan), np.zeros((grid["NAXIS2"], grid["NAXIS1"]))
    projected, header = fits.getdata(path, header=True)
    y0, x0 = (int(round(grid[k] - header[k])) for k in ("CRPIX2", "CRPIX1"))
    ny, nx = projected.shape
    ours = slice(max(0, y0), min(value.shape[0], y0 + ny)), slice(max(0, x0), min(value.shape[1], x0 + nx))
    theirs = slice(ours[0].start - y0, ours[0].stop - y0), slice(ours[1].start - x0, ours[1].stop - x0)
    value[ours] = projected[theirs]
    area[ours] = np.nan_to_num(fits.getdata(path.with_name(path.stem + "_area.fits"))[theirs])
    return value, area


def floors(stack, build, grid, methods=("area", "lanczos3", "drizzle")):
    """method → CPU seconds of reading, arithmetic and writing alone, by bench_floor where it was built."""
    program = build / "release" / "bench" / "bench_floor"
    if not program.is_file():
        say("bench_floor was not built (-DTESSERA_BENCH=ON): no floors")
        return {}
    bytes_written = 4 * 4 * grid[0] * grid[1]  # four planes of single precision
    step = next((s.split("=")[1] for s in stack.settings if s.startswith("stack.roll_step_deg")), "0")
    found = {}
    for method in methods:
        done = subprocess.run([program, stack.folder, method, str(len(stack.images)), step, str(bytes_written)], capture_output=True, text=True)
        if done.returncode == 0:
            found[method] = json.loads(done.stdout)
        else:
            say(f"bench_floor {method}: {done.stderr.strip()}")
    return found


def measure(stack, base, runs, peer_runs, most, python, build, with_peers=True):
    """Everything of one stack. `most`: of how many frames slow peers are timed."""
    say(f"{stack.name}: {stack.title}")
    work = base / f"work-{stack.name}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    m = Measured(stack)
    mosaic(stack.folder, work / "exact-overlap", *settings(*PLAIN))  # the grid, and everything in the page cache
    header = fits.getheader(work / "exact-overlap" / "mosaic.fits")
    m.grid = header["NAXIS1"], header["NAXIS2"]
    ours = our_jobs(stack, work, runs)
    theirs, m.part = peer_jobs_of(stack, work, work / "exact-overlap", most, peer_runs, python) if with_peers else ({}, {})
    costs = in_turn({**ours, **theirs}, max(runs, peer_runs))
    m.ours = {k: c for k, c in costs.items() if k in ours}
    m.theirs = {k: c for k, c in costs.items() if k in theirs}
    m.agreements = agreements(m, work)
    m.floors = floors(stack, build, m.grid)
    if (work / "schemes" / "run.json").is_file():
        record = json.loads((work / "schemes" / "run.json").read_text())
        m.rejected = sum(f["rejected_pixels"] for f in record["frames"]) / (1e6 * stack.mpix)
    return m
