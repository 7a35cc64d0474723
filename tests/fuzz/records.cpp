// What earlier runs left behind: run.json, plan.json, and the journal of tiles.
#include <fstream>

#include "fuzz.h"
#include "tessera/base/files.h"
#include "tessera/run/output_folder.h"
#include "tessera/pipeline/tile_store.h"
#include "tessera/steps/run_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;
  namespace fs = std::filesystem;
  static const fs::path folder = [] {
    std::string pattern = "/dev/shm/tessera-fuzz-XXXXXX";
    if (!::mkdtemp(pattern.data())) std::abort();
    return fs::path{pattern};
  }();
  const auto bytes = fuzz::text_of(data, size);
  fuzz::read_or_refuse([&] { steps::parse_run_record(std::string{bytes}, "run.json"); });
  fuzz::read_or_refuse([&] { run::request_from_json(std::string{bytes}, "plan.json"); });
  return fuzz::read_or_refuse([&] {
    std::ofstream{folder / "journal", std::ios::binary} << bytes;
    std::ofstream{folder / "tiles", std::ios::binary} << std::string(8 * 8 * 4 * 4, '\0');
    const auto plan = run::journal_head(folder);
    const pipeline::TileStore store{folder, {16, 16, 8}, plan.value_or("none")};
    store.rejected(3);
    store.finished_count();
  });
}
