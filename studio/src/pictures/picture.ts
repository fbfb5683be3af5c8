// Given pictures: files of a user's, or pictures of results, whose codes a task may take as they are. How each is shown, and how large it is.
import type { MadeImage } from 'lumina-dimoo/client'

export type Given = Blob | MadeImage

export interface Size {
  readonly width: number
  readonly height: number
}

/** Addresses of pictures on this page, the most recent ones. */
const KEPT = 64
const urls = new Map<object, string>()
/** The file of a picture of a result. */
const files = new WeakMap<object, Blob>()

export const isGiven = (value: unknown): value is Given =>
  value instanceof Blob || (typeof value === 'object' && value !== null && 'tokens' in value && 'image' in value)

/** So that the picture of a result can be shown. */
export function withFile(made: MadeImage, file: Blob): MadeImage {
  files.set(made, file)
  return made
}

export function fileOf(given: Given): Blob | undefined {
  return given instanceof Blob ? given : files.get(given)
}

export function urlOf(given: Given): string {
  const file = fileOf(given)
  if (!file) return ''
  const known = urls.get(given)
  if (known !== undefined) return known
  const url = URL.createObjectURL(file)
  urls.set(given, url)
  for (const [oldest, one] of urls) {
    if (urls.size <= KEPT) break
    urls.delete(oldest)
    URL.revokeObjectURL(one)
  }
  return url
}

/** Rejects for what is no picture that this browser reads. */
export async function sizeOf(given: Given): Promise<Size> {
  if (!(given instanceof Blob)) return { width: given.image.width, height: given.image.height }
  const bitmap = await createImageBitmap(given)
  const { width, height } = bitmap
  bitmap.close()
  return { width, height }
}

/** The pictures in what was dropped or pasted. */
export function picturesIn(transfer: DataTransfer | null): File[] {
  return [...(transfer?.files ?? [])].filter(({ type }) => type.startsWith('image/'))
}
