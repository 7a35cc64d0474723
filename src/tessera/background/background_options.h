/// background/background_options.h — how the frames' backgrounds are matched.
#pragma once
#include "tessera/param/schema.h"

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

}  // namespace tessera::background
