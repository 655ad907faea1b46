// Who did what.
import { get } from '../api.js'
import { notice } from '../components/notice.js'
import { h } from '../dom.js'
import { date } from '../format.js'
import { t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

/// Actions on many carry their number: "retry 412".
function action(text) {
  const [, name, count] = text.match(/^(.*?)(?: (\d+))?$/)
  return `${word('audit', name)}${count ? ` ${count}` : ''}`
}

/// Others than operations are named with their kind before them.
function target(text) {
  if (!text) return '–'
  const portal = text.match(/^portal (.+)$/)
  if (portal) return h('a', { href: link('portals', portal[1]) }, text)
  return text.includes(' ') ? text : h('a', { href: link('operations', text) }, text)
}

export function audit(place, context, query) {
  return new Screen(place, {
    name: 'audit',
    load: () => get('audit', { next: query.next }),
    view: ({ audit: rows, next }) => [
      h('h1', {}, t('audit.title')),
      rows.length === 0 ? notice({ icon: 'audit', title: t('audit.none') }) : h('table', { class: 'cards' },
        h('thead', {}, h('tr', {}, ['when', 'who', 'action', 'target', 'reason'].map((name) => h('th', { scope: 'col' }, t(`column.${name}`))))),
        h('tbody', {}, rows.map((row, index) => h('tr', { key: `${row.at} ${index}`, 'data-row': true },
          h('td', { 'data-label': t('column.when') }, h('time', { datetime: row.at }, date(row.at))),
          h('td', { 'data-label': t('column.who') }, row.actor),
          h('td', { class: 'main-cell' }, action(row.action)),
          h('td', { class: 'id', 'data-label': t('column.target') }, target(row.target)),
          h('td', { 'data-label': t('column.reason') }, row.reason ?? '–'))))),
      h('nav', { class: 'pager', 'aria-label': t('pager.label') },
        query.next && h('a', { class: 'button', href: link('audit') }, t('pager.newest')),
        next && h('a', { class: 'button', href: link('audit', { next }) }, t('pager.older')))],
  })
}
