// Whether the processor has AMX and the system lets a process use it. Linux keeps the tiles' 8 KB of a thread's state only for processes
// that ask, because signal frames grow with them: we ask once, when somebody chooses the variant.
#pragma once

namespace dimoo::cpu {

/// The processor has tiles, int8 and bf16 products, and the system can save them. Changes nothing.
bool amx_present();
/// Asks the system for this process, the first time; true when it agreed.
bool amx_permitted();

}  // namespace dimoo::cpu
