/// background/background_options.h — how the frames' backgrounds are matched.
#pragma once
#include <string>

#include "tessera/param/schema.h"

namespace tessera::background {

/// What is subtracted from a frame: nothing, one constant, a plane, a polynomial surface.
enum class Method { none, offset, plane, surface };
/// How many differences of cells (or values of cells) become one number. `weighted`: inverse-variance mean.
enum class Statistic { weighted, mean, median, mode, midpt };
/// Where the constants come from: differences in overlaps; each frame's own sky; the lowest of these, for all frames;
/// differences in overlaps and then the lowest sky of the matched frames.
enum class Sky { match, local, global, global_match };
/// The level matched frames come to: that where the offsets sum to zero, that of the lowest frame, of the highest.
enum class Level { mean, down, up };
/// What becomes of the offsets' error: a number in the record of the run, or also part of the mosaic's uncertainty.
enum class Uncertainty { record, include };

struct BackgroundOptions {
  Method method = Method::offset;
  int order = 2;                // of surfaces
  double stiffness = 0.01;
  Sky sky = Sky::match;
  Statistic statistic = Statistic::weighted;
  Level level = Level::mean;
  double weight = 0;            // WEIGHT of MOPEX
  double object_threshold = 3.0;
  double clip = 4.0;
  double min_overlap = 100;   // output pixels
  double top_threshold = 3.0;
  double bottom_threshold = 3.0;
  int min_images = 10;
  bool zodi = false;
  Uncertainty uncertainty = Uncertainty::record;
  std::string offsets;          // a table of offsets to use instead of solving
};
void describe(param::Schema<BackgroundOptions>& s);

/// Degree of the polynomial that is subtracted from each frame; 0 for constants.
int surface_order(const BackgroundOptions& options);

}  // namespace tessera::background
