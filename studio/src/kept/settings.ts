// Small things that this browser remembers about its user. Where storage is forbidden they last as long as the page.
const own = new Map<string, string>()
const name = (key: string): string => `dimoo.${key}`

export type Setting = 'apiKey' | 'theme' | 'draft' | 'task' | 'mine'

export function recall(key: Setting): string | undefined {
  try {
    return localStorage.getItem(name(key)) ?? own.get(key)
  } catch {
    return own.get(key)
  }
}

export function remember(key: Setting, value: string | undefined): void {
  if (value === undefined) own.delete(key)
  else own.set(key, value)
  try {
    if (value === undefined) localStorage.removeItem(name(key))
    else localStorage.setItem(name(key), value)
  } catch {
    // it lasts as long as the page
  }
}
