/// psf_estimate/effective_fit.h — the effective PSF of a detector from undersampled stars: table, positions and fluxes together.
///
/// Anderson & King 2000, PASP 112, 1360, ask for a table R of pixel responses so that every pixel of every star is f R(pixel − star), and find table and positions in turn. Here the table is a B-spline of degree 5 and
///
///   χ² = Σ_pixels [s − c f R(x − x_star)]²/σ² + Σ (roughness of R)²
///
/// is minimised by Gauss–Newton steps in all of it at once: R, and the flux and position of every star, which are eliminated star by star (Schur complement). Taken in turn, positions and table follow each
/// other for many rounds where pixels are as wide as the star. Positions and fluxes of a star are common to all images, so a response that varies within pixels is part of the table; every image may lie
/// a little off its WCS (ImageShift). Overall scale and place of R, which fluxes and positions take up, are kept in the step and set at the end: flux 1 within the radius, R(½, 0) = R(−½, 0) and so along y.
///
/// Roughness: differences of third order of R less the Gaussian that fits best, over τ s(r), s: the root mean square of that deviation at the radius and beyond, τ from the width of the core times `roughness`. That factor is chosen by what stars that did not
/// take part say (cross-validation by eighths of the stars). A response that varies over the detector is a polynomial of tables, fitted with the stars as the constant one left them, in turn with them.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/psf/psf_model.h"
#include "tessera/psf_estimate/star_pixels.h"
#include "tessera/psf_estimate/table_equations.h"

namespace tessera::parallel {
class Pool;
}

namespace tessera::psf_estimate {

struct EffectiveOptions {
  int samples_per_pixel = 0;      ///< 0: six in a full width, at least 2
  double radius_pix = 0;          ///< of the table; 0: five full widths, at least 5
  int degree = 0;                 ///< of the polynomial in the position
  int rounds = 12;
  double tolerance = 0.02;        ///< rounds end when no table value moves by more than this share of a hundredth of the peak
  double model_error = 0.003;     ///< share of the model that counts as noise, so that single bright stars do not decide alone
  double reject = 5;              ///< σ of the stars' ln χ² beyond which a star does not count; 0: none
  bool positions = true;          ///< false: as given
  bool shift_images = true;
};

/// What came of it.
struct EffectiveTable {
  int samples_per_pixel = 0, samples_per_pixel_y = 0, degree = 0;  ///< along y 0: as along x
  int samples_y() const { return samples_per_pixel_y > 0 ? samples_per_pixel_y : samples_per_pixel; }
  double radius_pix = 0, fwhm_pix = 0;
  std::vector<Image<double>> samples;   ///< of each term; odd side, the star on the middle sample
  Image<double> sigma;                  ///< of the first term's samples, by leaving out an eighth of the stars in turn
  Image<float> coverage;                ///< stars' pixels whose nearest sample this is
  psf::Polynomial polynomial;
  double roughness = 0;                 ///< the factor chosen
  double chi2 = 0;
  long pixels = 0, clipped = 0;
  double scatter = 0;                   ///< from star to star: psf::Meaning::scatter
  double off_x = 0, off_y = 0;          ///< by how much the table was moved to put its star in the middle, pixels
  int rounds = 0;
  double last_change = 0;               ///< of a table value, share of the peak
};

/// The samples at a position of the detector.
Image<double> table_at(const EffectiveTable& table, double x, double y);

class EffectiveFit {
 public:
  /// `stars` and `images` are changed: positions, fluxes, status, shifts. All must outlive the fit.
  EffectiveFit(std::vector<StarPixels>& pixels, std::vector<Star>& stars, std::vector<ImageShift>& images, const EffectiveOptions& options, const parallel::Pool& pool);
  ~EffectiveFit();
  EffectiveFit(const EffectiveFit&) = delete;
  EffectiveFit& operator=(const EffectiveFit&) = delete;
  /// Throws DataError with fewer than `least_stars` usable stars.
  EffectiveTable run();
  /// Of a pixel of a star at (dx, dy) from it at (x, y) of the detector, as the table stands.
  double model(double dx, double dy, double x, double y) const;

  static constexpr std::size_t least_stars = 3;

 private:
  struct Sums;      // of one star: its own 3 × 3 equations and their coupling to the table
  struct Place;     // taps and first coefficient of a star on an image
  void choose_width();
  void set_profile(double fwhm);
  Place place(const StarPixels& p, const Star& star) const;
  template <class F>
  void for_each_pixel(const StarPixels& p, const Star& star, F f) const;
  double weight_of(const StarPixels& p, std::size_t i, double model) const;
  /// By how much stars differ from the response beyond their noise: that with which χ² per degree of freedom of the median star's core is 1.
  double measured_scatter() const;
  void refit_stars(int steps, bool clip);
  void refit_star(std::size_t star, int steps);
  void shift_images();
  void judge_stars();
  void accumulate(bool joint);
  void set_roughness(double factor);
  std::vector<double> solve(const BandMatrix& matrix, std::span<const double> right, bool joint, double tolerance);
  /// Of the factors tried, the one whose table fits the stars best that it was not made of.
  double choose_roughness();
  double step(bool joint);
  void normalise();
  Image<double> samples_of(std::span<const double> coefficients, double off_x, double off_y) const;
  double value_at(std::span<const double> coefficients, double dx, double dy) const;
  void finish(EffectiveTable& table);
  Image<double> jackknife();
  void make_varying();

  std::vector<StarPixels>& pixels_;
  std::vector<Star>& stars_;
  std::vector<ImageShift>& images_;
  EffectiveOptions options_;
  const parallel::Pool& pool_;
  std::vector<std::vector<std::size_t>> of_star_;    // entries of pixels_
  int n_ = 0, half_ = 0;                              // samples per pixel; coefficients from the middle to the edge
  double radius_ = 0, fwhm_ = 0;
  TableShape shape_;
  psf::Polynomial polynomial_;
  std::vector<double> c_, profile_;   // coefficients of the table, and of the Gaussian it is expected to be near
  bool clipping_ = false;
  std::vector<BandMatrix> parts_;
  std::vector<std::vector<double>> rights_;
  std::vector<Sums> sums_;
  Roughness roughness_;
  double factor_ = 1;
};

}  // namespace tessera::psf_estimate
