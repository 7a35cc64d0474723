#include "tessera/spherex/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <set>

#include "tessera/base/error.h"
#include "tessera/base/files.h"
#include "tessera/base/text.h"
#include "tessera/io/remote.h"

namespace tessera::spherex {
namespace {

namespace fs = std::filesystem;
using Vector = std::array<double, 3>;

constexpr int most_remote_folders = 4;  // that are looked through for products: an archive gives every group of frames one

/// Digits are compared as numbers, so that v12 comes after v4.
bool before(const std::string& a, const std::string& b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (digit(a[i]) && digit(b[j])) {
      while (i + 1 < a.size() && a[i] == '0' && digit(a[i + 1])) ++i;
      while (j + 1 < b.size() && b[j] == '0' && digit(b[j + 1])) ++j;
      std::size_t m = i, n = j;
      while (m < a.size() && digit(a[m])) ++m;
      while (n < b.size() && digit(b[n])) ++n;
      if (m - i != n - j) return m - i < n - j;
      if (const int order = a.compare(i, m - i, b, j, n - j)) return order < 0;
      i = m, j = n;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

/// The last version of a product among the files of the folders; the first folder that has one counts.
fs::path product(const std::vector<std::vector<fs::path>>& folders, const std::string& prefix) {
  for (const auto& files : folders) {
    const fs::path* best = nullptr;
    for (const auto& f : files)
      if (f.filename().string().starts_with(prefix) && (!best || before(best->filename().string(), f.filename().string()))) best = &f;
    if (best) return *best;
  }
  return {};
}

bool is_product_name(const std::string& name) { return name.ends_with(".fits") || name.ends_with(".fits.gz") || name.ends_with(".fits.fz"); }

bool on_server(const fs::path& path) { return io::is_url(path.string()); }

/// `folder` as a URL, with or without the '/' behind it.
std::vector<fs::path> remote_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& url : io::list_remote(folder.string().ends_with('/') ? folder.string() : folder.string() + "/"))
    if (is_product_name(url)) files.emplace_back(url);
  return files;
}

/// Files and URLs that a list names, one a line; '#' begins a comment.
std::vector<fs::path> listed_files(const fs::path& list) {
  std::vector<fs::path> files;
  for (const auto& line : text::split(files::read(list, std::size_t{1} << 24), '\n')) {
    const std::string name{text::trim(line.substr(0, line.starts_with('#') ? 0 : line.find(" #")))};
    if (name.empty()) continue;
    const auto beside = list.parent_path() / name;
    files.emplace_back(!on_server(name) && files::exists(beside) ? beside : fs::path{name});
  }
  return files;
}

std::vector<fs::path> fits_files(const fs::path& folder) {
  std::vector<fs::path> files;
  if (on_server(folder)) {
    try {
      return remote_files(folder);
    } catch (const DataError&) {
      return files;  // a server without lists: as of a folder that is not there, the fallbacks' caveats are told
    }
  }
  std::error_code error;
  for (fs::directory_iterator at{folder, error}, end; !error && at != end; at.increment(error))
    if (is_product_name(at->path().filename().string())) files.push_back(at->path());
  std::ranges::sort(files);
  return files;
}

/// A product that says of which detector it is must say so rightly.
void check_detector(const io::FitsFile& file, int detector) {
  for (std::size_t hdu = 0; hdu < file.hdus().size(); ++hdu)
    if (const auto found = file.header(static_cast<int>(hdu), false).integer("DETECTOR"); found && *found != detector)
      throw DataError{fmt::format("{}: DETECTOR = {}; expected {} as the name says; take the product of this detector", file.path().string(), *found, detector)};
}

Box on_detector(const SpectralFrame& frame, Box window) {
  const int dx = static_cast<int>(std::lround(frame.x_offset())), dy = static_cast<int>(std::lround(frame.y_offset()));
  return {window.x0 + dx, window.y0 + dy, window.x1 + dx, window.y1 + dy};
}

int map_hdu(const io::FitsFile& file, const std::string& name, Box part) {
  const auto hdu = file.find(name);
  if (!hdu || file.hdus()[*hdu].kind != io::HduInfo::Kind::image) throw DataError{fmt::format("{}: no image {}", file.path().string(), name)};
  const auto& axes = file.hdus()[*hdu].axes;
  if (axes.size() != 2 || !Box{0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])}.contains(part))
    throw DataError{fmt::format("{}[{}]: the map ends before detector pixel ({}, {}); take the product made for frames of this size", file.path().string(), name, part.x1 - 1, part.y1 - 1)};
  return *hdu;
}

