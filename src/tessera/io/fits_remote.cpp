// cfitsio reads remote files through a driver of ours: names tessera://N stand for byte sources that are open, so that nothing but what is read is fetched.
#include <fitsio.h>
extern "C" {
#include <fitsio2.h>  // declares drivers, and does not know of C++
}
#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <map>
#include <mutex>

#include "tessera/base/error.h"
#include "tessera/base/text.h"
#include "tessera/io/fits_pixels.h"

namespace tessera::io::detail {
namespace {

struct Opened {
  const ByteSource* source = nullptr;
  std::int64_t position = 0;
  std::vector<std::byte> buffer;
  std::exception_ptr failure;
};

std::mutex mutex;
std::map<int, Opened> opened;
int last = 0;
int driver_status = FILE_NOT_OPENED;  // until ready_cfitsio()

/// Entries of a map stay where they are, and each is used by the thread that made it alone.
Opened* find(int number) {
  const std::lock_guard lock{mutex};
  const auto at = opened.find(number);
  return at == opened.end() ? nullptr : &at->second;
}

extern "C" {
int nothing() { return 0; }

int open_source(char* name, int mode, int* handle) {
  const auto number = text::to_integer(name);
  if (mode != READONLY || !number || !find(static_cast<int>(*number))) return FILE_NOT_OPENED;
  *handle = static_cast<int>(*number);
  return 0;
}

int close_source(int) { return 0; }

int size_of_source(int handle, LONGLONG* size) {
  const Opened* o = find(handle);
  if (!o) return READ_ERROR;
  *size = o->source->size();
  return 0;
}

int seek_source(int handle, LONGLONG offset) {
  Opened* o = find(handle);
  if (!o) return SEEK_ERROR;
  o->position = offset;
  return 0;
}

int read_source(int handle, void* out, long count) {
  Opened* o = find(handle);
  if (!o || count < 0) return READ_ERROR;
  if (o->position + count > o->source->size()) return END_OF_FILE;
  try {
    std::memcpy(out, o->source->at(o->position, static_cast<std::size_t>(count), o->buffer), static_cast<std::size_t>(count));
  } catch (...) {
    o->failure = std::current_exception();
    return READ_ERROR;
  }
  o->position += count;
  return 0;
}
}

}  // namespace

int register_source_driver() {
  char prefix[] = "tessera://";
  driver_status = fits_register_driver(prefix, nothing, nothing, nullptr, nullptr, nullptr, nullptr, open_source, nullptr, nullptr, close_source, nullptr, size_of_source, nullptr, seek_source, read_source, nullptr);
  return driver_status;
}

CfitsioName::CfitsioName(const ByteSource& source) {
  if (driver_status != 0) throw SystemError{fmt::format("cfitsio takes no further driver (status {})", driver_status)};
  const std::lock_guard lock{mutex};
  number_ = ++last;
  opened[number_].source = &source;
}

CfitsioName::~CfitsioName() {
  const std::lock_guard lock{mutex};
  opened.erase(number_);
}

std::string CfitsioName::text() const { return fmt::format("tessera://{}", number_); }

void CfitsioName::rethrow() const {
  if (Opened* o = find(number_); o && o->failure) std::rethrow_exception(std::exchange(o->failure, nullptr));
}

}  // namespace tessera::io::detail
