"""Fixed-place PSF fits by photutils on pixels that `tessera spectrum` fitted, with the same PSF and background: what differs is the program, and the weights."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.modeling import Fittable2DModel, Parameter
from astropy.stats import SigmaClip
from astropy.table import Table
from spectrum_frames import UJY_PER_ARCSEC2, overlap
from spherex_runs import good, spectrum

SIDE, NEAR = 15, 2.5
MASKED = sum(1 << bit for bit in (0, 1, 2, 6, 9, 10, 11, 15, 17, 19, 21, 26, 27, 28, 29))  # what local backgrounds leave out


class ZonePsf(Fittable2DModel):
    """Light of a star in native pixels: cells of a tenth of a pixel, cut at the pixels' edges, cell (50, 50) on the star."""
    flux, x_0, y_0 = Parameter(default=1), Parameter(default=0, fixed=True), Parameter(default=0, fixed=True)
    cells = None

    def evaluate(self, x, y, flux, x_0, y_0):
        columns, rows = np.unique(x), np.unique(y)
        share = overlap(float(np.ravel(y_0)[0]) - rows[0], 101, 10, len(rows)) @ self.cells @ overlap(float(np.ravel(x_0)[0]) - columns[0], 101, 10, len(columns)).T
        return np.ravel(flux)[0] * share[np.searchsorted(rows, y), np.searchsorted(columns, x)]


def zones(hdu):
    """(centres, counted from 0; cells) of all zones."""
    return np.array([(hdu.header[f"XCTR_{i}"], hdu.header[f"YCTR_{i}"]) for i in range(1, 122)]), hdu.data.astype(float)


@dataclass
class Square:
    """What a measurement was fitted in. Places are counted from the centre of its first pixel."""
    row: int  # of the table, from 0
    frame: Path
    corner: np.ndarray  # place of that pixel on the frame
    image: np.ndarray  # MJy/sr
    flags: np.ndarray
    variance: np.ndarray
    x: float
    y: float
    others: np.ndarray  # places of all sources on the frame, this one too
    centres: np.ndarray  # of the frame's zones
    planes: np.ndarray
    unit: float  # µJy per pixel of 1 MJy/sr

    def cells(self, x, y):
        """Of the zone nearest to a place."""
        return self.planes[np.argmin(((self.centres - (x, y)) ** 2).sum(axis=1))]


