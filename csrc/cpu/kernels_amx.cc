// AMX: the tile instructions, one a function. Never run on real hardware (no machine with them was at hand): only by name.
// Shapes are set at every call, because they belong to the thread and others may change them; a release keeps context switches cheap.
#include "cpu/amx_kernels.h"

namespace dimoo::cpu {
namespace {

struct AmxTiles {
  static void configure(const TileShapes* shapes) { asm volatile("ldtilecfg %0" ::"m"(*shapes) : "memory"); }
  static void release() { asm volatile("tilerelease" ::: "memory"); }
  template <int Tile>
  static void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
  }
  template <int Tile>
  static void load(const void* from, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
  }
  template <int Tile>
  static void store(void* to, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
  }
  template <int Sum, int Rows, int Panel>
  static void dot_u8s8() {
    asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(Rows), "i"(Panel));
  }
  template <int Sum, int Rows, int Panel>
  static void dot_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(Sum), "i"(Rows), "i"(Panel));
  }
};

}  // namespace

bool add_amx(Kernels& table) {
  put_tiles<AmxTiles>(table);
  return true;
}

}  // namespace dimoo::cpu
