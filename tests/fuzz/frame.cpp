// A FITS file as a frame: profile, planes, units, WCS, and the pixels in the project's conventions.
#include "fuzz.h"
#include "tessera/instrument/frame_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  static const auto profiles = instrument::ProfileSet::load({TESSERA_PROFILES_FOLDER});
  const fuzz::MemoryFile bytes{data, size};
  return fuzz::read_or_refuse([&] {
    instrument::InputOptions options;
    options.distortion = wcs::UnpromisedDistortion::ignore;
    const auto frame = instrument::open_frame({bytes.path(), {}, {}}, options, profiles);
    instrument::read_frame(frame, intersection(frame.box(), {0, 0, 64, 64}));
    instrument::read_mask(frame, intersection(frame.box(), {0, 0, 64, 64}));
  });
}
