// Copies a text. navigator.clipboard is there over TLS and on this very machine only; elsewhere the old way works.
import { h } from '../dom.js'
import { t } from '../i18n.js'
import { icon } from './icon.js'
import { say } from './announce.js'

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = h('textarea', { class: 'visually-hidden', value: text })
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

export function copyButton(text, what) {
  const label = t('action.copy', { what })
  return h('button', {
    type: 'button', class: 'quiet small', title: label, 'aria-label': label,
    onclick: async () => {
      await copy(text)
      say(t('action.copied'))
    },
  }, icon('copy'))
}
