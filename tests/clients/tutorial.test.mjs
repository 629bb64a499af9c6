// The tutorial's page, as it was written for Node in 2017, finds nothing changed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import test from 'node:test'
import { joined, left } from './support/guest.mjs'
import { Room } from './support/room.mjs'
import { startScript } from './support/server.mjs'
import { deadline } from './support/wait.mjs'

test('the tutorial\'s script talks to the server', async (t) => {
  const room = await Room.open(t)
  const witness = await room.join(4, 'websocket')
  const child = startScript('tutorial.mjs', [room.server.url])
  t.after(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text) => { output += text })
  const [code] = await deadline(once(child, 'close'), 10_000, 'the script to end by itself')
  assert.equal(code, 0)

  const lines = output.trim().split('\n').map((line) => JSON.parse(line))
  const { nickName, color } = lines.find(({ sys }) => !sys).page
  assert.deepEqual(lines.toSorted((a, b) => b.sys - a.sys), [
    { sys: true, description: joined(nickName), counts: 2 },
    { sys: false, description: '大家好', nickName, color, page: { nickName, color } }
  ])
  assert.equal((await witness.hears('大家好')).nickName, nickName)
  await witness.next('sys message', ({ data, counts }) => data === left(nickName) && counts === 1)
})
