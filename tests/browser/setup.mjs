// What every test here needs: a browser, pages that fail the test when anything goes wrong in them, and the world behind
// the gateway. All addresses come from the environment, see tests/browser/run.
import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { after, afterEach } from 'node:test'

import { chromium } from 'playwright-core'

function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set; these tests are started by tests/browser/run`)
  return value
}

export const settings = {
  admin: required('B24_ADMIN_URL'),
  data: required('B24_DATA_URL'),
  control: required('B24SIM_CONTROL_URL'),
  key: required('B24_ADMIN_KEY'),
  readKey: required('B24_READ_KEY'),
  keys: JSON.parse(required('B24_KEYS')),
  hostile: JSON.parse(required('B24_HOSTILE')),
  pictures: process.env.B24GATE_SCREENSHOTS
}
// Only who fails waits so long; the machine may be slow, and busy with other tests.
const patience = 60_000 * Number(process.env.B24_PATIENCE ?? 1)

const browser = await chromium.launch({
  executablePath: required('CHROMIUM'),
  args: ['--disable-dev-shm-usage', '--font-render-hinting=none', '--force-color-profile=srgb']
})
const contexts = []
after(() => browser.close())
afterEach(async () => {
  for (const { context, page, wrong } of contexts.splice(0)) {
    const attacked = await page.evaluate(() => window.__xss).catch(() => undefined)
    await context.close()
    assert.deepEqual(wrong, [])
    assert.equal(attacked, undefined, 'foreign text was run')
  }
})

/// A page of a browser of its own. Whatever it complains of, and any request to somebody else, fails the test; `expected`:
/// patterns of complaints that belong to the test.
export async function open({ language = 'en', theme = 'light', viewport = { width: 1280, height: 860 }, phone = false, expected = [] } = {}) {
  const context = await browser.newContext({
    viewport: phone ? { width: 390, height: 844 } : viewport, hasTouch: phone, colorScheme: theme, locale: language === 'ru' ? 'ru-RU' : 'en-GB',
    timezoneId: 'UTC', reducedMotion: 'reduce'
  })
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const wrong = []
  // Who is not logged in is answered 401: the browser says so, and the page asks for the key.
  const usual = [/status of 401/, ...expected]
  const complain = (text) => { if (!usual.some((pattern) => pattern.test(text))) wrong.push(text) }
  page.on('pageerror', (error) => complain(`error: ${error.stack ?? error}`))
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complain(`console: ${message.text()}`) })
  page.on('request', (request) => { if (!request.url().startsWith(`${settings.admin}/`)) complain(`request to ${request.url()}`) })
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))
  })
  contexts.push({ context, page, wrong })
  return page
}

export async function logIn(page, { at = '', key = settings.key, label = 'Admin key', button = 'Log in' } = {}) {
  await page.goto(`${settings.admin}/${at}`)
  await page.getByLabel(label).fill(key)
  await page.getByRole('button', { name: button }).click()
  await page.getByRole('navigation').first().waitFor()
  await page.getByRole('heading', { level: 1 }).waitFor()
}

/// Logged in, at an address behind the #.
export async function openAt(at, options = {}) {
  const page = await open(options)
  const russian = options.language === 'ru'
  await logIn(page, { at, key: options.key, label: russian ? 'Ключ администратора' : 'Admin key', button: russian ? 'Войти' : 'Log in' })
  return page
}

/// A picture for people to look at; nothing is compared.
export async function picture(page, name) {
  if (!settings.pictures) return
  await mkdir(settings.pictures, { recursive: true })
  await page.screenshot({ path: `${settings.pictures}/${name}.png`, fullPage: true, animations: 'disabled' })
}

export async function eventually(look, what) {
  const until = Date.now() + patience
  for (;;) {
    if (await look()) return
    assert.ok(Date.now() < until, `did not come true in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function send(url, options) {
  const response = await fetch(url, options)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) }
}

/// A service's call through the gateway.
export function call(method, params = {}, { client = 'warehouse', portal = 'acme', headers = {} } = {}) {
  return send(`${settings.data}/portals/${portal}/rest/${method}`, {
    method: 'POST', body: JSON.stringify(params),
    headers: { Authorization: `Bearer ${settings.keys[client]}`, 'Content-Type': 'application/json', ...headers }
  })
}

/// Tells b24sim what its portals are to do.
export async function simulate(path, body) {
  const answer = await send(settings.control + path, { method: body === undefined ? 'DELETE' : 'POST', body: body && JSON.stringify(body) })
  assert.equal(answer.status, 200, answer.text)
  return answer.json()
}

export function api(path, { key = settings.key, ...options } = {}) {
  return send(`${settings.admin}/api/v1/${path}`, { ...options, headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' } })
}

/// Hands a call over for good and waits until it stands in `state`; gives its id.
export async function handOver(method, params, state) {
  const answer = await call(method, params, { headers: { Prefer: 'respond-async' } })
  assert.equal(answer.status, 202, answer.text)
  const { id } = answer.json().operation
  await eventually(async () => (await api(`operations/${id}`)).json().state === state, `${id} is ${state}`)
  return id
}
