// What the quality-speed curves are made of: for each axis the settings to measure, always with the plain setting among them.
import type { WeightType } from '../../lib/index.js'
import type { Task } from './cases.js'
import { cacheDefaults } from './settings.js'
import type { Settings } from './settings.js'

/** The setting that every axis departs from: exact, 32 steps, the rest the model's own. */
export const plain: Settings = { steps: 32 }

export interface Point {
  readonly settings: Settings
  readonly type?: WeightType
}

const answers: readonly Task[] = ['ask', 'chat']
export const isAnswer = (task: Task): boolean => answers.includes(task)

const vary = (list: readonly Settings[]): Point[] => list.map((settings) => ({ settings: { ...plain, ...settings } }))

/** Weight types in the order of their size. */
export const types: readonly WeightType[] = ['f32', 'f16', 'bf16', 'q8_0', 'q6_k', 'q5_k', 'q4_k', 'q4_0']

export const axes = {
  plain: [{ settings: plain }],
  /** The columns of the tables in models/README.md. */
  columns: vary([{}, { cache: cacheDefaults }, { reuse: 'prefix' }, { threshold: 0.9 }]),
  steps: vary([4, 8, 16, 24, 32, 48, 64].map((steps) => ({ steps }))),
  guidance: vary([0, 0.5, 1, 1.5, 2, 3, 4].map((guidance) => ({ guidance }))),
  /** Of text and given pictures alike. */
  guidanceBoth: vary([0, 0.3, 0.7, 1.5, 3].map((guidance) => ({ guidance, guidanceImage: guidance }))),
  /** At the guidance that it is there for. */
  floor: vary([0, 0.001, 0.01, 0.05, 0.1, 0.3].map((guidanceFloor) => ({ guidance: 1.5, guidanceImage: 1.5, guidanceFloor }))),
  floorText: vary([0, 0.001, 0.01, 0.05, 0.1, 0.3].map((guidanceFloor) => ({ guidance: 1.5, guidanceFloor }))),
  cache: vary([
    {},
    ...[{ ratio: 0.5 }, { ratio: 0.7 }, {}, { ratio: 0.97 }, { warmup: 0.1 }, { warmup: 0.5 }, { refresh: 2 }, { refresh: 10 }].map(
      (one) => ({
        cache: { ...cacheDefaults, ...one },
      }),
    ),
  ]),
  reuse: vary([{}, { reuse: 'prefix' }]),
  threshold: vary([{}, ...[0.99, 0.95, 0.9, 0.8, 0.6, 0.4].map((threshold) => ({ threshold }))]),
  types: types.map((type): Point => ({ settings: plain, type })),
} as const satisfies Readonly<Record<string, readonly Point[]>>
export type Axis = keyof typeof axes

const given: readonly Task[] = ['edit', 'control', 'predict', 'subject', 'style', 'view']

/** Whether a task knows what a setting says. */
export function concerns({ reuse, threshold, guidanceImage, guidanceFloor }: Settings, task: Task): boolean {
  if (reuse !== undefined || threshold !== undefined) return isAnswer(task)
  if (guidanceFloor !== undefined && guidanceImage === undefined) return !isAnswer(task) && !given.includes(task)
  return guidanceImage === undefined || given.includes(task)
}
