// Calls by the minute as stacked bars, in SVG: it follows the theme, prints, and has a table for who cannot see it.
import { h } from '../dom.js'
import { clock, number } from '../format.js'
import { t } from '../i18n.js'

const width = 720
const height = 180
const below = 18
const kinds = ['ok', 'refused', 'limit', 'system']

function parts(minute) {
  const failed = minute.refused + minute.limit + minute.system
  return { ok: Math.max(0, minute.calls - failed), refused: minute.refused, limit: minute.limit, system: minute.system }
}

/// A round number at or above, whose half is one as well.
function roundUp(most) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)))
  return [2, 4, 6, 8, 10].map((factor) => factor * power).find((one) => one >= most)
}

function bars(minutes, top) {
  const step = width / minutes.length
  return minutes.map((minute, index) => {
    let floor = height
    const columns = kinds.map((kind) => {
      const tall = (parts(minute)[kind] / top) * height
      floor -= tall
      return tall > 0 && h('rect', {
        class: `bar ${kind}`, x: (index * step + 1).toFixed(1), y: floor.toFixed(1), width: (step - 2).toFixed(1), height: tall.toFixed(1),
      })
    })
    return h('g', { key: minute.begin }, columns)
  })
}

function legend() {
  return h('ul', { class: 'legend' }, kinds.map((kind) => h('li', {}, h('span', { class: `swatch ${kind}` }), t(`fault.${kind}`))))
}

function table(minutes) {
  const shown = minutes.filter((minute) => minute.calls > 0).reverse()
  if (shown.length === 0) return h('p', { class: 'faint' }, t('chart.none'))
  return h('table', { class: 'plain' },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('chart.minute')), kinds.map((kind) => h('th', { scope: 'col', class: 'number' }, t(`fault.${kind}`))))),
    h('tbody', {}, shown.map((minute) => h('tr', { key: minute.begin },
      h('td', {}, clock(minute.begin)), kinds.map((kind) => h('td', { class: 'number' }, number(parts(minute)[kind])))))))
}

export function callsChart(minutes) {
  const top = roundUp(Math.max(...minutes.map((minute) => minute.calls), 1))
  const total = minutes.reduce((sum, minute) => sum + minute.calls, 0)
  const ticks = [0, 0.5, 1]
  const times = [0, Math.floor(minutes.length / 2), minutes.length - 1]
  return h('figure', { class: 'chart' },
    h('svg', {
      viewBox: `0 0 ${width + 44} ${height + below}`, role: 'img',
      'aria-label': t('chart.label', { calls: number(total), most: number(Math.max(...minutes.map((one) => one.calls))) }),
    },
    h('g', { class: 'grid' }, ticks.map((share) => h('line', { x1: 0, x2: width, y1: height * (1 - share) + 0.5, y2: height * (1 - share) + 0.5 }))),
    h('g', { class: 'labels' }, ticks.map((share) => 
      h('text', { x: width + 6, y: Math.max(10, height * (1 - share) + 3) }, number(top * share)))),
    h('g', {}, bars(minutes, top)),
    h('g', { class: 'labels' }, times.map((index, place) => h('text', {
      x: (width / minutes.length) * (index + 0.5), y: height + below - 3, 'text-anchor': ['start', 'middle', 'end'][place],
    }, clock(minutes[index].begin))))),
    h('figcaption', {}, legend(), h('details', {}, h('summary', {}, t('chart.table')), table(minutes))))
}

/// A line for a number's last hour.
export function sparkline(values) {
  const most = Math.max(...values, 1)
  const points = values.map((value, index) => `${((index / (values.length - 1)) * 100).toFixed(1)},${(27 - (value / most) * 25).toFixed(1)}`)
  return h('svg', { class: 'sparkline', viewBox: '0 0 100 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    h('polyline', { points: points.join(' ') }))
}
