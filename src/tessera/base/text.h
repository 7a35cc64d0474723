/// base/text.h — small text helpers shared by readers and messages.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

std::string_view trim(std::string_view s);
std::string lower(std::string_view s);
std::string upper(std::string_view s);
std::vector<std::string> split(std::string_view s, char separator);  ///< keeps empty parts, trims none
std::string join(const std::vector<std::string>& parts, std::string_view separator);
bool starts_with_nocase(std::string_view s, std::string_view prefix);

/// The whole of `s` as a number, or nothing; locale-independent; accepts Fortran's D exponent.
std::optional<double> to_double(std::string_view s);
std::optional<long long> to_integer(std::string_view s);

/// Shortest text that reads back to the same double.
std::string from_double(double value);

/// The entry of `candidates` nearest to `word` by edit distance, or empty when none is near (for "did you mean").
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// Shell-style match with * ? and [set]; '/' is an ordinary character.
bool glob_match(std::string_view pattern, std::string_view name);

/// "1.5G", "800M", "4096" (bytes), with K M G T as powers of 1024; nothing when malformed.
std::optional<long long> parse_bytes(std::string_view s);
std::string format_bytes(double bytes);      ///< "1.2 GiB"
std::string format_duration(double seconds); ///< "3.2 s", "4 min 10 s", "2 h 5 min"

}  // namespace tessera::text
