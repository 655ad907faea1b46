// REST 2 through the official SDK in webhook mode, over TLS. The SDK is as published; only its own pacing is off.
import assert from 'node:assert/strict'
import { describe, it, before } from 'node:test'

import { B24Hook } from '@bitrix24/b24jssdk'
import { hook, portal, settings, unpaced } from './setup.mjs'

const DEALS = 130
const deal = (n) => ({ TITLE: `Deal ${n}`, STAGE_ID: 'NEW', OPPORTUNITY: String(n), ORIGINATOR_ID: 'sdk-v2' })
const mine = { ORIGINATOR_ID: 'sdk-v2' }

describe('b24jssdk, REST 2', () => {
  const acme = portal('acme')
  const b24 = hook(acme)

  before(async () => {
    const calls = Array.from({ length: DEALS }, (_, n) => ['crm.deal.add', { fields: deal(n) }])
    const filled = await b24.actions.v2.batchByChunk.make({ calls, options: { isHaltOnError: true } })
    assert.deepEqual(filled.getErrorMessages(), [])
    assert.equal(filled.getData().length, DEALS)
  })

  it('adds, reads, changes and deletes a record', async () => {
    const title = 'Ünïcödé "quoted" & <b> + 100 % \\ / 漢字 🚀'
    const added = await b24.actions.v2.call.make({ method: 'crm.deal.add', params: { fields: { TITLE: title, OPPORTUNITY: '12.50' } } })
    assert.equal(added.isSuccess, true)
    const id = added.getData().result
    assert.ok(Number.isInteger(id), `id ${id}`)
    assert.equal(typeof added.getData().time.duration, 'number')

    const got = await b24.actions.v2.call.make({ method: 'crm.deal.get', params: { id } })
    assert.equal(got.getData().result.TITLE, title)

    const changed = await b24.actions.v2.call.make({ method: 'crm.deal.update', params: { id, fields: { TITLE: 'other' } } })
    assert.equal(changed.getData().result, true)
    const again = await b24.actions.v2.call.make({ method: 'crm.deal.get', params: { id } })
    assert.equal(again.getData().result.TITLE, 'other')

    const deleted = await b24.actions.v2.call.make({ method: 'crm.deal.delete', params: { id } })
    assert.equal(deleted.getData().result, true)
    await assert.rejects(b24.actions.v2.call.make({ method: 'crm.deal.get', params: { id } }), { name: 'AjaxError' })
  })

  it('calls without parameters', async () => {
    assert.equal(await b24.tools.healthCheck.make(), true)
    const user = await b24.actions.v2.call.make({ method: 'user.current' })
    assert.ok(user.getData().result.ID)
  })

  it('keeps a prefix that names the portal', async () => {
    const prefixed = new B24Hook({ b24Url: `${settings.https}/portals/acme`, userId: 1, secret: acme.key }, { restrictionParams: unpaced })
    assert.equal(await prefixed.tools.healthCheck.make(), true)
    const rows = await prefixed.actions.v3.call.make({ method: 'main.eventlog.list', params: { select: ['id'], pagination: { limit: 5 } } })
    assert.equal(rows.getData().result.items.length, 5)
    const other = new B24Hook({ b24Url: `${settings.https}/portals/faulty`, userId: 1, secret: acme.key }, { restrictionParams: unpaced })
    assert.equal(await other.tools.healthCheck.make(), false)
  })

  it('pages by next', async () => {
    let page = await b24.actions.v2.call.make({ method: 'crm.deal.list', params: { filter: mine, order: { ID: 'ASC' } } })
    assert.equal(page.getTotal(), DEALS)
    const ids = []
    for (;;) {
      ids.push(...page.getData().result.map((row) => row.ID))
      const next = await page.fetchNext(b24.getHttpClient('v2'))
      if (!next) break
      page = next
    }
    assert.equal(new Set(ids).size, DEALS)
  })

  it('makes a batch of an array', async () => {
    const before = await acme.hits('batch')
    const response = await b24.actions.v2.batch.make({
      calls: [
        ['crm.deal.list', { filter: { ...mine, '>=OPPORTUNITY': 10, '<OPPORTUNITY': 20 }, select: ['ID', 'OPPORTUNITY'] }],
        { method: 'user.current' },
        ['server.time']
      ],
      options: { returnAjaxResult: true }
    })
    assert.deepEqual(response.getErrorMessages(), [])
    const [deals, user, time] = response.getData()
    assert.equal(deals.getTotal(), 10)
    assert.deepEqual(deals.getData().result.map((row) => Number(row.OPPORTUNITY)).sort((a, b) => a - b), [10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    assert.ok(user.getData().result.ID)
    assert.match(String(time.getData().result), /^\d{4}-\d\d-\d\dT/)
    assert.equal(await acme.hits('batch') - before, 1)
  })

  it('makes a batch of names, with a reference from one command to another', async () => {
    const response = await b24.actions.v2.batch.make({
      calls: {
        added: { method: 'crm.contact.add', params: { fields: { NAME: 'Ann & Bob', PHONE: [{ VALUE: '+1 555', VALUE_TYPE: 'WORK' }] } } },
        read: ['crm.contact.get', { id: '$result[added]' }]
      }
    })
    assert.deepEqual(response.getErrorMessages(), [])
    const { added, read } = response.getData()
    assert.equal(Number(read.ID), Number(added))
    assert.equal(read.NAME, 'Ann & Bob')
    assert.equal(read.PHONE[0].VALUE, '+1 555')
  })

  it('sees which command of a batch failed, and why', async () => {
    const response = await b24.actions.v2.batch.make({
      calls: { good: ['server.time'], bad: ['crm.deal.nonsense', {}], also: ['user.current'] },
      options: { isHaltOnError: false, returnAjaxResult: true }
    })
    assert.equal(response.isSuccess, false)
    assert.deepEqual(Object.keys(response.getErrorsByKey()), ['bad'])
    const error = response.getErrorsByKey().bad
    assert.equal(error.name, 'AjaxError')
    assert.equal(error.code, 'ERROR_METHOD_NOT_FOUND')
    assert.equal(response.getData().good.isSuccess, true)
    assert.equal(response.getData().also.isSuccess, true)
  })

  it('stops a batch at the first failure when told to', async () => {
    const response = await b24.actions.v2.batch.make({
      calls: [['server.time'], ['crm.deal.nonsense'], ['user.current']],
      options: { isHaltOnError: true, returnAjaxResult: true }
    })
    assert.deepEqual(Object.keys(response.getErrorsByKey()), ['1'])
    assert.equal(response.getData().length, 2)
  })

  it('splits a long list of commands into batches', async () => {
    const before = await acme.hits('batch')
    const calls = Array.from({ length: 120 }, (_, n) => ['crm.deal.list', { filter: { ...mine, OPPORTUNITY: n }, select: ['ID', 'TITLE'] }])
    const response = await b24.actions.v2.batchByChunk.make({ calls })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.deepEqual(response.getData().map((rows) => rows[0].TITLE), Array.from({ length: 120 }, (_, n) => `Deal ${n}`))
    assert.equal(await acme.hits('batch') - before, 3)
  })

  it('reads a whole list', async () => {
    const response = await b24.actions.v2.callList.make({ method: 'crm.deal.list', params: { filter: mine, select: ['ID', 'TITLE'] } })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.deepEqual(response.getData().map((row) => row.TITLE), Array.from({ length: DEALS }, (_, n) => `Deal ${n}`))
  })

  it('reads a list page by page', async () => {
    const sizes = []
    for await (const page of b24.actions.v2.fetchList.make({ method: 'crm.deal.list', params: { filter: mine, select: ['ID'] } })) {
      sizes.push(page.length)
    }
    assert.deepEqual(sizes, [50, 50, DEALS - 100])
  })

  it('reads a list whose rows stand under a key', async () => {
    const response = await b24.actions.v2.callList.make({
      method: 'crm.item.list', params: { entityTypeId: 2, filter: { originatorId: 'sdk-v2' } }, idKey: 'id', customKeyForResult: 'items'
    })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.equal(response.getData().length, DEALS)
  })
})
