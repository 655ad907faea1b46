// Holding messages back for a while, and no longer.
import { post, segment } from '../api.js'
import { h } from '../dom.js'
import { date } from '../format.js'
import { t, word } from '../i18n.js'
import { say } from './announce.js'
import { confirmAction } from './dialog.js'

const spans = ['30m', '1h', '2h', '8h', '24h', '72h', '168h']

function choice(label, value, options, changed) {
  return h('label', { class: 'field' }, h('span', {}, label),
    h('select', { value, onchange: (event) => changed(event.target.value) }, options.map(([one, text]) => h('option', { value: one }, text))))
}

function ask({ title, text, more, send, done }) {
  let span = '2h'
  confirmAction({
    title, text, button: t('silence.button'),
    more: () => [...more(), choice(t('silence.for'), span, spans.map((one) => [one, t(`silence.${one}`)]), (value) => { span = value })],
    act: (reason) => send(reason ? { for: span, reason } : { for: span }),
    done: () => { say(t('silence.done'), 'good'); done() },
  })
}

export function silenceAlert(alert, title, done) {
  ask({ title: t('silence.title'), text: title, more: () => [], send: (body) => post(`alerts/${segment(alert.id)}/silence`, body), done })
}

/// Of a rule, of what it is about, or of all: `rules` are names.
export function silenceMany(rules, done) {
  let rule = '*'
  let subject = '*'
  ask({
    title: t('silence.many'), text: t('silence.many.text'),
    more: () => [
      choice(t('column.rule'), rule, [['*', t('silence.any')], ...rules.map((name) => [name, word('rule', name)])], (value) => { rule = value }),
      h('label', { class: 'field' }, h('span', {}, t('silence.subject')),
        h('input', { type: 'text', value: subject, maxlength: 200, autocomplete: 'off', required: true, oninput: (event) => { subject = event.target.value } }))],
    send: (body) => post('silences', { ...body, rule, subject: subject.trim() || '*' }), done,
  })
}

export function endSilence(silence, done) {
  confirmAction({
    title: t('silence.end.title'), text: t('silence.end.text', { time: date(silence.until), actor: silence.actor }), button: t('silence.end'), reason: false,
    act: () => post(`silences/${segment(silence.id)}/end`),
    done: () => { say(t('silence.ended'), 'good'); done() },
  })
}
