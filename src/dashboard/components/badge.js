// A state: a word, a shape and a colour, the colour being the least of them.
import { h } from '../dom.js'
import { word } from '../i18n.js'
import { icon } from './icon.js'

const states = {
  queued: ['dots', 'calm'],
  running: ['play', 'info'],
  waiting: ['clock', 'warn'],
  succeeded: ['check', 'good'],
  failed: ['square', 'bad'],
  dead: ['cross', 'bad'],
  held: ['diamond', 'bad'],
  discarded: ['minus', 'calm'],
}

/// `tone`: good, calm, info, warn, bad
export function badge(text, tone, shape) {
  return h('span', { class: `badge ${tone}` }, shape && icon(shape), text)
}

export function stateBadge(state) {
  const [shape, tone] = states[state] ?? ['dots', 'calm']
  return badge(word('state', state), tone, shape)
}

export function breakerBadge(state) {
  const tones = { closed: 'good', half_open: 'warn', open: 'bad' }
  return badge(word('breaker', state), tones[state] ?? 'calm', state === 'closed' ? 'check' : 'cross')
}

export function credentialBadge(state) {
  const known = { active: ['good', 'check'], expired: ['calm', 'clock'], needs_reauth: ['bad', 'diamond'], no_tokens: ['warn', 'minus'] }
  const [tone, shape] = known[state] ?? ['calm', 'dots']
  return badge(word('credential', state), tone, shape)
}
