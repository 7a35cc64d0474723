/// report/html.h — HTML that is XML as well: every text is escaped on its way in, every element is closed.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::report {

/// Text that is markup already. Made by this room only from escaped parts; plain text never becomes it by accident.
struct Markup {
  std::string text;
};

/// Fit for an element's content and for an attribute in double quotes. Bytes that are no UTF-8 become letters of the private range
/// (text::to_utf8), control characters their pictures (U+2400 …), characters that turn the direction of writing or are not allowed
/// in XML become U+FFFD.
std::string escape(std::string_view text);
/// A link to a file beside the page: bytes other than letters, digits and -._~/ as %XX.
std::string link_to(std::string_view path);
/// At most `most` letters: the middle is replaced by … .
std::string shortened(std::string_view text, std::size_t most);
/// "data:image/png;base64,…"
std::string png_url(std::string_view png);

class Html {
 public:
  using Attributes = std::vector<std::pair<std::string_view, std::string>>;

  Html& open(std::string_view tag, const Attributes& attributes = {});
  Html& close();                                  ///< the innermost open element
  Html& text(std::string_view text);
  Html& add(const Markup& markup);
  Html& element(std::string_view tag, std::string_view text, const Attributes& attributes = {});
  /// <img …/>, <meta …/>: elements without content.
  Html& single(std::string_view tag, const Attributes& attributes);
  /// One row of cells; "th" or "td". Cells from `first_number` on are aligned as numbers.
  Html& row(const std::vector<std::string>& cells, std::size_t first_number = 99, std::string_view tag = "td");
  /// Closes what is open.
  Markup finish();

 private:
  void begin(std::string_view tag, const Attributes& attributes);
  std::string text_;
  std::vector<std::string> open_;
};

/// The whole page: title, style and body. The body comes from Html::finish().
std::string page(std::string_view title, const Markup& body);

}  // namespace tessera::report
