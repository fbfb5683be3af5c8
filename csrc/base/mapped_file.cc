// What does not depend on the system.
#include "base/mapped_file.h"

#include "base/error.h"

namespace dimoo {

void MappedFile::check_size(uint64_t most) const {
  if (size_ > most) fail(Code::model_corrupt, path_, ": expected a file of at most ", most, " bytes, got ", size_);
}

}  // namespace dimoo
