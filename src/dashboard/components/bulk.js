// An action on many operations: what it would do, then doing it, watched until it has ended. All that match a filter go
// through a plan of the gateway's; those that were ticked one by one are sent from here.
import { get, post, segment } from '../api.js'
import { h } from '../dom.js'
import { date, duration, number } from '../format.js'
import { t, word } from '../i18n.js'
import { breakdown } from './breakdown.js'
import { Dialog, dialogButtons, dialogTitle } from './dialog.js'

const lookAgain = 500

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

function tick(label, checked, changed) {
  return h('label', { class: 'tick' }, h('input', { type: 'checkbox', checked, onchange: (event) => changed(event.target.checked) }), h('span', {}, label))
}

function progress({ total, done, skipped }) {
  const gone = done + skipped
  return h('div', { class: 'progress' },
    h('progress', { max: Math.max(1, total), value: gone, 'aria-label': t('bulk.progress') }),
    h('p', { role: 'status' }, t('bulk.so_far', { done: number(done), total: number(total) }), skipped > 0 && ` ${t('bulk.skipped', { n: skipped })}`))
}

/// What all ways of acting on many have in common: a question, progress, an end.
class Bulk {
  #dialog
  #action
  #reason = ''
  #sure = false
  wrong = ''
  busy = false

  constructor(action, done) {
    this.#action = action
    this.#dialog = new Dialog(done)
  }

  get closed() {
    return !this.#dialog.open
  }

  show(...content) {
    this.#dialog.show(h('div', {}, content))
  }

