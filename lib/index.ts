// The public API. Everything exported here is documented where it is defined; nothing else is public.
export { BindingError, DimooError, OutOfMemoryError, QueueFullError } from './base/errors.js'
export type { BindingAttempt, ErrorCode, ErrorData, ErrorDetails } from './base/errors.js'
export { toJson } from './base/json.js'
export type { Json } from './base/json.js'
export type { JsonSchema } from './fields/json-schema.js'
export type { ImageInput, MadeImage, MaskInput, RawImage, Rect, Schedule, ScheduleFunction } from './fields/values.js'
export { encodeImage } from './image/encode.js'
export type { EncodeOptions, ImageFormat } from './image/encode.js'
export type { Grid } from './image/region.js'
export { convert, synth } from './model/convert.js'
export type { ConvertReport, SynthReport, SynthShape } from './model/convert.js'
export { exportModel } from './model/export.js'
export type { ExportReport } from './model/export.js'
export { inspectDevices } from './model/devices.js'
export { planMemory } from './model/plan.js'
export type { TaskRequest } from './model/plan.js'
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
export { verifyModel } from './model/verify.js'
export type { VerifyReport } from './model/verify.js'
export type { VerifyCheck, VerifyFinding } from './model/findings.js'
export type { SpeedEstimate, TypeFit } from './model/verify-cost.js'
export { inspectModel } from './model/inspect.js'
export type { InspectReport } from './model/inspect.js'
export { loadModel } from './model/load.js'
export type { Logger } from './model/logger.js'
export type * from './model/types.js'
export type { Codes, DimooModel } from './model/model.js'
export type { ModelSource } from './model/source.js'
export type {
  Defaults,
  Device,
  DeviceId,
  DeviceReport,
  MemoryPlan,
  ModelInfo,
  Precision,
  Preset,
  PresetName,
  Presets,
  TaskPresets,
  TokenRoles,
  WeightType,
} from './native/info.js'
export type { Progress } from './base/progress.js'
export type { ImageParameters } from './parameters/parameters.js'
export { readParameters } from './parameters/read.js'
export { requestSchema } from './requests/index.js'
export type { ImageTask, TaskName, TextTask } from './requests/names.js'
export type * from './requests/types/index.js'
export { resultSchema } from './run/descriptors.js'
export type { DiagnosticsEvents } from './run/diagnostics.js'
export type { FinishReason, GeneratedImage, ImageResult, Remasked, ResultBase, TextResult, Timings, Usage } from './run/results.js'
export type { ImageStep, StepBase, TextStep } from './run/steps.js'
export type { AnyRun, ImageRun, PreviewOf, Run, RunState, StepData, TextRun } from './run/types.js'
export { materialise } from './runner/materialise.js'
export type { CloseOptions, Runner, RunOf, SchedulerStats } from './runner/runner.js'
export { snapshotHeader } from './snapshot/index.js'
export type { SnapshotHeader } from './snapshot/index.js'
