/// extraction/injection.h — artificial sources: where and how bright, their light in images, and what became of them.
///
/// Completeness is the share that the whole chain finds again; the bias of fluxes and the width of (fitted − true)/σ are those of the found ones.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tessera/core/table.h"
#include "tessera/extraction/find.h"
#include "tessera/joint_fit/fit_image.h"
#include "tessera/joint_fit/source.h"
#include "tessera/joint_fit/source_model.h"

namespace tessera::extraction {

struct Injected {
  double x = 0, y = 0;           ///< on the image that sources are found on
  wcs::SkyPoint position;
  double flux = 0, snr = 0;      ///< true; over the error that the matched filter gives a source there, sky noise alone
  int pass = 0;                  ///< those of one pass are added together
  double neighbour = 0;          ///< pixels to the nearest source that was there before; infinite without one
  bool found = false;
  // Of the source that it was found as:
  double fitted = 0, error = 0, east = 0, north = 0, east_error = 0, north_error = 0;  ///< east, north: found less true, arcsec; errors NaN where the position was fixed
  joint_fit::Status status = joint_fit::Status::not_fitted;
};

/// Places at random on good pixels, none nearer than `apart` pixels to another of its pass; S/N log-uniform. Fewer than asked for when 200 passes do not hold them. `image`: that of `found`, with unit.
std::vector<Injected> plan_injection(const Found& found, const joint_fit::FitImage& image, double apart, const psf::PsfModel& psf, const ExtractOptions& options);

/// Adds the light of the sources to the good pixels of an image, with the noise of its photons: a normal deviate of variance `photons` × light, from stream `stream` of `seed`. `variance`, where it is given, grows by what
/// a pipeline would add that reads it off the pixel. Without `photons` the light comes without noise.
void add_light(const joint_fit::FitImage& image, std::size_t number, const joint_fit::SourceLists& sources, const Image<float>& photons, const Image<std::uint8_t>& good, Image<float>& value, Image<float>* variance, std::uint64_t seed,
               std::uint64_t stream);

/// A source as it lies on the image that sources are found on.
struct Lying {
  double x = 0, y = 0, flux = 0;
};
/// Which row each truth was found as, −1: none. The brightest truth chooses first, the nearest free row within `radius` pixels.
std::vector<int> match_by_brightness(std::span<const Lying> truth, std::span<const Lying> rows, double radius);

/// Artificial sources of one range of S/N or flux.
struct InjectionBin {
  double low = 0, high = 0;
  long injected = 0, found = 0;
  double completeness = 0, completeness_low = 0, completeness_high = 0;  ///< 68 % interval of Wilson (1927)
  double bias = 0, bias_err = 0;   ///< median of fitted/true − 1; NaN with fewer than 5
  double pull_mean = 0, pull_width = 0;
};
/// How true the errors are: half the width that holds 68 % of (fitted − true)/σ, and its 1σ.
struct Calibration {
  double factor = 0, error = 0;
  long sources = 0;
};
struct InjectionSummary {
  std::vector<InjectionBin> by_snr, by_flux;
  Calibration flux, position;      ///< of those found whose S/N exceeds `calibrated_above`; position NaN where positions are fixed
  double calibrated_above = 0;
  double bias = 0, bias_err = 0;   ///< of the same
  double half_complete_snr = 0, half_complete_flux = 0;  ///< where completeness passes ½; NaN when it does not
  std::vector<double> pulls;       ///< of the same
};
InjectionSummary summarise(std::span<const Injected> injected, const InjectionOptions& options);

/// One row per artificial source.
Table injection_table(std::span<const Injected> injected, const std::string& flux_unit);
/// One row per bin, those of S/N and then those of flux.
Table completeness_table(const InjectionSummary& summary, const std::string& flux_unit);

}  // namespace tessera::extraction
