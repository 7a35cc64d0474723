/// psf_estimate/stamp_mean.h — the guide's own point response: postage stamps of stars shifted onto each other, and their mean. MOPEX guide 7.4, equations 7.1 and 7.2. Not for undersampled detectors.
///
/// A stamp is one star on one image. Its bad pixels are replaced by the median of their neighbours; its place, flux f and width σ are those of the Gaussian g of unit volume that minimises
///
///   χ² = Σ_W [s − f g(x − x★; σ)]²/f²                                                    (7.1)
///
/// over the fit area W, found by Levenberg–Marquardt steps where the guide anneals; over f², so that bright and faint stars compare. A stamp does not count (7.2) when its σ lies off the median by more than
/// `threshold` standard deviations, or its χ² exceeds that many medians. All others, over f, are shifted by bicubic interpolation (Keys 1981, α = −½) so that the star lies in the middle of a pixel; values off the trimmed
/// mean of the stack by more than `threshold` trimmed σ (a tenth of the values left out at either end, σ scaled to that of a normal distribution; from five stamps on) are outliers, and so is each pixel of a stamp of which they
/// cover more than `min_overlap`. The table is the mean of the stamps interpolated at samples a fraction of a pixel apart.
#pragma once
#include <span>
#include <vector>

#include "tessera/psf_estimate/effective_fit.h"

namespace tessera::psf_estimate {

struct StampOptions {
  int samples_per_pixel = 4;
  int samples_per_pixel_y = 0;  ///< 0: as along x
  int side = 21;                ///< of a stamp, pixels, odd
  int fit_side = 5;             ///< of the area that the Gaussian is fitted to, odd; 0: no fit: centroids, and fluxes that are sums over stamps
  int core_side = 7;            ///< of the middle of a stamp, which may have neither bad pixels nor outliers
  int side_y = 0, fit_side_y = 0, core_side_y = 0;  ///< along y, where they are no squares; 0: as along x
  int max_bad = 0;              ///< pixels that may be replaced
  int min_neighbours = 8;       ///< whose median replaces a pixel; the square around it grows until it has so many
  double threshold = 3;         ///< σ
  double min_overlap = 0.5;
  double max_outlier_share = 0.1;
  int max_outliers = 0;         ///< a stamp with more outliers than this and than that share does not count
  int zero_edge = 0;            ///< outermost samples of the table that are 0
  double radius_pix = 0;        ///< within which the flux is 1; 0: half the stamp's shorter side
};

/// A stamp's own margin beyond `side`, pixels: bicubic interpolation of a stamp whose star lies up to two pixels off its middle needs it.
constexpr int stamp_margin = 3;

/// What became of one.
struct Stamp {
  StarStatus status = StarStatus::used;
  double x = 0, y = 0;          ///< of the star, pixels of the image
  double flux = 0, sigma_pix = 0, chi2 = 0;
  int bad = 0, outliers = 0;
};

struct StampMean {
  EffectiveTable table;         ///< its sigma is the standard deviation of the stamps, its coverage their number
  std::vector<Stamp> stamps;    ///< one for each of `pixels`
};

/// `pixels`: stamps with their margin, stars at (x, y) to two pixels; variance 0 marks bad pixels, as does what the image does not hold. `fluxes`: pixel sums of unit scale to be used for the stamps instead of fitted ones, or none.
/// Throws DataError when fewer than three stamps are left, or their mean has no light.
StampMean mean_of_stamps(std::span<const StarPixels> pixels, std::span<const double> fluxes, const StampOptions& options, const parallel::Pool& pool);

/// Bicubic value (Keys 1981, α = −½) at (x, y); NaN where a tap lies outside. Exact for parabolas.
double bicubic(View<const double> image, double x, double y);

struct Trimmed {
  double mean = 0, sigma = 0;
};
/// Without a tenth of the values at either end; σ is scaled to be that of a normal distribution. Reorders; at least five values.
Trimmed trimmed(std::span<double> values);

}  // namespace tessera::psf_estimate
