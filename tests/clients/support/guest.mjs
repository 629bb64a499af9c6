// A guest of the chat: one socket.io-client of any version that is installed, on a chosen way of transport, with everything that
// it was told kept in order. Knows the names of the chat's events, not what a good server does with them.
import assert from 'node:assert/strict'
import { connect, modes } from './clients.mjs'
import { deadline, until } from './wait.mjs'

export { modes }
export const generations = [2, 3, 4]
export const everyWay = generations.flatMap((generation) =>
  modes.map((mode) => ({ generation, mode, title: `client ${generation}, ${mode}` })))

export const joined = (name) => `系统消息: "${name}"进入聊天室`
export const left = (name) => `系统消息: "${name}"离开聊天室`

const HEARD = ['connect', 'disconnect', 'connect_error', 'error', 'initUser', 'sys message', 'message from server']
const PATIENCE_MS = 5_000

export class Guest {
  constructor (url, generation, mode, options = {}) {
    this.mode = mode
    this.heard = [] // [event, data], in order of arrival
    this.unread = new Map(HEARD.map((event) => [event, []]))
    this.waiting = new Set()
    this.socket = connect(generation, url, mode, { reconnectionDelay: 20, reconnectionDelayMax: 100, ...options })
    for (const event of HEARD) this.socket.on(event, (data) => this.#hear(event, data))
  }

  #hear (event, data) {
    if (event === 'initUser') Object.assign(this, { name: data.name, color: data.color })
    this.heard.push([event, data])
    this.unread.get(event).push(data)
    for (const look of [...this.waiting]) look()
  }

  /** The next `event` that `suits`; the ones before it are passed over. */
  next (event, suits = () => true, ms = PATIENCE_MS) {
    let look
    const found = new Promise((resolve) => {
      look = () => {
        const unread = this.unread.get(event)
        const at = unread.findIndex(suits)
        if (at < 0) return
        this.waiting.delete(look)
        resolve(unread.splice(0, at + 1).at(-1))
      }
      this.waiting.add(look)
      look()
    })
    return deadline(found, ms, `"${event}"`).catch((error) => {
      throw new Error(`${error.message}; ${this.name} heard ${JSON.stringify(this.heard).slice(-600)}`)
    }).finally(() => this.waiting.delete(look))
  }

  all (event) { return this.heard.filter(([name]) => name === event).map(([, data]) => data) }

  get transport () { return this.socket.io.engine?.transport?.name }

  /** Waits for what a newcomer is told, and for the promised transport. A notice of many joins need not name everyone. */
  async settle () {
    await this.next('initUser')
    await this.next('sys message', ({ joined, joinedCount }) => joined.includes(this.name) || joinedCount > joined.length)
    await this.upgraded()
    return this
  }

  /** Waits for the upgrade if there is one to wait for. */
  async upgraded () {
    if (this.mode === 'upgrade') {
      await until(() => this.transport === 'websocket', PATIENCE_MS, () => `the upgrade, still on ${this.transport}`)
    }
    assert.equal(this.transport, this.mode === 'polling' ? 'polling' : 'websocket')
  }

  /** Sends any arguments as a chat message and resolves with the answer to it. */
  ask (...args) {
    return deadline(new Promise((resolve) => this.socket.emit('chat message', ...args, resolve)), PATIENCE_MS, 'an ack')
  }

  /** Says `description` as the page does, and expects it to be taken. Resolves with the message's id. */
  async say (description) {
    const answer = await this.ask({ description, nickName: this.name, color: this.color })
    assert.equal(answer.ok, true, JSON.stringify(answer))
    return answer.id
  }

  hears (description) { return this.next('message from server', (message) => message.description === description) }

  close () {
    this.socket.io.reconnection(false)
    this.socket.close()
  }
}
