// A client by hand for conversations that are had twice, with two servers: whatever comes is written down in words that do not
// depend on the server's ids, nor on when which packet came, but on their order. Speaks both revisions, polls or has a
// WebSocket. Judges nothing.
import WebSocket from 'ws'
import { decodeBinary, encodeBinary } from './payload3.mjs'
import { deadline } from './wait.mjs'
import { decode, encode, request } from './wire.mjs'

const PATIENCE_MS = 10_000
const PATH = '/socket.io/'
const TYPE = Buffer.from([4]) // Of a binary message, in EIO=3.

/** The ids that a server has given, and what they are called in both conversations. */
export class Names {
  #names = new Map()

  give (id, name) { this.#names.set(id, name) }

  forget () { this.#names.clear() }

  in (text) {
    for (const [id, name] of this.#names) text = text.replaceAll(id, name)
    return text
  }
}

export class Talker {
  /** Namespaces that it is in, as far as it has heard. */
  joined = new Set()
  isOver = false
  sid = undefined
  #said = []
  #owed = undefined // A packet whose attachments are on their way.
  #barriers = 0
  #barrier = undefined // The name of the last one, until it has come back.
  #seen = () => {}

  /**
   * `how` is { version, transport, binary }; `name` what it is called. Without `binary` bytes are sent as base64, as clients do
   * that are told to force it. To those the reference sends no binary frames either; that we do is not told here.
   */
  constructor (server, names, name, how) {
    Object.assign(this, { server, names, name, ...how })
  }

  get query () { return { EIO: this.version, transport: 'polling', ...(this.sid && { sid: this.sid }) } }

  /** What has happened since this was asked last. */
  take () { return this.#said.splice(0) }

  note (...words) { this.#said.push(words.length === 1 ? words[0] : words) }

  noteAnswer (what, { status, type, body }) { this.note(what, status, body && type, this.names.in(body)) }

  async open () {
    if (this.transport === 'websocket') return this.#openSocket()
    const { status, body } = await this.http({})
    if (status !== 200) return this.#end('handshake', status, body)
    for (const packet of decode(this.version, body)) this.#hear(packet)
  }

  http (options, query = this.query) { return request(this.server, query, { path: PATH, ...options }) }

  // WebSocket.

  connect (query) {
    const search = new URLSearchParams({ EIO: this.version, transport: 'websocket', ...query })
    const url = `${this.server.url.replace('http', 'ws')}${PATH}?${search}`
    const socket = new WebSocket(url, { maxPayload: 0, perMessageDeflate: false })
    socket.on('error', () => {})
    socket.closed = new Promise((resolve) => socket.once('close', resolve))
    return socket
  }

  async #openSocket () {
    this.#take(this.connect(this.binary ? {} : { b64: '1' }))
    await this.#until('the handshake', (resolve) => this.socket.on('message', resolve))
  }

  /** Takes a WebSocket that is open or will be for its own. */
  #take (socket) {
    this.socket = socket
    const unframed = (bytes) => this.version === 4 ? bytes : bytes.subarray(1)
    socket.on('message', (data, isBinary) => this.#hear(isBinary ? unframed(data) : data.toString()))
    socket.once('close', (code) => this.#end('closed', code))
  }

  /** Goes from polling to a WebSocket, perhaps while a poll waits. */
  async upgrade (isWaiting) {
    const waiting = isWaiting ? await this.#park() : undefined
    const socket = this.connect({ sid: this.sid })
    const heard = new Promise((resolve) => socket.once('message', (data) => resolve(data.toString())))
    socket.once('open', () => socket.send('2probe'))
    const answer = await deadline(Promise.race([heard, socket.closed.then((code) => `closed ${code}`)]), PATIENCE_MS, 'the probe')
    this.note('probe', answer)
    if (waiting) await this.#taken(waiting.answer)
    if (answer !== '3probe') return
    this.#take(socket)
    socket.send('5')
  }

  // Polling.

  /** A poll that is surely waiting: a request after it was answered. */
  async #park () {
    const answer = this.http({})
    await answer.sent
    await this.http({}, { ...this.query, transport: 'none' })
    return { answer } // Bare, it would be waited for.
  }

  async #taken (polled) {
    const answer = await polled
    if (answer.status !== 200) {
      this.#end('GET', answer.status, this.names.in(answer.body))
      return
    }
    const packets = answer.type === 'application/octet-stream' ? decodeBinary(answer.bytes) : decode(this.version, answer.body)
    for (const packet of packets) this.#hear(typeof packet === 'string' ? packet : packet.subarray(1))
  }

  /** Two polls at once, or one that is given up. */
  async overlap (isAborted) {
    const { answer } = await this.#park()
    if (isAborted) {
      answer.abort()
      this.#end('aborted')
      return
    }
    const second = await this.http({})
    this.noteAnswer('second poll', second)
    await this.#taken(answer)
  }

  // Both.

  /** Sends packets of Engine.IO: text with its digit, and bytes. Polling, all at once. */
  async send (packets) {
    if (this.isOver) return
    if (this.socket) {
      const framed = (bytes) => this.version === 4 ? bytes : Buffer.concat([TYPE, bytes])
      for (const packet of this.binary ? packets : this.#asText(packets)) {
        this.socket.send(typeof packet === 'string' ? packet : framed(packet))
      }
    } else if (this.version === 3 && this.binary && packets.some(Buffer.isBuffer)) {
      const typed = packets.map((packet) => typeof packet === 'string' ? packet : Buffer.concat([TYPE, packet]))
      await this.post(encodeBinary(typed), 'application/octet-stream')
    } else {
      await this.post(encode(this.version, this.#asText(packets)))
    }
  }

  #asText (packets) {
    const prefix = this.version === 4 ? 'b' : 'b4'
    return packets.map((packet) => typeof packet === 'string' ? packet : prefix + packet.toString('base64'))
  }

  async post (body, type = 'text/plain;charset=UTF-8') {
    const answer = await this.http({ method: 'POST', body, headers: { 'content-type': type } })
    this.noteAnswer('POST', answer)
  }

  /** The client's end of it all. */
  async leave (how) {
    if (this.isOver) return
    if (!this.socket) {
      await this.send(['1'])
      return this.settle()
    }
    if (how === 'cut') this.socket.terminate()
    else this.socket.close()
    await this.socket.closed
  }

  /** Once everything that was said before has had its answer: who asks for a namespace that there is not is told so. */
  async settle () {
    if (this.isOver) return
    this.#barrier = `/barrier-${++this.#barriers}`
    const packet = `40${this.#barrier},`
    if (this.socket) {
      if (this.socket.readyState === WebSocket.OPEN) this.socket.send(packet)
      await this.#until(`${this.name}'s barrier`, (resolve) => { this.#seen = resolve })
      return
    }
    const answer = await this.http({ method: 'POST', body: encode(this.version, [packet]) })
    if (answer.status !== 200) this.noteAnswer('POST', answer)
    while (this.#barrier && !this.isOver) {
      await this.#taken(this.http({}))
      await this.#answer()
    }
  }

  #until (what, listen) {
    const end = this.socket.closed
    return deadline(Promise.race([new Promise(listen), end]), PATIENCE_MS, what)
  }

  #end (...words) {
    if (this.isOver) return
    this.isOver = true
    this.joined.clear()
    this.note('over', ...words)
  }

  // What comes.

  #questions = []

  #hear (packet) {
    const [, base64] = (typeof packet === 'string' && (this.version === 4 ? /^b(.*)$/ : /^b4(.*)$/).exec(packet)) || []
    if (Buffer.isBuffer(packet)) this.#attach(packet)
    else if (base64 !== undefined) this.#attach(Buffer.from(base64, 'base64'))
    else if (packet[0] === '4') this.#packet(packet.slice(1))
    else if (packet[0] === '0') this.#opened(JSON.parse(packet.slice(1)))
    else if (packet !== '6') this.note(`packet ${packet}`) // A noop says nothing.
    if (this.socket) this.#answer()
  }

  #opened (handshake) {
    this.sid = handshake.sid
    this.names.give(handshake.sid, `<${this.name}>`)
    this.note('opened', { ...handshake, sid: 'sid' })
  }

