#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits.h"
#include "tessera/io/fits_pixels.h"
#include "tessera/io/fits_table.h"

namespace tessera::io {

using detail::CardText;
using detail::HduLayout;

struct FitsFile::Impl {
  std::filesystem::path path;
  detail::ByteSource source;
  std::vector<HduLayout> layout;
  std::vector<HduInfo> infos;
  mutable std::unique_ptr<detail::CompressedReader> compressed;
  mutable std::map<int, detail::TileCheck> checks;  // of the compressed HDUs read so far

  explicit Impl(const std::filesystem::path& p) : path{p}, source{p}, layout{detail::read_layout(source, p.string())} {
    for (const HduLayout& hdu : layout) infos.push_back(hdu.info);
  }

  const HduLayout& at(int hdu) const {
    if (hdu < 0 || hdu >= static_cast<int>(layout.size()))
      throw DataError{fmt::format("{}: has no HDU {} (there are {}, counted from 0)", path.string(), hdu, layout.size())};
    return layout[static_cast<std::size_t>(hdu)];
  }

  detail::CompressedReader& compressed_reader(const HduLayout& hdu, Box window, int plane) const {
    checks.try_emplace(hdu.info.index, source, hdu, path.string()).first->second.require(window, plane);
    if (!compressed) compressed = std::make_unique<detail::CompressedReader>(path.string(), source);
    return *compressed;
  }

  /// Shape and window of a read, checked.
  std::pair<detail::PlaneShape, Box> request(const HduLayout& hdu, std::optional<Box> window, int plane) const {
    const detail::PlaneShape shape = detail::plane_shape(hdu, path.string());
    const Box whole{0, 0, shape.width, shape.height};
    const Box box = window.value_or(whole);
    const std::string name = detail::hdu_name(path.string(), hdu);
    if (box.x0 > box.x1 || box.y0 > box.y1 || !whole.contains(box))
      throw DataError{fmt::format("{}: window [{}, {}) × [{}, {}) lies outside the image of {} × {} pixels", name, box.x0, box.x1, box.y0, box.y1,
                                  shape.width, shape.height)};
    if (plane < 0 || plane >= shape.planes) throw DataError{fmt::format("{}: has no plane {} (there are {}, counted from 0)", name, plane, shape.planes)};
    return {shape, box};
  }
};

namespace {

/// The cards of the image a compressed table holds, in the order a plain image would have them.
std::string uncompressed_cards(std::string_view cards) {
  const CardText text{cards};
  const auto card = [](std::string_view key, std::string_view value) { return fmt::format("{:<80}", fmt::format("{:<8}= {:>20}", key, value)); };
  std::string out = fmt::format("{:<80}", "XTENSION= 'IMAGE   '");
  out += card("BITPIX", text.text("ZBITPIX").value_or(""));
  out += card("NAXIS", text.text("ZNAXIS").value_or(""));
  for (std::int64_t i = 1, n = text.integer("ZNAXIS").value_or(0); i <= n; ++i)
    out += card("NAXIS" + std::to_string(i), text.text("ZNAXIS" + std::to_string(i)).value_or(""));
  out += card("PCOUNT", text.text("ZPCOUNT").value_or("0")) + card("GCOUNT", text.text("ZGCOUNT").value_or("1"));
  const bool has_blank = text.text("BLANK").has_value();
  const std::string name = text.text("EXTNAME").value_or("");
  detail::for_each_record(cards, [&](std::string_view key, std::string_view record) {
    if (key == "ZBLANK" && !has_blank) out += card("BLANK", text.text("ZBLANK").value_or(""));
    if (key == "EXTNAME" && name == "COMPRESSED_IMAGE") return;
    const bool kept = key == "EXTNAME" || key == "BSCALE" || key == "BZERO" || key == "BLANK";
    if (!kept && (detail::is_structural(key) || detail::is_column_keyword(key))) return;
    out += record;
  });
  return out;
}

/// Records of the primary header that an INHERIT = T extension takes over.
std::string inherited_cards(std::string_view primary, std::string_view own) {
  std::set<std::string, std::less<>> present;
  detail::for_each_record(own, [&](std::string_view key, std::string_view) { present.emplace(key); });
  std::string out;
  detail::for_each_record(primary, [&](std::string_view key, std::string_view record) {
    if (key.empty() || key == "COMMENT" || key == "HISTORY" || key == "CONTINUE" || key == "EXTVER" || key == "EXTLEVEL") return;
    if (!detail::is_structural(key) && !present.contains(key)) out += record;
  });
  return out;
}

}  // namespace

FitsFile::FitsFile(const std::filesystem::path& path) : impl_{std::make_unique<Impl>(path)} {}
FitsFile::~FitsFile() = default;
FitsFile::FitsFile(FitsFile&&) noexcept = default;
FitsFile& FitsFile::operator=(FitsFile&&) noexcept = default;

const std::filesystem::path& FitsFile::path() const { return impl_->path; }
const std::vector<HduInfo>& FitsFile::hdus() const { return impl_->infos; }
std::int64_t FitsFile::unpacked_bytes() const { return impl_->source.gzipped() ? impl_->source.size() : 0; }
bool FitsFile::streamed() const { return impl_->source.streamed(); }

std::optional<int> FitsFile::find(std::string_view extname, int extver) const {
  const std::string wanted = text::lower(extname);
  for (const HduInfo& hdu : impl_->infos)
    if (text::lower(hdu.name) == wanted && (extver == 0 || hdu.version == extver)) return hdu.index;
  return std::nullopt;
}

std::optional<int> FitsFile::first_image() const {
  for (const HduLayout& hdu : impl_->layout) {
    const auto& axes = hdu.info.axes;
    if (hdu.info.kind != HduInfo::Kind::image || hdu.random_groups || axes.size() < 2 || axes[0] == 0 || axes[1] == 0) continue;
    if (std::all_of(axes.begin() + 2, axes.end(), [](std::int64_t n) { return n == 1; })) return hdu.info.index;
  }
  return std::nullopt;
}

Header FitsFile::header(int hdu, bool inherit) const {
  const HduLayout& layout = impl_->at(hdu);
  std::string cards = layout.info.compressed ? uncompressed_cards(layout.cards) : layout.cards;
  if (inherit && hdu > 0 && CardText{cards}.is_true("INHERIT")) cards += inherited_cards(impl_->layout.front().cards, cards);
  return Header::parse(cards);
}

Image<float> FitsFile::read_float(int hdu, std::optional<Box> window, int plane) const {
  const HduLayout& layout = impl_->at(hdu);
  const auto [shape, box] = impl_->request(layout, window, plane);
  if (box.empty()) return Image<float>{box};
  const std::string where = impl_->path.string();
  if (layout.info.compressed) return impl_->compressed_reader(layout, box, plane).read_float(layout, box, plane, where);
  return detail::read_plain_float(impl_->source, layout, shape, box, plane, where);
}

Image<std::uint32_t> FitsFile::read_bits(int hdu, std::optional<Box> window, int plane) const {
  const HduLayout& layout = impl_->at(hdu);
  const auto [shape, box] = impl_->request(layout, window, plane);
  if (box.empty()) return Image<std::uint32_t>{box};
  const std::string where = impl_->path.string();
  if (layout.info.compressed) return impl_->compressed_reader(layout, box, plane).read_bits(layout, box, plane, where);
  return detail::read_plain_bits(impl_->source, layout, shape, box, plane, where);
}

Table FitsFile::read_table(int hdu) const { return detail::read_fits_table(impl_->source, impl_->at(hdu), impl_->path.string()); }

}  // namespace tessera::io
