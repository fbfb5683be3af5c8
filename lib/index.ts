// The public API. Everything exported here is documented where it is defined; nothing else is public.
export { BindingError, DimooError, OutOfMemoryError, QueueFullError } from './base/errors.js'
export type { BindingAttempt, ErrorCode, ErrorDetails } from './base/errors.js'
export { loadModel } from './model/load.js'
export type { LoadOptions, Logger, SchedulerOptions } from './model/load.js'
export type { CloseOptions, DimooModel, DimooRunner } from './model/model.js'
export type { SchedulerStats } from './model/stats.js'
export type { TaskMap, TaskName } from './tasks/map.js'
export type { Defaults, ModelInfo, WeightType } from './native/info.js'
export type { ModelSource } from './model/source.js'
export { listPulled, pull, removePulled } from './model/hub.js'
export type {
  CachedModel,
  HubCacheOptions,
  HubOptions,
  PulledFile,
  PullOptions,
  PullProgress,
  PullReport,
  RemoveReport,
} from './hub/index.js'
export type { Progress } from './native/job.js'
export type { CacheOptions, CommonOptions, SamplingOptions, ScheduleFunction } from './requests/sampling.js'
export type { Size } from './requests/size.js'
export type { ImageAreaOption, ImageGuided, ImageRequestBase, Judged, TextGuided } from './requests/image.js'
export type { MaskInput, Ratio, Rect } from './requests/pictures.js'
export type { TextToImageRequest } from './requests/text-to-image.js'
export type { ControlRequest, EditRequest, PredictRequest, StyleRequest, SubjectRequest, ViewRequest } from './requests/transform.js'
export type { CompositeOptions, ExtendSides, InpaintRequest, OutpaintRequest, RetouchRequest } from './requests/paint.js'
export type { ChatRequest, TextRequest, UnderstandRequest } from './requests/text.js'
export type { ChatMessage, MapKind } from './prompt/templates.js'
export type { PreviewOptions, Run, RunOptions, RunState, StepPreviews } from './run/options.js'
export type { StepBase } from './run/step-base.js'
export type { Grid, ImageStep } from './run/step.js'
export type { TextStep } from './run/text-step.js'
export type { MaskedCells } from './image/masked.js'
export type { FinishReason, GeneratedImage, ImageResult, ResultBase, TextResult, Timings, Usage } from './run/result.js'
export type { TokenRoles } from './prompt/layout.js'
export { inspectDevices, planMemory } from './model/devices.js'
export type { Device, DeviceId, DeviceReport, MemoryOptions, MemoryPlan, PlanOptions, PlannedRun, Precision } from './model/devices.js'
export { encodeImage } from './image/encode.js'
export type { EncodeOptions, ImageFormat } from './image/encode.js'
export type { ImageInput } from './image/read.js'
export { readParameters } from './image/read.js'
export type { ImageParameters, ImageTask } from './parameters/parameters.js'
export type { RawImage } from './image/raw.js'
export { convert, synth } from './model/convert.js'
export type { ConvertOptions, ConvertReport, SynthOptions, SynthReport, SynthShape } from './model/convert.js'
export { inspectModel } from './model/inspect.js'
export type { InspectOptions, InspectReport } from './model/inspect.js'
export type { DiagnosticsEvents } from './run/diagnostics.js'
