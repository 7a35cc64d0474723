// Mutations of FITS cards: without them nearly every mutation of a header only breaks its 80 columns. Linked by the targets that read cards.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

constexpr std::size_t card = 80;
constexpr std::array<std::string_view, 44> values{
    "0", "1", "-1", "2", "3", "7", "32", "33", "99", "100", "999", "1000", "2147483647", "-2147483648", "4294967296", "9223372036854775807", "1e308", "-1e308", "1e-308",
    "nan", "inf", "0.0", "90.0", "-90.0", "180.0", "360.0", "T", "F", "8", "16", "64", "-32", "-64", "'RA---TAN-SIP'", "'DEC--TAN-SIP'", "'RA---TPV'", "'DEC--TPV'", "'RA---ZPN'",
    "'GLON-CAR'", "'GLAT-HPX'", "'RICE_1'", "'1PB(99)'", "'999J'", "''"};
constexpr std::array<std::string_view, 40> keys{
    "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "BITPIX", "PCOUNT", "GCOUNT", "TFIELDS", "TFORM1", "TFORM2", "TDIM1", "THEAP", "TNULL1", "TSCAL1", "TZERO1", "BSCALE", "BZERO", "BLANK", "ZNAXIS1",
    "ZTILE1", "ZBITPIX", "ZCMPTYPE", "ZVAL1", "ZBLANK", "WCSAXES", "CTYPE1", "CRPIX1", "CRVAL2", "CD1_1", "CDELT1", "CROTA2", "PV2_1", "PV1_4", "A_ORDER", "A_9_9", "AP_ORDER", "LONPOLE", "LATPOLE",
    "EQUINOX", "CONTINUE"};

void write_card(std::uint8_t* at, std::string_view key, std::string_view value) {
  std::string text{key};
  text.resize(8, ' ');
  text += "= ";
  text += value.size() < 20 && value.front() != '\'' ? std::string(20 - value.size(), ' ') + std::string{value} : std::string{value};
  text.resize(card, ' ');
  std::memcpy(at, text.data(), card);
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  std::minstd_rand random{seed};
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  const std::size_t cards = size / card;
  if (cards < 2 || below(3) == 0) return LLVMFuzzerMutate(data, size, most);
  const std::size_t head = below(2) ? std::min<std::size_t>(cards, 36) : cards;  // sizes stand at the front
  std::uint8_t* one = data + card * below(head);
  std::uint8_t* other = data + card * below(head);
  switch (below(5)) {
    case 0: {  // another value
      const std::string key{reinterpret_cast<const char*>(one), 8};
      write_card(one, key, values[below(values.size())]);
      break;
    }
    case 1: write_card(one, keys[below(keys.size())], values[below(values.size())]); break;
    case 2: std::memmove(one, other, card); break;
    case 3: std::swap_ranges(one, one + card, other); break;
    default:  // a digit
      for (std::size_t i = 10; i < 30; ++i)
        if (one[i] >= '0' && one[i] <= '9') {
          one[i] = static_cast<std::uint8_t>('0' + below(10));
          if (below(2)) break;
        }
  }
  return size;
}
