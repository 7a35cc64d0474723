#!/usr/bin/python3
"""Every header of the shared data through wcs_dump: positions against astropy, against recorded reference positions and, where
the Starlink AST program was built, against AST; whatever is not accepted must be refused with its reason.

Usage: test_wcs_against_astropy.py FOLDER_OF_PROGRAMS [--table]     (--table prints the table of docs/formats/wcs.md)
"""
import csv
import gzip
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
from astropy.coordinates import SkyCoord  # noqa: E402
from astropy.io import fits  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("TESSERA_SHARED_DATA", ROOT / "../shared/data"))

# What must be refused, and a word the reason must hold. Anything else must be accepted.
REFUSED = {
    ("distortion/dist.fits", 0): "no celestial coordinates",
    ("distortion/dist.fits", 1): "no celestial coordinates",
    ("distortion/too_many_pv.hdr", 0): "PV polynomial",
    ("distortion/header_newlines.fits", 0): "PV polynomial",
    ("distortion/j94f05bgq_flt.fits", 0): "no celestial coordinates",
    ("scamp_ahead/decam.ahead", 0): "CRVAL1",
    ("scamp_ahead/megacam.ahead", 0): "no celestial coordinates",
    ("scamp_ahead/wircam.ahead", 0): "no celestial coordinates",
    ("wcs_images/cdtest1.fits", 0): "no celestial coordinates",
}
# The HDU looked at where the first one holds no image.
HDUS = {"j94f05bgq_flt.fits": (0, 1), "dist_lookup.fits.gz": (1,), "dist.fits": (0, 1), "acs.hdr": (0,), "tnx.fits": (0,)}
# The published inverse of the COBE cube is an approximation (our notes say so), and AST rounds its coefficients differently.
LOOSE_INVERSE = {"1904-66_CSC.hdr": 0.3}
AST_DIFFERS = {"1904-66_CSC.hdr": 1e-4}


def unpacked(path, folder):
    """The file itself, or its content without gzip."""
    if path.suffix != ".gz":
        return path
    target = Path(folder) / path.stem
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return target


def header_of(path, hdu):
    if path.suffix == ".fits":
        hdus = fits.open(path)
        return hdus[hdu].header, hdus
    text = path.read_bytes().decode("latin1")
    if "\n" in text[:100]:
        cards = [line[:80].ljust(80) for line in text.splitlines()]
    else:
        cards = [text[i:i + 80].ljust(80) for i in range(0, len(text), 80)]
    keep = []
    for card in cards:
        if card.startswith("END") and not card[3:].strip():
            break
        keep.append(card)
    return fits.Header.fromstring("".join(keep)), None


def run(program, path, hdu, points, *options):
    text = "".join(f"{x:.17g} {y:.17g}\n" for x, y in points)
    done = subprocess.run([program, str(path), str(hdu), *options], input=text, capture_output=True, text=True, check=True)
    first, *rows = done.stdout.splitlines()
    return first.split("\t"), np.array([[float(v) for v in row.split()] for row in rows])


def sample(header):
    """Pixels over the image (a nominal 1000 x 1000 where the header has no size), counted from 0."""
    nx, ny = (header.get(f"NAXIS{i}", 0) for i in (1, 2))
    if nx < 20 or ny < 20:
        nx, ny = (max(200, int(2 * abs(header.get(f"CRPIX{i}", 500)))) for i in (1, 2))
    gx, gy = np.meshgrid(np.linspace(-0.5, nx - 0.5, 13), np.linspace(-0.5, ny - 0.5, 11))
    return np.column_stack([gx.ravel(), gy.ravel()])


def to_icrs(frame, lng, lat):
    """astropy's native positions in our frame of reference (FK5 is taken as ICRS)."""
    if frame == "GALACTIC":
        c = SkyCoord(l=lng, b=lat, frame="galactic", unit="deg").icrs
        return c.ra.deg, c.dec.deg
    return lng, lat


def astropy_wcs(path, hdu, distortion):
    header, hdus = header_of(path, hdu)
    if distortion == "SCAMP-PV":  # which astropy does not know under the name TAN
        for i in (1, 2):
            header[f"CTYPE{i}"] = header[f"CTYPE{i}"].replace("TAN", "TPV")
    return WCS(header, hdus)


def pixels_off(wcs_scale, a, b):
    """Largest distance of two lists of (ra, dec), in pixels."""
    d_ra = (a[:, 0] - b[:, 0] + 180) % 360 - 180
    d = np.hypot(d_ra * np.cos(np.radians(a[:, 1])), a[:, 1] - b[:, 1])
    return float(np.nanmax(d) / wcs_scale) if np.isfinite(d).any() else 0.0


def scale_of(wcs):
    return float(np.sqrt(abs(np.linalg.det(wcs.celestial.pixel_scale_matrix))))


class Report:
    def __init__(self):
        self.failures, self.rows = [], []

    def check(self, ok, name, what):
        if not ok:
            self.failures.append(f"{name}: {what}")


