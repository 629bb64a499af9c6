// Engine.IO by hand over plain HTTP requests, for what no client library would ever send. Every request has a TCP
// connection of its own. Knows both text payload formats; judges nothing.
import http from 'node:http'
import { deadline } from './wait.mjs'

const PATIENCE_MS = 5_000

/** One request. The promise has `.abort()`, which drops the connection without a word. */
export function request (server, query, { method = 'GET', body, headers = {}, path = '/socket.io/', localAddress } = {}) {
  let sent
  const answered = new Promise((resolve, reject) => {
    if (body !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')) {
      headers = { 'content-type': 'text/plain;charset=UTF-8', ...headers }
    }
    if (body !== undefined) headers = { 'content-length': Buffer.byteLength(body), ...headers }
    const options = { method, headers, localAddress, agent: false }
    sent = http.request(`${server.url}${path}?${new URLSearchParams(query)}`, options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk)).on('error', reject).on('end', () => resolve(new Answer(response, chunks)))
    })
    sent.on('error', reject).end(body)
  })
  answered.catch(() => {})
  const promise = deadline(answered, PATIENCE_MS, `the answer to ${method} ${JSON.stringify(query)}`)
  promise.catch(() => {})
  promise.abort = () => sent.destroy()
  /** Resolves when the whole request is in the hands of the operating system. */
  promise.sent = new Promise((resolve) => sent.once('finish', () => resolve()))
  return promise
}

class Answer {
  constructor (response, chunks) {
    this.status = response.statusCode
    this.headers = response.headers
    this.bytes = Buffer.concat(chunks)
    this.body = this.bytes.toString()
  }

  get json () { return JSON.parse(this.body) }

  /** The media type without its parameters, in lower case. */
  get type () { return (this.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase() }
}

export const encode = (version, packets) =>
  version === 4 ? packets.join('\x1e') : packets.map((packet) => `${packet.length}:${packet}`).join('')

export function decode (version, body) {
  if (version === 4) return body.split('\x1e')
  const packets = []
  while (body !== '') {
    const [head, length] = /^(\d+):/.exec(body) ?? []
    if (!head) throw new Error(`not an EIO3 payload: ${JSON.stringify(body)}`)
    packets.push(body.slice(head.length, head.length + Number(length)))
    body = body.slice(head.length + Number(length))
  }
  return packets
}

/** A polling session, in which every GET and POST is the test's own doing. */
export class Poller {
  /** `more` goes into the query of every request. */
  static async open (server, version, { path, more } = {}) {
    const answer = await request(server, { EIO: version, transport: 'polling', ...more }, { path })
    if (answer.status !== 200) throw new Error(`the handshake was answered ${answer.status} ${answer.body}`)
    const [open, ...rest] = decode(version, answer.body)
    const opened = JSON.parse(open.slice(1))
    return Object.assign(new Poller(), { server, version, path, more, answer, opened, packets: rest })
  }

  get query () { return { EIO: this.version, transport: 'polling', sid: this.opened.sid, ...this.more } }

  get (options) { return request(this.server, this.query, { path: this.path, ...options }) }

  /** Posts Engine.IO packets, or a body as it is. */
  post (packets, headers) {
    const body = Array.isArray(packets) ? encode(this.version, packets) : packets
    return request(this.server, this.query, { path: this.path, method: 'POST', body, headers })
  }

  /** Enters the room: generation 4 has to ask for it. */
  async enter () { if (this.version === 4) await this.post(['40']) }

  /** Polls until a packet `suits`; the ones before it are passed over. */
  async until (suits) {
    for (;;) {
      while (this.packets.length > 0) {
        const packet = this.packets.shift()
        if (suits(packet)) return packet
      }
      const answer = await this.get()
      if (answer.status !== 200) throw new Error(`the poll was answered ${answer.status} ${answer.body}`)
      this.packets = decode(this.version, answer.body)
    }
  }

  /** Polls until the Socket.IO event arrives, and gives its first argument. */
  async next (event, suits = () => true) {
    let found
    await this.until((packet) => {
      if (!packet.startsWith('42')) return false
      const [name, argument] = JSON.parse(packet.slice(2))
      if (name !== event || !suits(argument)) return false
      found = argument
      return true
    })
    return found
  }
}
