// A client as it is written in plain PHP, with curl: forms with nested brackets, GET, suffixes, slashes, files.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'

import { portal, settings, webhook } from './setup.mjs'

const run = promisify(execFile)

// Runs curl; gives status, headers and body. `url` may be any, the rest are curl's arguments.
async function curl(url, ...args) {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--globoff', '--path-as-is', '--max-time', '60', '--cacert', settings.ca,
    '--write-out', '\n%{http_code}\n%{content_type}', ...args, url], { encoding: 'buffer', maxBuffer: 64 << 20 })
  const text = stdout.toString('latin1')
  const [, status, type] = /\n(\d{3})\n([^\n]*)$/.exec(text)
  const body = stdout.subarray(0, text.length - status.length - type.length - 2)
  return { status: Number(status), type, body, get json() { return JSON.parse(body.toString()) } }
}

// What PHP's http_build_query makes of a tree.
function httpBuildQuery(tree) {
  const pairs = []
  const walk = (value, name) => {
    if (value !== null && typeof value === 'object') {
      for (const [key, inner] of Object.entries(value)) walk(inner, name ? `${name}[${key}]` : key)
    } else if (value !== null) {
      pairs.push(`${encodeURIComponent(name)}=${encodeURIComponent(value === true ? 1 : value === false ? 0 : value)}`)
    }
  }
  walk(tree, '')
  return pairs.join('&')
}

