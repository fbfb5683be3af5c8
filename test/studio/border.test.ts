// The border of an outpaint before it is drawn has the size that the model then draws.
import { expect, test } from 'vitest'
import { borderOf } from '../../studio/src/mask/border.js'

test('sides go up to the grid, the picture down to it; a ratio keeps the middle', () => {
  const size = { width: 70, height: 64 }
  expect(borderOf(size, { left: 1, top: 8 }, 8)).toEqual({
    whole: { width: 72, height: 72 },
    picture: { width: 64, height: 64, left: 8, top: 8 },
    kept: { width: 64, height: 64, left: 8, top: 8 },
    cells: 17,
  })
  expect(borderOf(size, { ratio: { width: 0.5, height: 1 } }, 8)).toMatchObject({
    whole: { width: 64, height: 64 },
    kept: { left: 16, top: 0, width: 32, height: 64 },
    cells: 32,
  })
  for (const nothing of [undefined, {}, { left: 0 }, { left: 'x' }]) expect(borderOf(size, nothing, 8).cells).toBe(0)
})
