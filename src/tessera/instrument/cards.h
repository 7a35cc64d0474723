/// instrument/cards.h — facts about an exposure from its header, by the roles a profile gives to cards.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/header.h"
#include "tessera/instrument/profile.h"

namespace tessera::instrument {

/// MJD of "2013-01-01T18:49:58.456", "2002-04-13" or the old "13/04/02" (1900s); a time of day in `time` completes a bare
/// date. Nothing when malformed.
std::optional<double> mjd_of(std::string_view date, std::string_view time = {});

/// Cards of one frame by role. The image header comes first, then the primary header of its file (INHERIT or not).
class RoleCards {
 public:
  RoleCards(const Profile& profile, const Header& image, const Header& primary) : profile_{profile}, image_{image}, primary_{primary} {}
  std::optional<double> number(const std::string& role) const;    ///< first card of the role that is a finite number
  std::optional<double> positive(const std::string& role) const;  ///< first one above 0
  /// "A+B" in a role joins both cards, leaving out elements that are clear: HST's FILTER1+FILTER2.
  std::string filter() const;
  std::optional<double> mjd(const std::string& role) const;       ///< a number is an MJD, a text a date

 private:
  std::optional<std::string> value_of(const std::string& card) const;
  template <class Accept>
  std::optional<double> first(const std::string& role, Accept accept) const;

  const Profile& profile_;
  const Header& image_;
  const Header& primary_;
};

}  // namespace tessera::instrument
