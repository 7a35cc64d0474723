/// spherex/psf_layout_private.h — the two ways in which frames state their PSF zones.
#pragma once
#include <array>
#include <string>

#include "tessera/io/fits.h"
#include "tessera/spherex/spectral_frame.h"

namespace tessera::spherex::detail {

/// Releases up to 6.5.5 state the zones' centres with x and y exchanged, unless the version ends in +psffix1 (note of the archive on the PSF header).
bool psf_cards_may_be_exchanged(const std::string& version);
PsfLayout cell_layout(const io::FitsFile& file, int hdu, const std::string& version);
PsfLayout epsf_layout(const io::FitsFile& file, int hdu);

}  // namespace tessera::spherex::detail
