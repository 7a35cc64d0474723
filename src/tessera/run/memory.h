/// run/memory.h — what of the memory ceiling is free, by what this process holds now. Decisions by it are about where things wait and how many are held at once, never about results.
#pragma once
#include <cstdint>
#include <string>

#include "tessera/parallel/pool.h"
#include "tessera/run/context.h"

namespace tessera::run {

/// Bytes up to the ceiling, freed memory given back before; negative beyond it.
std::int64_t memory_left(Context& context);
/// Throws SystemError with the least ceiling that would do, when `bytes` more than there are now exceed it. `what` needs them.
void need_memory(std::int64_t bytes, const std::string& what, Context& context);

/// Bytes of a budget for as long as it lives.
class HeldBytes {
 public:
  HeldBytes(parallel::Budget& budget, std::int64_t bytes, const char* what) : budget_{budget}, bytes_{bytes} { budget_.acquire(bytes_, what); }
  ~HeldBytes() { budget_.release(bytes_); }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;

 private:
  parallel::Budget& budget_;
  std::int64_t bytes_;
};

}  // namespace tessera::run
