/// background/frame_sky.h — the local sky of one frame, above which objects and hits are found: a mesh, or the background of MOPEX's MedFilter (guide 4.3.5, 5.6.6).
#pragma once
#include "tessera/core/frame.h"
#include "tessera/param/schema.h"

namespace tessera::background {

/// mesh: clipped medians of about 32 × 32 pixels, bilinear between. median: running_median.h. panels: panels.h.
enum class SkyMethod { mesh, median, panels };

struct FrameSkyOptions {
  SkyMethod method = SkyMethod::mesh;
  int window_x = 45, window_y = 45;  // frame pixels
  int dropped = 50;                  // of a full window
  int panel_filter = 1;
};
void describe(param::Schema<FrameSkyOptions>& s);

/// Throws UsageError when options.dropped leaves nothing of a window.
void check(const FrameSkyOptions& options);

/// The sky under each pixel of a whole frame, from its good pixels; NaN where the running median finds the pixel itself bad.
Image<float> frame_sky(const FrameView& frame, const FrameSkyOptions& options);

}  // namespace tessera::background
