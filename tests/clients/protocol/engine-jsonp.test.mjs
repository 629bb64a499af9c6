// Polling through script elements, as old browsers do it across origins: every answer is a program, every POST a form. The
// answers are run, as a browser would, in an empty world.
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { runInNewContext } from 'node:vm'
import { gunzipSync } from 'node:zlib'
import { ask, each } from '../support/engine.mjs'
import { Server } from '../support/server.mjs'
import { decode, encode } from '../support/wire.mjs'

const TYPE = 'application/x-www-form-urlencoded'
/** A backslash before the end of a line is missing: it does not survive the way in which clients write it. */
const TEXTS = [
  '', 'plain', 'a\nb', 'a\\nb', 'a\\\\nb', '\\', '"\'', '</script>', '\u2028\u2029', 'é二😀', 'a&b=c+d%20;', '\t\0'
]

let server
before(async () => { server = await Server.startSuite('eio') })
after(() => server?.stop())

/** What the program hands to the function that the client left at `j`. */
function run (program, j) {
  const got = []
  const functions = { [j]: (payload) => got.push(payload) }
  runInNewContext(program, { ___eio: functions }, { timeout: 1000 })
  assert.equal(got.length, 1, program)
  return got[0]
}

/** Line ends in a form are not safe; clients write them as `\n`, and what already stands there with one more `\`. */
const form = (payload) => `d=${encodeURIComponent(payload.replace(/\\n/g, '\\\n').replace(/\n/g, '\\n'))}`

/** A session by JSONP. */
class Script {
  static async open (version, j = '0') {
    const query = { EIO: version, transport: 'polling', j, b64: 1 }
    const answer = await ask(server, query)
    assert.equal(answer.status, 200, answer.body)
    const [open] = decode(version, run(answer.body, j))
    const { sid } = JSON.parse(open.slice(1))
    return Object.assign(new Script(), { version, j, answer, query: { ...query, sid } })
  }

  async get (options) {
    const answer = await ask(server, this.query, options)
    return { answer, packets: decode(this.version, run(answer.body, this.j)) }
  }

  post (packets) { return this.send(form(encode(this.version, packets))) }

  send (body) { return ask(server, this.query, { method: 'POST', body, headers: { 'content-type': TYPE } }) }
}

each('j query (JSONP)', 'the answer is a call of ___eio[j], as text that browsers take for a script', async (version) => {
  for (const j of ['0', '7', '12345']) {
    const script = await Script.open(version, j)
    await script.post(['4a'])
    const { answer, packets } = await script.get()
    assert.deepEqual(packets, ['4a'])
    for (const { body, headers, bytes } of [script.answer, answer]) {
      assert.ok(body.startsWith(`___eio[${j}]("`) && body.endsWith('");'), body)
      assert.match(headers['content-type'], /^text\/(plain|javascript);\s*charset=utf-8$/i)
      assert.equal(headers['content-length'], String(bytes.length))
      // With it, browsers do not run what is called text/plain.
      const isPlain = headers['content-type'].startsWith('text/plain')
      assert.equal(headers['x-content-type-options'], isPlain ? undefined : 'nosniff')
    }
  }
})

each('j query (JSONP)', 'a POST is a form, whose field d holds the payload', async (version) => {
  const script = await Script.open(version)
  const { status, body, type } = await script.post(['4a', '4b'])
  assert.deepEqual([status, body, type], [200, 'ok', 'text/html'])
  assert.deepEqual((await script.get()).packets, ['4a', '4b'])
  assert.equal((await script.send(`x=1&${form(encode(version, ['4+ %']))}&y=2`)).status, 200)
  assert.deepEqual((await script.get()).packets, ['4+ %'])
  assert.equal((await script.send(form(encode(version, ['4a b'])).replace('%20', '+'))).status, 200)
  assert.deepEqual((await script.get()).packets, ['4a b'])
})

each('j query (JSONP)', 'every text comes back the same', async (version) => {
  const script = await Script.open(version)
  const packets = TEXTS.map((text) => `4${text}`)
  await script.post(packets)
  const { answer, packets: back } = await script.get()
  assert.deepEqual(back, packets)
  assert.doesNotMatch(answer.body, /[\u2028\u2029\n]/, 'a line ends in the middle of a string')
})

each('j query (JSONP)', 'binary is base64 in it', async (version) => {
  const script = await Script.open(version)
  const packet = version === 4 ? 'bAAEC/w==' : 'b4AAEC/w=='
  await script.post([packet, '4a'])
  assert.deepEqual((await script.get()).packets, [packet, '4a'])
})

each('j query (JSONP)', 'a poll that waits, a goodbye, a refusal', async (version) => {
  const script = await Script.open(version)
  const waiting = script.get()
  await script.post(['1'])
  const { answer, packets } = await waiting.catch(() => ({ packets: ['6'] })) // If the POST was faster.
  assert.deepEqual(packets, ['6'])
  assert.ok(answer === undefined || answer.status === 200)
  const refused = await ask(server, script.query)
  assert.deepEqual([refused.status, refused.json.code], [400, 1], 'refusals are no programs')
})

each('j query (JSONP)', 'is compressed like others', async (version) => {
  const script = await Script.open(version)
  await script.post([`4${'x'.repeat(2000)}`])
  const { headers, bytes } = await ask(server, script.query, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(headers['content-encoding'], 'gzip')
  assert.deepEqual(decode(version, run(gunzipSync(bytes).toString(), '0')), [`4${'x'.repeat(2000)}`])
})

each('j query (JSONP)', 'a form without a payload ends the session or is passed over', async (version) => {
  for (const body of ['x=1', 'd', 'd=', 'd=%', '=', '&&&', 'd=%ff%fe', '']) {
    const script = await Script.open(version)
    const { status } = await script.send(body)
    assert.ok([200, 400].includes(status), body)
    const next = await script.post(['4a'])
    assert.ok([200, 400].includes(next.status), body)
    if (next.status === 200) assert.equal((await script.get()).packets.at(-1), '4a')
  }
})

each('Hazard', 'JSONP `j` as script injection', async (version) => {
  const programs = ['0](alert(1));//', '0];alert(1)', '0]("x");process.exit();([', '</script>']
  const attempts = [...programs, '"', 'a', '1e3', '-1', '0.5', '٣', '0\u2028', '%0a1', '__proto__']
  for (const j of attempts) {
    const { status, body, headers } = await ask(server, { EIO: version, transport: 'polling', j })
    // Of `j` nothing but its digits comes back.
    assert.ok(status === 400 || body.startsWith(`___eio[${j.replace(/[^0-9]/g, '')}]("`), `${j}: ${status} ${body}`)
    assert.doesNotMatch(JSON.stringify(headers), /alert|script>/)
  }
})

test('Hazard: a payload in JSONP is a string and no program, whatever is in it', async () => {
  const script = await Script.open(3)
  const evil = '");globalThis.stolen=1;("'
  await script.post([`4${evil}`, '4</script><script>'])
  const world = { ___eio: [() => {}] }
  runInNewContext((await ask(server, script.query)).body, world)
  assert.equal(world.stolen, undefined)
})
