// What every test here needs: where the gateway is, how the SDK is made, and what the simulated portals behind it have seen.
// All addresses come from the environment (see tests/clients/run), so that the same tests can be pointed anywhere.
import http from 'node:http'

import { B24Hook, ParamsFactory } from '@bitrix24/b24jssdk'

function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set; these tests are started by tests/clients/run`)
  return value
}

export const settings = {
  https: required('B24_HTTPS_URL'),
  http: required('B24_HTTP_URL'),
  ca: required('NODE_EXTRA_CA_CERTS'),
  control: required('B24SIM_CONTROL_URL'),
  limitedKey: required('B24_LIMITED_KEY'), // of acme, without *.delete
  portals: JSON.parse(required('B24_PORTALS')) // name -> { key, secret }
}

/// The SDK's own pacing and retries off, as docs/clients.md says.
export const unpaced = {
  ...ParamsFactory.getRealtime(),
  rateLimit: { burstLimit: 1e6, drainRate: 1e6, adaptiveEnabled: false },
  maxRetries: 1
}

export function webhook(key) {
  return `${settings.https}/rest/1/${key}/`
}

export function hook(of) {
  return B24Hook.fromWebhookUrl(webhook(of.key), { restrictionParams: unpaced })
}

function control(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(settings.control + path, { method, agent: false }, (response) => {
      const pieces = []
      response.on('data', (piece) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString()
        if (response.statusCode !== 200) reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`))
        else resolve(JSON.parse(text))
      })
    })
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/// One of the simulated portals.
export function portal(name) {
  const { key, secret } = settings.portals[name]
  return {
    name,
    key,
    secret,
    /// How many requests for a method have reached the portal, refused ones included.
    async hits(method) {
      const requests = await control('GET', `/requests?portal=${name}`)
      const wanted = new RegExp(`/${method.replaceAll('.', '\\.')}(\\.json)?/?[? ]`, 'i')
      return requests.filter((request) => wanted.test(request.line)).length
    },
    /// How often a method was carried out, inside of batches as well.
    async executions(method) {
      const stats = await control('GET', `/stats?requests=0&portal=${name}`)
      return stats.portals[name].executions[method] ?? 0
    },
    /// How many requests were too many for the portal.
    async refused() {
      const stats = await control('GET', `/stats?requests=0&portal=${name}`)
      return stats.portals[name].refused.rate
    },
    /// Makes the portal misbehave: b24sim's fault, once unless it says otherwise.
    fault(method, fault) {
      return control('POST', '/faults', { portal: name, method, ...fault })
    }
  }
}
