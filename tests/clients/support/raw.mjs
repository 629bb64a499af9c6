// Socket.IO by hand over a raw WebSocket: every frame is the test's own doing, except that pings are answered. What came and
// was not asked for yet lies in `inbox`. Knows the framing of both revisions; judges nothing.
import assert from 'node:assert/strict'
import WebSocket from 'ws'
import { deadline } from './wait.mjs'

const PATIENCE_MS = 10_000
const ACK_IDS_FROM = 1_000 // Apart from the small ones that tests write themselves.

export class Raw {
  /** A session that has heard its `0` packet. It is cut off after the test at the latest. */
  static async open (t, server, version = 4, query = {}, headers = {}, options = {}) {
    const raw = new Raw(server, version, query, headers, options)
    t.after(() => raw.socket.terminate())
    raw.opened = await deadline(raw.opening, PATIENCE_MS, 'the handshake')
    return raw
  }

  /** A session in a namespace. */
  static async join (t, server, nsp = '/', version = 4) {
    const raw = await Raw.open(t, server, version)
    await raw.join(nsp)
    return raw
  }

  inbox = [] // Socket.IO messages: strings without Engine.IO's `4`, and attachments.
  pings = 0
  mute = false // Pings are not answered.
  #waiting = new Set()
  #calls = ACK_IDS_FROM

  constructor (server, version, query, headers, options) {
    this.version = version
    const parameters = Object.entries({ EIO: version, transport: 'websocket', ...query })
    const search = new URLSearchParams(parameters.filter(([, value]) => value !== undefined))
    this.socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?${search}`, { headers, maxPayload: 0, ...options })
    this.socket.on('error', () => {})
    this.opening = new Promise((resolve, reject) => {
      this.socket.once('error', reject)
      this.socket.on('message', (data, isBinary) => isBinary ? this.#attachment(data) : this.#text(data.toString(), resolve))
    })
    this.opening.catch(() => {})
    this.closed = new Promise((resolve) => this.socket.once('close', resolve))
    this.closed.then(() => this.#look())
  }

  #text (text, opened) {
    const data = text.slice(1)
    if (text[0] === '0') opened(JSON.parse(data))
    if (text[0] === '2') {
      this.pings += 1
      if (!this.mute) this.socket.send(`3${data}`)
    }
    if (text[0] === '4') this.inbox.push(data)
    this.#look()
  }

  #attachment (data) {
    if (this.version === 3) assert.equal(data[0], 4, 'binary frames of EIO=3 begin with their type')
    this.inbox.push(this.version === 3 ? data.subarray(1) : data)
    this.#look()
  }

  #look () { for (const look of [...this.#waiting]) look() }

  /** A Socket.IO packet and its attachments. */
  say (text, ...attachments) {
    this.socket.send(`4${text}`)
    for (const bytes of attachments) this.socket.send(this.version === 3 ? Buffer.concat([Buffer.from([4]), bytes]) : bytes)
  }

  /** The first message in the inbox that suits; what came before it stays there. */
  take (suits, what) {
    let look
    const found = new Promise((resolve, reject) => {
      look = () => {
        const at = this.inbox.findIndex(suits)
        if (at >= 0) {
          this.#waiting.delete(look) // Not two messages for one, when they come at once.
          resolve(this.inbox.splice(at, 1)[0])
        } else if (this.socket.readyState > WebSocket.OPEN) {
          reject(new Error(`closed instead of ${what}`))
        }
      }
      this.#waiting.add(look)
      look()
    })
    return deadline(found, PATIENCE_MS, what).catch((error) => {
      throw new Error(`${error.message}; the inbox has ${this.inbox.map(String).join(' ').slice(0, 600)}`)
    }).finally(() => this.#waiting.delete(look))
  }

  /** The next message. */
  hear () { return this.take(() => true, 'another message') }

  /** The next messages, as many. */
  async hears (count) {
    const heard = []
    while (heard.length < count) heard.push(await this.hear())
    return heard
  }

  /** Everything that came and was not asked for. */
  rest () { return this.inbox.splice(0) }

  /** Joins a namespace and gives the data of the answer. An EIO=3 client is in `/` without asking. */
  async join (nsp = '/', auth) {
    const prefix = prefixOf(nsp)
    if (this.version === 4 || nsp !== '/') this.say(`0${prefix}${auth ? JSON.stringify(auth) : ''}`)
    const answer = await this.take((text) => text[0] === '0' && prefixOf(nspOf(text)) === prefix, `CONNECT of ${nsp}`)
    const data = answer.slice(1 + prefix.length)
    return data ? JSON.parse(data) : undefined
  }

  /** Emits an event and resolves with the arguments of its ack. */
  call (nsp, name, ...args) { return this.callText(nsp, JSON.stringify([name, ...args])).then(JSON.parse) }

  /** The same, with the event and the ack's arguments as the text on the wire. */
  async callText (nsp, text) {
    const id = this.#calls++
    this.say(`2${prefixOf(nsp)}${id}${text}`)
    const head = `3${prefixOf(nsp)}${id}[`
    const ack = await this.take((text) => typeof text === 'string' && text.startsWith(head), `the ack of ${text.slice(0, 80)}`)
    return ack.slice(head.length - 1)
  }

  /** Resolves when the server has closed the connection. */
  ends (what = 'the server to close the connection') { return deadline(this.closed, PATIENCE_MS, what) }

  /** The close frame, and then the end. */
  leave () {
    this.socket.close()
    return this.ends()
  }
}

const prefixOf = (nsp) => nsp === '/' ? '' : `${nsp},`
const nspOf = (text) => /^\d(\/[^,]*)/.exec(text)?.[1] ?? '/'
