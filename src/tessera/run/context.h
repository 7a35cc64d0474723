/// run/context.h — what a step may ask of whoever runs it (the command line, a server, a test).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/parallel/pool.h"

namespace tessera::run {

enum class Outcome { done, done_with_caveats, nothing_to_do };  // a failure is an exception
enum class Level { debug, info, warning };

class Context {
 public:
  virtual ~Context() = default;
  virtual const parallel::Pool& pool() = 0;
  virtual std::int64_t memory_bytes() = 0;                                ///< the ceiling
  virtual void log(Level level, std::string_view message) = 0;
  /// Begins a named stage of `total` pieces of work; step() advances it. Safe to call step() from many threads.
  virtual void stage(std::string_view name, std::int64_t total) = 0;
  virtual void step(std::int64_t pieces = 1) = 0;
  /// Counted, shown at the end, kept in run.json. `kind` is a short stable word ("disjoint-groups"), `message` one line.
  virtual void caveat(std::string_view kind, std::string_view message, std::int64_t count = 1) = 0;
  /// From now on the log goes to this file as well (flushed at the end of the run).
  virtual void log_to(const std::string& path) = 0;
};

}  // namespace tessera::run
