// The public API. Everything exported here is documented where it is defined; nothing else is public.
export { BindingError, DimooError, OutOfMemoryError, QueueFullError } from './errors.js'
export type { BindingAttempt, ErrorCode, ErrorDetails } from './errors.js'
export { loadModel } from './load.js'
export type { LoadOptions, Logger, SchedulerOptions } from './load.js'
export type { CloseOptions, DimooModel, DimooRunner, SchedulerStats, TaskMap, TaskName } from './model.js'
export type { ModelInfo, WeightType } from './info.js'
export type { ModelSource } from './source.js'
export type { Progress } from './job.js'
export type { SamplingOptions, ScheduleFunction, Size, TextToImageRequest } from './request.js'
export type { Run, RunOptions, RunState } from './run.js'
export type { Grid, ImageStep, StepDecodeOptions } from './step.js'
export type { MaskedCells } from './image/masked.js'
export type { GeneratedImage, ImageResult, Timings, Usage } from './result.js'
export type { TokenRoles } from './prompt/layout.js'
export { inspectDevices, planMemory } from './devices.js'
export type {
  Device,
  DeviceId,
  DeviceReport,
  MemoryOptions,
  MemoryPlan,
  PlanOptions,
  PlannedRun,
  Precision,
} from './devices.js'
export { encodeImage } from './image/encode.js'
export type { EncodeOptions, ImageFormat } from './image/encode.js'
export type { ImageInput } from './image/read.js'
export { readParameters } from './image/read.js'
export type { ImageParameters } from './image/parameters.js'
export type { RawImage } from './image/raw.js'
export { convert, synth } from './convert.js'
export type { ConvertOptions, ConvertReport, SynthOptions, SynthReport, SynthShape } from './convert.js'
export { inspectModel } from './inspect.js'
export type { InspectOptions, InspectReport } from './inspect.js'
export type { DiagnosticsEvents } from './diagnostics.js'
