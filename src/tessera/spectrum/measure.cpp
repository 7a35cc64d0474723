#include "tessera/spectrum/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "tessera/base/clones.h"
#include "tessera/base/error.h"
#include "tessera/spectrum/frame_sources.h"
#include "tessera/spectrum/shape_response.h"

namespace tessera::spectrum {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double margin = 6;          // pixels beyond the array: as far as a point response reaches
bool within(double dx, double dy, double radius) { return dx * dx + dy * dy <= radius * radius; }

constexpr double same_place = 0.005;  // pixels: sources that no fit tells apart

constexpr int central_reach = 3;  // pixels from the nearest one to the furthest within central_radius

Box square(int x, int y, int side) { return {x - side / 2, y - side / 2, x + side / 2 + 1, y + side / 2 + 1}; }

struct Wanted {
  std::size_t placed = 0;
  double wavelength_um = 0, width_um = 0, solid_angle_arcsec2 = 0;
};

/// Reading a row of a window costs about as much as this many pixels of it.
constexpr double row_cost = 400;
/// Planes of this many pixels stay in the processor's cache and below the size at which freed memory goes back to the system.
constexpr std::int64_t most_window = std::int64_t{1} << 16;
double cost(Box window) { return window.height() * (row_cost + window.width()); }

struct LeftOut {
  std::uint64_t fit = 0, sky = 0;  // flags
};

/// Pixels that a fit may use, and those that count for the sky.
TESSERA_CLONES void mark(const float* image, const float* variance, const std::uint64_t* flags, std::size_t n, LeftOut left_out, std::uint8_t* good, std::uint8_t* usable) {
  constexpr float most = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < n; ++i) {
    const bool finite = std::abs(image[i]) <= most;
    good[i] = finite & (variance[i] > 0) & (variance[i] <= most) & ((flags[i] & left_out.fit) == 0);
    usable[i] = finite & ((flags[i] & left_out.sky) == 0);
  }
}

class FrameRun {
 public:
  FrameRun(const io::FitsFile& file, const Field& field, CalibrationLoans& calibration, const MeasureOptions& options)
      : file_{file}, field_{field}, options_{options}, frame_{spherex::SpectralFrame::open(file)}, calibration_{calibration, frame_.detector()}, here_{frame_, field, margin}, joint_{{options.weights}} {}

  FrameResult run() {
    describe_frame();
    if (!options_.any_quality && !frame_.quality_fault().empty()) {
      result_.record.lost = frame_.quality_fault();
      return std::move(result_);
    }
    choose();
    if (wanted_.empty()) return std::move(result_);
    for (const auto& caveat : frame_.caveats())
      if (caveat != "no ZODI plane" && (caveat != "no WCS-WAVE" || calibration_->calibration().spectral_wcs().empty())) result_.caveats.push_back(caveat);  // of what is used here
    if (frame_.psf().kind == spherex::PsfLayout::Kind::none) throw DataError{fmt::format("{}: neither PSF nor EPSF; expected the frame's point responses", frame_.path().string())};
    read_responses();
    const int near_side = std::max({options_.side, options_.sky_options.side, 2 * central_reach + 1});
    measure_all(near_side, true);
    wanted_ = std::move(again_);
    measure_all(std::max(near_side, options_.sky_options.widest_side), false);
    sort_by_source();
    return std::move(result_);
  }

 private:
  void describe_frame() {
    auto& r = result_.record;
    r.path = frame_.path().string();
    r.observation = frame_.observation();
    if (!r.observation.empty()) r.publisher_id = fmt::format("ivo://irsa.ipac/spherex_qr2?{}/D{}", r.observation, frame_.detector());
    r.detector = frame_.detector();
    r.mjd = frame_.mjd();
    r.deep = frame_.deep_or_special();
    if (std::isnan(r.mjd) && std::ranges::any_of(here_.placed(), [&](const auto& p) { return source(p).moving(); })) result_.caveats.push_back("no MJD: proper motions are left out");
  }

  const Source& source(const PlacedSource& p) const { return field_.sources()[static_cast<std::size_t>(p.source)]; }

