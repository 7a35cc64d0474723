"""The other programs on the same frames and grid. Each gets the frames as it reads them fastest (TPV headers and weight maps for SWarp,
NaN for masked pixels elsewhere); making those files is not timed."""
import shutil
import subprocess
from pathlib import Path

import numpy as np
import peers
from astropy.io import fits
from tools import sip_to_tpv
from timing import say, timed

HERE = Path(__file__).resolve().parent
FATAL = 32520  # mask bits of the irac profile


def swarp_files(stack, out, work):
    """Frames with TPV headers, weight maps and the grid, in `work`; their names."""
    work.mkdir()
    names = []
    for i, image in enumerate(stack.images):
        data, good = peers.prepared_frame(image, image.with_name(image.name.replace("_cbcd", "_bimsk")), FATAL, 0.0)
        fits.writeto(work / f"f{i}.fits", data.astype(np.float32), sip_to_tpv(fits.getheader(image)), output_verify="silentfix")
        fits.writeto(work / f"f{i}.weight.fits", good)
        names.append(f"f{i}.fits")
    grid = fits.getheader(out / "mosaic.fits")
    angle = np.radians(grid["CROTA2"])
    cards = {k: grid[k] for k in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "NAXIS1", "NAXIS2")}
    cards |= {"CD1_1": grid["CDELT1"] * np.cos(angle), "CD1_2": -grid["CDELT2"] * np.sin(angle),
              "CD2_1": grid["CDELT1"] * np.sin(angle), "CD2_2": grid["CDELT2"] * np.cos(angle)}
    (work / "coadd.head").write_text("".join(f"{str(fits.Card(k, v)):80s}\n" for k, v in cards.items()) + "END\n")
    return names


def swarp_command(names, kernel, threads=1):
    return ["SWarp", *names, "-c", "/dev/null", "-WEIGHT_TYPE", "MAP_WEIGHT", "-RESCALE_WEIGHTS", "N", "-FSCALASTRO_TYPE", "NONE", "-SUBTRACT_BACK", "N",
            "-COMBINE_TYPE", "WEIGHTED", "-VERBOSE_TYPE", "QUIET", "-WRITE_XML", "N", "-NTHREADS", threads, "-RESAMPLING_TYPE", kernel]


def swarp_result(work):
    return fits.getdata(work / "coadd.fits").astype(float), fits.getdata(work / "coadd.weight.fits") > 0


def masked_files(stack, out, work, most=None):
    """SIP frames with NaN where masked, for Montage, drizzle and reproject; and the grid as text and as FITS."""
    work.mkdir()
    for i, image in enumerate(stack.images[:most]):
        data, good = peers.prepared_frame(image, image.with_name(image.name.replace("_cbcd", "_bimsk")), FATAL, 0.0)
        fits.writeto(work / f"m{i:04}.fits", np.where(good > 0, data, np.nan).astype(np.float32), fits.getheader(image), output_verify="silentfix")
    peers.grid_cards(out, work / "grid.hdr")
    header = fits.Header.fromtextfile(work / "grid.hdr")
    fits.PrimaryHDU(np.zeros((1, 1), np.float32), fits.Header()).writeto(work / "none.fits", overwrite=True)
    header.tofile(work / "grid.fits", overwrite=True)
    return sorted(work.glob("m[0-9]*.fits"))


def montage(work, program, frames):
    """mProjectPP or mProject of the first `frames` frames, each its own process, scaled to all."""
    files = sorted(work.glob("m[0-9]*.fits"))
    total = None
    for f in files[:frames]:
        cost = timed([program, f.name, "projected_" + f.name, "grid.hdr"], cwd=work)
        total = total + cost if total else cost
    return total * (len(files) / min(frames, len(files)))


def montage_chain(work):
    """Projection, background matching and coadd as Montage does them; CPU of all its programs. mBgExec corrects, mBgModel solves."""
    for folder in ("raw", "projected", "differences", "corrected"):
        shutil.rmtree(work / folder, ignore_errors=True)
        (work / folder).mkdir()
    for f in work.glob("m[0-9]*.fits"):
        (work / "raw" / f.name).symlink_to(f)
    steps = [["mImgtbl", "raw", "raw.tbl"], ["mProjExec", "-p", "raw", "raw.tbl", "grid.hdr", "projected", "stats.tbl"],
             ["mImgtbl", "projected", "projected.tbl"], ["mOverlaps", "projected.tbl", "overlaps.tbl"],
             ["mDiffFitExec", "-p", "projected", "overlaps.tbl", "grid.hdr", "differences", "fits.tbl"],
             ["mBgModel", "-a", "projected.tbl", "fits.tbl", "corrections.tbl"],
             ["mBgExec", "-a", "-p", "projected", "projected.tbl", "corrections.tbl", "corrected"],
             ["mAdd", "-p", "corrected", "projected.tbl", "grid.hdr", "montage.fits"]]
    costs = {step[0]: timed(step, cwd=work) for step in steps}
    total = None
    for cost in costs.values():
        total = total + cost if total else cost
    return total, costs["mDiffFitExec"] + costs["mBgModel"] + costs["mBgExec"] + costs["mOverlaps"]


def python_peer(python, script, *arguments):
    return timed([python, HERE / script, *arguments])


def newest_python(build):
    """A Python with the newest drizzle and reproject in a virtual environment under `build`; Debian's where the index does not answer."""
    folder = build / "bench-venv"
    python = folder / "bin" / "python"
    marker = folder / "complete"
    if marker.is_file():
        return python
    try:
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--clear", folder], check=True, capture_output=True, timeout=120)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "numpy", "astropy", "drizzle", "reproject"], check=True, capture_output=True, timeout=600)
        marker.write_text("")
        return python
    except (subprocess.SubprocessError, OSError) as error:
        words = getattr(error, "stderr", b"") or b""
        say(f"no virtual environment for drizzle and reproject ({words.decode(errors='replace').strip()[-200:] or error}); Debian's packages are taken")
        return Path("/usr/bin/python3")


def python_has(python, module):
    return subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0


def version_of(python, module):
    done = subprocess.run([python, "-c", f"import {module}; print({module}.__version__)"], capture_output=True, text=True)
    return done.stdout.strip() or "?"


def program_version(command, word=-1):
    done = subprocess.run(command, capture_output=True, text=True)
    text = (done.stdout + done.stderr).strip().splitlines()
    return text[0].strip() if text else "?"
