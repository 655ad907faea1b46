// How a number is made up: the largest parts with a bar each.
import { h } from '../dom.js'
import { number } from '../format.js'
import { t } from '../i18n.js'

const most = 5

/// `counts`: {name: count}; `name`: what it is called in words.
export function breakdown(title, counts, name = (key) => key) {
  const parts = Object.entries(counts).sort(([, a], [, b]) => b - a)
  if (parts.length === 0) return null
  const largest = parts[0][1]
  const others = parts.slice(most).reduce((sum, [, count]) => sum + count, 0)
  const shown = parts.slice(0, most).map(([key, count]) => [name(key) || t('value.none'), count])
  if (others > 0) shown.push([t('breakdown.others', { n: parts.length - most }), others])
  return h('div', { class: 'breakdown' }, h('h3', {}, title),
    h('ul', {}, shown.map(([key, count]) => h('li', { style: { '--share': `${Math.min(100, (count / largest) * 100)}%` } },
      h('span', { class: 'breakdown-name' }, key), h('span', { class: 'number' }, number(count))))))
}
