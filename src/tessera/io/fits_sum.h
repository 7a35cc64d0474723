/// io/fits_sum.h — the checksum of FITS: the ones' complement sum of big-endian 32-bit words (FITS standard 4.0, appendix J). Internal to io.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tessera/io/bytes.h"

namespace tessera::io::detail {

/// A 64-bit sum of words with its carries brought round.
constexpr std::uint32_t folded(std::uint64_t sum) {
  while (sum >> 32) sum = (sum & 0xffffffffu) + (sum >> 32);
  return static_cast<std::uint32_t>(sum);
}

/// The sum of two pieces that are both of whole words.
constexpr std::uint32_t add_sums(std::uint32_t a, std::uint32_t b) { return folded(std::uint64_t{a} + b); }

/// Of bytes as they stand in the file; a last word that is not whole is filled up with zeros.
inline std::uint32_t sum_of_bytes(std::span<const std::byte> bytes) {
  std::uint64_t sum = 0;  // room for the carries of 2³² words
  for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) sum += load_be<std::uint32_t>(bytes.data() + i);
  if (const std::size_t rest = bytes.size() % 4) {
    std::byte last[4] = {};
    std::memcpy(last, bytes.data() + bytes.size() - rest, rest);
    sum += load_be<std::uint32_t>(last);
  }
  return folded(sum);
}

/// Of numbers of 4 or 8 bytes as they will stand in the file.
template <class T>
std::uint32_t sum_of_numbers(std::span<const T> numbers) {
  std::uint64_t sum = 0;
  if constexpr (sizeof(T) == 4) {
    for (const T v : numbers) sum += std::bit_cast<std::uint32_t>(v);
  } else if constexpr (sizeof(T) == 8) {
    for (const T v : numbers) sum += (std::bit_cast<std::uint64_t>(v) >> 32) + (std::bit_cast<std::uint64_t>(v) & 0xffffffffu);
  }
  return folded(sum);
}

}  // namespace tessera::io::detail
