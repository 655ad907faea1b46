// How things stand, on one page: what wants a person first, numbers after that.
import { alarms } from '../alarms.js'
import { get, post } from '../api.js'
import { headline, severityTones } from '../components/alert.js'
import { badge } from '../components/badge.js'
import { say } from '../components/announce.js'
import { callsChart, sparkline } from '../components/chart.js'
import { confirmAction } from '../components/dialog.js'
import { icon } from '../components/icon.js'
import { noPortals, PortalList } from '../components/portal_table.js'
import { moment } from '../components/time.js'
import { h } from '../dom.js'
import { number, percent } from '../format.js'
import { t } from '../i18n.js'
import { live } from '../live.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const lately = 5 // minutes, as the API counts them
/// Those in trouble come first; all of them have a page of their own.
const mostPortals = 50
const worrying = { share: 0.1, calls: 20 }

export const needsPerson = (operations) => operations.held + operations.dead + operations.failed

/// What a person should look at: {tone, text, href, rule, portal}; `rule`: of the alert that says the same, of this portal or at all.
function worries({ gateway, portals, operations, lately: recent }) {
  const out = []
  if (!gateway.store) out.push({ tone: 'bad', text: t('worry.store'), rule: 'store' })
  if (gateway.draining) out.push({ tone: 'warn', text: t('worry.draining') })
  for (const { name, needs_reauth, breaker, paused } of portals) {
    const href = link('portals', name)
    if (needs_reauth) out.push({ tone: 'bad', text: t('worry.reauth', { portal: name }), href, rule: 'needs_reauth', portal: name })
    if (breaker === 'open') out.push({ tone: 'bad', text: t('worry.breaker', { portal: name }), href, rule: 'breaker_open', portal: name })
    if (paused) out.push({ tone: 'warn', text: t('worry.paused', { portal: name }), href })
  }
  if (recent.calls >= worrying.calls && recent.system > recent.calls * worrying.share)
    out.push({ tone: 'bad', text: t('worry.errors', { share: percent(recent.system, recent.calls) }), href: link('errors', { fault: 'system' }), rule: 'error_rate' })
  if (operations && needsPerson(operations) > 0)
    out.push({ tone: 'warn', text: t('worry.operations', { n: needsPerson(operations) }), href: link('operations'), rule: 'stuck_operations' })
  return out
}

function attention(overview) {
  const loud = alarms.loud
  const said = ({ rule, portal }) => rule && loud.some((one) => one.rule === rule && (!portal || one.portal === portal))
  const all = [
    ...loud.map((one) => ({ tone: severityTones[one.severity] ?? 'info', text: headline(one), href: link('alerts', one.id) })),
    ...worries(overview).filter((one) => !said(one))]
  return h('section', { 'aria-labelledby': 'attention' },
    h('h2', { id: 'attention', class: 'visually-hidden' }, t('overview.attention')),
    all.length === 0
      ? h('div', { class: 'banner good' }, icon('check'), h('div', {}, t('overview.calm')))
      : h('ul', { class: 'worries' }, all.map(({ tone, text, href }) => h('li', { key: text, class: `banner ${tone}` },
        icon('errors'), href ? h('a', { href }, text) : h('div', {}, text)))))
}

function figure({ title, value, detail, href, values, tone }) {
  return h('a', { class: `figure ${tone ?? ''}`, href, key: title },
    h('span', { class: 'figure-title' }, title), h('span', { class: 'figure-value' }, value),
    h('span', { class: 'figure-detail' }, detail), values && sparkline(values))
}

function figures({ minutes, lately: recent, queue, portals, operations }) {
  const inFlight = portals.reduce((sum, portal) => sum + portal.in_flight, 0)
  const wanting = operations ? needsPerson(operations) : null
  return h('section', { class: 'figures', 'aria-label': t('overview.figures') },
    figure({
      title: t('figure.calls'), value: number(recent.calls / lately, 1), detail: t('figure.calls.detail'), href: link('clients'),
      values: minutes.map((minute) => minute.calls),
    }),
    figure({
      title: t('figure.errors'), value: percent(recent.system, recent.calls), tone: recent.system > 0 ? 'bad' : '',
      detail: t('figure.errors.detail', { refused: number(recent.refused), limit: number(recent.limit) }), href: link('errors'),
      values: minutes.map((minute) => minute.system),
    }),
    figure({ title: t('figure.queue'), value: number(queue), detail: t('figure.queue.detail', { n: inFlight }), href: link('portals') }),
    figure({
      title: t('figure.person'), value: wanting === null ? '–' : number(wanting), tone: wanting > 0 ? 'warn' : '',
      detail: operations ? t('figure.person.detail', { held: number(operations.held), dead: number(operations.dead), failed: number(operations.failed) }) : t('figure.unknown'),
      href: link('operations'),
    }),
    figure({
      title: t('figure.working'), value: operations ? number(operations.queued + operations.running + operations.waiting) : '–',
      detail: operations ? t('figure.working.detail', { waiting: number(operations.waiting), running: number(operations.running) }) : t('figure.unknown'),
      href: link('operations', { tab: 'waiting' }),
    }))
}

function reload() {
  confirmAction({
    title: t('reload.title'), text: t('reload.text'), button: t('reload.button'), reason: false,
    act: () => post('reload'),
    done: ({ warnings }) => say([t('reload.done'), ...warnings].join('\n'), warnings.length > 0 ? 'warn' : 'good'),
  })
}

function gateways({ gateway, gateways: all }, mayAct) {
  return h('section', { class: 'card' },
    h('div', { class: 'card-head' }, h('h2', {}, t('overview.gateways')),
      mayAct && h('button', { type: 'button', onclick: reload }, icon('reload'), t('reload.title'))),
    h('table', { class: 'cards' },
      h('thead', {}, h('tr', {}, ['gateway', 'version', 'started', 'seen'].map((name) => h('th', { scope: 'col' }, t(`column.${name}`))))),
      h('tbody', {}, (all ?? []).map((one) => h('tr', { key: one.instance },
        h('td', { class: 'main-cell' }, h('span', { class: 'id' }, one.instance)), h('td', { 'data-label': t('column.version') }, one.version),
        h('td', { 'data-label': t('column.started') }, moment(one.started)), h('td', { 'data-label': t('column.seen') }, moment(one.seen)))))),
    h('p', { class: 'faint' }, t('overview.egress', { egress: gateway.egress || '–', version: gateway.version }), ' ',
      gateway.ready ? badge(t('overview.ready'), 'good', 'check') : badge(t('overview.not_ready'), 'bad', 'cross')))
}

export function overview(place, { mayAct }) {
  const list = new PortalList()
  const screen = new Screen(place, {
    name: 'overview',
    async load() {
      const known = live.latest && live.state === 'live' ? live.latest : await get('overview')
      if (known !== live.latest) live.take(known)
      return known
    },
    view(data) {
      const portals = list.sorted(data.portals)
      return [
        h('h1', {}, t('nav.overview')),
        attention(data),
        figures(data),
        h('section', { class: 'card' }, h('h2', {}, t('overview.hour')), callsChart(data.minutes)),
        h('section', { class: 'card' }, h('h2', {}, t('nav.portals')), portals.length > 0 ? list.table(portals.slice(0, mostPortals)) : noPortals(),
          portals.length > mostPortals && h('p', {}, h('a', { href: link('portals') }, t('overview.all_portals', { n: portals.length })))),
        gateways(data, mayAct)]
    },
    every: 1,
  })
  return screen
}
