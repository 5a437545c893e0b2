#pragma once
// Where each instruction set's loops stand. Only kernels.cc chooses.
#include "posture/population/kernels.h"

namespace postern::posture {
namespace plain {
extern const Kernels kKernels;
}
#if defined(__x86_64__)
namespace sse2 {
extern const Kernels kKernels;
}
namespace ssse3 {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif
}  // namespace postern::posture
