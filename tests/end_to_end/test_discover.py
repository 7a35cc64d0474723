"""tessera discover: stars of simulated spectral images found without a list, and nothing else."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tools import ROOT, TESSERA, run_record, tessera

sys.path.insert(0, str(ROOT / "bench"))
from spherex_discover import channels_at, positions  # noqa: E402

TARGET = "120.02,-9.05"
SHIM = pathlib.Path(os.environ.get("TESSERA_BUILD", pathlib.Path(TESSERA).parent)) / "tests" / "libfaulty_io.so"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    out = tmp_path_factory.mktemp("discover") / "frames"
    tessera("simulate", "spherex", "-o", out, "--size", 256, "--sources", 300, "--bands", 2, "--seed", 11, "--set", "spherex.groups=4")
    return out


def discover(out, frames, *more, code=0):
    return tessera("discover", TARGET, frames, "--size", "24", "-o", out, "--set", "output.pictures=false", *more, code=code)


@pytest.fixture(scope="module")
def found(frames, tmp_path_factory):
    out = tmp_path_factory.mktemp("discover") / "out"
    discover(out, frames, "--measure", "--threads", 1)
    return out


def test_bright_stars_are_found_and_nothing_else(frames, found):
    truth, got = Table.read(frames / "truth_sources.ecsv"), Table.read(found / "detections.fits")
    there = channels_at(found / "cube" / "cube.fits", truth) >= 4
    nearest, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    bright = there & (truth["flux"] > 100)
    hit = apart.arcsec < 6
    assert bright.sum() >= 15
    assert (bright & ~hit).sum() <= 1, truth[bright & ~hit]
    assert np.median(apart.arcsec[bright & hit]) < .6
    fluxes, looks = Table.read(frames / "truth" / "fluxes.fits"), Table.read(found / "quicklook.fits")
    ratios = []
    for k in np.flatnonzero(bright & hit):
        look, true = looks[looks["id"] == got["id"][nearest[k]]], fluxes[fluxes["id"] == truth["id"][k]]
        order = np.argsort(true["wavelength"])
        ratio = look["flux"] / np.interp(look["wavelength"], true["wavelength"][order], true["flux"][order])
        ratios += list(ratio[look["significance"] > 5])
    assert len(ratios) > 100 and abs(np.median(ratios) - 1) < .03  # the error of the median is 0.01 here; free of noise: the next test
    _, away, _ = positions(got).match_to_catalog_sky(positions(truth))
    assert (away.arcsec > 12).sum() <= 1, got[away.arcsec > 12]
    assert len(got) > bright.sum() and (np.diff(got["significance"]) <= 0).all() and got["significance"].min() > 5


def test_quick_fluxes_are_true_to_two_percent(tmp_path):
    """Without noise what is left is the flux's own error: the response of zone, angle, pixel phase and strip edge."""
    frames = tmp_path / "frames"
    tessera("simulate", "spherex", "-o", frames, "--size", 256, "--sources", 120, "--bands", 2, "--seed", 5, "--set", "spherex.groups=3", "--set", "noise.photon=false", "--set", "noise.read=false")
    discover(tmp_path / "out", frames)
    truth, got = Table.read(frames / "truth_sources.ecsv"), Table.read(tmp_path / "out" / "detections.fits")
    fluxes, looks = Table.read(frames / "truth" / "fluxes.fits"), Table.read(tmp_path / "out" / "quicklook.fits")
    nearest, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    _, alone, _ = positions(truth).match_to_catalog_sky(positions(truth), nthneighbor=2)
    ratios = []
    for k in np.flatnonzero((truth["flux"] > 150) & (apart.arcsec < 4) & (alone.arcsec > 50)):
        look, true = looks[looks["id"] == got["id"][nearest[k]]], fluxes[fluxes["id"] == truth["id"][k]]
        order = np.argsort(true["wavelength"])
        ratio = look["flux"] / np.interp(look["wavelength"], true["wavelength"][order], true["flux"][order])
        ratios += list(ratio[look["significance"] > 10])
    ratios = np.array(ratios)
    assert len(ratios) > 40
    assert abs(np.median(ratios) - 1) < .003
    assert np.mean(np.abs(ratios - 1) < .02) > .9, np.percentile(ratios, [2, 16, 84, 98])


