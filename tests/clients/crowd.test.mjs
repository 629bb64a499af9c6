// Many at the door at once: presence is told once a tick, so a hundred joins are no ten thousand notices; but few are
// each told of by name.
import assert from 'node:assert/strict'
import test from 'node:test'
import { generations, left, modes } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { until } from './support/wait.mjs'

const CROWD = 100
const NOTICES_EACH = 12

for (const mode of ['websocket', 'polling']) {
  test(`${CROWD} clients join at once, ${mode}`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    const crowd = Array.from({ length: CROWD }, (_, at) => room.ring(generations[at % 3], mode))
    const everybody = [witness, ...crowd]
    const lastCount = (guest) => guest.all('sys message').at(-1)?.counts
    await until(() => everybody.every((guest) => lastCount(guest) === CROWD + 1), 20_000,
      () => `the right count: ${everybody.map(lastCount)}`)

    const notices = crowd.reduce((sum, guest) => sum + guest.all('sys message').length, 0)
    assert.ok(notices <= CROWD * NOTICES_EACH, `${notices} notices for ${CROWD} clients`)
    const seen = witness.all('sys message')
    for (const notice of seen) assertWellFormed(notice)
    assert.equal(seen.reduce((sum, notice) => sum + notice.joinedCount, 0), CROWD + 1)
    assert.equal(seen.reduce((sum, notice) => sum + notice.leftCount, 0), 0)
    assert.ok(seen.some(({ joinedCount }) => joinedCount > 3), 'joins were merged')
    assert.equal(new Set(everybody.map(({ name }) => name)).size, CROWD + 1, 'a name each')

    for (const guest of crowd) guest.close()
    await until(() => lastCount(witness) === 1, 10_000, () => `all gone: ${lastCount(witness)}`)
    const all = witness.all('sys message')
    for (const notice of all) assertWellFormed(notice)
    assert.equal(all.reduce((sum, notice) => sum + notice.leftCount, 0), CROWD)
    assert.ok(all.length <= 1 + 2 * NOTICES_EACH, `the witness was told ${all.length} times`)
  })
}

for (const generation of generations) {
  test(`client ${generation}: three who leave at once are each named, in the tutorial's words`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(generation, 'websocket')
    const three = []
    for (const mode of modes) three.push(await room.join(generation, mode))
    const began = performance.now()
    for (const guest of three) guest.close()
    await until(() => witness.all('sys message').at(-1).counts === 1 && witness.all('sys message').length === 7, 5_000,
      () => `three notices: ${JSON.stringify(witness.all('sys message'))}`)
    assert.ok(performance.now() - began < 1_500, 'within few ticks')
    const notices = witness.all('sys message').slice(-3)
    assert.deepEqual(notices.map(({ data }) => data).sort(), three.map(({ name }) => left(name)).sort())
    for (const notice of notices) {
      assertWellFormed(notice)
      assert.deepEqual([notice.joinedCount, notice.leftCount], [0, 1])
      assert.equal(notice.data, left(notice.left[0]))
    }
  })
}

function assertWellFormed (notice) {
  for (const [names, count] of [[notice.joined, notice.joinedCount], [notice.left, notice.leftCount]]) {
    assert.equal(names.length, Math.min(count, 10), JSON.stringify(notice))
    assert.ok(names.every((name) => typeof name === 'string' && name !== ''))
  }
  assert.ok(notice.joinedCount + notice.leftCount > 0)
  assert.equal(typeof notice.data, 'string')
  assert.notEqual(notice.data, '')
}
