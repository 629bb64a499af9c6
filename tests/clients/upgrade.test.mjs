// The change from polling to WebSocket happens under way: nothing that is sent meanwhile, in either direction, may be
// lost, doubled or overtaken.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { generations } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { deadline, until } from './support/wait.mjs'

const ROUNDS = 5

for (const generation of generations) {
  test(`client ${generation}: 50 asked during the upgrade are answered once each, in order`, async (t) => {
    const room = await Room.open(t)
    for (let round = 0; round < ROUNDS; round += 1) {
      const witness = await room.join(4, 'websocket')
      const guest = room.ring(generation, 'upgrade')
      const answers = [] // [number, answer], in order of arrival
      const ways = new Set()
      // From before the connection until after the upgrade; at least 50, one every few milliseconds.
      let asked = 0
      await deadline((async () => {
        while (asked < 50 || guest.transport !== 'websocket') {
          const number = asked++
          ways.add(guest.transport)
          guest.socket.emit('chat message', { description: `${round}: ${number}` }, (answer) => answers.push([number, answer]))
          await sleep(2)
        }
      })(), 10_000, 'the upgrade')
      assert.ok(ways.has('polling'), `began on ${[...ways]}`)
      await guest.settle()
      // The answers come in order, so the one to this closes the list.
      answers.push([asked, await guest.ask('the last')])
      assert.deepEqual(answers.map(([number]) => number), Array.from({ length: asked + 1 }, (_, number) => number))

      const taken = answers.filter(([, { ok }]) => ok).map(([, { id }]) => id)
      assert.ok(taken.length >= 10, `${taken.length} taken`)
      for (const [, answer] of answers.slice(0, -1)) assert.ok(answer.ok || answer.code === 'too_fast', JSON.stringify(answer))
      for (const hearer of [guest, witness]) {
        const heard = () => hearer.all('message from server').filter(({ nickName }) => nickName === guest.name)
        await until(() => heard().length >= taken.length, 5_000, 'all that was taken')
        assert.deepEqual(heard().map(({ id }) => id), taken)
      }
    }
  })

  test(`client ${generation}: what others say during the upgrade arrives once, in order`, async (t) => {
    // All of them come from one address, again and again: what was used up of the limit stays with it.
    const room = await Room.open(t, ['--message-burst', '1000'])
    for (let round = 0; round < ROUNDS; round += 1) {
      const others = [await room.join(4, 'websocket'), await room.join(3, 'polling'), await room.join(2, 'websocket')]
      const guest = room.ring(generation, 'upgrade')
      await guest.next('initUser')
      await Promise.all(others.map(async (other) => {
        for (let number = 0; number < 10; number += 1) {
          await other.say(`${round}: ${other.name} ${number}`)
          await sleep(5)
        }
      }))
      await guest.upgraded()
      const of = (hearer) => hearer.all('message from server').filter(({ description }) => description.startsWith(`${round}:`))
      for (const hearer of [guest, ...others]) await until(() => of(hearer).length >= 30, 5_000, () => `30, not ${of(hearer).length}`)
      for (const hearer of [guest, ...others]) assert.deepEqual(of(hearer), of(others[0]))
      for (const guest of room.guests.splice(0)) guest.close()
    }
  })
}
