// Headless Chromium and the chat's page in it, by its test ids. CHROMIUM names the executable; else the first one found
// in PATH is taken. Knows the page's elements, not its looks.
import assert from 'node:assert/strict'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'
import { until } from './wait.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']
const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'
]
const PATIENCE_MS = 10_000

function executable () {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  const paths = (process.env.PATH ?? '').split(delimiter)
  const found = NAMES.flatMap((name) => paths.map((path) => join(path, name))).find((file) => {
    try { accessSync(file, constants.X_OK); return true } catch { return false }
  })
  if (!found) throw new Error(`no browser: set CHROMIUM, or install one of ${NAMES.join(', ')}`)
  return found
}

export const launch = () => chromium.launch({ executablePath: executable(), args: FLAGS })

/** The chat's page in a browser context of its own. */
export class ChatPage {
  static async open (browser, server, lang, options = {}) {
    const context = await browser.newContext({ locale: lang === 'zh' ? 'zh-CN' : 'en-US', ...options })
    context.setDefaultTimeout(PATIENCE_MS)
    const page = Object.assign(new ChatPage(), { context, page: await context.newPage(), complaints: [], assigned: null })
    await page.#watch()
    await page.page.goto(`${server.url}/?lang=${lang}`)
    await page.isIn()
    return page
  }

  /** Collects what the browser complains about, and what the server assigned, from whichever transport brought it. */
  async #watch () {
    this.page.on('pageerror', (error) => this.complaints.push(`exception: ${error.stack}`))
    this.page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(`${message.type()}: ${message.text()}`)
    })
    await this.page.exposeFunction('complain', (text) => this.complaints.push(text))
    await this.page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
      window.complain(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)))
    const read = (text) => {
      const [, json] = /42\["initUser",(\{.*?\})\]/.exec(text) ?? []
      if (json) this.assigned = JSON.parse(json)
    }
    this.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => read(String(payload))))
    this.page.on('response', (response) => {
      if (response.url().includes('transport=polling')) response.text().then(read, () => {})
    })
  }

  by (id) { return this.page.getByTestId(id) }

  text (id) { return this.by(id).first().innerText() }

  /** How the page says it stands: connecting, online, offline or back. */
  state () { return this.by('status').getAttribute('data-state') }

  /** Waits until the page has its name. */
  async isIn () {
    await until(() => this.assigned, PATIENCE_MS, 'initUser on the wire')
    await until(async () => (await this.text('me')).includes(this.assigned.name), PATIENCE_MS, 'the name on the page')
  }

  async counts (count) {
    const number = new RegExp(`(^|\\D)${count}(\\D|$)`)
    await until(async () => number.test(await this.text('count')), PATIENCE_MS, `the count ${count}`)
  }

  async say (text) {
    await this.by('input').fill(text)
    await this.by('send').click()
  }

  /** The message that holds `text`. */
  async shows (text) {
    const message = this.by('message').filter({ hasText: text }).last()
    await message.waitFor({ state: 'attached', timeout: PATIENCE_MS })
    return message
  }

  /** The colour `text` is drawn in, the one around it, and the assigned one it was made from for the sake of contrast. */
  nameColours (locator, text) {
    return locator.evaluate((root, text) => {
      const name = [root, ...root.querySelectorAll('*')].findLast((element) => element.textContent === text)
      const { color } = getComputedStyle(name)
      return { drawn: color, around: getComputedStyle(document.body).color, from: getComputedStyle(name).getPropertyValue('--name') }
    }, text)
  }

  /** What scrolls: the log itself, or what it is in. */
  scroller () {
    return this.by('log').evaluateHandle((log) => {
      const scrolls = (element) => element.scrollHeight > element.clientHeight + 20 &&
        /auto|scroll/.test(getComputedStyle(element).overflowY)
      const inner = [log, ...log.querySelectorAll('*')].find(scrolls)
      let outer = log
      while (outer && !scrolls(outer)) outer = outer.parentElement
      return inner ?? outer ?? document.scrollingElement
    })
  }

  /** Two frames later, whatever was to be drawn has been drawn. */
  drawn () {
    return this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
  }

  assertNoComplaints (except = /$^/) {
    assert.deepEqual(this.complaints.filter((complaint) => !except.test(complaint)), [])
  }

  close () { return this.context.close() }
}
