#include "tessera/spectrum/binning.h"

#include <cmath>
#include <limits>
#include <set>

#include "tessera/core/statistics.h"

namespace tessera::spectrum {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<const Measurement*> clipped(std::vector<const Measurement*> members, double clip) {
  if (clip <= 0 || members.size() < 5) return members;
  std::vector<double> fluxes;
  for (const auto* m : members) fluxes.push_back(m->flux);
  const double median = statistics::median(std::span<const double>{fluxes}), sigma = statistics::mad_sigma(std::span<const double>{fluxes});
  std::erase_if(members, [&](const auto* m) { return std::abs(m->flux - median) > clip * sigma; });
  return members;
}

ChannelMean mean_of(const std::vector<const Measurement*>& members) {
  ChannelMean mean{nan, nan, nan, nan, static_cast<int>(members.size()), 0};
  if (members.empty()) return mean;
  double weight = 0, flux = 0, wavelength = 0, chi2 = 0;
  for (const auto* m : members) {
    const double w = 1 / (m->flux_error * m->flux_error);
    weight += w, flux += w * m->flux, wavelength += w * m->wavelength_um;
    mean.flags |= m->flags;
  }
  mean.flux = flux / weight, mean.flux_error = 1 / std::sqrt(weight), mean.wavelength_um = wavelength / weight;
  for (const auto* m : members) chi2 += (m->flux - mean.flux) * (m->flux - mean.flux) / (m->flux_error * m->flux_error);
  if (members.size() > 1) mean.reduced_chi2 = chi2 / static_cast<double>(members.size() - 1);
  return mean;
}

}  // namespace

void describe(param::Schema<BinOptions>& s) {
  s.field(&BinOptions::most_quality, "most_fit_ql", "Measurements whose fit_ql is larger do not count in channel means; 0: all do.").range(0, 1e6);
  s.field(&BinOptions::clip, "clip", "Of five and more measurements of a channel, those further from their median than this do not count; 0: all do.").range(0, 100).unit("sigma");
}

bool usable(const Measurement& m, const BinOptions& options) {
  return !(m.flags & (spherex::fit_error | spherex::contains_bad_pixel)) && std::isfinite(m.flux) && m.flux_error > 0 && std::isfinite(m.wavelength_um) &&
         (options.most_quality <= 0 || m.quality <= options.most_quality);
}

std::vector<ChannelMean> channel_means(std::span<const Measurement> measurements, std::span<const int> detectors, const spherex::ChannelTable& channels, const BinOptions& options) {
  std::vector<std::vector<const Measurement*>> members(channels.channels().size());
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    if (!usable(measurements[i], options)) continue;
    if (const auto channel = channels.channel_at(detectors[i], measurements[i].wavelength_um)) members[static_cast<std::size_t>(channel->channel - 1)].push_back(&measurements[i]);
  }
  std::vector<ChannelMean> means;
  for (auto& m : members) means.push_back(mean_of(clipped(std::move(m), options.clip)));
  return means;
}

double nyquist_completeness(std::span<const Measurement> measurements, std::span<const int> detectors, const spherex::ChannelTable& channels, const BinOptions& options) {
  std::set<int> halves;
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    if (!usable(measurements[i], options)) continue;
    const auto channel = channels.channel_at(detectors[i], measurements[i].wavelength_um);
    if (channel) halves.insert(2 * channel->channel + (measurements[i].wavelength_um >= std::sqrt(channel->min_um * channel->max_um)));
  }
  return static_cast<double>(halves.size()) / (2. * static_cast<double>(channels.channels().size()));
}

}  // namespace tessera::spectrum
