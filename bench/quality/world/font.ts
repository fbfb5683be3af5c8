// The pixel font of words in pictures: letters of 3 x 5 dots, a dot is 8 x 8 pixels, a letter takes 32 x 48 with the gaps.
export const dot = 8
export const advance = 32
export const lineHeight = 48

const rows: Readonly<Record<string, string>> = {
  A: '.#. #.# ### #.# #.#',
  B: '##. #.# ##. #.# ##.',
  C: '.## #.. #.. #.. .##',
  D: '##. #.# #.# #.# ##.',
  E: '### #.. ##. #.. ###',
  F: '### #.. ##. #.. #..',
  G: '.## #.. #.# #.# .##',
  H: '#.# #.# ### #.# #.#',
  I: '### .#. .#. .#. ###',
  J: '..# ..# ..# #.# .#.',
  K: '#.# #.# ##. #.# #.#',
  L: '#.. #.. #.. #.. ###',
  M: '#.# ### ### #.# #.#',
  N: '### #.# #.# #.# #.#',
  O: '.#. #.# #.# #.# .#.',
  P: '##. #.# ##. #.. #..',
  Q: '.#. #.# #.# .#. ..#',
  R: '##. #.# ##. ##. #.#',
  S: '.## #.. .#. ..# ##.',
  T: '### .#. .#. .#. .#.',
  U: '#.# #.# #.# #.# ###',
  V: '#.# #.# #.# #.# .#.',
  W: '#.# #.# ### ### #.#',
  X: '#.# #.# .#. #.# #.#',
  Y: '#.# #.# .#. .#. .#.',
  Z: '### ..# .#. #.. ###',
}

/** Which of the 15 dots of a letter are set, row by row. */
export const letters: ReadonlyMap<string, readonly boolean[]> = new Map(
  Object.entries(rows).map(([letter, text]) => [letter, Array.from(text.replaceAll(' ', ''), (mark) => mark === '#')]),
)

/** Whether the dot at (x, y), relative to the word's left top, is inked. */
export function inked(text: string, x: number, y: number): boolean {
  if (x < 0 || y < 0 || y >= 5 * dot) return false
  const letter = letters.get(text[Math.floor(x / advance)] ?? '')
  const column = Math.floor((x % advance) / dot)
  return column < 3 && letter !== undefined && letter[Math.floor(y / dot) * 3 + column]!
}
