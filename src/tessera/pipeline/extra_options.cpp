#include "tessera/pipeline/extra_options.h"

namespace tessera::pipeline {

void describe(param::Schema<ExtraOptions>& s) {
  s.field(&ExtraOptions::local_sky, "local_sky", "Write mosaic_minback.fits: the mosaic without its local sky, found as section local_sky says.").namelist("", "run_mosaic_medfilter");
  s.field(&ExtraOptions::depth, "depth", "Write mosaic_depth.fits: the flux of a point source at the limit of detection; needs output.psf_fwhm.").flag("depth");
  s.field(&ExtraOptions::depth_sigma, "depth_sigma", "Signal to noise of the limit in mosaic_depth.fits.").range(0.1, 1000);
  s.field(&ExtraOptions::psf_fwhm_arcsec, "psf_fwhm", "Full width at half maximum of a point source in the mosaic, for mosaic_depth.fits.").unit("arcsec").range(0, 3600);
  s.field(&ExtraOptions::footprint, "footprint", "Write footprint.reg (DS9: the outline of every frame) and footprint_moc.fits and .json (MOC: the area that has data).").flag("footprint");
  s.field(&ExtraOptions::frame_footprints, "frame_footprints", "Write Footprint/NAME_moc.fits for every frame too.");
  s.field(&ExtraOptions::moc_order, "moc_order", "Finest HEALPix order of the MOCs; -1: cells with sides of at least four output pixels, and of at least a 2000th of the mosaic.").range(-1, 29);
  s.field(&ExtraOptions::geometry, "geometry", "Write geometry.tbl (where each frame lies on the grid) and geom_ImageList.txt (the images that were used).").namelist("", "run_mosaic_geom");
  s.field(&ExtraOptions::interpolated, "interpolated",
          "Write Interp/interp_NAME.fits (the frame on its part of the grid, as it is coadded), interp_NAME_covg.fits (coverage) and interp_unc_NAME.fits (1 sigma) for every frame.");
  s.field(&ExtraOptions::minback, "minback", "Write Medfilter/NAME_minback.fits for every frame file: the frame less its local sky (section frame_sky), on which objects and hits of single frames are found; NaN where a running median finds the pixel itself bad.");
  s.field(&ExtraOptions::sigmas, "sigmas", "Write Sigma/NAME_sigma.fits for every frame file: the uncertainty its pixels were used with, in the unit of the file; NaN where they are bad.");
  s.field(&ExtraOptions::tiles, "tiles", "Write the mosaic in tiles too: Coadd/coadd_Tile_001_Image.fits with _Unc, _Cov (and _Std_Unc), their places in coadd_tiles.tbl, and which frames lie on each in coadd_tile_bcd.txt.").namelist("", "keep_coadded_tiles");
  s.field(&ExtraOptions::tile_width, "tile_width", "Suggested width of these tiles; all but the last are equally wide.").unit("output pixel").range(16, 1000000).namelist("MOSAICCOADDIN", "TILEMAX_X");
  s.field(&ExtraOptions::tile_height, "tile_height", "Suggested height of these tiles.").unit("output pixel").range(16, 1000000).namelist("MOSAICCOADDIN", "TILEMAX_Y");
  s.field(&ExtraOptions::array_correction, "array_correction",
          "Image of the array-location-dependent correction (IRAC), coadded as the frames are into mosaic_arraycorr.fits; its size is that of the frames.")
      .placeholder("FILE")
      .namelist("", "ARRAY_CORR_IMAGE");
  s.field(&ExtraOptions::array_pixel_area, "array_pixel_area",
          "Image of relative pixel areas that output.array_correction is divided by, because the mosaic's pixels are equal already.")
      .placeholder("FILE")
      .namelist("", "ARRAY_PIXAREA_IMAGE");
}

void describe(param::Schema<LocalSkyOptions>& s) {
  s.field(&LocalSkyOptions::window_x, "window_x", "Width of the window (or panel) in which the sky is found.").unit("output pixel").range(1, 1000).namelist("MOSAIC_MEDFILTER", "Window_X");
  s.field(&LocalSkyOptions::window_y, "window_y", "Height of the window (or panel) in which the sky is found.").unit("output pixel").range(1, 1000).namelist("MOSAIC_MEDFILTER", "Window_Y");
  s.field(&LocalSkyOptions::dropped, "drop", "Brightest pixels of a full window that are left out before its median is taken; fewer in proportion where the window is not full.")
      .unit("output pixel")
      .range(0, 999999)
      .namelist("MOSAIC_MEDFILTER", "N_Outliers_Per_Window");
  s.field(&LocalSkyOptions::panels, "panels", "Clipped modes of panels of the window's size, bilinear between them, instead of a median around every pixel.").namelist("MOSAIC_MEDFILTER", "Use_Sbkg_for_Med");
  s.field(&LocalSkyOptions::panel_filter, "panel_filter", "Panels per side of the median filter over them; below 2: none.").range(0, 1000).namelist("MOSAIC_MEDFILTER", "Sbkg_Filt_Size_for_Med");
}

}  // namespace tessera::pipeline
