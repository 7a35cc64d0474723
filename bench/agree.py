"""Whether two mosaics show the same: so that nobody wins by doing less."""
from dataclasses import dataclass

import numpy as np
from astropy.io import fits


@dataclass
class Agreement:
    pixels: int      # compared: those both have, away from what masked pixels and borders touch
    covered: float   # of ours that the other covers, too
    shift: float     # median difference over the median uncertainty
    scatter: float   # robust, likewise
    limits: tuple

    @property
    def holds(self):
        return self.pixels > 100 and self.covered > self.limits[0] and abs(self.shift) < self.limits[1] and self.scatter < self.limits[2]

    def __str__(self):
        return f"{'agree' if self.holds else 'DISAGREE'}: {100 * self.covered:.1f} % covered, differences {self.shift:+.4f} ± {self.scatter:.4f} σ ({self.pixels} px; limits {100 * self.limits[0]:.0f} %, {self.limits[1]}, {self.limits[2]})"


def compare(out, other, covered, limits=(0.9, 0.02, 0.15)):
    """`out`: a tessera folder; `other`: the peer's image on the same grid, `covered`: where it has data. Pixels count whose surroundings of
    7 × 7 have almost whole coverage in ours: masked pixels are met by each program in its own way."""
    ours, sigma, coverage = (fits.getdata(out / f"{n}.fits").astype(float) for n in ("mosaic", "mosaic_unc", "mosaic_cov"))
    have = np.isfinite(ours) & (coverage > 0.5)
    share = float((have & covered).sum() / max(1, have.sum()))
    from scipy.ndimage import minimum_filter, maximum_filter
    steady = (minimum_filter(coverage, 7) > 0.5) & (maximum_filter(coverage, 7) - minimum_filter(coverage, 7) < 0.05 + 0.02 * coverage)
    use = have & covered & steady & np.isfinite(other) & (sigma > 0)
    if use.sum() < 100:  # a deep stack with many masked pixels has no steady place: then all inner ones
        use = have & covered & (minimum_filter(coverage, 7) > 0.5) & np.isfinite(other) & (sigma > 0)
    difference = (ours - other)[use] / np.median(sigma[use])
    middle = float(np.median(difference)) if difference.size else np.nan
    return Agreement(int(use.sum()), share, middle, float(1.4826 * np.median(np.abs(difference - middle))) if difference.size else np.nan, limits)
