/// picture/png_stream.h — PNG files (ISO/IEC 15948): their chunks, and a picture of three colours written row by row.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tessera::picture {

std::string big_endian(std::uint32_t value);
/// Length, type, data, CRC of the latter two.
std::string png_chunk(std::string_view type, std::string_view data);
inline constexpr std::string_view png_signature{"\x89PNG\r\n\x1a\n", 8};

/// Eight bits each of red, green and blue; held are two rows and a buffer. The file appears with close(); an object destroyed before that
/// leaves nothing. Throws SystemError with path and reason.
class RgbPng {
 public:
  /// `comment` goes into the file as text (Latin letters).
  RgbPng(const std::filesystem::path& path, int width, int height, std::string_view comment);
  ~RgbPng();
  RgbPng(const RgbPng&) = delete;
  RgbPng& operator=(const RgbPng&) = delete;
  void add_row(std::span<const std::uint8_t> rgb);  ///< from the top
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::picture
