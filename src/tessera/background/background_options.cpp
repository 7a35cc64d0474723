#include "tessera/background/background_options.h"

namespace tessera::background {

void describe(param::Schema<BackgroundOptions>& s) {
  s.field(&BackgroundOptions::method, "method", "Match backgrounds by one constant per frame, or not at all.")
      .choices({{"none", Method::none}, {"offset", Method::offset}})
      .flag("background")
      .namelist("", "compute_overlap_correction")
      .swarp("SUBTRACT_BACK");
  s.field(&BackgroundOptions::object_threshold, "object_threshold", "Pixels this far from the local background, and their neighbours, are left out of the match.")
      .unit("sigma")
      .range(1, 1000)
      .namelist("DETECT", "Detection_Threshold");
  s.field(&BackgroundOptions::clip, "clip", "Cells whose difference is this far from the median difference of the two frames are left out.")
      .unit("sigma")
      .range(1, 1000);
  s.field(&BackgroundOptions::min_overlap, "min_overlap", "Two frames are compared when they have at least this source-free area in common.")
      .unit("output pixels")
      .at_least(0);
  s.field(&BackgroundOptions::top_threshold, "top_threshold", "Offsets this far above the median are left out of the mean that sets the common level.")
      .unit("sigma")
      .range(0.1, 1000)
      .namelist("COMPUTEOVRLAPCORRIN", "TOP_THRESHOLD");
  s.field(&BackgroundOptions::bottom_threshold, "bottom_threshold", "Offsets this far below the median are left out of the mean that sets the common level.")
      .unit("sigma")
      .range(0.1, 1000)
      .namelist("COMPUTEOVRLAPCORRIN", "BOTTOM_THRESHOLD");
  s.field(&BackgroundOptions::min_images, "min_images", "Outlying offsets are looked for only among at least this many frames.")
      .range(2, 1e9)
      .namelist("COMPUTEOVRLAPCORRIN", "MIN_IMG_NUM");
}

}  // namespace tessera::background
