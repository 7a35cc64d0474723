"""Pulls of fluxes of `tessera spectrum`: (flux − truth)/error of stars and Sérsic galaxies, alone and in pairs, on frames of both layouts, with ramps and with defects."""
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.table import Table
from spherex_runs import good, grid_of_stars, on_sky, simulate, spectrum, write_catalog

BINS = (3, 10, 30, 100, 300)


@dataclass
class Row:
    what: str
    limit: str
    measured: str
    met: object  # True, False, or None: no limit, told only

    def __str__(self):
        return f"| {self.what} | {self.limit} | {self.measured} | {'told only' if self.met is None else 'met' if self.met else 'NOT MET'} |"


def truth_of(t, folder, out):
    """True flux of each measurement: through the bandpass at its place on that frame."""
    true = Table.read(folder / "truth" / "fluxes.fits")
    exposures = {row["name"]: row["exposure"] for row in Table.read(folder / "truth_frames.ecsv")}
    names = [str(n).strip() for n in Table.read(out / "frames.fits")["file"]]
    flux = {(i, d, e): f for i, d, e, f in zip(true["id"], true["detector"], true["exposure"], true["flux"])}
    return np.array([flux[(row["source"], row["det_id"], exposures[names[row["frame"] - 1]])] for row in t])


def total_error(t):
    return np.hypot(t["flux_err"], t["flux_err_bkg"])


def pulls_in(t, folder, out, keep=True):
    """Measurements without bad pixels (and with `keep`): pulls, true S/N, fit_ql."""
    f, keep = truth_of(t, folder, out), good(t) & keep
    return np.asarray((t["flux"] - f) / total_error(t))[keep], (f / np.asarray(t["flux_err"]))[keep], np.asarray(t["fit_ql"])[keep]


def pulls_of(catalog, folder, out, variance, *more):
    return pulls_in(spectrum(catalog, folder, out, "--variance", variance, *more), folder, out)


def width(p):
    return f"{p.std():.3f} ± {1 / np.sqrt(2 * len(p)):.3f}"


def summary(what, pull, snr, held=True):
    """Rows for all S/N of 3 to 300 together, and a row that tells of each part."""
    all_of_them = pull[(snr >= BINS[0]) & (snr < BINS[-1])]
    parts = [(low, high, pull[(snr >= low) & (snr < high)]) for low, high in zip(BINS, BINS[1:])]
    parts = [(low, high, p) for low, high, p in parts if len(p) > 10]
    return [Row(f"{what}, S/N {BINS[0]}–{BINS[-1]}: width of pulls", "0.95–1.05" if held else "–", f"{width(all_of_them)}, mean {all_of_them.mean():+.3f} ({len(all_of_them)})", bool(.95 <= all_of_them.std() <= 1.05) if held else None),
            Row("the same in parts", "–", "; ".join(f"{low}–{high}: {width(p)}, mean {p.mean():+.3f} ± {1 / np.sqrt(len(p)):.3f} ({len(p)})" for low, high, p in parts), None)]


def pulls(work, catalog, folder):
    """Pulls of isolated stars by true S/N with both kinds of weights, and fit_ql. Limits are for smooth weights."""
    rows = []
    for variance in ("smooth", "plane"):
        pull, snr, ql = pulls_of(catalog, folder, work / f"pulls_{variance}", variance)
        held = variance == "smooth"
        for low, high in zip(BINS, BINS[1:]):
            p = pull[(snr >= low) & (snr < high)]
            faint = held and high <= 10
            rows.append(Row(f"isolated stars, S/N {low}–{high}, {variance}: width of pulls", "0.95–1.05" if held else "–", f"{p.std():.3f} ± {1 / np.sqrt(2 * len(p)):.3f} ({len(p)})", bool(.95 <= p.std() <= 1.05) if held else None))
            rows.append(Row("the same: mean pull", "within 0.05" if faint else "–", f"{p.mean():+.3f} ± {1 / np.sqrt(len(p)):.3f}", bool(abs(p.mean()) < .05) if faint else None))
        q = ql[snr < 30].mean()
        rows.append(Row(f"fit_ql, S/N below 30, {variance}", "0.80 ± 0.03" if held else "–", f"{q:.3f}", bool(abs(q - .8) < .03) if held else None))
    return rows


def pairs_in(t, folder, out, n):
    """Pairs are sources k and k + n. Pulls of all; of each measured pair the product of what both are off, and the covariance that is stated, both over the product of their errors."""
    off, error, keep = np.asarray(t["flux"]) - truth_of(t, folder, out), total_error(t), good(t)
    pull = np.asarray(off / error)[keep]
    place = {(s, f): i for i, (s, f) in enumerate(zip(t["source"], t["frame"]))}
    c = Table.read(out / "covariances.fits")
    c = c[(c["source"] <= n) & (c["other"] == c["source"] + n)]
    first = np.asarray(c["measurement"]) - 1
    both = np.array([place.get((t["source"][i] + n, t["frame"][i]), -1) for i in first])
    use = (both >= 0) & keep[first] & keep[both]
    first, both = first[use], both[use]
    # The background under both is one number: its error is common, and the covariance of the fit leaves it out as flux_err does.
    said = np.asarray(c["covariance"])[use] + np.asarray(t["flux_err_bkg"][first] * t["flux_err_bkg"][both])
    scale = np.asarray(error[first] * error[both])
    return pull, off[first] * off[both] / scale, said / scale


