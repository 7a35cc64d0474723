/// instrument/input_options.cpp — the section `input` and the mask bits a user names.
#include <fmt/format.h>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/instrument/frame_file.h"

namespace tessera::instrument {

void describe(param::Schema<InputOptions>& s) {
  s.field(&InputOptions::images, "images", "List of image files, one per line, instead of FRAMES.")
      .flag("images", 'I').placeholder("LIST").namelist("", "IMAGE_STACK_FILE_NAME");
  s.field(&InputOptions::sigmas, "sigmas", "List of uncertainty files (1 sigma), parallel to the images.")
      .flag("sigmas", 'S').placeholder("LIST").namelist("", "SIGMALIST_FILE_NAME");
  s.field(&InputOptions::masks, "masks", "List of mask files, parallel to the images.")
      .flag("masks", 'd').placeholder("LIST").namelist("", "DCE_STATUS_MASK_LIST");
  s.field(&InputOptions::rmasks, "rmasks", "List of outlier masks of an earlier run (Rmask/*_rmask.fits), parallel to the images; rejection.fatal_bits says which bits reject.")
      .flag("rmask-list", 'R').placeholder("LIST").namelist("", "RMASK_LIST");
  s.field(&InputOptions::pmask, "pmask", "Mask of permanently bad pixels, one file for all frames.").flag("pmask", 'M').placeholder("FILE").namelist("", "PMASK_FILE_NAME");
  s.field(&InputOptions::pmask_fatal_bits, "pmask_fatal_bits", "Bits of the pmask that reject a pixel: a number (18304, 0x4780) or none; empty: every bit.")
      .placeholder("BITS").namelist("", "PMask_Fatal_BitPattern");
  s.field(&InputOptions::fatal_bits, "fatal_bits", "Mask bits that reject a pixel: a number (32520, 0x7F08), names joined by commas, or none; empty: those of the profile.")
      .flag("fatal-bits").placeholder("BITS").namelist("", "DCE_Status_Mask_Fatal_BitPattern");
  s.field(&InputOptions::profile, "profile", "Instrument profile; empty: found from the headers.").flag("profile").placeholder("NAME");
  s.field(&InputOptions::gain, "gain", "Electrons per unit of the image (for surface brightness EXPTIME GAIN / FLUXCONV); above 0, uncertainties come from it and the read noise, whatever planes there are.")
      .at_least(0).namelist("SNESTIMATORIN", "Gain");
  s.field(&InputOptions::read_noise, "read_noise", "Read noise, for input.gain.").unit("electron").at_least(0).namelist("SNESTIMATORIN", "Read_Noise");
  s.field(&InputOptions::confusion_noise, "confusion_noise", "Further noise that every pixel has, for input.gain.").unit("electron").at_least(0).namelist("SNESTIMATORIN", "Confusion_Sigma");
  s.field(&InputOptions::on_bad_frame, "on_bad_frame", "When a frame cannot be used: stop, or leave it out with a caveat that names it.")
      .choices({{"stop", OnBadFrame::stop}, {"skip", OnBadFrame::skip}});
  s.field(&InputOptions::mixed, "mixed", "Whether frames of different filters, or with and without uncertainties, may go into one mosaic.")
      .choices({{"refuse", Mixed::refuse}, {"allow", Mixed::allow}});
  s.field(&InputOptions::scale_noise, "scale_noise", "Multiply each frame's uncertainties by one factor, so that they agree with the noise measured in its sky.");
  s.field(&InputOptions::distortion, "distortion", "Distortion keywords that CTYPE does not promise: refuse the frame, ignore the keywords, or apply them.")
      .choices({{"refuse", wcs::UnpromisedDistortion::refuse}, {"ignore", wcs::UnpromisedDistortion::ignore}, {"apply", wcs::UnpromisedDistortion::apply}});
  s.field(&InputOptions::pointing, "pointing", "Where frames point: header = as their WCS says; refined = place and angle of the cards in which a pipeline refined them (Spitzer: RARFND, DECRFND, CT2RFND). Frames without them are refused.")
      .choices({{"header", Pointing::header}, {"refined", Pointing::refined}}).namelist("", "USE_REFINED_POINTING");
  s.field(&InputOptions::exposure_card, "exposure_card", "Card with the exposure time in seconds, in the image's header or the primary one; empty: that of the profile.").placeholder("CARD").namelist("MOSAICCOADDIN", "INTEG_TIME_KWD");
}

namespace {

std::optional<std::uint32_t> bit_pattern(std::string_view word) {
  const std::string s = text::lower(text::trim(word));
  if (s == "none") return 0;
  unsigned long long value = 0;
  if (s.starts_with("0x")) {
    if (s.size() < 3 || s.size() > 10 || s.find_first_not_of("0123456789abcdef", 2) != std::string::npos) return {};
    value = std::stoull(s.substr(2), nullptr, 16);
  } else {
    const auto number = text::to_integer(s);
    if (!number || *number < 0 || *number > 0xffffffffLL) return {};
    value = static_cast<unsigned long long>(*number);
  }
  return static_cast<std::uint32_t>(value);
}

}  // namespace

std::uint32_t parse_bits(const std::string& words, std::span<const MaskBit> bits, const std::string& profile_name) {
  std::uint32_t pattern = 0;
  std::vector<std::string> names;
  for (const MaskBit& b : bits) names.push_back(b.name);
  for (const std::string& part : text::split(words, ',')) {
    const std::string word = text::lower(text::trim(part));
    if (const auto number = bit_pattern(word)) {
      pattern |= *number;
      continue;
    }
    bool known = false;
    for (const MaskBit& b : bits)
      if (b.name == word && b.bit >= 0) {
        pattern |= 1u << b.bit;
        known = true;
      }
    if (known) continue;
    const std::string near = text::nearest(word, names);
    throw UsageError{fmt::format("mask bit '{}' is unknown in profile '{}'; {}", std::string{text::trim(part)}, profile_name,
                                 !near.empty()    ? "did you mean '" + near + "'?"
                                 : names.empty() ? "it names no bits: give a number (32520, 0x7F08)"
                                                  : "there are: " + text::join(names, ", ") + ", or a number up to 4294967295")};
  }
  return pattern;
}

std::uint32_t parse_bits(const std::string& words, const Profile& profile) { return parse_bits(words, profile.mask_bits, profile.name); }

}  // namespace tessera::instrument
