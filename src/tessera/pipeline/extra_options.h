/// pipeline/extra_options.h — products that are made on request, after the mosaic.
#pragma once
#include <string>

#include "tessera/param/schema.h"

namespace tessera::pipeline {

struct ExtraOptions {
  bool local_sky = false;         // mosaic_minback.fits
  bool depth = false;             // mosaic_depth.fits
  bool footprint = false;         // footprint.reg, footprint_moc.fits, footprint_moc.json
  bool frame_footprints = false;  // Footprint/NAME_moc.fits
  bool geometry = false;          // geometry.tbl, geom_ImageList.txt
  bool interpolated = false;      // Interp/interp_NAME.fits and the like, interp_ImageList.txt.tbl
  bool minback = false;           // Medfilter/NAME_minback.fits
  bool sigmas = false;            // Sigma/NAME_sigma.fits
  bool tiles = false;             // Coadd/coadd_Tile_001_Image.fits and the like, coadd_tiles.tbl, coadd_tile_bcd.txt
  int tile_width = 1000, tile_height = 1000;
  double depth_sigma = 5, psf_fwhm_arcsec = 0;
  int moc_order = -1;             // −1: cells of at least four pixels
  std::string array_correction, array_pixel_area;
};
void describe(param::Schema<ExtraOptions>& s);

/// How the sky that mosaic_minback.fits lacks is found.
struct LocalSkyOptions {
  int window_x = 45, window_y = 45, dropped = 500;
  bool panels = false;           // else a running median
  int panel_filter = 3;
};
void describe(param::Schema<LocalSkyOptions>& s);

}  // namespace tessera::pipeline