Image<float> moved_to(Image<float> from, Box window) {
  Image<float> to = Image<float>::unfilled(window);
  std::ranges::copy(from.pixels(), to.pixels().begin());
  return to;
}

Image<float> map_window(const io::FitsFile& file, const std::string& name, const SpectralFrame& frame, Box window) {
  const Box part = on_detector(frame, window);
  return moved_to(file.read_float(map_hdu(file, name, part), part), window);
}

void check_same(const SpectralFrame& frame, int detector) {
  if (frame.detector() != detector) throw DataError{fmt::format("{}: detector {}; the calibration is that of detector {}", frame.path().string(), frame.detector(), detector)};
}

void require_wave(const SpectralFrame& frame) {
  if (!frame.wave()) throw DataError{fmt::format("{}: no WCS-WAVE, and no product spectral_wcs_D{} was found; give --calibration", frame.path().string(), frame.detector())};
}

/// The four pixels that tell the value at a place: those around it, at the border the last ones.
Box around(Box box, double x, double y) {
  const auto first = [](double v, int low, int high) { return std::clamp(static_cast<int>(std::floor(v)), low, std::max(low, high - 2)); };
  const int left = first(x, box.x0, box.x1), below = first(y, box.y0, box.y1);
  return intersection(box, {left, below, left + 2, below + 2});
}

Vector direction(const wcs::SkyPoint& p) {
  const double ra = p.ra_deg * std::numbers::pi / 180, dec = p.dec_deg * std::numbers::pi / 180;
  return {std::cos(dec) * std::cos(ra), std::cos(dec) * std::sin(ra), std::sin(dec)};
}

}  // namespace

double map_at(const Image<float>& map, Box frame, double x, double y) {
  const Box box = around(frame, x, y);
  const double u = box.width() > 1 ? x - box.x0 : 0, v = box.height() > 1 ? y - box.y0 : 0;
  const int x1 = box.x1 - 1, y1 = box.y1 - 1;
  return (1 - v) * ((1 - u) * map(box.x0, box.y0) + u * map(x1, box.y0)) + v * ((1 - u) * map(box.x0, y1) + u * map(x1, y1));
}

double solid_angle_arcsec2(const wcs::SkyWcs& sky, double x, double y) {
  const auto difference = [&](wcs::PixelPoint from, wcs::PixelPoint to) {
    const Vector a = direction(sky.pixel_to_sky(from)), b = direction(sky.pixel_to_sky(to));
    return Vector{b[0] - a[0], b[1] - a[1], b[2] - a[2]};
  };
  const Vector u = difference({x - .5, y}, {x + .5, y}), v = difference({x, y - .5}, {x, y + .5});
  const double area = std::hypot(u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]);
  constexpr double arcsec = 180 * 3600 / std::numbers::pi;
  return area * arcsec * arcsec;
}

WavelengthMaps Calibration::wavelengths(const SpectralFrame& frame, Box window) const { return CalibrationFiles{*this}.wavelengths(frame, window); }

Image<float> Calibration::solid_angles(const SpectralFrame& frame, Box window) const { return CalibrationFiles{*this}.solid_angles(frame, window); }

CalibrationFiles::CalibrationFiles(const Calibration& calibration) : calibration_{calibration} {
  if (!calibration.spectral_wcs().empty()) waves_.emplace(calibration.spectral_wcs());
  if (!calibration.solid_angle_map().empty()) angles_.emplace(calibration.solid_angle_map());
  for (const auto* file : {&waves_, &angles_})
    if (*file && on_server((*file)->path())) check_detector(**file, calibration.detector());  // local ones were looked at when they were found
}

WavelengthMaps CalibrationFiles::wavelengths(const SpectralFrame& frame, Box window) const {
  check_same(frame, calibration_.detector());
  if (waves_) return {map_window(*waves_, "CWAVE", frame, window), map_window(*waves_, "CBAND", frame, window)};
  require_wave(frame);
  WavelengthMaps maps{Image<float>::unfilled(window), Image<float>::unfilled(window)};
  for (int y = window.y0; y < window.y1; ++y) {
    for (int x = window.x0; x < window.x1; ++x) {
      const auto w = frame.wave()->at(x + frame.x_offset(), y + frame.y_offset());
      maps.centre_um(x, y) = static_cast<float>(w.centre_um);
      maps.width_um(x, y) = static_cast<float>(w.width_um);
    }
  }
  return maps;
}

