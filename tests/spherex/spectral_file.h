/// Small spectral images in the true layout: planes by FitsWriter, cubes and array tables as bytes written here, without the room under test.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "base/temporary_folder.h"
#include "tessera/base/error.h"
#include "tessera/io/fits.h"

namespace tessera::spherex {

/// Header cards and big-endian data of one HDU, appended to a file.
struct RawHdu {
  std::string header, data;
  void card(const std::string& text) {
    std::string c = text;
    c.resize(80, ' ');
    header += c;
  }
  void put(std::uint32_t bits) {
    for (int i = 3; i >= 0; --i) data += static_cast<char>(bits >> (8 * i) & 0xff);
  }
  void put(float value) { put(std::bit_cast<std::uint32_t>(value)); }
  void append_to(const std::filesystem::path& path) {
    card("END");
    header.resize((header.size() + 2879) / 2880 * 2880, ' ');
    data.resize((data.size() + 2879) / 2880 * 2880, '\0');
    std::ofstream{path, std::ios::binary | std::ios::app} << header << data;
  }
};

struct FrameShape {
  int width = 44, height = 33;
  int detector = 2;
  std::string version = "6.5.5+psffix1", unit = "MJy / sr";
  int x0 = 0, y0 = 0;  ///< of a cut-out: full-detector pixel of the first one
  bool rice_flags = false, flag_cards = true, mskn = false, exchanged = false, psf = true, epsf = false, wave = true, pv = false;
  std::vector<std::string> leave_out{};
  int detector_size = 44;
};

/// The value of IMAGE at a full-detector pixel; VARIANCE is a hundredth of it plus 1, ZODI 0.25, FLAGS bit (x + y) % 30.
inline float image_at(int x_full, int y_full) { return static_cast<float>(x_full + 100 * y_full); }
inline double lambda_at(double x_full, double y_full) { return 1.2 + 0.002 * x_full + 0.003 * y_full; }

inline void append_psf(const std::filesystem::path& path, const FrameShape& s) {
  RawHdu h;
  for (const char* c : {"XTENSION= 'IMAGE   '", "BITPIX  =                  -32", "NAXIS   =                    3", "NAXIS1  =                  5", "NAXIS2  =                  5",
                        "NAXIS3  =                  121", "PCOUNT  =                    0", "GCOUNT  =                    1", "EXTNAME = 'PSF     '", "OVERSAMP=                   10"})
    h.card(c);
  const double w = s.detector_size / 11.0;
  for (int i = 0; i < 121; ++i) {
    const double along_x = w / 2 + .5 + w * (i % 11), along_y = w / 2 + .5 + w * (i / 11);
    const auto number = std::to_string(i + 1);
    const auto line = [&](const char* key, double v) {
      std::string k = key + number;
      k.resize(8, ' ');
      h.card(k + "= " + std::to_string(v));
    };
    line("XCTR_", s.exchanged ? along_y : along_x);
    line("YCTR_", s.exchanged ? along_x : along_y);
    line("XWID_", w);
    line("YWID_", w);
    for (int k = 0; k < 25; ++k) h.put(k == 12 ? static_cast<float>(i + 1) : 0.f);
  }
  h.append_to(path);
}

inline void append_table(const std::filesystem::path& path, const std::string& name, int rows, const std::vector<std::pair<std::string, int>>& floats, const std::function<void(RawHdu&)>& fill) {
  RawHdu h;
  int bytes = 0;
  for (const auto& [column, n] : floats) bytes += 4 * n;
  for (const std::string& c : {std::string{"XTENSION= 'BINTABLE'"}, std::string{"BITPIX  = 8"}, std::string{"NAXIS   = 2"}, "NAXIS1  = " + std::to_string(bytes), "NAXIS2  = " + std::to_string(rows),
                               std::string{"PCOUNT  = 0"}, std::string{"GCOUNT  = 1"}, "TFIELDS = " + std::to_string(floats.size()), "EXTNAME = '" + name + "'"})
    h.card(c);
  for (std::size_t i = 0; i < floats.size(); ++i) {
    h.card("TTYPE" + std::to_string(i + 1) + "  = '" + floats[i].first + "'");
    h.card("TFORM" + std::to_string(i + 1) + "  = '" + std::to_string(floats[i].second) + "E'");
  }
  fill(h);
  h.append_to(path);
}

inline void append_wave(const std::filesystem::path& path, const FrameShape& s) {
  const int nx = 5, ny = 4;
  const auto at = [&](int i, int n) { return 1.0 + i * (s.detector_size - 1.0) / (n - 1); };  // 1-based
  append_table(path, "WCS-WAVE", 1, {{"X", nx}, {"Y", ny}, {"VALUES", 2 * nx * ny}}, [&](RawHdu& h) {
    for (int i = 0; i < nx; ++i) h.put(static_cast<float>(at(i, nx)));
    for (int i = 0; i < ny; ++i) h.put(static_cast<float>(at(i, ny)));
    for (int j = 0; j < ny; ++j)
      for (int i = 0; i < nx; ++i) {
        const double l = lambda_at(at(i, nx) - 1, at(j, ny) - 1);
        h.put(static_cast<float>(l)), h.put(static_cast<float>(l / 41));
      }
  });
}

inline void append_epsf(const std::filesystem::path& path) {
  append_table(path, "EPSF", 4, {{"EPSF", 9}, {"XCENTER", 1}, {"YCENTER", 1}, {"XWIDTH", 1}, {"YWIDTH", 1}}, [](RawHdu& h) {
    for (int row = 0; row < 4; ++row) {
      for (int k = 0; k < 9; ++k) h.put(static_cast<float>(10 * row + k));
      h.put(row % 2 ? 33.f : 11.f), h.put(row / 2 ? 33.f : 11.f), h.put(22.f), h.put(22.f);
    }
  });
}

inline Header sky_cards(const FrameShape& s) {
  Header h;
  h.set("CTYPE1", std::string{"RA---TAN-SIP"});
  h.set("CTYPE2", std::string{"DEC--TAN-SIP"});
  h.set("CRVAL1", 150.0);
  h.set("CRVAL2", 2.0);
  h.set("CRPIX1", s.detector_size / 2.0 - s.x0);
  h.set("CRPIX2", s.detector_size / 2.0 - s.y0);
  h.set("CD1_1", -6.15 / 3600), h.set("CD1_2", 0.0), h.set("CD2_1", 0.0), h.set("CD2_2", 6.15 / 3600);
  h.set("A_ORDER", std::int64_t{2}), h.set("A_2_0", 1e-4), h.set("B_ORDER", std::int64_t{2}), h.set("B_1_1", 5e-5);
  if (s.pv) h.set("PV1_1", 1.0), h.set("PV1_4", 0.01), h.set("PV2_1", 1.0), h.set("PV2_4", 0.02);
  h.set("CRPIX1A", 1.0 - s.x0), h.set("CRPIX2A", 1.0 - s.y0);
  return h;
}

inline std::filesystem::path write_frame(const std::filesystem::path& path, const FrameShape& s = {}) {
  const auto wanted = [&](const char* name) { return std::ranges::find(s.leave_out, name) == s.leave_out.end(); };
  Image<float> image{s.width, s.height}, variance{s.width, s.height}, zodi{s.width, s.height, 0.25f};
  Image<std::int32_t> flags{s.width, s.height};
  for (int y = 0; y < s.height; ++y)
    for (int x = 0; x < s.width; ++x) {
      image(x, y) = image_at(x + s.x0, y + s.y0);
      variance(x, y) = image(x, y) / 100 + 1;
      flags(x, y) = 1 << ((x + s.x0 + y + s.y0) % 30);
    }
  Header primary, head = sky_cards(s), mask;
  primary.set("VERSION", s.version);
  head.set("BUNIT", s.unit);
  head.set("DETECTOR", std::int64_t{s.detector});
  head.set("DETCOORD", std::string{"sky"});
  head.set("OBSID", std::string{"2025W18_2B_0001_1"});
  head.set("MJD-AVG", 60800.5);
  head.set("XPOSURE", 113.58);
  head.set("L2DQAFLG", std::string{"Pass"});
  head.set("FINAST", std::int64_t{0});
  head.set("JACTIVE", std::int64_t{s.detector_size}), head.set("KACTIVE", std::int64_t{s.detector_size});
  if (s.mskn) {
    mask.set("MSKN0001", std::string{"HOT"}), mask.set("MSKM0001", std::int64_t{1 << 3});
    mask.set("MSKN0002", std::string{"OUTLIER"}), mask.set("MSKM0002", std::int64_t{1 << 10});
  } else if (s.flag_cards) {
    mask.set("MP_HOT", std::int64_t{10}), mask.set("MP_COLD", std::int64_t{11});
  }
  {
    io::FitsWriter writer{path};
    writer.add_empty(primary);
    if (wanted("VARIANCE")) writer.add_image("VARIANCE", Header{}, variance.view());  // in an order unlike the archive's
    if (wanted("FLAGS") && s.rice_flags)
      writer.add_cube("FLAGS", mask, s.width, s.height, 1, [&](int, int y, std::span<std::int32_t> row) { std::ranges::copy(flags.row(y), row.begin()); }, io::FitsWriter::Compression::rice);
    else if (wanted("FLAGS")) writer.add_image("FLAGS", mask, std::as_const(flags).view());
    if (wanted("IMAGE")) writer.add_image("IMAGE", head, std::as_const(image).view());
    if (wanted("ZODI")) writer.add_image("ZODI", Header{}, std::as_const(zodi).view());
    writer.close();
  }
  if (s.psf) append_psf(path, s);
  if (s.epsf) append_epsf(path);
  if (s.wave) append_wave(path, s);
  return path;
}

template <class E, class F>
std::string refusal(F call) {
  try {
    call();
  } catch (const E& e) {
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace tessera::spherex
