// The table of features names a test for each yes. That they exist is seen to here; that they pass, by running them.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const table = readFileSync(here('../../docs/features.md'), 'utf8')
const rows = table.split('\n').filter((line) => /^\| [^|\s-]/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()))

/** The source of a test file, or of all in a directory. */
function source (name) {
  const places = [here(`protocol/${name}.test.mjs`), here(`${name}.test.mjs`), here(`../${name}.rs`), here(`../${name}`)]
  const found = places.find(existsSync)
  assert.ok(found, `there is no ${name}`)
  if (!statSync(found).isDirectory()) return readFileSync(found, 'utf8')
  return readdirSync(found).map((file) => `${file}\n${readFileSync(`${found}/${file}`, 'utf8')}`).join('\n')
}

test('every yes in the table of features has a test', () => {
  assert.ok(rows.length > 40)
  for (const [, feature, ours, , , tests] of rows) {
    if (ours === 'no') continue
    const named = [...tests.matchAll(/`([^`]+)`: (.+?)(?=, `[^`]+`: |$)/g)]
    assert.ok(named.length > 0, `${feature}: no test`)
    for (const [, file, title] of named) {
      assert.ok(source(file).includes(title.trim()), `${feature}: no «${title.trim()}» in ${file}`)
    }
  }
})
