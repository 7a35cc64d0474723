#include "tessera/run/remote_files.h"

namespace tessera::run {

void tell_traffic(Context& context, std::vector<std::pair<std::string, double>>& results) {
  const auto traffic = io::remote_traffic();
  if (traffic.requests == 0) return;
  context.log(Level::info, io::describe(traffic));
  for (const auto& [name, number] : {std::pair{"remote_files", traffic.files}, {"remote_bytes", traffic.file_bytes}, {"fetched_bytes", traffic.fetched_bytes}, {"requests", traffic.requests}, {"requests_again", traffic.tries_again}})
    results.emplace_back(name, static_cast<double>(number));
}

}  // namespace tessera::run
