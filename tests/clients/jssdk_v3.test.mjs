// REST 3 through the official SDK in webhook mode, over TLS.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'

import { BatchRefV3 } from '@bitrix24/b24jssdk'
import { hook, portal } from './setup.mjs'

const TASKS = 120

describe('b24jssdk, REST 3', () => {
  const acme = portal('acme')
  const b24 = hook(acme)
  const add = (title) => ({ fields: { title, creatorId: 1, responsibleId: 1 } })
  let ids

  before(async () => {
    const calls = Array.from({ length: TASKS }, (_, n) => ['tasks.task.add', add(`Task ${n}`)])
    const filled = await b24.actions.v3.batchByChunk.make({ calls })
    assert.deepEqual(filled.getErrorMessages(), [])
    ids = filled.getData().map((row) => Number(row.id ?? row.item?.id))
    assert.equal(new Set(ids).size, TASKS)
  })

  it('adds, reads, changes and deletes a record', async () => {
    const title = 'Zażółć "gęślą" \\ jaźń 🚀'
    const added = await b24.actions.v3.call.make({ method: 'tasks.task.add', params: add(title) })
    assert.equal(added.isSuccess, true)
    const result = added.getData().result
    const id = Number(result.id ?? result.item?.id)
    assert.equal(typeof added.getData().time.duration, 'number')

    const got = await b24.actions.v3.call.make({ method: 'tasks.task.get', params: { id, select: ['id', 'title'] } })
    assert.equal(got.getData().result.item.title, title)

    const changed = await b24.actions.v3.call.make({ method: 'tasks.task.update', params: { id, fields: { title: 'other' } } })
    assert.equal(changed.isSuccess, true)
    const again = await b24.actions.v3.call.make({ method: 'tasks.task.get', params: { id, select: ['id', 'title'] } })
    assert.equal(again.getData().result.item.title, 'other')

    const deleted = await b24.actions.v3.call.make({ method: 'tasks.task.delete', params: { id } })
    assert.equal(deleted.isSuccess, true)
  })

  // This version of the SDK sends the array of commands as an object with the keys 0, 1, 2 …, which is the same to PHP.
  it('makes a batch of an array', async () => {
    const before = await acme.hits('batch')
    const response = await b24.actions.v3.batch.make({
      calls: [['tasks.task.get', { id: ids[0], select: ['id', 'title'] }], { method: 'tasks.task.get', params: { id: ids[1], select: ['id', 'title'] } }],
      options: { returnAjaxResult: true }
    })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.deepEqual(response.getData().map((row) => row.getData().result.item.title), ['Task 0', 'Task 1'])
    assert.equal(await acme.hits('batch') - before, 1)
  })

  it('makes a batch of names, with a reference from one command to another', async () => {
    const response = await b24.actions.v3.batch.make({
      calls: {
        first: { method: 'tasks.task.get', params: { id: ids[2], select: ['id', 'title'] } },
        same: ['tasks.task.get', { id: BatchRefV3.ref('first.id'), select: ['id', 'title'] }]
      }
    })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.equal(response.getData().same.item.title, 'Task 2')
  })

  it('splits a long list of commands into batches', async () => {
    const before = await acme.hits('batch')
    const response = await b24.actions.v3.batchByChunk.make({ calls: ids.map((id) => ['tasks.task.get', { id, select: ['id', 'title'] }]) })
    assert.deepEqual(response.getErrorMessages(), [])
    assert.deepEqual(response.getData().map((row) => row.item.title), ids.map((_, n) => `Task ${n}`))
    assert.equal(await acme.hits('batch') - before, 3)
  })

  it('reads a whole list', async () => {
    const response = await b24.actions.v3.callList.make({
      method: 'tasks.task.list', params: { select: ['id', 'title'], filter: [['id', '>=', ids[0]]] }, customKeyForResult: 'items'
    })
    assert.deepEqual(response.getErrorMessages(), [])
    const read = new Set(response.getData().map((row) => Number(row.id)))
    assert.ok(ids.every((id) => read.has(id)), `${read.size} rows`)
  })

  it('reads a list page by page', async () => {
    const sizes = []
    const pages = b24.actions.v3.fetchList.make({
      method: 'tasks.task.list', params: { select: ['id'], filter: [['id', '<=', ids[109]], ['id', '>=', ids[0]]] }, customKeyForResult: 'items', limit: 50
    })
    for await (const page of pages) sizes.push(page.length)
    assert.deepEqual(sizes, [50, 50, 10])
  })

  it('follows a log by its cursor', async () => {
    const whole = await b24.actions.v3.callTail.make({ method: 'main.eventlog.tail', params: { select: ['id'] } })
    assert.deepEqual(whole.getErrorMessages(), [])
    assert.equal(whole.getData().length, 120)
    const sizes = []
    for await (const page of b24.actions.v3.fetchTail.make({ method: 'main.eventlog.tail', params: { select: ['id'] }, limit: 70 })) sizes.push(page.length)
    assert.deepEqual(sizes, [70, 50])
  })

  it('returns the errors of REST 3 as results, with code and status', async () => {
    const missing = await b24.actions.v3.call.make({ method: 'tasks.task.get', params: { id: 99999999, select: ['id'] } })
    assert.equal(missing.isSuccess, false)
    const [error] = missing.getErrors()
    assert.equal(error.name, 'AjaxError')
    assert.equal(error.code, 'BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUNDEXCEPTION')
    assert.equal(error.status, 400)

    const unknown = await b24.actions.v3.call.make({ method: 'tasks.task.nonsense', params: {} })
    assert.equal(unknown.isSuccess, false)
    const [other] = unknown.getErrors()
    assert.equal(other.code, 'BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION')
    assert.equal(other.status, 404)
  })

  it('returns the failure of a batch whole', async () => {
    const response = await b24.actions.v3.batch.make({
      calls: [['tasks.task.get', { id: ids[0], select: ['id'] }], ['tasks.task.nonsense', {}]], options: { returnAjaxResult: true }
    })
    assert.equal(response.isSuccess, false)
    const [error] = response.getErrors()
    assert.equal(error.code, 'BITRIX_REST_V3_EXCEPTION_METHODNOTFOUNDEXCEPTION')
  })
})
