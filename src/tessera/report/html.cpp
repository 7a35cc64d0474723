#include "tessera/report/html.h"

#include <fmt/format.h>

#include <cstdint>

#include "tessera/base/utf8.h"
#include "tessera/report/style.h"

namespace tessera::report {
namespace {

/// Of the letter that starts at `i` of valid UTF-8.
std::size_t letter_bytes(std::string_view s, std::size_t i) {
  const auto first = static_cast<unsigned char>(s[i]);
  return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

std::uint32_t code_point(std::string_view letter) {
  const auto first = static_cast<unsigned char>(letter.front());
  std::uint32_t code = letter.size() == 1 ? first : first & (0x7Fu >> letter.size());
  for (std::size_t i = 1; i < letter.size(); ++i) code = code << 6 | (static_cast<unsigned char>(letter[i]) & 0x3Fu);
  return code;
}

/// Not allowed in XML or unseen but harmful: they reorder what is read.
bool unwanted(std::uint32_t c) {
  return (c >= 0x80 && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F || c == 0x061C || c == 0xFFFE || c == 0xFFFF;
}

}  // namespace

std::string escape(std::string_view text) {
  const std::string utf8 = text::to_utf8(text);
  std::string out;
  for (std::size_t i = 0; i < utf8.size();) {
    const auto length = letter_bytes(utf8, i);
    const auto letter = std::string_view{utf8}.substr(i, length);
    const auto code = code_point(letter);
    i += length;
    switch (code) {
      case '&': out += "&amp;"; continue;
      case '<': out += "&lt;"; continue;
      case '>': out += "&gt;"; continue;
      case '"': out += "&quot;"; continue;
      case '\'': out += "&#39;"; continue;
      default: break;
    }
    if (code < 0x20 || code == 0x7F)  // ␀ … ␟, ␡
      out += std::string{"\xE2\x90"} + static_cast<char>(0x80 + (code == 0x7F ? 0x21 : code));
    else if (unwanted(code))
      out += "\xEF\xBF\xBD";
    else
      out += letter;
  }
  return out;
}

std::string link_to(std::string_view path) {
  static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : path)
    if (plain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

std::string shortened(std::string_view text, std::size_t most) {
  const std::string utf8 = text::to_utf8(text);
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < utf8.size(); i += letter_bytes(utf8, i)) starts.push_back(i);
  if (starts.size() <= most || most < 3) return utf8;
  const std::size_t front = most / 2, back = most - front - 1;
  return utf8.substr(0, starts[front]) + "…" + utf8.substr(starts[starts.size() - back]);
}

std::string png_url(std::string_view png) {
  static constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out = "data:image/png;base64,";
  out.reserve(out.size() + (png.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) -> std::uint32_t { return i < png.size() ? static_cast<unsigned char>(png[i]) : 0; };
  for (std::size_t i = 0; i < png.size(); i += 3) {
    const std::uint32_t three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const unsigned k : {0u, 1u, 2u, 3u}) out += i + k <= png.size() ? digits[three >> (18 - 6 * k) & 63u] : '=';
  }
  return out;
}

void Html::begin(std::string_view tag, const Attributes& attributes) {
  text_ += fmt::format("<{}", tag);
  for (const auto& [key, value] : attributes) text_ += fmt::format(" {}=\"{}\"", key, escape(value));
}

Html& Html::open(std::string_view tag, const Attributes& attributes) {
  begin(tag, attributes);
  text_ += '>';
  open_.emplace_back(tag);
  return *this;
}

Html& Html::close() {
  if (open_.empty()) return *this;
  text_ += "</" + open_.back() + ">\n";
  open_.pop_back();
  return *this;
}

Html& Html::text(std::string_view text) {
  text_ += escape(text);
  return *this;
}

Html& Html::add(const Markup& markup) {
  text_ += markup.text;
  return *this;
}

Html& Html::element(std::string_view tag, std::string_view text, const Attributes& attributes) {
  begin(tag, attributes);
  text_ += fmt::format(">{}</{}>\n", escape(text), tag);
  return *this;
}

Html& Html::single(std::string_view tag, const Attributes& attributes) {
  begin(tag, attributes);
  text_ += "/>";
  return *this;
}

Html& Html::row(const std::vector<std::string>& cells, std::size_t first_number, std::string_view tag) {
  text_ += "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) text_ += fmt::format("<{0}{1}>{2}</{0}>", tag, i >= first_number ? " class=\"n\"" : "", escape(cells[i]));
  text_ += "</tr>\n";
  return *this;
}

Markup Html::finish() {
  while (!open_.empty()) close();
  return {std::move(text_)};
}

std::string page(std::string_view title, const Markup& body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      escape(title), style_sheet(), body.text);
}

}  // namespace tessera::report
