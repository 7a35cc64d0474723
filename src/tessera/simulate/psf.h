/// simulate/psf.h — a star on pixels: psf's analytic profiles are the truth of simulations.
#pragma once
#include "tessera/psf/profile.h"
#include "tessera/wcs/sky_wcs.h"

namespace tessera::simulate {

using PsfProfile = psf::ProfileShape;
using PsfOptions = psf::ProfileOptions;
using Psf = psf::Profile;

/// Adds `flux` × pixel fraction to every pixel of `image` within reach of the star. A position that is not finite adds nothing.
inline void add_star(View<double> image, wcs::PixelPoint centre, double flux, const Psf& psf) { psf.add_to(image, centre.x, centre.y, flux); }

}  // namespace tessera::simulate
