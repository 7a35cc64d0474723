/// photometry/psf_fit.h — positions and fluxes of point sources by χ² over all frames that see them and all members of a blend at once.
/// MOPEX guide 8.6:
///
///   χ² = Σ_frames Σ_{k∈W} [s(k) − Σ_n c_n f_n R(k; x_n) − b]² / σ²(k)
///
/// W: the union of the members' windows; R: the point response at the source's place on that frame (psf/); c_n: pixel value of unit flux there (a frame in surface
/// brightness has 1/Ω of the pixel). Positions are offsets (u, v) in coordinates common to all frames; each frame moves them by its own
/// linear map about the start, which the caller takes from its distorted WCS. Free positions: Levenberg–Marquardt from the fluxes that are
/// linear at the start. Forced: one linear solve, with the covariance between the sources.
#pragma once
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/fit/gram.h"
#include "tessera/fit/levenberg.h"
#include "tessera/fit/simplex.h"
#include "tessera/psf/psf_model.h"

namespace tessera::photometry {

struct FitFrame {
  FrameView pixels;
  const psf::PsfModel* psf = nullptr;
  double psf_x0 = 0, psf_y0 = 0;  ///< added to a position to get that in the model's pixels (a cut-out of a detector)
};

/// One frame's view of one source.
struct Sight {
  int frame = 0;
  double x = 0, y = 0;                        ///< pixel of the start
  double x_u = 1, x_v = 0, y_u = 0, y_v = 1;  ///< pixels per unit of the common coordinates
  double scale = 1;                           ///< pixel value of unit flux
};

struct FitSource {
  std::vector<Sight> sights;
  double u = 0, v = 0;                        ///< where free positions begin: windows and bounds stay about the sights
  int window_x = 0, window_y = 0;             ///< sides of its windows, odd; 0: the options'
  bool pixels_alone = false;                  ///< not fitted: the pixels of its windows are
};

enum class FitBackground { none, common, per_frame };
enum class Minimiser {
  levenberg,
  simplex   ///< MOPEX's: over the positions, fluxes and backgrounds linear at each (guide 8.6.1)
};

struct PsfFitOptions {
  int window = 7;               ///< side of a source's window in frame pixels, odd
  bool positions = true;        ///< false: forced
  FitBackground background = FitBackground::none;
  double max_shift = 2;         ///< bound of |u|, and of |v| without one of its own
  double max_shift_v = 0;       ///< bound of |v|; 0: max_shift
  double shift_limit(std::size_t axis) const { return axis == 1 && max_shift_v > 0 ? max_shift_v : max_shift; }
  Minimiser method = Minimiser::levenberg;
  bool correlations = false;    ///< of the fluxes with one another
  fit::SimplexOptions simplex = {.max_evaluations = 4000, .tolerance = 1e-10};
  /// Residuals are single precision: below 1e-8 of χ² a step is rounding. The tolerance holds parameters to 10⁻³ of their σ.
  fit::LevenbergOptions minimiser = {.max_iterations = 60, .tolerance = 1e-6, .relative_tolerance = 1e-8};
};

struct FittedSource {
  fit::FitStatus status = fit::FitStatus::no_data;
  double u = 0, v = 0, flux = 0;
  double covariance[9] = {};     ///< of (u, v, flux); forced: flux alone
  double chi2 = 0;               ///< of the pixels of its windows
  int pixels = 0, bad_pixels = 0;  ///< in its windows: used, and masked or outside
  double portion = 0;            ///< of its response that the used pixels hold, mean over frames
  int frames = 0;                ///< with used pixels
  double background = 0;         ///< pixel value fitted under it; the mean of its frames'
  double correlation = 0;        ///< of its flux with that of the source it hangs together with most, −1 … 1; 0 when it was fitted alone
  int neighbour = -1;            ///< index of that source
  std::vector<std::pair<int, double>> correlations;  ///< when asked for: with every other source that was seen, by index
};

struct GroupResult {
  fit::FitStatus status = fit::FitStatus::no_data;
  int iterations = 0;
  double chi2 = 0;
  long dof = 0;
};

/// Fits one group after another and keeps its memory between them. One per thread.
class PsfFit : private fit::Objective {
 public:
  /// Throws UsageError: a frame without response, an even or too small window.
  PsfFit(std::span<const FitFrame> frames, const PsfFitOptions& options);
  /// `out` gets one entry per source. A source that no frame sees has no_data, and is no part of the fit.
  GroupResult fit(std::span<const FitSource> sources, std::vector<FittedSource>& out);
  /// After fit(): covariance of all parameters of the group, parameters() per side: (u, v, flux) per source that was seen, or fluxes alone, then backgrounds.
  std::span<const double> covariance() const { return workspace_.covariance; }
  std::size_t parameters() const override { return parameters_; }
  std::span<const double> values() const { return p_; }
  /// Starts the next groups from these pixels instead of the frames' own: for models of other groups that were taken off.
  void use(std::span<const FitFrame> frames) { frames_ = frames; }

