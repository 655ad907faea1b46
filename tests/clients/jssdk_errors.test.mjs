// How the SDK's error classes show what went wrong, and what the SDK, with its own retries on, does not do to a portal.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { AjaxError, B24Hook, ParamsFactory } from '@bitrix24/b24jssdk'
import { hook, portal, settings, webhook } from './setup.mjs'

const json = { 'Content-Type': 'application/json; charset=utf-8' }

async function failure(promise) {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof AjaxError, `${error.name}: ${error.message}`)
    return error
  }
  return assert.fail('the call succeeded')
}

// As a service has it that changes nothing but the address: three attempts, network errors included. Only the pauses
// between the attempts are shorter, so that the tests are.
function careless(of, key = of.key) {
  return B24Hook.fromWebhookUrl(webhook(key), {
    restrictionParams: { ...ParamsFactory.getDefault(), rateLimit: { burstLimit: 1e6, drainRate: 1e6, adaptiveEnabled: false }, retryDelay: 10 }
  })
}

describe('b24jssdk, errors', () => {
  it('unknown method', async () => {
    const error = await failure(hook(portal('acme')).actions.v2.call.make({ method: 'crm.nonsense.get', params: {} }))
    assert.equal(error.code, 'ERROR_METHOD_NOT_FOUND')
    assert.equal(error.status, 404)
    assert.ok(error.message)
  })

  it('unknown key', async () => {
    for (const api of ['v2', 'v3']) {
      const error = await failure(careless(portal('acme'), 'b24g_nobody0nobody0nobody0nobody0').actions[api].call.make({ method: 'server.time', params: {} }))
      assert.equal(error.code, 'GATEWAY_UNAUTHORIZED')
      assert.equal(error.status, 401)
    }
  })

  it('a scope that the credential lacks', async () => {
    const faulty = portal('faulty')
    await faulty.fault('user.get', { effect: 'error', code: 'insufficient_scope', status: 403 })
    const before = await faulty.hits('user.get')
    const error = await failure(careless(faulty).actions.v2.call.make({ method: 'user.get', params: {} }))
    assert.equal(error.code, 'insufficient_scope')
    assert.equal(error.status, 403)
    assert.equal(await faulty.hits('user.get') - before, 1)
  })

  it('a method that the key is not granted', async () => {
    const acme = portal('acme')
    const before = await acme.hits('crm.deal.delete')
    const error = await failure(careless(acme, settings.limitedKey).actions.v2.call.make({ method: 'crm.deal.delete', params: { id: 1 } }))
    assert.equal(error.code, 'GATEWAY_FORBIDDEN')
    assert.equal(error.status, 403)
    assert.equal(await acme.hits('crm.deal.delete') - before, 0)
  })

  it('a batch with such a method, in either generation', async () => {
    const acme = portal('acme')
    const before = await acme.hits('batch')
    const b24 = careless(acme, settings.limitedKey)
    const calls = { fine: ['crm.deal.list', {}], forbidden: ['crm.deal.delete', { id: 1 }] }
    const error = await failure(b24.actions.v2.batch.make({ calls }))
    assert.equal(error.code, 'GATEWAY_FORBIDDEN')
    assert.equal(error.status, 403)
    assert.match(error.message, /forbidden/)
    for (const form of [calls, Object.values(calls)]) {
      const other = await failure(b24.actions.v3.batch.make({ calls: form }))
      assert.equal(other.code, 'GATEWAY_FORBIDDEN')
      assert.equal(other.status, 403)
    }
    assert.equal(await acme.hits('batch') - before, 0)
  })

  it('an error that the portal put into a 200', async () => {
    const faulty = portal('faulty')
    await faulty.fault('app.info', { effect: 'answer', status: 200, headers: json, body: { error: 'NO_APPLICATION_ID', error_description: 'no application' } })
    const error = await failure(hook(faulty).actions.v2.call.make({ method: 'app.info', params: {} }))
    assert.equal(error.code, 'NO_APPLICATION_ID')
    assert.equal(error.status, 400)
  })

  it('a burst beyond the budget never meets a refusal, and the portal refuses none', async () => {
    const small = portal('small')
    const b24 = hook(small)
    const before = await small.refused()
    const started = Date.now()
    const answers = await Promise.all(Array.from({ length: 60 }, () => b24.actions.v2.call.make({ method: 'server.time', params: {} })))
    assert.equal(answers.filter((answer) => answer.isSuccess).length, 60)
    assert.equal(await small.refused() - before, 0)
    assert.ok(Date.now() - started < 20000)
  })

  it('a portal that refuses all the same is waited for', async () => {
    const faulty = portal('faulty')
    await faulty.fault('profile', { effect: 'error', code: 'QUERY_LIMIT_EXCEEDED', times: 2 })
    const before = await faulty.hits('profile')
    const answer = await hook(faulty).actions.v2.call.make({ method: 'profile', params: {} })
    assert.equal(answer.isSuccess, true)
    assert.equal(await faulty.hits('profile') - before, 3)
  })

  it('a read that meets server errors is repeated unseen', async () => {
    const faulty = portal('faulty')
    await faulty.fault('crm.deal.fields', { effect: 'error', code: 'INTERNAL_SERVER_ERROR', times: 2 })
    const before = await faulty.hits('crm.deal.fields')
    const answer = await hook(faulty).actions.v2.call.make({ method: 'crm.deal.fields', params: {} })
    assert.equal(answer.isSuccess, true)
    assert.equal(await faulty.hits('crm.deal.fields') - before, 3)
  })

  it('a blocked credential: three attempts of the SDK are one for the portal', async () => {
    const blocked = portal('blocked')
    await blocked.fault('server.time', { effect: 'error', code: 'OVERLOAD_LIMIT', status: 503, times: 100 })
    const before = await blocked.hits('server.time')
    const error = await failure(careless(blocked).actions.v2.call.make({ method: 'server.time', params: {} }))
    assert.equal(error.code, 'OVERLOAD_LIMIT')
    assert.equal(error.status, 503)
    assert.equal(await blocked.hits('server.time') - before, 1)
  })

  const unknown = {
    'the connection broke after the portal had done it': { effect: 'reset_after' },
    'the portal hung up without a word': { effect: 'close_after' },
    'the portal answered 500': { effect: 'error', code: 'INTERNAL_SERVER_ERROR', execute: true },
    'the portal answered with a page of its web server': { effect: 'html', status: 502, execute: true },
    'the answer was cut off': { effect: 'truncate', bytes: 20 }
  }
  for (const [name, fault] of Object.entries(unknown)) {
    it(`a write of unknown outcome is sent once: ${name}`, async () => {
      const faulty = portal('faulty')
      await faulty.fault('crm.lead.add', fault)
      const [hits, executions] = [await faulty.hits('crm.lead.add'), await faulty.executions('crm.lead.add')]
      const error = await failure(careless(faulty).actions.v2.call.make({ method: 'crm.lead.add', params: { fields: { TITLE: name } } }))
      assert.equal(error.code, 'GATEWAY_OUTCOME_UNKNOWN')
      assert.equal(error.status, 409)
      assert.doesNotMatch(error.message, /</)
      assert.equal(await faulty.hits('crm.lead.add') - hits, 1)
      assert.equal(await faulty.executions('crm.lead.add') - executions, 1)
    })
  }
})