  #packet (text) {
    const [, type, count = 0, nsp = '/', id, data] = /^(\d)(?:(\d+)-)?(?:(\/[^,]*),?)?(\d*)(.*)$/s.exec(text)
    if (nsp === this.#barrier) {
      this.#barrier = undefined
      return this.#seen()
    }
    const packet = { type: Number(type), nsp, id, data: data && JSON.parse(data) }
    if (packet.type === 0) {
      this.joined.add(nsp)
      if (packet.data?.sid) this.names.give(packet.data.sid, `<${this.name}${nsp}>`)
    }
    if (packet.type === 1) this.joined.delete(nsp)
    if (Number(count) === 0) return this.#whole(packet)
    this.#owed = { ...packet, type: packet.type - 3, count: Number(count), attachments: [] }
  }

  #attach (bytes) {
    if (!this.#owed) return this.note('bytes', bytes.toString('hex'))
    const { count, attachments, ...packet } = this.#owed
    attachments.push(bytes)
    if (attachments.length < count) return
    this.#owed = undefined
    // Which attachment has which number is the sender's affair.
    const filled = JSON.stringify(packet.data, (_key, value) =>
      value?._placeholder === true ? `bytes ${attachments[value.num].toString('hex')}` : value)
    this.#whole({ ...packet, data: JSON.parse(filled) })
  }

  #whole ({ type, nsp, id, data }) {
    const plain = data === '' ? undefined : tidy(JSON.parse(this.names.in(JSON.stringify(data))), this.name)
    const isQuestion = type === 2 && id !== ''
    // Numbers of questions are the server's affair.
    this.note({ type, nsp, id: isQuestion ? 'asks' : id, data: plain })
    if (!isQuestion) return
    const prefix = nsp === '/' ? '' : `${nsp},`
    this.#questions.push(`43${prefix}${id}${JSON.stringify([this.name, ...plain.slice(1)])}`)
  }

  /** Questions are answered with their arguments. */
  #answer () {
    const answers = this.#questions.splice(0)
    return answers.length > 0 ? this.send(answers) : undefined
  }
}

/**
 * Lists that are sorted by ids, or in whose order several went at once, in an order of their names; and of who left only those
 * of this conversation.
 */
function tidy (data, name) {
  const isEnd = (entry) => Array.isArray(entry) && entry.length === 2 && / close|disconnect|error|timeout|down/.test(entry[1])
  if (!Array.isArray(data?.[0]) || !data[0].every((entry) => entry?.rooms || isEnd(entry))) return data
  const byName = (one, other) => (one.id ?? one[0]) < (other.id ?? other[0]) ? -1 : 1
  const prefix = name.slice(0, name.indexOf('.') + 1)
  return [data[0].filter((entry) => !isEnd(entry) || entry[0].includes(prefix)).sort(byName), ...data.slice(1)]
}
