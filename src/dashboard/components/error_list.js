// Single failed calls, the newest first.
import { h } from '../dom.js'
import { t, word } from '../i18n.js'
import { badge } from './badge.js'
import { copyButton } from './copy.js'
import { moment } from './time.js'

export const faultTones = { system: 'bad', refused: 'warn', limit: 'info' }

export function errorList(errors) {
  if (errors.length === 0) return h('p', { class: 'faint' }, t('errors.no_single'))
  return h('table', { class: 'cards' },
    h('thead', {}, h('tr', {}, ['when', 'method', 'client', 'what', 'request'].map((name) => h('th', { scope: 'col' }, t(`column.${name}`))))),
    h('tbody', {}, errors.map((error) => h('tr', { key: error.request_id + error.at, 'data-row': true },
      h('td', { 'data-label': t('column.when') }, moment(error.at)),
      h('td', { class: 'main-cell' }, h('span', { class: 'clamp' }, error.method ?? '–'), error.portal && h('div', { class: 'faint' }, error.portal)),
      h('td', { 'data-label': t('column.client') }, h('span', { class: 'clamp' }, error.client ?? '–')),
      h('td', { class: 'wide-cell', 'data-label': t('column.what') }, h('div', {},
        badge(word('class', error.class), faultTones[error.fault] ?? 'calm'), ' ', h('code', { class: 'clamp' }, error.code),
        error.description && h('div', { class: 'why clamp' }, error.description))),
      h('td', { 'data-label': t('column.request') }, h('span', { class: 'id' }, h('code', {}, error.request_id), copyButton(error.request_id, t('column.request'))))))))
}
