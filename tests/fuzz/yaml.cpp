// The subset of YAML by itself.
#include "fuzz.h"
#include "tessera/io/yaml_subset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  return fuzz::read_or_refuse([&] {
    const auto node = io::detail::parse_yaml(fuzz::text_of(data, size), "fuzz");
    node.members();
  });
}
