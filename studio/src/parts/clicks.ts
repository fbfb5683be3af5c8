// Double clicks, as people make them everywhere: one press is meant. The second click counts only on the button that the first one hit (what
// lay below may have moved up meanwhile), and not at all on one that begins something (`data-once`).

/** Until the function that it returns is called. */
export function listenToClicks(): () => void {
  let before: Element | null = null
  const hear = (event: MouseEvent): void => {
    const button = (event.target as Element).closest('button')
    if (event.detail > 1 && button && (button !== before || 'once' in button.dataset)) {
      event.preventDefault()
      event.stopPropagation()
    }
    before = button
  }
  addEventListener('click', hear, true)
  return () => removeEventListener('click', hear, true)
}
