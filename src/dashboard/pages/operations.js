// Calls that must not be lost: what is stuck, what goes on, what is done; one, some or all of them begun anew or given up.
import { get, segment } from '../api.js'
import { actOnAll, actOnSelected } from '../components/bulk.js'
import { changed, chips, filterForm, filterOf, filterWords, tabOf, tabStates } from '../components/operation_filter.js'
import { operationTable } from '../components/operation_table.js'
import { notice } from '../components/notice.js'
import { tabs } from '../components/tabs.js'
import { h } from '../dom.js'
import { number } from '../format.js'
import { t } from '../i18n.js'
import { live } from '../live.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const freshness = 4000
const longestSearch = 10_000

/// How many there are in these states; undefined: only a search can tell. `total`: of the portal and client that are asked for.
function known(total, query, states) {
  if (!total || ['class', 'method', 'text', 'from', 'until'].some((name) => query[name])) return undefined
  return Object.entries(total).reduce((sum, [state, count]) => (states.length === 0 || states.includes(state) ? sum + count : sum), 0)
}

function tabRow(query, total) {
  const { next, state, tab, ...kept } = query
  return tabs(t('nav.operations'), Object.entries(tabStates).map(([name, { states, tone }]) => {
    const count = known(total, query, states)
    return {
      href: link('operations', { ...kept, tab: name === 'person' ? undefined : name }), text: t(`tab.${name}`), tone, current: tabOf(query) === name,
      count: count === undefined ? undefined : number(count),
    }
  }))
}

