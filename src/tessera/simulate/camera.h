/// simulate/camera.h — the detector that takes the frames: size, scale, distortion, electronics; presets of real cameras.
#pragma once
#include <string>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/image.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::simulate {

enum class Preset { irac, mips, spherex, roman, hst, jwst };
enum class Layout { automatic, irac, mips, jwst, hst, plain };

/// A zero stands for the preset's value.
struct CameraOptions {
  Preset preset = Preset::irac;
  Layout layout = Layout::automatic;
  int width = 0, height = 0;
  double pixel_scale_arcsec = 0;
  int sip_order = 5;            // 0, 2 … 5
  double distortion = 1;        // 1: as large as IRAC's, in fractions of the field
  double exposure_s = 0, frame_time_s = 0;
  double gain = 0, flux_conversion = 0, read_noise_e = 0;
};
void describe(param::Schema<CameraOptions>& s);

/// Σ c[p][q] u^p v^q for p + q ≤ order; p counts x. u, v in pixels from CRPIX.
struct SipPolynomial {
  double c[6][6] = {};
};
/// AP (`along_x`) or BP: the polynomial of distorted coordinates, terms of `lowest` to `order`, that gives back −displacement of a, b;
/// by least squares on a lattice that reaches to 1.04 `half_field` from CRPIX.
SipPolynomial inverse_sip(const SipPolynomial& a, const SipPolynomial& b, double half_field, bool along_x, int order = 5, int lowest = 1);
/// Cards A_ORDER and A_p_q (for letter "A") with p + q from `lowest` to `order`; `comment` for each coefficient.
void add_sip_cards(Header& h, const std::string& letter, const SipPolynomial& s, int order, int lowest, const std::string& order_comment, const std::string& comment);

/// Everything settled; no zero stands for anything here.
struct Camera {
  std::string name;                 ///< preset name
  Layout layout = Layout::irac;
  int width = 0, height = 0;
  double pixel_scale_arcsec = 0;
  double fwhm_pix = 0;
  double exposure_s = 0;            ///< effective integration time per pixel (EXPTIME)
  double frame_time_s = 0;          ///< from one exposure's start to its end (FRAMTIME)
  double gain = 0;                  ///< electrons per DN
  double flux_conversion = 0;       ///< MJy/sr per DN/s (FLUXCONV)
  double read_noise_e = 0;
  double wavelength_um = 0;
  int sip_order = 0;                ///< 0: no distortion
  SipPolynomial a, b, ap, bp;       ///< forward and inverse
  double crpix1() const { return width / 2.0; }    ///< FITS, counted from 1, as IRAC's headers have it
  double crpix2() const { return height / 2.0; }
  Box box() const { return {0, 0, width, height}; }
  /// Electrons per MJy/sr: EXPTIME · GAIN / FLUXCONV (IRAC Instrument Handbook).
  double electrons_per_mjysr() const { return exposure_s * gain / flux_conversion; }
};
Camera make_camera(const CameraOptions& options);

/// NAXIS and WCS cards of a frame whose reference pixel points at `centre`, y axis `position_angle_deg` east of north.
Header wcs_header(const Camera& camera, wcs::SkyPoint centre, double position_angle_deg);

/// Solid angle of every pixel in closed form: |CD| · |∂(u+f, v+g)/∂(u, v)| · (1 + ξ² + η²)^−3/2 at its centre. Does not depend on where
/// the camera points. Steradian.
Image<double> solid_angle_sr(const Camera& camera);

}  // namespace tessera::simulate
