// What the gateway tells by itself. Tells 'overview' (see `latest`) and 'state' (see `state`). A hidden page listens to
// nothing: browsers allow six connections to a host, for all of their tabs.
import { get, session } from './api.js'
import { setClock } from './format.js'

const longestPause = 30_000
/// Where there is no stream, because enough pages listen already.
const pollPause = 10_000

/// What has changed, laid over what was known.
function merged(before, change) {
  const lines = new Map(change.portals.map((portal) => [portal.name, portal]))
  const [{ begin }] = change.minutes
  const minutes = [...before.minutes.filter((minute) => minute.begin < begin), ...change.minutes].slice(-before.minutes.length)
  return { ...change, minutes, portals: before.portals.map((portal) => lines.get(portal.name) ?? portal) }
}

class Live extends EventTarget {
  /// 'off', 'connecting', 'live', 'polling', 'lost', 'paused'
  state = 'off'
  latest = null
  /// When there last was an answer.
  heard = null
  retryAt = 0

  #source = null
  #timer = 0
  #failures = 0
  #wanted = false

  constructor() {
    super()
    document.addEventListener('visibilitychange', () => (document.hidden ? this.#close() : this.#open()))
    window.addEventListener('pagehide', () => this.#close())
  }

  start() {
    this.#wanted = true
    this.#open()
  }

  stop() {
    this.#wanted = false
    this.#close()
    this.#tell('off')
  }

  get paused() {
    return this.state === 'paused'
  }

  set paused(yes) {
    this.#close()
    this.#tell(yes ? 'paused' : 'connecting')
    if (!yes) this.#open()
  }

  /// For whoever has asked by himself.
  take(overview) {
    this.latest = overview
    this.heard = new Date()
    setClock(overview.gateway.now)
    this.dispatchEvent(new Event('overview'))
  }

  #tell(state) {
    if (this.state === state && state !== 'lost') return
    this.state = state
    this.dispatchEvent(new Event('state'))
  }

  #close() {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = null
  }

  #open() {
    if (!this.#wanted || this.paused || this.#source || document.hidden) return
    const source = new EventSource('/api/v1/events')
    this.#source = source
    let known = null
    const hear = (event) => {
      if (this.#source !== source) return
      const told = JSON.parse(event.data)
      known = event.type === 'change' ? merged(known, told) : told
      this.#failures = 0
      this.#tell('live')
      this.take(known)
    }
    source.addEventListener('overview', hear)
    source.addEventListener('change', hear)
    source.addEventListener('error', () => {
      if (this.#source !== source) return
      this.#close()
      this.#again()
    })
  }

  /// A browser gives up for good on an answer that is no stream, so what comes next is decided here.
  async #again() {
    try {
      await session()
      const overview = await get('overview')
      if (!this.#wanted || this.paused) return
      this.take(overview)
      this.#tell(this.#failures > 1 ? 'polling' : 'connecting')
      this.#wait(this.#failures > 1 ? pollPause : 1000)
    } catch {
      if (!this.#wanted || this.paused) return
      this.#wait(Math.min(longestPause, 1000 * 2 ** this.#failures))
      this.#tell('lost')
    }
    this.#failures += 1
  }

  #wait(pause) {
    this.retryAt = Date.now() + pause
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), pause)
  }
}

export const live = new Live()
