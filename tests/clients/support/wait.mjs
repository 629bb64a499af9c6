// Waiting with a deadline, in two kinds: for a promise and for a condition. No test waits for time to go by.

export function deadline (promise, ms, what) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** Looks every few milliseconds until `condition()` is true. */
export async function until (condition, ms, what) {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${typeof what === 'function' ? what() : what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
