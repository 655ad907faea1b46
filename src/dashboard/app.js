// Where it begins: who is there, which page is wanted, and the frame around it.
import { alarms } from './alarms.js'
import { session, sessionEvents } from './api.js'
import { announcements } from './components/announce.js'
import { banners, navigation, topBar } from './components/frame.js'
import { notice } from './components/notice.js'
import { h, patch } from './dom.js'
import { t, useLanguage } from './i18n.js'
import { listenToKeys, showKeys } from './keys.js'
import { live } from './live.js'
import { alerts } from './pages/alerts.js'
import { audit } from './pages/audit.js'
import { clients } from './pages/clients.js'
import { errors } from './pages/errors.js'
import { loginPage } from './pages/login.js'
import { operation } from './pages/operation.js'
import { operations } from './pages/operations.js'
import { overview } from './pages/overview.js'
import { portal } from './pages/portal.js'
import { portals } from './pages/portals.js'
import { currentRoute } from './router.js'

const lists = { overview, alerts, operations, portals, errors, clients, audit }
const single = { operations: operation, portals: portal, alerts: (place, context, id) => alerts(place, context, {}, id) }

const app = document.getElementById('app')
let who = null
let page = null
let parts = null

/// The page of an address: a list, or one of its things.
function open(place, { path, query }, context) {
  const [name = 'overview', thing] = path
  if (thing !== undefined && name in single && path.length === 2) return single[name](place, context, thing)
  if (name in lists && path.length <= 1) return lists[name](place, context, query)
  place.replaceChildren(h('div', {}, notice({ page: true, icon: 'search', title: t('failure.missing') })))
  return { stop() {} }
}

function drawFrame() {
  if (!parts) return
  const { path, query } = currentRoute()
  const facts = { page: path[0] ?? 'overview', role: who.role, overview: live.latest, alerts: alarms.loud, query, help: showKeys, redraw: build }
  parts.navigation = patch(parts.navigation, navigation(facts))
  parts.top = patch(parts.top, topBar(facts))
  parts.banners = patch(parts.banners, banners(facts))
}

async function route({ first = false } = {}) {
  if (!parts) return
  const onTab = document.activeElement?.classList.contains('tab')
  page?.stop()
  drawFrame()
  document.querySelector('details.menu')?.removeAttribute('open')
  const shown = open(parts.main, currentRoute(), { mayAct: who.role === 'full' })
  page = shown
  await shown.loaded
  if (page !== shown) return
  const title = parts.main.querySelector('h1')
  document.title = title ? `${title.textContent} – b24gate` : 'b24gate'
  if (first) return
  window.scrollTo(0, 0)
  // Who came by keyboard or with a screen reader goes on where the new begins.
  const goal = (onTab && parts.main.querySelector('.tab.current')) || title
  if (!goal) return
  if (goal === title) goal.tabIndex = -1
  goal.focus({ preventScroll: true })
}

/// Everything anew: somebody has come in, or every word is another one.
function build() {
  page?.stop()
  if (!who) return askForKey(false)
  parts = {
    navigation: h('nav', {}), top: h('header', {}), banners: h('div', {}),
    main: h('main', { id: 'main', tabindex: -1 }),
  }
  const skip = h('a', {
    class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); parts.main.focus() },
  }, t('frame.skip'))
  app.replaceChildren(skip, parts.navigation, h('div', { class: 'body' }, parts.top, parts.banners, parts.main), announcements())
  route({ first: true })
}

function enter(known) {
  who = known
  build()
  live.start()
}

function askForKey(ended) {
  live.stop()
  live.latest = null
  alarms.forget()
  page?.stop()
  who = null
  parts = null
  document.title = 'b24gate'
  document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close())
  page = loginPage(app, { ended, entered: enter, redraw: build })
}

async function begin() {
  try {
    enter(await session())
  } catch (failure) {
    if (failure.status === 401) return
    app.replaceChildren(h('main', { class: 'login' }, notice({
      page: true, icon: 'errors', title: t('failure.network'), action: h('button', { type: 'button', onclick: begin }, t('action.again')),
    })))
  }
}

await useLanguage()
sessionEvents.addEventListener('signed-out', () => { if (who || !page) askForKey(who !== null) })
window.addEventListener('hashchange', () => route())
live.addEventListener('overview', drawFrame)
alarms.addEventListener('alerts', drawFrame)
live.addEventListener('state', drawFrame)
setInterval(() => { if (live.state === 'lost') drawFrame() }, 1000)
listenToKeys()
begin()
