// The guide's method (MOPEX guide 7) in a run: stamps from the stars' pixels, their mean, and what became of each.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/base/error.h"
#include "tessera/psf/point_response.h"
#include "tessera/psf_estimate/estimate_private.h"

namespace tessera::psf_estimate {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr int guide_samples = 4;
constexpr double widest = 40, least_radius = 10;   // pixels
constexpr double undersampled_fwhm = 2;            // pixels

}  // namespace

int Estimation::stamp_side() const {
  if (own_.stamp > 0) return own_.stamp;
  const double radius = own_.radius > 0 ? own_.radius : std::min(widest, std::max(least_radius, std::ceil(5 * detection_fwhm_)));
  return 2 * static_cast<int>(std::ceil(radius)) + 1;
}

StampOptions Estimation::stamp_options() const {
  StampOptions how;
  how.samples_per_pixel = own_.samples_per_pixel > 0 ? own_.samples_per_pixel : guide_samples;
  how.samples_per_pixel_y = own_.samples_per_pixel_y == how.samples_per_pixel ? 0 : own_.samples_per_pixel_y;
  how.side = stamp_side(), how.fit_side = own_.fit ? own_.fit_box : 0, how.core_side = own_.core_box, how.side_y = own_.stamp_y, how.fit_side_y = own_.fit_box_y, how.core_side_y = own_.core_box_y, how.max_bad = own_.max_bad, how.min_neighbours = own_.min_neighbours, how.threshold = own_.outlier_sigma;
  how.min_overlap = own_.min_overlap, how.max_outlier_share = own_.max_outlier_share, how.max_outliers = own_.max_outliers, how.zero_edge = own_.zero_edge, how.radius_pix = own_.radius;
  return how;
}

EffectiveTable Estimation::fit_stamps() {
  if (own_.degree > 0) throw UsageError{"estimate.degree needs estimate.method = effective; method mopex varies by sectors (estimate.sectors_x, sectors_y, map)"};
  for (const auto& [name, side] : {std::pair{"stamp", stamp_side()}, std::pair{"fit_box", own_.fit_box}, std::pair{"core_box", own_.core_box}, std::pair{"stamp_y", own_.stamp_y}, std::pair{"fit_box_y", own_.fit_box_y}, std::pair{"core_box_y", own_.core_box_y}})
    if (side % 2 == 0 && !(side == 0 && std::string_view{name}.ends_with("_y"))) throw UsageError{fmt::format("estimate.{} is {}; expected an odd number of pixels, with one in the middle", name, side)};
  if ((own_.samples_per_pixel_y > 0 || (own_.stamp_y > 0 && own_.stamp_y != stamp_side())) && choice_.forms != std::vector<std::string>{"prf"}) throw UsageError{"tables sampled otherwise along y than along x, or of stamps that are no squares, are written as prf alone; leave psfex and grid out of estimate.forms"};
  context_.stage("averaging stamps", 1);
  std::vector<double> fluxes;
  if (!listed_flux_.empty())
    for (const auto& p : pixels_) fluxes.push_back(listed_flux_[static_cast<std::size_t>(p.star)]);
  auto mean = mean_of_stamps(pixels_, fluxes, stamp_options(), context_.pool());
  stamps_ = std::move(mean.stamps);
  EffectiveTable table = std::move(mean.table);
  psf::Meaning meaning = meaning_of(table, table.samples.front());
  meaning.normalisation = psf::Normalisation::none;
  table.fwhm_pix = psf::PointResponse{table.samples.front(), meaning}.fwhm_pix();
  context_.step();
  const long used = used_stars(), lost = static_cast<long>(stamps_.size()) - used;
  const auto bad = std::count_if(stamps_.begin(), stamps_.end(), [](const Stamp& s) { return s.status == StarStatus::no_pixels; });
  if (lost > 0) context_.caveat("stamps-left-out", fmt::format("{} of {} stamps were not used, {} for their bad pixels (estimate.max_bad); stamps.fits says why", lost, stamps_.size(), bad), lost);
  if (used < 20) context_.caveat("few-stamps", fmt::format("{} stamps are few: the table has their noise", used), used);
  if (table.fwhm_pix < undersampled_fwhm)
    context_.caveat("undersampled", fmt::format("stars have a full width of {:.2f} pixels: interpolation between so few pixels widens the mean of stamps; estimate.method = effective does not", table.fwhm_pix));
  if (has_sectors()) fit_sectors(table);
  return table;
}

Table Estimation::stamp_table() const {
  Table t;
  t.name = "stamps";
  std::vector<double> ra, dec, x, y, flux, sigma, chi2;
  std::vector<std::int32_t> star, bad, outliers, status;
  std::vector<std::string> image, text;
  for (std::size_t k = 0; k < stamps_.size(); ++k) {
    const Stamp& s = stamps_[k];
    const StarPixels& p = pixels_[k];
    const auto& file = *images_[static_cast<std::size_t>(p.image)].file;
    const bool placed = s.flux != 0;
    const auto sky = placed ? file.wcs.pixel_to_sky({s.x, s.y}) : sources_[static_cast<std::size_t>(p.star)].start;
    ra.push_back(sky.ra_deg), dec.push_back(sky.dec_deg), x.push_back(placed ? s.x : p.x), y.push_back(placed ? s.y : p.y), flux.push_back(placed ? s.flux : nan);
    sigma.push_back(s.sigma_pix > 0 ? s.sigma_pix : nan), chi2.push_back(s.sigma_pix > 0 ? s.chi2 : nan);
    star.push_back(p.star + 1), bad.push_back(s.bad), outliers.push_back(s.outliers), status.push_back(static_cast<std::int32_t>(s.status)), text.emplace_back(status_text(s.status));
    image.push_back(file.image.path.filename().string());
  }
  t.add("star", std::move(star), "", "number of the star, from 1, the brightest first, or its row in the list");
  t.add("image", std::move(image), "", "file that the stamp was cut from");
  t.add("ra", std::move(ra), "deg", "right ascension, ICRS", "pos.eq.ra;meta.main");
  t.add("dec", std::move(dec), "deg", "declination, ICRS", "pos.eq.dec;meta.main");
  t.add("x", std::move(x), "pix", "on the image, from 0");
  t.add("y", std::move(y), "pix", "on the image, from 0");
  t.add("flux", std::move(flux), images_.front().unit.name, "flux the stamp is divided by");
  t.add("sigma", std::move(sigma), "pix", "standard deviation of the Gaussian");
  t.add("chi2", std::move(chi2), "", "squares of what the Gaussian leaves, over the flux squared");
  t.add("bad", std::move(bad), "", "bad pixels");
  t.add("outliers", std::move(outliers), "", "pixels replaced as outliers");
  t.add("status", std::move(status), "", "1 used; others: see reason");
  t.add("reason", std::move(text), "", "the status in words");
  return t;
}

}  // namespace tessera::psf_estimate
