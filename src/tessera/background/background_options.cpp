#include "tessera/background/background_options.h"

namespace tessera::background {
namespace {

void describe_matching(param::Schema<BackgroundOptions>& s) {
  s.field(&BackgroundOptions::method, "method", "What is subtracted from each frame so that overlapping frames agree: nothing, one constant (offset), a plane, or a polynomial surface of the given order.")
      .choices({{"none", Method::none}, {"offset", Method::offset}, {"plane", Method::plane}, {"surface", Method::surface}})
      .flag("background")
      .namelist("", "compute_overlap_correction")
      .swarp("SUBTRACT_BACK");
  s.field(&BackgroundOptions::order, "order", "Degree of the polynomial of method = surface.").range(1, 4);
  s.field(&BackgroundOptions::stiffness, "stiffness",
          "How strongly the slopes and curvatures of planes and surfaces are held near zero: this times the sum of their squares, in units of the median variance of a pair difference, is added to chi squared.")
      .range(1e-6, 1e6);
  s.field(&BackgroundOptions::sky, "sky",
          "Where the constants come from: match = differences in overlaps, local = each frame's own sky, global = the lowest of these for all frames, global+match = match, then the lowest sky of the matched frames.")
      .choices({{"match", Sky::match}, {"local", Sky::local}, {"global", Sky::global}, {"global+match", Sky::global_match}});
  s.field(&BackgroundOptions::statistic, "statistic", "How the differences of an overlap's cells become one number, and the cells of a frame its own sky; weighted = inverse-variance mean.")
      .choices({{"weighted", Statistic::weighted}, {"mean", Statistic::mean}, {"median", Statistic::median}, {"mode", Statistic::mode}, {"midpt", Statistic::midpt}});
  s.field(&BackgroundOptions::level, "level", "The level matched frames come to: mean = the offsets sum to zero, down = that of the lowest frame, up = that of the highest.")
      .choices({{"mean", Level::mean}, {"down", Level::down}, {"up", Level::up}});
  s.field(&BackgroundOptions::weight, "weight", "Holds offsets near zero: this times the sum of their squares, in units of the median variance of a pair difference, is added to chi squared; 0: off.")
      .range(0, 1e9)
      .namelist("COMPUTEOVRLAPCORRIN", "WEIGHT");
}

void describe_cells(param::Schema<BackgroundOptions>& s) {
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
}

}  // namespace

void describe(param::Schema<BackgroundOptions>& s) {
  describe_matching(s);
  describe_cells(s);
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
  s.field(&BackgroundOptions::zodi, "zodi", "Subtract the zodiacal light each header states (for IRAC: ZODY_EST - SKYDRKZB, what the subtracted dark has left) before anything else.")
      .namelist("", "apply_zodiacal_correction")
      .namelist("", "apply_zodiacal_subtraction");
  s.field(&BackgroundOptions::uncertainty, "uncertainty", "The error of the offsets: record = numbers in run.json only, include = also in mosaic_unc.fits, with the covariance of the frames in each pixel.")
      .choices({{"record", Uncertainty::record}, {"include", Uncertainty::include}});
  s.field(&BackgroundOptions::offsets, "offsets", "Use the offsets of this table (offsets.tbl of an earlier run or of MOPEX) instead of solving for them.")
      .flag("offsets")
      .placeholder("FILE");
}

int surface_order(const BackgroundOptions& options) {
  switch (options.method) {
    case Method::plane: return 1;
    case Method::surface: return options.order;
    default: return 0;
  }
}

}  // namespace tessera::background
