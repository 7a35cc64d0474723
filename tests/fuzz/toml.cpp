// Instrument profiles, and the same bytes as a file of options.
#include "fuzz.h"
#include "tessera/instrument/frame_file.h"
#include "tessera/instrument/profile.h"
#include "tessera/param/toml_file.h"
#include "tessera/wcs/grid.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  const auto toml = fuzz::text_of(data, size);
  fuzz::read_or_refuse([&] { instrument::parse_profile(toml, "fuzz.toml"); });
  return fuzz::read_or_refuse([&] {
    instrument::InputOptions input;
    wcs::GridOptions grid;
    param::OptionSet options;
    options.add("input", "Frames", input);
    options.add("grid", "Grid", grid);
    param::read_toml(toml, "fuzz.toml", options);
  });
}
