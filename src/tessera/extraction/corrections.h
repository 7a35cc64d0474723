/// extraction/corrections.h — factors on fluxes that depend on where on its detector a source was seen (IRAC Instrument Handbook 4.4, 4.5, appendix C). They are columns; the fluxes stay as measured.
#pragma once
#include <span>

#include "tessera/catalog/column_set.h"
#include "tessera/extraction/extract_options.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"

namespace tessera::extraction {

/// Columns pixel_phase_correction: mean over frames of 1 / (1 + A (1/√(2π) − p)), p: distance in pixels from the middle of the pixel; array_location_correction: mean over frames of the correction image at
/// the source (bilinear); colour_correction: a constant. Only those asked for. Throws DataError when the correction image is not of the frames' size.
catalog::ColumnSet flux_corrections(std::span<const joint_fit::FitImage> images, std::span<const joint_fit::Source> sources, const CorrectionOptions& options);

}  // namespace tessera::extraction
