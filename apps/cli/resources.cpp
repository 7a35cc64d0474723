#include "resources.h"

#include <fmt/format.h>
#include <malloc.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::cli {

void share_one_heap() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
#endif
}

std::int64_t memory_ceiling(const std::string& value, std::int64_t physical) {
  constexpr std::int64_t least = std::int64_t{64} << 20;
  const std::string_view word = text::trim(value);
  std::int64_t bytes = 0;
  if (!word.empty() && word.back() == '%') {
    const auto percent = text::to_double(word.substr(0, word.size() - 1));
    if (!percent || !(*percent > 0) || *percent > 100)
      throw UsageError{fmt::format("run.memory (--memory): '{}' is no percentage; expected one above 0 and up to 100, as in 25%", value)};
    bytes = std::max(static_cast<std::int64_t>(static_cast<double>(physical) * *percent / 100), least);
  } else {
    const auto given = text::parse_bytes(word);
    if (!given) throw UsageError{fmt::format("run.memory (--memory): '{}' is no amount of memory; expected one like 4G, 800M or 25%", value)};
    bytes = *given;
  }
  if (bytes < least) throw UsageError{fmt::format("run.memory (--memory): {} is too little; expected at least 64M", value)};
  return bytes;
}

int terminal_width(std::FILE* stream) {
  int width = 80;
  winsize size{};
  const char* columns = std::getenv("COLUMNS");
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    width = size.ws_col;
  else if (const auto given = columns ? text::to_integer(columns) : std::nullopt)
    width = static_cast<int>(std::clamp(*given, 0ll, 1000ll));
  return std::clamp(width, 40, 120);
}

}  // namespace tessera::cli
