// JSON with line breaks, every character of it kept: nothing is parsed, so nothing is rounded or dropped.

/// JSON, also such that was cut off, with line breaks.
export function indented(text) {
  let out = ''
  let depth = 0
  let quoted = false
  const line = () => `\n${'  '.repeat(Math.max(0, depth))}`
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]
    if (quoted) {
      out += c
      if (c === '\\') out += text[(i += 1)] ?? ''
      else if (c === '"') quoted = false
    } else if (c === '{' || c === '[') {
      const inside = /\S/g
      inside.lastIndex = i + 1
      const next = inside.exec(text)
      if (next && '}]'.includes(next[0])) {
        out += c + next[0]
        i = next.index
      } else {
        depth += 1
        out += c + line()
      }
    } else if (c === '}' || c === ']') {
      depth -= 1
      out += line() + c
    } else if (c === ',') {
      out += c + line()
    } else if (c === ':') {
      out += ': '
    } else if (!/\s/.test(c)) {
      out += c
      quoted = c === '"'
    }
  }
  return out
}
