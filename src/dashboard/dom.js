// Elements, made and brought up to date. Whatever a client or a portal has sent gets into the page here, as a text node
// or as the value of an attribute that runs nothing.
const svgSpace = 'http://www.w3.org/2000/svg'
const svgNames = new Set(['svg', 'g', 'path', 'rect', 'line', 'circle', 'polyline', 'text'])
/// What stands in a field is a property, and this when nothing is said of it.
const properties = { value: '', checked: false, indeterminate: false }
const listeners = Symbol('listeners')
const keyed = Symbol('key')
const unchanged = Symbol('unchanged')
const told = Symbol('told')

/// h('a', { href: '#/', class: 'link', onclick }, 'text', child, [children]). null, undefined and false are left out.
/// `key` tells brothers apart when `patch` brings a tree up to date.
export function h(name, attributes, ...children) {
  const element = svgNames.has(name) ? document.createElementNS(svgSpace, name) : document.createElement(name)
  const given = Object.entries(attributes ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== false)
  for (const [key, value] of given) if (!(key in properties)) set(element, key, value)
  append(element, children)
  // A select takes its value from among its options.
  for (const [key, value] of given) if (key in properties) tell(element, key, value)
  return element
}

/// Stands for what is in the page already under this key, and is to stay as it is: nothing has to be made for it.
export function same(name, key) {
  const element = h(name, { key })
  element[unchanged] = true
  return element
}

/// Only where nothing can run: this page, this server, or somebody else's over TLS.
export function isSafeLink(href) {
  return /^(#|\/(?!\/)|https:\/\/)/.test(href)
}

function set(element, name, value) {
  if (name === 'key') element[keyed] = String(value)
  else if (typeof value === 'function') listen(element, name.slice(2), value)
  // The policy forbids style attributes, and allows properties.
  else if (name === 'style') for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one)
  else if (name !== 'href' || isSafeLink(value)) element.setAttribute(name, value === true ? '' : value)
}

/// Remembered, because what a person has put in since then is the person's.
function tell(element, name, value) {
  element[name] = value
  element[told] = { ...element[told], [name]: value }
}

function dispatch(event) {
  return this[listeners][event.type]?.call(this, event)
}

function listen(element, type, listener) {
  element[listeners] ??= {}
  if (!element[listeners][type]) element.addEventListener(type, dispatch)
  element[listeners][type] = listener
}

function append(element, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false) continue
    if (Array.isArray(child)) append(element, child)
    else element.append(child instanceof Node ? child : String(child))
  }
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && a[keyed] === b[keyed]
}

/// Makes `old` look like `next` while keeping what can stay: focus, selection, scrolling, what was folded out. Gives the
/// node that is in the page afterwards.
export function patch(old, next) {
  if (!alike(old, next)) {
    old.replaceWith(next)
    return next
  }
  if (next[unchanged]) return old
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data
    return old
  }
  patchAttributes(old, next)
  patchListeners(old, next)
  patchChildren(old, next)
  patchProperties(old, next)
  return old
}

function patchAttributes(old, next) {
  // What a person has folded out stays so.
  const own = (name) => name === 'style' || (name === 'open' && old.nodeName === 'DETAILS')
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !own(name)) old.removeAttribute(name)
  for (const { name, value } of next.attributes)
    if (!own(name) && old.getAttribute(name) !== value) old.setAttribute(name, value)
  if (old.style.cssText !== next.style.cssText) old.style.cssText = next.style.cssText
}

function patchListeners(old, next) {
  for (const type of Object.keys(old[listeners] ?? {})) if (!next[listeners]?.[type]) old[listeners][type] = null
  for (const [type, listener] of Object.entries(next[listeners] ?? {})) if (listener) listen(old, type, listener)
}

function patchProperties(old, next) {
  for (const [name, nothing] of Object.entries(properties)) {
    const value = next[told]?.[name] ?? nothing
    if (value !== (old[told]?.[name] ?? nothing)) tell(old, name, value)
  }
}

function patchChildren(old, next) {
  const known = new Map()
  for (const child of old.childNodes) if (child[keyed] !== undefined) known.set(child[keyed], child)
  let place = old.firstChild
  for (const wanted of [...next.childNodes]) {
    const key = wanted[keyed]
    const found = key === undefined ? place : known.get(key)
    if (!found || !alike(found, wanted)) {
      old.insertBefore(wanted, place)
      continue
    }
    known.delete(key)
    if (found === place) place = place.nextSibling
    else old.insertBefore(found, place)
    patch(found, wanted)
  }
  while (place) {
    const following = place.nextSibling
    place.remove()
    place = following
  }
}
