// A TCP proxy before a server that can fall silent: connections stay open, and nothing goes through them any more in either
// direction, as when a mobile phone leaves its network. Knows bytes only.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export class Proxy {
  static async start (t, server) {
    const proxy = new Proxy(server.port)
    proxy.listener.listen(0, '127.0.0.1')
    await once(proxy.listener, 'listening')
    t.after(() => proxy.close())
    return proxy
  }

  #sockets = new Set()
  #silent = false
  swallowed = [] // What connections said that came in the silence.

  constructor (port) {
    this.listener = createServer((client) => {
      this.#keep(client)
      if (this.#silent) {
        client.on('data', (bytes) => this.swallowed.push(bytes.toString()))
        return
      }
      const server = this.#keep(connect(port, '127.0.0.1'))
      client.pipe(server).pipe(client)
      // An end that comes before the silence is passed on.
      for (const [one, other] of [[client, server], [server, client]]) one.on('close', () => { if (!one.cut) other.destroy() })
    })
  }

  #keep (socket) {
    this.#sockets.add(socket)
    return socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
  }

  get url () { return `http://127.0.0.1:${this.listener.address().port}` }

  get port () { return this.listener.address().port }

  /** From now on nothing goes through, and nobody hears of it. */
  cut () {
    this.#silent = true
    for (const socket of this.#sockets) {
      socket.cut = true
      socket.unpipe()
      socket.resume() // Into nothing.
    }
  }

  /** New connections go through again. The old ones stay as they are. */
  mend () { this.#silent = false }

  close () {
    for (const socket of this.#sockets) socket.destroy()
    this.listener.close()
  }
}
