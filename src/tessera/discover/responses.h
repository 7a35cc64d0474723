/// discover/responses.h — the point response of each plane of a cube, near enough to find sources with.
#pragma once
#include <map>

#include "tessera/cube/cube_plan.h"
#include "tessera/psf/psf_model.h"
#include "tessera/spectrum/response.h"

namespace tessera::discover {

/// For each channel with an exposure: the PSF of the zone in the middle of the first exposure's strip that has one, spread over a pixel of the detector and once more by resampling it by area, made
/// round as exposures have different angles, and integrated over pixels of the cube: what becomes of a point source, as a mean over its places. `fwhm_arcsec` above 0: that Gaussian in its place.
/// Throws DataError when a channel's exposures have no PSF.
std::map<int, psf::PsfModel> channel_responses(const cube::CubePlan& plan, double fwhm_arcsec);

/// A PSF of `oversample` cells for each detector pixel, spread `spreads` times over the square of a detector pixel and made round.
Image<double> round_response(const Image<float>& cells, int oversample, int spreads);

/// The response of one zone of a frame on its native pixels; `fwhm_arcsec` above 0: that Gaussian. Empty where the zone's plane is not finite or sums to nothing. Throws DataError when the frame has no PSF.
spectrum::ZoneResponse zone_response(const spherex::SpectralFrame& frame, const io::FitsFile& file, std::size_t zone, double fwhm_arcsec);

}  // namespace tessera::discover
