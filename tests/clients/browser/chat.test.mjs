// The page in a real browser, as two people see it, each in a browser context and a language of their own.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import test, { after, before } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ChatPage, launch } from '../support/browser.mjs'
import { Room } from '../support/room.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'

let browser
before(async () => { browser = await launch() })
after(() => browser?.close())

/** A room with a Chinese and an English page in it. The pages go before the server does. */
async function scene (t, options) {
  const pages = []
  t.after(() => Promise.all(pages.map((page) => page.close())))
  const room = await Room.open(t)
  for (const lang of ['zh', 'en']) pages.push(await ChatPage.open(browser, room.server, lang, options))
  return { room, zh: pages[0], en: pages[1], pages }
}

test('what one says both see, and the count goes with who is there', async (t) => {
  const { zh, en, pages } = await scene(t)
  for (const page of pages) await page.counts(2)
  await zh.say('你好，在吗？😀')
  for (const page of pages) assert.ok(await (await page.shows('你好，在吗？😀')).isVisible())
  assert.equal(await zh.by('input').inputValue(), '', 'what was sent has left the input')
  await en.by('input').fill('here I am')
  await en.by('input').press('Enter')
  for (const page of pages) {
    await page.shows('here I am')
    assert.equal(await page.by('message').count(), 2)
  }
  assert.ok((await (await zh.shows('here I am')).textContent()).includes(en.assigned.name), 'the speaker is named')

  const notices = await en.by('notice').count()
  await zh.close()
  await en.counts(1)
  await until(async () => await en.by('notice').count() > notices, 5_000, 'the notice')
  assert.ok((await en.by('notice').last().innerText()).includes(zh.assigned.name))
  for (const page of pages) page.assertNoComplaints()
})

test('a name has the colour that was assigned', async (t) => {
  const { zh, en } = await scene(t)
  const { name, color } = zh.assigned
  await zh.say('in colour')
  for (const [page, place] of [[zh, zh.by('me')], [en, await en.shows('in colour')]]) {
    const { drawn, around, from } = await page.nameColours(place, name)
    assert.equal(from, color)
    assert.notEqual(drawn, around)
  }
})

test('two languages', async (t) => {
  const { zh, en } = await scene(t)
  const words = async (page) => {
    const send = page.by('send')
    return [await page.text('status'), await send.innerText(), await send.getAttribute('aria-label'),
      await page.by('input').getAttribute('placeholder')].join(' ')
  }
  assert.match(await words(zh), /\p{Script=Han}/u)
  assert.doesNotMatch(await words(en), /\p{Script=Han}/u)
  assert.match(await zh.page.evaluate(() => document.documentElement.lang), /^zh/)
  assert.match(await en.page.evaluate(() => document.documentElement.lang), /^en/)
})

test('markup is text', async (t) => {
  const { zh, en, pages } = await scene(t)
  const evil = '<b>x</b><img src=x onerror=complain("run")> & &amp; </script>'
  await zh.say(evil)
  for (const page of pages) {
    const message = await page.shows(evil)
    assert.ok((await message.textContent()).includes(evil))
    assert.equal(await message.locator('b:text-is("x")').count(), 0)
    assert.equal(await message.locator('img').count(), 0)
  }
  await en.say('after')
  for (const page of pages) {
    await page.shows('after')
    page.assertNoComplaints()
  }
})

test('Enter while composing does not send', async (t) => {
  const { zh, en } = await scene(t)
  const input = zh.by('input')
  await input.focus()
  await input.evaluate((element) => {
    const fire = (event) => element.dispatchEvent(event)
    const all = { bubbles: true, cancelable: true }
    fire(new CompositionEvent('compositionstart', { ...all, data: '' }))
    element.value = 'ni hao'
    fire(new CompositionEvent('compositionupdate', { ...all, data: 'ni hao' }))
    fire(new InputEvent('input', { ...all, data: 'ni hao', isComposing: true, inputType: 'insertCompositionText' }))
    fire(new KeyboardEvent('keydown', { ...all, key: 'Enter', code: 'Enter', keyCode: 229, isComposing: true }))
    fire(new KeyboardEvent('keydown', { ...all, key: 'Enter', code: 'Enter', keyCode: 13, isComposing: true }))
    element.value = '你好'
    fire(new CompositionEvent('compositionend', { ...all, data: '你好' }))
    fire(new InputEvent('input', { ...all, data: '你好', inputType: 'insertCompositionText' }))
  })
  await zh.drawn()
  assert.equal(await input.inputValue(), '你好')
  await input.press('Enter')
  for (const page of [zh, en]) await page.shows('你好')
  await en.say('the last')
  for (const page of [zh, en]) {
    await page.shows('the last')
    assert.equal(await page.by('message').count(), 2, 'sent once')
  }
  assert.equal(await input.inputValue(), '')
})

