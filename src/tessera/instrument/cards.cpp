#include "tessera/instrument/cards.h"

#include <cmath>

#include "tessera/base/text.h"

namespace tessera::instrument {
namespace {

/// Days from 1970-01-01 in the proleptic Gregorian calendar: whole eras of 400 years of 146097 days, years from March.
long long days_from_civil(long long year, int month, int day) {
  year -= month <= 2;
  const long long era = (year >= 0 ? year : year - 399) / 400;
  const long long of_era = year - era * 400;
  const long long of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

std::optional<double> day_fraction(std::string_view time) {
  const std::string_view t = text::trim(time);
  if (t.empty()) return {};
  const auto parts = text::split(t.ends_with('Z') ? t.substr(0, t.size() - 1) : t, ':');
  if (parts.size() < 2 || parts.size() > 3) return {};
  const auto h = text::to_integer(parts[0]), m = text::to_integer(parts[1]);
  const auto s = parts.size() == 3 ? text::to_double(parts[2]) : std::optional<double>{0};
  if (!h || !m || !s || *h < 0 || *h > 24 || *m < 0 || *m > 59 || !(*s >= 0 && *s < 61)) return {};
  return (static_cast<double>(*h) * 3600 + static_cast<double>(*m) * 60 + *s) / 86400;
}

bool is_clear(std::string_view element) {
  const std::string e = text::upper(text::trim(element));
  return e.empty() || e.starts_with("CLEAR") || e == "N/A" || e == "NONE";
}

}  // namespace

std::optional<double> mjd_of(std::string_view date, std::string_view time) {
  std::string_view d = text::trim(date);
  if (const auto t = d.find('T'); t != std::string_view::npos) {
    time = d.substr(t + 1);
    d = d.substr(0, t);
  }
  const bool old_form = d.find('/') != std::string_view::npos;
  const auto parts = text::split(d, old_form ? '/' : '-');
  if (parts.size() != 3) return {};
  const auto a = text::to_integer(parts[0]), b = text::to_integer(parts[1]), c = text::to_integer(parts[2]);
  if (!a || !b || !c) return {};
  const long long year = old_form ? (*c < 100 ? 1900 + *c : *c) : *a, day = old_form ? *a : *c;
  if (*b < 1 || *b > 12 || day < 1 || day > 31 || year < 0 || year > 9999) return {};
  constexpr double mjd_1970 = 40587;
  return mjd_1970 + static_cast<double>(days_from_civil(year, static_cast<int>(*b), static_cast<int>(day))) + day_fraction(time).value_or(0);
}

std::optional<std::string> RoleCards::value_of(const std::string& card) const {
  if (auto value = image_.text(card)) return value;
  return primary_.text(card);
}

template <class Accept>
std::optional<double> RoleCards::first(const std::string& role, Accept accept) const {
  const auto cards = profile_.cards.find(role);
  if (cards == profile_.cards.end()) return {};
  for (const std::string& card : cards->second)
    for (const Header* header : {&image_, &primary_})
      if (const auto value = header->number(card); value && std::isfinite(*value) && accept(*value)) return value;
  return {};
}

std::optional<double> RoleCards::number(const std::string& role) const {
  return first(role, [](double) { return true; });
}

std::optional<double> RoleCards::positive(const std::string& role) const {
  return first(role, [](double v) { return v > 0; });
}

std::string RoleCards::filter() const {
  const auto cards = profile_.cards.find("filter");
  if (cards == profile_.cards.end()) return {};
  for (const std::string& entry : cards->second) {
    std::vector<std::string> elements;
    bool any = false;
    for (const std::string& card : text::split(entry, '+')) {
      const auto value = value_of(std::string{text::trim(card)});
      any = any || (value && !text::trim(*value).empty());
      if (value && !is_clear(*value)) elements.emplace_back(text::trim(*value));
    }
    if (!any) continue;
    const std::string value = elements.empty() ? "CLEAR" : text::join(elements, "+");
    const auto known = profile_.filters.find(value);
    return known == profile_.filters.end() ? value : known->second;
  }
  return {};
}

std::optional<double> RoleCards::mjd(const std::string& role) const {
  const auto cards = profile_.cards.find(role);
  if (cards == profile_.cards.end()) return {};
  std::string time;
  if (const auto times = profile_.cards.find("time"); times != profile_.cards.end())
    for (const std::string& card : times->second)
      if (const auto t = value_of(card); t && time.empty()) time = *t;
  for (const std::string& card : cards->second) {
    const auto value = value_of(card);
    if (!value) continue;
    if (const auto number = text::to_double(*value)) {
      if (std::isfinite(*number) && *number > 0) return number;
    } else if (const auto date = mjd_of(*value, time)) {
      return date;
    }
  }
  return {};
}

}  // namespace tessera::instrument
