/// spherex/wavelength_ranges.h — ranges of wavelength as users write them.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace tessera::spherex {

/// In µm, the shorter end first, both included.
using WavelengthRanges = std::vector<std::pair<double, double>>;

/// Ranges written as "0.9-1.1". UsageError, naming the option key, for what is no range or lies where no detector sees.
WavelengthRanges parse_wavelengths(const std::vector<std::string>& ranges, const std::string& key);

/// Whether [low, high] (µm) has wavelengths of a range; always when there are no ranges.
bool reaches_into(const WavelengthRanges& ranges, double low_um, double high_um);

}  // namespace tessera::spherex
