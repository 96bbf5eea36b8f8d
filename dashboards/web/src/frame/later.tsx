/**
 * A part that is fetched when it is first drawn, and asked for again and again while the server is away: who was cut off
 * in the wrong second has it as soon as somebody answers, without loading the page (and its sound) anew.
 */
import { type ComponentType, type ReactNode, useEffect, useReducer, useState } from 'react'
import { Broken } from './boundary.tsx'

const AGAIN_MS = 2000

export function later<P extends object>(
  load: () => Promise<ComponentType<P>>,
): (props: P & { waiting: ReactNode }) => ReactNode {
  let come: ComponentType<P> | null = null
  return function Later({ waiting, ...props }) {
    const [, redraw] = useReducer((n: number) => n + 1, 0)
    const [why, setWhy] = useState<string | null>(null)
    useEffect(() => {
      if (come) return
      let gone = false
      let timer: ReturnType<typeof setTimeout> | undefined
      const ask = () =>
        load().then(
          (part) => {
            come = part
            if (!gone) redraw()
          },
          (error: unknown) => {
            if (gone) return
            setWhy(error instanceof Error ? error.message : String(error))
            timer = setTimeout(ask, AGAIN_MS)
          },
        )
      void ask()
      return () => {
        gone = true
        clearTimeout(timer)
      }
    }, [])
    if (come) {
      const Part = come
      return <Part {...(props as unknown as P)} />
    }
    return why === null ? waiting : <Broken why={why} />
  }
}
