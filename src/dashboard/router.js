// Where one is stands in the address behind the #: every view can be sent to a colleague, and Back goes back.

/// {path: ['operations', ID], query: {state: 'dead'}}
export function currentRoute() {
  const hash = location.hash.replace(/^#\/?/, '')
  const [path, query = ''] = hash.split(/\?(.*)/s)
  const parts = path.split('/').filter(Boolean).map(decoded)
  return { path: parts, query: Object.fromEntries(new URLSearchParams(query)) }
}

function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/// link('operations', ID), link('operations', {state: 'dead'})
export function link(...parts) {
  const query = typeof parts.at(-1) === 'object' ? parts.pop() : {}
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== ''))
  return `#/${parts.map(encodeURIComponent).join('/')}${parameters.size ? `?${parameters}` : ''}`
}

export function go(href) {
  if (location.hash === href) window.dispatchEvent(new HashChangeEvent('hashchange'))
  else location.hash = href
}
