// The admin API as the pages ask it. Only this file knows of sessions and their token.
const patience = 20_000

/// What went wrong, in the API's own words. `status` 0: there was no answer at all.
export class Failure extends Error {
  constructor(status, code, description) {
    super(description)
    this.status = status
    this.code = code
  }
}

/// Tells 'signed-out' when the session has ended.
export const sessionEvents = new EventTarget()
let csrf = ''

function address(path, query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== undefined && value !== ''))
  return `/api/v1/${path}${parameters.size ? `?${parameters}` : ''}`
}

async function ask(url, options) {
  let response, answer
  try {
    response = await fetch(url, { ...options, signal: AbortSignal.timeout(patience) })
    answer = JSON.parse(await response.text())
  } catch (error) {
    throw new Failure(response && !(error instanceof DOMException) ? response.status : 0, 'NO_ANSWER', String(error.message))
  }
  if (response.ok) return answer
  if (response.status === 401 && url !== '/api/v1/login') sessionEvents.dispatchEvent(new Event('signed-out'))
  // A refused reload says why in a list of its own, a channel what the receiver has said.
  const text = answer.error_description ?? answer.errors?.join('\n') ?? answer.answer ?? response.statusText
  throw new Failure(response.status, answer.error ?? '', text)
}

export function get(path, query) {
  return ask(address(path, query), {})
}

export function post(path, body = {}) {
  const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf }
  return ask(address(path), { method: 'POST', headers, body: JSON.stringify(body) })
}

/// Names are the operator's and clients' own: a slash in one is no path.
export function segment(name) {
  return encodeURIComponent(name)
}

export async function session() {
  const known = await get('session')
  csrf = known.csrf ?? ''
  return known
}

export async function login(key) {
  const begun = await post('login', { key })
  csrf = begun.csrf
  return session()
}

export async function logout() {
  await post('logout')
  csrf = ''
  sessionEvents.dispatchEvent(new Event('signed-out'))
}
