// What stands around every page: where one can go, who one is, whether what is shown is fresh.
import { logout } from '../api.js'
import { h } from '../dom.js'
import { clock, number } from '../format.js'
import { t, word } from '../i18n.js'
import { live } from '../live.js'
import { go, link } from '../router.js'
import { banner } from './notice.js'
import { icon } from './icon.js'
import { preferences } from './preferences.js'

const places = ['overview', 'alerts', 'operations', 'portals', 'errors', 'clients', 'audit']

/// `page`: where one is; `overview`: the newest one, or null; `alerts`: those that fire.
export function navigation({ page, role, overview, alerts }) {
  const waiting = overview?.operations ? overview.operations.held + overview.operations.dead + overview.operations.failed : 0
  return h('nav', { class: 'places', 'aria-label': t('nav.label') },
    h('a', { class: 'brand', href: link() }, h('span', { class: 'logo', 'aria-hidden': 'true' }), 'b24gate'),
    h('ul', {}, places.filter((name) => name !== 'audit' || role === 'full').map((name) => {
      const here = page === name
      return h('li', { key: name }, h('a', { href: name === 'overview' ? link() : link(name), class: here ? 'current' : null, 'aria-current': here ? 'page' : null },
        icon(name), h('span', {}, t(`nav.${name}`)),
        name === 'alerts' && alerts.length > 0 && h('span', { class: 'count bad', title: t('worry.alerts', { n: alerts.length }) }, number(alerts.length)),
        name === 'operations' && waiting > 0 && h('span', { class: 'count bad', title: t('worry.operations', { n: waiting }) }, number(waiting))))
    })))
}

function search(query) {
  const find = (event) => {
    event.preventDefault()
    const text = event.target.elements.search.value.trim()
    if (text) go(link('operations', { tab: 'all', text }))
  }
  return h('form', { role: 'search', class: 'search', onsubmit: find }, icon('search'),
    h('input', { type: 'search', name: 'search', id: 'search', 'aria-label': t('search.label'), placeholder: t('search.placeholder'), autocomplete: 'off', maxlength: 60, value: query.text ?? '' }),
    h('kbd', { 'aria-hidden': 'true' }, '/'))
}

function liveButton() {
  const { state } = live
  const label = t(live.paused ? 'live.resume' : 'live.pause')
  return h('button', {
    type: 'button', class: `live ${state}`, title: label, 'aria-pressed': live.paused ? 'true' : 'false', 'aria-label': `${t(`live.${state}`)} – ${label}`,
    onclick: () => { live.paused = !live.paused },
  }, h('span', { class: 'dot', 'aria-hidden': 'true' }), h('span', {}, t(`live.${state}`)))
}

/// `help`, `redraw`: what the menu can do besides.
export function topBar({ role, query, help, redraw }) {
  return h('header', { class: 'top' }, search(query), liveButton(),
    h('details', { class: 'menu' },
      h('summary', { 'aria-label': t('menu.label') }, icon('person'), h('span', { class: 'role' }, word('role', role))),
      h('div', { class: 'menu-body' }, preferences(redraw),
        h('button', { type: 'button', class: 'quiet', onclick: help }, icon('keys'), t('keys.title')),
        h('button', { type: 'button', class: 'quiet', onclick: () => logout().catch(() => {}) }, icon('leave'), t('menu.logout')))))
}

/// What holds for every page: no answer, no encryption, no right to change anything.
export function banners({ role }) {
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)
  const seconds = Math.max(0, Math.ceil((live.retryAt - Date.now()) / 1000))
  return h('div', { class: 'banners' },
    h('div', { role: 'status' }, live.state === 'lost' && banner('bad', t('frame.lost', { time: live.heard ? clock(live.heard) : '–', n: seconds }))),
    live.latest && !live.latest.gateway.store && banner('bad', t('worry.store')),
    live.latest?.gateway.draining && banner('warn', t('worry.draining')),
    location.protocol === 'http:' && !local && banner('warn', t('frame.plain')),
    role === 'read-only' && banner('info', t('frame.read_only')))
}
