/// extraction/flags.h — what the masks of the frames say about the pixels of each source.
#pragma once
#include <span>

#include "tessera/catalog/column_set.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

/// Columns flags (bits of the masks that are set anywhere in the source's windows, those that reject pixels or not), flag_# (pixels with bit #, for every bit that any source has), saturated (pixels
/// within half a full width of the source that a bit named after saturation marks or whose value was taken for saturated). The masks are read again, one frame at a time.
catalog::ColumnSet count_flags(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, int window, run::Context& context);

}  // namespace tessera::extraction
