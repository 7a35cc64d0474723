#include "tessera/simulate/camera.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

namespace tessera::simulate {

namespace {

constexpr double deg = std::numbers::pi / 180;

struct PresetValues {
  const char* name;
  Layout layout;
  int width, height;
  double scale_arcsec, fwhm_pix, exposure_s, frame_time_s, gain, flux_conversion, read_noise_e, wavelength_um;
};

/// IRAC: cards of a warm-mission 100 s frame at 3.6 µm. MIPS: 24 µm handbook values. The others are scaled so that sky and noise are of the
/// right order for the camera (SPHEREx public sensitivity tables; Roman WFI F158; ACS; NIRCam): geometry is what they are for.
const PresetValues& values_of(Preset preset) {
  static constexpr std::array<PresetValues, 6> table{{
      {"irac", Layout::irac, 256, 256, 1.22, 1.4, 93.6, 100, 3.7, 0.1257, 21, 3.6},
      {"mips", Layout::mips, 128, 128, 2.5, 2.4, 9.96, 10.49, 5, 0.0447, 40, 23.7},
      {"spherex", Layout::irac, 2048, 2048, 6.15, 1.1, 112, 113.6, 1, 0.1, 8, 2.0},
      {"roman", Layout::irac, 4088, 4088, 0.11, 1.3, 139.2, 142.5, 1.8, 0.6, 12, 1.58},
      {"hst", Layout::hst, 1024, 1024, 0.05, 2.0, 500, 500, 2, 0.6, 4.5, 0.592},
      {"jwst", Layout::jwst, 2048, 2048, 0.031, 2.1, 311, 322, 2, 0.4, 11, 1.99},
  }};
  return table[static_cast<std::size_t>(preset)];
}

/// The SIP polynomials of an IRAC 3.6 µm frame (pipeline S19.2), terms of order 2 … 5 on a half field of 128 pixels.
void set_irac_distortion(SipPolynomial& a, SipPolynomial& b) {
  auto& p = a.c;
  p[0][2] = 3.0882e-6, p[1][1] = 2.0844e-5, p[2][0] = -1.8056e-5;
  p[0][3] = 6.54e-9, p[1][2] = -2.1434e-7, p[2][1] = 1.3568e-8, p[3][0] = -2.0787e-7;
  p[0][4] = 3.4787e-11, p[1][3] = -3.1804e-11, p[2][2] = -4.4371e-11, p[3][1] = 8.3137e-11, p[4][0] = -3.594e-10;
  p[0][5] = -1.1354e-13, p[1][4] = 1.535e-12, p[2][3] = -3.5879e-13, p[3][2] = 1.7807e-12, p[4][1] = -1.1255e-12, p[5][0] = 3.5288e-12;
  auto& q = b.c;
  q[0][2] = 2.4494e-5, q[1][1] = -2.306e-5, q[2][0] = -1.9548e-6;
  q[0][3] = -1.6723e-7, q[1][2] = -6.8347e-10, q[2][1] = -1.8908e-7, q[3][0] = 2.9749e-8;
  q[0][4] = -7.9325e-11, q[1][3] = -5.5814e-11, q[2][2] = -3.5398e-11, q[3][1] = -3.9458e-11, q[4][0] = 2.2713e-10;
  q[0][5] = -3.9338e-13, q[1][4] = -9.3255e-14, q[2][3] = 2.2959e-12, q[3][2] = -2.3376e-13, q[4][1] = -3.0168e-13, q[5][0] = -2.7808e-12;
}

/// To a field of another size: displacements keep their fraction of the field, so area ratios stay as they are.
void scale_distortion(SipPolynomial& s, int order, double half_field, double strength) {
  for (int p = 0; p <= 5; ++p)
    for (int q = 0; q <= 5; ++q)
      s.c[p][q] = p + q > order ? 0 : s.c[p][q] * strength * std::pow(128 / half_field, p + q - 1);
}

double evaluate(const SipPolynomial& s, double u, double v) {
  double sum = 0;
  for (int p = 5; p >= 0; --p) {
    double row = 0;
    for (int q = 5 - p; q >= 0; --q) row = row * v + s.c[p][q];
    sum = sum * u + row;
  }
  return sum;
}

struct Gradient {
  double du = 0, dv = 0;
};

Gradient gradient(const SipPolynomial& s, double u, double v) {
  Gradient g;
  double pu[6] = {1, u}, pv[6] = {1, v};
  for (int i = 2; i < 6; ++i) pu[i] = pu[i - 1] * u, pv[i] = pv[i - 1] * v;
  for (int p = 0; p <= 5; ++p)
    for (int q = 0; p + q <= 5; ++q) {
      if (p > 0) g.du += s.c[p][q] * p * pu[p - 1] * pv[q];
      if (q > 0) g.dv += s.c[p][q] * q * pu[p] * pv[q - 1];
    }
  return g;
}

/// Solves the symmetric positive definite system N x = r in place by Cholesky's method.
template <std::size_t Size>
void solve(std::array<std::array<double, Size>, Size>& n, std::array<double, Size>& r, std::size_t size) {
  for (std::size_t j = 0; j < size; ++j) {
    for (std::size_t k = 0; k < j; ++k) n[j][j] -= n[j][k] * n[j][k];
    n[j][j] = std::sqrt(n[j][j]);
    for (std::size_t i = j + 1; i < size; ++i) {
      for (std::size_t k = 0; k < j; ++k) n[i][j] -= n[i][k] * n[j][k];
      n[i][j] /= n[j][j];
    }
  }
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < i; ++k) r[i] -= n[i][k] * r[k];
    r[i] /= n[i][i];
  }
  for (std::size_t i = size; i-- > 0;) {
    for (std::size_t k = i + 1; k < size; ++k) r[i] -= n[k][i] * r[k];
    r[i] /= n[i][i];
  }
}

}  // namespace

