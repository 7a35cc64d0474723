"""Small spectral images in the layout of quick release 2, with known sources: made here by other means than the program's."""
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

UJY_PER_ARCSEC2 = 23.50443053909789
OMEGA = 6.15 ** 2
SIDE = 96


def moffat_cells(fwhm, n=101, oversample=10, beta=3.2):
    alpha = fwhm * oversample / (2 * np.sqrt(2 ** (1 / beta) - 1))
    v, u = (np.mgrid[:n, :n] - (n - 1) / 2) / alpha
    cells = (1 + (u / 1.05) ** 2 + (v / 0.95) ** 2) ** -beta
    return cells / cells.sum()


def overlap(place, cells, oversample, pixels):
    """Share of each cell (columns) in each native pixel (rows) when the grid's middle stands at `place`."""
    low = place + (np.arange(cells) - (cells - 1) / 2 - .5) / oversample
    edges = np.arange(pixels)[:, None]
    return np.clip(np.minimum(low + 1 / oversample, edges + .5) - np.maximum(low, edges - .5), 0, None) * oversample


def stamp(cells, x, y, shape, oversample=10):
    return overlap(y, cells.shape[0], oversample, shape[0]) @ cells @ overlap(x, cells.shape[1], oversample, shape[1]).T


def wavelength(x, y, detector=2):
    """At detector pixels counted from 0; linear, so that bilinear interpolation is exact."""
    first = {1: 0.75, 2: 1.1, 3: 1.64, 4: 2.42, 5: 3.81, 6: 4.42}.get(detector, 1.1)
    return first * (1.04 + 0.30 * y / SIDE + 0.02 * x / SIDE)


def sky_wcs(ra=150.0, dec=2.0, angle=0.0):
    w = WCS(naxis=2)
    w.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    w.wcs.crval, w.wcs.crpix = [ra, dec], [SIDE / 2, SIDE / 2]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    w.wcs.cd = 6.15 / 3600 * np.array([[-c, s], [s, c]])
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    a[2, 0], b[1, 1] = 2e-5, -1e-5
    from astropy.wcs import Sip
    w.sip = Sip(a, b, None, None, w.wcs.crpix)
    return w


def cards(header, w, cut=(0, 0), **more):
    head = w.to_header(relax=True)
    for key in [k for k in head if k.startswith("PC") or k.startswith("CDELT")]:
        del head[key]
    for i in (1, 2):
        for j in (1, 2):
            head[f"CD{i}_{j}"] = w.wcs.cd[i - 1, j - 1]
    header.update(head)
    header["CRPIX1"] -= cut[0]
    header["CRPIX2"] -= cut[1]
    header.update({"BUNIT": "MJy / sr", "DETCOORD": "sky", "JACTIVE": SIDE, "KACTIVE": SIDE, "CRPIX1A": 1.0 - cut[0], "CRPIX2A": 1.0 - cut[1], "FINAST": 0, "L2DQAFLG": "Pass"})
    header.update(more)


