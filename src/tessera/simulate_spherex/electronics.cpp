#include "tessera/simulate_spherex/electronics.h"

#include <algorithm>

namespace tessera::simulate_spherex {

double slope_variance(double slope_e_s, int used, bool photons, bool reading) {
  const double n = used, n2 = n * n;
  const double noise = reading ? 12 * read_noise_e * read_noise_e / (n * (n2 - 1) * read_interval_s * read_interval_s) : 0;
  return noise + (photons ? 6 * (n2 + 1) * std::max(0.0, slope_e_s) / (5 * n * (n2 - 1) * read_interval_s) : 0);
}

double jump_slope(double electrons, int before, int used) {
  if (before < 1 || before >= used) return 0;
  const double n = used;
  return electrons * 6 * before * (n - before) / (n * (n * n - 1) * read_interval_s);
}

double ramp_slope(const Ramp& ramp, std::span<const double> reference_error, simulate::Random& random) {
  const double each = ramp.rate_e_s * read_interval_s, middle = (ramp.used + 1) / 2.0;
  double charge = 0, sum = 0;
  for (int i = 1; i <= ramp.used; ++i) {
    charge += ramp.photons && each > 0 ? random.poisson(each) : each;
    if (i == ramp.jump_after + 1) charge += ramp.jump_e;
    double sample = charge;
    if (ramp.reading) sample += read_noise_e * random.normal() - reference_error[static_cast<std::size_t>(i - 1)];
    sum += (i - middle) * sample;
  }
  const double n = ramp.used;
  return 12 * sum / (n * (n * n - 1) * read_interval_s);
}

}  // namespace tessera::simulate_spherex
