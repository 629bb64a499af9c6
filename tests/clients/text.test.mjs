// Text comes out as it went in, whatever is in it: lengths on the wire are counted in UTF-16 units here and in bytes
// there, and JavaScript strings may hold what UTF-8 cannot.
import assert from 'node:assert/strict'
import test from 'node:test'
import { everyWay } from './support/guest.mjs'
import { Room } from './support/room.mjs'

const texts = {
  'Chinese': '在线聊天室，你好！',
  'emoji': '😀 👩‍👩‍👧‍👦 🇨🇳 ❤️',
  'surrogate pairs outside emoji': '𠮷野家 𝒳 \u{10ffff}',
  'combining marks and right to left': 'e\u0301 עברית العربية',
  'a lone high surrogate': 'a\ud800b',
  'a lone low surrogate': 'a\udc00b',
  'surrogates the wrong way round': '\udc00\ud800',
  'record separators and other controls': 'a\x1eb\x00c\x1f\x7f\u2028\u2029',
  'JSON and packet look-alikes': '"],["\\ud800 \\\\" 2probe 42["x"] 4:4abc b4AAAA',
  'placeholder look-alike': '{"_placeholder":true,"num":0}',
  'noncharacters and the byte order mark': '\ufeff\ufffe\uffff',
  'the replacement character': '\ufffd',
  'markup': '<b>x</b>&amp;<script>alert(1)</script>',
  '1,900 characters': 'x'.repeat(1900),
  '1,900 Chinese characters': '字'.repeat(1900),
  '1,000 emoji, exactly the limit': '😀'.repeat(1000),
  '2,000 lone surrogates': '\ud800'.repeat(2000)
}
const names = Object.keys(texts)

for (const { generation, mode, title } of everyWay) {
  test(`${title}: text arrives the same`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'websocket')
    // Each says no more than a guest may at once, and hears what the other two do.
    const speakers = [await room.join(generation, mode), await room.join(generation, mode)]
    for (const [at, name] of names.entries()) await speakers[at % 2].say(texts[name])
    for (const guest of [witness, ...speakers]) {
      for (const name of names) {
        const { description } = await guest.next('message from server')
        assert.equal(escaped(description), escaped(texts[name]), name)
      }
    }
  })

  test(`${title}: all of it at once`, async (t) => {
    const room = await Room.open(t)
    const witness = await room.join(4, 'polling')
    const speakers = [await room.join(generation, mode), await room.join(generation, mode)]
    await Promise.all(names.map((name, at) => speakers[at % 2].say(texts[name])))
    for (const guest of [witness, ...speakers]) {
      const heard = []
      for (const _ of names) heard.push((await guest.next('message from server')).description)
      assert.deepEqual(heard.map(escaped).sort(), names.map((name) => escaped(texts[name])).sort())
    }
  })
}

/** A failing comparison of lone surrogates is unreadable without this. */
function escaped (text) { return JSON.stringify(text) }
