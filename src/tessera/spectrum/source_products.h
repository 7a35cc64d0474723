/// spectrum/source_products.h — what each source gets for itself: a VOTable with the names that tools of the community expect, and a picture.
#pragma once
#include <string>
#include <vector>

#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"
#include "tessera/spectrum/blocks.h"

namespace tessera::spectrum {

/// "<ra>_<dec>" in degrees to 10⁻⁵, with "_<row>" behind where an earlier source has that name already.
std::vector<std::string> source_names(std::span<const Source> sources);

/// One source's measurements as the mission's tool gives them: lambda, lambda_width, flux, flux_err, flags, fit_ql, flux_bkg, lvf_id, det_id, deep_flg, mjd, x_image, y_image, obs_publisher_did.
Table source_table(const Measured& measured, std::size_t source);

/// spectra/NAME.xml, .png and .svg of every source that was measured.
void write_source_products(const Measured& measured, Blocks& blocks, const BinOptions& options, run::OutputFolder& folder, std::vector<run::ProductRecord>& products);

}  // namespace tessera::spectrum
