#include "tessera/wcs/celestial.h"

#include <fmt/format.h>
#include <wcslib/wcs.h>
#include <wcslib/wcsfix.h>
#include <wcslib/wcshdr.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <vector>

#include "tessera/base/error.h"
#include "tessera/core/header.h"

namespace tessera::wcs {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// wcslib keeps a few globals (limits of PV and DP cards) that it reads while structs are made and copied.
std::mutex& construction_lock() {
  static std::mutex lock;
  return lock;
}

/// The IRAF convention cuts one long text at column 68 into cards WATn_001, WATn_002 …
void add_wat(Header& cards, int axis, std::string_view text) {
  for (int part = 1; !text.empty(); ++part) {
    cards.add({fmt::format("WAT{}_{:03d}", axis, part), std::string{text.substr(0, 68)}, ""});
    text.remove_prefix(std::min<std::size_t>(68, text.size()));
  }
}

/// The plane-to-sky step alone: identity matrix and reference pixel 0, since matrix and pixel distortion are applied by us.
Header stage_cards(const Reading& r) {
  Header h;
  h.add({"WCSAXES", std::int64_t{2}, ""});
  h.add({"CTYPE1", fmt::format("RA---{}", r.projection), ""});
  h.add({"CTYPE2", fmt::format("DEC--{}", r.projection), ""});
  for (const int axis : {1, 2}) {
    h.add({fmt::format("CRPIX{}", axis), 0.0, ""});
    h.add({fmt::format("CDELT{}", axis), 1.0, ""});
    h.add({fmt::format("CUNIT{}", axis), std::string{"deg"}, ""});
  }
  h.add({"CRVAL1", r.crval_lng, ""});
  h.add({"CRVAL2", r.crval_lat, ""});
  if (r.lonpole) h.add({"LONPOLE", *r.lonpole, ""});
  if (r.latpole) h.add({"LATPOLE", *r.latpole, ""});
  for (const auto& p : r.parameters) h.add({fmt::format("PV{}_{}", p.axis, p.index), p.value, ""});
  for (const int axis : {1, 2}) add_wat(h, axis, r.wat[static_cast<std::size_t>(axis - 1)]);
  return h;
}

/// A coordinate wcslib may be given: finite, so that no projection turns NaN into a loop bound or an index.
bool usable(double a, double b) { return std::isfinite(a) && std::isfinite(b) && std::abs(a) < 1e9 && std::abs(b) < 1e9; }

}  // namespace

/// A wcsprm, into which wcslib writes while it computes.
struct CelestialStage::Worker {
  wcsprm wcs{};

  Worker() { wcs.flag = -1; }
  ~Worker() { wcsfree(&wcs); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// What a call needs besides: of the thread, since a worker may stay with each of thousands of frames.
  struct Room {
    std::vector<double> in, plane, phi, theta;
    std::vector<int> status;
    void reserve(std::size_t n) {
      if (status.size() >= n) return;
      in.resize(2 * n);
      plane.resize(2 * n);
      phi.resize(n);
      theta.resize(n);
      status.resize(n);
    }
  };

  /// One wcslib call over n points of `room.in`.
  int call(bool forward, Room& room, std::size_t first, std::size_t n, double* out) {
    double* from = room.in.data() + 2 * first;
    const int count = static_cast<int>(n);
    return forward ? wcsp2s(&wcs, count, 2, from, room.plane.data(), room.phi.data(), room.theta.data(), out, room.status.data())
                   : wcss2p(&wcs, count, 2, from, room.phi.data(), room.theta.data(), room.plane.data(), out, room.status.data());
  }

  void transform(bool forward, std::span<const double> source, std::span<double> out) {
    thread_local Room room;
    const std::size_t n = out.size() / 2;
    room.reserve(n);
    for (std::size_t k = 0; k < n; ++k) {
      const bool good = usable(source[2 * k], source[2 * k + 1]);
      room.in[2 * k] = good ? source[2 * k] : 0;
      room.in[2 * k + 1] = good ? source[2 * k + 1] : 0;
    }
    const int invalid = forward ? WCSERR_BAD_PIX : WCSERR_BAD_WORLD;
    const int rc = call(forward, room, 0, n, out.data());
    if (rc == 0 || rc == invalid) {
      for (std::size_t k = 0; k < n; ++k)
        if (rc != 0 && room.status[k] != 0) out[2 * k] = out[2 * k + 1] = nan;
    } else {  // one point made the whole call fail: each for itself
      for (std::size_t k = 0; k < n; ++k)
        if (call(forward, room, k, 1, out.data() + 2 * k) != 0) out[2 * k] = out[2 * k + 1] = nan;
    }
    for (std::size_t k = 0; k < n; ++k)
      if (!usable(source[2 * k], source[2 * k + 1]) || !usable(out[2 * k], out[2 * k + 1])) out[2 * k] = out[2 * k + 1] = nan;
  }
};

struct CelestialStage::Pool {
  std::mutex lock;
  std::unique_ptr<Worker> original;  // never computes, only copied
  std::vector<std::unique_ptr<Worker>> idle;