  /// Sources whose nearest pixel lies on the array and whose wavelength is asked for, in the order of rows.
  void choose() {
    for (std::size_t i = 0; i < here_.placed().size(); ++i) {
      const auto& p = here_.placed()[i];
      if (!source(p).neighbour && frame_.box().contains(p.pixel_x(), p.pixel_y())) wanted_.push_back({i});
    }
    std::ranges::sort(wanted_, {}, [&](const Wanted& w) {
      const auto& p = here_.placed()[w.placed];
      return std::tuple{p.pixel_y(), p.pixel_x(), w.placed};
    });
    if (!look_up_kept())
      for (std::size_t from = 0; from < wanted_.size();) from = look_up(from);
    std::erase_if(wanted_, [&](const Wanted& w) { return !spherex::reaches_into(options_.wavelengths, w.wavelength_um, w.wavelength_um); });
  }

  /// From the maps in memory; false when they are not there.
  bool look_up_kept() {
    std::vector<spherex::KeptMaps::Place> places;
    for (const auto& w : wanted_) places.push_back({here_.placed()[w.placed].x, here_.placed()[w.placed].y, {}, 0});
    if (!calibration_.kept().look_up(frame_, places)) return false;
    for (std::size_t i = 0; i < wanted_.size(); ++i) wanted_[i].wavelength_um = places[i].wave.centre_um, wanted_[i].width_um = places[i].wave.width_um, wanted_[i].solid_angle_arcsec2 = places[i].solid_angle_arcsec2;
    return true;
  }

  /// Wavelengths and solid angles at the places of a group from `from` on: from the maps' part that holds all, where that costs less than two rows for each. Returns the first one after them.
  std::size_t look_up(std::size_t from) {
    Box part;
    std::size_t to = from;
    for (; to < wanted_.size(); ++to) {
      const auto& p = here_.placed()[wanted_[to].placed];
      const Box with = hull(part, intersection(square(p.pixel_x(), p.pixel_y(), 5), frame_.box()));
      if (to > from && with.area() > most_window) break;
      part = with;
    }
    const auto& calibration = calibration_->calibration();
    const bool at_once = cost(part) < static_cast<double>(to - from) * cost({0, 0, 2, 2});
    const bool waves = at_once && !calibration.spectral_wcs().empty(), angles = at_once && !calibration.solid_angle_map().empty();
    const auto wave_maps = waves ? calibration_->wavelengths(frame_, part) : spherex::WavelengthMaps{};
    const auto angle_map = angles ? calibration_->solid_angles(frame_, part) : Image<float>{};
    for (auto& w : std::span{wanted_}.subspan(from, to - from)) {
      const auto& p = here_.placed()[w.placed];
      const auto wave = waves ? spherex::Wavelength{spherex::map_at(wave_maps.centre_um, frame_.box(), p.x, p.y), spherex::map_at(wave_maps.width_um, frame_.box(), p.x, p.y)} : calibration_->wavelength_at(frame_, p.x, p.y);
      w.wavelength_um = wave.centre_um, w.width_um = wave.width_um;
      w.solid_angle_arcsec2 = angles ? spherex::map_at(angle_map, frame_.box(), p.x, p.y) : calibration_->solid_angle_at(frame_, p.x, p.y);
    }
    return to;
  }

  std::size_t zone_of(const PlacedSource& p) const { return frame_.psf().nearest(p.x + frame_.x_offset(), p.y + frame_.y_offset()); }

  void read_responses() {
    std::map<std::size_t, std::size_t> order;
    for (const auto& p : here_.placed()) zones_.push_back(zone_of(p)), order.emplace(zones_.back(), 0);
    std::vector<std::size_t> needed;
    for (auto& [zone, at] : order) at = needed.size(), needed.push_back(zone);
    const auto psfs = frame_.read_psfs(file_, needed);
    std::vector<ZoneResponse> responses;
    for (const auto& psf : psfs) {
      if (psf.empty()) responses.emplace_back();
      else if (frame_.psf().kind == spherex::PsfLayout::Kind::epsf) responses.push_back(ZoneResponse::from_epsf(psf, frame_.psf().oversample));
      else responses.push_back(ZoneResponse::from_cells(psf, frame_.psf().oversample, options_.placement, options_.psf_shift_x, options_.psf_shift_y));
    }
    const auto lost = std::ranges::count_if(responses, &ZoneResponse::empty);
    if (lost == static_cast<std::ptrdiff_t>(responses.size())) throw DataError{fmt::format("{}: every PSF zone that is needed holds NaN or has no positive sum", frame_.path().string())};
    if (lost > 0) result_.caveats.emplace_back("PSF zones that hold NaN or have no positive sum: their sources get FIT_ERROR");
    place_stamps([&](std::size_t zone) -> const ZoneResponse& { return responses[order.at(zone)]; });
  }

