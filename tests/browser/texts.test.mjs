// The words of the page: every one is there in both languages, and none too many. Needs no browser.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import test from 'node:test'

import { indented } from '../../src/dashboard/indented.js'

const folder = new URL('../../src/dashboard/', import.meta.url)
const texts = Object.fromEntries(await Promise.all(['en', 'ru'].map(async (code) => [code, JSON.parse(await readFile(new URL(`i18n/${code}.json`, folder)))])))

async function sources(place = folder) {
  const out = []
  for (const entry of await readdir(place, { withFileTypes: true })) {
    if (entry.isDirectory()) out.push(...await sources(new URL(`${entry.name}/`, place)))
    else if (entry.name.endsWith('.js')) out.push(await readFile(new URL(entry.name, place), 'utf8'))
  }
  return out
}

const code = (await sources()).join('\n')
const quoted = [...code.matchAll(/'([a-z_]+(?:\.[a-z_0-9]+)+)'/g)].map(([, key]) => key)
const asked = [...code.matchAll(/\bt\('([^']+)'/g)].map(([, key]) => key)
// `operations.${action}.all` stands for any key of that form, and word('state', …) for all below it.
const patterns = [...[...code.matchAll(/\bt\(`([^`]+)`/g)].map(([, key]) => key.replace(/\$\{[^}]*\}/g, '*')),
  ...[...code.matchAll(/word\('([^']+)'/g)].map(([, prefix]) => `${prefix}.*`)]
const matches = (pattern, key) => new RegExp(`^${pattern.split('*').map((part) => part.replaceAll('.', '\\.')).join('.+')}$`).test(key)

test('every text that is asked for is there, in every language', () => {
  for (const [language, known] of Object.entries(texts)) assert.deepEqual(asked.filter((key) => !(key in known)), [], language)
})

test('no text is there that nobody asks for', () => {
  const unused = Object.keys(texts.en).filter((key) => !quoted.includes(key) && !asked.includes(key) && !patterns.some((pattern) => matches(pattern, key)))
  assert.deepEqual(unused, [])
})

test('the languages say the same things with the same values', () => {
  assert.deepEqual(Object.keys(texts.ru), Object.keys(texts.en))
  const values = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].sort()
  for (const [key, text] of Object.entries(texts.en)) {
    assert.equal(typeof texts.ru[key], typeof text, key)
    assert.deepEqual(values(texts.ru[key]), values(text), key)
    if (typeof text === 'object') {
      assert.deepEqual(Object.keys(text), ['one', 'other'], key)
      assert.deepEqual(Object.keys(texts.ru[key]), ['one', 'few', 'many', 'other'], key)
    }
  }
})

test('every state and every class of error of the API has a word', async () => {
  const description = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  const lists = []
  JSON.parse(description, (key, value) => { if (key === 'enum') lists.push(value); return value })
  const states = lists.find((list) => list.includes('held'))
  const classes = lists.find((list) => list.includes('portal_gone')) ?? ['validation', 'portal_gone', 'gateway']
  for (const state of states) assert.ok(`state.${state}` in texts.en, state)
  for (const one of classes.filter((name) => name !== null)) assert.ok(`class.${one}` in texts.en, one)
})

test('raw JSON is folded out without changing a character of it', () => {
  const text = '{"id":12345678901234567890,"id":1.0,"a":[],"b":{ },"c":["x, {y}: \\"z\\\\", null]}'
  const out = indented(text)
  assert.equal(out.replace(/\n */g, '').replaceAll(': ', ':').replace('"x, {y}:\\"', '"x, {y}: \\"'), text.replace('{ }', '{}').replace(', null', ',null'))
  assert.ok(out.includes('\n  "id": 12345678901234567890,\n  "id": 1.0,\n  "a": [],\n  "b": {},'))
  for (const broken of ['', '{', '{"a":"', '[1,2', '}]', '"\\']) assert.equal(typeof indented(broken), 'string')
})
