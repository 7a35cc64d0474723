#include "tessera/picture/png_stream.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/files.h"

namespace tessera::picture {

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 255u);
  return bytes;
}

std::string png_chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string{type} + std::string{data};
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(data.size())) + body + big_endian(static_cast<std::uint32_t>(crc));
}

struct RgbPng::Impl {
  static constexpr std::size_t buffer_bytes = 1 << 16;
  static constexpr int level = 6;
  std::filesystem::path path, temporary;
  std::ofstream file;
  z_stream stream{};
  std::vector<std::uint8_t> above, filtered;
  std::string packed = std::string(buffer_bytes, '\0');
  bool closed = false;

  void write(const std::string& bytes) {
    if (!file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()))) throw SystemError{fmt::format("{}: cannot be written: {}", path.string(), std::strerror(errno))};
  }
  /// Packs what is waiting; with `flush` = Z_FINISH all of it.
  void pack(int flush) {
    int status = Z_OK;
    do {
      stream.next_out = reinterpret_cast<Bytef*>(packed.data());
      stream.avail_out = static_cast<uInt>(packed.size());
      status = ::deflate(&stream, flush);
      if (status == Z_STREAM_ERROR) throw SystemError{fmt::format("{}: the picture could not be compressed", path.string())};
      if (const auto bytes = packed.size() - stream.avail_out; bytes > 0) write(png_chunk("IDAT", std::string_view{packed}.substr(0, bytes)));
    } while (stream.avail_out == 0 || (flush == Z_FINISH && status != Z_STREAM_END));
  }
};

RgbPng::RgbPng(const std::filesystem::path& path, int width, int height, std::string_view comment) : impl_{std::make_unique<Impl>()} {
  auto& m = *impl_;
  m.path = path;
  m.temporary = files::temporary_name(path);
  m.file.open(m.temporary, std::ios::binary | std::ios::trunc);
  if (::deflateInit(&m.stream, Impl::level) != Z_OK) throw SystemError{fmt::format("{}: the picture could not be compressed: out of memory", path.string())};
  m.above.assign(static_cast<std::size_t>(width) * 3, 0);
  m.filtered.assign(m.above.size() + 1, 0);
  m.write(std::string{png_signature} + png_chunk("IHDR", big_endian(static_cast<std::uint32_t>(width)) + big_endian(static_cast<std::uint32_t>(height)) +
                                                             std::string{"\x08\x02\x00\x00\x00", 5}) +  // 8 bits, colours, deflate, filters, not interlaced
          png_chunk("tEXt", std::string{"Software\0", 9} + "tessera") + png_chunk("tEXt", std::string{"Comment\0", 8} + std::string{comment}));
}

RgbPng::~RgbPng() {
  ::deflateEnd(&impl_->stream);
  if (impl_->closed) return;
  impl_->file.close();
  std::error_code ignored;
  std::filesystem::remove(impl_->temporary, ignored);
}

void RgbPng::add_row(std::span<const std::uint8_t> rgb) {
  auto& m = *impl_;
  m.filtered[0] = 2;  // each byte less the one above it: skies pack better so
  for (std::size_t i = 0; i < rgb.size(); ++i) m.filtered[i + 1] = static_cast<std::uint8_t>(rgb[i] - m.above[i]);
  m.above.assign(rgb.begin(), rgb.end());
  m.stream.next_in = m.filtered.data();
  m.stream.avail_in = static_cast<uInt>(m.filtered.size());
  m.pack(Z_NO_FLUSH);
}

void RgbPng::close() {
  auto& m = *impl_;
  m.pack(Z_FINISH);
  m.write(png_chunk("IEND", ""));
  m.file.close();
  if (!m.file) throw SystemError{fmt::format("{}: cannot be written: {}", m.path.string(), std::strerror(errno))};
  files::commit(m.temporary, m.path);
  m.closed = true;
}

}  // namespace tessera::picture
