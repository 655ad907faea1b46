// A page: asks for its data, shows it, and asks again when something may have changed. What is shown stays where it is
// while that goes on.
import { h, patch } from './dom.js'
import { notice } from './components/notice.js'
import { t } from './i18n.js'
import { live } from './live.js'

const patienceBeforeBusy = 300

export class Screen {
  #name
  #load
  #view
  #every
  #root
  #data
  #timer
  #asked = 0
  #busy = false
  #ended = false
  #tick = () => this.#glance()

  /// `name`: which page it is: what stands there of the same one is brought up to date, of another one replaced.
  /// `load`: async, gives the data; `view`: data to elements; `every`: milliseconds between two looks while live.
  constructor(place, { name, load, view, every = 0 }) {
    this.#name = name
    this.#load = load
    this.#view = view
    this.#every = every
    this.#root = place.firstElementChild ?? place.appendChild(h('div', {}))
    this.#timer = setTimeout(() => this.#show(h('p', { class: 'busy', role: 'status' }, t('page.loading'))), patienceBeforeBusy)
    live.addEventListener('overview', this.#tick)
    this.loaded = this.reload()
  }

  stop() {
    this.#ended = true
    clearTimeout(this.#timer)
    live.removeEventListener('overview', this.#tick)
  }

  get data() {
    return this.#data
  }

  /// Shows the same data anew: something else has changed, such as what is ticked.
  draw() {
    if (!this.#ended && this.#data !== undefined) this.#show(this.#view(this.#data))
  }

  async reload() {
    if (this.#busy) return
    this.#busy = true
    this.#asked = Date.now()
    try {
      const data = await this.#load()
      clearTimeout(this.#timer)
      this.#data = data
      this.draw()
    } catch (failure) {
      clearTimeout(this.#timer)
      // What was there before is better than nothing; the frame tells that nothing new comes.
      if (this.#data === undefined && !this.#ended) this.#show(this.#failed(failure))
    } finally {
      this.#busy = false
    }
  }

  #glance() {
    if (this.#every > 0 && this.#data !== undefined && !live.paused && Date.now() - this.#asked >= this.#every) this.reload()
  }

  #failed(failure) {
    const key = { 0: 'network', 401: 'unauthorized', 403: 'forbidden', 404: 'missing', 503: 'store' }[failure.status] ?? 'other'
    const again = h('button', { type: 'button', onclick: () => this.reload() }, t('action.again'))
    return notice({
      page: true,
      icon: failure.status === 404 ? 'search' : 'errors', title: t(`failure.${key}`), text: failure.status === 0 ? '' : failure.message,
      action: failure.status === 404 || failure.status === 403 ? null : again,
    })
  }

  #show(content) {
    if (this.#ended) return
    this.#root = patch(this.#root, h('div', { class: 'screen', key: this.#name }, content))
  }
}
