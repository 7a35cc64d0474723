/// quiet.h — a context of one thread for tests, that keeps what it is warned of.
#pragma once
#include <string>
#include <vector>

#include "tessera/run/context.h"

namespace tessera {

class Quiet : public run::Context {
 public:
  const parallel::Pool& pool() override { return pool_; }
  std::int64_t memory_bytes() override { return 1 << 30; }
  void log(run::Level, std::string_view) override {}
  void stage(std::string_view, std::int64_t) override {}
  void step(std::int64_t) override {}
  void caveat(std::string_view kind, std::string_view message, std::int64_t) override { kinds.emplace_back(kind), messages.emplace_back(message); }
  void log_to(const std::string&) override {}
  std::vector<std::string> kinds, messages;  ///< of caveats

 private:
  parallel::Pool pool_{1};
};

}  // namespace tessera