  template <class ResponseOf>
  void place_stamps(const ResponseOf& response_of) {
    const auto& placed = here_.placed();
    stamps_.resize(placed.size());
    std::vector<std::size_t> extended;
    for (std::size_t i = 0; i < placed.size(); ++i) {
      const auto& response = response_of(zones_[i]);
      if (response.empty()) continue;
      if (source(placed[i]).extended) extended.push_back(i);
      else stamps_[i] = response.stamp(placed[i].x, placed[i].y);
    }
    // A zone's transform is made for all its sources and let go: together they would fill the cache many times.
    std::ranges::stable_sort(extended, {}, [&](std::size_t i) { return zones_[i]; });
    const int reach = options_.side + static_cast<int>(std::ceil(options_.reach)) + 1;  // as far as a cut-out may lie from a source that is fitted along in it
    std::optional<ShapeMaker> maker;
    for (std::size_t k = 0; k < extended.size(); ++k) {
      const auto i = extended[k];
      if (k == 0 || zones_[i] != zones_[extended[k - 1]]) maker.emplace(response_of(zones_[i]), reach);
      stamps_[i] = maker->stamp(source(placed[i]).shape, frame_.sky().jacobian({placed[i].x, placed[i].y}), placed[i].x, placed[i].y);
    }
  }

  void sort_by_source() {
    std::vector<std::pair<std::int32_t, std::uint32_t>> order;
    for (std::uint32_t i = 0; i < result_.measurements.size(); ++i) order.emplace_back(result_.measurements[i].source, i);
    std::ranges::sort(order);
    std::vector<Measurement> sorted;
    sorted.reserve(order.size());
    for (const auto& [source, i] : order) sorted.push_back(std::move(result_.measurements[i]));
    result_.measurements = std::move(sorted);
  }

  /// With squares of `side` pixels about each. Where `may_wait`, those that need more for their sky are left in again_.
  void measure_all(int side, bool may_wait) {
    may_wait_ = may_wait && options_.sky_options.widest_side > options_.sky_options.side;
    for (std::size_t from = 0; from < wanted_.size();) from = measure_group(from, side);
  }

  /// The window of the squares of wanted sources from `from` on that are read at once; returns the first one after them.
  std::size_t measure_group(std::size_t from, int side) {
    const auto window_of = [&](std::size_t i) {
      const auto& p = here_.placed()[wanted_[i].placed];
      return intersection(square(p.pixel_x(), p.pixel_y(), side), frame_.box());
    };
    // Two sources of one row may lie too far apart for one window, and all between them yet make it worth while: the largest group counts, not the first that fails.
    Box window = window_of(from), both = window;
    std::size_t to = from + 1;
    double alone = cost(window);
    for (std::size_t next = to; next < wanted_.size(); ++next) {
      const Box one = window_of(next);
      if (one.y0 >= both.y1 && to < next) break;
      both = hull(both, one);
      alone += cost(one);
      if (both.area() > most_window) break;
      if (cost(both) <= alone) window = both, to = next + 1;
    }
    pixels_ = frame_.read_window(file_, window, false);
    mark_pixels(window);
    for (std::size_t i = from; i < to; ++i) measure(wanted_[i]);
    return to;
  }

