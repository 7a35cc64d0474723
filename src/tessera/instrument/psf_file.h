/// instrument/psf_file.h — point responses in and out of files: what each kind of file says about its own tables, and what has to be said beside it.
///
/// Sampling, centre and whether the pixel is included are never guessed. They come, the first that has them, from the options, from a side
/// file NAME.toml beside NAME, from the file's own keywords, or from the definition of its format; what none of them says is one error.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/header.h"
#include "tessera/param/schema.h"
#include "tessera/psf/psf_model.h"

namespace tessera::instrument {

enum class ResponseChoice { as_said, pixel, density, cells };
enum class NormalisationChoice { as_said, mean, central, none };
enum class BetweenChoice { as_defined, nearest, bilinear };
/// What a table is taken for that does not say it: refuse, or MOPEX's PRF: pixel responses about the middle sample (of an even table the one before the middle).
enum class UntoldChoice { refuse, prf };

struct PsfFileOptions {
  std::string file;
  double samples_per_pixel = 0;         // 0: as the file says
  double samples_per_pixel_y = 0;       // 0: as along x
  double centre_x = -1, centre_y = -1;  // −1: as the file says
  ResponseChoice response = ResponseChoice::as_said;
  NormalisationChoice normalisation = NormalisationChoice::as_said;
  double normalisation_radius = -1;     // −1: as the file says
  BetweenChoice between = BetweenChoice::as_defined;
  UntoldChoice untold = UntoldChoice::refuse;
};
void describe(param::Schema<PsfFileOptions>& s);

/// Reads options.file:
///   gaussian:fwhm_pix=2,… or moffat:fwhm_pix=2,beta=3,…   psf::ProfileOptions, integrated over pixels
///   *.tbl                                                  MOPEX's PRF map (guide 8.7); names of its tables are taken from the map's folder too
///   FITS: PSFEx models; photutils' grids (DET_YXn cards) and STDPSF grids (IPSFXnn, JPSFYnn); SPHEREx PSF cubes and EPSF tables, in
///   pixels of the whole detector; MOPEX's interleaved PRFs; images with our own cards; any other image with options.
/// Throws UsageError (a request that is wrong, or something that must be said is not), DataError (the file).
psf::PsfModel read_psf(const PsfFileOptions& options);

/// Writes a constant model or a grid with our own cards, as read_psf reads it: pixel responses, one image per position, x fastest.
/// `xs`, `ys`: the positions, empty for one table.
void write_psf(const std::filesystem::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<double>& xs, const std::vector<double>& ys, const Header& header = {});
/// The same as a model of PSFEx (.psf): the terms of a polynomial in the position, which share the scale of the first; samples are pixel responses, as SExtractor takes them (Σ · PSF_SAMP² = 1 where the response has flux 1). UsageError: numbers or geometries do not fit, the star is not on the middle sample.
void write_psfex(const std::filesystem::path& path, const std::vector<psf::PointResponse>& terms, const psf::Polynomial& polynomial, const Header& header = {});
/// The same as a STDPSF grid, as photutils' GriddedPSFModel reads it: four samples per pixel, one plane per position (pixels from 0, x fastest), at least 2 × 2.
void write_psf_grid(const std::filesystem::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<double>& xs, const std::vector<double>& ys, const Header& header = {});
/// The same for tables at places of their own, of which the nearest counts (card PRPLACES); `headers`: of each, or none. Tables of one file have one geometry, else UsageError.
void write_psf_places(const std::filesystem::path& path, const std::vector<psf::PointResponse>& tables, const std::vector<std::pair<double, double>>& places, const std::vector<Header>& headers = {});

}  // namespace tessera::instrument