def test_completeness_and_purity_against_truth(frames, found, tmp_path):
    """By the significance that a source of its flux has where it lies: errors are those of the many peaks of noise above 2 sigma."""
    discover(tmp_path / "low", frames, "--threshold", 2)
    peaks, got, truth = Table.read(tmp_path / "low" / "detections.fits"), Table.read(found / "detections.fits"), Table.read(frames / "truth_sources.ecsv")
    fluxes = Table.read(frames / "truth" / "fluxes.fits")
    there = channels_at(found / "cube" / "cube.fits", truth) >= 4
    flux = np.array([np.mean(fluxes["flux"][fluxes["id"] == i]) if (fluxes["id"] == i).any() else 0 for i in truth["id"]])
    near, _, _ = positions(truth).match_to_catalog_sky(positions(peaks))
    expected = flux / np.array(peaks["flux_err"][near])
    _, apart, _ = positions(truth).match_to_catalog_sky(positions(got))
    hit = apart.arcsec < 9
    assert (there & (expected > 8)).sum() > 25
    assert hit[there & (expected > 8)].mean() > .9
    assert hit[there & (expected > 5.5) & (expected < 8)].mean() > .5
    assert hit[there & (expected < 3)].mean() < .15
    _, away, _ = positions(got).match_to_catalog_sky(positions(truth))
    assert (away.arcsec < 12).mean() > .97


def test_the_report_shows_the_image_and_the_spectra(frames, tmp_path):
    tessera("discover", TARGET, frames, "--size", "24", "-o", tmp_path / "out", "--channels", "20-26")
    out = tmp_path / "out"
    page = (out / "report.html").read_text()
    got = Table.read(out / "detections.fits")
    once = int((got["channels_seen"] < 2).sum())
    assert (f"{once} of {len(got)} detections are seen in one channel or none" in page) == (once > 0)
    assert page.count("<circle") >= len(got) > 10 and page.count('id="s') >= min(len(got), 60)
    assert "Quick-look spectra" in page and 'src="http' not in page and page.count("data:image/png") >= 1
    ElementTree.fromstring(page[page.index("<html"):])
    assert (out / "detection.png").read_bytes()[:4] == b"\x89PNG"
    with fits.open(out / "detection.fits") as image:
        x, y = WCS(image[0].header).all_world2pix(got["ra"], got["dec"], 0)
        peaks = image[0].data[np.rint(y).astype(int), np.rint(x).astype(int)]
    assert np.mean(np.abs(peaks - got["significance"]) < 1e-3) > .8  # a place may have moved to the pixel beside the peak


def test_a_run_that_ends_while_it_measures_is_not_complete_and_goes_on(frames, found, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "spectra").write_text("in the way")
    done = discover(out, frames, "--measure", code=2)
    assert "spectra" in done.stderr
    assert not (out / "run.json").exists() and (out / "cube" / "run.json").exists() and (out / ".tessera").is_dir()
    cube = (out / "cube" / "cube.fits").stat().st_mtime_ns
    assert "unfinished run of another plan" in discover(out, frames, "--threshold", 7, code=2).stderr
    (out / "spectra").unlink()
    tessera("resume", out)
    assert (out / "run.json").exists() and not (out / ".tessera").exists()
    assert (out / "cube" / "cube.fits").stat().st_mtime_ns == cube
    for name in ("detections.ecsv", "quicklook.fits", "spectra/measurements.fits"):
        assert (out / name).read_bytes() == (found / name).read_bytes(), name
    assert "--overwrite" in discover(out, frames, code=2).stderr


def products(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.suffix in (".fits", ".ecsv") and ".tessera" not in p.parts}


