// ast_dump FILE HDU < pixels: the answers of the Starlink AST library, an implementation independent of wcslib, in wcs_dump's form.
#include <fmt/format.h>

extern "C" {
#include <ast.h>
}

#include <cmath>
#include <iostream>
#include <numbers>

#include "header_text.h"
#include "tessera/base/text.h"

// AST's plotting calls a graphics package; nothing is plotted here, so the calls are there for the linker alone.
extern "C" {
int astGAttr(int, double, double*, int) { return 0; }
int astGFlush(void) { return 0; }
int astGLine(int, const float*, const float*) { return 0; }
int astGQch(float*, float*) { return 0; }
int astGMark(int, const float*, const float*, int) { return 0; }
int astGText(const char*, float, float, const char*, float, float) { return 0; }
int astGTxExt(const char*, float, float, const char*, float, float, float*, float*) { return 0; }
int astGScales(float*, float*) { return 0; }
int astGBBuf(void) { return 0; }
int astGEBuf(void) { return 0; }
int astGCap(int, int) { return 0; }
}

int main(int argc, char** argv) {
  using namespace tessera;
  if (argc < 3) return 2;
  const std::string bytes = files::read(argv[1]);
  const auto hdus = testing_tools::headers_of(argv[1], bytes);
  const std::string& cards = hdus.at(static_cast<std::size_t>(text::to_integer(argv[2]).value_or(0))).cards;

  AstFitsChan* channel = astFitsChan(nullptr, nullptr, " ");
  for (std::size_t at = 0; at + 80 <= cards.size(); at += 80) astPutFits(channel, cards.substr(at, 80).c_str(), 0);
  astClear(channel, "Card");
  auto* set = static_cast<AstFrameSet*>(astRead(channel));
  if (!astOK || set == nullptr || !astIsAFrameSet(set)) {
    fmt::print("refused\tAST reads no coordinates\n");
    return 0;
  }
  // Positions in the header's own frame: longitude first, degrees.
  const bool swapped = astGetI(set, "IsLonAxis(1)") == 0;
  std::vector<double> x, y;
  for (double a = 0, b = 0; std::cin >> a >> b;) {
    x.push_back(a + 1);
    y.push_back(b + 1);
  }
  std::vector<double> lng(x.size()), lat(x.size());
  astTran2(set, static_cast<int>(x.size()), x.data(), y.data(), 1, lng.data(), lat.data());
  if (!astOK) {
    fmt::print("refused\tAST cannot transform\n");
    return 0;
  }
  if (swapped) lng.swap(lat);
  fmt::print("accepted\t{}\n", astGetC(set, "System"));
  for (std::size_t k = 0; k < x.size(); ++k) {
    const bool good = lng[k] != AST__BAD && lat[k] != AST__BAD;
    const double a = good ? std::fmod(lng[k] * 180 / std::numbers::pi + 720, 360) : std::nan(""), b = good ? lat[k] * 180 / std::numbers::pi : std::nan("");
    fmt::print("{:.17g} {:.17g}\n", a, b);
  }
  return 0;
}