// Terms in units of the half field, so that the normal equations stay well conditioned.
SipPolynomial inverse_sip(const SipPolynomial& a, const SipPolynomial& b, double half_field, bool along_x, int order, int lowest) {
  constexpr std::size_t most = 21;
  std::array<std::array<double, most>, most> normal{};
  std::array<double, most> right{}, term{};
  const double half = 1.04 * half_field;
  std::size_t size = 0;
  constexpr int lattice = 24;
  for (int j = -lattice; j <= lattice; ++j)
    for (int i = -lattice; i <= lattice; ++i) {
      const double u = i * half / lattice, v = j * half / lattice;
      const double fu = evaluate(a, u, v), fv = evaluate(b, u, v);
      const double x = (u + fu) / half, y = (v + fv) / half;
      size = 0;
      for (int total = lowest; total <= order; ++total)
        for (int p = 0; p <= total; ++p) term[size++] = std::pow(x, p) * std::pow(y, total - p);
      for (std::size_t k = 0; k < size; ++k) {
        right[k] -= term[k] * (along_x ? fu : fv);
        for (std::size_t l = 0; l <= k; ++l) normal[k][l] += term[k] * term[l];
      }
    }
  solve(normal, right, size);
  SipPolynomial inverse;
  std::size_t k = 0;
  for (int total = lowest; total <= order; ++total)
    for (int p = 0; p <= total; ++p) inverse.c[p][total - p] = right[k++] / std::pow(half, total);
  return inverse;
}

void add_sip_cards(Header& h, const std::string& letter, const SipPolynomial& s, int order, int lowest, const std::string& order_comment, const std::string& comment) {
  h.set(letter + "_ORDER", std::int64_t{order}, order_comment);
  for (int p = 0; p <= order; ++p)
    for (int q = 0; p + q <= order; ++q)
      if (p + q >= lowest) h.set(fmt::format("{}_{}_{}", letter, p, q), s.c[p][q], comment);
}

