/// base/version.h — which tessera this is; written by the build.
#pragma once

namespace tessera {

const char* version();   ///< "0.1.0"
const char* revision();  ///< commit it was built from, with "-dirty" when files had been changed; "" when not known
const char* compiler();  ///< "GNU 12.2.0"

}  // namespace tessera
