#include "tessera/io/fits_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/io/byte_source.h"
#include "tessera/io/bytes.h"
#include "tessera/io/fits.h"
#include "tessera/io/fits_header_text.h"
#include "tessera/io/fits_layout.h"
#include "tessera/io/fits_sum.h"

namespace tessera::io {
namespace {

constexpr std::size_t chunk_bytes = 1 << 20;

using detail::card_text;

/// Big-endian floats, padded to whole blocks with zeros.
std::string encode(const Image<float>& pixels) {
  const auto all = pixels.pixels();
  const std::size_t block = detail::fits_block, bytes = all.size() * 4;
  std::string out((bytes + block - 1) / block * block, '\0');
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(all[i]);
    for (std::size_t k = 0; k < 4; ++k) out[4 * i + k] = static_cast<char>(bits >> (24 - 8 * k) & 0xff);
  }
  return out;
}

/// Cards of storage for an image of floats.
std::string storage_cards(const HduInfo& info, Box box, bool primary) {
  std::string out = card_text(primary ? "SIMPLE  =                    T / file conforms to FITS standard" : "XTENSION= 'IMAGE   '           / image extension");
  out += card_text("BITPIX  =                  -32 / 32-bit floating point");
  out += card_text(fmt::format("NAXIS   = {:>20}", info.axes.size()));
  for (std::size_t k = 0; k < info.axes.size(); ++k) out += card_text(fmt::format("NAXIS{:<3}= {:>20}", k + 1, k == 0 ? box.width() : k == 1 ? box.height() : 1));
  if (!primary) out += card_text("PCOUNT  =                    0") + card_text("GCOUNT  =                    1");
  return out;
}

/// Cards of storage first (their bytes too where the image is one of floats already), then those of the original in their order, then the edit's.
std::string edited_header(const FitsFile& file, const ImageEdit& edit, Box box, bool primary) {
  const auto& info = file.hdus()[static_cast<std::size_t>(edit.hdu)];
  const bool same_storage = !info.compressed && info.bitpix == -32;
  std::string out = same_storage ? "" : storage_cards(info, box, primary);
  std::set<std::string, std::less<>> left_out = {"BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM", "END"};
  for (const auto& c : edit.cards.cards()) left_out.insert(c.key);
  // These count as structural for whoever makes HDUs afresh, and are kept here.
  const std::set<std::string_view> kept = {"EXTNAME", "EXTEND", "LONGSTRN"};
  detail::for_each_record(file.header(edit.hdu, false).cards80(), [&](std::string_view key, std::string_view record) {
    if ((!same_storage && detail::is_structural(key) && !kept.count(key)) || left_out.count(key)) return;
    out += record;
  });
  return out + edit.cards.cards80();
}

class Target {
 public:
  explicit Target(const std::filesystem::path& path) : path_{path}, temporary_{files::temporary_name(path)}, stream_{temporary_, std::ios::binary | std::ios::trunc} {
    if (!stream_) fail();
  }
  ~Target() {
    if (committed_) return;
    std::error_code ignored;
    std::filesystem::remove(temporary_, ignored);
  }
  void write(const char* bytes, std::size_t count) {
    stream_.write(bytes, static_cast<std::streamsize>(count));
    if (!stream_) fail();
  }
  void write(const std::string& bytes) { write(bytes.data(), bytes.size()); }
  void commit() {
    stream_.close();
    if (!stream_) fail();
    files::commit(temporary_, path_);
    committed_ = true;
  }

