// Numbers, times and durations in the language of the page.
import { locale, t } from './i18n.js'

let behind = 0

/// The gateway's clock is the one that counts: this computer's may be wrong.
export function setClock(gatewayNow) {
  behind = Date.parse(gatewayNow) - Date.now()
}

export function now() {
  return Date.now() + behind
}

export function number(value, digits = 0) {
  return Number(value).toLocaleString(locale(), { maximumFractionDigits: digits })
}

export function percent(part, whole) {
  return (whole ? part / whole : 0).toLocaleString(locale(), { style: 'percent', maximumFractionDigits: 1 })
}

export function date(iso) {
  return new Date(iso).toLocaleString(locale(), { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' })
}

export function clock(iso) {
  return new Date(iso).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}

const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

function unit(count, name) {
  return count.toLocaleString(locale(), { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: 0 })
}

/// "3 min 26 s": the two largest units.
export function duration(seconds) {
  if (seconds < 1) return `${number(Math.max(0, seconds * 1000))} ${t('unit.ms')}`
  let left = Math.round(seconds)
  const parts = []
  for (const [name, size] of units) {
    const count = Math.floor(left / size)
    if (count > 0) parts.push(unit(count, name))
    else if (parts.length > 0) break
    left -= count * size
    if (parts.length === 2) break
  }
  return parts.join(' ')
}

/// "3 minutes ago", "in 38 seconds"
export function relative(iso) {
  const seconds = (Date.parse(iso) - now()) / 1000
  const [name, size] = units.find(([, one]) => Math.abs(seconds) >= one) ?? units.at(-1)
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto', style: 'short' }).format(Math.trunc(seconds / size), name)
}

const sizes = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']

export function bytes(count) {
  const size = Math.min(sizes.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)))
  return (count / 1024 ** size).toLocaleString(locale(), { style: 'unit', unit: sizes[size], unitDisplay: 'short', maximumFractionDigits: 1 })
}
