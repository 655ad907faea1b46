// Which operations are looked at: tabs are states, the rest are chips, and all of it stands in the address.
import { h } from '../dom.js'
import { date } from '../format.js'
import { t, word } from '../i18n.js'
import { go, link } from '../router.js'
import { icon } from './icon.js'

/// In the order of the tabs. `retry` and `discard`: what can be done to all that stand there.
export const tabStates = {
  person: { states: ['held', 'dead', 'failed'], actions: ['retry', 'discard'], tone: 'bad' },
  waiting: { states: ['waiting'], actions: ['discard'], tone: 'warn' },
  running: { states: ['running'], actions: [] },
  queued: { states: ['queued'], actions: ['discard'] },
  done: { states: ['succeeded'], actions: [] },
  discarded: { states: ['discarded'], actions: [] },
  all: { states: [], actions: [] },
}

export const errorClasses = ['rate_limit', 'overload', 'operating_limit', 'auth_expired', 'auth_invalid', 'permission', 'plan', 'validation',
  'not_found', 'method_unknown', 'business', 'server', 'network', 'timeout', 'portal_gone', 'gateway']

const names = ['state', 'portal', 'client', 'class', 'method', 'text', 'from', 'until']

export function tabOf(query) {
  return query.tab in tabStates ? query.tab : 'person'
}

/// As the API takes it.
export function filterOf(query) {
  const out = {}
  for (const name of names) if (query[name]) out[name] = query[name]
  const { states } = tabStates[tabOf(query)]
  // Within a tab only its own states can be chosen.
  if (states.length > 0 && !states.includes(out.state)) out.state = states.join(',')
  return out
}

/// The address of the same list with something changed; pages begin anew.
export function changed(query, changes) {
  const { next, ...kept } = query
  return link('operations', { ...kept, ...changes })
}

function chipText(name, value) {
  if (name === 'class') return word('class', value)
  if (name === 'state') return word('state', value)
  if (name === 'from' || name === 'until') return date(value)
  return value
}

/// "portal acme, class portal failed", for questions.
export function filterWords(query) {
  const parts = [t(`tab.${tabOf(query)}`)]
  for (const name of names) if (query[name]) parts.push(`${t(`filter.${name}`)} ${chipText(name, query[name])}`)
  return parts.join(', ')
}

export function chips(query) {
  const active = names.filter((name) => query[name])
  if (active.length === 0) return null
  return h('ul', { class: 'chips', 'aria-label': t('filter.active') }, active.map((name) => h('li', { key: name },
    h('a', { class: 'chip', href: changed(query, { [name]: undefined }), title: t('filter.remove') },
      h('span', { class: 'faint' }, t(`filter.${name}`)), ' ', chipText(name, query[name]), icon('cross'), h('span', { class: 'visually-hidden' }, t('filter.remove'))))),
  active.length > 1 && h('li', {}, h('a', { class: 'chip clear', href: link('operations', { tab: query.tab }) }, t('filter.clear'))))
}

function choice(name, label, value, options) {
  return h('label', { class: 'field' }, h('span', {}, label),
    h('select', { name, value: value ?? '' }, h('option', { value: '' }, t('filter.any')),
      // A value that nobody offers, such as of a portal that is configured no more, can be looked for as well.
      [...new Set([...options.map(([one]) => one), value].filter(Boolean))].map((one) =>
        h('option', { value: one }, options.find(([known]) => known === one)?.[1] ?? one))))
}

const spans = { '1h': 3600, '24h': 86_400, '7d': 604_800 }

export function filterForm(query, { portals, clients }) {
  const submit = (event) => {
    event.preventDefault()
    const { since, ...given } = Object.fromEntries(new FormData(event.target))
    if (since) given.from = new Date(Date.now() - spans[since] * 1000).toISOString()
    go(changed(query, given))
  }
  const { states } = tabStates[tabOf(query)]
  return h('details', { class: 'filter' }, h('summary', {}, icon('search'), t('filter.title')),
    h('form', { onsubmit: submit },
      states.length > 1 && choice('state', t('filter.state'), query.state, states.map((state) => [state, word('state', state)])),
      choice('portal', t('filter.portal'), query.portal, portals.map((name) => [name, name])),
      choice('client', t('filter.client'), query.client, clients.map((name) => [name, name])),
      choice('class', t('filter.class'), query.class, errorClasses.map((name) => [name, word('class', name)])),
      h('label', { class: 'field' }, h('span', {}, t('filter.method')), h('input', { name: 'method', value: query.method ?? '', placeholder: 'crm.*.add', autocomplete: 'off', maxlength: 200 })),
      h('label', { class: 'field' }, h('span', {}, t('filter.text')), h('input', { name: 'text', value: query.text ?? '', autocomplete: 'off', maxlength: 60 })),
      choice('since', t('filter.since'), '', Object.keys(spans).map((span) => [span, t(`span.${span}`)])),
      h('button', { type: 'submit', class: 'primary' }, t('filter.apply'))))
}
