/// io/bytes.h — numbers to and from big-endian bytes (FITS, VOTable BINARY). Internal to io.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

namespace tessera::io::detail {

template <std::size_t N>
struct UnsignedOf;
template <>
struct UnsignedOf<1> { using type = std::uint8_t; };
template <>
struct UnsignedOf<2> { using type = std::uint16_t; };
template <>
struct UnsignedOf<4> { using type = std::uint32_t; };
template <>
struct UnsignedOf<8> { using type = std::uint64_t; };

template <class U>
constexpr U swap_bytes(U v) {
  if constexpr (std::endian::native == std::endian::big || sizeof(U) == 1) return v;
  else if constexpr (sizeof(U) == 2) return __builtin_bswap16(v);
  else if constexpr (sizeof(U) == 4) return __builtin_bswap32(v);
  else return __builtin_bswap64(v);
}

/// The number whose big-endian bytes start at `p` (no alignment needed).
template <class T>
T load_be(const std::byte* p) {
  using U = typename UnsignedOf<sizeof(T)>::type;
  U u;
  std::memcpy(&u, p, sizeof u);
  return std::bit_cast<T>(swap_bytes(u));
}

template <class T>
void append_be(std::string& out, T value) {
  using U = typename UnsignedOf<sizeof(T)>::type;
  const U u = swap_bytes(std::bit_cast<U>(value));
  char bytes[sizeof u];
  std::memcpy(bytes, &u, sizeof u);
  out.append(bytes, sizeof u);
}

}  // namespace tessera::io::detail
