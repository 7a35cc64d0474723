#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "tessera/base/error.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/fits.h"

namespace tessera::io {

void unpack_gzip(const std::filesystem::path& from, const std::filesystem::path& to) {
  const detail::ByteSource source{from, 0};
  std::ofstream out{to, std::ios::binary | std::ios::trunc};
  std::vector<std::byte> buffer;
  constexpr std::int64_t piece = 1 << 20;
  errno = 0;
  for (std::int64_t at = 0; out && at < source.size(); at += piece) {
    const auto n = static_cast<std::size_t>(std::min(piece, source.size() - at));
    out.write(reinterpret_cast<const char*>(source.at(at, n, buffer)), static_cast<std::streamsize>(n));
  }
  out.close();
  if (out) return;
  const int reason = errno;
  std::error_code ignored;
  std::filesystem::remove(to, ignored);
  throw SystemError{fmt::format("{}: cannot be unpacked to {}: {}; free space or choose another output folder", from.string(), to.string(), reason ? std::strerror(reason) : "write error")};
}

}  // namespace tessera::io
