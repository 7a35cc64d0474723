/// base/error.h — the three exceptions that leave a step, and what they mean for the exit code.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace tessera {

/// Base of all failures. The message is one line: which file, what was found, what was expected, what to do.
class Error : public std::runtime_error {
 public:
  Error(int exit_code, const std::string& message) : std::runtime_error{message}, exit_code_{exit_code} {}
  int exit_code() const { return exit_code_; }
  /// "usage", "data", "resource" or "interrupted": the kind in the JSON error line.
  const char* kind() const {
    switch (exit_code_) {
      case 1: return "data";
      case 2: return "usage";
      case 3: return "resource";
      default: return "interrupted";
    }
  }

 private:
  int exit_code_;
};

/// This input cannot be processed (name the path, HDU and keyword). Exit code 1.
class DataError : public Error {
 public:
  explicit DataError(const std::string& message) : Error{1, message} {}
};

/// The request itself is wrong: unknown option, value out of range, output exists. Exit code 2.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& message) : Error{2, message} {}
};

/// Memory ceiling, disk, permissions. Exit code 3.
class SystemError : public Error {
 public:
  explicit SystemError(const std::string& message) : Error{3, message} {}
};

/// Ctrl-C (130) or SIGTERM (143) was noticed between two pieces of work.
class Interrupted : public Error {
 public:
  explicit Interrupted(int signal) : Error{128 + signal, "interrupted"} {}
};

}  // namespace tessera
