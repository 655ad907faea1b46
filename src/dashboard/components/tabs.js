// A row of links of which one is where we are.
import { h } from '../dom.js'

/// `tabs`: [{href, text, count, tone, current}]; a count of undefined is not known.
export function tabs(label, all) {
  return h('nav', { class: 'tabs', 'aria-label': label }, all.map(({ href, text, count, tone, current }) =>
    h('a', { key: text, href, class: current ? 'tab current' : 'tab', 'aria-current': current ? 'page' : null },
      text, count !== undefined && h('span', { class: `count ${count ? (tone ?? '') : ''}` }, count))))
}
