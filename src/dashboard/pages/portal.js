// One portal: what it has left, what holds calls back, who spends it.
import { Failure, get, post, segment } from '../api.js'
import { say } from '../components/announce.js'
import { badge, breakerBadge, credentialBadge } from '../components/badge.js'
import { confirmAction } from '../components/dialog.js'
import { errorList } from '../components/error_list.js'
import { budgetGauge, usedGauge } from '../components/gauge.js'
import { icon } from '../components/icon.js'
import { banner } from '../components/notice.js'
import { moment } from '../components/time.js'
import { h } from '../dom.js'
import { duration, number, percent } from '../format.js'
import { t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const mostCosts = 20
const soon = 14 // days a refresh token has left

function facts(...pairs) {
  return h('dl', { class: 'facts' }, pairs.filter(Boolean).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))))
}

function pauseButton(portal, screen) {
  const action = portal.paused ? 'resume' : 'pause'
  return h('button', {
    type: 'button', class: portal.paused ? 'primary' : '',
    onclick: () => confirmAction({
      title: t(`${action}.title`, { portal: portal.name }), text: t(`${action}.text`), button: t(`${action}.button`),
      act: (reason) => post(`portals/${segment(portal.name)}/${action}`, reason ? { reason } : {}),
      done: () => { say(t(`${action}.done`, { portal: portal.name }), 'good'); screen.reload() },
    }),
  }, icon(portal.paused ? 'play' : 'pause'), t(`${action}.button`))
}

function head(portal, screen, mayAct) {
  return h('div', { class: 'page-head' },
    h('div', {}, h('p', { class: 'crumbs' }, h('a', { href: link('portals') }, t('nav.portals'))),
      h('h1', {}, portal.name), h('p', { class: 'faint' }, portal.url, portal.mode === 'observe' && [' ', badge(t('portal.observe'), 'info', 'clock')])),
    h('div', { class: 'actions' },
      h('a', { class: 'button', href: link('operations', { tab: 'all', portal: portal.name }) }, icon('operations'), t('nav.operations')),
      mayAct && pauseButton(portal, screen)))
}

function pausedBanner({ paused }) {
  return paused && banner('warn', h('strong', {}, t('portal.paused.by', { actor: paused.actor })), ' ', moment(paused.since), paused.reason && h('p', {}, paused.reason))
}

function budget(portal) {
  const { budget: b, in_flight: flying, queue, batches } = portal
  return h('section', { class: 'card' }, h('h2', {}, t('portal.budget')),
    budgetGauge(portal.name, b),
    b.held_for_ms > 0 && banner('warn', t('portal.budget.held', { time: duration(b.held_for_ms / 1000) })),
    facts(
      [t('budget.plan'), [word('plan', b.plan), b.license && ` (${b.license})`, b.plan === 'auto' && !b.plan_learnt && ` – ${t('budget.learning')}`]],
      !b.unlimited && [t('budget.rate'), t('budget.rate.value', { rate: number(b.rate, 2), plan: number(b.plan_rate, 2) })],
      [t('budget.hits'), number(b.hits)],
      [t('budget.refusals'), number(b.rate_refusals + b.operating_refusals)],
      [t('portal.in_flight'), t('portal.in_flight.value', { now: number(flying.now), max: number(flying.max) })],
      [t('portal.queue'), number(queue.length)],
      [t('portal.wait'), ['interactive', 'normal', 'bulk'].map((priority) => `${word('priority', priority)} ${duration(queue.predicted_wait_ms[priority] / 1000)}`).join(' · ')],
      batches && [t('portal.batches'), t('portal.batches.value', { n: batches.hits_saved })]))
}

