// Whoever waits for the event loop goes on in a turn of it that all who wait share: what does not fit waits for the next one.
import { expect, test } from 'vitest'
import { breathe } from '../../lib/base/breathe.js'

const busy = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('many who wait for the event loop do not all go on in one turn of it', async () => {
  let [turn, over] = [0, false]
  const tick = (): void => {
    turn++
    if (!over) setImmediate(tick)
  }
  setImmediate(tick)
  await breathe()
  busy(6) // this turn is over
  const turns: number[] = []
  const work = async (): Promise<void> => {
    await breathe()
    turns.push(turn)
    busy(3)
  }
  await Promise.all(Array.from({ length: 20 }, work))
  over = true
  const most = Math.max(...turns.map((one) => turns.filter((other) => other === one).length))
  expect([turns.length, most]).toEqual([20, expect.toSatisfy((count: number) => count <= 4)])
})
