/// wcs/header_check.h — a FITS header read strictly into what the transformation needs; everything else is refused by name.
/// wcslib never sees the header itself, only cards made from this. Private to the room.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "tessera/wcs/card_reader.h"
#include "tessera/wcs/distortion.h"
#include "tessera/wcs/frames.h"

namespace tessera::wcs {

struct ProjectionParameter {
  int axis = 2;  ///< 1: longitude, 2: latitude
  int index = 0;
  double value = 0;
};

/// Rows of `matrix`: longitude, latitude, degrees per pixel; columns: the two pixel axes in the image's order.
struct Reading {
  std::string projection;  ///< three letters, for wcslib: TAN for TPV and SCAMP
  std::string named;       ///< as the header names it
  SkySystem system = SkySystem::icrs;
  double equinox = 2000, epoch = 1950;
  std::array<int, 2> pixel_axis{1, 2};
  int lng_axis = 1, lat_axis = 2;
  std::array<double, 2> crpix{};
  std::array<double, 4> matrix{};
  double crval_lng = 0, crval_lat = 0;
  std::optional<double> lonpole, latpole;
  std::vector<ProjectionParameter> parameters;
  std::array<std::string, 2> wat;  ///< TNX, ZPX: the joined WAT text of the longitude and latitude axis
  std::optional<PlanePolynomial> plane;
  PixelDistortion pixels;
  std::string distortion;
  int width = 0, height = 0;
  std::vector<std::string> notes;
};

Reading read_header(const Header& header, const std::string& where, const WcsOptions& options);
/// The celestial axis numbers (longitude, latitude), or nothing.
std::optional<std::array<int, 2>> celestial_axes(const CardReader& cards);

/// The distortion part of read_header (distortion_cards.cpp): `suffix` is what CTYPE names behind the projection.
void read_distortion(const CardReader& cards, const WcsOptions& options, const std::string& suffix, Reading& r);

}  // namespace tessera::wcs