function operating({ operating: all }) {
  return h('section', { class: 'card' }, h('h2', {}, t('portal.operating')),
    all.length === 0 ? h('p', { class: 'faint' }, t('portal.operating.none')) : h('table', { class: 'cards' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('column.method')), h('th', { scope: 'col' }, t('column.credential')), h('th', { scope: 'col' }, t('column.used')))),
      h('tbody', {}, all.map((one) => h('tr', { key: `${one.credential} ${one.method} ${one.batched}` },
        h('td', { class: 'main-cell' }, one.method, one.batched && [' ', badge(t('portal.batched'), 'calm')]),
        h('td', { 'data-label': t('column.credential') }, one.credential),
        h('td', { class: 'wide-cell', 'data-label': t('column.used') }, usedGauge({
          used: one.used_s, of: one.limit_s, label: one.method,
          detail: [t('portal.operating.value', { used: number(one.used_s, 1), limit: number(one.limit_s) }),
            one.held_for_ms > 0 && ` – ${t('portal.operating.held', { time: duration(one.held_for_ms / 1000) })}`],
        })))))))
}

function refreshButton(portal, credential, screen) {
  return h('button', {
    type: 'button', class: 'small',
    onclick: () => confirmAction({
      title: t('refresh.title', { credential: credential.name }), text: t('refresh.text'), button: t('refresh.button'),
      act: (reason) => post(`portals/${segment(portal.name)}/credentials/${segment(credential.name)}/refresh`, reason ? { reason } : {}),
      done: () => { say(t('refresh.done', { credential: credential.name }), 'good'); screen.reload() },
    }),
  }, icon('retry'), t('refresh.button'))
}

function expiry(credential) {
  if (credential.type === 'webhook') return h('span', { class: 'faint' }, t('credential.no_expiry'))
  if (credential.expires_in_s === undefined) return h('span', { class: 'faint' }, '–')
  const left = credential.refresh_token_days_left
  return h('div', {},
    h('div', {}, credential.expires_in_s > 0 ? t('credential.expires', { time: duration(credential.expires_in_s) }) : t('credential.expired_now')),
    left !== undefined && h('div', { class: left <= soon ? 'worry' : 'faint' }, t('credential.refresh_left', { n: left })))
}

function credentials(portal, screen, mayAct) {
  const breakerOf = (name) => portal.breakers.find((breaker) => breaker.credential === name)
  return h('section', { class: 'card' }, h('h2', {}, t('portal.credentials')),
    h('table', { class: 'cards' },
      h('thead', {}, h('tr', {}, ['credential', 'state', 'expiry', 'breaker', 'action'].map((name) => h('th', { scope: 'col' }, t(`column.${name}`))))),
      h('tbody', {}, portal.credentials.map((one) => {
        const breaker = breakerOf(one.name)
        return h('tr', { key: one.name },
          h('td', { class: 'main-cell' }, one.name, ' ', badge(word('credential.type', one.type), 'calm')),
          h('td', { 'data-label': t('column.state') }, h('div', {}, credentialBadge(one.state), one.reason && h('div', { class: 'why' }, one.reason),
            one.state === 'needs_reauth' && h('div', { class: 'why' }, t('credential.what_to_do')))),
          h('td', { 'data-label': t('column.expiry') }, expiry(one)),
          h('td', { 'data-label': t('column.breaker') }, h('div', {}, breakerBadge(breaker?.state ?? 'closed'), breaker && h('div', { class: 'why' },
            breaker.why, ' – ', t('portal.breaker.retry', { time: duration(breaker.retry_after_ms / 1000) })))),
          h('td', { 'data-label': t('column.action') }, mayAct && one.type === 'oauth' ? refreshButton(portal, one, screen) : h('span', { class: 'faint' }, '–')))
      }))))
}

