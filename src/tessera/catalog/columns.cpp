#include "tessera/catalog/columns.h"

#include "tessera/base/text.h"

namespace tessera::catalog {
namespace {

constexpr ColumnDefinition all[] = {
    {"id", "", "meta.id;meta.main", "Identifier of the source, from its position", ""},
    {"number", "", "meta.record", "Number of the source in this catalogue, from 1", "srcid"},
    {"list_id", "", "meta.id", "Identifier in the list that was given", ""},
    {"detection", "", "meta.id.part", "Number of the detection the source comes from", "detid"},
    {"ra", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS", "RA"},
    {"dec", "deg", "pos.eq.dec;meta.main", "Declination, ICRS", "Dec"},
    {"ra_err", "arcsec", "stat.error;pos.eq.ra", "1 sigma of the position along right ascension, on the sky", "delta_RA"},
    {"dec_err", "arcsec", "stat.error;pos.eq.dec", "1 sigma of the position along declination", "delta_Dec"},
    {"ra_dec_cov", "arcsec2", "stat.covariance;pos.eq", "Covariance of the position's two axes on the sky", "delta_RAD"},
    {"flux_ra_cov", "", "stat.covariance", "Covariance of the flux and the position along right ascension, flux times arcsec", ""},
    {"flux_dec_cov", "", "stat.covariance", "Covariance of the flux and the position along declination, flux times arcsec", ""},
    {"x", "pixel", "pos.cartesian.x;instr.det", "Position in the mosaic, pixel centres at integers from 0", "x"},
    {"y", "pixel", "pos.cartesian.y;instr.det", "Position in the mosaic, pixel centres at integers from 0", "y"},
    {"x_err", "pixel", "stat.error;pos.cartesian.x", "1 sigma of x", "delta_x"},
    {"y_err", "pixel", "stat.error;pos.cartesian.y", "1 sigma of y", "delta_y"},
    {"x_y_cov", "pixel2", "stat.covariance;pos.cartesian", "Covariance of x and y", "delta_xy"},
    {"flux", "uJy", "phot.flux.density", "Flux of the point source from the fit", "flux"},
    {"flux_err", "uJy", "stat.error;phot.flux.density", "1 sigma of the flux, positions free", "delta_flux"},
    {"mag_ab", "mag", "phot.mag", "AB magnitude of the fitted flux, where it is positive and in uJy", ""},
    {"mag_ab_err", "mag", "stat.error;phot.mag", "1 sigma of the AB magnitude", ""},
    {"mag_vega", "mag", "phot.mag", "Vega magnitude of the fitted flux, by the zero point the record names", ""},
    {"flux_limit", "uJy", "phot.flux.density;stat.max", "Upper limit where the flux is not significant: the flux, if positive, and so many sigma as the record says", ""},
    {"background", "", "instr.background", "Constant background under the source, where it is fitted", "bckgrnd"},
    {"other", "", "meta.record", "Number of the other source", ""},
    {"flux_cov", "", "stat.covariance;phot.flux", "Covariance of the two fluxes, flux squared", ""},
    {"correlation", "", "stat.correlation;phot.flux", "Correlation of the flux with that of the neighbour, or of the two fluxes", ""},
    {"neighbour", "", "meta.record", "Number of the source whose flux hangs together with this one most, 0 for none", ""},
    {"snr", "", "stat.snr;phot.flux", "Signal to noise of the flux, by the rule the record names", "SNR"},
    {"chi2_dof", "", "stat.fit.chi2", "Chi square per degree of freedom of the group fitted together", "chi2/dof"},
    {"source_chi2_dof", "", "stat.fit.chi2", "Chi square per degree of freedom in the windows of this source", "ps_chi2/dof"},
    {"dof", "", "stat.fit.dof", "Degrees of freedom of the fit", "N_dof"},
    {"status", "", "meta.code.status", "How the fit ended", "status"},
    {"members", "", "meta.number", "Sources fitted together with this one, itself included", "N_PS"},
    {"deblend", "", "meta.code", "N none, P passive, A active deblending, O outside of its fitting area", "deblend"},
    {"depth", "", "meta.number;obs.image", "Frames that the fit used", "depth"},
    {"portion", "", "phot.flux;arith.ratio", "Share of the source's response on pixels that the fit used", "PRFPortion"},
    {"bad_pixels", "pixel", "meta.number;instr.pixel", "Masked pixels, or pixels beyond the frame, in the source's windows", ""},
    {"saturated", "pixel", "meta.number;instr.saturation", "Saturated pixels within half a full width of the source, in all frames", ""},
    {"flags", "", "meta.code", "Bits that the masks have in the source's windows, whether they reject pixels or not", ""},
    {"flag_#", "pixel", "meta.number;instr.pixel", "Pixels in the source's windows with that bit of the mask", ""},
    {"peak", "", "phot.flux;stat.max", "Significance of the brightest pixel of the detection", ""},
    {"brightest", "", "phot.flux;stat.max;instr.pixel", "Brightest pixel of the detection, less the background", ""},
    {"area", "pixel", "phys.angArea", "Pixels of the detection", "npix"},
    {"fit_x", "pixel", "phys.angSize;instr.pixel", "Width of the window that the detection is fitted on", "FitX"},
    {"fit_y", "pixel", "phys.angSize;instr.pixel", "Height of the same", "FitY"},
    {"blend", "", "meta.id.parent", "Number of the group of detections that touched, 0 for none", "BlendId"},
    {"blend_size", "", "meta.number", "Detections in that group", "BlendSize"},
    {"aperture_#", "uJy", "phot.flux.density;instr.pixel", "Flux in a circle of the radius the record names, less the level of the annulus", "aperture#"},
    {"aperture_#_err", "uJy", "stat.error;phot.flux.density", "1 sigma of that, with the correlation of the pixels' noise and the error of the level", "ap_unc#"},
    {"aperture_#_bad", "pixel", "meta.number;instr.pixel", "Area of that circle on bad pixels", "bad_pix#"},
    {"aperture_#_correction", "", "arith.factor", "What a point source's flux in that circle, less the annulus, is to be multiplied by", ""},
    {"sky", "", "instr.background", "Level of the annulus, above the background that was taken off everywhere", ""},
    {"frame", "", "obs.image;meta.file", "Frame that was measured", ""},
    {"mjd", "d", "time.epoch", "Modified Julian date at the start of the frame", ""},
    {"semi_major", "pixel", "phys.angSize.smajAxis", "1 sigma of the light along its longer axis", ""},
    {"semi_minor", "pixel", "phys.angSize.sminAxis", "1 sigma of the light along its shorter axis", ""},
    {"angle", "deg", "pos.posAng", "Direction of the longer axis, from x to y", ""},
    {"kron_radius", "", "phys.angSize", "Radius of the Kron aperture in units of the two axes", ""},
    {"kron_flux", "uJy", "phot.flux.density;meta.modelled", "Flux in the Kron aperture, neighbours' models taken off", ""},
    {"kron_flux_err", "uJy", "stat.error;phot.flux.density", "1 sigma of that", ""},
    {"mag_kron", "mag", "phot.mag", "AB magnitude of the Kron flux", ""},
    {"half_light_radius", "arcsec", "phys.angSize", "Radius of the circle with half of the Kron flux", ""},
    {"spread", "", "src.class.starGalaxy", "0 for a point, above for what is wider, below for what is narrower", ""},
    {"spread_err", "", "stat.error;src.class.starGalaxy", "1 sigma of that", ""},
    {"ellipse_#", "uJy", "phot.flux.density", "Flux in an ellipse of so many times the axes as the record says, neighbours' models taken off", ""},
    {"ellipse_#_err", "uJy", "stat.error;phot.flux.density", "1 sigma of that", ""},
    {"pixel_phase_correction", "", "arith.factor", "Factor for the flux by where in its pixels the source lay, mean of the frames", ""},
    {"array_location_correction", "", "arith.factor", "Factor for the flux by where on the detector the source lay, mean of the frames", ""},
    {"colour_correction", "", "arith.factor", "Factor for the flux by the source's spectrum", ""},
};

}  // namespace

std::span<const ColumnDefinition> definitions() { return all; }

namespace {

/// Whether `name` is `pattern`, in which # stands for a number; `number` gets its digits.
bool fits(std::string_view name, std::string_view pattern, std::string* number = nullptr) {
  const auto hash = pattern.find('#');
  if (hash == std::string_view::npos || name == pattern) return name == pattern;
  const auto after = pattern.substr(hash + 1);
  if (name.size() <= pattern.size() - 1 || !name.starts_with(pattern.substr(0, hash)) || !name.ends_with(after)) return false;
  const auto digits = name.substr(hash, name.size() - pattern.size() + 1);
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) return false;
  if (number) *number = digits;
  return true;
}

std::string filled(std::string_view pattern, const std::string& number) {
  std::string name{pattern};
  if (const auto hash = name.find('#'); hash != std::string::npos) name.replace(hash, 1, number);
  return name;
}

}  // namespace

const ColumnDefinition* find_definition(std::string_view name) {
  const std::string wanted = text::lower(name);
  for (const ColumnDefinition& d : all)
    if (fits(wanted, d.name)) return &d;
  for (const ColumnDefinition& d : all)
    if (!d.mopex.empty() && fits(wanted, text::lower(d.mopex))) return &d;
  return nullptr;
}

bool is_own_name(const ColumnDefinition& definition, std::string_view name) { return fits(name, definition.name); }

const Column* find_column(const Table& table, std::string_view name) {
  if (const Column* c = table.find(name)) return c;
  const ColumnDefinition* d = find_definition(name);
  if (!d) return nullptr;
  std::string number;
  if (!fits(text::lower(name), d->name, &number)) fits(text::lower(name), text::lower(d->mopex), &number);
  if (const Column* c = table.find(filled(d->name, number))) return c;
  return d->mopex.empty() ? nullptr : table.find(filled(d->mopex, number));
}

void use_mopex_names(Table& table) {
  std::string number;
  for (Column& c : table.columns)
    for (const ColumnDefinition& d : all)
      if (!d.mopex.empty() && fits(c.name, d.name, &number)) {
        c.name = filled(d.mopex, number);
        break;
      }
}

Table select_columns(const Table& table, const std::vector<std::string>& names) {
  Table chosen;
  chosen.keywords = table.keywords;
  chosen.comments = table.comments;
  chosen.name = table.name;
  for (const std::string& name : names) {
    const Column* c = find_column(table, name);
    if (!c) {
      std::vector<std::string> there;
      for (const Column& column : table.columns) there.push_back(column.name);
      const std::string near = text::nearest(name, there);
      throw UsageError{"there is no column '" + name + "'; " + (near.empty() ? "columns: " + text::join(there, ", ") : "did you mean '" + near + "'?")};
    }
    chosen.add(*c);
  }
  return chosen;
}

}  // namespace tessera::catalog
