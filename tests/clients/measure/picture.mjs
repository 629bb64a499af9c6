// Takes the README's picture of the page: a little talk between a browser and two programs.
//
//   node measure/picture.mjs
import { fileURLToPath } from 'node:url'
import { launch } from '../support/browser.mjs'
import { Server } from '../support/server.mjs'
import { until } from '../support/wait.mjs'
import { Raw } from './support.mjs'

const server = await Server.start()
const browser = await launch()
const page = await (await browser.newContext({ locale: 'en-US', viewport: { width: 960, height: 620 }, deviceScaleFactor: 1.5 })).newPage()
await page.goto(`${server.url}/?lang=en`)
const others = [new Raw(server), new Raw(server)]
await Promise.all(others.map((other) => other.entered))
let said = 0
const all = async (text) => {
  said++
  await page.getByText(text).waitFor()
  await until(() => others.every((other) => other.count('message from server') === said), 5_000, text)
}
const [polls, upgraded] = others
for (const [who, text] of [
  [polls, 'Hi! I came in with socket.io-client 2.5, the tutorial’s own lines.'],
  [upgraded, '大家好，我用的是 4.8 👋'],
  [null, 'And I am the page. Same room, same order, for everybody.'],
  [polls, 'What happens when the Wi-Fi goes?'],
  [null, 'The page says so, keeps what you typed, and comes back by itself.']
]) {
  if (who) who.say(text)
  else {
    await page.getByTestId('input').fill(text)
    await page.getByTestId('send').click()
  }
  await all(text)
}
await page.screenshot({ path: fileURLToPath(new URL('../../../web/screenshot.png', import.meta.url)), animations: 'disabled' })
await browser.close()
for (const other of others) other.close()
await server.stop()
