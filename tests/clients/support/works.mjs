// What works for every client of the server `sio`, whatever is between them: events both ways, acks both ways, binary, in this order
// and once. Judges.
import assert from 'node:assert/strict'

const BYTES = Buffer.from([0, 1, 2, 254, 255])

/** `texts` are what the client can say and hear, which is not everything in every version. For a peer that has not done it yet. */
export async function works (peer, ...texts) {
  peer.listen('message-back').answer('emit-with-ack', (...args) => args.slice(0, 2))
  for (const text of texts) {
    peer.socket.emit('message', text, { a: [null, 1.5] })
    assert.deepEqual(await peer.next('message-back'), [text, { a: [null, 1.5] }])
    assert.equal(await peer.call('message-with-ack', text), text)
    peer.socket.emit('emit-with-ack', text, 2, 'three')
    // What the server asks, and the answer, which comes back as an event.
    assert.deepEqual([await peer.next('emit-with-ack'), await peer.next('emit-with-ack')], [[text, 2, 'three'], [text, 2]])
  }
  peer.socket.emit('message', BYTES, { inside: BYTES })
  const [whole, { inside }] = await peer.next('message-back')
  assert.deepEqual([Buffer.from(whole), Buffer.from(inside)], [BYTES, BYTES])
}