Image<float> CalibrationFiles::solid_angles(const SpectralFrame& frame, Box window) const {
  check_same(frame, calibration_.detector());
  if (angles_) return map_window(*angles_, "IMAGE", frame, window);
  auto map = Image<float>::unfilled(window);
  for (int y = window.y0; y < window.y1; ++y)
    for (int x = window.x0; x < window.x1; ++x) map(x, y) = static_cast<float>(solid_angle_arcsec2(frame.sky(), x, y));
  return map;
}

Wavelength CalibrationFiles::wavelength_at(const SpectralFrame& frame, double x, double y) const {
  if (!waves_) {
    check_same(frame, calibration_.detector());
    require_wave(frame);
    return frame.wave()->at(x + frame.x_offset(), y + frame.y_offset());
  }
  const auto maps = wavelengths(frame, around(frame.box(), x, y));
  return {map_at(maps.centre_um, frame.box(), x, y), map_at(maps.width_um, frame.box(), x, y)};
}

double CalibrationFiles::solid_angle_at(const SpectralFrame& frame, double x, double y) const {
  if (!angles_) return solid_angle_arcsec2(frame.sky(), x, y);
  return map_at(solid_angles(frame, around(frame.box(), x, y)), frame.box(), x, y);
}

struct KeptMaps::Map {
  static constexpr int side = 128;
  io::FitsFile file;
  std::string name;
  int hdu = 0, across = 0;
  Box whole;
  std::vector<Image<float>> tiles;

  Map(const fs::path& path, std::string of) : file{path}, name{std::move(of)}, hdu{map_hdu(file, name, {})} {
    const auto& axes = file.hdus()[hdu].axes;
    whole = {0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])};
    across = (whole.x1 + side - 1) / side;
    tiles.resize(static_cast<std::size_t>(across) * static_cast<std::size_t>((whole.y1 + side - 1) / side));
  }

  /// The pixels of `part` of the detector into `pixels`, which has the same shape. False: no room.
  bool take(Box part, Image<float>& pixels, std::atomic<std::int64_t>& room) {
    if (!whole.contains(part)) map_hdu(file, name, part);  // says what is wrong
    auto out = pixels.pixels().begin();
    for (int y = part.y0; y < part.y1; ++y)
      for (int x = part.x0; x < part.x1; ++x, ++out) {
        const int i = x / side, j = y / side;
        auto& tile = tiles[static_cast<std::size_t>(j) * static_cast<std::size_t>(across) + static_cast<std::size_t>(i)];
        if (tile.empty()) {
          const Box box = intersection(whole, {i * side, j * side, (i + 1) * side, (j + 1) * side});
          const auto bytes = box.area() * static_cast<std::int64_t>(sizeof(float));
          if (room.fetch_sub(bytes) < bytes) {
            room += bytes;
            return false;
          }
          tile = file.read_float(hdu, box);
        }
        *out = tile(x, y);
      }
    return true;
  }
};

KeptMaps::KeptMaps(const Calibration& calibration, std::atomic<std::int64_t>& room) : calibration_{calibration}, room_{room} {}
KeptMaps::~KeptMaps() = default;

bool KeptMaps::look_up(const SpectralFrame& frame, std::span<Place> places) {
  if (calibration_.spectral_wcs().empty() || calibration_.solid_angle_map().empty()) return false;
  check_same(frame, calibration_.detector());
  Image<float> pixels;
  const std::lock_guard lock{mutex_};
  if (!waves_) {
    if (room_ < Map::side * Map::side * static_cast<std::int64_t>(sizeof(float))) return false;
    waves_ = std::make_unique<Map>(calibration_.spectral_wcs(), "CWAVE"), widths_ = std::make_unique<Map>(calibration_.spectral_wcs(), "CBAND");
    angles_ = std::make_unique<Map>(calibration_.solid_angle_map(), "IMAGE");
  }
  for (auto& p : places) {
    pixels.reshape(around(frame.box(), p.x, p.y));
    const Box part = on_detector(frame, pixels.box());
    for (auto [map, value] : {std::pair{waves_.get(), &p.wave.centre_um}, {widths_.get(), &p.wave.width_um}, {angles_.get(), &p.solid_angle_arcsec2}}) {
      if (!map->take(part, pixels, room_)) return false;
      *value = map_at(pixels, frame.box(), p.x, p.y);
    }
  }
  return true;
}

