#!/usr/bin/python3
"""How many sources tessera discover finds, how many of its detections are none, and how true its quick-look fluxes are: simulated fields, whose truth is known.

    bench/spherex_discover.py --build build/release --work /tmp/discover [--seeds 11,12,13] [--band 2] [--threshold 5] [--combination both] [--places 3]
    bench/spherex_discover.py --build build/release --work /tmp/discover --grid [--places 3]

A source's expected significance is its mean true flux over the error that the many peaks above 2 sigma tell for its place. One counts that has data in four channels or more;
it is found when a detection lies within 9 arcsec (a pixel of the cube). A detection is false when no true source lies within 12 arcsec. Prints one JSON object.

--grid: 121 stars of one flux 110 arcsec apart, without noise: significance over flux/error by the distance of the star from the middle of its pixel of the cube.
"""
import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests" / "end_to_end")]
import astropy.units as u  # noqa: E402
import numpy as np  # noqa: E402
from astropy.coordinates import SkyCoord  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.table import Table  # noqa: E402
from astropy.wcs import WCS  # noqa: E402
import tools  # noqa: E402
from spherex_runs import DEC, RA, grid_of_stars, simulate, write_catalog  # noqa: E402
from tools import tessera  # noqa: E402

BINS = [(0, 3), (3, 4), (4, 5), (5, 6), (6, 8), (8, 12), (12, np.inf)]


def positions(table):
    return SkyCoord(np.array(table["ra"]) * u.deg, np.array(table["dec"]) * u.deg)


def channels_at(cube, table):
    """Channels with data at the pixel of each row; 0 off the cube or within two pixels of its border."""
    with fits.open(cube) as c:
        seen = np.isfinite(c["IMAGE"].data).sum(axis=0)
        x, y = np.rint(WCS(c["IMAGE"].header, c).celestial.all_world2pix(table["ra"], table["dec"], 0)).astype(int)
    inside = (x >= 2) & (y >= 2) & (x < seen.shape[1] - 2) & (y < seen.shape[0] - 2)
    return np.where(inside, seen[y.clip(0, seen.shape[0] - 1), x.clip(0, seen.shape[1] - 1)], 0)


def field(frames, out, low):
    """Expected significance and whether it was found, of each source; ratios and pulls of quick-look fluxes; detections and false ones."""
    truth, got, peaks = Table.read(frames / "truth_sources.ecsv"), Table.read(out / "detections.fits"), Table.read(low / "detections.fits")
    if len(got) == 0:
        got = got.copy()
        got.add_row({"ra": 0, "dec": 89.9})  # far from all
        got["id"] = -1
    fluxes, looks = Table.read(frames / "truth" / "fluxes.fits"), Table.read(out / "quicklook.fits")
    channels = channels_at(out / "cube" / "cube.fits", truth)
    with fits.open(out / "cube" / "cube.fits") as c:
        pixels = int(np.isfinite(c["IMAGE"].data).any(axis=0).sum())
    rows = {i: fluxes[fluxes["id"] == i] for i in truth["id"]}
    flux = np.array([np.mean(rows[i]["flux"]) if len(rows[i]) else 0 for i in truth["id"]])
    near, _, _ = positions(truth).match_to_catalog_sky(positions(peaks))
    expected = flux / np.array(peaks["flux_err"][near])
    nearest, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    there, hit = channels >= 4, apart.arcsec < 9
    _, away, _ = positions(got).match_to_catalog_sky(positions(truth))
    ratios, pulls = [], []
    for k in np.flatnonzero(there & hit & (expected > 12)):
        look, true = looks[looks["id"] == got["id"][nearest[k]]], rows[truth["id"][k]]
        order = np.argsort(true["wavelength"])
        at = np.interp(look["wavelength"], true["wavelength"][order], true["flux"][order])
        bright = look["significance"] > 5
        ratios += list((look["flux"] / at)[bright])
        pulls += list(((look["flux"] - at) / look["flux_err"])[bright])
    return expected[there], hit[there], apart.arcsec[there & hit & (expected > 12)], ratios, pulls, int((got["id"] > 0).sum()), int(((away.arcsec > 12) & (got["id"] > 0)).sum()), pixels


