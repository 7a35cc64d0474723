"""Small SPHEREx spectral images of a known sky, written with astropy in the layout of quick release 2: mini detectors with arcs of equal wavelength."""
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

SIZE = 136                                      # pixels of a mini detector: strips of 8
PIXEL = 6.15                                    # arcsec
STEPS = {1: .0238, 2: .0240, 3: .0230, 4: .0268, 5: .0087, 6: .0074}
SHORTEST = {1: .7446, 2: 1.0986, 3: 1.6358, 4: 2.4219, 5: 3.8080, 6: 4.4106}
RESOLVING = {1: 39, 2: 41, 3: 41, 4: 35, 5: 112, 6: 128}
SOURCE, OUTLIER, OVERFLOW, HOT, TRANSIENT = 1 << 21, 1 << 19, 1 << 1, 1 << 10, 1 << 0


def wavelength(x, y, detector=2, size=SIZE):
    """Arcs about a point far above the detector; the longest wavelength at small y (spherex.md, 2)."""
    s = size / 2040
    r = np.hypot(x - 1020 * s, y - 9632 * s)
    return SHORTEST[detector] * np.exp(17 * STEPS[detector] * (r / s - 7593) / (9686 - 7593))


def zodi(lam):
    return 0.2 + 0.1 * lam


def sky_header(ra, dec, angle=0.0, size=SIZE, sip=True, x0=0, y0=0):
    """`angle`: position angle of +y, east of north."""
    h = fits.Header()
    h["CTYPE1"], h["CTYPE2"] = ("RA---TAN-SIP", "DEC--TAN-SIP") if sip else ("RA---TAN", "DEC--TAN")
    h["CRVAL1"], h["CRVAL2"] = ra, dec
    h["CRPIX1"], h["CRPIX2"] = size / 2 + .5 - x0, size / 2 + .5 - y0
    c, s, p = np.cos(np.radians(angle)), np.sin(np.radians(angle)), PIXEL / 3600
    h["CD1_1"], h["CD1_2"], h["CD2_1"], h["CD2_2"] = -p * c, p * s, p * s, p * c
    if sip:
        h["A_ORDER"], h["B_ORDER"] = 2, 2
        h["A_2_0"], h["B_1_1"], h["A_0_2"] = 1e-4, -6e-5, 4e-5
    h["CRPIX1A"], h["CRPIX2A"] = 1.0 - x0, 1.0 - y0
    h["CTYPE1A"], h["CTYPE2A"] = "PIXEL", "PIXEL"
    return h


def write_frame(path, ra, dec, *, detector=2, angle=0.0, sky=None, noise=0.0, variance=0.01, flags=None, stars=(), sip=True, size=SIZE, rng=None, mjd=60800.0,
                order=("IMAGE", "FLAGS", "VARIANCE", "ZODI"), window=None, cards=(), compress=False, with_zodi=True):
    """`sky(ra, dec, lam)` in MJy/sr; `stars` as (ra, dec, µJy, sigma in pixels); `window` (x0, y0, x1, y1) cuts a part out."""
    x0, y0, x1, y1 = window or (0, 0, size, size)
    y, x = np.mgrid[y0:y1, x0:x1].astype(float)
    h = sky_header(ra, dec, angle, size, sip, x0, y0)
    wcs = WCS(h)
    lam = wavelength(x, y, detector, size)
    image = np.zeros(x.shape) if sky is None else sky(*wcs.all_pix2world(x - x0, y - y0, 0), lam)
    for star_ra, star_dec, flux, sigma in stars:
        sx, sy = (float(v) for v in wcs.all_world2pix(star_ra, star_dec, 0))
        image = image + star(x - x0, y - y0, sx, sy, sigma) * flux / (23.50443 * pixel_area(wcs, x - x0, y - y0))
    planes = {"ZODI": zodi(lam).astype(np.float32)}
    image = image + zodi(lam)
    if noise:
        image = image + rng.normal(0, noise, image.shape)
    planes["IMAGE"] = image.astype(np.float32)
    planes["VARIANCE"] = np.broadcast_to(variance, image.shape).astype(np.float32)
    planes["FLAGS"] = np.zeros(image.shape, np.int32) if flags is None else flags[y0:y1, x0:x1].astype(np.int32)
    h["BUNIT"], h["DETECTOR"], h["OBSID"], h["MJD-AVG"], h["XPOSURE"] = "MJy / sr", detector, "2025W18_2B_0001_1", mjd, 113.58
    h["DETCOORD"], h["FINAST"], h["L2DQAFLG"], h["KACTIVE"], h["JACTIVE"] = "sky", 0, "Pass", size, size
    for key, value in cards:
        h[key] = value
    hdus = [fits.PrimaryHDU()]
    hdus[0].header["VERSION"] = "6.6.0"
    for name in order:
        if name == "ZODI" and not with_zodi:
            continue
        if name == "FLAGS" and compress:
            hdus.append(fits.CompImageHDU(planes[name], name=name, compression_type="RICE_1"))
        else:
            hdus.append(fits.ImageHDU(planes[name], h if name == "IMAGE" else None, name=name))
        if name == "FLAGS":
            hdus[-1].header["MP_TRANSIENT"], hdus[-1].header["MP_OVERFLOW"], hdus[-1].header["MP_HOT"] = 0, 1, 10
    hdus.append(wave_table(detector, size))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def star(x, y, sx, sy, sigma):
    """A Gaussian of sum 1, integrated over each pixel."""
    from scipy.special import erf
    part = [.5 * (erf((v + .5 - c) / (sigma * np.sqrt(2))) - erf((v - .5 - c) / (sigma * np.sqrt(2)))) for v, c in ((x, sx), (y, sy))]
    return part[0] * part[1]


def pixel_area(wcs, x, y):
    """Square seconds of arc, by central differences."""
    def direction(u, v):
        ra, dec = np.radians(wcs.all_pix2world(u, v, 0))
        return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    du = direction(x + .5, y) - direction(x - .5, y)
    dv = direction(x, y + .5) - direction(x, y - .5)
    return np.linalg.norm(np.cross(du, dv, axis=0), axis=0) * 206264.806 ** 2


def wave_table(detector, size=SIZE):
    points = np.linspace(0, size - 1, 11)
    xx, yy = np.meshgrid(points, points)
    lam = wavelength(xx, yy, detector, size)
    values = np.stack([lam, lam / RESOLVING[detector]], axis=-1).astype(np.float32)[None]
    n = len(points)
    table = fits.BinTableHDU.from_columns([fits.Column("X", f"{n}E", array=[points + 1]), fits.Column("Y", f"{n}E", array=[points + 1]),
                                           fits.Column("VALUES", f"{2 * n * n}E", dim=f"(2,{n},{n})", array=values)])
    table.name = "WCS-WAVE"
    return table


def write_calibration(folder, detectors=(2,), size=SIZE):
    folder.mkdir(exist_ok=True)
    y, x = np.mgrid[0:size, 0:size].astype(float)
    for d in detectors:
        lam = wavelength(x, y, d, size).astype(np.float32)
        hdus = [fits.PrimaryHDU(), fits.ImageHDU(lam, name="CWAVE"), fits.ImageHDU(lam / RESOLVING[d], name="CBAND")]
        hdus[1].header["DETECTOR"] = d
        fits.HDUList(hdus).writeto(folder / f"spectral_wcs_D{d}_spx_cal-wcs-v4-2025-150.fits", overwrite=True)
    return folder
