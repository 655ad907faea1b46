// The SDK in OAuth mode, pointed at the gateway with the client key as its access token. Its paths have a double slash.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { B24OAuth } from '@bitrix24/b24jssdk'
import { portal, settings, unpaced } from './setup.mjs'

function application(origin, key) {
  return new B24OAuth({
    applicationToken: 'none', userId: 1, memberId: 'none', accessToken: key, refreshToken: 'none', expires: 4102444800,
    expiresIn: 3600, scope: 'crm', domain: 'b24.internal', clientEndpoint: `${origin}/rest/`,
    serverEndpoint: `${origin}/oauth-must-not-be-asked/rest/`, status: 'L', issuer: 'store'
  }, { clientId: 'local.none', clientSecret: 'none' }, { restrictionParams: unpaced })
}

for (const origin of [settings.https, settings.http]) {
  describe(`b24jssdk, OAuth mode over ${new URL(origin).protocol.slice(0, -1)}`, () => {
    const acme = portal('acme')
    const b24 = application(origin, acme.key)

    it('calls REST 2', async () => {
      const added = await b24.actions.v2.call.make({ method: 'crm.company.add', params: { fields: { TITLE: 'OAuth Inc.' } } })
      const got = await b24.actions.v2.call.make({ method: 'crm.company.get', params: { id: added.getData().result } })
      assert.equal(got.getData().result.TITLE, 'OAuth Inc.')
      assert.ok(!JSON.stringify(got.getData()).includes(acme.key))
    })

    it('makes a batch of REST 2', async () => {
      const response = await b24.actions.v2.batch.make({ calls: { time: ['server.time'], user: ['user.current'] } })
      assert.deepEqual(response.getErrorMessages(), [])
      assert.ok(response.getData().user.ID)
    })

    it('calls REST 3', async () => {
      const added = await b24.actions.v3.call.make({ method: 'tasks.task.add', params: { fields: { title: 'OAuth', creatorId: 1, responsibleId: 1 } } })
      assert.equal(added.isSuccess, true)
    })

    // This version puts the token among the commands, where a portal trips over it; the gateway takes it out.
    it('makes a batch of REST 3', async () => {
      const response = await b24.actions.v3.batch.make({
        calls: { first: ['tasks.task.list', { select: ['id'] }], second: ['tasks.task.list', { select: ['id'] }] }
      })
      assert.deepEqual(response.getErrorMessages(), [])
      assert.ok(Array.isArray(response.getData().second.items))
    })

    it('is refused with a key that does not exist', async () => {
      await assert.rejects(application(origin, 'b24g_nobody0nobody0nobody0nobody0').actions.v2.call.make({ method: 'server.time', params: {} }),
        { name: 'AjaxError', code: 'GATEWAY_UNAUTHORIZED' })
    })
  })
}
