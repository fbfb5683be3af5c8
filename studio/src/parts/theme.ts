// Light, dark, or as the system says.
import { signal } from '@preact/signals'
import { recall, remember } from '../kept/settings.js'

export const THEMES = ['system', 'light', 'dark'] as const
export type Theme = (typeof THEMES)[number]

const found = recall('theme')
export const theme = signal<Theme>(THEMES.find((one) => one === found) ?? 'system')

export function applyTheme(next: Theme = theme.value): void {
  theme.value = next
  remember('theme', next === 'system' ? undefined : next)
  document.documentElement.dataset['theme'] = next
}