def by_place(work, places):
    """A row for each range of distances: the stars, and the median and scatter of their significance over what their flux has."""
    x, y, flux = grid_of_stars(11, 110, (400, 400), seed=5)
    catalog = write_catalog(work / "grid.ecsv", x, y, flux)
    if not (work / "grid" / "simulation.toml").exists():
        simulate(work / "grid", catalog, noise=False, groups=4, seed=3)
    out = work / f"grid_{places}"
    tessera("discover", f"{RA},{DEC}", work / "grid", "--size", 24, "-o", out, "--set", f"detection.places={places}", "--set", "detection.combination=flat", "--set", "output.pictures=false", "--overwrite", "-q")
    truth, got = Table.read(catalog), Table.read(out / "detections.fits")
    near, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    with fits.open(out / "cube" / "cube.fits") as c:
        right, up = WCS(c["IMAGE"].header, c).celestial.all_world2pix(truth["ra"], truth["dec"], 0)
    off, part = np.hypot(right - np.rint(right), up - np.rint(up)), np.array((got["significance"] * got["flux_err"] / got["flux"])[near])
    use = (apart.arcsec < 4) & np.array(got["channels"][near] >= 10)
    rows = []
    for low, high in ((0, .15), (.15, .3), (.3, .45), (.45, .6), (.6, .71)):
        k = use & (off >= low) & (off < high)
        rows.append({"from": low, "to": high, "stars": int(k.sum()), "median": float(np.median(part[k])), "scatter": float(part[k].std())})
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", type=Path, required=True)
    p.add_argument("--work", type=Path, required=True)
    p.add_argument("--seeds", default="11,12,13")
    p.add_argument("--sources", type=int, default=300)
    p.add_argument("--band", type=int, default=2)
    p.add_argument("--threshold", type=float, default=5)
    p.add_argument("--combination", default="both")
    p.add_argument("--places", type=int, default=3)
    p.add_argument("--grid", action="store_true")
    a = p.parse_args()
    tools.TESSERA = str(a.build / "tessera")
    a.work.mkdir(parents=True, exist_ok=True)
    if a.grid:
        print(json.dumps(by_place(a.work, a.places), indent=1))
        return
    parts = []
    for seed in a.seeds.split(","):
        frames, out, low = a.work / f"frames_{a.band}_{a.sources}_{seed}", a.work / f"out_{seed}", a.work / f"low_{seed}"
        if not (frames / "simulation.toml").exists():
            tessera("simulate", "spherex", "-o", frames, "--size", 256, "--sources", a.sources, "--bands", a.band, "--seed", seed, "--set", "spherex.groups=4", "--overwrite")
        for folder, threshold in ((out, a.threshold), (low, 2)):
            tessera("discover", "120.02,-9.05", frames, "--size", 24, "-o", folder, "--threshold", threshold, "--set", f"detection.combination={a.combination}", "--set", f"detection.places={a.places}", "--set", "output.pictures=false", "--overwrite")
        parts.append(field(frames, out, low))
    expected, hit, apart, ratios, pulls = (np.concatenate([np.array(part[k], float) for part in parts]) for k in range(5))
    table = [{"from": lo, "to": hi if np.isfinite(hi) else None, "sources": int(m.sum()), "found": int(hit[m].sum())} for lo, hi in BINS for m in [(expected >= lo) & (expected < hi)]]
    result = {"completeness": table, "detections": sum(part[5] for part in parts), "false": sum(part[6] for part in parts), "pixels": sum(part[7] for part in parts)}
    if len(ratios):
        result |= {"offset_arcsec": float(np.median(apart)), "fluxes": len(ratios), "ratio_16_50_84": [float(v) for v in np.percentile(ratios, [16, 50, 84])],
                   "pull_16_50_84": [float(v) for v in np.percentile(pulls, [16, 50, 84])]}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
