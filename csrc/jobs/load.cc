#include "jobs/load.h"

#include "jobs/verify.h"

namespace dimoo {

std::shared_ptr<Model> load_model(const LoadOptions& options, Verify verify, const Progress& progress, const CancelToken& cancel) {
  if (progress) progress("open", 0, 1);
  auto model = std::make_shared<Model>(options, progress, &cancel);
  if (verify == Verify::full) refuse_non_finite(*model->weights().source, progress, &cancel);
  cancel.check();
  if (progress) progress("read", 1, 1);
  return model;
}

}  // namespace dimoo
