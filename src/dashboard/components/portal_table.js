// Portals as rows, those in trouble first.
import { h, same } from '../dom.js'
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

/// The portals of one page over time. Rows move only while nobody points at them, and are made anew only when something has
/// changed: the live updates keep the object of a portal that is as it was.
export class PortalList {
  #order = new Map()
  #drawn = new Map()

  sorted(portals) {
    if (!document.getElementById('portal-table')?.matches(':hover, :focus-within')) {
      const worst = portals.map((portal) => [trouble(portal), portal.name]).sort((a, b) => b[0] - a[0] || a[1].localeCompare(b[1]))
      this.#order = new Map(worst.map(([, name], place) => [name, place]))
    }
    const place = (portal) => this.#order.get(portal.name) ?? portals.length
    return [...portals].sort((a, b) => place(a) - place(b))
  }

  table(portals) {
    const before = this.#drawn
    this.#drawn = new Map(portals.map((portal) => [portal.name, portal]))
    return portalTable(portals.map((portal) => (before.get(portal.name) === portal ? same('tr', portal.name) : portalRow(portal))))
  }
}

function portalRow(portal) {
  return h('tr', { key: portal.name, 'data-row': true },
    h('td', { class: 'main-cell' }, h('a', { href: link('portals', portal.name) }, portal.name)),
    h('td', { 'data-label': t('column.health') }, h('span', { class: 'badges' }, health(portal))),
    h('td', { class: 'wide-cell', 'data-label': t('column.budget') }, budgetGauge(portal.name, portal.budget)),
    h('td', { class: 'number', 'data-label': t('column.queue') }, number(portal.queue)),
    h('td', { class: 'number', 'data-label': t('column.in_flight') }, number(portal.in_flight)),
    h('td', { class: 'number', 'data-label': t('column.lately') }, number(portal.lately.calls)),
    h('td', { class: 'number', 'data-label': t('column.errors') }, percent(portal.lately.system, portal.lately.calls)))
}

function portalTable(rows) {
  const head = ['portal', 'health', 'budget', 'queue', 'in_flight', 'lately', 'errors']
  const numeric = new Set(['queue', 'in_flight', 'lately', 'errors'])
  return h('table', { class: 'cards', id: 'portal-table' },
    h('caption', { class: 'visually-hidden' }, t('nav.portals')),
    h('thead', {}, h('tr', {}, head.map((name) => h('th', { scope: 'col', class: numeric.has(name) ? 'number' : null }, t(`column.${name}`))))),
    h('tbody', {}, rows))
}

export function noPortals() {
  const lines = '[portals.acme]\nurl = "https://acme.bitrix24.com"\n\n[portals.acme.credentials.main]\ntype = "webhook"\nuser = 1\nsecret = "env:ACME_WEBHOOK"'
  return h('div', { class: 'notice' }, h('p', { class: 'notice-title' }, t('portals.none')), h('p', {}, t('portals.none.text')), h('pre', {}, lines))
}