def write_frame(path, image, variance, flags, w, psfs, detector=2, mjd=60800.0, obsid="2025W18_2B_0001_1", cut=None, leave_out=(), **more):
    """`psfs`: four planes, zones of a 2 × 2 layout. `cut`: (x0, y0, x1, y1) of the detector to write alone."""
    x0, y0, x1, y1 = cut or (0, 0, SIDE, SIDE)
    part = (slice(y0, y1), slice(x0, x1))
    primary = fits.PrimaryHDU()
    primary.header["VERSION"] = "6.5.6"
    hdus = {name: fits.ImageHDU(data[part], name=name) for name, data in (("IMAGE", image.astype("f4")), ("FLAGS", flags.astype("i4")), ("VARIANCE", variance.astype("f4")), ("ZODI", np.full(image.shape, .1, "f4")))}
    cards(hdus["IMAGE"].header, w, (x0, y0), DETECTOR=detector, OBSID=obsid, **{"MJD-AVG": mjd, **{k.replace("_", "-"): v for k, v in more.items()}})
    if "cards" not in leave_out:
        for name, bit in (("TRANSIENT", 0), ("HOT", 10), ("SOURCE", 21)):
            hdus["FLAGS"].header[f"MP_{name}"] = bit
    psf = fits.ImageHDU(np.asarray(psfs, "f4"), name="PSF")
    psf.header["OVERSAMP"] = 10
    for i in range(4):
        for key, value in (("XCTR", (i % 2 + .5) * SIDE / 2), ("YCTR", (i // 2 + .5) * SIDE / 2), ("XWID", SIDE / 2), ("YWID", SIDE / 2)):
            psf.header[f"{key}_{i + 1}"] = value
    xs = np.linspace(1, SIDE, 5)
    yy, xx = np.meshgrid(xs - 1, xs - 1, indexing="ij")
    values = np.stack([wavelength(xx, yy, detector), wavelength(xx, yy, detector) / 41], -1).astype("f4")
    wave = fits.BinTableHDU.from_columns([fits.Column("X", "5E", array=xs[None].astype("f4")), fits.Column("Y", "5E", array=xs[None].astype("f4")), fits.Column("VALUES", "50E", dim="(2,5,5)", array=values[None])], name="WCS-WAVE")
    order = [hdus[n] for n in ("IMAGE", "FLAGS", "VARIANCE", "ZODI") if n not in leave_out] + [h for n, h in (("PSF", psf), ("WCS-WAVE", wave)) if n not in leave_out]
    fits.HDUList([primary, *order]).writeto(path, overwrite=True)
    return path


def write_calibration(folder, detector=2):
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[:SIDE, :SIDE].astype(float)
    head = fits.Header({"DETECTOR": detector})
    wave = wavelength(x, y, detector).astype("f4")
    fits.HDUList([fits.PrimaryHDU(header=head), fits.ImageHDU(wave, name="CWAVE"), fits.ImageHDU(wave / 41, name="CBAND")]).writeto(folder / f"spectral_wcs_D{detector}_spx_cal-wcs-v4-2025-150.fits", overwrite=True)
    fits.HDUList([fits.PrimaryHDU(header=head), fits.ImageHDU(np.full((SIDE, SIDE), OMEGA, "f4"), name="IMAGE")]).writeto(folder / f"solid_angle_pixel_map_D{detector}_spx_cal-sapm-v1-2025-150.fits", overwrite=True)


class Survey:
    """Frames of one field, each pointed a little otherwise, with point sources of constant flux density (µJy)."""

    def __init__(self, folder, positions, fluxes, frames=24, seed=1, sky=0.3, a=4e-4, b=2e-3, detector=2, motions=None, source_flags=True, defects=0.002):
        self.folder, self.random = folder, np.random.default_rng(seed)
        self.psfs = [moffat_cells(f) for f in (0.95, 1.0, 1.05, 1.1)]
        self.paths, self.flagged = [], []
        folder.mkdir(parents=True, exist_ok=True)
        write_calibration(folder / "calibration", detector)
        for k in range(frames):
            w = sky_wcs(150 + self.random.uniform(-1, 1) * 6.15 / 3600, 2 + self.random.uniform(-1, 1) * 6.15 / 3600, angle=[0, 180, 3.0][k % 3])
            mjd = 60800.0 + 100 * (k % 4)
            truth = np.full((SIDE, SIDE), sky)
            flags = np.zeros((SIDE, SIDE), int)
            for i, (ra, dec) in enumerate(positions):
                if motions is not None:
                    years = 2000 + (mjd - 51544.5) / 365.25 - 2016
                    ra, dec = ra + motions[i][0] * years / 3.6e6 / np.cos(np.radians(dec)), dec + motions[i][1] * years / 3.6e6
                x, y = (float(v) for v in w.all_world2pix(ra, dec, 0))
                if not (-6 < x < SIDE + 6 and -6 < y < SIDE + 6):
                    continue
                truth += fluxes[i] / (UJY_PER_ARCSEC2 * OMEGA) * stamp(self.zone(x, y), x, y, truth.shape)
                yy, xx = np.mgrid[:SIDE, :SIDE]
                if source_flags:
                    flags[np.hypot(xx - x, yy - y) < 4.5] |= 1 << 21
            image = truth + np.sqrt(a + b * (truth - sky)) * self.random.normal(size=truth.shape)
            variance = np.maximum(a + b * (image - sky), a / 4)
            hot = self.random.uniform(size=truth.shape) < defects
            image[hot] += 5
            flags[hot] |= 1 << 10
            path = folder / f"level2_2025W18_2B_{k:04d}_1D{detector}_spx_l2b-v12-2025-164.fits"
            self.paths.append(write_frame(path, image, variance, flags, w, self.psfs, detector, mjd, f"2025W18_2B_{k:04d}_1"))
            self.flagged.append(flags)

    def zone(self, x, y):
        i = min(range(4), key=lambda i: ((i % 2 + .5) * SIDE / 2 - x) ** 2 + ((i // 2 + .5) * SIDE / 2 - y) ** 2)
        return self.psfs[i]


def grid_positions(n=5, spacing=17, seed=2):
    """n × n places about (150, 2), `spacing` pixels apart, at random sub-pixel places."""
    random = np.random.default_rng(seed)
    offsets = (np.arange(n) - (n - 1) / 2) * spacing * 6.15 / 3600
    return [(150 + x + random.uniform(-.5, .5) * 6.15 / 3600, 2 + y + random.uniform(-.5, .5) * 6.15 / 3600) for y in offsets for x in offsets]
