// One operation: where it stands and why, what one can do, and everything that was tried.
import { get, post, segment } from '../api.js'
import { say } from '../components/announce.js'
import { badge, stateBadge } from '../components/badge.js'
import { copyButton } from '../components/copy.js'
import { confirmAction } from '../components/dialog.js'
import { icon } from '../components/icon.js'
import { rawAnswer } from '../components/raw.js'
import { moment } from '../components/time.js'
import { h } from '../dom.js'
import { date, duration } from '../format.js'
import { language, t, word } from '../i18n.js'
import { link } from '../router.js'
import { Screen } from '../screen.js'

const held = (operation) => operation.state === 'held'

function actionButton(operation, action, screen) {
  const form = held(operation) ? `${action}.held` : action
  return h('button', {
    type: 'button', class: action === 'discard' ? 'danger' : 'primary',
    onclick: () => confirmAction({
      title: t(`operation.${form}.title`), text: t(`operation.${form}.text`), button: t(`operation.${form}`), tone: action === 'discard' ? 'danger' : '',
      warning: action === 'retry' && held(operation) && operation.repeat === 'unsafe' ? t('operation.retry.twice') : null,
      act: (reason) => post(`operations/${segment(operation.id)}/${action}`, reason ? { reason } : {}),
      done: (after) => { say(t('operation.done', { state: word('state', after.state) }), 'good'); screen.reload() },
    }),
  }, icon(action === 'retry' ? 'retry' : 'trash'), t(`operation.${form}`))
}

function head(operation, screen, mayAct) {
  return h('div', { class: 'page-head' },
    h('div', {}, h('p', { class: 'crumbs' }, h('a', { href: link('operations') }, t('nav.operations'))),
      h('h1', {}, operation.method, ' ', stateBadge(operation.state)),
      h('p', { class: 'faint id' }, operation.id, copyButton(operation.id, t('operation.id')))),
    mayAct && operation.actions.length > 0 && h('div', { class: 'actions' }, operation.actions.map((action) => actionButton(operation, action, screen))))
}

function standing(operation) {
  const { standing: words, explanation, due } = operation
  const meaning = explanation?.[language()]
  return h('section', { class: 'card standing', 'aria-labelledby': 'standing' },
    h('h2', { id: 'standing', class: 'visually-hidden' }, t('operation.standing')),
    h('p', { class: 'sentence' }, words[language()], due && Date.parse(due) < Date.now() + 1e11 && [' ', t('operation.next'), ' ', moment(due), '.']),
    meaning && operation.state !== 'succeeded' && h('div', { class: 'explanation' },
      h('div', {}, h('h3', {}, t('operation.happened')), h('p', {}, meaning.meaning)),
      h('div', {}, h('h3', {}, t('operation.todo')), h('p', {}, meaning.advice))))
}

function facts(operation) {
  const rows = [
    [t('column.portal'), h('a', { href: link('portals', operation.portal) }, operation.portal)],
    [t('column.client'), operation.client],
    [t('column.credential'), operation.credential],
    [t('column.attempts'), t('operation.attempts.long', { attempts: operation.attempts, most: operation.max_attempts, n: operation.tried })],
    [t('operation.repeat'), word('repeat', operation.repeat)],
    [t('operation.carried_out'), word('executed', operation.executed ?? 'none')],
    [t('operation.priority'), word('priority', operation.priority)],
    [t('operation.created'), moment(operation.created)],
    operation.finished && [t('operation.finished'), moment(operation.finished)],
    operation.code && [t('operation.code'), [badge(word('class', operation.class), 'calm'), ' ', h('code', {}, operation.code), operation.status ? ` ${operation.status}` : '']],
    operation.ordered && [t('operation.order'), operation.blocked ? t('operation.blocked') : t('operation.ordered')],
    operation.callback && [t('operation.callback'), t('operation.callback.yes')],
    operation.generation > 0 && [t('operation.generation'), t('operation.generation.value', { n: operation.generation })],
    operation.gateway && [t('operation.gateway'), operation.gateway],
  ].filter(Boolean)
  return h('section', { class: 'card' }, h('h2', {}, t('operation.facts')),
    h('dl', { class: 'facts' }, rows.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value)))))
}

/// The name of a gateway's life is long, and its end tells it from others.
function shortened(gateway) {
  return gateway.length > 24 ? `…${gateway.slice(-12)}` : gateway
}

function attempt(one, last) {
  const good = one.mark === 'answered' && (one.class === null || one.class === 'ok')
  const tone = good ? 'good' : one.ended ? 'bad' : 'info'
  return h('li', { key: one.number, class: `attempt ${tone}` },
    h('div', { class: 'attempt-head' },
      h('strong', {}, t(one.kind === 'lookup' ? 'attempt.lookup' : 'attempt.send', { number: one.number })),
      h('time', { datetime: one.begun, title: date(one.begun) }, date(one.begun)),
      one.status && badge(`HTTP ${one.status}`, good ? 'good' : 'calm'),
      one.class && badge(word('class', one.class), good ? 'good' : 'bad'), one.code && h('code', {}, one.code),
      one.ended ? h('span', { class: 'faint' }, duration(one.duration_ms / 1000)) : badge(t('attempt.under_way'), 'info', 'play')),
    h('p', { class: 'faint' }, one.mark && word('mark', one.mark), one.executed && ` ${t('attempt.executed', { executed: word('executed', one.executed) })}`),
    h('p', { class: 'faint id', title: one.gateway }, t('attempt.by', { gateway: shortened(one.gateway), credential: one.credential }), ' · ', one.request_id, copyButton(one.request_id, t('column.request')),
      one.batch_id && ` · ${t('attempt.batch', { batch: one.batch_id })}`),
    one.answer && h('details', { open: last }, h('summary', {}, t('attempt.answer')), rawAnswer(one.answer, t('attempt.answer'))))
}

function history(operation) {
  const all = [...operation.history].reverse()
  return h('section', { class: 'card' }, h('h2', {}, t('operation.history')),
    all.length === 0 ? h('p', { class: 'faint' }, t('operation.history.none'))
      : h('ol', { class: 'timeline' }, all.map((one, index) => attempt(one, index === 0))))
}

export function operation(place, { mayAct }, id) {
  const screen = new Screen(place, {
    name: `operation ${id}`,
    load: () => get(`operations/${segment(id)}`),
    view: (data) => [
      head(data, screen, mayAct), standing(data),
      h('div', { class: 'columns wide-left' }, history(data), facts(data)),
      data.answer && data.answer.text !== data.history.at(-1)?.answer?.text && h('section', { class: 'card' }, h('h2', {}, t('operation.answer')), rawAnswer(data.answer, `HTTP ${data.answer.status}`))],
    every: 2000,
  })
  return screen
}
