/// A context of one thread that says nothing.
#pragma once
#include "tessera/pipeline/context.h"

namespace tessera::extraction {

class Quiet : public pipeline::Context {
 public:
  const parallel::Pool& pool() override { return pool_; }
  std::int64_t memory_bytes() override { return 1 << 30; }
  void log(pipeline::Level, std::string_view) override {}
  void stage(std::string_view, std::int64_t) override {}
  void step(std::int64_t) override {}
  void caveat(std::string_view, std::string_view, std::int64_t) override {}
  void log_to(const std::string&) override {}

 private:
  parallel::Pool pool_{1};
};

}  // namespace tessera::extraction
