// All portals.
import { get } from '../api.js'
import { notice } from '../components/notice.js'
import { noPortals, PortalList } from '../components/portal_table.js'
import { h } from '../dom.js'
import { t } from '../i18n.js'
import { live } from '../live.js'
import { Screen } from '../screen.js'

/// So many are found without looking for them.
const few = 12

export function portals(place) {
  const list = new PortalList()
  let wanted = ''
  const screen = new Screen(place, {
    name: 'portals',
    load: async () => (live.state === 'live' && live.latest) || get('overview'),
    view({ portals: all }) {
      const found = all.filter((portal) => portal.name.toLowerCase().includes(wanted.toLowerCase()))
      return [
        h('div', { class: 'page-head' }, h('h1', {}, t('nav.portals')),
          all.length > few && h('label', { class: 'field' }, h('span', {}, t('portals.find')),
            h('input', { type: 'search', autocomplete: 'off', maxlength: 60, value: wanted, oninput: (event) => { wanted = event.target.value.trim(); screen.draw() } }))),
        all.length === 0 ? noPortals() : found.length === 0 ? notice({ icon: 'search', title: t('operations.no_match') })
          : h('section', { class: 'card' }, list.table(list.sorted(found)))]
    },
    every: 1,
  })
  return screen
}
