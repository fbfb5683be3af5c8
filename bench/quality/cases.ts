// Held-out cases, one JSON object a line, a file a task and kind: what is asked for, a scene that is right, and how an answer is judged.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { MapKind } from './world/maps.js'
import { toScene } from './world/scene.js'
import type { Background, Color, Figure, Fill, Palette, Relation, Scene, SceneJson, Shape, Size } from './world/scene.js'

export const tasks = [
  'generate',
  'edit',
  'inpaint',
  'retouch',
  'outpaint',
  'control',
  'predict',
  'subject',
  'style',
  'view',
  'ask',
  'chat',
] as const
export type Task = (typeof tasks)[number]

/** Things of one look; size and place where the prompt names them. */
export interface Group {
  readonly count: number
  readonly shape: Shape
  readonly color: Color
  readonly fill: Fill
  readonly size: Size | null
  readonly where: string | null
}
/** What a prompt asks for. `relation` is how group 0 lies to group 1. */
export interface Ask {
  readonly background: Background
  readonly palette: Palette
  readonly groups: readonly Group[]
  readonly relation: Relation | null
  readonly word: { readonly text: string; readonly color: Color } | null
  readonly figure: Omit<Figure, 'x' | 'y'> | null
}

export interface Rectangle {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}
export type Sides = Readonly<Partial<Record<'left' | 'right' | 'top' | 'bottom', number>>>

export interface Case {
  readonly id: string
  readonly task: Task
  readonly kind: string
  /** 'asked': what the prompt says and nothing else; 'placed': the scene's things where it has them and nothing else. */
  readonly judge: 'asked' | 'placed' | 'map' | 'answer'
  readonly prompt: string
  /** What would be right; an example of it where the prompt leaves things open. */
  readonly scene: Scene
  readonly ask?: Ask
  /** The given picture, before any map is made of it or part of it taken away. */
  readonly image?: Scene
  readonly style?: Scene
  readonly map?: MapKind
  readonly view?: 'left' | 'right' | 'back'
  readonly region?: Rectangle
  readonly extend?: Sides
  /** Any of them is right. */
  readonly answers?: readonly string[]
}

type AskJson = Partial<Omit<Ask, 'groups'>> & { readonly groups?: readonly (Pick<Group, 'shape' | 'color'> & Partial<Group>)[] }
export type CaseJson = Omit<Case, 'scene' | 'image' | 'style' | 'ask' | 'prompt'> & {
  readonly prompt?: string
  readonly scene: SceneJson
  readonly image?: SceneJson
  readonly style?: SceneJson
  readonly ask?: AskJson | null
}

function toAsk(json: AskJson): Ask {
  const groups = (json.groups ?? []).map((group) => ({ count: 1, fill: 'solid' as const, size: null, where: null, ...group }))
  return { background: 'white', palette: 'plain', relation: null, word: null, figure: null, ...json, groups }
}

export function toCase({ scene, image, style, ask, prompt = '', ...rest }: CaseJson): Case {
  return {
    ...rest,
    prompt,
    scene: toScene(scene),
    ...(image && { image: toScene(image) }),
    ...(style && { style: toScene(style) }),
    ...(ask && { ask: toAsk(ask) }),
  }
}

export interface CaseFile {
  readonly task: Task
  readonly kind: string
  readonly cases: readonly Case[]
}

/** The worlds that there are cases of, by the pixels of an image cell. */
export const worlds = { 8: 'first', 16: 'second' } as const

/** Every case file of a folder, in the order of the tasks. */
export function readCases(folder: string): CaseFile[] {
  const found = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .map((name) => {
      const [task, kind] = name.split('.') as [Task, string]
      if (!tasks.includes(task)) throw new Error(`${name}: expected TASK.KIND.jsonl with a task of ${tasks.join(', ')}`)
      const lines = readFileSync(path.join(folder, name), 'utf8').split('\n').filter(Boolean)
      return { task, kind, cases: lines.map((line) => toCase(JSON.parse(line) as CaseJson)) }
    })
  return found.sort((a, b) => tasks.indexOf(a.task) - tasks.indexOf(b.task))
}