 private:
  [[noreturn]] void fail() { throw SystemError{fmt::format("cannot write {}: {}", path_.string(), std::generic_category().message(errno))}; }
  std::filesystem::path path_, temporary_;
  std::ofstream stream_;
  bool committed_ = false;
};

void copy_bytes(const detail::ByteSource& source, std::int64_t from, std::int64_t to, Target& target) {
  std::vector<std::byte> buffer;
  for (std::int64_t at = from, expected = from; at < to;) {
    if (at >= expected) source.expect(at, to - at), expected = at + detail::expected_bytes;
    const auto count = static_cast<std::size_t>(std::min<std::int64_t>(to - at, chunk_bytes));
    target.write(reinterpret_cast<const char*>(source.at(at, count, buffer)), count);
    at += static_cast<std::int64_t>(count);
  }
}

void write_edited(const FitsFile& file, const ImageEdit& edit, bool primary, const std::string& where, Target& target) {
  const auto& info = file.hdus()[static_cast<std::size_t>(edit.hdu)];
  for (std::size_t k = 2; k < info.axes.size(); ++k)
    if (info.axes[k] != 1) throw DataError{fmt::format("{}: HDU {} has {} planes; only images of one plane are corrected", where, edit.hdu, info.axes[k])};
  Image<float> pixels = file.read_float(edit.hdu);
  for (int y = pixels.box().y0; y < pixels.box().y1; ++y) edit.change(y, pixels.row(y));
  const std::string data = encode(pixels);
  target.write(detail::closed_header(edited_header(file, edit, pixels.box(), primary), detail::sum_of_bytes({reinterpret_cast<const std::byte*>(data.data()), data.size()})));
  target.write(data);
}

template <class T>
void pad(std::string& data, const Image<T>& pixels) {
  for (const T v : pixels.pixels()) detail::append_be(data, v);
}

/// The window's bytes, padded to whole blocks: as they stand in the file, or unpacked.
std::string window_bytes(const FitsFile& file, const detail::ByteSource& source, const detail::HduLayout& hdu, int number, Box window) {
  const auto& info = file.hdus()[static_cast<std::size_t>(number)];
  std::string data;
  if (!info.compressed) {
    const std::int64_t item = std::abs(info.bitpix) / 8, width = info.axes[0];
    std::vector<std::byte> buffer;
    const auto place = [&](int x, int y) { return hdu.data_offset + item * (y * width + x); };
    source.expect(place(window.x0, window.y0), place(window.x1, window.y1 - 1) - place(window.x0, window.y0));
    for (int y = window.y0; y < window.y1; ++y) {
      const auto count = static_cast<std::size_t>(item * window.width());
      data.append(reinterpret_cast<const char*>(source.at(place(window.x0, y), count, buffer)), count);
    }
  } else if (info.bitpix > 0) {
    pad(data, file.read_bits(number, window));
  } else {
    pad(data, file.read_float(number, window));
  }
  data.resize((data.size() + detail::fits_block - 1) / detail::fits_block * detail::fits_block, '\0');
  return data;
}

/// CRPIX1, CRPIX2 and those of other WCS, as CRPIX1A.
bool is_reference_pixel(std::string_view key) { return (key.size() == 6 || key.size() == 7) && (key.starts_with("CRPIX1") || key.starts_with("CRPIX2")); }

std::string cropped_header(const FitsFile& file, int number, Box window, bool primary) {
  const auto& info = file.hdus()[static_cast<std::size_t>(number)];
  const Header header = file.header(number, false);
  std::string out;
  if (info.compressed) {
    HduInfo plain;
    plain.axes = {window.width(), window.height()};
    out = storage_cards(plain, window, primary);
    if (info.bitpix > 0) out.replace(80, 80, card_text("BITPIX  =                   32 / 32-bit whole number"));
  }
  const std::set<std::string_view> kept = {"EXTNAME", "EXTEND", "LONGSTRN"};
  detail::for_each_record(header.cards80(), [&](std::string_view key, std::string_view record) {
    if (key == "CHECKSUM" || key == "DATASUM" || key == "END" || (info.compressed && (key == "BSCALE" || key == "BZERO"))) return;
    const bool is_width = key == "NAXIS1", is_height = key == "NAXIS2";
    if (info.compressed && detail::is_structural(key) && !kept.count(key)) return;
    if (is_width || is_height) {
      out += card_text(fmt::format("{:<8}= {:>20}", key, is_width ? window.width() : window.height()));
    } else if (const auto value = is_reference_pixel(key) ? header.number(key) : std::nullopt) {
      Header moved;
      moved.set(key, *value - (key[5] == '1' ? window.x0 : window.y0), header.find(key)->comment);
      out += moved.cards80();
    } else {
      out += record;
    }
  });
  return out;
}

}  // namespace

void crop_fits(const std::filesystem::path& from, const std::filesystem::path& to, Box window, std::span<const int> images) {
  const auto where = from.string();
  const FitsFile file{from};
  const detail::ByteSource source{from};
  const auto layout = detail::read_layout(source, where);
  for (const int hdu : images) {
    const auto& axes = file.hdus().at(static_cast<std::size_t>(hdu)).axes;
    if (file.hdus()[static_cast<std::size_t>(hdu)].kind != HduInfo::Kind::image || axes.size() != 2 || window.empty() || !Box{0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])}.contains(window))
      throw DataError{fmt::format("{}: HDU {} is no image that holds {} × {} pixels from ({}, {})", where, hdu, window.width(), window.height(), window.x0 + 1, window.y0 + 1)};
  }
  Target target{to};
  std::int64_t begin = 0;
  for (std::size_t h = 0; h < layout.size(); ++h) {
    const std::int64_t data_end = layout[h].data_offset + (layout[h].data_bytes + detail::fits_block - 1) / detail::fits_block * detail::fits_block;
    if (std::ranges::find(images, static_cast<int>(h)) == images.end()) {
      copy_bytes(source, begin, std::min(data_end, source.size()), target);
    } else {
      const auto data = window_bytes(file, source, layout[h], static_cast<int>(h), window);
      target.write(detail::closed_header(cropped_header(file, static_cast<int>(h), window, h == 0), detail::sum_of_bytes({reinterpret_cast<const std::byte*>(data.data()), data.size()})));
      target.write(data);
    }
    begin = data_end;
  }
  target.commit();
}

void copy_fits(const std::filesystem::path& from, const std::filesystem::path& to, std::span<const ImageEdit> edits) {
  const auto where = from.string();
  const FitsFile file{from};
  const detail::ByteSource source{from};
  const auto layout = detail::read_layout(source, where);
  Target target{to};
  std::int64_t begin = 0;
  for (std::size_t h = 0; h < layout.size(); ++h) {
    const std::int64_t data_end = layout[h].data_offset + (layout[h].data_bytes + detail::fits_block - 1) / detail::fits_block * detail::fits_block;
    const auto edit = std::find_if(edits.begin(), edits.end(), [&](const ImageEdit& e) { return e.hdu == static_cast<int>(h); });
    if (edit == edits.end())
      copy_bytes(source, begin, std::min(data_end, source.size()), target);
    else
      write_edited(file, *edit, h == 0, where, target);
    begin = data_end;
  }
  target.commit();
}

}  // namespace tessera::io
