// A conversation is a list of steps, each something that one of a few clients does; a stage has it with one server. All that
// the clients hear is given after each step, when everybody has heard everything. A step of who is not there, or no more,
// is passed over, so that any part of a conversation is one. Knows how things are done, not what they should come to.
import { Raw } from './raw.mjs'
import { Names, Talker } from './talker.mjs'
import { until } from './wait.mjs'

// The reference answers events a moment after it has read them, so that who has only been refused has not heard everything.
const ROUNDS = 2
const ROUNDS_WITH_ANSWERS = 5 // A question has to get there, and its answer, and the answer's answer.
const NAMESPACES = ['/', '/dynamic-1', '/dynamic-2', '/dynamic-3']
const PATIENCE_MS = 3_000

/** Events whose ack waits for somebody else's. */
export const ASKING = /\["(ask|askme|emit-with-ack|fetch)"/

export class Stage {
  #talkers = new Map()
  #names = new Names()
  #opened = 0

  /** `isRooms` where the server is one of the kind `rooms`, which can be asked who is there. */
  constructor (server, isRooms) { Object.assign(this, { server, isRooms }) }

  /** Does a step, and gives what each client has heard. */
  async play (step, prefix) {
    const { act, who } = step
    const talker = this.#talkers.get(who)
    const isHere = talker && !talker.isOver
    if (act === 'open') {
      if (isHere) return {}
      const opened = new Talker(this.server, this.#names, `${prefix}${++this.#opened}`, step)
      this.#talkers.set(who, opened)
      await opened.open()
    } else {
      if (!isHere || !acts[act].suits(talker, step)) return {}
      await acts[act].play(talker, step)
    }
    const isAsking = step.packets?.some((packet) => ASKING.test(packet))
    for (let round = isAsking ? ROUNDS_WITH_ANSWERS : ROUNDS; round > 0; round -= 1) {
      await Promise.all(this.#all().map((talker) => talker.settle()))
    }
    if (acts[act]?.leaves) await this.#gone()
    const heard = [...this.#talkers].map(([who, talker]) => [who, talker.take()])
    return Object.fromEntries(heard.filter(([, said]) => said.length > 0))
  }

  #all () { return [...this.#talkers.values()] }

  /** Everybody leaves, and the server knows it. */
  async end () {
    await Promise.all(this.#all().map((talker) => talker.leave()))
    await this.#gone()
    this.#talkers.clear()
    this.#names.forget()
    this.#opened = 0
  }

  /** Who has left is gone for the server too: that may take it a moment. */
  async #gone () {
    if (!this.isRooms) return
    const here = (nsp) => this.#all().filter(({ joined }) => joined.has(nsp)).length
    const wanted = NAMESPACES.map(here)
    let counts
    const isSo = async () => {
      counts = await this.#census()
      return wanted.every((count, at) => count === counts[at])
    }
    await until(isSo, PATIENCE_MS, () => `a client to be gone: there are ${counts} instead of ${wanted}`)
  }

  /** How many sockets each namespace has. Whoever asks has come for that, and is surely gone again. */
  async #census () {
    const cleanups = []
    const asker = await Raw.open({ after: (cleanup) => cleanups.push(cleanup) }, this.server)
    await asker.join()
    const [names] = await asker.call('/', 'namespaces')
    const counts = []
    for (const nsp of NAMESPACES) {
      const isThere = nsp === '/' || names.includes(nsp)
      if (isThere && nsp !== '/') await asker.join(nsp)
      const [count] = isThere ? await asker.call(nsp, 'count') : [1]
      counts.push(count - 1)
      if (isThere) asker.say(nsp === '/' ? '1' : `1${nsp},`)
    }
    asker.say('0/nobody,')
    await asker.take((text) => text.startsWith('4/nobody,'), 'a refusal')
    await asker.leave()
    cleanups.forEach((cleanup) => cleanup())
    return counts
  }
}

const polls = ({ socket }) => !socket
const anybody = () => true

const acts = {
  /** Engine.IO packets: text, or { hex }. */
  send: {
    suits: anybody,
    play (talker, { packets }) {
      for (const packet of packets) {
        // Who leaves a namespace does not wait to be told.
        const [, nsp] = (typeof packet === 'string' && /^41(\/[^,?]*)?/.exec(packet)) || []
        if (/^41/.test(packet)) talker.joined.delete(nsp ?? '/')
      }
      return talker.send(packets.map((packet) => typeof packet === 'string' ? packet : Buffer.from(packet.hex, 'hex')))
    }
  },
  /** A POST's body as it is. */
  post: { suits: polls, play: (talker, { body, type }) => talker.post(body, type) },
  upgrade: { suits: polls, play: (talker, { waiting }) => talker.upgrade(waiting) },
  overlap: { suits: polls, leaves: true, play: (talker, { aborted }) => talker.overlap(aborted) },
  leave: { suits: anybody, leaves: true, play: (talker, { how }) => talker.leave(how) },
  /** A request of any kind; the session's id is there if `query` has none. */
  http: {
    // The reference never answers a request without Upgrade for a session that has a WebSocket. Nor is a poll answered that is as
    // it should be: it waits, and takes what the client is told after the next steps.
    suits: (talker, step) => (!talker.socket || step.query.transport !== 'websocket') && !isPoll(talker, step),
    async play (talker, step) {
      const { method, body, headers } = step
      talker.noteAnswer('http', await talker.http({ method, body, headers }, wholeQuery(talker, step)))
    }
  }
}

/** The query of a request of any kind. */
function wholeQuery (talker, { query }) {
  const whole = Object.entries({ ...talker.query, sid: talker.sid, ...query }).filter(([, value]) => value !== null)
  return Object.fromEntries(whole)
}

function isPoll (talker, step) {
  const { EIO, transport, sid } = wholeQuery(talker, step)
  return !talker.socket && (step.method ?? 'GET') === 'GET' && `${EIO}` === `${talker.version}` && transport === 'polling' &&
    sid === talker.sid
}
