/// extraction/edited_images.h — copies of image files with sources taken off, or put in.
#pragma once
#include <span>
#include <vector>

#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source_model.h"
#include "tessera/run/edited_frames.h"
#include "tessera/run/record.h"

namespace tessera::extraction {

/// Residual/NAME_residual.fits, as APEX QA makes them.
inline const run::EditedFrames residual_files{"Residual", "_residual", "writing images without sources"};

enum class EditedPixels { kept, replaced };

/// Every file that holds one of `images`, with `sign` times the models of its sources added to its pixels, or in their place; all else as it was. Keeps a band of rows per thread. Returns the products' names, one per file.
std::vector<std::string> write_with_sources(std::span<const joint_fit::FitImage> images, const joint_fit::SourceLists& sources, double sign, const run::EditedFrames& what, run::OutputFolder& folder,
                        std::vector<run::ProductRecord>& products, run::Context& context, EditedPixels pixels = EditedPixels::kept);

}  // namespace tessera::extraction
