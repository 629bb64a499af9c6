// Arguments as values, of JSON in which attachments stand as placeholders. For what has been checked: where there is no such
// attachment, there is `undefined`.

export function fill (value, attachments) {
  if (value === null || typeof value !== 'object') return value
  if (value._placeholder === true) return attachments[value.num]
  for (const [key, inner] of Object.entries(value)) value[key] = fill(inner, attachments)
  return value
}
