/**
 * What `bench:console` puts into the page: notes when a row was painted first, how long a key waits for the next paint,
 * and frames per second. It only looks; its own work is part of what is measured, so it is small.
 */

/** The little of the browser that is used here: this folder is typed without a document. */
interface PageElement {
  getAttribute(name: string): string | null
  hasAttribute(name: string): boolean
  querySelectorAll(selector: string): Iterable<PageElement>
  readonly nodeType: number
}
declare const document: PageElement
declare const requestAnimationFrame: (task: (at: number) => void) => void
declare const MutationObserver: new (
  heard: (records: { addedNodes: Iterable<PageElement> }[]) => void,
) => { observe(node: PageElement, what: object): void }
declare const addEventListener: (name: string, heard: (event: { timeStamp: number }) => void, how: object) => void

export interface Probe {
  /** Wall clock (ms) of the first paint by alert id. */
  painted: Record<string, number>
  firstRowAt: number | null
  keys: number[]
  frames: number[]
  rows: number
  countFrames(on: boolean): void
}

/** Runs in the page before any of its scripts. Self-contained: it is sent as text. */
export function installProbe(): void {
  const wall = () => performance.timeOrigin + performance.now()
  const probe: Probe = {
    painted: {},
    firstRowAt: null,
    keys: [],
    frames: [],
    rows: 0,
    countFrames(on) {
      counting = on
      if (on) requestAnimationFrame(frame)
    },
  }
  ;(globalThis as unknown as { wwProbe: Probe }).wwProbe = probe
  let counting = false
  let last = 0
  const frame = (at: number) => {
    if (last > 0) probe.frames.push(at - last)
    last = at
    if (counting) requestAnimationFrame(frame)
    else last = 0
  }
  /** Runs after the frame that shows what is in the document now. */
  const afterPaint = (task: () => void) => {
    requestAnimationFrame(() => {
      const channel = new MessageChannel()
      channel.port1.addEventListener('message', task)
      channel.port1.start()
      channel.port2.postMessage(null)
    })
  }
  let fresh: string[] = []
  const note = (node: PageElement) => {
    const id = node.getAttribute('data-id')
    if (id === null || id in probe.painted) return
    probe.painted[id] = 0
    if (fresh.length === 0)
      afterPaint(() => {
        const now = wall()
        probe.firstRowAt ??= performance.now()
        for (const one of fresh) probe.painted[one] = now
        probe.rows += fresh.length
        fresh = []
      })
    fresh.push(id)
  }
  new MutationObserver((records) => {
    for (const record of records)
      for (const node of record.addedNodes) {
        if (node.nodeType !== 1) continue
        if (node.hasAttribute('data-id')) note(node)
        else for (const row of node.querySelectorAll('[role=row][data-id]')) note(row)
      }
  }).observe(document, { childList: true, subtree: true })
  addEventListener(
    'keydown',
    (event) => {
      const pressed = event.timeStamp
      afterPaint(() => probe.keys.push(performance.now() - pressed))
    },
    { capture: true },
  )
}