Image<std::int32_t> Calibration::strips(const SpectralFrame& frame, Box window) const {
  check_same(frame, detector_);
  auto map = Image<std::int32_t>::unfilled(window);
  if (has_channel_map_) {
    const auto values = map_window(io::FitsFile{channels_file_}, "CHANNEL_MAP", frame, window);
    std::ranges::transform(values.pixels(), map.pixels().begin(), [](float v) { return v >= 1 && v <= spherex::strips ? static_cast<std::int32_t>(v) : 0; });
    return map;
  }
  const auto waves = wavelengths(frame, window);
  std::ranges::transform(waves.centre_um.pixels(), map.pixels().begin(), [&](float w) {
    const auto channel = channels_.channel_at(detector_, w);
    return channel ? channel->strip : 0;
  });
  return map;
}

CalibrationSet CalibrationSet::find(const std::vector<fs::path>& frames, const fs::path& given) {
  std::set<fs::path> folders;
  int remote_folders = 0;
  const bool list = given.string().starts_with('@') && !fs::is_directory(given);
  if (!given.empty() && !list && !on_server(given) && !fs::is_directory(given)) throw UsageError{fmt::format("calibration folder {} is not a folder", given.string())};
  if (given.empty())
    for (const auto& f : frames) {
      const auto folder = f.has_parent_path() ? f.parent_path() : fs::path{"."};
      if (!on_server(f) || (!folders.contains(folder) && remote_folders++ < most_remote_folders)) folders.insert(folder);
    }
  std::vector<std::vector<fs::path>> files;
  if (list) files.push_back(listed_files(given.string().substr(1)));
  else if (!given.empty()) files.push_back(on_server(given) ? remote_files(given) : fits_files(given));
  for (const auto& folder : folders) files.push_back(fits_files(folder)), files.push_back(fits_files(folder / "calibration"));

  CalibrationSet set;
  const auto channels_file = product(files, "spectral_channels_");
  const auto table = channels_file.empty() ? ChannelTable::builtin() : ChannelTable::read(channels_file);
  const bool has_map = !channels_file.empty() && io::FitsFile{channels_file}.find("CHANNEL_MAP").has_value();
  for (int detector = 1; detector <= spherex::detectors; ++detector) {
    Calibration c;
    c.detector_ = detector;
    c.channels_ = table;
    c.channels_file_ = channels_file;
    c.has_channel_map_ = has_map;
    c.spectral_wcs_ = product(files, fmt::format("spectral_wcs_D{}_", detector));
    c.solid_angle_ = product(files, fmt::format("solid_angle_pixel_map_D{}_", detector));
    c.average_psf_ = product(files, fmt::format("average_psf_D{}_", detector));
    for (const auto& path : {c.spectral_wcs_, c.solid_angle_, c.average_psf_})
      if (!path.empty() && !on_server(path)) check_detector(io::FitsFile{path}, detector);
    set.detectors_.push_back(std::move(c));
  }
  return set;
}

std::vector<std::string> Calibration::caveats(std::initializer_list<Product> used) const {
  std::vector<std::string> words;
  for (const auto product : used) {
    if (product == Product::spectral_wcs && spectral_wcs_.empty()) words.push_back(fmt::format("detector {}: no product spectral_wcs; wavelengths are those of WCS-WAVE (about 1 nm)", detector_));
    if (product == Product::solid_angle && solid_angle_.empty()) words.push_back(fmt::format("detector {}: no product solid_angle_pixel_map; solid angles follow from the frames' WCS", detector_));
    if (product == Product::channel_map && !has_channel_map_) words.push_back(fmt::format("detector {}: no CHANNEL_MAP; strips are cut at the channels' edges in wavelength", detector_));
  }
  return words;
}

const Calibration& CalibrationSet::of(int detector) const {
  if (detector < 1 || detector > spherex::detectors) throw UsageError{fmt::format("detector {}; expected 1 to 6", detector)};
  return detectors_[static_cast<std::size_t>(detector - 1)];
}

}  // namespace tessera::spherex
