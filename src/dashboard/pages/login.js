// Who are you? Over whatever page one wanted to see; its address stays.
import { login } from '../api.js'
import { preferences } from '../components/preferences.js'
import { h, patch } from '../dom.js'
import { t } from '../i18n.js'

/// `entered`: called with the session.
export function loginPage(place, { ended, entered, redraw }) {
  let root = h('main', { class: 'login' })
  let wrong = ''
  let busy = false
  place.replaceChildren(root)

  const submit = async (event) => {
    event.preventDefault()
    if (busy) return
    const field = event.target.elements.key
    busy = true
    wrong = ''
    draw()
    try {
      entered(await login(field.value.trim()))
    } catch (failure) {
      busy = false
      wrong = failure.status === 0 ? t('failure.network') : failure.status === 401 ? t('login.wrong') : failure.message
      draw()
      field.focus()
      field.select()
    }
  }

  function draw() {
    root = patch(root, h('main', { class: 'login' },
      h('form', { class: 'card', onsubmit: submit },
        h('div', { class: 'brand' }, h('span', { class: 'logo', 'aria-hidden': 'true' }), h('h1', {}, 'b24gate')),
        ended && h('p', { class: 'faint' }, t('login.ended')),
        h('label', { class: 'field' }, h('span', {}, t('login.key')),
          h('input', { type: 'password', name: 'key', autocomplete: 'current-password', required: true, autofocus: true, spellcheck: 'false' })),
        h('p', { class: 'wrong', role: 'alert' }, wrong),
        h('button', { type: 'submit', class: 'primary', disabled: busy }, t('login.button')),
        h('p', { class: 'faint' }, t('login.hint'))),
      preferences(redraw)))
  }
  draw()
  root.querySelector('input').focus()
  return { stop() {} }
}