describe('plain forms with curl', () => {
  const acme = portal('acme')
  const url = (method) => `${webhook(acme.key)}${method}`
  let folder

  const get = async (id) => (await curl(url('crm.contact.get'), '--data', `id=${id}`)).json.result

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'b24gate-form-'))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('posts nested brackets', async () => {
    const form = httpBuildQuery({
      fields: { NAME: 'Zoë & Sons = 100%', OPENED: true, PHONE: [{ VALUE: '+49 30 1', VALUE_TYPE: 'WORK' }, { VALUE: '+49 30 2', VALUE_TYPE: 'HOME' }] },
      params: { REGISTER_SONET_EVENT: 'N' }
    })
    const added = await curl(url('crm.contact.add.json'), '--data', form)
    assert.equal(added.status, 200)
    assert.match(added.type, /^application\/json/)
    assert.ok(added.json.time)
    const contact = await get(added.json.result)
    assert.equal(contact.NAME, 'Zoë & Sons = 100%')
    assert.deepEqual(contact.PHONE.map((phone) => phone.VALUE), ['+49 30 1', '+49 30 2'])
  })

  it('posts brackets as they are written by hand', async () => {
    const added = await curl(url('crm.contact.add'), '--data', 'fields[NAME]=by hand&fields[PHONE][0][VALUE]=1&fields[EMAIL][0][VALUE]=a%40b.c')
    const contact = await get(added.json.result)
    assert.equal(contact.NAME, 'by hand')
    assert.equal(contact.EMAIL[0].VALUE, 'a@b.c')
  })

  it('filters by operators, in a form and in a query', async () => {
    for (const name of ['Q1', 'Q2', 'Q3']) await curl(url('crm.contact.add'), '--data', httpBuildQuery({ fields: { NAME: name, ORIGINATOR_ID: 'form' } }))
    const query = httpBuildQuery({ filter: { ORIGINATOR_ID: 'form', '!NAME': 'Q2' }, select: ['ID', 'NAME'], order: { ID: 'DESC' }, start: 0 })
    for (const answer of [
      await curl(url('crm.contact.list'), '--data', query),
      await curl(`${url('crm.contact.list')}?${query}`),
      await curl(`${url('crm.contact.list.json')}?${query}`),
      await curl(`${url('crm.contact.list')}/?${query}`),
      await curl(`${url('crm.contact.list.json')}/?${query}&bx24_request_id=7`),
      await curl(`${url('crm.contact.list')}?${query}`, '--data', '')
    ]) {
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.json.result.map((row) => row.NAME), ['Q3', 'Q1'])
      assert.equal(answer.json.total, 2)
    }
  })

  it('calls without parameters, by GET and by POST', async () => {
    for (const args of [[], ['--request', 'POST'], ['--data', '']]) {
      for (const method of ['profile', 'profile.json', 'profile/', 'profile.json/', 'PROFILE']) {
        const answer = await curl(url(method), ...args)
        assert.equal(answer.status, 200, `${method} ${args}`)
        assert.ok(answer.json.result.ID)
      }
    }
  })

  it('bears slashes where they are too many', async () => {
    for (const where of [`${settings.https}//rest/1/${acme.key}/profile`, `${settings.https}/rest/1/${acme.key}//profile`, `${settings.https}/rest//1/${acme.key}/profile/`]) {
      assert.equal((await curl(where)).status, 200, where.replace(acme.key, 'KEY'))
    }
  })

  it('names the portal by a prefix or by the host', async () => {
    for (const args of [[`${settings.https}/portals/acme/rest/1/${acme.key}/profile`], [url('profile'), '--header', 'Host: acme.b24.internal']]) {
      const answer = await curl(...args)
      assert.equal(answer.status, 200)
      assert.ok(answer.json.result.ID)
    }
    assert.equal((await curl(url('profile'), '--header', 'Host: faulty.b24.internal')).status, 403)
  })

  it('posts multipart', async () => {
    const added = await curl(url('crm.contact.add'), '--form-string', 'fields[NAME]=multi & part', '--form-string', 'fields[PHONE][0][VALUE]=7')
    assert.equal(added.status, 200)
    const contact = await get(added.json.result)
    assert.equal(contact.NAME, 'multi & part')
    assert.equal(contact.PHONE[0].VALUE, '7')
  })

  it('carries the key wherever a token may stand', async () => {
    const places = [
      [`${settings.https}/rest/profile?auth=${acme.key}`],
      [`${settings.https}/rest/profile.json`, '--data', `auth=${acme.key}`],
      [`${settings.https}/rest/profile`, '--form-string', `auth=${acme.key}`],
      [`${settings.https}/rest/profile`, '--json', JSON.stringify({ auth: acme.key })],
      [`${settings.https}/rest/profile`, '--header', `Authorization: Bearer ${acme.key}`]
    ]
    for (const [where, ...args] of places) {
      const answer = await curl(where, ...args)
      assert.equal(answer.status, 200, args.join(' ').replace(acme.key, 'KEY'))
      assert.ok(answer.json.result.ID)
    }
  })

  it('makes a batch of a form', async () => {
    const answer = await curl(url('batch'), '--data', httpBuildQuery({
      halt: 0, cmd: { found: `crm.contact.list?${httpBuildQuery({ filter: { ORIGINATOR_ID: 'form' }, order: { ID: 'ASC' } })}`, first: 'crm.contact.get?id=$result[found][0][ID]', bad: 'crm.contact.nonsense' }
    }))
    assert.equal(answer.status, 200)
    const { result, result_error: errors } = answer.json.result
    assert.equal(result.first.ID, result.found[0].ID)
    assert.equal(errors.bad.error, 'ERROR_METHOD_NOT_FOUND')
    assert.equal(errors.bad.gateway.class, 'method_unknown')
  })

  it('hears that its JSON is broken', async () => {
    const before = await acme.hits('crm.contact.add')
    const answer = await curl(url('crm.contact.add'), '--header', 'Content-Type: application/json', '--data', '{"fields": {"NAME": "half')
    assert.equal(answer.status, 400)
    assert.equal(answer.json.error, 'GATEWAY_BAD_REQUEST')
    assert.equal(await acme.hits('crm.contact.add') - before, 0)
  })

  it('uploads a file in two steps and downloads it', async () => {
    const content = Buffer.from(Array.from({ length: 300000 }, (_, n) => (n * 7 + (n >> 8)) & 255))
    const file = path.join(folder, 'röntgen.bin')
    await writeFile(file, content)

    const step = await curl(url('disk.folder.uploadfile'), '--data', httpBuildQuery({ id: 1, data: { NAME: 'roentgen.bin' } }))
    assert.equal(step.status, 200)
    const { field, uploadUrl } = step.json.result
    assert.ok(uploadUrl.startsWith(`${settings.https}/`), uploadUrl)
    assert.ok(!step.body.includes(acme.secret), 'the portal\'s secret in an answer')

    const uploaded = await curl(uploadUrl, '--form', `${field}=@${file};filename=roentgen.bin`)
    assert.equal(uploaded.status, 200, uploaded.body.toString())
    const { DOWNLOAD_URL: link, ID: id } = uploaded.json.result
    assert.ok(link.startsWith(`${settings.https}/`), link)
    assert.ok(!uploaded.body.includes(acme.secret), 'the portal\'s secret in an answer')

    const got = await curl(url('disk.file.get'), '--data', `id=${id}`)
    for (const where of [link, got.json.result.DOWNLOAD_URL]) {
      const target = path.join(folder, 'downloaded')
      await curl(where, '--output', target, '--fail')
      assert.deepEqual(await readFile(target), content)
    }
    const stranger = await curl(link.replace(acme.key, 'b24g_nobody0nobody0nobody0nobody0'))
    assert.equal(stranger.status, 401)
  })
})
