#include "tessera/run/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::run {
namespace {

std::int64_t resident() {
  std::ifstream statm{"/proc/self/statm"};
  std::int64_t pages = 0, in_memory = 0;
  return statm >> pages >> in_memory ? in_memory * sysconf(_SC_PAGESIZE) : parallel::peak_resident();
}

}  // namespace

std::int64_t memory_left(Context& context) {
  parallel::release_freed_memory();
  return context.memory_bytes() - resident();
}

void need_memory(std::int64_t bytes, const std::string& what, Context& context) {
  const std::int64_t left = memory_left(context);
  if (bytes <= left) return;
  const auto text = [](std::int64_t b) { return text::format_bytes(static_cast<double>(b)); };
  throw SystemError{fmt::format("{} needs {} of memory, the ceiling is {}; raise it with --memory", what, text(context.memory_bytes() - left + bytes), text(context.memory_bytes()))};
}

}  // namespace tessera::run