def some_frames(few, folder, frames):
    """So many of the frames of `folder`, from all over it, as links in `few`."""
    few.mkdir(parents=True, exist_ok=True)
    paths = sorted(folder.glob("level2_*.fits"))
    for p in paths[::max(1, len(paths) // frames)][:frames]:
        (few / p.name).symlink_to(p.resolve())
    return few


def squares(t, out, few, folder, stars=1000, fitted=1):
    """The squares of good measurements with so many sources in the fit, up to `stars` on each frame, away from edges."""
    names = [str(n).strip() for n in Table.read(out / "frames.fits")["file"]]
    omega = fits.getdata(next((folder / "calibration").glob("solid_angle_pixel_map_D2_*.fits"))).astype(float)
    half = SIDE // 2
    for number in np.unique(t["frame"]):
        with fits.open(few / names[number - 1]) as hdus:
            image, flags, variance = (hdus[n].data.astype(d) for n, d in (("IMAGE", float), ("FLAGS", int), ("VARIANCE", float)))
            centres, planes = zones(hdus["PSF"])
        here = np.asarray(t["frame"] == number)
        places = np.stack([np.asarray(t[c][here]) - 1 for c in ("x_image", "y_image")], axis=1)
        for i in np.flatnonzero(here & good(t))[:stars]:
            x, y = t["x_image"][i] - 1, t["y_image"][i] - 1
            if min(x, y) < SIDE or max(x, y) > image.shape[0] - 1 - SIDE or t["n_fitted"][i] != fitted or t["bkg_side"][i] != SIDE:
                continue
            cx, cy = int(np.rint(x)), int(np.rint(y))
            corner, cut = np.array((cx - half, cy - half)), np.s_[cy - half:cy + half + 1, cx - half:cx + half + 1]
            yield Square(i, few / names[number - 1], corner, image[cut], flags[cut], variance[cut], x - corner[0], y - corner[1], places - corner, centres - corner, planes, UJY_PER_ARCSEC2 * omega[cy, cx])


def one_star(photometry, square, row):
    """(flux with even weights, flux with 1/variance, background): µJy, background per pixel."""
    from photutils.background import SExtractorBackground
    yy, xx = np.mgrid[:SIDE, :SIDE]
    near = (np.hypot(xx[..., None] - square.others[:, 0], yy[..., None] - square.others[:, 1]) <= NEAR).any(axis=-1)
    mask = near | (square.flags & MASKED != 0)
    background = SExtractorBackground(SigmaClip(3.0)).calc_background(np.ma.array(square.image, mask=mask)) * square.unit
    data = square.image * square.unit - row["flux_bkg"]
    model = ZonePsf(1.0, square.x, square.y)
    model.cells = square.cells(square.x, square.y)
    even = photometry(model, (SIDE, SIDE))(data, init_guesses=Table([[model.x_0.value], [model.y_0.value], [max(row["flux"], 1.0)]], names=("x_0", "y_0", "flux_0")))["flux_fit"][0]
    from astropy.modeling.fitting import LevMarLSQFitter
    weighted = LevMarLSQFitter()(model, xx, yy, data, weights=square.variance ** -.5 / square.unit).flux.value
    return even, weighted, background


def forced(model, shape):
    from photutils.psf import BasicPSFPhotometry, DAOGroup
    return BasicPSFPhotometry(group_maker=DAOGroup(1.0), bkg_estimator=None, psf_model=model, fitshape=shape)


def compare(work, catalog, folder, frames, stars):
    """Rows (what, limit, measured, met) of tessera's fluxes less photutils', in σ of the measurement; on so many frames, of up to `stars` stars on each."""
    import warnings
    import photutils
    warnings.simplefilter("ignore")
    few = some_frames(work / "peer_frames", folder, frames)
    runs = {v: spectrum(catalog, few, work / f"peer_{v}", "--variance", v, "--calibration", folder / "calibration") for v in ("smooth", "plane")}
    off = {"even": [], "plane": []}
    snr, backgrounds = [], []
    for square in squares(runs["smooth"], work / "peer_smooth", few, folder, stars):
        smooth, plane = runs["smooth"][square.row], runs["plane"][square.row]
        even, weighted, background = one_star(forced, square, smooth)
        off["even"].append((smooth["flux"] - even) / smooth["flux_err"])
        off["plane"].append((plane["flux"] - weighted) / plane["flux_err"])
        backgrounds.append((smooth["flux_bkg"] - background) / smooth["flux_err"])
        snr.append(smooth["flux"] / smooth["flux_err"])
    return rows_of(photutils.__version__, np.array(snr), np.array(off["even"]), np.array(off["plane"]), np.array(backgrounds))


def rows_of(version, snr, even, plane, background):
    def told(v):
        if not len(v):
            return "none"
        return f"median {np.median(v):+.4f}, rms {v.std():.4f}, at most {abs(v).max():.4f} σ ({len(v)})"
    faint, bright = snr < 10, snr > 100
    return [(f"photutils {version}, weights 1/VARIANCE, less --variance plane", "0.1 σ", told(plane), bool(len(plane) > 20 and abs(plane).max() < .1)),
            ("even weights, less --variance smooth, S/N below 10", "–", told(even[faint]), None),
            ("the same, S/N 10 to 100", "–", told(even[~faint & ~bright]), None),
            ("the same, S/N above 100", "–", told(even[bright]), None),
            ("background per pixel, less photutils' SExtractorBackground on the same pixels", "0.1 σ of the flux", told(background), bool(abs(background).max() < .1))]