void describe(param::Schema<CameraOptions>& s) {
  s.field(&CameraOptions::preset, "preset", "Camera whose size, scale, PSF width and electronics are taken; any of them may be set on its own.")
      .choices({{"irac", Preset::irac}, {"mips", Preset::mips}, {"spherex", Preset::spherex}, {"roman", Preset::roman},
                {"hst", Preset::hst}, {"jwst", Preset::jwst}})
      .flag("camera");
  s.field(&CameraOptions::layout, "layout", "How a frame lies in files: companion files as IRAC or MIPS have them, one file with "
                                            "SCI, ERR and DQ as JWST or HST, or a plain image; auto takes the preset's.")
      .choices({{"auto", Layout::automatic}, {"irac", Layout::irac}, {"mips", Layout::mips}, {"jwst", Layout::jwst},
                {"hst", Layout::hst}, {"plain", Layout::plain}});
  s.field(&CameraOptions::width, "width", "Columns of a frame; 0 takes the preset's.").unit("pixel").range(0, 32768);
  s.field(&CameraOptions::height, "height", "Rows of a frame; 0 takes the preset's.").unit("pixel").range(0, 32768);
  s.field(&CameraOptions::pixel_scale_arcsec, "pixel_scale_arcsec", "Side of a pixel at the reference pixel; 0 takes the preset's.")
      .unit("arcsec").range(0, 600);
  s.field(&CameraOptions::sip_order, "sip_order", "Order of the SIP distortion polynomials; 0 for none.").range(0, 5);
  s.field(&CameraOptions::distortion, "distortion", "Strength of the distortion relative to IRAC's (there: 4 % in solid angle over the field).")
      .range(0, 3);
  s.field(&CameraOptions::exposure_s, "exposure_s", "Integration time per pixel (EXPTIME); 0 takes the preset's.").unit("s").at_least(0);
  s.field(&CameraOptions::frame_time_s, "frame_time_s", "Time from the start to the end of an exposure; 0 takes the preset's.").unit("s").at_least(0);
  s.field(&CameraOptions::gain, "gain", "Electrons per DN; 0 takes the preset's.").unit("electron/DN").at_least(0);
  s.field(&CameraOptions::flux_conversion, "flux_conversion", "Surface brightness of one DN per second (FLUXCONV); 0 takes the preset's.")
      .unit("MJy/sr per DN/s").at_least(0);
  s.field(&CameraOptions::read_noise_e, "read_noise_e", "Read noise per pixel; 0 takes the preset's (noise.read=false turns it off).")
      .unit("electron").at_least(0);
}

Camera make_camera(const CameraOptions& o) {
  const PresetValues& p = values_of(o.preset);
  const auto or_preset = [](double value, double preset) { return value > 0 ? value : preset; };
  Camera c;
  c.name = p.name;
  c.layout = o.layout == Layout::automatic ? p.layout : o.layout;
  c.width = o.width > 0 ? o.width : p.width;
  c.height = o.height > 0 ? o.height : p.height;
  c.pixel_scale_arcsec = or_preset(o.pixel_scale_arcsec, p.scale_arcsec);
  c.fwhm_pix = p.fwhm_pix;
  c.exposure_s = or_preset(o.exposure_s, p.exposure_s);
  c.frame_time_s = std::max(or_preset(o.frame_time_s, p.frame_time_s), c.exposure_s);
  c.gain = or_preset(o.gain, p.gain);
  c.flux_conversion = or_preset(o.flux_conversion, p.flux_conversion);
  c.read_noise_e = or_preset(o.read_noise_e, p.read_noise_e);
  c.wavelength_um = p.wavelength_um;
  if (o.sip_order == 1) throw UsageError{"camera.sip_order: 1 is no distortion; use 0, or 2 to 5"};
  const double side_deg = std::max(c.width, c.height) * c.pixel_scale_arcsec / 3600;
  if (side_deg > 90)
    throw UsageError{fmt::format("camera: a field of {:.0f} degrees does not fit the tangent plane; make the frame or the pixels smaller", side_deg)};
  if (o.sip_order >= 2 && o.distortion > 0) {
    c.sip_order = o.sip_order;
    set_irac_distortion(c.a, c.b);
    const double half_field = std::max(c.width, c.height) / 2.0;
    scale_distortion(c.a, c.sip_order, half_field, o.distortion);
    scale_distortion(c.b, c.sip_order, half_field, o.distortion);
    c.ap = inverse_sip(c.a, c.b, half_field, true);
    c.bp = inverse_sip(c.a, c.b, half_field, false);
  }
  return c;
}