  void mark_pixels(Box window) {
    good_.reshape(window), usable_.reshape(window);
    const auto image = pixels_.image.pixels(), variance = pixels_.variance.pixels();
    const auto flags = pixels_.flags.pixels();
    mark(image.data(), variance.data(), flags.data(), image.size(), {spherex::fit_ignored(), spherex::background_masked()}, good_.pixels().data(), usable_.pixels().data());
    if (!options_.mask_sources) return;
    here_.near((window.x0 + window.x1) / 2., (window.y0 + window.y1) / 2., std::max(window.width(), window.height()) / 2. + 4, near_);
    for (const auto i : near_) {
      const auto& p = here_.placed()[i];
      const Box disc = intersection(square(p.pixel_x(), p.pixel_y(), 7), window);
      for (int y = disc.y0; y < disc.y1; ++y)
        for (int x = disc.x0; x < disc.x1; ++x)
          if (within(x - p.x, y - p.y, central_radius)) usable_(x, y) = 0;
    }
  }

  /// The source itself and, behind it, all others in reach; those at a place and of a shape that are there already share its light.
  void gather(const Wanted& wanted) {
    const auto& p = here_.placed()[wanted.placed];
    here_.near(p.pixel_x(), p.pixel_y(), options_.side / 2 + .5 + options_.reach, near_);
    members_.assign(1, wanted.placed);
    for (const auto i : near_) {
      const auto& q = here_.placed()[i];
      const auto same = [&](std::size_t j) {
        const auto& r = here_.placed()[j];
        return within(q.x - r.x, q.y - r.y, same_place) && source(q).extended == source(r).extended;
      };
      if (i != wanted.placed && !stamps_[i].empty() && std::ranges::none_of(members_, same)) members_.push_back(i);
    }
    joint_sources_.clear();
    for (const auto i : members_) joint_sources_.push_back({here_.placed()[i].x, here_.placed()[i].y, &stamps_[i]});
  }

  void central_flags(const PlacedSource& p, Measurement& m) const {
    const auto first = [](double v) { return static_cast<int>(std::ceil(v - central_radius - .01)); };
    const auto last = [](double v) { return static_cast<int>(std::floor(v + central_radius + .01)); };
    for (int y = first(p.y); y <= last(p.y); ++y)
      for (int x = first(p.x); x <= last(p.x); ++x) {
        if (!within(x - p.x, y - p.y, central_radius)) continue;
        if (!frame_.box().contains(x, y)) {
          m.flags |= spherex::contains_bad_pixel;
          continue;
        }
        const auto bits = pixels_.flags(x, y);
        m.flags |= bits;
        if (!good_(x, y)) m.flags |= spherex::contains_bad_pixel;
        for (auto left = static_cast<std::uint32_t>(bits); left != 0; left &= left - 1) ++m.flagged[static_cast<std::size_t>(std::countr_zero(left))];
      }
  }

  LocalSky sky_of(const PlacedSource& p) const {
    auto how = options_.sky_options;
    if (may_wait_) how.widest_side = how.side;
    return local_sky(pixels_.image, usable_, p.pixel_x(), p.pixel_y(), how);
  }

  void measure(const Wanted& wanted) {
    const auto& p = here_.placed()[wanted.placed];
    LocalSky sky;
    bool shaped = false, local = false;
    if (!stamps_[wanted.placed].empty()) {
      gather(wanted);
      shaped = std::ranges::any_of(members_, [&](std::size_t i) { return source(here_.placed()[i]).extended; });
      local = options_.sky == SkyWay::local || (options_.sky == SkyWay::by_shape && !shaped);
      if (local) sky = sky_of(p);
      if (local && may_wait_ && !sky.found()) {
        again_.push_back(wanted);
        return;
      }
    }
    Measurement m;
    m.source = p.source;
    m.wavelength_um = wanted.wavelength_um, m.width_um = wanted.width_um;
    m.ra_deg = p.sky.ra_deg, m.dec_deg = p.sky.dec_deg, m.x = p.x, m.y = p.y;
    m.flux = m.flux_error = m.sky_flux_error = m.quality = m.sky = nan;
    central_flags(p, m);
    if (stamps_[wanted.placed].empty()) {
      m.flags |= spherex::fit_error;
      result_.measurements.push_back(std::move(m));
      return;
    }
    const bool fallback = local && !sky.found();
    if (fallback) m.flags |= spherex::contains_bad_pixel;
    const bool fit_level = fallback || options_.sky == SkyWay::fit || (options_.sky == SkyWay::by_shape && shaped);
    const CutOut cutout{intersection(square(p.pixel_x(), p.pixel_y(), options_.side), frame_.box()), pixels_.image.view(), pixels_.variance.view(), good_.view()};
    const auto& fit = joint_.fit(cutout, joint_sources_, sky.level, fit_level);
    const double scale = spherex::ujy_per_arcsec2 * wanted.solid_angle_arcsec2;
    m.fitted = static_cast<std::int16_t>(members_.size()), m.pixels = static_cast<std::int16_t>(fit.pixels);
    m.sky_pixels = static_cast<std::int16_t>(sky.used), m.sky_side = static_cast<std::int16_t>(fallback ? -1 : sky.side);
    if (fit.solved && std::isfinite(scale)) {
      m.flux = fit.flux * scale, m.flux_error = std::sqrt(fit.variance) * scale;
      m.sky_flux_error = fit_level ? 0 : std::abs(fit.sky_slope) * sky.error * scale;
      m.quality = fit.quality, m.sky = fit.sky * scale;
      add_companions(fit, scale, m);
      if (p.source < options_.inspected) m.pixels_kept = kept_pixels(cutout.box, fit.sky);
    } else {
      m.flags |= spherex::fit_error;
      if (!fit_level) m.sky = sky.level * scale;
    }
    result_.measurements.push_back(std::move(m));
  }

