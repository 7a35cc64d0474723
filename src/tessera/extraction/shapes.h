/// extraction/shapes.h — sources as more than points, on the image that sources are found on: Kron and elliptical apertures, half-light radius, star or galaxy.
#pragma once
#include <span>

#include "tessera/catalog/column_set.h"
#include "tessera/extraction/find.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"
#include "tessera/run/context.h"

namespace tessera::extraction {

/// Columns kron_radius, kron_flux, kron_flux_err, half_light_radius, spread, spread_err, ellipse_#, ellipse_#_err. Each source is measured on `left` (the image less all models) plus its own
/// model, so that neighbours are gone; those found actively count as light of the detections around them. Axes are those of its detection, or of the response where it has none.
catalog::ColumnSet measure_shapes(const Found& found, const Image<float>& left, const joint_fit::FitImage& image, std::span<const joint_fit::Source> sources, const ShapeOptions& options, run::Context& context);

/// "2", "3" … as factors; throws UsageError.
std::vector<double> ellipse_factors(const ShapeOptions& options);

}  // namespace tessera::extraction
