// Which view is shown: the page's fragment, so that back, reload and links work.
import { signal } from '@preact/signals'

export const VIEWS = [
  { key: 'create', words: 'Create' },
  { key: 'ask', words: 'Ask and chat' },
  { key: 'runs', words: 'Runs' },
  { key: 'history', words: 'History' },
  { key: 'server', words: 'Server' },
  { key: 'help', words: 'Help' },
] as const

export type Place = (typeof VIEWS)[number]['key']

export const place = signal<Place>(placeNow())

function placeNow(): Place {
  const found = location.hash.replace(/^#\/?/, '')
  return VIEWS.find(({ key }) => key === found)?.key ?? 'create'
}

addEventListener('hashchange', () => {
  place.value = placeNow()
  document.getElementById('main')?.scrollTo(0, 0)
})

export function go(where: Place): void {
  location.hash = where
}
