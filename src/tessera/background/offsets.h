/// background/offsets.h — additive background matching: one constant per frame from all overlaps. MOPEX guide 4.3.5, 8.5.
#pragma once
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::background {

enum class Method { none, offset };

struct BackgroundOptions {
  Method method = Method::offset;
  double object_threshold = 3.0;
  double clip = 4.0;
  double min_overlap = 100;   // output pixels
  double top_threshold = 3.0;
  double bottom_threshold = 3.0;
  int min_images = 10;
};
void describe(param::Schema<BackgroundOptions>& s);

/// Sky of one frame averaged over square cells of the output grid: cell (i, j) holds output pixels
/// [i·side, (i+1)·side) × [j·side, (j+1)·side), counted from the grid's origin. Bright objects and hits are left out.
/// This is all the overlap pass keeps of a frame (8 bytes a cell).
struct CellMap {
  Box cells;                      ///< cell indices
  Image<float> mean;              ///< 0 where variance is 0
  Image<float> variance;          ///< of the mean; 0: too little was seen of this cell
  int side = 1;                   ///< output pixels along a cell's side
};

/// Side of a cell in output pixels, so that a frame of median size covers at most 64 × 64 cells and a cell holds at least 2 × 2 pixels.
int cell_side(double frame_pixels_across, double output_per_input_pixel);

/// One pass over a whole frame: each good, source-free pixel goes to the cell that contains its centre. A cell counts when at
/// least half of the frame pixels that fit in it were seen.
/// `objects` (same box, 1 = bright object or hit) comes from mask_objects(). `frame_to_output` maps pixel centres.
CellMap cell_map(const FrameView& frame, View<const std::uint8_t> objects, const wcs::PixelMap& frame_to_output, int side, Box grid);

/// Good pixels brighter (or fainter) than options.object_threshold σ against a local background (clipped medians of a mesh of
/// about 32 × 32 pixels, bilinear between), grown by one. σ is √variance · noise_scale; a noise_scale that is not a positive
/// number counts as 1.
Image<std::uint8_t> mask_objects(const FrameView& frame, double noise_scale, const BackgroundOptions& options);

struct FrameNoise {
  /// How much larger the frame's true noise is than its variance says (σ_true / σ_given), as it counts after resampling: from
  /// differences of means of 2 × 2 source-free pixels eight pixels apart, so that noise shared by neighbours is not missed. 1 for
  /// a perfect noise model of independent pixels; NaN when fewer than 100 pairs, and below 0.02 (a sky without noise).
  double scale = 1;
  double sky_variance = 0;  ///< median stated variance of the source-free good pixels; NaN when there is none
};
/// Give it the whole frame: it masks sources itself, with the noise it finds. Frames above a quarter megapixel are sampled on a
/// lattice of windows.
FrameNoise measure_noise(const FrameView& frame);

struct PairDifference {
  int m = 0, n = 0;          ///< m < n
  double difference = 0;     ///< weighted mean of I_m − I_n over the common cells
  double weight = 0;         ///< Σ 1/(σ_m² + σ_n²)
  long cells = 0;
};
/// Frames whose cells meet, as (m, n) with m < n in the order (0,1), (0,2) … ; found by sweeping over the boxes.
std::vector<std::pair<int, int>> overlapping_pairs(std::span<const CellMap> frames);
/// Sums over the common cells in row order; cells with |difference − pair median| > clip·σ are left out, σ the larger of the
/// stated one and the scatter. `cells` is 0 when the common area is below options.min_overlap output pixels.
PairDifference pair_difference(std::span<const CellMap> frames, int m, int n, const BackgroundOptions& options);
/// Both of the above: all pairs that have common cells enough.
std::vector<PairDifference> pair_differences(std::span<const CellMap> frames, const BackgroundOptions& options);

struct OffsetSolution {
  std::vector<double> offset;        ///< the value to subtract from each frame
  std::vector<double> sigma;         ///< its standard error (sandwich estimate); 0 for a frame alone
  std::vector<int> group;            ///< frames connected by overlaps share a number, from 0 in order of first frame
  std::vector<std::uint8_t> outlier; ///< 1: left out of the mean that fixes the group's level
  int groups = 0;
  std::vector<PairDifference> pairs; ///< what was fitted
};
/// Solves the sparse normal equations of χ² = Σ weight·(d_mn − (ε_m − ε_n))² per connected group, Σε = 0 over the group's
/// non-outlier frames (TOP/BOTTOM_THRESHOLD σ from the median, MIN_IMG_NUM of the guide). A frame that overlaps nothing
/// keeps 0. The covariance is the sandwich A⁺ C A⁺, C the covariance of the right-hand side with every cell's noise counted
/// once per frame (pairs share frames, so A⁺ alone is too small). Its diagonal is exact for shallow stacks; deep ones use an unbiased
/// sample of the cells, and groups above 512 frames 256 seeded random draws of their noise (4 % of σ).
OffsetSolution solve_offsets(std::span<const CellMap> frames, std::vector<PairDifference> pairs, const BackgroundOptions& options);

/// pair_differences() and solve_offsets().
OffsetSolution match_backgrounds(std::span<const CellMap> frames, const BackgroundOptions& options);

}  // namespace tessera::background
