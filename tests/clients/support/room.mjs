// One test's server and the guests in it; everything is closed with the test.
import { Guest } from './guest.mjs'
import { Server } from './server.mjs'

export class Room {
  static async open (t, flags = []) {
    const room = new Room()
    t.after(() => room.close())
    room.server = await Server.start(flags)
    return room
  }

  guests = []

  /** A guest who has only just rung the bell. */
  ring (generation = 4, mode = 'websocket', options = {}, path = '/') {
    const guest = new Guest(this.server.url + path, generation, mode, options)
    this.guests.push(guest)
    return guest
  }

  /** A guest who is in, has been announced, and is on the transport asked for. */
  join (generation, mode, options) { return this.ring(generation, mode, options).settle() }

  async close () {
    for (const guest of this.guests) guest.close()
    await this.server?.stop()
  }
}
