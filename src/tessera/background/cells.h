/// background/cells.h — the sky of one frame averaged over cells of the output grid: all that matching keeps of a frame.
#pragma once
#include <cstdint>
#include <vector>

#include "tessera/core/frame.h"
#include "tessera/wcs/pixel_map.h"

namespace tessera::background {

/// Sky of one frame averaged over square cells of the output grid: cell (i, j) holds output pixels
/// [i·side, (i+1)·side) × [j·side, (j+1)·side), counted from the grid's origin. Bright objects and hits are left out.
/// This is all the overlap pass keeps of a frame (8 bytes a cell).
struct CellMap {
  Box cells;                      ///< cell indices
  Image<float> mean;              ///< 0 where variance is 0
  Image<float> variance;          ///< of the mean; 0: too little was seen of this cell
  int side = 1;                   ///< output pixels along a cell's side
  Image<float> u{}, v{};           ///< where the cell's centre lies on the frame (FrameScale); empty unless place_cells() filled them
};

/// Side of a cell in output pixels, so that a frame of median size covers at most 64 × 64 cells and a cell holds at least 2 × 2 pixels.
int cell_side(double frame_pixels_across, double output_per_input_pixel);

/// One pass over a whole frame: each good, source-free pixel goes to the cell that contains its centre. A cell counts when at
/// least half of the frame pixels that fit in it were seen.
/// `objects` (same box, 1 = bright object or hit) comes from mask_objects(). `frame_to_output` maps pixel centres.
CellMap cell_map(const FrameView& frame, View<const std::uint8_t> objects, const wcs::PixelMap& frame_to_output, int side, Box grid);

/// The same for a frame that comes in bands of rows, from below: the sums run in the same order, so the bits are those of cell_map().
class CellSums {
 public:
  CellSums(Box frame, const wcs::PixelMap& frame_to_output, int side, Box grid);
  void add(const FrameView& band, View<const std::uint8_t> objects);
  CellMap finish() const;

 private:
  struct Sum {
    double value = 0, variance = 0;
    std::int64_t n = 0;
  };
  Box frame_, grid_, cells_;
  const wcs::PixelMap& map_;
  int side_;
  std::vector<Sum> sums_;
  std::vector<int> cell_of_;
};

/// Fills `u` and `v` of a map, for surfaces. `frame` is the frame's box; where the sky has no image on the frame they are NaN.
void place_cells(CellMap& map, const wcs::PixelMap& output_to_frame, Box frame);

}  // namespace tessera::background