def pair_rows(what, parts, limit):
    """Pulls, and the covariance of pairs against what is seen, of what pairs_in() gave for some sets of frames."""
    pull, seen, said = (np.concatenate(p) for p in zip(*parts))
    ratio, spread = np.mean(seen) / np.mean(said), np.std(seen) / np.sqrt(len(seen)) / abs(np.mean(said))
    return [Row(f"{what}: width of pulls", "0.95–1.05", f"{width(pull)} ({len(pull)})", bool(.95 <= pull.std() <= 1.05)),
            Row("the same: mean pull", "–", f"{pull.mean():+.3f} ± {1 / np.sqrt(len(pull)):.3f}", None),
            Row("the same: covariance seen over stated", f"1 ± {limit}, and twice the error of the Monte Carlo", f"{ratio:.3f} ± {spread:.3f} (correlation {np.mean(said):+.2f}, {len(seen)} pairs)", bool(abs(ratio - 1) < limit + 2 * spread))]


def blends(work, side=18, surveys=8, limit=.05):
    """Pairs 6 arcsec apart, S/N about 10 to 100."""
    x, y, flux = grid_of_stars(side, 125, (500, 4000), seed=2)
    random = np.random.default_rng(3)
    turn = random.uniform(0, 2 * np.pi, len(x))
    n = len(x)
    x, y, flux = np.append(x, x + 6 * np.cos(turn)), np.append(y, y + 6 * np.sin(turn)), np.append(flux, np.exp(random.uniform(*np.log((500, 4000)), n)))
    catalog = write_catalog(work / "pairs.ecsv", x, y, flux)
    folder = simulate(work / "pairs", catalog, surveys=surveys, seed=9)
    t = spectrum(catalog, folder, work / "pairs_out", "--variance", "smooth", "--covariance")
    return pair_rows("pairs of stars 6″ apart", [pairs_in(t, folder, work / "pairs_out", n)], limit)


def shapes(random, n, radii):
    return {"sersic_n": random.uniform(.5, 6, n), "r_e": np.exp(random.uniform(*np.log(radii), n)), "axis_ratio": random.uniform(.2, 1, n), "position_angle": random.uniform(0, 180, n)}


def galaxies(work, side=8, surveys=3, groups=6):
    """Sérsic galaxies of all kinds, alone in their squares. A local background holds part of a large one's light, a fitted one does not: limits are for the latter."""
    x, y, flux = grid_of_stars(side, 180, (250, 60000), seed=12)
    catalog = write_catalog(work / "galaxies.ecsv", x, y, flux, **shapes(np.random.default_rng(13), len(x), (1, 20)))
    folder = simulate(work / "galaxies", catalog, surveys=surveys, groups=groups, seed=14)
    rows = []
    for background in ("fit", "local"):
        out = work / f"galaxies_{background}"
        pull, snr, ql = pulls_of(catalog, folder, out, "smooth", "--background", background)
        rows += summary(f"galaxies, n 0.5–6, R_e 1–20″, --background {background}", pull, snr, background == "fit")
        rows.append(Row("the same: fit_ql, S/N below 30", "–", f"{ql[snr < 30].mean():.3f}", None))
    return rows


def mixed_blends(work, side=8, surveys=8, fields=4, limit=.05):
    """A star 8 arcsec from each galaxy: both fitted, the background too. The same sky in `fields` sets of frames, for a covariance known to 2.5 %."""
    x, y, flux = grid_of_stars(side, 180, (1000, 10000), seed=15)
    random = np.random.default_rng(16)
    n, turn = len(x), random.uniform(0, 2 * np.pi, len(x))
    shape = {name: np.append(v, np.zeros(n)) for name, v in shapes(random, n, (1, 8)).items()}
    x, y, flux = np.append(x, x + 8 * np.cos(turn)), np.append(y, y + 8 * np.sin(turn)), np.append(flux, np.exp(random.uniform(*np.log((500, 5000)), n)))
    catalog = write_catalog(work / "mixed.ecsv", x, y, flux, **shape)
    parts = []
    for k in range(fields):
        out = work / f"mixed{k}_out"
        folder = simulate(work / f"mixed{k}", catalog, surveys=surveys, seed=17 + k)
        parts.append(pairs_in(spectrum(catalog, folder, out, "--variance", "smooth", "--covariance", "--background", "fit"), folder, out, n))
        for path in folder.glob("level2_*"):
            path.unlink()  # a gigabyte that nothing asks for again
    return pair_rows("star 8″ from a galaxy, n 0.5–6, R_e 1–8″", parts, limit)


