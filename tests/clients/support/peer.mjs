// One socket.io-client of any version that is installed, on a chosen way of transport, with every event that it was asked to
// listen for kept in order. Knows no server's events.
import { connect } from './clients.mjs'
import { deadline, until } from './wait.mjs'

const PATIENCE_MS = 10_000

export class Peer {
  heard = [] // [event, ...arguments], in order of arrival; the ack, if one is asked for, is not among the arguments.
  #unread = []
  #waiting = new Set()
  #answers = {}

  /** A peer that is connecting. It leaves with the test. */
  constructor (t, url, generation, mode, options = {}) {
    this.generation = generation
    this.mode = mode
    this.socket = connect(generation, url, mode, options)
    t.after(() => this.close())
    this.listen('connect', 'disconnect', 'connect_error', 'error')
  }

  /** A peer that is in, and on the transport asked for. */
  static async join (t, url, generation, mode, options) {
    const peer = new Peer(t, url, generation, mode, options)
    await peer.next('connect')
    await peer.upgraded()
    return peer
  }

  listen (...events) {
    for (const event of events) this.socket.on(event, (...args) => this.#hear(event, args))
    return this
  }

  /** Listens for an event that asks for an ack, and acks it with what `answer` gives for its arguments. */
  answer (event, answer) {
    this.#answers[event] = answer
    return this.listen(event)
  }

  #hear (event, args) {
    if (typeof args.at(-1) === 'function') args.pop()(...this.#answers[event]?.(...args) ?? [])
    this.heard.push([event, ...args])
    this.#unread.push([event, ...args])
    for (const look of [...this.#waiting]) look()
  }

  /** The arguments of the next `event`; the ones before it are not passed over. */
  next (event, suits = () => true) {
    let look
    const found = new Promise((resolve) => {
      look = () => {
        const at = this.#unread.findIndex(([name, ...args]) => name === event && suits(...args))
        if (at < 0) return
        this.#waiting.delete(look)
        resolve(this.#unread.splice(at, 1)[0].slice(1))
      }
      this.#waiting.add(look)
      look()
    })
    return deadline(found, PATIENCE_MS, `"${event}"`).catch((error) => {
      throw new Error(`${error.message}; heard ${JSON.stringify(this.heard).slice(-600)}`)
    }).finally(() => this.#waiting.delete(look))
  }

  /** The arguments of every `event` so far. */
  all (event) { return this.heard.filter(([name]) => name === event).map(([, ...args]) => args) }

  /** Emits, and resolves with the first argument of the ack. */
  call (event, ...args) {
    return deadline(new Promise((resolve) => this.socket.emit(event, ...args, resolve)), PATIENCE_MS, `the ack of "${event}"`)
  }

  get engine () { return this.socket.io.engine }

  get transport () { return this.engine?.transport?.name }

  async upgraded () {
    if (this.mode !== 'upgrade') return
    await until(() => this.transport === 'websocket', PATIENCE_MS, () => `the upgrade, still on ${this.transport}`)
  }

  /** The connection is lost, not given up: no DISCONNECT is sent. */
  drop () { this.engine.close() }

  close () {
    this.socket.io.reconnection(false)
    this.socket.close()
  }
}
