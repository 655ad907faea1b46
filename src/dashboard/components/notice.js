// What stands where there is nothing to show: why, and what one may do.
import { h } from '../dom.js'
import { icon } from './icon.js'

/// `page`: there is nothing else on the page, so this is its heading.
export function notice({ icon: name, title, text, action, page = false }) {
  return h('div', { class: 'notice' }, icon(name), h(page ? 'h1' : 'p', { class: 'notice-title' }, title), text && h('p', {}, text), action)
}

/// Beside what is shown; `tone`: info, warn, bad
export function banner(tone, ...content) {
  return h('div', { class: `banner ${tone}` }, icon(tone === 'info' ? 'clock' : 'errors'), h('div', {}, content))
}
