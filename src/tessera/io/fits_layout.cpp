#include "tessera/io/fits_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tessera/base/error.h"
#include "tessera/base/text.h"

namespace tessera::io::detail {
namespace {

constexpr std::int64_t axis_limit = std::int64_t{1} << 40;

std::string_view key_of(std::string_view card) {
  std::string_view key = card.substr(0, 8);
  while (key.ends_with(' ')) key.remove_suffix(1);
  return key;
}

std::string shown(std::string_view bytes) {
  std::string out;
  for (const char c : bytes.substr(0, 16)) out += (c >= ' ' && c < 127) ? c : '.';
  return out;
}

[[noreturn]] void fail(const std::string& where, int hdu, const std::string& what) {
  throw DataError{fmt::format("{}[{}]: {}", where, hdu, what)};
}

/// Reads the header that starts at `offset`; returns its cards and moves `offset` behind its last block.
std::string read_header(const ByteSource& source, const std::string& where, int index, std::int64_t& offset) {
  std::string cards;
  std::vector<std::byte> buffer;
  for (;;) {
    if (source.size() - offset < fits_block)
      fail(where, index, fmt::format("truncated: {} bytes found, at least {} expected (the header has no END)", grouped(source.size()),
                                     grouped(offset + fits_block)));
    const auto* block = reinterpret_cast<const char*>(source.at(offset, fits_block, buffer));
    offset += fits_block;
    for (int i = 0; i < 36; ++i) {
      const std::string_view card{block + 80 * i, 80};
      if (key_of(card) == "END") return cards;
      cards += card;
    }
    if (static_cast<std::int64_t>(cards.size()) / 80 > card_limit)
      fail(where, index, fmt::format("no END within {} header cards; damaged or not a FITS file", grouped(card_limit)));
  }
}

/// An integer keyword that must be there and lie in a range.
std::int64_t required(const CardText& cards, const std::string& key, std::int64_t low, std::int64_t high, const std::string& where, int hdu) {
  const auto value = cards.integer(key);
  if (!value) fail(where, hdu, fmt::format("{} is missing or not a whole number ({})", key, cards.text(key).value_or("absent")));
  if (*value < low || *value > high) fail(where, hdu, fmt::format("{} = {} is outside {} … {}", key, *value, low, high));
  return *value;
}

std::vector<std::int64_t> read_axes(const CardText& cards, const std::string& stem, std::int64_t most, const std::string& where, int hdu) {
  const auto count = required(cards, stem, 0, most, where, hdu);
  std::vector<std::int64_t> axes;
  for (std::int64_t i = 1; i <= count; ++i) axes.push_back(required(cards, stem + std::to_string(i), 0, axis_limit, where, hdu));
  return axes;
}

int read_bitpix(const CardText& cards, const std::string& key, const std::string& where, int hdu) {
  constexpr std::array<std::int64_t, 6> allowed{8, 16, 32, 64, -32, -64};
  const auto value = cards.integer(key);
  if (!value || std::find(allowed.begin(), allowed.end(), *value) == allowed.end())
    fail(where, hdu, fmt::format("{} = {} is none of 8, 16, 32, 64, -32, -64", key, cards.text(key).value_or("absent")));
  return static_cast<int>(*value);
}

/// Product of axes times a factor; fails on overflow instead of wrapping.
std::int64_t product(std::int64_t factor, std::span<const std::int64_t> axes, const std::string& where, int hdu) {
  std::int64_t p = factor;
  for (const std::int64_t n : axes)
    if (__builtin_mul_overflow(p, n, &p)) fail(where, hdu, "the axes multiply to more than any file can hold");
  return p;
}

std::int64_t data_size(HduLayout& hdu, const CardText& cards, const std::vector<std::int64_t>& axes, const std::string& where, int index) {
  if (axes.empty()) return 0;
  const std::int64_t width = std::abs(hdu.info.bitpix) / 8;
  const std::int64_t groups = cards.integer("GCOUNT").value_or(1);
  const std::int64_t extra = cards.integer("PCOUNT").value_or(0);
  if (groups < 0 || groups > axis_limit || extra < 0 || extra > axis_limit)
    fail(where, index, fmt::format("PCOUNT = {}, GCOUNT = {} make no sense", extra, groups));
  hdu.random_groups = axes[0] == 0 && cards.is_true("GROUPS");
  const auto counted = std::span{axes}.subspan(hdu.random_groups ? 1 : 0);
  std::int64_t elements = product(1, counted, where, index);
  if (__builtin_add_overflow(elements, extra, &elements)) fail(where, index, "the data are larger than any file can be");
  hdu.heap_bytes = extra;
  return product(elements, std::array<std::int64_t, 2>{width, groups}, where, index);
}

/// The image a compressed table stands for; everything cfitsio will rely on is checked here.
void check_compressed(HduLayout& hdu, const CardText& cards, const std::string& where, int index) {
  for (const char* key : {"NAXIS", "NAXIS1", "NAXIS2", "PCOUNT", "TFIELDS", "ZIMAGE", "ZBITPIX", "ZNAXIS", "ZCMPTYPE"})
    if (cards.count(key) > 1) fail(where, index, fmt::format("{} stands twice in the header of a compressed image", key));
  hdu.info.bitpix = read_bitpix(cards, "ZBITPIX", where, index);
  const std::int64_t rows = hdu.info.axes.at(1);
  hdu.info.axes = read_axes(cards, "ZNAXIS", 6, where, index);
  const std::string method = cards.text("ZCMPTYPE").value_or("absent");
  constexpr std::array<std::string_view, 7> known{"RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS"};
  if (std::find(known.begin(), known.end(), method) == known.end())
    fail(where, index, fmt::format("ZCMPTYPE = {} is not a known tile compression", method));
  std::int64_t tiles = 1;
  for (std::size_t i = 0; i < hdu.info.axes.size(); ++i) {
    const std::string key = "ZTILE" + std::to_string(i + 1);
    const std::int64_t axis = hdu.info.axes[i];
    if (axis < 1) fail(where, index, fmt::format("ZNAXIS{} = {}: a compressed image without pixels", i + 1, axis));
    const std::int64_t tile = cards.text(key) ? required(cards, key, 1, axis_limit, where, index) : (i == 0 ? axis : 1);
    tiles = product(tiles, std::array{(axis + tile - 1) / tile}, where, index);
  }
  if (hdu.info.axes.empty() ? rows != 0 : tiles != rows)
    fail(where, index, fmt::format("a compressed image of {} tiles needs as many rows, {} found", tiles, rows));
  // Gzip shrinks at most 1032 times; a plain sky in the others somewhat more. Beyond that the header lies.
  const std::int64_t pixels = product(std::abs(hdu.info.bitpix) / 8, hdu.info.axes, where, index);
  if (pixels / 20'000 > std::max(hdu.data_bytes, fits_block))
    fail(where, index, fmt::format("{} bytes of pixels cannot come out of {} compressed bytes", grouped(pixels), grouped(hdu.data_bytes)));
}

void classify(HduLayout& hdu, const CardText& cards, const std::string& where, int index) {
  const std::string extension = index == 0 ? "IMAGE" : cards.text("XTENSION").value_or("");
  if (extension == "BINTABLE" || extension == "A3DTABLE" || extension == "TABLE") {
    hdu.info.kind = HduInfo::Kind::table;
    hdu.ascii_table = extension == "TABLE";
    if (hdu.info.axes.size() != 2) fail(where, index, fmt::format("a table has NAXIS = 2, found {}", hdu.info.axes.size()));
    if (hdu.info.bitpix != 8) fail(where, index, fmt::format("a table has BITPIX = 8, found {}", hdu.info.bitpix));
    required(cards, "TFIELDS", 0, 999, where, index);
    if (!hdu.ascii_table && cards.is_true("ZIMAGE")) {
      hdu.info.compressed = true;
      check_compressed(hdu, cards, where, index);
      hdu.info.kind = hdu.info.axes.empty() ? HduInfo::Kind::empty : HduInfo::Kind::image;
    }
  } else if (extension == "IMAGE" && !hdu.info.axes.empty()) {
    hdu.info.kind = HduInfo::Kind::image;
  }
}

HduLayout read_hdu(const ByteSource& source, const std::string& where, int index, std::int64_t& offset) {
  HduLayout hdu;
  hdu.info.index = index;
  hdu.cards = read_header(source, where, index, offset);
  const CardText cards{hdu.cards};
  hdu.info.bitpix = read_bitpix(cards, "BITPIX", where, index);
  hdu.info.axes = read_axes(cards, "NAXIS", 999, where, index);
  hdu.info.name = cards.text("EXTNAME").value_or("");
  hdu.info.version = static_cast<int>(std::clamp<std::int64_t>(cards.integer("EXTVER").value_or(1), -1'000'000'000, 1'000'000'000));
  hdu.data_bytes = data_size(hdu, cards, hdu.info.axes, where, index);
  hdu.data_offset = offset;
  // The padding of the last block is missing in some files; the data themselves must be there.
  if (hdu.data_bytes > source.size() - offset)
    fail(where, index, hdu.data_bytes > axis_limit * 8
                           ? std::string{"the axes ask for more data than any file can hold"}
                           : fmt::format("truncated: {} bytes found, {} expected", grouped(source.size()), grouped(offset + hdu.data_bytes)));
  classify(hdu, cards, where, index);
  offset += (hdu.data_bytes + fits_block - 1) / fits_block * fits_block;
  return hdu;
}

}  // namespace

std::optional<std::string> CardText::text(std::string_view key) const {
  char padded[8];
  std::memset(padded, ' ', 8);
  std::memcpy(padded, key.data(), std::min<std::size_t>(8, key.size()));
  for (std::size_t at = 0; at + 80 <= cards_.size(); at += 80) {
    if (std::memcmp(cards_.data() + at, padded, 8) != 0) continue;
    const std::string_view card = cards_.substr(at, 80);
    if (card[8] != '=') return std::nullopt;
    std::string_view value = text::trim(card.substr(9));
    if (!value.starts_with('\'')) {
      value = text::trim(value.substr(0, value.find('/')));
      return value.empty() ? std::nullopt : std::optional{std::string{value}};
    }
    std::string out;
    for (std::size_t i = 1; i < value.size(); ++i) {
      if (value[i] == '\'' && (i + 1 == value.size() || value[++i] != '\'')) break;
      out += value[i];
    }
    return std::string{text::trim(out)};
  }
  return std::nullopt;
}

std::optional<std::int64_t> CardText::integer(std::string_view key) const {
  const auto value = text(key);
  if (!value) return std::nullopt;
  if (const auto whole = text::to_integer(*value)) return *whole;
  const auto real = text::to_double(*value);  // "100." and "1E2" occur
  if (!real || !(*real > -9e15 && *real < 9e15) || static_cast<double>(static_cast<std::int64_t>(*real)) != *real) return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

std::optional<double> CardText::number(std::string_view key) const {
  const auto value = text(key);
  return value ? text::to_double(*value) : std::nullopt;
}

int CardText::count(std::string_view key) const {
  int n = 0;
  for (std::size_t at = 0; at + 80 <= cards_.size(); at += 80) n += key_of(cards_.substr(at, 80)) == key;
  return n;
}

void for_each_record(std::string_view cards, const std::function<void(std::string_view, std::string_view)>& f) {
  for (std::size_t at = 0; at + 80 <= cards.size();) {
    const std::size_t first = at;
    do at += 80;
    while (at + 80 <= cards.size() && cards.substr(at, 8) == "CONTINUE");
    const std::string_view record = cards.substr(first, at - first);
    std::string_view key = key_of(record);
    if (key == "HIERARCH") {
      const std::size_t equals = record.find('=');
      key = text::trim(record.substr(8, equals == std::string_view::npos ? 72 : equals - 8));
    }
    f(key, record);
  }
}

bool is_indexed(std::string_view key, std::string_view stem) {
  if (!key.starts_with(stem) || key.size() == stem.size() || key.size() > stem.size() + 3) return false;
  return std::all_of(key.begin() + static_cast<std::ptrdiff_t>(stem.size()), key.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_structural(std::string_view key) {
  static constexpr std::array<std::string_view, 25> words{
      "SIMPLE",  "XTENSION", "BITPIX",   "NAXIS",    "EXTEND",   "PCOUNT",  "GCOUNT",   "GROUPS",   "EXTNAME",
      "BSCALE",  "BZERO",    "BLANK",    "CHECKSUM", "DATASUM",  "END",     "TFIELDS",  "THEAP",    "ZIMAGE",
      "ZCMPTYPE", "ZBITPIX", "ZNAXIS",   "ZQUANTIZ", "ZDITHER0", "ZBLANK",  "ZSIMPLE"};
  static constexpr std::array<std::string_view, 8> more{"ZTENSION", "ZEXTEND", "ZPCOUNT", "ZGCOUNT", "ZHECKSUM", "ZDATASUM", "ZMASKCMP", "LONGSTRN"};
  if (std::find(words.begin(), words.end(), key) != words.end() || std::find(more.begin(), more.end(), key) != more.end()) return true;
  for (const std::string_view stem : {"NAXIS", "ZNAXIS", "ZTILE", "ZNAME", "ZVAL"})
    if (is_indexed(key, stem)) return true;
  return false;
}

bool is_column_keyword(std::string_view key) {
  for (const std::string_view stem : {"TTYPE", "TFORM", "TUNIT", "TNULL", "TSCAL", "TZERO", "TDISP", "TDIM", "TUCD", "TCOMM", "TBCOL",
                                      "TDMIN", "TDMAX", "TLMIN", "TLMAX", "TUTYP"})
    if (is_indexed(key, stem)) return true;
  return false;
}

std::vector<HduLayout> read_layout(const ByteSource& source, const std::string& where) {
  if (source.size() == 0) throw DataError{where + ": is empty (0 bytes)"};
  std::vector<std::byte> buffer;
  const auto head_size = static_cast<std::size_t>(std::min<std::int64_t>(source.size(), 80));
  const std::string first_card{reinterpret_cast<const char*>(source.at(0, head_size, buffer)), head_size};
  if (!first_card.starts_with("SIMPLE  ="))
    throw DataError{fmt::format("{}: not a FITS file (starts with \"{}\", \"SIMPLE  =\" was expected)", where, shown(first_card))};
  std::vector<HduLayout> hdus;
  for (std::int64_t offset = 0; offset < source.size();) {
    if (!hdus.empty()) {
      // What follows the last HDU without the word XTENSION is special records or padding, which the standard tells us to ignore.
      if (source.size() - offset < 8) break;
      const auto* next = reinterpret_cast<const char*>(source.at(offset, 8, buffer));
      if (std::string_view{next, 8} != "XTENSION") break;
    }
    hdus.push_back(read_hdu(source, where, static_cast<int>(hdus.size()), offset));
  }
  return hdus;
}

std::string hdu_name(const std::string& where, const HduLayout& hdu) {
  return hdu.info.name.empty() ? fmt::format("{}[{}]", where, hdu.info.index) : fmt::format("{}[{}: {}]", where, hdu.info.index, hdu.info.name);
}

}  // namespace tessera::io::detail
