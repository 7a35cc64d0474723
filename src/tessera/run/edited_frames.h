/// run/edited_frames.h — a copy of every file that holds frames, with other pixels and the rest as it was.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"
#include "tessera/io/fits_copy.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::run {

struct EditedFrames {
  std::string folder;  ///< of the products
  std::string suffix;  ///< of their names: NAME_minback.fits
  std::string stage;   ///< as it is told
};

/// FOLDER/NAMEsuffix.fits for every file, made in parallel; `edit` is called once for every frame. A name that two folders share gets the number of its first
/// frame. Returns the products' names, one per file in the order of first frames; `products` gets their records.
std::vector<std::string> write_edited_frames(std::span<const instrument::FrameFile> frames, const EditedFrames& what, const std::function<io::ImageEdit(std::size_t frame)>& edit, OutputFolder& folder,
                                             std::vector<ProductRecord>& products, Context& context);

/// The frames of each file, in order of the file's first frame.
std::vector<std::vector<std::size_t>> frames_of_files(std::span<const instrument::FrameFile> frames);

}  // namespace tessera::run
