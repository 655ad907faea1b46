// What the gateway warns of: what is wrong now, what was, who is told, and what is kept quiet.
import { alarms } from '../alarms.js'
import { post, segment } from '../api.js'
import { alertCard, headline, measured, severityBadge } from '../components/alert.js'
import { say } from '../components/announce.js'
import { badge } from '../components/badge.js'
import { confirmAction } from '../components/dialog.js'
import { icon } from '../components/icon.js'
import { banner, notice } from '../components/notice.js'
import { endSilence, silenceAlert, silenceMany } from '../components/silence.js'
import { moment } from '../components/time.js'
import { h } from '../dom.js'
import { date, duration } from '../format.js'
import { t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const heads = (names) => h('thead', {}, h('tr', {}, names.map((name) => h('th', { scope: 'col' }, t(`column.${name}`)))))
const cell = (name, ...content) => h('td', { 'data-label': t(`column.${name}`) }, content.length === 1 && typeof content[0] !== 'object' ? content[0] : h('div', {}, content))

function list(all, { chosen, mayAct, changed }) {
  const buttons = (one) => mayAct && (one.silence
    ? h('button', { type: 'button', class: 'small', onclick: () => endSilence(one.silence, changed) }, icon('play'), t('silence.end'))
    : h('button', { type: 'button', class: 'small', onclick: () => silenceAlert(one, headline(one), changed) }, icon('pause'), t('silence.open')))
  return h('ul', { class: 'alerts' }, all.map((one) => alertCard(one, { chosen: one.id === chosen, buttons: buttons(one) })))
}

function resolved(all, chosen) {
  return h('table', { class: 'cards' }, heads(['alert', 'severity', 'over', 'lasted', 'peak', 'end']),
    h('tbody', {}, all.map((one) => h('tr', { key: one.id, 'data-row': true, class: one.id === chosen ? 'selected' : null },
      h('td', { class: 'main-cell' }, h('a', { href: link('alerts', one.id) }, headline(one))),
      cell('severity', severityBadge(one.severity)),
      cell('over', moment(one.resolved)),
      cell('lasted', duration((Date.parse(one.resolved) - Date.parse(one.fired ?? one.since)) / 1000)),
      cell('peak', measured(one.rule, one.peak)),
      cell('end', word('alert.end', one.end ?? 'fixed'))))))
}

function silenceTable(all, mayAct, changed) {
  return h('table', { class: 'cards' }, heads(['rule', 'subject', 'until', 'who', 'reason', ...(mayAct ? ['action'] : [])]),
    h('tbody', {}, all.map((one) => h('tr', { key: one.id, 'data-row': true },
      h('td', { class: 'main-cell' }, one.rule === '*' ? t('silence.any') : word('rule', one.rule)),
      cell('subject', h('code', {}, one.subject)), cell('until', h('time', { datetime: one.until }, date(one.until))),
      cell('who', one.actor), cell('reason', one.reason ?? '–'),
      mayAct && cell('action', h('button', { type: 'button', class: 'small', onclick: () => endSilence(one, changed) }, icon('play'), t('silence.end')))))))
}

function testChannel(channel) {
  confirmAction({
    title: t('channel.test.title', { channel: channel.name }), text: t('channel.test.text'), button: t('channel.test'), reason: false,
    act: () => post(`channels/${segment(channel.name)}/test`),
    done: ({ answer }) => say([t('channel.test.sent'), answer].filter(Boolean).join('\n'), 'good'),
  })
}

const everything = (names) => names.length === 0 || names.includes('*')

function hears({ severity, rules, portals }) {
  return [severity === 'info' ? t('channel.all') : t('channel.from', { severity: word('severity', severity) }), !everything(rules) && rules.map((rule) => word('rule', rule)).join(', '),
    !everything(portals) && portals.join(', ')].filter(Boolean).join(' · ')
}

function channelTable(all, mayAct) {
  return h('table', { class: 'cards' }, heads(['channel', 'state', 'hears', 'sent', ...(mayAct ? ['action'] : [])]),
    h('tbody', {}, all.map((one) => h('tr', { key: one.name, 'data-row': true },
      h('td', { class: 'main-cell' }, one.name, ' ', badge(word('channel.type', one.type), 'calm')),
      cell('state', one.failing ? badge(t('channel.failing'), 'bad', 'cross') : badge(t('channel.works'), 'good', 'check'),
        one.error && h('div', { class: 'why' }, one.error, ' ', moment(one.last_error))),
      cell('hears', hears(one)), cell('sent', moment(one.last_sent)),
      mayAct && cell('action', one.type === 'log' ? h('span', { class: 'faint' }, '–') : h('button', { type: 'button', class: 'small', onclick: () => testChannel(one) }, t('channel.test')))))))
}

function limit({ rule, threshold, free, min_calls: calls }) {
  if (rule === 'disk') return t('rule.free', { size: measured('disk', free) })
  const least = calls > 0 ? t('rule.least', { n: calls }) : ''
  return [threshold > 0 && t('rule.over', { value: measured(rule, threshold) }), least].filter(Boolean).join(', ') || '–'
}

function ruleTable(all) {
  return h('details', {}, h('summary', {}, t('alerts.rules')),
    h('table', { class: 'cards' }, heads(['rule', 'severity', 'threshold', 'window', 'for']),
      h('tbody', {}, all.map((one) => h('tr', { key: one.rule },
        h('td', { class: 'main-cell' }, word('rule', one.rule), !one.enabled && [' ', badge(t('rule.off'), 'calm', 'minus')]),
        cell('severity', severityBadge(one.severity)), cell('threshold', limit(one)),
        cell('window', one.window_s > 0 ? duration(one.window_s) : '–'), cell('for', one.for_s > 0 ? duration(one.for_s) : '–'))))))
}

/// `chosen`: the id of the one that a message has led to.
export function alerts(place, { mayAct }, query, chosen) {
  const screen = new Screen(place, {
    name: 'alerts',
    load: () => alarms.look(),
    view({ alerts: all, silences, rules, channels, enabled, store }) {
      const of = (state) => all.filter((one) => one.state === state)
      const [firing, pending, over] = [of('firing'), of('pending'), of('resolved')]
      const changed = () => screen.reload()
      const options = { chosen, mayAct, changed }
      return [
        h('div', { class: 'page-head' }, h('h1', {}, t('nav.alerts')),
          mayAct && h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => silenceMany(rules.map((one) => one.rule), changed) }, icon('pause'), t('silence.many')))),
        !enabled && banner('warn', t('alerts.off')),
        !store && banner('bad', t('alerts.no_store')),
        chosen && !all.some((one) => one.id === chosen) && banner('info', t('alerts.unknown')),
        h('section', { 'aria-labelledby': 'firing' }, h('h2', { id: 'firing' }, t('alerts.firing')),
          firing.length > 0 ? list(firing, options) : h('div', { class: 'banner good' }, icon('check'), h('div', {}, t('alerts.none')))),
        pending.length > 0 && h('section', { 'aria-labelledby': 'pending' }, h('h2', { id: 'pending' }, t('alerts.pending')), list(pending, options)),
        silences.length > 0 && h('section', { class: 'card' }, h('h2', {}, t('alerts.silences')), silenceTable(silences, mayAct, changed)),
        h('section', { class: 'card' }, h('h2', {}, t('alerts.resolved')),
          over.length > 0 ? resolved(over, chosen) : h('p', { class: 'faint' }, t('alerts.resolved.none'))),
        h('section', { class: 'card' }, h('h2', {}, t('alerts.channels')), channels.length > 0 ? channelTable(channels, mayAct) : notice({ icon: 'errors', title: t('alerts.channels.none') })),
        h('section', { class: 'card' }, ruleTable(rules))]
    },
    every: 2000,
  })
  screen.loaded.then(() => place.querySelector('.chosen')?.scrollIntoView({ block: 'center' }))
  return screen
}
