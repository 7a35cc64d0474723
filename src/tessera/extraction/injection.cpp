#include "tessera/extraction/injection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "tessera/core/statistics.h"
#include "tessera/detect/matched_filter.h"
#include "tessera/simulate/random.h"

namespace tessera::extraction {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int most_passes = 200, tries = 200;
constexpr double calibrated_above = 10;  // S/N: below, those with high noise are found more often
constexpr int bins_per_decade = 5;
constexpr std::size_t least = 5;

/// Places by cells, to ask what is near.
class Near {
 public:
  explicit Near(double reach) : cell_{std::max(reach, 1.0)} {}
  void add(double x, double y) { cells_[{index(x), index(y)}].push_back({x, y}); }
  bool any(double x, double y, double reach) const {
    for (long j = index(y) - 1; j <= index(y) + 1; ++j)
      for (long i = index(x) - 1; i <= index(x) + 1; ++i)
        if (const auto cell = cells_.find({i, j}); cell != cells_.end())
          for (const auto& [a, b] : cell->second)
            if (std::hypot(a - x, b - y) < reach) return true;
    return false;
  }

 private:
  long index(double v) const { return static_cast<long>(std::floor(v / cell_)); }
  double cell_;
  std::map<std::pair<long, long>, std::vector<std::pair<double, double>>> cells_;
};

/// 1σ of the flux of a source on a pixel, by the matched filter with the noise of the filtered image; in the flux unit.
class ErrorAt {
 public:
  ErrorAt(const Found& found, const joint_fit::FitImage& image, const psf::PsfModel& psf, const detect::FilterOptions& filter) : found_{found}, image_{image}, psf_{psf}, filter_{filter}, value_{found.frame.box()} {}
  double operator()(double x, double y) const {
    const int i = static_cast<int>(std::lround(x)), j = static_cast<int>(std::lround(y));
    Image<float> error{Box{i, j, i + 1, j + 1}};
    detect::matched_filter({value_, found_.variance, found_.frame.good}, psf_, filter_, {{}, {}, error});
    const double wider = found_.noise(i, j) > 0 ? static_cast<double>(found_.noise(i, j)) : 1;
    return static_cast<double>(error(i, j)) * wider / image_.value_of_unit_flux(x, y);
  }

 private:
  const Found& found_;
  const joint_fit::FitImage& image_;
  const psf::PsfModel& psf_;
  const detect::FilterOptions& filter_;
  Image<float> value_;
};

}  // namespace

std::vector<Injected> plan_injection(const Found& found, const joint_fit::FitImage& image, double apart, const psf::PsfModel& psf, const ExtractOptions& options) {
  const auto& o = options.injection;
  const Box box = found.frame.box();
  simulate::Random random{static_cast<std::uint64_t>(o.seed), simulate::Purpose::injection, 0};
  const ErrorAt error_at{found, image, psf, options.filter};
  std::vector<Injected> all;
  const auto usable = [&](double x, double y) { return found.frame.good(static_cast<int>(std::lround(x)), static_cast<int>(std::lround(y))) != 0; };
  for (int pass = 0; pass < most_passes && static_cast<int>(all.size()) < o.number; ++pass) {
    Near taken{apart};
    const std::size_t before = all.size();
    for (int failed = 0; failed < tries && static_cast<int>(all.size()) < o.number;) {
      const double x = box.x0 + random.uniform(0, box.width() - 1), y = box.y0 + random.uniform(0, box.height() - 1), share = random.uniform();
      if (!usable(x, y) || taken.any(x, y, apart)) {
        ++failed;
        continue;
      }
      failed = 0;
      const double error = error_at(x, y);
      if (!(error > 0) || !std::isfinite(error)) continue;
      Injected source;
      source.x = x, source.y = y, source.pass = pass;
      source.position = image.file->wcs.pixel_to_sky({x, y});
      if (!std::isfinite(source.position.ra_deg)) continue;
      source.snr = o.snr_min * std::pow(o.snr_max / o.snr_min, share);
      source.flux = source.snr * error;
      taken.add(x, y);
      all.push_back(source);
    }
    if (all.size() == before) break;
  }
  return all;
}

void add_light(const joint_fit::FitImage& image, std::size_t number, const joint_fit::SourceLists& sources, const Image<float>& photons, const Image<std::uint8_t>& good, Image<float>& value, Image<float>* variance, std::uint64_t seed,
               std::uint64_t stream) {
  const Image<float> light = sources.model(image, number);
  simulate::Random random{seed, simulate::Purpose::injected_photons, stream};
  const Box box = light.box();
  for (int y = box.y0; y < box.y1; ++y)
    for (int x = box.x0; x < box.x1; ++x) {
      if (!(light(x, y) > 0) || !good(x, y)) continue;
      float added = light(x, y);
      if (!photons.empty() && photons(x, y) > 0) {
        added += static_cast<float>(std::sqrt(static_cast<double>(photons(x, y)) * static_cast<double>(light(x, y))) * random.normal());
        if (variance) (*variance)(x, y) += photons(x, y) * std::max(0.0F, added);
      }
      value(x, y) += added;
    }
}

