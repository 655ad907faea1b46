// Operations as rows.
import { h } from '../dom.js'
import { t, word } from '../i18n.js'
import { link } from '../router.js'
import { stateBadge } from './badge.js'
import { moment } from './time.js'

function why(row) {
  if (row.state === 'succeeded' || row.state === 'discarded') return null
  const phrase = row.blocked ? t('operation.blocked') : row.class ? word('class', row.class) : null
  return h('div', { class: 'why clamp' }, phrase, row.code && [' ', h('code', {}, row.code)])
}

function box(ids, label, { selected, toggle }) {
  const ticked = ids.filter((id) => selected.has(id)).length
  return h('input', {
    type: 'checkbox', 'aria-label': label, checked: ids.length > 0 && ticked === ids.length, indeterminate: ticked > 0 && ticked < ids.length,
    onchange: (event) => toggle(ids, event.target.checked),
  })
}

/// `selection`: {selected, toggle(ids, yes)}, or false.
export function operationTable(rows, selection) {
  const selectable = rows.filter((row) => row.actions.length > 0).map((row) => row.id)
  const ticks = selection && selectable.length > 0
  return h('table', { class: 'cards list' },
    h('caption', { class: 'visually-hidden' }, t('nav.operations')),
    h('thead', {}, h('tr', {}, ticks && h('th', { class: 'tick-cell' }, box(selectable, t('operations.select.all'), selection)),
      ['what', 'state', 'portal', 'client', 'attempts', 'next', 'age'].map((name) =>
        h('th', { scope: 'col', class: name === 'attempts' ? 'number' : null }, t(`column.${name}`))))),
    h('tbody', {}, rows.map((row) => h('tr', { key: row.id, 'data-row': true, class: selection && selection.selected.has(row.id) ? 'selected' : null },
      ticks && h('td', { class: 'tick-cell' }, row.actions.length > 0 && box([row.id], t('operations.select', { id: row.id }), selection)),
      h('td', { class: 'main-cell' }, h('a', { class: 'clamp', href: link('operations', row.id) }, row.method), h('div', { class: 'faint id clamp' }, row.id)),
      h('td', { 'data-label': t('column.state') }, h('div', {}, stateBadge(row.state), why(row))),
      h('td', { 'data-label': t('column.portal') }, h('span', { class: 'clamp' }, row.portal)),
      h('td', { 'data-label': t('column.client') }, h('span', { class: 'clamp' }, row.client)),
      h('td', { class: 'number', 'data-label': t('column.attempts') }, t('operation.attempts', { attempts: row.attempts, most: row.max_attempts })),
      h('td', { class: row.due ? null : 'nothing', 'data-label': t('column.next') }, row.due ? moment(row.due) : h('span', { class: 'faint' }, '–')),
      h('td', { 'data-label': t('column.age') }, moment(row.created))))))
}
