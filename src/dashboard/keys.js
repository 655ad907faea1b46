// The keyboard. No single letter changes anything but what is shown.
import { Dialog, dialogButtons, dialogTitle } from './components/dialog.js'
import { h } from './dom.js'
import { t } from './i18n.js'
import { go } from './router.js'

const known = [['/', 'search'], ['j', 'down'], ['k', 'up'], ['Enter', 'open'], ['Esc', 'back'], ['?', 'help']]

export function showKeys() {
  const dialog = new Dialog()
  dialog.show(h('div', {}, dialogTitle(t('keys.title')),
    h('dl', { class: 'keys' }, known.map(([key, what]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, t(`keys.${what}`))))),
    dialogButtons(h('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, t('action.close')))))
}

function step(by) {
  const rows = [...document.querySelectorAll('[data-row]')]
  if (rows.length === 0) return
  const here = rows.findIndex((row) => row.contains(document.activeElement))
  const row = rows[Math.min(rows.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : rows.length - 1) : here + by))]
  const goal = row.querySelector('.main-cell a, summary, a, button') ?? row
  if (goal === row) row.tabIndex = -1
  goal.focus()
  row.scrollIntoView({ block: 'nearest' })
}

function escape(element) {
  const menu = document.querySelector('details.menu[open]')
  if (menu) {
    menu.open = false
    menu.querySelector('summary').focus()
  } else if (element.matches('input, select, textarea')) element.blur()
  else {
    const up = document.querySelector('.crumbs a')
    if (up) go(up.getAttribute('href'))
  }
}

export function listenToKeys() {
  document.addEventListener('keydown', (event) => {
    const { key, target } = event
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return
    if (key === 'Escape') return escape(target)
    if (target.matches('input, select, textarea')) return
    const act = {
      '/': () => document.getElementById('search')?.focus(),
      j: () => step(1),
      k: () => step(-1),
      '?': showKeys,
    }[key]
    if (!act) return
    event.preventDefault()
    act()
  })
}
