"""RESULTS.md and its plots from what was measured."""
import os
import platform
import subprocess

import curves
import plots
import targets
from tools import TESSERA


def machine():
    words = open("/proc/cpuinfo").read().splitlines()
    model = next((w.split(":")[1].strip() for w in words if w.startswith("model name")), platform.machine())
    flags = next((w.split(":")[1].split() for w in words if w.startswith("flags")), [])
    level = "AVX-512 (x86-64-v4)" if "avx512f" in flags else "AVX2 (x86-64-v3)" if "avx2" in flags else "SSE2"
    return f"{model}, {os.cpu_count()} processors, {level}, chosen at run time"


def named(label):
    return label if label.startswith("tessera") else f"tessera, {label}"


def stack_table(m):
    lines = ["", f"## {m.stack.name}: {m.stack.title} ({m.stack.mpix:.1f} Mpix), one thread where no other number stands", "",
             f"Frames turned against the grid by {m.stack.rotation}; the grid has {m.grid[0]} × {m.grid[1]} pixels of the frames' size. Planes read: value, uncertainty, mask; written: value, uncertainty, coverage, exposure.",
             f"The four schemes reject {100 * m.rejected:.2f} % of all frame pixels.", "",
             "| job | wall s | CPU s | Mpix per CPU s | peak MiB | CPU over tessera's exact overlap | mosaics |", "|---|---|---|---|---|---|---|"]
    base = m.ours.get("exact overlap")
    for costs, name in ((m.ours, named), (m.theirs, str)):
        for label, cost in costs.items():
            ratio = f"{cost.cpu / base.cpu:.2f}" if base else ""
            agreement = str(m.agreements[label]) if label in m.agreements else ""
            part = f" ({m.part[label]})" if label in m.part else ""
            lines.append(f"| {name(label)}{part} | {cost.wall:.2f} | {cost.cpu:.2f} | {m.rate(cost):.3g} | {cost.peak_mib:.0f} | {ratio} | {agreement} |")
    return lines


def fidelity_tables(clean, noisy):
    lines = ["", "## Fluxes of stars", "", "Aperture of 4 pixels, sky in a ring of 8 to 12; bias of the median and robust scatter over stars. Noise-free: against the light that the same aperture holds in the frames themselves.", "",
             "| noise-free IRAC stack | bias % | scatter % | stars |", "|---|---|---|---|"]
    lines += [f"| {k} | {b:+.3f} | {s:.3f} | {n} |" for k, (b, s, n) in clean.items()]
    lines += ["", "| noisy SPHEREx stack, bright half | bias % | scatter % | stars |", "|---|---|---|---|"]
    lines += [f"| {k} | {b:+.3f} | {s:.3f} | {n} |" for k, (b, s, n) in noisy.items()]
    return lines


def memory_table(memory):
    lines = ["", "## Memory", "", "| stack | ceiling MiB | peak MiB | allowed: ceiling + 50 kB per frame | CPU s |", "|---|---|---|---|---|"]
    for name, frames, ceiling, cost in memory:
        allowed = ceiling + 0.05e6 * frames / 2 ** 20
        lines.append(f"| {name} | {ceiling} | {cost.peak_mib:.0f} | {allowed:.0f}: {'held' if cost.peak_mib <= allowed else 'EXCEEDED'} | {cost.cpu:.2f} |")
    return lines


def curve_tables(all_curves):
    lines = ["", "## Cost curves", "", "![cost curves](curves.svg)", "", "Slopes are those of the logarithms, least squares"]
    for c in all_curves:
        slopes = {k: c.slope(k) for k in ("wall", "cpu", "peak_mib")}
        show = lambda v: "–" if v is None else f"{v:.2f}"
        lines += ["", f"**{c.title}** ({c.what}). Slope{f' from {c.fit_from:g} on' if c.fit_from else ''}: wall {show(slopes['wall'])}, CPU {show(slopes['cpu'])}, memory {show(slopes['peak_mib'])}.", "",
                  f"| {c.x_label} | wall s | CPU s | peak MiB |", "|---|---|---|---|"]
        lines += [f"| {x:g} | {cost.wall:.2f} | {cost.cpu:.2f} | {cost.peak_mib:.0f} |" for x, cost in c.points]
    return lines


def speed_plot(measured):
    groups = []
    aims = {"spherex": {"Lanczos-3": 50, "exact overlap": 30, "drizzle, pixfrac 0.8": 12}, "irac": {"Lanczos-3": 25, "exact overlap": 15, "drizzle, pixfrac 0.8": 12}}
    for m in measured:
        bars = [(named(k), m.rate(c), True, aims.get(m.stack.name, {}).get(k)) for k, c in m.ours.items() if "2 threads" not in k]
        bars += [(k, m.rate(c), False, None) for k, c in m.theirs.items()]
        groups.append((f"{m.stack.name}: {m.stack.title}", bars))
    return plots.bars("Input megapixels per CPU second, files to files, one thread", groups, "Mpix per CPU s")


def write(folder, measured, rows, clean, noisy, memory, all_curves, versions, runs, load, notes):
    version = subprocess.run([TESSERA, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    lines = ["# Timings", "", f"Made by `bench/run.py`: {version}; {machine()}; medians of {runs} runs, each program in turn; load average {load[0]:.1f} at the start, {load[1]:.1f} at the end.",
             "Ratios below 1.3 are noise on a shared machine." + ("" if max(load) < 3 else " **Other work was running: wall times say nothing, CPU times are too long for all alike.**"), "",
             "A coadd (all rows but *whole default job* and *tessera overlap*): no matching, no rejection unless named, weights by coverage, no report, pictures, correlation table, check of the stars or checksums of the inputs, finished tiles saved every 10 s for a resume; "
             "SWarp with WEIGHTED, weight maps of 0 and 1, no background, the same grid. σ is the median uncertainty of tessera's mosaic.", "", "Beside it: " + "; ".join(versions) + "."]
    lines += [f"- {n}" for n in notes]
    lines += ["", "## Targets", ""] + targets.table(rows) + ["", "![speed](speed.svg)"]
    for m in measured:
        lines += stack_table(m)
    if clean or noisy:
        lines += fidelity_tables(clean, noisy)
    if memory:
        lines += memory_table(memory)
    if all_curves:
        lines += curve_tables(all_curves)
        (folder / "curves.svg").write_text(plots.curves(curves.panels(all_curves)))
    (folder / "speed.svg").write_text(speed_plot(measured))
    (folder / "RESULTS.md").write_text("\n".join(lines) + "\n")
