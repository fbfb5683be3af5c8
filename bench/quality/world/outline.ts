// Signed distances (negative inside, pixels) of shapes, of their fills, of stick figures and their limbs. x, y are relative to the centre.
import type { Arm, Fill, Figure, Legs, Shape } from './scene.js'

/** To the outline of a shape of radius r. */
export function silhouette(shape: Shape, x: number, y: number, r: number): number {
  switch (shape) {
    case 'circle':
      return Math.hypot(x, y) - r
    case 'square':
      return Math.max(Math.abs(x), Math.abs(y)) - r * 0.86
    case 'diamond':
      return (Math.abs(x) + Math.abs(y)) * 0.7071 - r * 0.76
    case 'cross':
      return Math.min(Math.max(Math.abs(x) - r, Math.abs(y) - r * 0.36), Math.max(Math.abs(x) - r * 0.36, Math.abs(y) - r))
    case 'triangle':
      return Math.max(0.866 * x - 0.5 * (y + r), -0.866 * x - 0.5 * (y + r), y - r * 0.62)
    case 'star':
      return star(x, y, r)
    case 'heart': {
      const [u, v] = [Math.abs(x), y - 0.1 * r]
      return Math.min((u + Math.abs(v)) * 0.7071 - 0.56 * r, Math.hypot(u - 0.396 * r, v + 0.396 * r) - 0.56 * r)
    }
    case 'moon':
      return Math.max(Math.hypot(x, y) - r, 0.75 * r - Math.hypot(x - 0.55 * r, y))
    case 'arrow': {
      const shaft = Math.max(Math.abs(x + 0.35 * r) - 0.6 * r, Math.abs(y) - 0.34 * r)
      return Math.min(shaft, Math.max((Math.abs(y) + x) * 0.7071 - 0.67 * r, -x))
    }
    case 'oval':
      return (Math.hypot(x / 0.6, y) - r) * 0.6
  }
}

/** Five points, one of them up: the distance to the edge between an outer and an inner corner of the sector. */
function star(x: number, y: number, r: number): number {
  const sector = Math.PI / 5
  const turned = (Math.atan2(x, -y) + sector) % (2 * sector)
  const angle = Math.abs((turned < 0 ? turned + 2 * sector : turned) - sector)
  const rho = Math.hypot(x, y)
  const outer = r * 1.12
  const inner = [0.47 * r * Math.cos(sector), 0.47 * r * Math.sin(sector)] as const
  const edge = [inner[0] - outer, inner[1]] as const
  const cross = (rho * Math.cos(angle) - outer) * -edge[1] + rho * Math.sin(angle) * edge[0]
  return cross / -Math.hypot(edge[0], edge[1])
}

const modulo = (value: number, period: number): number => ((value % period) + period) % period

/** To what is painted of a shape: all, a rim, a rim and bars 6 pixels high, or all but round holes that keep away from the outline. */
export function painted(shape: Shape, fill: Fill, x: number, y: number, r: number): number {
  const d = silhouette(shape, x, y, r)
  switch (fill) {
    case 'solid':
      return d
    case 'outline':
      return Math.max(d, -(d + 0.2 * r))
    case 'stripes':
      return Math.max(d, Math.min(-(d + 0.14 * r), Math.abs(modulo(y, 12) - 6) - 3))
    case 'dots': {
      const [column, row] = [Math.round(x / 12) * 12, Math.round(y / 12) * 12]
      return silhouette(shape, column, row, r) <= -7 ? Math.max(d, 4 - Math.hypot(x - column, y - row)) : d
    }
  }
}

type Point = readonly [number, number]

function segment(x: number, y: number, [ax, ay]: Point, [bx, by]: Point): number {
  const dx = bx - ax
  const dy = by - ay
  const along = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)))
  return Math.hypot(x - ax - along * dx, y - ay - along * dy)
}

const hands: Readonly<Record<Arm, Point>> = { up: [20, -40], out: [30, -16], down: [20, 10] }
const feet: Readonly<Record<Legs, Point>> = { together: [7, 50], apart: [24, 50] }
const [neck, shoulder, hip]: readonly Point[] = [
  [0, -24],
  [0, -16],
  [0, 12],
] as const
export type Pose = Pick<Figure, 'left' | 'right' | 'legs'>
export type Limb = 'spine' | 'leftArm' | 'rightArm' | 'leftLeg' | 'rightLeg' | 'head'
export const limbs: readonly Limb[] = ['spine', 'leftArm', 'rightArm', 'leftLeg', 'rightLeg', 'head']

/** To the middle line of a limb, or to the middle of the head; left is the picture's left, the mirrored right. */
export function limb(part: Limb, { left, right, legs }: Pose, x: number, y: number): number {
  switch (part) {
    case 'spine':
      return segment(x, y, neck!, hip!)
    case 'leftArm':
      return segment(-x, y, shoulder!, hands[left])
    case 'rightArm':
      return segment(x, y, shoulder!, hands[right])
    case 'leftLeg':
      return segment(-x, y, hip!, feet[legs])
    case 'rightLeg':
      return segment(x, y, hip!, feet[legs])
    case 'head':
      return Math.hypot(x, y + 36)
  }
}

/** To the stick figure: strokes 8 pixels wide and a head of radius 12. */
export function figureDistance(pose: Pose, x: number, y: number): number {
  return Math.min(...limbs.map((part) => limb(part, pose, x, y) - (part === 'head' ? 12 : 4)))
}

/** Half the side of a block's body; radius of its marks and how far from the middle they are seen from the front. */
export const block = { half: 34, markRadius: 14, markOffset: 16 } as const
