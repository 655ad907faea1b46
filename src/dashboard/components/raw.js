// What a portal has answered, letter for letter. It is never parsed and printed again: a browser would round large
// numbers and drop a name that stands twice. Folding out only adds spaces between what is there.
import { h } from '../dom.js'
import { bytes } from '../format.js'
import { t } from '../i18n.js'
import { indented } from '../indented.js'
import { copyButton } from './copy.js'

function isJson(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/// `shown`: {text, bytes, cut} of the API, or null.
export function rawAnswer(shown, label) {
  if (!shown) return null
  if (shown.text === null || shown.text === undefined) return h('p', { class: 'faint' }, t('raw.sealed'))
  if (shown.text === '') return h('p', { class: 'faint' }, t('raw.empty'))
  const json = /^\s*[[{]/.test(shown.text) && (shown.cut || isJson(shown.text))
  return h('div', { class: 'raw' },
    h('div', { class: 'raw-head' }, h('span', {}, label), h('span', { class: 'faint' }, shown.bytes !== undefined && bytes(shown.bytes)),
      shown.cut && h('span', { class: 'faint' }, t('raw.cut')), copyButton(shown.text, label)),
    h('pre', { tabindex: 0, 'aria-label': label }, json ? indented(shown.text) : shown.text))
}
