#include "tessera/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

namespace tessera::text {
namespace {

// The C library's character classes depend on the locale; keywords and numbers do not.
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }  // of a UTF-8 character

/// `s` without a leading '+', or nothing when what follows the '+' is no digit or point.
std::optional<std::string_view> without_plus(std::string_view s) {
  if (s.empty() || s.front() != '+') return s;
  s.remove_prefix(1);
  if (s.empty() || !(is_digit(s.front()) || s.front() == '.')) return std::nullopt;
  return s;
}

/// True when a decimal number that no double can hold is too small, not too large.
bool is_underflow(std::string_view number) {
  const auto e = number.find_first_of("eE");
  if (e != std::string_view::npos && e + 1 < number.size()) return number[e + 1] == '-';
  const auto first = number.find_first_not_of("-0");
  return first != std::string_view::npos && number[first] == '.';
}

/// Optimal string alignment distance: insert, delete, replace, swap two neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

/// Position behind the ']' that closes the set opened at `open`, or npos when it is never closed.
std::size_t end_of_set(std::string_view pattern, std::size_t open) {
  std::size_t i = open + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // a ']' that stands first is a member
  const auto close = pattern.find(']', i);
  return close == std::string_view::npos ? close : close + 1;
}

/// `set` is what stands between the brackets.
bool in_set(std::string_view set, char c) {
  const bool negated = !set.empty() && (set.front() == '!' || set.front() == '^');
  if (negated) set.remove_prefix(1);
  const auto code = [](char x) { return static_cast<unsigned char>(x); };
  bool found = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      found = found || (code(c) >= code(set[i]) && code(c) <= code(set[i + 2]));
      i += 2;
    } else {
      found = found || set[i] == c;
    }
  }
  return found != negated;
}

/// Matches one pattern element at `p` with the character at `n`; moves both on success.
bool match_one(std::string_view pattern, std::size_t& p, std::string_view name, std::size_t& n) {
  if (pattern[p] == '?') {
    ++p;
    for (++n; n < name.size() && is_continuation(name[n]); ++n) {
    }
    return true;
  }
  if (pattern[p] == '[') {
    const auto end = end_of_set(pattern, p);
    if (end != std::string_view::npos) {
      if (!in_set(pattern.substr(p + 1, end - p - 2), name[n])) return false;
      p = end;
      ++n;
      return true;
    }
  }
  if (pattern[p] != name[n]) return false;
  ++p;
  ++n;
  return true;
}

}  // namespace

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

std::string lower(std::string_view s) {
  std::string result{s};
  std::transform(result.begin(), result.end(), result.begin(), to_lower);
  return result;
}

std::string upper(std::string_view s) {
  std::string result{s};
  std::transform(result.begin(), result.end(), result.begin(), to_upper);
  return result;
}

std::vector<std::string> split(std::string_view s, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0;;) {
    const auto end = s.find(separator, start);
    parts.emplace_back(s.substr(start, end == std::string_view::npos ? end : end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

bool starts_with_nocase(std::string_view s, std::string_view prefix) {
  return s.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), s.begin(), [](char a, char b) { return to_lower(a) == to_lower(b); });
}

std::optional<double> to_double(std::string_view s) {
  const auto number = without_plus(trim(s));
  if (!number || number->empty()) return std::nullopt;
  std::string digits{*number};
  const auto exponent = digits.find_first_of("dD");
  if (exponent != std::string::npos) {
    if (digits.find_first_of("eE") != std::string::npos) return std::nullopt;
    digits[exponent] = 'e';
  }
  double value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    if (!is_underflow(digits)) return std::nullopt;
    return digits.front() == '-' ? -0.0 : 0.0;
  }
  return value;
}

std::optional<long long> to_integer(std::string_view s) {
  const auto number = without_plus(trim(s));
  if (!number || number->empty()) return std::nullopt;
  long long value = 0;
  const char* const end = number->data() + number->size();
  const auto [stop, error] = std::from_chars(number->data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::string from_double(double value) { return fmt::format("{}", value); }

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string wanted = lower(word);
  const std::size_t allowed = wanted.size() < 4 ? 1 : std::max<std::size_t>(2, wanted.size() / 3);
  std::string best;
  std::size_t best_distance = allowed + 1;
  for (const auto& candidate : candidates) {
    auto distance = edit_distance(wanted, lower(candidate));
    // A beginning is a likely abbreviation, whatever the length of the rest; a true near miss goes before it.
    if (distance > allowed && wanted.size() >= 3 && starts_with_nocase(candidate, wanted)) distance = allowed;
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool glob_match(std::string_view pattern, std::string_view name) {
  // Only the last '*' ever needs to be tried again, so the work is at most the product of the lengths.
  std::size_t p = 0, n = 0;
  std::size_t star = std::string_view::npos, retry = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      retry = n;
    } else if (p < pattern.size() && match_one(pattern, p, name, n)) {
      continue;
    } else if (star != std::string_view::npos) {
      p = star;
      n = ++retry;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::optional<long long> parse_bytes(std::string_view s) {
  std::string word = upper(trim(s));
  if (word.size() > 1 && word.back() == 'B') {
    word.pop_back();
    if (word.back() == 'I') {
      word.pop_back();
      if (word.empty() || is_digit(word.back())) return std::nullopt;  // "5iB"
    }
  }
  if (word.empty()) return std::nullopt;
  double factor = 1;
  const auto power = std::string_view{"KMGT"}.find(word.back());
  if (power != std::string_view::npos) {
    factor = std::ldexp(1.0, 10 * (static_cast<int>(power) + 1));
    word.pop_back();
  }
  const auto number = to_double(word);
  if (!number || !std::isfinite(*number) || *number < 0) return std::nullopt;
  const double bytes = std::round(*number * factor);
  if (bytes >= static_cast<double>(std::numeric_limits<long long>::max())) return std::nullopt;
  return static_cast<long long>(bytes);
}

std::string format_bytes(double bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (!(std::abs(bytes) >= 1023.5)) return fmt::format("{:.0f} B", bytes);
  std::size_t unit = 0;
  for (bytes /= 1024; std::abs(bytes) >= 1023.95 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds < 0.995) return fmt::format("{:.2f} s", std::max(0.0, seconds));
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 3599.5) {
    const auto whole = std::llround(seconds);
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  const double minutes = std::round(seconds / 60);
  if (minutes > 1e9) return fmt::format("{:.0f} h", minutes / 60);
  const auto whole = static_cast<long long>(minutes);
  return fmt::format("{} h {} min", whole / 60, whole % 60);
}

}  // namespace tessera::text