  std::unique_ptr<Worker> copy() {
    auto worker = std::make_unique<Worker>();
    const std::lock_guard guard{construction_lock()};
    if (wcssub(1, &original->wcs, nullptr, nullptr, &worker->wcs) != 0 || wcsset(&worker->wcs) != 0)
      throw SystemError{"no memory for another copy of the coordinate transformation"};
    return worker;
  }

  /// A worker for the length of one call; back on the list at its end.
  class Loan {
   public:
    explicit Loan(Pool& pool) : pool_{pool} {
      {
        const std::lock_guard guard{pool.lock};
        if (!pool.idle.empty()) {
          worker_ = std::move(pool.idle.back());
          pool.idle.pop_back();
        }
      }
      if (!worker_) worker_ = pool.copy();
    }
    ~Loan() {
      const std::lock_guard guard{pool_.lock};
      pool_.idle.push_back(std::move(worker_));
    }
    Worker* operator->() { return worker_.get(); }

   private:
    Pool& pool_;
    std::unique_ptr<Worker> worker_;
  };
};

CelestialStage::CelestialStage(const Reading& reading, const std::string& where) : pool_{std::make_unique<Pool>()} {
  std::string cards = stage_cards(reading).cards80();
  const int count = static_cast<int>(cards.size() / 80);
  pool_->original = std::make_unique<Worker>();
  wcsprm& wcs = pool_->original->wcs;
  const std::lock_guard guard{construction_lock()};
  int rejected = 0, found = 0;
  wcsprm* parsed = nullptr;
  const int rc = wcspih(cards.data(), count, WCSHDR_all, 0, &rejected, &found, &parsed);
  const auto fail = [&](const std::string& why) {
    wcsvfree(&found, &parsed);
    throw DataError{fmt::format("{}: projection {}: {}", where, reading.named, why)};
  };
  if (rc != 0 || found < 1) fail("wcslib cannot read the header's WCS cards");
  if (rejected != 0) fail(fmt::format("wcslib rejected {} of its WCS cards", rejected));
  // GLS and NCP are older names; celfix gives them their modern form.
  if (celfix(&parsed[0]) > 0) fail("wcslib cannot translate this old projection");
  if (const int bad = wcsset(&parsed[0])) fail(wcs_errmsg[bad]);
  // A TNX or ZPX whose polynomial was not understood would come out as plain TAN or ZPN.
  if (!reading.wat[0].empty() && !parsed[0].lin.disseq) fail("its WAT cards hold no readable polynomial");
  const int copied = wcssub(1, &parsed[0], nullptr, nullptr, &wcs);
  const int set = copied ? copied : wcsset(&wcs);
  if (set != 0) fail(wcs_errmsg[set]);
  wcsvfree(&found, &parsed);
}

CelestialStage::~CelestialStage() = default;

void CelestialStage::to_sky(std::span<const double> xy, std::span<double> lng_lat) const {
  Pool::Loan{*pool_}->transform(true, xy, lng_lat);
}
void CelestialStage::from_sky(std::span<const double> lng_lat, std::span<double> xy) const {
  Pool::Loan{*pool_}->transform(false, lng_lat, xy);
}

}  // namespace tessera::wcs
