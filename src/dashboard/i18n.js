// The page's words. A text that is missing is a mistake of ours: it is said in the console, where the tests look.
export const languages = { en: 'English', ru: 'Русский' }

const kept = 'b24gate.language'
let code = 'en'
let texts = {}
let plurals = new Intl.PluralRules('en')

function preferred() {
  try {
    const chosen = localStorage.getItem(kept)
    if (chosen in languages) return chosen
  } catch {
    // A browser that keeps nothing is asked each time.
  }
  return navigator.languages.map((name) => name.slice(0, 2)).find((name) => name in languages) ?? 'en'
}

export function language() {
  return code
}

/// How numbers and times are written: as this person does it at home, if he speaks the language of the page.
export function locale() {
  return navigator.languages.find((name) => name.startsWith(code)) ?? code
}

export async function useLanguage(wanted = preferred()) {
  const response = await fetch(new URL(`i18n/${wanted}.json`, import.meta.url))
  texts = await response.json()
  code = wanted
  plurals = new Intl.PluralRules(code)
  document.documentElement.lang = code
}

export async function chooseLanguage(wanted) {
  try {
    localStorage.setItem(kept, wanted)
  } catch {
    // It holds until the page is closed.
  }
  await useLanguage(wanted)
}

/// t('figure.queue.detail', {n: 3}): {n} stands in the text; where it has several forms, `n` chooses one.
export function t(key, values = {}) {
  let text = texts[key]
  if (text === undefined) {
    console.error(`no text for ${key} in ${code}`)
    return key
  }
  if (typeof text === 'object') text = text[plurals.select(values.n)] ?? text.other
  return text.replace(/\{(\w+)\}/g, (all, name) => (name === 'n' ? Number(values.n).toLocaleString(locale()) : (values[name] ?? all)))
}

/// The word for what the server names; names that came later than this page stand for themselves.
export function word(prefix, name) {
  const key = `${prefix}.${name}`
  return key in texts ? t(key) : name
}
