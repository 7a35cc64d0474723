#include "tessera/cube/cube_file.h"

#include <fmt/format.h>

#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"

namespace tessera::cube {
namespace {

std::filesystem::path cube_in(const std::filesystem::path& path) { return files::is_folder(path) ? path / "cube.fits" : path; }

/// The cards of axes 1 and 2 alone: what a plane's header would say.
Header sky_cards(const Header& cube, Box box) {
  static const std::set<std::string, std::less<>> kept{"CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CDELT1", "CDELT2", "CUNIT1", "CUNIT2", "CROTA2", "CD1_1",   "CD1_2",
                                                      "CD2_1",  "CD2_2",  "PC1_1",  "PC1_2",  "PC2_1",  "PC2_2",  "LONPOLE", "LATPOLE", "RADESYS", "EQUINOX"};
  Header h;
  h.set("NAXIS", std::int64_t{2}), h.set("NAXIS1", std::int64_t{box.width()}), h.set("NAXIS2", std::int64_t{box.height()});
  for (const auto& card : cube.cards())
    if (kept.count(card.key) || card.key.starts_with("PV2_")) h.add(card);
  return h;
}

}  // namespace

CubeFile::CubeFile(const std::filesystem::path& path) : file_{cube_in(path)} {
  const auto found = file_.find("IMAGE");
  const auto where = file_.path().string();
  if (!found || file_.hdus()[static_cast<std::size_t>(*found)].axes.size() != 3) throw DataError{fmt::format("{}: no cube IMAGE of three axes; expected what tessera cube or the mission's mosaic tool writes", where)};
  image_ = *found;
  const auto& axes = file_.hdus()[static_cast<std::size_t>(image_)].axes;
  box_ = {0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])};
  const auto companion = [&](const char* name) {
    const auto hdu = file_.find(name);
    if (!hdu) return -1;
    if (file_.hdus()[static_cast<std::size_t>(*hdu)].axes != axes) throw DataError{fmt::format("{}[{}]: another size than IMAGE has", where, name)};
    return *hdu;
  };
  variance_ = companion("VARIANCE"), hits_ = companion("NHITS"), flags_ = companion("FLAGS");
  const Header header = file_.header(image_);
  sky_header_ = sky_cards(header, box_);
  sky_ = wcs::SkyWcs::from_header(sky_header_, where + "[IMAGE]");
  read_planes(static_cast<std::size_t>(axes[2]));
}

void CubeFile::read_planes(std::size_t count) {
  const auto where = file_.path().string();
  for (std::size_t i = 0; i < count; ++i) planes_.push_back({static_cast<int>(i + 1), NAN, NAN, fmt::format("plane {}", i + 1)});
  if (const auto hdu = file_.find("WCS-WAVE")) {
    const Table t = file_.read_table(*hdu);
    const auto name = [&](const char* column, std::size_t i) { return count == 1 && t.find(column) ? std::string{column} : fmt::format("{}_{}", column, i + 1); };
    if (t.rows() != 1 || !t.find(name("WAVELENGTHS", count - 1)) || (count > 1 && t.find(name("WAVELENGTHS", count)))) throw DataError{fmt::format("{}[WCS-WAVE]: expected one row of {} wavelengths, as IMAGE has planes", where, count)};
    for (std::size_t i = 0; i < count; ++i) {
      planes_[i].wavelength_um = t.numbers(name("WAVELENGTHS", i)).front();
      if (t.find(name("BANDWIDTHS", i))) planes_[i].bandwidth_um = t.numbers(name("BANDWIDTHS", i)).front();
    }
  }
  if (const auto hdu = file_.find("SPECTRAL_CHANNELS")) {
    const Table t = file_.read_table(*hdu);
    if (t.rows() != count) return;
    if (t.find("NAME")) {
      const auto names = t.texts("NAME");
      for (std::size_t i = 0; i < count; ++i) planes_[i].name = names[i];
    } else if (t.find("CHANNEL")) {
      const auto numbers = t.numbers("CHANNEL");
      for (std::size_t i = 0; i < count; ++i) planes_[i].name = fmt::format("channel {:.0f}", numbers[i]);
    }
  }
}

std::string CubeFile::resampling() const { return file_.header(0).text("RESAMPLE").value_or(""); }

std::optional<Image<std::uint32_t>> CubeFile::hits(int plane, Box window) const {
  if (hits_ < 0) return std::nullopt;
  return file_.read_bits(hits_, window, plane);
}
std::optional<Image<std::uint32_t>> CubeFile::flags(int plane, Box window) const {
  if (flags_ < 0) return std::nullopt;
  return file_.read_bits(flags_, window, plane);
}

}  // namespace tessera::cube
