// A moment: how long ago, and exactly when to whoever points at it.
import { h } from '../dom.js'
import { date, relative } from '../format.js'

export function moment(iso) {
  if (!iso) return h('span', { class: 'faint' }, '–')
  return h('time', { datetime: iso, title: date(iso) }, relative(iso))
}