def layouts(work, catalog, surveys=2, groups=6):
    """Stars on files with EPSF, and with ramps made read by read."""
    rows = []
    for what, setting in (("layout epsf", "spherex.layout=epsf"), ("ramps read by read", "spherex.ramps=true")):
        name = setting.split("=")[0].split(".")[1]
        folder = simulate(work / name, catalog, surveys=surveys, groups=groups, more=[setting])
        pull, snr, ql = pulls_of(catalog, folder, work / f"{name}_out", "smooth")
        rows += summary(f"stars, {what}", pull, snr)
        q = ql[(snr > 3) & (snr < 30)]
        rows.append(Row("the same: fit_ql, S/N 3–30", "0.80 ± 0.03", f"{q.mean():.3f} ± {q.std() / np.sqrt(len(q)):.3f}", bool(abs(q.mean() - .8) < .03 + q.std() / np.sqrt(len(q)))))
    return rows


DEFECTS = ("nonfunc_fraction=0.001", "hot_fraction=0.003", "cosmic_fraction=0.002", "lost_fraction=5e-5", "full_well_e=50000", "persistence=true", "dichroic=true", "full_sample=true")
COSMIC, TRANSIENT, OUTLIER = 4, 1 << 0, 1 << 19
FLAG_OF_TRUTH = {"NONFUNC": (1, 1 << 6), "HOT": (2, 1 << 10), "OVERFLOW": (16, 1 << 1), "DICHROIC": (128, 1 << 7)}


def defects(work, catalog, surveys=2, groups=6, bands="2"):
    """Stars on frames with bad pixels, cosmic rays, persistence and saturation: pulls of measurements whose flags are clean, and flags against the truth."""
    folder = simulate(work / f"defects{bands}", catalog, surveys=surveys, groups=groups, bands=bands, more=[f"spherex_defects.{d}" for d in DEFECTS])
    out = work / f"defects{bands}_out"
    t = spectrum(catalog, folder, out, "--variance", "smooth")
    names = [str(n).strip() for n in Table.read(out / "frames.fits")["file"]]
    hit, wrong, seen, right, flagged = np.zeros(len(t), bool), 0, dict.fromkeys(FLAG_OF_TRUTH, 0), dict.fromkeys(FLAG_OF_TRUTH, 0), [0, 0]
    for number in np.unique(t["frame"]):
        path = folder / names[number - 1]
        flags = fits.getdata(path, "FLAGS").astype(np.int64)
        truth = fits.getdata(folder / "truth" / path.name.replace(".fits", "_defects.fits")).astype(int)
        for name, (bit, flag) in FLAG_OF_TRUTH.items():
            of_truth = truth & bit != 0
            seen[name] += of_truth.sum()
            right[name] += (of_truth & (flags & flag != 0)).sum()
        cosmic = truth & COSMIC != 0
        flagged[0] += cosmic.sum()
        flagged[1] += (cosmic & (flags & (TRANSIENT | OUTLIER) != 0)).sum()
        for i in np.flatnonzero(t["frame"] == number):
            x, y = t["x_image"][i] - 1, t["y_image"][i] - 1
            v, u = np.mgrid[max(0, int(y) - 4):min(len(flags), int(y) + 6), max(0, int(x) - 4):min(len(flags), int(x) + 6)]
            near = np.hypot(u - x, v - y) <= 2.5
            bits = flags[v[near], u[near]]
            hit[i] = (truth[v[near], u[near]] & COSMIC != 0).any()
            wrong += int(np.bitwise_or.reduce(bits)) != int(t["flags"][i]) & 0xFFFFFFFF or any((bits >> b & 1).sum() != t[f"n_{n}"][i] for b, n in ((0, "transient"), (6, "nonfunc"), (7, "dichroic"), (10, "hot"), (19, "outlier"), (21, "source")))
    clean = np.asarray(t["flags"] & (TRANSIENT | OUTLIER | FLAG_OF_TRUTH["OVERFLOW"][1])) == 0
    pull, snr, _ = pulls_in(t, folder, out, clean & ~hit)
    rows = summary(f"stars on frames of detector {bands} with defects, no flag and no cosmic ray in the central region", pull, snr)
    p, s, _ = pulls_in(t, folder, out, clean & hit)
    marked, _, _ = pulls_in(t, folder, out, ~clean)
    rows.append(Row("the same with a cosmic ray there that no flag tells of", "–", f"{(clean & hit & good(t)).sum()} of {len(t)}; beyond 5 σ {100 * (abs(p) > 5).mean():.0f} %, median pull {np.median(p):+.2f}" if len(p) else "none", None))
    rows.append(Row("measurements with TRANSIENT, OUTLIER or OVERFLOW", "–", f"{(~clean).sum()} of {len(t)}; of those without CONTAINS_BAD_PIXEL beyond 5 σ {100 * (abs(marked) > 5).mean():.0f} %", None))
    rows.append(Row("flags of measurements, and counts of six, against FLAGS", "equal", f"{wrong} of {len(t)} differ", wrong == 0))
    for name in FLAG_OF_TRUTH:
        rows.append(Row(f"pixels that are {name} in truth and flagged so", "all", f"{right[name]} of {seen[name]}", bool(right[name] == seen[name]) if seen[name] else None))
    rows.append(Row("pixels with a cosmic ray in truth, flagged TRANSIENT or OUTLIER", "–", f"{flagged[1]} of {flagged[0]}", None))
    return rows
