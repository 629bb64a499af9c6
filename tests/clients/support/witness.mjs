// Two harmless clients of an echo, one on a WebSocket and one polling: what they say must come back promptly, whatever
// somebody else is doing to the server.
import { poll, Socket, echoes } from './engine.mjs'
import { deadline } from './wait.mjs'

const PROMPTLY_MS = 3_000

export class Witness {
  static async open (t, server) {
    const [socket, poller] = await Promise.all([Socket.session(t, server, 4), poll(server, 3)])
    const witness = Object.assign(new Witness(), { socket, poller })
    await witness.goesOn()
    return witness
  }

  /** Also a newcomer is let in. */
  async goesOn (ms = PROMPTLY_MS) {
    const { socket, poller } = this
    const all = Promise.all([socket.echoes(), echoes(poller), poll(poller.server, 4)])
    await deadline(all, ms, 'the echo of somebody who does no harm')
  }
}
