// A page on another host name includes scripts of the chat, as any page of the web could: a browser asks for them without CORS.
// The reference, with EIO=3, lets every page read.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before } from 'node:test'
import { launch } from '../support/browser.mjs'
import { attack, SCRIPT } from '../support/exchange.mjs'
import { Server } from '../support/server.mjs'

// Another site than the server's 127.0.0.1, on the same machine.
let http, origin, browser
before(async () => {
  http = createServer((request, response) => {
    const policy = new URL(request.url, 'http://localhost').searchParams.get('policy')
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', ...policy && { 'referrer-policy': policy } })
    response.end('<!doctype html><title>Elsewhere</title>')
  }).listen(0, 'localhost')
  await once(http, 'listening')
  origin = `http://localhost:${http.address().port}`
  browser = await launch()
})
after(async () => {
  await browser?.close()
  http?.close()
})

/** What scripts of the server tell a page elsewhere: the packets of the handshake, and those of a poll after it. */
async function read (t, flags, policy = '') {
  const server = await Server.start(flags)
  t.after(() => server.stop())
  const page = await browser.newPage()
  t.after(() => page.close())
  let asked = 0
  page.on('request', (request) => { if (request.url().startsWith(server.url)) asked += 1 })
  await page.goto(`${origin}/?policy=${policy}`)
  const told = await page.evaluate(async (url) => {
    const told = []
    window.___eio = [(text) => told.push(text)]
    const include = (src) => new Promise((resolve) => {
      const script = Object.assign(document.createElement('script'), { src, onload: resolve, onerror: resolve })
      document.head.append(script)
    })
    await include(url)
    const [, sid] = /"sid":"([^"]+)"/.exec(told[0]) ?? []
    if (sid) await include(`${url}&sid=${sid}`)
    return told
  }, server.url + SCRIPT)
  assert.ok(asked > 0)
  return told
}

attack('11: a page elsewhere reads nothing by including scripts', async (t) => {
  assert.deepEqual(await read(t, []), [])
})

attack('11: nor does it with --jsonp, unless it is listed', async (t) => {
  assert.deepEqual(await read(t, ['--jsonp']), [])
  assert.deepEqual(await read(t, ['--jsonp', '--allow-origin', 'https://other.example']), [])
})

// Only `Sec-Fetch-Site` tells then.
attack('11: nor does a listed page that does not say where it is', async (t) => {
  assert.deepEqual(await read(t, ['--jsonp', '--allow-origin', origin], 'no-referrer'), [])
})

attack('11: a listed page reads what there is', async (t) => {
  const told = await read(t, ['--jsonp', '--allow-origin', origin])
  assert.equal(told.length, 2)
  assert.match(told[0], /^\d+:0\{"sid":/)
  assert.match(told.join(), /initUser/)
})
