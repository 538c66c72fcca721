// Intel HEXL's transforms behind a C interface: compiled by hexl.py where HEXL is installed.

#include <cstdint>
#include <exception>

#include "hexl/hexl.hpp"

using intel::hexl::NTT;

extern "C" {

// The transforms of degree N modulo q with the 2N-th root psi; null where HEXL refuses them.
void* transforms_new(uint64_t N, uint64_t q, uint64_t psi) {
  try {
    return new NTT(N, q, psi);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void transforms_delete(void* transforms) { delete static_cast<NTT*>(transforms); }

// In place, [0, q) to [0, q), bit-reversed evaluations.
void transforms_forward(void* transforms, uint64_t* x) {
  static_cast<NTT*>(transforms)->ComputeForward(x, x, 1, 1);
}

void transforms_inverse(void* transforms, uint64_t* x) {
  static_cast<NTT*>(transforms)->ComputeInverse(x, x, 1, 1);
}
}
