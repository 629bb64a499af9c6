// A guest in a process of its own, to be killed without a word: node holder.mjs URL GENERATION MODE. Says its name when in.
import { Guest } from './guest.mjs'

const [url, generation, mode] = process.argv.slice(2)
const guest = await new Guest(url, Number(generation), mode).settle()
console.log(guest.name)
