/// steps/info_aperture.h — the error of a sum over a circle of a mosaic, for `tessera info mosaic_unc.fits --aperture RADIUS`.
#pragma once
#include "tessera/steps/info_report.h"

namespace tessera::steps {

/// Error of the sum over a circle of `radius` pixels about `at` ("x y", FITS pixels counted from 1), or, when that is empty, on pixels of the
/// median uncertainty. Throws DataError when the file is no mosaic_unc.fits with the extension CORRELATION or a pixel there has no value;
/// UsageError for a circle that leaves the image.
InfoReport report_aperture(const std::filesystem::path& path, double radius, const std::string& at);

}  // namespace tessera::steps
