/// instrument/planes.h — where the planes of a frame are; shared by the files of this room only.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "tessera/instrument/frame_file.h"

namespace tessera::instrument {

/// The image HDUs of a file that are frames under this profile. Throws DataError when there is none.
std::vector<int> frames_in(const io::FitsFile& file, const Profile& profile);

/// A 2-D image with pixels in it (further axes of length 1).
bool is_plane(const io::HduInfo& hdu);

/// Settles uncertainty and mask of `frame` (image, width, height, profile are set). Throws DataError naming both files when a
/// promised companion is missing or has another size; adds a note when a plane is absent and need not be there.
void find_planes(FrameFile& frame, const io::FitsFile& image_file, const FrameNames& names);

/// "SCI,2" or "HDU 3".
std::string hdu_name(const io::HduInfo& hdu);

}  // namespace tessera::instrument