Header wcs_header(const Camera& c, wcs::SkyPoint centre, double position_angle_deg) {
  const double s = c.pixel_scale_arcsec / 3600, cosine = std::cos(position_angle_deg * deg), sine = std::sin(position_angle_deg * deg);
  const bool sip = c.sip_order > 0;
  Header h;
  h.set("NAXIS", std::int64_t{2});
  h.set("NAXIS1", std::int64_t{c.width});
  h.set("NAXIS2", std::int64_t{c.height});
  h.set("CTYPE1", std::string{sip ? "RA---TAN-SIP" : "RA---TAN"}, sip ? "RA---TAN with distortion in pixel space" : "");
  h.set("CTYPE2", std::string{sip ? "DEC--TAN-SIP" : "DEC--TAN"}, sip ? "DEC--TAN with distortion in pixel space" : "");
  h.set("CUNIT1", std::string{"deg"});
  h.set("CUNIT2", std::string{"deg"});
  h.set("CRVAL1", centre.ra_deg, "[deg] RA at CRPIX1,CRPIX2");
  h.set("CRVAL2", centre.dec_deg, "[deg] DEC at CRPIX1,CRPIX2");
  h.set("CRPIX1", c.crpix1(), "Reference pixel along axis 1");
  h.set("CRPIX2", c.crpix2(), "Reference pixel along axis 2");
  h.set("CD1_1", -s * cosine, "[deg/pix]");
  h.set("CD1_2", s * sine, "[deg/pix]");
  h.set("CD2_1", s * sine, "[deg/pix]");
  h.set("CD2_2", s * cosine, "[deg/pix]");
  h.set("RADESYS", std::string{"ICRS"}, "International Celestial Reference System");
  h.set("EQUINOX", 2000.0, "Equinox for ICRS celestial coord. system");
  if (sip) {
    add_sip_cards(h, "A", c.a, c.sip_order, 2, "polynomial order, axis 1, detector to sky", "distortion coefficient");
    add_sip_cards(h, "B", c.b, c.sip_order, 2, "polynomial order, axis 2, detector to sky", "distortion coefficient");
    // HST's headers carry no inverse; readers must iterate there, which is worth having in a test.
    if (c.layout != Layout::hst) {
      add_sip_cards(h, "AP", c.ap, 5, 1, "polynomial order, axis 1, sky to detector", "distortion coefficient");
      add_sip_cards(h, "BP", c.bp, 5, 1, "polynomial order, axis 2, sky to detector", "distortion coefficient");
    }
  }
  return h;
}

Image<double> solid_angle_sr(const Camera& c) {
  Image<double> omega{c.box()};
  const double s = c.pixel_scale_arcsec / 3600 * deg;
  for (int y = 0; y < c.height; ++y) {
    const auto row = omega.row(y);
    for (int x = 0; x < c.width; ++x) {
      double u = x + 1 - c.crpix1(), v = y + 1 - c.crpix2(), stretch = 1;
      if (c.sip_order > 0) {
        const Gradient f = gradient(c.a, u, v), g = gradient(c.b, u, v);
        stretch = std::abs((1 + f.du) * (1 + g.dv) - f.dv * g.du);
        const double fu = evaluate(c.a, u, v), fv = evaluate(c.b, u, v);
        u += fu;
        v += fv;
      }
      const double secant2 = 1 + s * s * (u * u + v * v);
      row[static_cast<std::size_t>(x)] = s * s * stretch / (secant2 * std::sqrt(secant2));
    }
  }
  return omega;
}

}  // namespace tessera::simulate
