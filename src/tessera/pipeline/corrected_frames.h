/// pipeline/corrected_frames.h — the frames with their backgrounds subtracted, as files: MOPEX guide 4.3.8.
#pragma once
#include <vector>

#include "tessera/pipeline/frame_pass.h"
#include "tessera/run/output_folder.h"
#include "tessera/run/record.h"

namespace tessera::pipeline {

/// What is subtracted: all of the background, or the zodiacal light alone (MOPEX guide 4.3.2).
enum class Subtracted { background, zodi };

/// Overlap_corr/NAME.fits (Zod_Sub/NAME.fits) for every file that holds frames: value − (zodiacal light + offset + surface), in the unit of the file. Cards
/// OVRLPDC (the offset), OVRLPDCD (its error), OVRLPOUT, ZODYSUB; everything else is kept, NaN included. Beside them images.txt, sigmas.txt and
/// masks.txt for tessera mosaic -I -S -d, where the frames have such companions.
void write_corrected_frames(const Plan& plan, const FramePass& pass, Subtracted what, run::OutputFolder& folder, std::vector<run::ProductRecord>& products, run::Context& context);

}  // namespace tessera::pipeline
