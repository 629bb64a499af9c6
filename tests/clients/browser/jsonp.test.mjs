// Browsers that know no CORS poll by script and form. None of them is left, but client 2 can still be told to do as they did.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import test from 'node:test'
import { launch } from '../support/browser.mjs'
import { Server } from '../support/server.mjs'

const script = readFileSync(createRequire(import.meta.url).resolve('socket.io-client-2/dist/socket.io.js'))

/** Another origin than the server's, with nothing but the client. */
async function elsewhere (t) {
  const http = createServer((request, response) => {
    const isScript = request.url === '/socket.io.js'
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html; charset=utf-8' })
    response.end(isScript ? script : '<!doctype html><script src="/socket.io.js"></script>')
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.after(() => http.close())
  return `http://127.0.0.1:${http.address().port}/`
}

test('client 2, JSONP: a page of another origin talks, in lines and odd letters', async (t) => {
  const url = await elsewhere(t)
  const server = await Server.startSuite('sio', ['--allow-origin', new URL(url).origin])
  t.after(() => server.stop())
  const browser = await launch()
  t.after(() => browser.close())
  const page = await browser.newPage()
  await page.goto(url)
  const asked = []
  page.on('request', (request) => asked.push({ url: request.url(), method: request.method(), type: request.resourceType() }))
  const texts = ['two\nlines', 'a backslash-n: \\n', '\\\\n', '</script><script>alert(1)', '\u2028\u2029', '二😀', '"\'&=+%20']
  const heard = await page.evaluate(async ([url, texts]) => {
    const socket = window.io(url, { transports: ['polling'], forceJSONP: true, forceNew: true, reconnection: false })
    const next = (event) => new Promise((resolve, reject) => {
      socket.once(event, (...args) => resolve(args))
      for (const end of ['error', 'connect_error', 'disconnect']) socket.once(end, (why) => reject(new Error(`${end}: ${why}`)))
    })
    const [auth] = await next('auth')
    const heard = []
    for (const text of texts) {
      const back = next('message-back')
      socket.emit('message', text, { text })
      heard.push(await back)
    }
    const acked = await new Promise((resolve) => socket.emit('message-with-ack', 'ack', resolve))
    socket.close()
    return { auth, heard, acked }
  }, [server.url, texts])
  assert.ok(asked.some(({ method }) => method === 'POST'))
  for (const { url, type } of asked) assert.match(`${type} ${url}`, /^(script|document) .*[?&]j=\d+/, 'JSONP, and nothing else')
  assert.deepEqual(heard.auth, {})
  assert.deepEqual(heard.heard, texts.map((text) => [text, { text }]))
  assert.equal(heard.acked, 'ack')
})
