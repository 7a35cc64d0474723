/// FITS files of any shape for tests, written from cards and numbers without the room under test.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::test {

/// One HDU: cards "KEY = value" in order (strings with their quotes), pixels as float or as integers.
struct Hdu {
  std::string name;
  int version = 0;  // 0: no EXTVER
  int width = 0, height = 0;
  int bitpix = -32;
  std::vector<double> pixels;
  std::vector<std::string> cards;

  Hdu& card(const std::string& key, const std::string& value) {
    std::string c = key;
    c.resize(8, ' ');
    cards.push_back(c + "= " + value);
    return *this;
  }
  Hdu& text(const std::string& key, const std::string& value) { return card(key, "'" + value + "'"); }
};

inline std::string padded(std::string s, std::size_t block, char with) {
  s.resize((s.size() + block - 1) / block * block, with);
  return s;
}

inline std::string encode(const Hdu& h) {
  std::string bytes;
  const auto put = [&](std::uint64_t bits, int n) {
    for (int i = n - 1; i >= 0; --i) bytes += static_cast<char>((bits >> (8 * i)) & 0xff);
  };
  for (const double v : h.pixels) {
    if (h.bitpix == -32) put(std::bit_cast<std::uint32_t>(static_cast<float>(v)), 4);
    else if (h.bitpix == -64) put(std::bit_cast<std::uint64_t>(v), 8);
    else put(static_cast<std::uint64_t>(static_cast<std::int64_t>(v)), h.bitpix / 8);
  }
  return padded(bytes, 2880, '\0');
}

inline void write_fits(const std::filesystem::path& path, const std::vector<Hdu>& hdus) {
  std::string file;
  for (std::size_t i = 0; i < hdus.size(); ++i) {
    const Hdu& h = hdus[i];
    std::string header;
    const auto add = [&](std::string c) { header += padded(std::move(c), 80, ' '); };
    add(i == 0 ? "SIMPLE  =                    T" : "XTENSION= 'IMAGE   '");
    add("BITPIX  = " + std::to_string(h.bitpix));
    add("NAXIS   = " + std::to_string(h.width ? 2 : 0));
    if (h.width) {
      add("NAXIS1  = " + std::to_string(h.width));
      add("NAXIS2  = " + std::to_string(h.height));
    }
    if (i == 0) add("EXTEND  =                    T");
    else add("PCOUNT  =                    0"), add("GCOUNT  =                    1");
    if (!h.name.empty()) add("EXTNAME = '" + h.name + "'");
    if (h.version) add("EXTVER  = " + std::to_string(h.version));
    for (const auto& c : h.cards) add(c);
    add("END");
    file += padded(header, 2880, ' ') + encode(h);
  }
  std::ofstream{path, std::ios::binary}.write(file.data(), static_cast<std::streamsize>(file.size()));
}

inline Hdu image(int width, int height, double value, const std::string& name = {}, int version = 0) {
  Hdu h;
  h.name = name;
  h.version = version;
  h.width = width;
  h.height = height;
  h.pixels.assign(static_cast<std::size_t>(width) * static_cast<std::size_t>(height), value);
  return h;
}

/// A gnomonic WCS of square pixels about (ra, dec), north up, east left.
inline Hdu& with_wcs(Hdu& h, double scale_arcsec = 1, double ra = 150, double dec = 2) {
  const auto s = [](double v) { return std::to_string(v); };
  h.text("CTYPE1", "RA---TAN").text("CTYPE2", "DEC--TAN").card("CRVAL1", s(ra)).card("CRVAL2", s(dec));
  h.card("CRPIX1", s((h.width + 1) / 2.0)).card("CRPIX2", s((h.height + 1) / 2.0));
  char cd[32];
  std::snprintf(cd, sizeof cd, "%.12e", scale_arcsec / 3600);
  return h.card("CD1_1", std::string{"-"} + cd).card("CD1_2", "0.0").card("CD2_1", "0.0").card("CD2_2", cd);
}

inline Hdu sky_image(int width, int height, double value, const std::string& name = {}, int version = 0) {
  Hdu h = image(width, height, value, name, version);
  with_wcs(h);
  return h;
}

inline Hdu no_data() { return {}; }

}  // namespace tessera::test
