// What failed, by kind, with what it means; and single calls.
import { get } from '../api.js'
import { badge } from '../components/badge.js'
import { errorList, faultTones } from '../components/error_list.js'
import { notice } from '../components/notice.js'
import { tabs } from '../components/tabs.js'
import { moment } from '../components/time.js'
import { h } from '../dom.js'
import { date, number } from '../format.js'
import { language, t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const faults = ['system', 'refused', 'limit']

function inside(one) {
  const meaning = one.explanation[language()]
  return [
    h('div', { class: 'explanation' },
      h('div', {}, h('h3', {}, t('operation.happened')), h('p', {}, meaning.meaning)),
      h('div', {}, h('h3', {}, t('operation.todo')), h('p', {}, meaning.advice))),
    h('dl', { class: 'facts' }, [
      [t('errors.first'), moment(one.first)], [t('errors.last'), moment(one.last)],
      [t('errors.fault'), t(`fault.${one.fault}`)], [t('errors.sample'), h('code', {}, one.request_id)],
      one.description && [t('errors.said'), one.description],
    ].filter(Boolean).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    one.portal && h('p', {}, h('a', { href: link('operations', { tab: 'all', portal: one.portal, class: one.class }) }, t('errors.operations')))]
}

/// What is inside is made when somebody looks: there may be hundreds. `opened`: keys of those; `toggled`: with a key and whether it is open.
function group(one, { opened, toggled }) {
  const key = `${one.class} ${one.code} ${one.portal} ${one.method}`
  return h('li', { key, 'data-row': true },
    h('details', { class: 'group', ontoggle: (event) => toggled(key, event.target.open) },
      h('summary', {},
        h('span', { class: 'group-count number' }, number(one.count)),
        h('span', { class: 'group-what' }, badge(word('class', one.class), faultTones[one.fault] ?? 'calm'), ' ', h('code', { class: 'clamp' }, one.code),
          h('span', { class: 'faint' }, [one.method, one.portal].filter(Boolean).join(' · '))),
        h('span', { class: 'faint' }, moment(one.last))),
      opened.has(key) && inside(one)))
}

export function errors(place, context, query) {
  const fault = faults.includes(query.fault) ? query.fault : ''
  const opened = new Set()
  const toggled = (key, open) => {
    if (opened.has(key) === open) return
    if (open) opened.add(key)
    else opened.delete(key)
    screen.draw()
  }
  const screen = new Screen(place, {
    name: 'errors',
    load: () => get('errors', { limit: 50 }),
    view({ since, groups, errors: single }) {
      const shown = groups.filter((one) => !fault || one.fault === fault).sort((a, b) => b.count - a.count || b.last.localeCompare(a.last))
      const sum = (kind) => groups.filter((one) => !kind || one.fault === kind).reduce((all, one) => all + one.count, 0)
      return [
        h('h1', {}, t('nav.errors')),
        h('p', { class: 'faint' }, t('errors.window', { since: date(since) })),
        tabs(t('nav.errors'), ['', ...faults].map((kind) => ({
          href: link('errors', { fault: kind }), text: kind ? t(`fault.${kind}`) : t('tab.all'), count: number(sum(kind)), current: fault === kind, tone: faultTones[kind],
        }))),
        shown.length === 0 ? notice({ icon: 'check', title: t('errors.none'), text: t('errors.none.text', { since: date(since) }) })
          : h('ul', { class: 'groups' }, shown.map((one) => group(one, { opened, toggled }))),
        shown.length > 0 && h('section', { class: 'card' }, h('h2', {}, t('errors.single')),
          errorList(single.filter((one) => !fault || one.fault === fault)))]
    },
    every: 4000,
  })
  return screen
}
