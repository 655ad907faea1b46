// Who calls: what each may, what it has called, what became of it.
import { get } from '../api.js'
import { badge } from '../components/badge.js'
import { breakdown } from '../components/breakdown.js'
import { notice } from '../components/notice.js'
import { h } from '../dom.js'
import { duration, number, percent } from '../format.js'
import { t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const mostPortals = 12
const sum = (counts) => Object.values(counts ?? {}).reduce((all, count) => all + count, 0)

function may(client) {
  const list = (all) => all.map((one, index) => [index > 0 && ' ', h('code', {}, one)])
  return h('div', {},
    h('div', {}, client.allow.some((one) => one !== '*') ? [t('client.allow'), ' ', list(client.allow)] : t('client.all_methods')),
    client.deny.length > 0 && h('div', {}, t('client.deny'), ' ', list(client.deny)))
}

/// A few of them; the rest is a number.
function portalLinks(names) {
  const rest = names.length - mostPortals
  return [names.slice(0, rest > 1 ? mostPortals : names.length).map((name, index) => [index > 0 && ', ', h('a', { href: link('portals', name) }, name)]),
    rest > 1 && ` ${t('client.more_portals', { n: rest })}`]
}

function card(client) {
  const facts = [
    [t('client.portals'), portalLinks(client.portals)],
    [t('client.may'), may(client)],
    [t('operation.priority'), `${word('priority', client.priority)} · ${t('client.weight', { weight: number(client.weight, 2) })}`],
    [t('client.timeout'), duration(client.timeout_ms / 1000)],
    client.addresses.length > 0 && [t('client.addresses'), client.addresses.join(', ')],
    client.responsible_user && [t('client.responsible'), client.responsible_user],
    [t('client.key'), client.passthrough ? t('client.passthrough') : h('code', {}, `${client.key_sha256}…`)],
  ].filter(Boolean)
  return h('section', { class: 'card', key: client.name, 'data-row': true },
    h('div', { class: 'card-head' }, h('h2', {}, client.name),
      h('a', { href: link('operations', { tab: 'all', client: client.name }) }, t('client.operations', { n: sum(client.operations) }))),
    h('div', { class: 'mini-figures' },
      h('div', {}, h('strong', {}, number(client.calls)), ' ', t('client.calls')),
      h('div', { class: client.errors ? 'worry' : '' }, h('strong', {}, number(client.errors)), ' ', t('client.errors', { share: percent(client.errors, client.calls) })),
      h('div', {}, h('strong', {}, number(sum(client.queue))), ' ', t('client.waiting'))),
    h('dl', { class: 'facts' }, facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    client.errors > 0 && breakdown(t('client.by_class'), client.errors_by_class, (one) => word('class', one)),
    client.passthrough && badge(t('client.passthrough'), 'warn'))
}

export function clients(place) {
  return new Screen(place, {
    name: 'clients',
    load: () => get('clients'),
    view: ({ clients: all }) => [
      h('h1', {}, t('nav.clients')), h('p', { class: 'faint' }, t('value.since_start')),
      all.length === 0 ? notice({ icon: 'clients', title: t('clients.none'), text: t('clients.none.text') })
        : h('div', { class: 'grid-cards' }, all.map(card))],
    every: 4000,
  })
}