def against_astropy(report, name, path, hdu, answer, points, ours):
    wcs = astropy_wcs(path, hdu, answer[3])
    theirs = np.column_stack(to_icrs(answer[2], *wcs.all_pix2world(points[:, 0], points[:, 1], 0)))
    mine_valid, their_valid = np.isfinite(ours[:, 0]), np.isfinite(theirs[:, 0])
    report.check(bool((mine_valid == their_valid).all()), name,
                 f"{(mine_valid != their_valid).sum()} of {len(points)} pixels are on the sky for one program only")
    off = pixels_off(scale_of(wcs), ours, theirs)
    report.check(off < 1e-6, name, f"{off:.2e} px from astropy")
    back = np.nanmax(np.hypot(*(ours[:, 2:] - points).T)) if mine_valid.any() else 0.0
    report.check(back < LOOSE_INVERSE.get(path.name, 1e-6), name, f"round trip off by {back:.2e} px")
    return off, back


def against_ast(programs, path, hdu, points, ours, scale):
    """Maximum difference in pixels, or the reason why AST has no answer."""
    program = programs / "ast_dump"
    if not program.exists():
        return None
    header, _ = header_of(path, hdu)
    with tempfile.NamedTemporaryFile("w", suffix=".hdr") as cards:
        for card in header.cards:
            image = card.image
            cards.write("".join(image[i:i + 80].ljust(80) + "\n" for i in range(0, len(image), 80)))
        cards.flush()
        answer, theirs = run(program, cards.name, 0, points)
    if answer[0] != "accepted":
        return answer[1] if len(answer) > 1 else "refused"
    both = np.isfinite(theirs[:, 0]) & np.isfinite(ours[:, 0])
    if not both.any():
        return "no common pixels"
    off = pixels_off(scale, ours[both], theirs[both])
    return off


def reference_positions(report, programs, folder):
    """GalSim's positions: 1e-5 arcsec for SIP, TPV and REGION, 0.03 arcsec (frame tie) for the rest."""
    with open(SHARED / "wcs_images/reference_positions.csv", newline="") as f:
        for row in csv.DictReader(f):
            path = unpacked(SHARED / "wcs_images" / row["file"], folder)
            point = np.array([[float(row["x_fits_1based"]) - 1, float(row["y_fits_1based"]) - 1]])
            _, ours = run(programs / "wcs_dump", path, 0, point)
            truth = np.array([[float(row["ra_deg"]), float(row["dec_deg"])]])
            arcsec = pixels_off(1 / 3600, ours, truth)
            limit = 1e-5 if row["file"].split(".")[0] in ("sipsample", "tpv", "region") else 0.03
            report.check(arcsec < limit, row["file"], f"{arcsec:.2e} arcsec from the reference position, limit {limit}")


def check_file(report, programs, folder, path):
    relative = str(path.relative_to(SHARED / "wcs_headers")) if "wcs_headers" in path.parts else f"wcs_images/{path.name}"
    plain = unpacked(path, folder)
    for hdu in HDUS.get(path.name, (0,)):
        name = f"{relative}[{hdu}]"
        header, _ = header_of(plain, hdu)
        points = sample(header)
        answer, ours = run(programs / "wcs_dump", plain, hdu, points)
        expected = REFUSED.get((relative, hdu))
        if answer[0] == "refused":
            report.check(expected is not None and expected in answer[1], name, f"refused: {answer[1]}")
            report.rows.append((name, "refused", answer[1].split(": ", 1)[1], "", ""))
            continue
        report.check(expected is None, name, "accepted, but should have been refused")
        off, back = against_astropy(report, name, plain, hdu, answer, points, ours)
        scale = scale_of(astropy_wcs(plain, hdu, answer[3]))
        ast = "no look-up tables" if "LOOKUP" in answer[3] else against_ast(programs, plain, hdu, points, ours, scale)
        if isinstance(ast, float):
            limit = AST_DIFFERS.get(path.name, 1e-6)
            report.check(ast < limit, name, f"{ast:.2e} px from AST, limit {limit}")
        what = " ".join(w for w in (answer[1], answer[3], answer[2]) if w)
        report.rows.append((name, "accepted", what, f"{off:.0e}", ast if isinstance(ast, (str, type(None))) else f"{ast:.0e}"))


def main():
    programs = Path(sys.argv[1])
    if not SHARED.exists():
        print("skipped: no shared data")
        return 77
    report = Report()
    files = sorted(p for p in (SHARED / "wcs_headers").rglob("*") if p.is_file())
    images = sorted(p for p in (SHARED / "wcs_images").iterdir() if p.name != "reference_positions.csv")
    with tempfile.TemporaryDirectory() as folder:
        for path in files + images:
            check_file(report, programs, folder, path)
        reference_positions(report, programs, folder)
    if "--table" in sys.argv:
        for row in report.rows:
            print("| " + " | ".join(str(v) if v is not None else "" for v in row) + " |")
    print(f"{len(files)} headers, {len(images)} images, {sum(r[1] == 'accepted' for r in report.rows)} readings accepted, "
          f"{len(report.failures)} failures")
    for failure in report.failures:
        print("FAILED", failure)
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
