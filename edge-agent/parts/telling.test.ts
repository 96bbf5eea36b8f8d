import { expect, test } from 'vitest'
import type { AlertChange } from '#model/alert/alert.ts'
import { type TellingPart, tellChange } from './telling.ts'

test('a picture is taken when an alert is raised, of equipment when it is serious, and of no later change', () => {
  const kept: string[] = []
  const part = { voice: () => null, placing: { camerasFor: () => ['K1'] } } as unknown as TellingPart
  const pictures = { keep: async (id: string) => void kept.push(id) } as unknown as Parameters<typeof tellChange>[2]
  const video = { keepPreroll: async () => {} } as unknown as Parameters<typeof tellChange>[3]
  const tell = (id: string, domain: string, level: string, change = 'raised') =>
    tellChange(
      part,
      { change, alert: { id, domain, level, facility: 'f', raisedAt: 0 } } as AlertChange,
      pictures,
      video,
    )
  tell('man', 'behaviour', 'blue')
  tell('battery', 'equipment', 'blue')
  tell('lens', 'equipment', 'yellow')
  tell('fence', 'equipment', 'orange')
  tell('man', 'behaviour', 'blue', 'escalated')
  expect(kept).toEqual(['man', 'fence'])
})