  counting() {
    this.show(dialogTitle(t(`bulk.${this.#action}.counting`)), h('p', { class: 'busy', role: 'status' }, t('bulk.counting')),
      dialogButtons(this.#close(t('action.cancel'))))
  }

  failed(failure) {
    this.show(dialogTitle(t('bulk.failed')), h('p', { class: 'wrong', role: 'alert' }, failure.status === 0 ? t('failure.network') : failure.message),
      dialogButtons(this.#close(t('action.close'))))
  }

  /// `held`: how many of them may have been done already; those want a second yes.
  question({ count, held, facts, more, start }) {
    const draw = () => this.question({ count, held, facts, more, start })
    const dangerous = held > 0 && this.#action === 'retry'
    const ready = count > 0 && (!dangerous || this.#sure) && !this.busy
    this.show(dialogTitle(t(`bulk.${this.#action}.title`, { n: count })), facts,
      more,
      dangerous && h('div', { class: 'warning' }, h('p', {}, t('bulk.held', { n: held })),
        tick(t('bulk.held.sure'), this.#sure, (yes) => { this.#sure = yes; draw() })),
      count > 0 && h('label', { class: 'field' }, h('span', {}, t('action.reason')),
        h('input', { type: 'text', maxlength: 200, autocomplete: 'off', name: 'reason', value: this.#reason, oninput: (event) => (this.#reason = event.target.value) })),
      this.wrong && h('p', { class: 'wrong', role: 'alert' }, this.wrong),
      dialogButtons(this.#close(t('action.cancel')), h('button', {
        type: 'button', class: `primary ${this.#action === 'discard' ? 'danger' : ''}`, disabled: !ready,
        onclick: () => start(this.#reason.trim()),
      }, t(`bulk.${this.#action}.button`, { n: count }))))
  }

  /// `leave`: what becomes of it when the window is closed.
  running(job, cancel, leave) {
    this.show(dialogTitle(t(`bulk.${this.#action}.running`)), progress(job), h('p', { class: 'faint' }, leave),
      dialogButtons(h('button', { type: 'button', onclick: cancel }, t('bulk.stop')), this.#close(t('action.close'))))
  }

  ended(job) {
    this.show(dialogTitle(word('bulk.state', job.state)), progress(job), job.error && h('p', { class: 'wrong' }, job.error),
      job.problems?.length > 0 && h('ul', { class: 'problems' }, job.problems.map((one) => h('li', {}, one))),
      dialogButtons(this.#close(t('action.close'), 'primary')))
  }

  #close(text, tone = '') {
    return h('button', { type: 'button', class: tone, onclick: () => this.#dialog.close() }, text)
  }
}

function planFacts(plan, words) {
  const facts = [[t('bulk.filter'), words]]
  if (plan.oldest) facts.push([t('bulk.oldest'), date(plan.oldest)])
  if (plan.action === 'retry' && plan.count > 0)
    facts.push([t('bulk.takes'), plan.estimate_s === null ? t('bulk.takes.unknown') : t('bulk.takes.about', { time: duration(plan.estimate_s) })])
  return h('div', {},
    h('dl', { class: 'facts' }, facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    !plan.complete && h('p', { class: 'warning' }, t('bulk.incomplete')),
    plan.count > 0 && h('div', { class: 'breakdowns' },
      breakdown(t('bulk.by_state'), plan.by_state, (state) => word('state', state)),
      breakdown(t('bulk.by_class'), plan.by_class, (one) => one && word('class', one)),
      breakdown(t('bulk.by_portal'), plan.by_portal),
      breakdown(t('bulk.by_method'), plan.by_method)))
}

async function watch(bulk, started) {
  const cancel = () => post(`jobs/${segment(started.id)}/cancel`).catch(() => {})
  let job = started
  while (job.state === 'running' && !bulk.closed) {
    bulk.running(job, cancel, t('bulk.leave.job'))
    await sleep(lookAgain)
    job = await get(`jobs/${segment(started.id)}`)
  }
  if (!bulk.closed) bulk.ended(job)
}

/// `filter`: as the API takes it; `words`: the same for people; `withHeld`: the states that take in what is held.
export async function actOnAll({ action, filter, words, withHeld, done }) {
  const bulk = new Bulk(action, done)
  let all = false
  const ask = async () => {
    bulk.counting()
    try {
      const { plan } = await post(`operations/${action}`, { filter: all ? { ...filter, state: withHeld } : filter })
      if (bulk.closed) return
      const leftOut = plan.held_left_out > 0 || all
      bulk.question({
        count: plan.count,
        held: plan.held,
        facts: planFacts(plan, words),
        more: leftOut && withHeld && tick(t('bulk.with_held', { n: all ? plan.held : plan.held_left_out }), all, (yes) => { all = yes; ask() }),
        start: async (reason) => {
          try {
            const { job } = await post(`operations/${action}`, reason ? { plan: plan.token, reason } : { plan: plan.token })
            await watch(bulk, job)
          } catch (failure) {
            if (!bulk.closed) bulk.failed(failure)
          }
        },
      })
    } catch (failure) {
      if (!bulk.closed) bulk.failed(failure)
    }
  }
  await ask()
}

function counted(rows, member) {
  const out = {}
  for (const row of rows) out[row[member] ?? ''] = (out[row[member] ?? ''] ?? 0) + 1
  return out
}

/// `rows`: operations as the list has them.
export function actOnSelected({ action, rows, done }) {
  const bulk = new Bulk(action, done)
  const possible = rows.filter((row) => row.actions.includes(action))
  let stopped = false
  const start = async (reason) => {
    const job = { state: 'running', total: possible.length, done: 0, skipped: 0, problems: [] }
    for (const row of possible) {
      if (stopped || bulk.closed) break
      bulk.running(job, () => (stopped = true), t('bulk.leave.selected'))
      try {
        await post(`operations/${segment(row.id)}/${action}`, reason ? { reason } : {})
        job.done += 1
      } catch (failure) {
        if (failure.status !== 409 && failure.status !== 404) {
          if (!bulk.closed) bulk.failed(failure)
          return
        }
        job.skipped += 1
        job.problems.push(`${row.id}: ${failure.message}`)
      }
    }
    job.state = stopped ? 'cancelled' : 'finished'
    if (!bulk.closed) bulk.ended(job)
  }
  bulk.question({
    count: possible.length,
    held: possible.filter((row) => row.state === 'held').length,
    facts: h('div', {},
      possible.length < rows.length && h('p', { class: 'faint' }, t('bulk.impossible', { n: rows.length - possible.length })),
      h('div', { class: 'breakdowns' },
        breakdown(t('bulk.by_state'), counted(possible, 'state'), (state) => word('state', state)),
        breakdown(t('bulk.by_class'), counted(possible, 'class'), (one) => one && word('class', one)),
        breakdown(t('bulk.by_portal'), counted(possible, 'portal')))),
    start,
  })
}
