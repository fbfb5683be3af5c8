// Fields that the browser refuses where nobody sees them: a form that is sent in vain must say why.

/** For `invalid` events, heard on their way down. Where no refused field is in sight, what hides this one opens. */
export function showRefused(event: Event): void {
  const field = event.target as HTMLInputElement
  if (field.checkVisibility()) return
  const others = [...(field.form?.elements ?? [])].filter((one): one is HTMLInputElement => 'validity' in one && one.tagName !== 'FIELDSET')
  if (others.some((one) => !one.validity.valid && one.checkVisibility())) event.preventDefault()
  else for (let at = field.closest('details'); at; at = at.parentElement?.closest('details') ?? null) at.open = true
}
