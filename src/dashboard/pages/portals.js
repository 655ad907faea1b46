// All portals.
import { get } from '../api.js'
import { noPortals, portalOrder, portalTable } from '../components/portal_table.js'
import { h } from '../dom.js'
import { t } from '../i18n.js'
import { live } from '../live.js'
import { Screen } from '../screen.js'

export function portals(place) {
  const ordered = portalOrder()
  return new Screen(place, {
    name: 'portals',
    load: async () => (live.state === 'live' && live.latest) || get('overview'),
    view: (data) => [
      h('h1', {}, t('nav.portals')),
      h('section', { class: 'card' }, data.portals.length > 0
        ? portalTable(ordered(data.portals, document.getElementById('portal-table'))) : noPortals())],
    every: 1,
  })
}
