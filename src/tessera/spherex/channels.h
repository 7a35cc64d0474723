/// spherex/channels.h — the 102 spectral channels: 17 strips of nearly equal wavelength on each of six detectors.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tessera::spherex {

inline constexpr int detectors = 6, strips = 17;

struct Channel {
  int channel = 0;   ///< 1 to 102: 17 (detector − 1) + strip
  int detector = 0;  ///< 1 to 6
  int strip = 0;     ///< 1 to 17
  double centre_um = 0, width_um = 0, resolving_power = 0;
  double min_um = 0, max_um = 0;  ///< edges of the strip: min ≤ λ < max
};

class ChannelTable {
 public:
  /// The mission's numbers as built in.
  static const ChannelTable& builtin();
  /// Table SPECTRAL_CHANNELS of a product spectral_channels_…: DETECTOR, SUBCHAN, WAVELENGTH, WL_MIN, WL_MAX, R, BANDWIDTH.
  /// Throws DataError: no such table or column, not 17 strips of each of six detectors, edges out of order.
  static ChannelTable read(const std::filesystem::path& path);
  std::span<const Channel> channels() const { return channels_; }
  std::span<const Channel> of(int detector) const;  ///< throws UsageError for an unknown detector
  const Channel& channel(int number) const;         ///< 1 to 102; throws UsageError
  /// The channel a pixel of this detector and wavelength belongs to. Bands overlap, so the wavelength alone does not tell.
  std::optional<Channel> channel_at(int detector, double wavelength_um) const;

 private:
  std::vector<Channel> channels_;
};

}  // namespace tessera::spherex
