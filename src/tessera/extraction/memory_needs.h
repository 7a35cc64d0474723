/// extraction/memory_needs.h — bytes that an extraction takes, by pixels and by sources: what is asked for before it begins, so that the memory ceiling holds. Measured (tests/end_to_end/test_extract_memory.py) and rounded up.
#pragma once
#include <cstdint>

#include "tessera/instrument/frame_file.h"

namespace tessera::extraction {

/// Per pixel of the image that sources are found on: while they are; and, beside what is held then, while they are fitted and measured, and where it is fitted itself.
constexpr std::int64_t finding_bytes_per_pixel = 52, measuring_bytes_per_pixel = 20, fitted_alone_bytes_per_pixel = 20;
/// Per pixel of it, what stays of a run while artificial sources are found and fitted in another.
constexpr std::int64_t kept_bytes_per_pixel = 36;
/// Per pixel of a frame: while it is read, held for the fit, and in the output folder.
constexpr std::int64_t reading_bytes_per_pixel = 40, frame_bytes_per_pixel = 21, stored_bytes_per_pixel = 8;

/// `bytes` of fitting and measuring, and of doing so again with artificial sources where there are any.
inline std::int64_t with_injection(std::int64_t bytes, std::int64_t pixels, int injected) { return injected > 0 ? 2 * bytes + pixels * kept_bytes_per_pixel : bytes; }

/// Of so many sources, beside those that are found when the first are fitted, with their columns: `frames` is how many see one.
inline std::int64_t source_bytes(std::int64_t sources, double frames) {
  constexpr double of_one = 1000, of_sight = 150, more_found = 1.35;
  constexpr std::int64_t buffers = std::int64_t{5} << 20;
  return buffers + static_cast<std::int64_t>(static_cast<double>(sources) * more_found * (of_one + of_sight * frames));
}

}  // namespace tessera::extraction
