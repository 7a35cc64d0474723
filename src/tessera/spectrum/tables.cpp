#include "tessera/spectrum/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "tessera/base/text.h"
#include "tessera/io/array_columns.h"

namespace tessera::spectrum {
namespace {

/// One column of a member of every measurement.
template <class T, class Get>
std::vector<T> each(std::span<const Measurement> measurements, Get get) {
  std::vector<T> values;
  values.reserve(measurements.size());
  for (const auto& m : measurements) values.push_back(static_cast<T>(get(m)));
  return values;
}

/// Those of some texts, by number, that a stream of a table must know beforehand: the longest, one that is not ASCII, those that begin with "null".
template <class Text>
std::vector<std::size_t> telling(std::size_t count, Text text) {
  std::vector<std::size_t> found;
  std::size_t longest = 0;
  bool foreign = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& s = text(i);
    const bool ascii = std::ranges::all_of(s, [](char c) { return static_cast<unsigned char>(c) <= 126; });
    if (s.starts_with("null") || (!ascii && !foreign)) found.push_back(i);
    foreign |= !ascii;
    if (s.size() > text(longest).size()) longest = i;
  }
  if (count > 0) found.push_back(longest);
  return found;
}

std::string status_of(const Source& source, std::size_t measurements) {
  if (!source.refusal.empty()) return "refused: " + source.refusal;
  return measurements == 0 ? "off all frames" : "measured";
}

}  // namespace

std::int64_t Measured::total() const { return static_cast<std::int64_t>(std::accumulate(counts.begin(), counts.end(), std::size_t{0})); }

void Measured::begin_block(std::size_t from, std::size_t to) {
  from_ = from, to_ = to;
  first_.assign(1, 0);
  for (std::size_t s = from; s < to; ++s) first_.push_back(first_.back() + counts[s]);
  rows_.clear();  // nothing of them need be moved
  rows_.resize(first_.back());
}

std::span<Measurement> Measured::rows(std::size_t source) {
  if (!holds(source)) return {};
  return std::span{rows_}.subspan(first_[source - from_], counts[source]);
}

std::span<const Measurement> Measured::of(std::size_t source) const {
  if (!holds(source)) return {};
  return std::span{rows_}.subspan(first_[source - from_], counts[source]);
}

std::vector<int> Measured::detectors(std::span<const Measurement> some) const {
  std::vector<int> numbers;
  for (const auto& m : some) numbers.push_back(frames[static_cast<std::size_t>(m.frame)].detector);
  return numbers;
}

std::vector<std::pair<spherex::Channel, ChannelMean>> measured_channels(const Measured& measured, std::size_t source, const BinOptions& options) {
  const auto some = measured.of(source);
  const auto means = channel_means(some, measured.detectors(some), *measured.channels, options);
  std::vector<std::pair<spherex::Channel, ChannelMean>> there;
  for (std::size_t i = 0; i < means.size(); ++i)
    if (means[i].measurements > 0) there.emplace_back(measured.channels->channels()[i], means[i]);
  return there;
}

