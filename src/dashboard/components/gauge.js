// How much of a budget is left.
import { h } from '../dom.js'
import { number } from '../format.js'
import { t } from '../i18n.js'

const low = 0.2
const middling = 0.5

/// `detail`: what stands below; `label`: for who cannot see the bar.
export function gauge({ left, of, label, detail }) {
  const share = of > 0 ? Math.min(1, Math.max(0, left / of)) : 0
  const tone = share < low ? 'bad' : share < middling ? 'warn' : 'good'
  return h('div', { class: 'gauge' },
    h('div', {
      class: `gauge-bar ${tone}`, role: 'meter', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': Math.round(of),
      'aria-valuenow': Math.round(Math.max(0, left)), style: { '--share': `${share * 100}%` },
    }),
    detail && h('div', { class: 'gauge-detail' }, detail))
}

export function budgetGauge(portal, budget) {
  if (budget.unlimited) return h('span', { class: 'faint' }, t('budget.unlimited'))
  const left = Math.max(0, budget.capacity - budget.level)
  const detail = t('budget.left', { left: number(left), of: number(budget.capacity), rate: number(budget.rate, 1) })
  return gauge({ left, of: budget.capacity, label: t('budget.label', { portal }), detail })
}

/// Used seconds of a limit: the fuller, the worse.
export function usedGauge({ used, of, label, detail }) {
  return gauge({ left: of - used, of, label, detail })
}