function spenders(portal, clients) {
  const rows = clients.flatMap((client) => client.by_portal.filter((one) => one.portal === portal.name && one.calls > 0)
    .map((one) => ({ ...one, client: client.name, waiting: client.queue[portal.name] ?? 0 }))).sort((a, b) => b.hits - a.hits)
  const total = rows.reduce((sum, row) => sum + row.hits, 0)
  return h('section', { class: 'card' }, h('h2', {}, t('portal.spenders')), h('p', { class: 'faint' }, t('value.since_start')),
    rows.length === 0 ? h('p', { class: 'faint' }, t('portal.spenders.none')) : h('table', { class: 'cards' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('column.client')), ['hits', 'share', 'calls', 'errors', 'queue'].map((name) =>
        h('th', { scope: 'col', class: 'number' }, t(`column.${name}`))))),
      h('tbody', {}, rows.map((row) => h('tr', { key: row.client },
        h('td', { class: 'main-cell' }, row.client),
        h('td', { class: 'number', 'data-label': t('column.hits') }, number(row.hits)),
        h('td', { class: 'number', 'data-label': t('column.share') }, percent(row.hits, total)),
        h('td', { class: 'number', 'data-label': t('column.calls') }, number(row.calls)),
        h('td', { class: 'number', 'data-label': t('column.errors') }, number(row.errors)),
        h('td', { class: 'number', 'data-label': t('column.queue') }, number(row.waiting)))))))
}

/// By client and method, the dearest first.
function costs(portal, clients) {
  const rows = clients.flatMap((client) => client.by_portal.filter((one) => one.portal === portal.name)
    .flatMap((one) => one.methods.map((method) => ({ ...method, client: client.name })))).sort((a, b) => b.hits - a.hits || b.seconds - a.seconds)
  const sum = (member) => rows.reduce((all, row) => all + row[member], 0)
  const [hits, seconds] = [sum('hits'), sum('seconds')]
  const shown = rows.slice(0, mostCosts)
  return h('section', { class: 'card' }, h('h2', {}, t('portal.costs')), h('p', { class: 'faint' }, t('portal.costs.text')),
    shown.length === 0 ? h('p', { class: 'faint' }, t('portal.spenders.none')) : h('table', { class: 'cards' },
      h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('column.method')), h('th', { scope: 'col' }, t('column.client')), ['hits', 'share', 'ran', 'share'].map((name) =>
        h('th', { scope: 'col', class: 'number' }, t(`column.${name}`))))),
      h('tbody', {}, shown.map((row) => h('tr', { key: `${row.client} ${row.method}` },
        h('td', { class: 'main-cell' }, h('span', { class: 'clamp' }, row.method)),
        h('td', { 'data-label': t('column.client') }, row.client),
        h('td', { class: 'number', 'data-label': t('column.hits') }, number(row.hits)),
        h('td', { class: 'number', 'data-label': t('column.share') }, percent(row.hits, hits)),
        h('td', { class: 'number', 'data-label': t('column.ran') }, seconds > 0 ? t('portal.seconds', { seconds: number(row.seconds, 2) }) : '–'),
        h('td', { class: 'number', 'data-label': t('column.share') }, seconds > 0 ? percent(row.seconds, seconds) : '–'))))),
    rows.length > shown.length && h('p', { class: 'faint' }, t('portal.costs.more', { n: rows.length - shown.length })))
}

export function portal(place, { mayAct }, name) {
  const screen = new Screen(place, {
    name: `portal ${name}`,
    async load() {
      const [{ portals }, { clients }, { errors }] = await Promise.all([
        get('portals', { name }), get('clients', { portal: name }), get('errors', { portal: name, limit: 20 })])
      const [found] = portals
      if (!found) throw new Failure(404, '', t('portal.missing', { portal: name }))
      return { portal: found, clients, errors }
    },
    view: ({ portal: one, clients, errors }) => [
      head(one, screen, mayAct), pausedBanner(one),
      h('div', { class: 'columns' }, budget(one), spenders(one, clients)),
      credentials(one, screen, mayAct), costs(one, clients), operating(one),
      h('section', { class: 'card' }, h('h2', {}, t('portal.errors')), errorList(errors))],
    every: 2000,
  })
  return screen
}
