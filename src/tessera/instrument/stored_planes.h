/// instrument/stored_planes.h — the planes of an ordinary frame (single-precision image, uncertainty or variance likewise, mask of
/// bits, none scaled or compressed) straight from the file's bytes in one loop; shared by the files of this room only.
#pragma once
#include <optional>
#include <utility>

#include "tessera/instrument/frame_file.h"
#include "tessera/io/stored_image.h"

namespace tessera::instrument {

class StoredPlanes {
 public:
  /// Nothing when the frame is no ordinary one: then its planes are read one by one. Throws DataError when a file cannot be opened.
  static std::optional<StoredPlanes> of(const FrameFile& frame);
  /// Fills rows [y0, y1) of `into`, whose box spans the frame's width. The bits are those of the planes read one by one.
  void read(int y0, int y1, Frame& into);

 private:
  StoredPlanes(io::StoredImage value, io::StoredImage noise) : value_{std::move(value)}, noise_{std::move(noise)} {}
  io::StoredImage value_, noise_;
  std::optional<io::StoredImage> mask_;
  std::uint32_t mask_zero_ = 0, fatal_bits_ = 0;
  bool sigma_ = true;
  double factor_ = 1;
};

}  // namespace tessera::instrument