@pytest.mark.skipif(not SHIM.exists(), reason="skipped: the fault-injecting library is not built")
def test_a_run_killed_anywhere_leaves_nothing_half_written_and_ends_with_the_same_bits(tmp_path):
    """Killed (-9) at calls that change a file, the write torn in half: while the cube is made, while it is put in place, while sources are measured, and at the end."""
    tessera("simulate", "spherex", "-o", tmp_path / "frames", "--size", 128, "--sources", 60, "--bands", 2, "--seed", 11, "--set", "spherex.groups=2")

    def run(out, **faults):
        return subprocess.run([TESSERA, "discover", TARGET, tmp_path / "frames", "--size", "12", "-o", out, "--measure", "--threads", "1", "--set", "output.pictures=false"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=120, env={**os.environ, **({"LD_PRELOAD": str(SHIM)} if faults else {}), **{k: str(v) for k, v in faults.items()}})

    reference = tmp_path / "reference"
    assert run(reference, KILL_COUNT=tmp_path / "count").returncode == 0
    calls, whole = int((tmp_path / "count").read_text()), products(reference)
    assert calls > 200 and {"cube/cube.fits", "detections.ecsv", "spectra/measurements.fits"} <= set(whole)
    moments = sorted(random.Random(6).sample(range(2, calls - 60), 6)) + sorted(random.Random(7).sample(range(calls - 150, calls + 1), 8))
    told = set()
    for moment in moments:
        out = tmp_path / f"at{moment}"
        died = run(out, KILL_AT=moment)
        assert died.returncode == -signal.SIGKILL, (moment, died.stderr)
        left, finished, unfinished = products(out), (out / "run.json").exists(), (out / ".tessera").exists()
        assert all(whole[name] == bits for name, bits in left.items()), moment
        assert not finished or left == whole, moment
        again = run(out)
        if finished and not unfinished:
            assert again.returncode == 2 and "finished run already" in again.stderr, (moment, again.stderr)
        else:
            assert again.returncode == 0, (moment, again.stderr)
            told |= {words for words in ("its cube is finished", "its cube is not finished and is made anew") if f"a run was interrupted here; {words}" in again.stderr}
        assert products(out) == whole, moment
        assert not list(out.rglob(".tessera")), moment
        shutil.rmtree(out)
    assert len(told) == 2, told


def test_tables_agree_with_each_other_and_with_the_forced_fit(found):
    got, looks = Table.read(found / "detections.fits"), Table.read(found / "quicklook.fits")
    assert np.array_equal(got["id"], np.arange(1, len(got) + 1))
    for row in got[:10]:
        of = looks[looks["id"] == row["id"]]
        assert len(of) == row["channels"] and (of["significance"] >= 3).sum() == row["channels_seen"]
        weight = of["flux_err"] ** -2.
        assert row["flux"] == pytest.approx((weight * of["flux"]).sum() / weight.sum(), rel=1e-5)
        seen = of[of["significance"] >= 3]
        assert row["brightest_channel"] == seen["channel"][np.argmax(seen["flux"])]
    measured = Table.read(found / "spectra" / "spectra.fits")
    assert len(measured) == len(got)
    record = run_record(found)
    assert record["results"]["sources"] == len(got) and record["results"]["channels"] == 17


def test_threads_change_no_bit(frames, found, tmp_path):
    discover(tmp_path / "out", frames, "--threads", 3)
    for name in ("detections.ecsv", "quicklook.fits"):
        assert (tmp_path / "out" / name).read_bytes() == (found / name).read_bytes()


def test_refusals(frames, found, tmp_path):
    assert "--overwrite" in discover(found, frames, code=2).stderr
    assert "synthetic bands" in discover(tmp_path / "a", frames, "--bands", "K.dat", code=2).stderr
    path = sorted(frames.glob("level2_*.fits"))[0]
    with fits.open(path) as hdus:
        del hdus["PSF"]
        hdus.writeto(tmp_path / path.name)
    more = ("--calibration", frames / "calibration")
    place = f"{fits.getval(path, 'CRVAL1', 'IMAGE')},{fits.getval(path, 'CRVAL2', 'IMAGE')}"
    done = tessera("discover", place, tmp_path / path.name, "--size", "10", "-o", tmp_path / "b", *more, code=1)
    assert "no PSF for channel" in done.stderr and "--fwhm" in done.stderr and not (tmp_path / "b").exists()
    tessera("discover", place, tmp_path / path.name, "--size", "10", "-o", tmp_path / "c", "--fwhm", "9", "--set", "output.pictures=false", *more)
    none = discover(tmp_path / "d", frames, "--threshold", "900")
    assert "0 sources" in none.stderr and len(Table.read(tmp_path / "d" / "detections.fits")) == 0