 private:
  struct Entry;    // one sight of one source
  struct Patch;    // the pixels of one frame
  double expand(std::span<const double> p, std::span<double> curvature, std::span<double> gradient) override;
  double chi2(std::span<const double> p) override;
  bool gather(std::span<const FitSource> sources, std::vector<FittedSource>& out);
  void gather_patch(Patch& patch, std::vector<FittedSource>& out);
  void place(std::span<const double> p, bool gradients);
  double sum_patch(const Patch& patch, std::span<double> curvature, std::span<double> gradient);
  void add_pair(const Patch& patch, const Entry& a, const Entry& b, std::span<double> curvature) const;
  void add_background(const Patch& patch, std::span<double> curvature, std::span<double> gradient) const;
  bool solve_linear(std::span<double> p);
  double take_off(std::span<const double> p);
  void set_bounds();
  bool at_limit(double u, double v) const { return std::abs(u) >= options_.shift_limit(0) || std::abs(v) >= options_.shift_limit(1); }
  fit::FitStatus by_levenberg(GroupResult& result);
  fit::FitStatus by_simplex(GroupResult& result);
  double weighted_squares() const;   ///< Σ w v² of the group's pixels
  void start_residual(const Patch& patch, std::span<const double> p);
  void report(std::vector<FittedSource>& out, fit::FitStatus status) const;
  void report_neighbours(std::vector<FittedSource>& out) const;
  std::size_t background_of(const Patch& patch) const { return members_ * per_source_ + (options_.background == FitBackground::per_frame ? static_cast<std::size_t>(&patch - patches_.data()) : 0); }
  std::size_t first_of(int member) const { return static_cast<std::size_t>(member) * per_source_; }
  double flux_of(std::span<const double> p, int member) const { return p[first_of(member) + per_source_ - 1]; }

  std::span<const FitFrame> frames_;
  PsfFitOptions options_;
  std::size_t parameters_ = 0, per_source_ = 3, members_ = 0, backgrounds_ = 0;
  bool forced_ = false;  // of the sums in progress: fluxes at the start positions come first also when positions are free
  std::vector<Entry> entries_;
  std::vector<Patch> patches_;
  std::vector<int> member_of_;  // source → place among those seen, −1: none
  std::vector<psf::PointResponse> blended_;
  std::vector<float> value_, weight_, residual_, response_;
  std::vector<double> p_, lower_, upper_;
  fit::LevenbergWorkspace workspace_;
  struct DenseSums {
    std::vector<std::pair<std::size_t, double>> terms;  // parameter and scale of each plane
    std::vector<fit::Reach> reach;
    std::vector<double> products;
  } dense_;

  struct Entry {
    const Sight* sight = nullptr;
    const psf::PointResponse* response = nullptr;
    int source = 0, member = 0, patch = 0;
    Box window, stamp;       // stamp: the pixels of the patch that it can reach
    std::size_t first = 0;   // of its three planes in response_
    double x = 0, y = 0, amplitude = 0;
    std::size_t area() const { return static_cast<std::size_t>(stamp.area()); }
  };
  struct Patch {
    int frame = 0;
    Box box;
    std::size_t first = 0;           // pixel in value_, weight_, residual_
    std::size_t begin = 0, end = 0;  // entries
    long pixels = 0;                 // with weight
  };
};

}  // namespace tessera::photometry
