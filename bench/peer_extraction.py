"""peer_extraction.py PROGRAM IMAGE SIGMA FWHM — sep or photutils on one image in memory; prints {job: CPU seconds} and how many sources, as JSON. Median of three, the libraries loaded before."""
import json
import statistics
import sys
import time
import warnings

import numpy as np
from astropy.io import fits

warnings.simplefilter("ignore")


def kernel(fwhm, side=7):
    step = np.arange(side) - side // 2
    k = np.exp(-(step[:, None] ** 2 + step[None, :] ** 2) * 4 * np.log(2) / fwhm ** 2)
    return k / k.sum()


def cpu(f, runs=3):
    costs = []
    for _ in range(runs):
        begin = time.process_time()
        result = f()
        costs.append(time.process_time() - begin)
    return statistics.median(costs), result


def of_sep(image, sigma, fwhm):
    import sep

    sep.set_extract_pixstack(1_000_000)
    error = np.full_like(image, sigma)
    detect, found = cpu(lambda: sep.extract(image, 1.5, err=error, minarea=3, filter_kernel=kernel(fwhm), filter_type="matched", deblend_nthresh=32, deblend_cont=0.005))
    costs = {"detection": detect, "sources": len(found)}
    x, y = found["x"], found["y"]
    for radius in (3.0, 5.0):
        costs[f"aperture {radius:.0f}"], _ = cpu(lambda: sep.sum_circle(image, x, y, radius, err=error, subpix=0))
    return costs


def of_photutils(image, sigma, fwhm):
    from astropy.convolution import convolve
    from astropy.table import Table
    from photutils.aperture import CircularAperture, aperture_photometry
    from photutils.psf import DAOGroup, BasicPSFPhotometry, IntegratedGaussianPRF
    from photutils.segmentation import deblend_sources, detect_sources

    def detect():
        smooth = convolve(image, kernel(fwhm))
        return deblend_sources(smooth, detect_sources(smooth, 1.5 * sigma * np.sqrt((kernel(fwhm) ** 2).sum()), 5), 5, progress_bar=False)

    cost, segments = cpu(detect, 1)
    costs = {"detection": cost, "sources": segments.nlabels}
    y, x = np.array([(s[0].start + s[0].stop, s[1].start + s[1].stop) for s in segments.slices]).T / 2
    some = np.column_stack([x, y])[:2000]
    for radius in (3.0, 5.0):
        cost, _ = cpu(lambda: aperture_photometry(image, CircularAperture(some, radius), error=np.full_like(image, sigma), method="exact"), 1)
        costs[f"aperture {radius:.0f}"] = cost / len(some) * len(x)
    alone = Table({"x_0": x[:200], "y_0": y[:200], "flux_0": np.full(len(x[:200]), 100.0)})
    fit = BasicPSFPhotometry(DAOGroup(0.01), None, IntegratedGaussianPRF(sigma=fwhm / 2.3548), (7, 7))
    cost, _ = cpu(lambda: fit(image, init_guesses=alone), 1)
    costs["fit, one source of one frame"] = cost / len(alone)
    random = np.random.default_rng(1)
    for members in (1, 10):
        psf = IntegratedGaussianPRF(sigma=fwhm / 2.3548)
        psf.x_0.fixed = psf.y_0.fixed = True
        forced = BasicPSFPhotometry(DAOGroup(100.0), None, psf, (15, 15))
        cut = np.ascontiguousarray(image[:15, :15])
        guesses = Table({"x_0": random.uniform(2, 12, members), "y_0": random.uniform(2, 12, members), "flux_0": np.full(members, 100.0)})
        cost, _ = cpu(lambda: [forced(cut, init_guesses=guesses) for _ in range(5)], 1)
        costs[f"forced, {members}"] = cost / 5
    return costs


if __name__ == "__main__":
    program, path, sigma, fwhm = sys.argv[1:]
    data = fits.getdata(path).astype(np.float32)
    print(json.dumps({"sep": of_sep, "photutils": of_photutils}[program](np.ascontiguousarray(data), float(sigma), float(fwhm))))