test('a refusal is shown, and the text is not lost', async (t) => {
  const { zh } = await scene(t)
  const text = '长'.repeat(2001)
  await zh.say(text)
  await until(() => zh.by('refusal').isVisible(), 5_000, 'the refusal')
  assert.equal(await zh.by('refusal').getAttribute('data-code'), 'too_long')
  assert.match(await zh.text('refusal'), /2,?000/)
  assert.equal(await zh.by('input').inputValue(), text)
  await zh.by('input').press('Backspace')
  await until(async () => !(await zh.by('refusal').isVisible()), 5_000, 'the refusal to go')
  await zh.by('input').press('Enter')
  await zh.shows(text.slice(1))
  zh.assertNoComplaints()
})

test('the server starts anew: offline, then back, and what was typed is still there', async (t) => {
  const { room, zh, en, pages } = await scene(t)
  await zh.say('before')
  for (const page of pages) await page.shows('before')
  await zh.by('input').fill('half a sen')
  const { port } = room.server
  await room.server.stop()
  for (const page of pages) {
    await until(async () => await page.state() === 'offline', 10_000, 'the page to know that it is offline')
    page.assigned = null
  }
  assert.equal(await zh.by('input').inputValue(), 'half a sen')

  room.server = await Server.start([], port)
  for (const page of pages) {
    await until(() => page.assigned, 20_000, 'the page to come back')
    await page.isIn()
    await until(async () => /back|online/.test(await page.state()), 10_000, 'the page to say that it is back')
    await page.counts(2)
  }
  assert.equal(await zh.by('input').inputValue(), 'half a sen')
  await zh.by('input').press('End')
  await zh.by('input').pressSequentially('tence')
  await zh.by('send').click()
  for (const page of pages) {
    await page.shows('half a sentence')
    page.assertNoComplaints(/ERR_|WebSocket connection/) // What the browser itself says while nobody is there.
  }
})

test('who reads further up is left there; who is at the end stays at the end', async (t) => {
  const { room, zh, en } = await scene(t, { viewport: { width: 800, height: 500 } })
  const speakers = await Promise.all(Array.from({ length: 6 }, () => room.join(4, 'websocket')))
  await Promise.all(speakers.slice(0, 5).flatMap((speaker, at) => Array.from({ length: 10 }, (_, n) => speaker.say(`line ${at} ${n}`))))
  for (const page of [zh, en]) {
    await until(async () => await page.by('message').count() >= 50, 5_000, '50 messages')
    await page.drawn()
  }
  const [reader, follower] = [await zh.scroller(), await en.scroller()]
  const fromEnd = (scroller) => scroller.evaluate(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight)
  await until(async () => await fromEnd(reader) < 3, 5_000, 'the end to be in view')
  await reader.evaluate((element) => { element.scrollTop = 0 })
  await zh.drawn()

  await speakers[5].say('one more\nof two lines')
  for (const page of [zh, en]) {
    await page.shows('one more')
    await page.drawn()
  }
  assert.equal(await reader.evaluate((element) => element.scrollTop), 0, 'the reader was not moved')
  await until(async () => await fromEnd(follower) < 3, 5_000, 'the newest to be in view')
  assert.equal(await en.by('newer').isVisible(), false)
  await zh.by('newer').click()
  await until(async () => await fromEnd(reader) < 3, 5_000, 'the end to be in view')
  await until(async () => !(await zh.by('newer').isVisible()), 5_000, 'the button to go')
  zh.assertNoComplaints()
})

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } }
const output = fileURLToPath(new URL('../../output/', import.meta.url))

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`${size}, ${colorScheme}: fits, and has its picture taken`, async (t) => {
      const { room, zh, en, pages } = await scene(t, { viewport, colorScheme })
      const guest = await room.join(2, 'polling')
      await guest.say('大家好，我是从 2.x 客户端来的')
      await zh.say('欢迎！😀')
      await en.say(`${'a long line that has to be wrapped somewhere '.repeat(4)}${'unbreakable'.repeat(20)}`)
      for (const page of pages) {
        await page.shows('unbreakable')
        await page.drawn()
        const [wide, available] = await page.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
        assert.ok(wide <= available, `${wide} px wide on ${available}`)
        for (const id of ['status', 'count', 'me', 'log', 'input', 'send']) assert.ok(await page.by(id).isVisible(), id)
        page.assertNoComplaints()
      }
      mkdirSync(output, { recursive: true })
      await zh.page.screenshot({ path: `${output}chat-${size}-${colorScheme}-zh.png`, animations: 'disabled' })
      await en.page.screenshot({ path: `${output}chat-${size}-${colorScheme}-en.png`, animations: 'disabled' })
    })
  }
}