Table measurements_table(const Measured& measured, std::span<const Measurement> all, bool flag_counts) {
  const auto frame = [&](const Measurement& m) -> const FrameRecord& { return measured.frames[static_cast<std::size_t>(m.frame)]; };
  Table t;
  t.name = "measurements";
  t.add("label", each<std::string>(all, [&](auto& m) { return measured.sources[static_cast<std::size_t>(m.source)].label; }), "", "Name of the source as given; names may repeat", "meta.id");
  t.add("source", each<std::int32_t>(all, [](auto& m) { return m.source + 1; }), "", "Row of the source in its table, from 1", "meta.record");
  t.add("wavelength", each<double>(all, [](auto& m) { return m.wavelength_um; }), "um", "Wavelength at the position (CWAVE)", "em.wl.central");
  t.add("lambda_width", each<double>(all, [](auto& m) { return m.width_um; }), "um", "Effective bandwidth at the position (CBAND)", "instr.bandwidth");
  t.add("flux", each<double>(all, [](auto& m) { return m.flux; }), "uJy", "Flux density; NaN with FIT_ERROR", "phot.flux.density");
  t.add("flux_err", each<double>(all, [](auto& m) { return m.flux_error; }), "uJy", "1 sigma, with the covariance of sources fitted along", "stat.error;phot.flux.density");
  t.add("flux_err_bkg", each<double>(all, [](auto& m) { return m.sky_flux_error; }), "uJy", "What the error of the local background adds in quadrature; not in flux_err", "stat.error");
  t.add("flags", each<std::int64_t>(all, [](auto& m) { return m.flags; }), "", "Flags of all pixels within 2.5 pixels, and bits 32 CONTAINS_BAD_PIXEL, 33 FIT_ERROR; see tessera flags", "meta.code.qual");
  t.add("fit_ql", each<double>(all, [](auto& m) { return m.quality; }), "", "Mean of |pixel - model|/sigma within 2.5 pixels; about 0.8 for a good fit", "stat.fit.goodness");
  t.add("flux_bkg", each<double>(all, [](auto& m) { return m.sky; }), "uJy", "Background at the position, per pixel", "instr.background");
  t.add("lvf_id", each<std::string>(all, [&](auto& m) { return frame(m).observation; }), "", "Exposure (OBSID)", "meta.id;obs");
  t.add("det_id", each<std::int32_t>(all, [&](auto& m) { return frame(m).detector; }), "", "Detector, 1 to 6", "meta.id;instr.det");
  t.add("channel", each<std::int32_t>(all, [&](auto& m) {
          const auto channel = measured.channels->channel_at(frame(m).detector, m.wavelength_um);
          return channel ? channel->channel : 0;
        }), "", "Spectral channel, 1 to 102; 0: outside of all", "meta.number");
  t.add("deep_flg", each<std::uint8_t>(all, [&](auto& m) { return frame(m).deep; }), "", "The exposure is none of the survey's (NON_SURVEY)", "meta.code");
  t.add("mjd", each<double>(all, [&](auto& m) { return frame(m).mjd; }), "d", "Middle of the exposure", "time.epoch");
  t.add("ra", each<double>(all, [](auto& m) { return m.ra_deg; }), "deg", "Position at the exposure's epoch, ICRS", "pos.eq.ra");
  t.add("dec", each<double>(all, [](auto& m) { return m.dec_deg; }), "deg", "Position at the exposure's epoch, ICRS", "pos.eq.dec");
  t.add("x_image", each<double>(all, [](auto& m) { return m.x + 1; }), "pix", "Position in the file, the first pixel's centre is 1", "pos.cartesian.x;instr.det");
  t.add("y_image", each<double>(all, [](auto& m) { return m.y + 1; }), "pix", "Position in the file, the first pixel's centre is 1", "pos.cartesian.y;instr.det");
  t.add("obs_publisher_did", each<std::string>(all, [&](auto& m) { return frame(m).publisher_id; }), "", "Identifier of the spectral image", "meta.ref.ivoid");
  t.add("frame", each<std::int32_t>(all, [](auto& m) { return m.frame + 1; }), "", "Row of the table of frames, from 1", "meta.record");
  t.add("n_fitted", each<std::int32_t>(all, [](auto& m) { return m.fitted; }), "", "Sources in the fit", "meta.number");
  t.add("blend_corr", each<double>(all, [](auto& m) { return m.correlation; }), "", "Correlation of the flux with that of the source it shares most light with; 0 when alone", "stat.correlation");
  t.add("n_pix", each<std::int32_t>(all, [](auto& m) { return m.pixels; }), "pix", "Pixels in the fit", "meta.number");
  t.add("bkg_pix", each<std::int32_t>(all, [](auto& m) { return m.sky_pixels; }), "pix", "Pixels behind the local background; 0: it was fitted, or none", "meta.number");
  t.add("bkg_side", each<std::int32_t>(all, [](auto& m) { return std::max<std::int32_t>(m.sky_side, 0); }), "pix", "Side of the square they were taken from", "phys.size");
  if (flag_counts)
    for (const auto& f : spherex::flags())
      if (f.bit < flag_bits) t.add("n_" + text::lower(f.name), each<std::int32_t>(all, [&](auto& m) { return m.flagged[static_cast<std::size_t>(f.bit)]; }), "pix", fmt::format("Pixels within 2.5 pixels with {}", f.name), "meta.number");
  return t;
}

