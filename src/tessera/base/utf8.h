/// base/utf8.h — names of files are bytes, JSON is UTF-8: a way from one to the other and back without loss.
#pragma once
#include <string>
#include <string_view>

namespace tessera::text {

/// Valid UTF-8 stays as it is. Every other byte becomes one letter of the private range U+EF80 … U+EFFF (U+EF00 + byte), and so do
/// the bytes of letters of that range, so that raw_bytes() gives back exactly `bytes`.
std::string to_utf8(std::string_view bytes);
std::string raw_bytes(std::string_view utf8);

/// How deep brackets and braces are nested in JSON (those in strings do not count): what walks a document calls itself that often.
int json_nesting(std::string_view json);
inline constexpr int json_nesting_limit = 32;  ///< what we write nests 6 deep

/// Applies `change` to every string value (not to keys) of a JSON document.
template <class Json>
void change_strings(Json& j, std::string (*change)(std::string_view)) {
  if (j.is_string()) {
    auto& s = j.template get_ref<std::string&>();
    s = change(s);
  } else if (j.is_structured()) {
    for (auto& element : j) change_strings(element, change);
  }
}

}  // namespace tessera::text
