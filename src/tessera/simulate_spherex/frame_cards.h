/// simulate_spherex/frame_cards.h — headers of spectral images, with the cards, words and order of a published one.
#pragma once
#include "tessera/core/header.h"
#include "tessera/simulate_spherex/planes.h"

namespace tessera::simulate_spherex {

Header image_cards(const Scene& scene, FrameKey key, const Planes& planes);
Header flag_cards(const Scene& scene, FrameKey key, const Planes& planes);
/// The celestial WCS, WCS A, times and WCS W that all image HDUs share.
Header shared_cards(const Scene& scene, FrameKey key);

}  // namespace tessera::simulate_spherex
