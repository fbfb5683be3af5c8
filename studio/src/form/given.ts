// What the form knows of its pictures: their sizes, the grid of the mask, and the request's fields that hold them.
import { computed, effect, signal } from '@preact/signals'
import { cells, fitTo, grid } from '../mask/mask.js'
import { maskFile } from '../mask/mask-files.js'
import { isGiven, sizeOf, type Given, type Size } from '../pictures/picture.js'
import { isPicture, isRegion, type FormField } from '../schema/schema.js'
import { info } from '../server/connection.js'
import { fields, requestNow, values } from './draft.js'

/** One picture serves every task that takes one, under whatever name. */
export const slotOf = (name: string): string => (name === 'from' ? 'image' : name)

export const pictureFields = computed(() => fields.value.filter(({ schema }) => isPicture(schema)))
export const regionField = computed((): FormField | undefined => fields.value.find(({ schema }) => isRegion(schema)))

export const mainPicture = computed((): Given | undefined => {
  const found = values.value['image']
  return isGiven(found) ? found : undefined
})
export const mainSize = signal<Size | undefined>(undefined)

effect(() => {
  const picture = mainPicture.value
  const scale = info.value?.scale
  if (!picture || scale === undefined) {
    mainSize.value = undefined
    return
  }
  sizeOf(picture).then(
    (size) => {
      if (mainPicture.peek() !== picture) return
      mainSize.value = size
      // As the server takes a picture by its own size: each side down to the grid.
      fitTo({ width: Math.max(1, Math.floor(size.width / scale)), height: Math.max(1, Math.floor(size.height / scale)) }, picture)
    },
    () => (mainSize.value = undefined),
  )
})

/** The request in the form, pictures and mask included. Throws in words what is missing. */
export async function wholeRequest(): Promise<Record<string, unknown>> {
  const request = requestNow()
  for (const { name, required } of pictureFields.value) {
    const picture = values.value[slotOf(name)]
    if (isGiven(picture)) request[name] = picture
    else if (required)
      throw new Error(
        name === 'style'
          ? 'Give a picture whose style is taken.'
          : 'Give a picture first: drop it on the form, paste it, or choose a file.',
      )
  }
  const region = regionField.value
  if (!region) return request
  if (cells.value.size === 0) throw new Error('Mark first what is to be drawn anew: the mask is empty.')
  // Cells are of the grid as it is shown; where the picture is cropped first, a picture of the mask is cropped alike.
  const cropped = request['imageArea'] !== undefined && request['imageArea'] !== 'native'
  request[region.name] = cropped ? await maskFile(cells.value, grid.value, mainSize.value!) : Uint32Array.from(cells.value)
  return request
}

/** Cells of the picture to come, about: what its drafts cost. */
export function cellsOf(request: Readonly<Record<string, unknown>>, size: Size, area: number): number {
  const scale = info.value?.scale ?? 16
  if (!('image' in request || 'from' in request)) return (size.width * size.height) / scale ** 2
  const own = mainSize.value
  return regionField.value && own ? (own.width * own.height) / scale ** 2 : (area / scale) ** 2
}