std::vector<Measurement> telling_texts(const Measured& measured) {
  std::vector<std::size_t> sources, frames;
  for (std::size_t s = 0; s < measured.counts.size(); ++s)
    if (measured.counts[s] > 0) sources.push_back(s);
  for (std::size_t f = 0; f < measured.frames.size(); ++f)
    if (measured.on_frame[f] > 0) frames.push_back(f);
  std::vector<Measurement> rows;
  const auto add = [&](std::size_t s, std::size_t f) {
    Measurement m;
    m.source = static_cast<std::int32_t>(sources[s]), m.frame = static_cast<std::int32_t>(frames[f]);
    rows.push_back(std::move(m));
  };
  for (const auto s : telling(sources.size(), [&](std::size_t i) -> const std::string& { return measured.sources[sources[i]].label; })) add(s, 0);
  for (const auto f : telling(frames.size(), [&](std::size_t i) -> const std::string& { return measured.frames[frames[i]].observation; })) add(0, f);
  for (const auto f : telling(frames.size(), [&](std::size_t i) -> const std::string& { return measured.frames[frames[i]].publisher_id; })) add(0, f);
  return rows;
}

std::vector<std::size_t> telling_sources(const Measured& measured) {
  auto which = telling(measured.sources.size(), [&](std::size_t i) -> const std::string& { return measured.sources[i].label; });
  std::vector<std::string> status;
  for (std::size_t s = 0; s < measured.sources.size(); ++s) status.push_back(status_of(measured.sources[s], measured.counts[s]));
  for (const auto s : telling(status.size(), [&](std::size_t i) -> const std::string& { return status[i]; })) which.push_back(s);
  return which;
}

Table spectra_table(const Measured& measured, std::span<const std::size_t> which, const BinOptions& options) {
  const std::size_t n = which.size(), channels = measured.channels->channels().size();
  std::vector<std::string> label, status;
  std::vector<std::int32_t> number, total, used;
  std::vector<std::uint8_t> extended;
  std::vector<double> ra, dec, complete, wavelength, flux, error, chi2;
  std::vector<std::int32_t> count;
  for (const auto s : which) {
    const auto some = measured.of(s);
    const auto detectors = measured.detectors(some);
    const Source& source = measured.sources[s];
    label.push_back(source.label), status.push_back(status_of(source, measured.counts[s]));
    number.push_back(static_cast<std::int32_t>(s + 1));
    ra.push_back(source.sky.ra_deg), dec.push_back(source.sky.dec_deg);
    total.push_back(static_cast<std::int32_t>(measured.counts[s]));
    used.push_back(static_cast<std::int32_t>(std::ranges::count_if(some, [&](const auto& m) { return usable(m, options); })));
    complete.push_back(nyquist_completeness(some, detectors, *measured.channels, options));
    extended.push_back(source.extended);
    for (const auto& mean : channel_means(some, detectors, *measured.channels, options))
      wavelength.push_back(mean.wavelength_um), flux.push_back(mean.flux), error.push_back(mean.flux_error), chi2.push_back(mean.reduced_chi2), count.push_back(mean.measurements);
  }
  Table t;
  t.name = "spectra";
  t.add("label", std::move(label), "", "Name of the source as given", "meta.id;meta.main");
  t.add("source", std::move(number), "", "Row of the source in its table, from 1", "meta.record");
  t.add("ra", std::move(ra), "deg", "As given, at the epoch of the table", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "As given, at the epoch of the table", "pos.eq.dec;meta.main");
  t.add("status", std::move(status), "", "measured, off all frames, or refused with the reason", "meta.code.status");
  t.add("n_meas", std::move(total), "", "Measurements", "meta.number");
  t.add("n_used", std::move(used), "", "Those without FIT_ERROR and CONTAINS_BAD_PIXEL, which channel means are made of", "meta.number");
  t.add("nyquist_comp", std::move(complete), "", "Share of the 204 half channels with one of them", "meta.number");
  t.add("ext_flg", std::move(extended), "", "A Sersic profile was fitted, not a point", "meta.code");
  if (n == 0) return t;
  const std::vector<std::int64_t> shape{static_cast<std::int64_t>(channels)};
  io::add_array(t, {"channel_wavelength", shape, "um", "Mean wavelength of each channel"}, wavelength);
  io::add_array(t, {"channel_flux", shape, "uJy", "Mean flux density of each channel, weighted by 1/flux_err^2"}, flux);
  io::add_array(t, {"channel_flux_err", shape, "uJy", "1 sigma"}, error);
  io::add_array(t, {"channel_chi2", shape, "", "Reduced chi square of the channel's measurements"}, chi2);
  io::add_array(t, {"channel_n", shape, "", "Measurements in each channel"}, count);
  return t;
}