std::vector<int> match_by_brightness(std::span<const Lying> truth, std::span<const Lying> rows, double radius) {
  std::map<std::pair<long, long>, std::vector<int>> cells;
  const auto index = [radius](double v) { return static_cast<long>(std::floor(v / radius)); };
  for (std::size_t k = 0; k < rows.size(); ++k)
    if (std::isfinite(rows[k].x) && std::isfinite(rows[k].y)) cells[{index(rows[k].x), index(rows[k].y)}].push_back(static_cast<int>(k));
  std::vector<std::size_t> order(truth.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return truth[a].flux > truth[b].flux; });
  std::vector<int> found(truth.size(), -1);
  std::vector<bool> used(rows.size(), false);
  for (const auto t : order) {
    if (!std::isfinite(truth[t].x) || !std::isfinite(truth[t].y)) continue;
    double nearest = radius;
    for (long j = index(truth[t].y) - 1; j <= index(truth[t].y) + 1; ++j)
      for (long i = index(truth[t].x) - 1; i <= index(truth[t].x) + 1; ++i)
        if (const auto cell = cells.find({i, j}); cell != cells.end())
          for (const int k : cell->second) {
            const auto& row = rows[static_cast<std::size_t>(k)];
            const double d = std::hypot(row.x - truth[t].x, row.y - truth[t].y);
            if (!used[static_cast<std::size_t>(k)] && d < nearest) nearest = d, found[t] = k;
          }
    if (found[t] >= 0) used[static_cast<std::size_t>(found[t])] = true;
  }
  return found;
}

namespace {

/// Half the width that holds 68.27 % of normal deviates; its variance from that of two quantiles, 0.93 σ²/n.
Calibration width_of(const std::vector<double>& pulls) {
  if (pulls.size() < 4 * least) return {nan, nan, static_cast<long>(pulls.size())};
  const double width = (statistics::quantile(pulls, 0.84134) - statistics::quantile(pulls, 0.15866)) / 2;
  return {width, width * std::sqrt(0.93 / static_cast<double>(pulls.size())), static_cast<long>(pulls.size())};
}

/// Median of values and its 1σ, √(π/2) of that of a mean.
std::pair<double, double> centre_of(const std::vector<double>& values) {
  if (values.size() < least) return {nan, nan};
  return {statistics::median(std::span<const double>{values}), 1.2533 * statistics::mad_sigma(std::span<const double>{values}) / std::sqrt(static_cast<double>(values.size()))};
}

InjectionBin bin_of(std::span<const Injected> injected, double low, double high, double Injected::*of) {
  InjectionBin bin;
  bin.low = low, bin.high = high;
  std::vector<double> ratios, pulls;
  for (const auto& s : injected) {
    if (!(s.*of >= low && s.*of < high)) continue;
    ++bin.injected;
    if (!s.found) continue;
    ++bin.found;
    ratios.push_back(s.fitted / s.flux - 1);
    if (s.error > 0) pulls.push_back((s.fitted - s.flux) / s.error);
  }
  const auto n = static_cast<double>(bin.injected), p = bin.injected > 0 ? static_cast<double>(bin.found) / n : nan;
  bin.completeness = p;
  const double middle = (p + 0.5 / n) / (1 + 1 / n), half = std::sqrt(p * (1 - p) / n + 0.25 / (n * n)) / (1 + 1 / n);
  bin.completeness_low = std::max(0.0, middle - half), bin.completeness_high = std::min(1.0, middle + half);
  std::tie(bin.bias, bin.bias_err) = centre_of(ratios);
  bin.pull_mean = centre_of(pulls).first;
  bin.pull_width = pulls.size() < least ? nan : statistics::mad_sigma(std::span<const double>{pulls});
  return bin;
}

std::vector<InjectionBin> bins_of(std::span<const Injected> injected, double low, double high, double Injected::*of) {
  std::vector<InjectionBin> bins;
  if (!(low > 0) || !(high > low)) return bins;
  const int n = std::clamp(static_cast<int>(std::lround(bins_per_decade * std::log10(high / low))), 1, 60);
  const auto edge = [&](int i) { return i == n ? high * (1 + 1e-12) : low * std::pow(high / low, static_cast<double>(i) / n); };
  for (int i = 0; i < n; ++i) bins.push_back(bin_of(injected, edge(i), edge(i + 1), of));
  return bins;
}

/// Where completeness rises through ½ for the last time, between the middles of bins in lg.
double half_complete(const std::vector<InjectionBin>& bins) {
  for (std::size_t i = bins.size(); i-- > 1;) {
    const auto &a = bins[i - 1], &b = bins[i];
    if (!(a.completeness < 0.5 && b.completeness >= 0.5)) continue;
    const double share = (0.5 - a.completeness) / (b.completeness - a.completeness);
    const double la = std::log(a.low * a.high) / 2, lb = std::log(b.low * b.high) / 2;
    return std::exp(la + share * (lb - la));
  }
  return nan;
}

}  // namespace

InjectionSummary summarise(std::span<const Injected> injected, const InjectionOptions& options) {
  InjectionSummary summary;
  summary.calibrated_above = calibrated_above;
  double faintest = INFINITY, brightest = 0;
  std::vector<double> ratios, places;
  for (const auto& s : injected) {
    faintest = std::min(faintest, s.flux), brightest = std::max(brightest, s.flux);
    if (!s.found || !(s.error > 0) || s.snr < calibrated_above || s.status != joint_fit::Status::fitted) continue;
    summary.pulls.push_back((s.fitted - s.flux) / s.error);
    ratios.push_back(s.fitted / s.flux - 1);
    if (s.east_error > 0 && s.north_error > 0) places.push_back(s.east / s.east_error), places.push_back(s.north / s.north_error);
  }
  summary.by_snr = bins_of(injected, options.snr_min, options.snr_max, &Injected::snr);
  summary.by_flux = bins_of(injected, faintest, brightest, &Injected::flux);
  summary.flux = width_of(summary.pulls);
  summary.position = width_of(places);
  std::tie(summary.bias, summary.bias_err) = centre_of(ratios);
  summary.half_complete_snr = half_complete(summary.by_snr), summary.half_complete_flux = half_complete(summary.by_flux);
  return summary;
}

}  // namespace tessera::extraction
