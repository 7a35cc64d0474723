#!/usr/bin/env python3
"""tessera beside SWarp, Montage, drizzle and reproject: whole processes from files to files, on the same simulated stacks, in turn.

bench/run.py [--quick | --tiny] [--runs N] [--stacks irac spherex roman] [--no-peers] [--no-curves] [--no-fidelity] [--out FOLDER] [--work FOLDER]

Writes RESULTS.md, speed.svg and curves.svg to FOLDER (bench/). --quick takes small stacks and a few minutes, --tiny seconds: these show
that everything runs, and their numbers mean little. See README.md.
"""
import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests" / "end_to_end")]
import curves  # noqa: E402
import fidelity  # noqa: E402
import jobs  # noqa: E402
import numpy as np  # noqa: E402
import offsets_limit  # noqa: E402
import peer_jobs  # noqa: E402
import peers  # noqa: E402
import results  # noqa: E402
import stacks  # noqa: E402
import targets  # noqa: E402
from astropy.io import fits  # noqa: E402
from stars import NOISELESS, offset_errors  # noqa: E402
from timing import load, say, timed  # noqa: E402

SIZES = {
    "full": {"stacks": stacks.FULL, "runs": 3, "frames": [10, 30, 100, 300, 1000, 3000], "sides": [128, 256, 512, 1024, 2048], "ratios": [0.5, 1, 2, 4], "ratio_frames": 50,
             "clean": (16, 1), "noisy": (12, 1024), "ceilings": [256, 512]},
    "quick": {"stacks": stacks.QUICK, "runs": 2, "frames": [5, 20, 60], "sides": [64, 128, 256], "ratios": [1, 2], "ratio_frames": 8, "clean": (9, 1), "noisy": (8, 512), "ceilings": [256]},
    "tiny": {"stacks": stacks.TINY, "runs": 1, "frames": [3, 6], "sides": [64, 96], "ratios": [1, 2], "ratio_frames": 3, "clean": (4, 1), "noisy": (5, 160), "ceilings": [256]},
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = p.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="full")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny")
    p.add_argument("--runs", type=int, help="of each job of tessera; peers run once or twice")
    p.add_argument("--stacks", nargs="*", help="names of the stacks; all")
    for part in ("peers", "curves", "fidelity"):
        p.add_argument(f"--no-{part}", dest=part, action="store_false")
    p.add_argument("--out", type=Path, default=HERE)
    p.add_argument("--work", type=Path, default=ROOT / "build" / "bench", help="where the stacks and mosaics lie meanwhile (6 GB)")
    return p.parse_args()


def most_frames(stack, size):
    """Of how many frames the slow peers are timed; their cost per pixel does not depend on it."""
    if size == "tiny":
        return {"mProjectPP": 2, "mProject": 0, "reproject_interp": 2, "reproject_exact": 1}
    small = stack.mpix < 10
    return {"mProjectPP": 10 if small else 2, "mProject": 1 if small else 0, "reproject_interp": 10 if small else 1, "reproject_exact": 4 if small else 0}


def matching(m, base, with_peers):
    """(rms error of the offsets, noise limit, Montage's CPU seconds of matching or None)."""
    errors = offset_errors(m.stack.folder, base / f"work-{m.stack.name}" / "matched")
    bound, _ = offsets_limit.limit(m.stack.images, base / f"work-{m.stack.name}" / "exact-overlap" / "mosaic.fits")
    montage = None
    if with_peers and peers.have("mProjExec", "mOverlaps", "mDiffFitExec", "mBgModel", "mBgExec", "mAdd"):
        say("  Montage's chain")
        try:
            total, matched = peer_jobs.montage_chain(base / f"work-{m.stack.name}" / "masked")
            m.theirs["Montage chain: projection, matching, coadd"] = total
            montage = matched.cpu
        except RuntimeError as error:
            say(f"  left out: {error}")
    return float(np.sqrt(np.mean(errors ** 2))), bound, montage


def clean_fidelity(base, frames, with_peers):
    """Kernel → (bias %, scatter %, stars) on a noise-free stack."""
    images = stacks.simulate(base / "fidelity-clean", *NOISELESS, f"stack.frames={frames}", "stack.offset_rms=0", "stack.roll_step_deg=3", "sources.placement=grid", "sources.count=100",
                             "sources.flux_min_ujy=1000", "sources.flux_max_ujy=3000", "sky.level=0.1", "stack.dither_size_pix=10")
    folder, work = base / "fidelity-clean", base / "work-fidelity"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    reference, found = fidelity.reference_of(folder, images), {}
    kernels = {**jobs.METHODS, "cubic": ["interpolation.method=cubic"], "nearest": ["interpolation.method=nearest"], "adaptive": ["interpolation.method=adaptive"]}
    for label, chosen in kernels.items():
        jobs.mosaic(folder, work / "out", *jobs.settings(*jobs.PLAIN, *chosen))
        image, header = fits.getdata(work / "out" / "mosaic.fits", header=True)
        found[label] = fidelity.bias_and_scatter(image.astype(float), header, folder, fits.getdata(work / "out" / "mosaic_cov.fits"), reference, least=min(3, frames - 1))
    if with_peers and peers.have("SWarp"):
        stack = stacks.Stack("fidelity", "", [], "", folder, images)
        names = peer_jobs.swarp_files(stack, work / "out", work / "swarp")
        for kernel in ("LANCZOS3", "BILINEAR"):
            timed(peer_jobs.swarp_command(names, kernel), cwd=work / "swarp")
            image, there = peer_jobs.swarp_result(work / "swarp")
            found[f"SWarp {kernel}"] = fidelity.bias_and_scatter(np.where(there, image, np.nan), header, folder, fits.getdata(work / "out" / "mosaic_cov.fits"), reference, least=min(3, frames - 1))
    return found


