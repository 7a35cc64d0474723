/// tests/wcs/headers.h — headers the tests of this room are made of.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "places.h"
#include "tessera/base/files.h"
#include "tessera/core/header.h"
#include "tessera/wcs/sky_wcs.h"
#include "tools/header_text.h"

namespace tessera::wcs_tests {

inline Header simple(const std::string& projection = "TAN", double ra = 120, double dec = -9, double scale_deg = 1.2 / 3600, int size = 256) {
  Header h;
  h.set("NAXIS", std::int64_t{2});
  h.set("NAXIS1", std::int64_t{size});
  h.set("NAXIS2", std::int64_t{size});
  h.set("CTYPE1", "RA---" + projection);
  h.set("CTYPE2", "DEC--" + projection);
  h.set("CRVAL1", ra);
  h.set("CRVAL2", dec);
  h.set("CRPIX1", (size + 1) / 2.0);
  h.set("CRPIX2", (size + 1) / 2.0);
  h.set("CDELT1", -scale_deg);
  h.set("CDELT2", scale_deg);
  h.set("RADESYS", std::string{"ICRS"});
  return h;
}

/// An IRAC-like frame: SIP of order 3 whose displacement at the corner is some 1.5 px.
inline Header sip(double ra = 120, double dec = -9, double roll_deg = 77) {
  Header h = simple("TAN-SIP", ra, dec);
  h.remove("CDELT1");
  h.remove("CDELT2");
  const double s = 1.22 / 3600, c = std::cos(roll_deg * M_PI / 180), n = std::sin(roll_deg * M_PI / 180);
  h.set("CD1_1", -s * c);
  h.set("CD1_2", -s * n);
  h.set("CD2_1", -s * n);
  h.set("CD2_2", s * c);
  h.set("A_ORDER", std::int64_t{3});
  h.set("B_ORDER", std::int64_t{3});
  h.set("A_2_0", 2.9e-5);
  h.set("A_1_1", -3.1e-5);
  h.set("A_0_3", 4e-8);
  h.set("B_0_2", 3.3e-5);
  h.set("B_1_1", 2.1e-5);
  h.set("B_2_1", -6e-8);
  return h;
}

using tessera::test::shared_data;

/// HDU `index` of a file of the shared data.
inline Header shared_header(const std::string& relative, std::size_t index = 0) {
  const auto path = shared_data() / relative;
  const std::string bytes = files::read(path);
  return Header::parse(testing_tools::headers_of(path, bytes).at(index).cards);
}

/// Angle between two positions, arcsec.
inline double separation_arcsec(wcs::SkyPoint a, wcs::SkyPoint b) {
  const double d = M_PI / 180, s = std::sin((a.dec_deg - b.dec_deg) * d / 2), t = std::sin((a.ra_deg - b.ra_deg) * d / 2);
  return 2 * std::asin(std::min(1.0, std::sqrt(s * s + std::cos(a.dec_deg * d) * std::cos(b.dec_deg * d) * t * t))) / d * 3600;
}

}  // namespace tessera::wcs_tests
