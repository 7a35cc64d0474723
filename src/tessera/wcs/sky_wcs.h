/// wcs/sky_wcs.h — pixel plane ↔ sky of one image, from its FITS header (Papers I, II, IV; SIP, TPV, TNX, ZPX).
/// wcslib does the projections; it is seen in celestial.cpp only. Pixel centres at integers, counted from 0; ICRS degrees.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/header.h"

namespace tessera::wcs {

struct SkyPoint {
  double ra_deg = 0, dec_deg = 0;
};
struct PixelPoint {
  double x = 0, y = 0;
};

/// What to do with distortion keywords that CTYPE does not promise.
enum class UnpromisedDistortion { refuse, ignore, apply };

/// A correction image of Paper IV (CPDISn, EXTNAME WCSDVARR) or of HST's detector-to-image step (D2IMDISn, D2IMARR).
struct LookupTable {
  std::string name;  ///< EXTNAME
  int version = 1;   ///< EXTVER
  int width = 0, height = 0;
  std::vector<float> values;  ///< by rows, in image pixels
  std::array<double, 2> crpix{}, crval{}, cdelt{1, 1};
  /// `header` and `pixels` (by rows) of the HDU; throws DataError that starts with `where`.
  static LookupTable from_hdu(const Header& header, std::vector<float> pixels, const std::string& where);
};
using LookupTables = std::vector<std::shared_ptr<const LookupTable>>;

struct WcsOptions {
  char alternate = ' ';  ///< ' ' primary, 'A'…'Z'
  UnpromisedDistortion unpromised = UnpromisedDistortion::refuse;
  LookupTables tables{}; ///< the WCSDVARR and D2IMARR images of the file, when SkyWcs::needs_lookup_tables()
};

/// Immutable and safe to use from many threads at once (each call works on a wcsprm copy of its own).
class SkyWcs {
 public:
  /// Throws DataError that starts with `where` (a path, HDU named) and names the keyword: no celestial axes, singular
  /// matrix, unknown projection, distortion that CTYPE does not promise or that is promised and absent, non-finite values,
  /// anything wcslib would silently read as something else.
  static SkyWcs from_header(const Header& header, const std::string& where, WcsOptions options = {});
  /// False when the header has no celestial axis pair at all (and then from_header would throw).
  static bool present(const Header& header, char alternate = ' ');
  /// True when the header names look-up tables (CPDISn, D2IMDISn = 'Lookup'), which stand in other HDUs.
  static bool needs_lookup_tables(const Header& header);

  /// The same pixels with the sky carried along: what this WCS places at `from` the new one places at `to`, and north there stays north.
  /// A turn about the pole by the difference in right ascension and one along the meridian of `to` (frames of a moving object).
  SkyWcs carried(SkyPoint from, SkyPoint to) const;

  int width() const;   ///< NAXIS1 (ZNAXIS1), 0 when the header has none
  int height() const;

  /// Points without an image become NaN. Input and output spans have one length.
  void pixel_to_sky(std::span<const double> x, std::span<const double> y, std::span<double> ra_deg, std::span<double> dec_deg) const;
  void sky_to_pixel(std::span<const double> ra_deg, std::span<const double> dec_deg, std::span<double> x, std::span<double> y) const;
  SkyPoint pixel_to_sky(PixelPoint p) const;
  PixelPoint sky_to_pixel(SkyPoint p) const;

  /// d(ξ,η)/d(x,y) at a pixel, on the tangent plane there, ξ to the east and η to the north, degrees per pixel: [ξx ξy ηx ηy].
  std::array<double, 4> jacobian(PixelPoint p) const;
  double pixel_scale_arcsec(PixelPoint p) const;   ///< √|det|
  double pixel_area_sr(PixelPoint p) const;        ///< solid angle of the pixel there
  /// Angle from the +y axis to north, counter-clockwise in the (x, y) plane as displayed (x right, y up), degrees.
  double north_angle_deg(PixelPoint p) const;
  bool flipped(PixelPoint p) const;                ///< true when east is on the left with north up (the usual sky parity)

  std::string projection() const;   ///< "TAN", "SIN", "CAR" …
  std::string frame() const;        ///< "ICRS", "FK5", "FK4", "GALACTIC", "ECLIPTIC"
  std::string distortion() const;   ///< "", "SIP", "TPV", "TNX", "ZPX", "SCAMP-PV", "LOOKUP", "SIP+LOOKUP"
  const std::vector<std::string>& notes() const;  ///< readings a user should know of, e.g. "FK5 taken as ICRS (within 20 mas)"

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace tessera::wcs
