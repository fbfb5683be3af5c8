// Columns of a terminal. East Asian scripts and emoji take two, marks none (Unicode's East Asian Width, by its blocks).

const WIDE: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
]

/** Columns of one character (a code point, not a half of one). */
export function charWidth(char: string): number {
  if (/[\p{M}\p{Cf}]/u.test(char)) return 0
  const code = char.codePointAt(0)!
  return WIDE.some(([from, to]) => code >= from && code <= to) ? 2 : 1
}

/**
 * The cursor's column after `text` was written at `column`, on a terminal that is `columns` wide. A full line leaves it at `columns`: the
 * terminal goes to the next one only with the next character.
 */
export function advance(column: number, text: string, columns: number): number {
  let at = column
  for (const char of text) {
    if (char === '\n') at = 0
    else if (char === '\t') at = Math.min((Math.floor(at / 8) + 1) * 8, columns - 1)
    else {
      const width = charWidth(char)
      at = at + width > columns ? width : at + width
    }
  }
  return at
}
