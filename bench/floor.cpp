// What a coadd cannot do without, each part alone: reading the planes of the frames, resampling frames that lie in memory, writing the
// products' bytes. bench_floor FOLDER METHOD FRAMES DEGREES BYTES — one JSON line of CPU seconds.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "tessera/coadd/sums.h"
#include "tessera/io/fits.h"
#include "tessera/reproject/interpolation.h"
#include "tessera/wcs/pixel_map.h"

namespace {

using namespace tessera;

double cpu_seconds() {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return s(u.ru_utime) + s(u.ru_stime);
}

template <class Work>
double cost(const Work& work) {
  const double began = cpu_seconds();
  work();
  return cpu_seconds() - began;
}

void read_all(const std::filesystem::path& folder) {
  std::vector<char> buffer(1u << 18);
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    const int file = ::open(entry.path().c_str(), O_RDONLY);
    while (file >= 0 && ::read(file, buffer.data(), buffer.size()) > 0) {
    }
    ::close(file);
  }
}

void write_all(const std::filesystem::path& path, std::int64_t bytes) {
  const std::vector<char> buffer(1u << 20, 'x');
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  for (; bytes > 0; bytes -= static_cast<std::int64_t>(buffer.size()))
    if (::write(file, buffer.data(), static_cast<std::size_t>(std::min<std::int64_t>(bytes, static_cast<std::int64_t>(buffer.size())))) < 0) break;
  ::close(file);
  std::filesystem::remove(path);
}

Frame noise(Box box) {
  Frame frame{box};
  std::mt19937 random{1};
  std::normal_distribution<float> normal{10, 1};
  for (float& v : frame.value.pixels()) v = normal(random);
  for (float& v : frame.variance.pixels()) v = 1;
  for (auto& g : frame.good.pixels()) g = random() % 300 != 0;
  return frame;
}

/// Resamples one frame `times` times at steps of `degrees` on as many output pixels as it has, and adds it up, in tiles of 256.
void resample(Box box, int times, double degrees, const reproject::InterpolationOptions& how) {
  const Frame frame = noise(box);
  const double cx = 0.5 * (box.width() - 1), cy = 0.5 * (box.height() - 1);
  Resampled out;
  coadd::Sums sums;
  for (int k = 0; k < times; ++k) {
    const double angle = degrees * (k - 0.5 * (times - 1)) * std::numbers::pi / 180, c = std::cos(angle), s = std::sin(angle);
    const auto to_frame = wcs::affine(c, -s, cx - c * cx + s * cy + 0.3, s, c, cy - s * cx - c * cy + 0.2);
    const auto to_output = wcs::affine(c, s, cx - c * (cx + 0.3) - s * (cy + 0.2), -s, c, cy + s * (cx + 0.3) - c * (cy + 0.2));
    for (int y = 0; y < box.height(); y += 256)
      for (int x = 0; x < box.width(); x += 256) {
        const Box tile = intersection({x, y, x + 256, y + 256}, box);
        out.reshape(tile);
        reproject::resample(frame.view(), {*to_frame, *to_output}, how, out.view());
        sums.reset(tile);
        sums.add(out.view(), 1, 1, 0, 1);
      }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("bench_floor FOLDER METHOD FRAMES DEGREES BYTES\n", stderr);
    return 2;
  }
  const std::filesystem::path folder{argv[1]};
  const std::string method{argv[2]};
  const int frames = std::atoi(argv[3]);
  reproject::InterpolationOptions how;
  how.method = method == "lanczos3" ? reproject::Interpolation::lanczos3 : method == "drizzle" ? reproject::Interpolation::drizzle : reproject::Interpolation::area;
  if (method == "drizzle") how.pixfrac = 0.8;
  Box box;
  for (const auto& entry : std::filesystem::directory_iterator{folder})
    if (entry.path().extension() == ".fits") {
      const io::FitsFile file{entry.path()};
      const auto& axes = file.hdus().front().axes;
      if (axes.size() >= 2) box = {0, 0, static_cast<int>(axes[0]), static_cast<int>(axes[1])};
      break;
    }
  const double read = cost([&] { read_all(folder); });
  const double arithmetic = cost([&] { resample(box, frames, std::atof(argv[4]), how); });
  std::printf("{\"read\": %.4f, \"arithmetic\": %.4f, ", read, arithmetic);
  const auto bytes = std::atoll(argv[5]);
  const double write = cost([&] { write_all(folder / ".bench_floor", bytes); });
  std::printf("\"write\": %.4f}\n", write);
}
