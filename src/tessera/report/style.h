/// report/style.h — how the page looks: one column on a phone, two or three on a desk, light or dark as the reader's system is.
#pragma once
#include <string_view>

namespace tessera::report {

std::string_view style_sheet();

}  // namespace tessera::report
