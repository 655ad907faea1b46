// One alert: what it says in words, how bad it is, and where one goes from it.
import { h } from '../dom.js'
import { date, duration, number, percent, bytes } from '../format.js'
import { language, t, word } from '../i18n.js'
import { link } from '../router.js'
import { badge } from './badge.js'
import { moment } from './time.js'

export const severityTones = { page: 'bad', critical: 'bad', warning: 'warn', info: 'info' }
const shapes = { page: 'errors', critical: 'errors', warning: 'diamond', info: 'dots' }
const seconds = new Set(['no_success', 'refresh_token'])

export function severityBadge(severity) {
  return badge(word('severity', severity), severityTones[severity] ?? 'calm', shapes[severity])
}

export function headline(alert) {
  return alert.texts[language()].headline
}

/// A number of this rule in its unit.
export function measured(rule, value) {
  if (rule === 'error_rate') return percent(value, 1)
  if (rule === 'disk') return bytes(value)
  return seconds.has(rule) ? duration(value) : number(value, 3)
}

/// Where what it is about can be looked at: [address, text] or null.
function place({ rule, portal }) {
  if (rule === 'stuck_operations') return [link('operations'), t('nav.operations')]
  if (rule === 'error_rate' || rule === 'no_success') return [link('errors', { fault: 'system' }), t('nav.errors')]
  return portal ? [link('portals', portal), portal] : null
}

function silenceLine({ silence }) {
  return silence && h('p', { class: 'why' }, t('alert.silenced', { time: date(silence.until), actor: silence.actor }), silence.reason && ` – ${silence.reason}`)
}

function toldLine({ told }) {
  if (told.length === 0) return null
  return h('p', { class: 'why' }, t('alert.told'), ' ', told.map((one, index) => [index > 0 && ', ', one.channel, ' ', moment(one.at)]))
}

/// `chosen`: it is the one that somebody wants to see; `buttons`: what can be done.
export function alertCard(alert, { chosen, buttons }) {
  const { meaning, advice } = alert.texts[language()]
  const tone = alert.state !== 'firing' || alert.silence ? 'calm' : (severityTones[alert.severity] ?? 'calm')
  const goal = place(alert)
  return h('li', { key: alert.id, 'data-row': true, class: `alert ${tone} ${chosen ? 'chosen' : ''}` },
    h('div', { class: 'alert-head' },
      h('div', { class: 'main-cell' }, h('a', { href: link('alerts', alert.id) }, headline(alert))),
      h('span', { class: 'badges' }, severityBadge(alert.severity), alert.silence && badge(t('alert.silent'), 'calm', 'pause'), alert.flapping && badge(t('alert.flapping'), 'warn', 'retry'))),
    h('div', { class: 'explanation' },
      h('div', {}, h('h3', {}, t('operation.happened')), h('p', {}, meaning)),
      h('div', {}, h('h3', {}, t('operation.todo')), h('p', {}, advice))),
    h('div', { class: 'alert-foot' },
      h('div', {}, h('p', { class: 'why' }, t('alert.since'), ' ', moment(alert.since), alert.peak !== alert.value && alert.peak > 0 && ` · ${t('alert.peak', { value: measured(alert.rule, alert.peak) })}`),
        toldLine(alert), silenceLine(alert)),
      h('div', { class: 'actions' }, goal && h('a', { class: 'button small', href: goal[0] }, goal[1]), buttons)))
}
