// Language and colours. They are this browser's, no one else's.
import { h } from '../dom.js'
import { chooseLanguage, language, languages, t } from '../i18n.js'

const kept = 'b24gate.theme'

function theme() {
  return document.documentElement.dataset.theme ?? 'system'
}

function chooseTheme(wanted) {
  if (wanted === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = wanted
  try {
    localStorage.setItem(kept, wanted)
  } catch {
    // It holds until the page is closed.
  }
}

/// `redraw`: called when every word on the page is another one.
export function preferences(redraw) {
  return h('div', { class: 'preferences' },
    h('label', { class: 'field' }, h('span', {}, t('preferences.language')),
      h('select', { value: language(), onchange: async (event) => { await chooseLanguage(event.target.value); redraw() } },
        Object.entries(languages).map(([code, name]) => h('option', { value: code, lang: code }, name)))),
    h('label', { class: 'field' }, h('span', {}, t('preferences.theme')),
      h('select', { value: theme(), onchange: (event) => chooseTheme(event.target.value) },
        ['system', 'light', 'dark'].map((name) => h('option', { value: name }, t(`theme.${name}`))))))
}
