// A window over the page that wants an answer. <dialog> holds the focus inside, closes with Escape, and gives the focus
// back where it was.
import { h, patch } from '../dom.js'
import { t } from '../i18n.js'

export class Dialog {
  #element
  #content = h('div', {})
  #closed

  /// `closed`: called once, when it has gone.
  constructor(closed = () => {}) {
    this.#closed = closed
    this.#element = h('dialog', { 'aria-labelledby': 'dialog-title', onclose: () => this.#gone(), onclick: (event) => this.#outside(event) }, this.#content)
    document.body.append(this.#element)
  }

  /// Opens it, or brings it up to date.
  show(content) {
    this.#content = patch(this.#content, content)
    if (!this.#element.open) this.#element.showModal()
  }

  close() {
    this.#element.close()
  }

  get open() {
    return this.#element.open
  }

  #outside(event) {
    if (event.target === this.#element) this.close()
  }

  #gone() {
    this.#element.remove()
    this.#closed()
  }
}

export function dialogTitle(text) {
  return h('h2', { id: 'dialog-title' }, text)
}

/// The buttons below; the last one is what the dialog is for.
export function dialogButtons(...buttons) {
  return h('div', { class: 'dialog-buttons' }, buttons)
}

/// Asks before something is done, and does it: what fails is said in the dialog, where it can be tried again.
/// `more`: makes what else is asked; `act`: async (reason) => anything; `done`: called with what it gave.
export function confirmAction({ title, text, warning, more = () => [], button, tone = '', reason = true, act, done = () => {} }) {
  const dialog = new Dialog()
  let wrong = ''
  let busy = false
  let why = ''
  const run = async (event) => {
    event.preventDefault()
    if (busy) return
    busy = true
    wrong = ''
    draw()
    try {
      const result = await act(why.trim())
      dialog.close()
      done(result)
    } catch (failure) {
      wrong = failure.status === 0 ? t('failure.network') : failure.message
      busy = false
      draw()
    }
  }
  const draw = () => dialog.show(h('form', { method: 'dialog', onsubmit: run },
    dialogTitle(title),
    text && h('p', {}, text),
    warning && h('p', { class: 'warning' }, warning),
    more(),
    reason && h('label', { class: 'field' }, h('span', {}, t('action.reason')),
      h('input', { type: 'text', maxlength: 200, autocomplete: 'off', name: 'reason', value: why, oninput: (event) => (why = event.target.value) })),
    wrong && h('p', { class: 'wrong', role: 'alert' }, wrong),
    dialogButtons(h('button', { type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      h('button', { type: 'submit', class: `primary ${tone}`, disabled: busy }, button))))
  draw()
}
