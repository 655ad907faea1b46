// What the gateway warns of: it appears by itself and goes by itself, and can be kept quiet for a while.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'

import { api, call, eventually, openAt, picture, settings, simulate } from './setup.mjs'

after(() => simulate('/faults'))

const profile = () => call('profile', {}, { client: 'telephony', portal: 'beta' })
const alert = async () => (await api('alerts')).json().alerts.find((one) => one.rule === 'error_rate' && one.subject === 'beta')
const alertIs = async (state) => (await alert())?.state === state

/// Makes beta fail until the gateway warns of it.
async function spoil() {
  await simulate('/faults', { portal: 'beta', method: 'profile', effect: 'html', status: 502, times: 100_000 })
  await eventually(async () => { await profile(); return alertIs('firing') }, 'the error rate fires')
}

/// Makes beta answer again until nobody warns any more.
async function mend() {
  await simulate('/faults')
  await eventually(async () => { await profile(); return alertIs('resolved') }, 'the error rate is right again')
}

test('an alert appears by itself, says what to do, and goes by itself', async () => {
  const page = await openAt('')
  const shown = page.getByRole('main').getByRole('link', { name: /^Error rate beta/ })
  assert.equal(await shown.count(), 0)
  await spoil()
  await shown.waitFor()
  await page.getByRole('navigation').getByRole('link', { name: /^Alerts \d/ }).waitFor()
  await picture(page, 'overview-alert')
  await shown.click()
  await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor()
  const card = page.getByRole('listitem').filter({ hasText: /Error rate beta/ })
  await card.getByText('critical').waitFor()
  await card.getByText('What to do').waitFor()
  await picture(page, 'alerts-firing')
  await mend()
  await card.waitFor({ state: 'detached' })
  await page.getByRole('row').filter({ hasText: /Error rate beta/ }).getByText('it is right again').waitFor()
  await picture(page, 'alerts-over')
  await page.goto(`${settings.admin}/#/`)
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  await shown.waitFor({ state: 'detached' })
})

test('an alert is silenced with a reason, and the silence ended', async () => {
  await spoil()
  const page = await openAt('#/alerts')
  const dialog = page.getByRole('dialog')
  const card = page.getByRole('listitem').filter({ hasText: /Error rate beta/ })
  await card.getByRole('button', { name: 'Silence…' }).click()
  await dialog.getByLabel('How long').selectOption('8 hours')
  await dialog.getByLabel(/Reason/).fill('they are moving house')
  await picture(page, 'alert-silence')
  await dialog.getByRole('button', { name: 'Silence' }).click()
  await card.getByText(/^Silenced until .* they are moving house$/).waitFor()
  const { silence } = await alert()
  assert.equal(silence.reason, 'they are moving house')
  assert.ok(Math.abs(Date.parse(silence.until) - Date.now() - 8 * 3_600_000) < 600_000, silence.until)
  await picture(page, 'alert-silenced')
  await page.goto(`${settings.admin}/#/`)
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
  assert.equal(await page.getByRole('main').getByRole('link', { name: /^Error rate beta/ }).count(), 0)
  await page.goto(`${settings.admin}/#/alerts`)
  await card.getByRole('button', { name: 'End the silence' }).click()
  await dialog.getByRole('button', { name: 'End the silence' }).click()
  await card.getByRole('button', { name: 'Silence…' }).waitFor()
  assert.equal((await alert()).silence, null)
  await mend()
})

test('all that is about a portal is silenced, and the list says so', async () => {
  const page = await openAt('#/alerts')
  const dialog = page.getByRole('dialog')
  await page.getByRole('button', { name: 'Silence by rule…' }).click()
  await dialog.getByLabel('Rule').selectOption('Overload')
  await dialog.getByLabel(/^About/).fill('acme*')
  await dialog.getByRole('button', { name: 'Silence' }).click()
  const row = page.getByRole('row').filter({ hasText: 'acme*' })
  await row.getByText('Overload').waitFor()
  await row.getByRole('button', { name: 'End the silence' }).click()
  await dialog.getByRole('button', { name: 'End the silence' }).click()
  await row.waitFor({ state: 'detached' })
})

test('a channel is tried, and what the receiver says is shown', async () => {
  const page = await openAt('#/alerts', { expected: [/status of 502/] })
  await page.getByRole('row').filter({ hasText: 'desk' }).getByRole('button', { name: 'Send a test' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Send a test' }).click()
  await page.getByRole('dialog').getByRole('alert').getByText(/404/).waitFor()
})

test('a link out of a message leads to the alert', async () => {
  await spoil()
  const { id } = await alert()
  const page = await openAt(`alerts/${id}`)
  await page.locator('.alert.chosen').filter({ hasText: /Error rate beta/ }).waitFor()
  assert.match(page.url(), new RegExp(`/#/alerts/${id}$`))
  await mend()
})

test('who may only look is shown alerts and no buttons', async () => {
  const page = await openAt('#/alerts', { key: settings.readKey })
  await page.getByRole('heading', { level: 1, name: 'Alerts' }).waitFor()
  await page.getByRole('row').filter({ hasText: 'desk' }).waitFor()
  assert.equal(await page.getByRole('button', { name: /[Ss]ilence|test/ }).count(), 0)
})
