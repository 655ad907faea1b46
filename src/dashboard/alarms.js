// The alerts as the gateway knows them, looked at while the updates are on: every page shows how many there are. Tells 'alerts'.
import { get } from './api.js'
import { live } from './live.js'

const freshness = 4000

class Alarms extends EventTarget {
  /// What GET /api/v1/alerts has answered; null: nothing yet.
  latest = null
  #looked = 0

  constructor() {
    super()
    live.addEventListener('overview', () => this.#glance())
  }

  /// Those that fire and are not silenced.
  get loud() {
    return (this.latest?.alerts ?? []).filter((one) => one.state === 'firing' && !one.silence)
  }

  async look() {
    this.#looked = Date.now()
    this.latest = await get('alerts')
    this.dispatchEvent(new Event('alerts'))
    return this.latest
  }

  forget() {
    this.latest = null
    this.#looked = 0
  }

  #glance() {
    // Where there is no answer the frame says so.
    if (Date.now() - this.#looked >= freshness) this.look().catch(() => {})
  }
}

export const alarms = new Alarms()