def noisy_fidelity(base, frames, side, with_peers):
    """The bright half of the stars of a noisy stack, cosmic rays left in or flagged beforehand by the mask; for each the whole default job."""
    found = {}
    for masked, label in ((False, "hits left in"), (True, "hits flagged beforehand")):
        folder = base / f"fidelity-noisy-{int(masked)}"
        images = stacks.simulate(folder, *stacks.SPHEREX, f"camera.width={side}", f"camera.height={side}", f"stack.frames={frames}", f"sources.count={side * side // 4000}",
                                 "sources.flux_min_ujy=6000", "sources.flux_max_ujy=120000", "sources.flux_slope=1.2", f"defects.cosmic_masked={str(masked).lower()}")
        out = base / "work-noisy"
        jobs.mosaic(folder, out, "--no-pictures", "--no-report")
        image, header = fits.getdata(out / "mosaic.fits", header=True)
        coverage = fits.getdata(out / "mosaic_cov.fits")
        found[f"tessera, {label}"] = fidelity.bias_and_scatter(image.astype(float), header, folder, coverage, least=3, brightest=0.5)
        if with_peers and peers.have("SWarp") and not masked:
            stack = stacks.Stack("noisy", "", [], "", folder, images)
            shutil.rmtree(base / "work-noisy-swarp", ignore_errors=True)
            names = peer_jobs.swarp_files(stack, out, base / "work-noisy-swarp")
            for combine in ("CLIPPED", "MEDIAN"):
                command = peer_jobs.swarp_command(names, "LANCZOS3")
                command[command.index("WEIGHTED")] = combine
                timed(command, cwd=base / "work-noisy-swarp")
                other, there = peer_jobs.swarp_result(base / "work-noisy-swarp")
                found[f"SWarp {combine}, hits left in"] = fidelity.bias_and_scatter(np.where(there, other, np.nan), header, folder, coverage, least=3, brightest=0.5)
    return found


def under_ceilings(base, measured, ceilings):
    found = []
    for m in measured:
        for ceiling in ceilings:
            cost = jobs.mosaic(m.stack.folder, base / "work-memory", "--memory", f"{ceiling}M")
            found.append((m.stack.name, len(m.stack.images), ceiling, cost))
    return found


def versions(python):
    found = []
    if peers.have("SWarp"):
        found.append(peer_jobs.program_version(["SWarp", "-v"]))
    if peers.have("mProjectPP"):
        found.append("Montage (" + peer_jobs.program_version(["dpkg-query", "-W", "-f", "${Version}", "montage"]) + ")")
    for module in ("drizzle", "reproject"):
        if peer_jobs.python_has(python, module):
            found.append(f"{module} {peer_jobs.version_of(python, module)}")
    return found or ["nothing"]


def main():
    args = arguments()
    size = SIZES[args.size]
    chosen = [s for s in size["stacks"] if not args.stacks or s.name in args.stacks]
    runs = args.runs or size["runs"]
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.mkdir(parents=True, exist_ok=True)
    base, build = args.work, ROOT / "build"
    before = load()
    python = peer_jobs.newest_python(build) if args.peers and args.size != "tiny" else Path("/usr/bin/python3")
    measured, rows, notes = [], [], []
    for stack in stacks.make(chosen, base):
        m = jobs.measure(stack, base, runs, 1 if stack.mpix > 50 else min(2, runs), most_frames(stack, args.size), python, build, args.peers)
        measured.append(m)
        notes += [f"**{stack.name}: the mosaics of tessera and {k} disagree**" for k, a in m.agreements.items() if not a.holds]
    rows += targets.speed_targets(measured)
    for m in measured:
        if m.stack.name == "irac":
            rows += targets.matching_targets(m, *matching(m, base, args.peers and args.size != "tiny"))
    clean = clean_fidelity(base, size["clean"][0], args.peers) if args.fidelity else {}
    noisy = noisy_fidelity(base, *size["noisy"], args.peers) if args.fidelity else {}
    rows += targets.fidelity_targets(clean, noisy)
    memory = under_ceilings(base, [m for m in measured if m.stack.name != "roman"], size["ceilings"])
    all_curves = []
    if args.curves:
        all_curves = [curves.of_frames(base, size["frames"]), curves.of_size(base, size["sides"]), curves.of_ratio(base, size["ratios"], size["ratio_frames"]),
                      curves.of_threads(measured[min(1, len(measured) - 1)].stack, base / "work-threads", runs)]
    results.write(args.out, measured, rows, clean, noisy, memory, all_curves, versions(python), runs, (before, load()), notes)
    print((args.out / "RESULTS.md").read_text())
    if notes:
        say("mosaics disagree: see the top of RESULTS.md")
        return 1
    shutil.rmtree(args.work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
