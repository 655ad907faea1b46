// Portals as rows, those in trouble first.
import { h } from '../dom.js'
import { number, percent } from '../format.js'
import { t } from '../i18n.js'
import { link } from '../router.js'
import { badge } from './badge.js'
import { budgetGauge } from './gauge.js'

function trouble(portal) {
  const { lately } = portal
  return (portal.needs_reauth ? 1e6 : 0) + (portal.breaker === 'open' ? 1e5 : 0) + (portal.paused ? 1e4 : 0) +
    (lately.calls ? (lately.system / lately.calls) * 1000 : 0) + Math.min(900, portal.queue)
}

export function health(portal) {
  const out = []
  if (portal.needs_reauth) out.push(badge(t('portal.needs_reauth'), 'bad', 'diamond'))
  if (portal.breaker === 'open') out.push(badge(t('portal.breaker_open'), 'bad', 'cross'))
  if (portal.paused) out.push(badge(t('portal.paused'), 'warn', 'pause'))
  if (portal.lately.calls >= 20 && portal.lately.system > portal.lately.calls / 10) out.push(badge(t('portal.failing'), 'bad', 'errors'))
  if (out.length === 0) out.push(badge(t('portal.healthy'), 'good', 'check'))
  return out
}

/// Keeps an order over time: rows move only while nobody points at them.
export function portalOrder() {
  let order = []
  return (portals, element) => {
    if (!element?.matches(':hover, :focus-within'))
      order = [...portals].sort((a, b) => trouble(b) - trouble(a) || a.name.localeCompare(b.name)).map((portal) => portal.name)
    const place = (portal) => (order.includes(portal.name) ? order.indexOf(portal.name) : order.length)
    return [...portals].sort((a, b) => place(a) - place(b))
  }
}

export function portalTable(portals) {
  const head = ['portal', 'health', 'budget', 'queue', 'in_flight', 'lately', 'errors']
  const numeric = new Set(['queue', 'in_flight', 'lately', 'errors'])
  return h('table', { class: 'cards', id: 'portal-table' },
    h('caption', { class: 'visually-hidden' }, t('nav.portals')),
    h('thead', {}, h('tr', {}, head.map((name) => h('th', { scope: 'col', class: numeric.has(name) ? 'number' : null }, t(`column.${name}`))))),
    h('tbody', {}, portals.map((portal) => h('tr', { key: portal.name, 'data-row': true },
      h('td', { class: 'main-cell' }, h('a', { href: link('portals', portal.name) }, portal.name)),
      h('td', { 'data-label': t('column.health') }, h('span', { class: 'badges' }, health(portal))),
      h('td', { class: 'wide-cell', 'data-label': t('column.budget') }, budgetGauge(portal.name, portal.budget)),
      h('td', { class: 'number', 'data-label': t('column.queue') }, number(portal.queue)),
      h('td', { class: 'number', 'data-label': t('column.in_flight') }, number(portal.in_flight)),
      h('td', { class: 'number', 'data-label': t('column.lately') }, number(portal.lately.calls)),
      h('td', { class: 'number', 'data-label': t('column.errors') }, percent(portal.lately.system, portal.lately.calls))))))
}

export function noPortals() {
  const lines = '[portals.acme]\nurl = "https://acme.bitrix24.com"\n\n[portals.acme.credentials.main]\ntype = "webhook"\nuser = 1\nsecret = "env:ACME_WEBHOOK"'
  return h('div', { class: 'notice' }, h('p', { class: 'notice-title' }, t('portals.none')), h('p', {}, t('portals.none.text')), h('pre', {}, lines))
}