Table frames_table(const Measured& measured) {
  std::vector<std::string> file, observation, lost;
  std::vector<std::int32_t> detector;
  std::vector<std::int64_t> count;
  std::vector<double> mjd;
  for (std::size_t i = 0; i < measured.frames.size(); ++i) {
    const auto& f = measured.frames[i];
    file.push_back(std::filesystem::path{f.path}.filename().string()), observation.push_back(f.observation), lost.push_back(f.lost);
    detector.push_back(f.detector), count.push_back(measured.on_frame[i]), mjd.push_back(f.mjd);
  }
  Table t;
  t.name = "frames";
  t.add("file", std::move(file), "", "Name of the file", "meta.file");
  t.add("lvf_id", std::move(observation), "", "Exposure (OBSID)", "meta.id;obs");
  t.add("det_id", std::move(detector), "", "Detector", "meta.id;instr.det");
  t.add("mjd", std::move(mjd), "d", "Middle of the exposure", "time.epoch");
  t.add("n_meas", std::move(count), "", "Measurements on it", "meta.number");
  t.add("left_out", std::move(lost), "", "Why it was left out", "meta.note");
  return t;
}

Table covariances_table(const Measured& measured, std::span<const Measurement> some, std::int64_t first_row, std::span<const Source> all) {
  std::vector<std::int32_t> row, source, other;
  std::vector<std::string> label;
  std::vector<double> covariance;
  for (std::size_t i = 0; i < some.size(); ++i)
    for (const auto& c : some[i].companions) {
      const bool listed = static_cast<std::size_t>(c.source) < measured.sources.size();
      row.push_back(static_cast<std::int32_t>(first_row + static_cast<std::int64_t>(i))), source.push_back(some[i].source + 1);
      other.push_back(listed ? c.source + 1 : 0), label.push_back(all[static_cast<std::size_t>(c.source)].label), covariance.push_back(c.covariance);
    }
  Table t;
  t.name = "covariances";
  t.add("measurement", std::move(row), "", "Row of the table of measurements, from 1", "meta.record");
  t.add("source", std::move(source), "", "The source measured", "meta.record");
  t.add("other", std::move(other), "", "The source fitted along; 0: one of the neighbours' table", "meta.record");
  t.add("other_label", std::move(label), "", "Its name", "meta.id");
  t.add("covariance", std::move(covariance), "uJy2", "Covariance of both fluxes in this fit", "stat.covariance");
  return t;
}

Table telling_covariances(const Measured& measured, std::span<const Source> all) {
  Measurement m;
  std::vector<std::size_t> there;
  for (std::size_t s = 0; s < all.size(); ++s)
    if (measured.companion[s]) there.push_back(s);
  for (const auto i : telling(there.size(), [&](std::size_t k) -> const std::string& { return all[there[k]].label; })) m.companions.push_back({static_cast<std::int32_t>(there[i]), 0});
  return covariances_table(measured, std::span{&m, 1}, 1, all);
}

}  // namespace tessera::spectrum
