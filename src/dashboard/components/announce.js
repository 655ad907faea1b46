// Short news: seen for a moment, and read out.
import { h } from '../dom.js'

const seen = 5000
const place = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' })

export function announcements() {
  return place
}

export function say(text, tone = 'info') {
  const toast = h('div', { class: `toast ${tone}` }, text)
  place.append(toast)
  setTimeout(() => toast.remove(), seen)
}
