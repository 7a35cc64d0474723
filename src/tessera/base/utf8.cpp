#include "tessera/base/utf8.h"

#include <algorithm>
#include <cstddef>

namespace tessera::text {
namespace {

unsigned byte_at(std::string_view s, std::size_t i) { return static_cast<unsigned char>(s[i]); }

bool continues(std::string_view s, std::size_t i) { return i < s.size() && (byte_at(s, i) & 0xC0) == 0x80; }

/// Bytes of the well-formed letter that starts at `i`; 0: there is none.
std::size_t letter_length(std::string_view s, std::size_t i) {
  const unsigned first = byte_at(s, i);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0;
  for (std::size_t k = 1; k < length; ++k)
    if (!continues(s, i + k)) return 0;
  if (length < 3) return length;
  const unsigned second = byte_at(s, i + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second > 0x9F;
  const bool too_large = first == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

/// U+EF80 … U+EFFF are EE BE 80 … EE BF BF.
bool stands_for_byte(std::string_view s, std::size_t i) {
  return byte_at(s, i) == 0xEE && i + 2 < s.size() && (byte_at(s, i + 1) & 0xFE) == 0xBE && continues(s, i + 2);
}

void append_byte(std::string& s, unsigned byte) {
  s += '\xEE';
  s += static_cast<char>(0xBE | (byte >> 6 & 1));
  s += static_cast<char>(0x80 | (byte & 0x3F));
}

}  // namespace

std::string to_utf8(std::string_view bytes) {
  std::string result;
  for (std::size_t i = 0; i < bytes.size();) {
    if (const auto length = letter_length(bytes, i); length > 0 && !stands_for_byte(bytes, i)) {
      result += bytes.substr(i, length);
      i += length;
    } else {
      append_byte(result, byte_at(bytes, i++));
    }
  }
  return result;
}

std::string raw_bytes(std::string_view utf8) {
  std::string result;
  for (std::size_t i = 0; i < utf8.size();) {
    if (stands_for_byte(utf8, i)) {
      result += static_cast<char>(0x80 | (byte_at(utf8, i + 1) & 1) << 6 | (byte_at(utf8, i + 2) & 0x3F));
      i += 3;
    } else {
      result += utf8[i++];
    }
  }
  return result;
}

int json_nesting(std::string_view json) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') quoted = !quoted;
    else if (quoted && c == '\\') ++i;
    else if (!quoted && (c == '[' || c == '{')) deepest = std::max(deepest, ++depth);
    else if (!quoted && (c == ']' || c == '}')) --depth;
  }
  return deepest;
}

}  // namespace tessera::text
