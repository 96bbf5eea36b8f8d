/** The level badge: shape, numeral and colour say the same thing, so that no one of them is needed. */

import { useState } from 'react'
import type { Level } from '#model/alert/alert.ts'
import css from './kit.module.css'

const SHAPES: Record<Level, string> = {
  red: 'M-4.14-10H4.14L10-4.14V4.14L4.14 10H-4.14L-10 4.14V-4.14Z',
  orange: 'M0-10.5L10.8 8.6H-10.8Z',
  yellow: 'M0-11L11 0L0 11L-11 0Z',
  blue: 'M0-9.6A9.6 9.6 0 1 1 0 9.6A9.6 9.6 0 1 1 0-9.6Z',
}
export const NUMERALS: Record<Level, string> = { red: '1', orange: '2', yellow: '3', blue: '4' }
const NUMERAL_Y: Record<Level, number> = { red: 4.3, orange: 6.2, yellow: 4.3, blue: 4.3 }

interface Props {
  level: Level
  /** Filled while nobody has acknowledged, outlined afterwards. */
  filled: boolean
  /** The slow ring of what waits for acknowledgement. */
  ring?: boolean
  size?: number
  dashed?: boolean
}

const PERIOD_MS = 1000

/** All rings of a screen beat together, whenever each began: one picture for all instead of one for each. */
function Ring({ level }: { level: Level }) {
  const [delay] = useState(() => `-${Math.round(performance.now() % PERIOD_MS)}ms`)
  return (
    <path
      className={css.ring}
      style={{ animationDelay: delay }}
      d={SHAPES[level]}
      transform={`translate(0 ${level === 'orange' ? -0.6 : 0}) scale(1.27)`}
    />
  )
}

export function Badge({ level, filled, ring = false, size = 24, dashed = false }: Props) {
  return (
    <svg
      className={css.badge}
      data-level={level}
      data-filled={filled}
      width={size}
      height={size}
      viewBox="-14.5 -14.5 29 29"
      aria-hidden="true"
    >
      {ring && <Ring level={level} />}
      <path className={css.shape} d={SHAPES[level]} strokeDasharray={dashed ? '2.5 2' : undefined} />
      <text className={css.numeral} x="0" y={NUMERAL_Y[level]} textAnchor="middle">
        {NUMERALS[level]}
      </text>
    </svg>
  )
}
