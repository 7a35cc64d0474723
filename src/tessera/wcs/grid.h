/// wcs/grid.h — the fiducial image frame: projection, orientation, scale and size of the output plane.
/// MOPEX guide 4.3.4; decisions.md "Pixels and sky".
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/core/table.h"
#include "tessera/param/schema.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::wcs {

enum class SkyFrame { icrs, galactic, ecliptic };
/// What a grid that is read from a file says of the output: its pixels too, or the area, orientation and projection alone.
enum class FilePixels { keep, resize };

struct GridOptions {
  std::string projection = "TAN";
  SkyFrame frame = SkyFrame::icrs;
  double pixel_scale_arcsec = 0;   // 0: from `oversample`
  double oversample = 1;           // input pixel / output pixel
  double pixel_scale_y_arcsec = 0, oversample_y = 0;  // the same along y; 0: as along x
  std::string rotation = "mean";   // "mean" or degrees
  double padding_arcsec = 0;
  std::string center;              // "RA Dec" in degrees or sexagesimal, "" from the footprints
  std::string size;                // "W H" in output pixels, "" from the footprints
  std::string file;                // FIF.tbl or FITS file that defines the grid
  FilePixels file_pixels = FilePixels::keep;
};
void describe(param::Schema<GridOptions>& s);

/// A rectangle of output pixels on the sky. Undistorted; CDELT + CROTA2 in headers as MOPEX writes them.
struct Grid {
  std::string projection = "TAN";
  SkyFrame frame = SkyFrame::icrs;
  double crval1_deg = 0, crval2_deg = 0;  ///< longitude, latitude in `frame`
  double crpix1 = 1, crpix2 = 1;          ///< FITS, counted from 1
  double cdelt1_deg = 0, cdelt2_deg = 0;
  double crota2_deg = 0;
  int width = 0, height = 0;
  std::vector<std::pair<int, double>> parameters;  ///< PV2_m of the projection, where it takes any
  Header extra;                           ///< set when the grid came from a FITS header that CDELT+CROTA2 cannot express
  Header header() const;                  ///< NAXIS1/2 and WCS cards
  SkyWcs wcs() const;
};

/// The outline of a frame: its pixel-edge border sampled and mapped to the sky (distortion included).
struct Footprint {
  std::vector<SkyPoint> border;
  SkyPoint center;
  double pixel_scale_arcsec = 0;
  double north_angle_deg = 0;  ///< CROTA2 of a grid (east to the left) in which the frame's +y points up
};
Footprint footprint(const SkyWcs& wcs, int width, int height);

/// Bounding box of all footprints in the asked projection. Throws UsageError on nonsense, DataError when a footprint has
/// no image in the projection; never allocates, so an absurd size is the caller's to refuse.
Grid fiducial_grid(const std::vector<Footprint>& frames, const GridOptions& options);

/// The same area, from the same first corner, in pixels of the sizes that `options` ask for (`frames`: for sizes relative to theirs); whole pixels, so up to one more
/// than the area. Sizes that are the grid's own to 10⁻⁶ leave it as it is. Throws UsageError for a grid that CDELT and CROTA2 do not describe.
Grid resized(const Grid& grid, const std::vector<Footprint>& frames, const GridOptions& options);
/// `pixels` more on each side.
Grid grown(Grid grid, int pixels);

Grid grid_from_fif(const Table& table, const std::string& where);        ///< IPAC FIF.tbl keywords
Grid grid_from_header(const Header& header, const std::string& where);   ///< any undistorted FITS WCS
Table fif_table(const Grid& grid);                                       ///< what FIF.tbl holds, MOPEX's keywords

}  // namespace tessera::wcs