  std::shared_ptr<const Inspection> kept_pixels(Box box, double sky) const {
    auto kept = std::make_shared<Inspection>();
    kept->image = Image<float>{box};
    for (int y = box.y0; y < box.y1; ++y)
      for (int x = box.x0; x < box.x1; ++x) kept->image(x, y) = good_(x, y) ? pixels_.image(x, y) : std::numeric_limits<float>::quiet_NaN();
    kept->model = joint_.model();
    kept->sky = sky;
    return kept;
  }

  void add_companions(const JointResult& fit, double scale, Measurement& m) const {
    for (std::size_t k = 1; k < members_.size(); ++k) {
      if (!(fit.variances[k] > 0)) continue;
      const double correlation = fit.covariances[k] / std::sqrt(fit.variance * fit.variances[k]);
      if (std::abs(correlation) > std::abs(m.correlation)) m.correlation = static_cast<float>(correlation);
      if (options_.covariance) m.companions.push_back({here_.placed()[members_[k]].source, fit.covariances[k] * scale * scale});
    }
  }

  const io::FitsFile& file_;
  const Field& field_;
  const MeasureOptions& options_;
  spherex::SpectralFrame frame_;
  CalibrationLoans::Loan calibration_;
  FrameSources here_;
  JointFit joint_;
  FrameResult result_;
  std::vector<Wanted> wanted_, again_;
  bool may_wait_ = false;  // for a wider window
  std::vector<std::size_t> zones_;
  std::vector<Stamp> stamps_;
  spherex::SpectralPixels pixels_;
  Image<std::uint8_t> good_, usable_;
  std::vector<std::size_t> near_, members_;
  std::vector<JointSource> joint_sources_;
};

}  // namespace

CalibrationLoans::CalibrationLoans(const spherex::CalibrationSet& set, std::int64_t kept_bytes) : set_{set}, room_{kept_bytes} {
  for (int detector = 1; detector <= spherex::detectors; ++detector) kept_.push_back(std::make_unique<spherex::KeptMaps>(set.of(detector), room_));
}

CalibrationLoans::Loan::Loan(CalibrationLoans& from, int detector) : from_{from}, detector_{detector} {
  {
    const std::lock_guard lock{from_.mutex_};
    auto& free = from_.free_[static_cast<std::size_t>(detector - 1)];
    if (!free.empty()) files_ = std::move(free.back()), free.pop_back();
  }
  if (!files_) files_ = std::make_unique<spherex::CalibrationFiles>(from_.set_.of(detector));
}

CalibrationLoans::Loan::~Loan() {
  const std::lock_guard lock{from_.mutex_};
  from_.free_[static_cast<std::size_t>(detector_ - 1)].push_back(std::move(files_));
}

FrameResult measure_frame(const io::FitsFile& file, const Field& field, CalibrationLoans& calibration, const MeasureOptions& options) { return FrameRun{file, field, calibration, options}.run(); }

}  // namespace tessera::spectrum
