#include "jobs/plan.h"

#include "device/registry.h"
#include "model/backbone.h"

namespace dimoo {

RunsPlan plan_runs(const LoadOptions& load, std::vector<PlannedRun> runs) {
  DeviceOptions device_options;
  device_options.threads = load.threads;
  const auto device = create_device(load.device, device_options);
  const auto source = Source::open(load.source);
  const Hyperparameters hyper = read_hyperparameters(*source);
  const Json* image = source->generation().find("image");
  const auto standard = [&](const char* key, int64_t fallback) { return image ? image->int_or(key, fallback) : fallback; };
  const int64_t scale = hyper.vq.scale();
  RunShape shape;
  RunsPlan plan;
  if (runs.empty()) runs.emplace_back();
  for (const PlannedRun& run : runs) {
    if (!hyper.has_images() && run.text_tokens == 0)
      fail(Code::model_unsupported, source->path(), ": plan: expected a model with image codes, got one that answers in text only");
    const auto cells = [&](const char* side, std::optional<int64_t> given) {
      const int64_t pixels = given.value_or(standard(side, 1024));
      if (pixels < scale || pixels % scale || pixels > (1 << 16))
        fail(Code::request_invalid, "plan: ", side, " must be a multiple of ", scale, " up to 65536, got ", pixels);
      return pixels / scale;
    };
    const int64_t columns = cells("width", run.width), rows = cells("height", run.height), text_tokens = run.text_tokens;
    const size_t branches = run.guidance > 0 ? 2 : 1, prompt = static_cast<size_t>(run.prompt_tokens) + 4;
    auto layout = std::make_shared<Layout>();
    layout->prefixes.assign(branches, std::vector<int32_t>(prompt)), layout->suffixes.resize(branches);
    layout->row_ends = text_tokens == 0;
    layout->rows = text_tokens ? 1 : rows, layout->columns = text_tokens ? text_tokens : columns;
    const int64_t positions = static_cast<int64_t>(prompt) + (text_tokens ? text_tokens : rows * (columns + 1));
    if (hyper.context_length > 0 && positions > hyper.context_length)
      plan.warnings.push_back(text(positions, " positions are more than the ", hyper.context_length,
                                   " that the checkpoint was made for; what is so far apart may not fit together"));
    RunRequest request;
    request.target = PictureRequest{};
    if (text_tokens) request.target = AnswerRequest{text_tokens, text_tokens, text_tokens, {}, {}, {}, {}};
    request.layout = layout;
    if (run.cache) request.reuse = ml_cache(0.9, 0.3, 5);
    const RunShape one = canvas_shape(hyper, Backbone::kv_type(*device, hyper, *source, load.precision), request);
    const int64_t budget = load.row_budget(*device);
    shape = together(shape, times(one, run.images, budget), budget);
  }
  const int64_t panels = load.panel_bytes >= 0 ? load.panel_bytes : default_panel_budget(*source);
  plan.memory = plan_memory(*device, hyper, *source, load.precision, shape, panels, available_bytes(*device, load.max_host_bytes));
  return plan;
}

}  // namespace dimoo
