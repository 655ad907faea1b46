// How long the admin port and the pages take when there is a lot; started by tests/browser/scale. It prints figures and judges
// none of them: how fast a machine is, is no property of the program.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { api, call, openAt, picture, settings } from './setup.mjs'

const portals = JSON.parse(process.env.B24_PORTALS)
const clients = Object.keys(settings.keys)
const rounds = 7

function print(name, ...columns) {
  console.log(name.padEnd(44) + columns.map((column) => String(column).padStart(13)).join(''))
}

const kilobytes = (count) => `${(count / 1024).toFixed(1)} KiB`
const milliseconds = (count) => `${count.toFixed(0)} ms`
const middle = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)]

test('every portal has been called, some of them in vain', async () => {
  for (const [index, portal] of portals.entries()) {
    const client = clients[index % clients.length]
    assert.equal((await call('profile', {}, { client, portal })).status, 200)
    if (index % 2 === 0) await call('crm.no.such.method', {}, { client, portal })
  }
})

test('the admin port', async () => {
  print('\nthe admin port', 'median', 'slowest', 'bytes')
  const asked = {
    'overview': {}, 'portals': {}, [`portals?name=${portals[7]}`]: {}, 'clients': {}, [`clients?portal=${portals[7]}`]: {}, 'errors?limit=100': {}, [`errors?portal=${portals[8]}&limit=20`]: {},
    'operations/counts': {}, 'operations/counts?by=state': {}, 'operations': {}, 'operations?state=held,dead,failed': {}, [`operations?portal=${portals[7]}`]: {},
    'operations?client=client-07&state=dead': {}, 'operations?class=timeout': {}, 'operations?method=crm.lead.*': {}, 'operations?text=scale-000007': {},
    'operations/scale-050000': {}, 'audit': {},
    'operations/retry': { method: 'POST', body: JSON.stringify({ filter: {} }) },
  }
  for (const [path, options] of Object.entries(asked)) {
    const took = []
    let bytes = 0
    for (let round = 0; round < rounds; round += 1) {
      const begin = performance.now()
      const answer = await api(path, options)
      took.push(performance.now() - begin)
      assert.equal(answer.status, 200, `${path}: ${answer.text.slice(0, 300)}`)
      bytes = answer.text.length
    }
    print(`${options.method ?? 'GET'} ${path}`, milliseconds(middle(took)), milliseconds(Math.max(...took)), kilobytes(bytes))
  }
})

/// The sizes of the first message that comes by itself, and of the one after it.
async function eventSizes(page) {
  return page.evaluate(() => new Promise((resolve) => {
    const source = new EventSource('/api/v1/events')
    const sizes = []
    source.addEventListener('overview', (event) => sizes.push(event.data.length))
    source.addEventListener('change', (event) => { source.close(); resolve([...sizes, event.data.length]) })
  }))
}

test('the pages', async () => {
  const page = await openAt('')
  print('\nthe pages, as a visitor goes through them', 'to content', 'elements', 'longest task')
  const pages = {
    'overview': ['#/', 'Overview'], 'operations, those that need a person': ['#/operations', 'Operations'], 'operations, all': ['#/operations?tab=all', 'Operations'],
    'operations of a portal': [`#/operations?tab=all&portal=${portals[7]}`, 'Operations'], 'operations, a search': ['#/operations?tab=all&text=scale-000007', 'Operations'],
    'operation': ['#/operations/scale-050000', ''], 'portals': ['#/portals', 'Portals'], 'portal': [`#/portals/${portals[7]}`, portals[7]], 'errors': ['#/errors', 'Errors'],
    'clients': ['#/clients', 'Clients'], 'audit': ['#/audit', 'Audit'],
  }
  for (const [name, [address]] of Object.entries(pages)) {
    const { took, elements, longest } = await page.evaluate(async (href) => {
      const root = () => document.querySelector('.screen')
      let longest = 0
      const tasks = new PerformanceObserver((list) => { for (const one of list.getEntries()) longest = Math.max(longest, one.duration) })
      tasks.observe({ type: 'longtask' })
      // From nowhere: so that what is seen next is the page that was asked for.
      location.hash = '#/nowhere/at/all'
      while (root()) await new Promise((resolve) => requestAnimationFrame(resolve))
      const begin = performance.now()
      location.hash = href
      while (!root()?.querySelector('table, section, .notice')) await new Promise((resolve) => requestAnimationFrame(resolve))
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
      const took = performance.now() - begin
      // Two of the updates that come by themselves.
      await new Promise((resolve) => setTimeout(resolve, 4500))
      tasks.disconnect()
      return { took, elements: document.querySelectorAll('*').length, longest }
    }, address)
    print(name, milliseconds(took), elements, longest ? milliseconds(longest) : 'under 50 ms')
    await picture(page, `scale-${name.replace(/\W+/g, '-')}`)
  }
  const [first, change] = await eventSizes(page)
  print('\nthe live updates, at first', '', '', kilobytes(first))
  print('the live updates, every two seconds', '', '', kilobytes(change))
})