/// `selected`: ids that are ticked.
export function operations(place, { mayAct }, query) {
  const selected = new Set()
  const tab = tabOf(query)
  const filter = filterOf(query)
  const newest = { shown: '', news: 0, gone: 0 }
  let clients = []

  const counts = () => get('operations/counts', { portal: query.portal, client: query.client, by: 'state' })
  /// What fits may be far back: an answer with nothing in it is no answer yet.
  async function page() {
    const alone = idOf(query)
    if (alone) {
      try {
        return { operations: [await get(`operations/${segment(alone)}`)], next: null, complete: true }
      } catch (failure) {
        if (failure.status !== 404) throw failure
      }
    }
    const until = Date.now() + longestSearch
    let next = query.next
    for (;;) {
      const list = await get('operations', { ...filter, next })
      if (list.operations.length > 0 || !list.next || Date.now() > until) return list
      next = list.next
    }
  }
  const screen = new Screen(place, {
    name: 'operations',
    async load() {
      const [list, { total }, all] = await Promise.all([page(), counts(), clients.length > 0 ? null : get('clients', { portal: query.portal })])
      if (all) clients = all.clients.map((client) => client.name)
      Object.assign(newest, { shown: fingerprint(list), news: 0, gone: 0 })
      for (const id of selected) if (!list.operations.some((row) => row.id === id)) selected.delete(id)
      return { ...list, total }
    },
    view: (data) => view(data),
  })

  /// What has come or gone is said and not shown: rows must not move under anybody's hand.
  let nextLook = Date.now() + freshness
  const look = async () => {
    if (!screen.data || live.paused || Date.now() < nextLook) return
    const begun = Date.now()
    nextLook = Infinity
    try {
      const [list, { total }] = await Promise.all([page(), counts()])
      const before = new Set(screen.data.operations.map((row) => row.id))
      const now = new Set(list.operations.map((row) => row.id))
      screen.data.total = total
      newest.news = [...now].filter((id) => !before.has(id)).length
      newest.gone = fingerprint(list) !== newest.shown ? [...before].filter((id) => !now.has(id)).length : 0
      newest.changed = fingerprint(list) !== newest.shown
      screen.draw()
    } catch {
      // The frame tells when there is no answer.
    }
    // A search through everything is not made all the time.
    nextLook = Date.now() + Math.max(freshness, 10 * (Date.now() - begun))
  }
  live.addEventListener('overview', look)

  const done = () => { selected.clear(); screen.reload() }
  const all = (action, count) => () => actOnAll({
    action, words: filterWords(query), done, count,
    // What is held may have been done; it is only taken along when somebody says so.
    filter: tab === 'person' && !query.state ? withoutState(filter) : filter,
    withHeld: tab === 'person' && !query.state ? 'held,dead,failed' : undefined,
  })

  function actionBar(data) {
    const { actions, states } = tabStates[tab]
    if (!mayAct || (actions.length === 0 && selected.size === 0)) return null
    const count = known(data.total, query, query.state ? [query.state] : states)
    const rows = data.operations.filter((row) => selected.has(row.id))
    return h('div', { class: 'action-bar' },
      rows.length > 0
        ? [...['retry', 'discard'].filter((action) => rows.some((row) => row.actions.includes(action))).map((action) => h('button', {
          type: 'button', class: action === 'discard' ? 'danger' : 'primary', key: `${action}-selected`, onclick: () => actOnSelected({ action, rows, done }),
        }, t(`operations.${action}.selected`, { n: rows.length }))),
        h('button', { type: 'button', class: 'quiet', key: 'none', onclick: () => { selected.clear(); screen.draw() } }, t('operations.select.none'))]
        : actions.map((action) => h('button', {
          type: 'button', key: `${action}-all`, class: action === 'discard' ? 'danger' : '', disabled: count === 0 || data.operations.length === 0, onclick: all(action, count),
        }, count === undefined ? t(`operations.${action}.matching`) : t(`operations.${action}.all`, { n: count }))))
  }

  function news() {
    return h('p', { class: 'news', role: 'status' }, newest.changed && [
      newest.news > 0 ? t('operations.news', { n: newest.news }) : t('operations.changed'), ' ',
      h('button', { type: 'button', class: 'small', onclick: () => { newest.changed = false; screen.reload() } }, t('operations.show'))])
  }

  function pager(data) {
    return h('nav', { class: 'pager', 'aria-label': t('pager.label') },
      query.next && h('a', { class: 'button', href: changed(query, {}) }, t('pager.newest')),
      data.next && h('a', { class: 'button', href: link('operations', { ...query, next: data.next }) }, t('pager.older')))
  }

  function empty(data) {
    const filtered = ['state', 'portal', 'client', 'class', 'method', 'text', 'from', 'until'].some((name) => query[name])
    if (data.next) return h('p', { class: 'faint' }, t('operations.none_yet'))
    if (filtered) return notice({ icon: 'search', title: t('operations.no_match'), action: h('a', { class: 'button', href: link('operations', { tab: query.tab }) }, t('filter.clear')) })
    return notice({ icon: tab === 'person' ? 'check' : 'operations', title: t(`operations.none.${tab === 'person' ? 'person' : 'other'}`) })
  }

  function view(data) {
    const rows = data.operations
    return [
      h('h1', {}, t('nav.operations')),
      tabRow(query, data.total),
      h('div', { class: 'toolbar' }, filterForm(query, { portals: (live.latest?.portals ?? []).map((one) => one.name), clients }), chips(query)),
      actionBar(data), news(),
      rows.length === 0 ? empty(data) : operationTable(rows, mayAct && {
        selected,
        toggle: (ids, yes) => { for (const id of ids) yes ? selected.add(id) : selected.delete(id); screen.draw() },
      }),
      !data.complete && h('p', { class: 'faint' }, t('operations.broken_off')),
      pager(data)]
  }

  return { stop: () => { live.removeEventListener('overview', look); screen.stop() }, reload: () => screen.reload(), draw: () => screen.draw(), loaded: screen.loaded }
}

/// Of a search for nothing but the id of an operation: that one need not be looked for.
function idOf({ tab, text, ...others }) {
  return tab === 'all' && Object.keys(others).length === 0 && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null
}

function withoutState({ state, ...rest }) {
  return rest
}

function fingerprint(list) {
  return list.operations.map((row) => `${row.id} ${row.state} ${row.attempts}`).join('\n')
}
