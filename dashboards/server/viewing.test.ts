import { describe, expect, test } from 'vitest'
import type { Zone } from '#model/context/kinds.ts'
import { showsNear, viewingFault } from './viewing.ts'

const zones = new Map<string, Zone>(
  (
    [
      { id: 'B1', kind: 'building' },
      { id: 'W4', kind: 'ward', parent: 'B1' },
      { id: 'W4-C1', kind: 'cell', parent: 'W4' },
      { id: 'W4-T1', kind: 'toilet', parent: 'W4' },
      { id: 'YARD', kind: 'yard', adjacent: ['B1'] },
      { id: 'MED', kind: 'medical', parent: 'B1' },
      { id: 'MED-R1', kind: 'medical', parent: 'MED' },
      { id: 'MED-COR', kind: 'corridor', parent: 'MED' },
      { id: 'F1', kind: 'ward', parent: 'B1', lodges: 'women' },
      { id: 'F1-C1', kind: 'cell', parent: 'F1' },
      { id: 'F1-COR', kind: 'corridor', parent: 'F1' },
      { id: 'F1-MED', kind: 'medical', parent: 'F1' },
      { id: 'F1-M', kind: 'cell', parent: 'F1', lodges: 'men' },
      { id: 'M1', kind: 'ward', parent: 'B1', lodges: 'men' },
      { id: 'LOOP', kind: 'office', parent: 'LOOP' },
    ] as Zone[]
  ).map((zone) => [zone.id, zone]),
)
const officer = { id: 'li', role: 'officer' as const }
const rules = [{ zones: ['W4'], roles: ['chief'], accounts: ['zhao'] }]

describe('who may look through a camera', () => {
  test('a toilet or washroom is seen by nobody, whoever is named', () => {
    for (const camera of [{ zone: 'W4-T1' }, { zone: 'W4', watches: ['W4-T1'] }])
      expect(viewingFault(camera, { id: 'x', role: 'chief' }, zones, rules)).toMatchObject({ why: 'private' })
  })

  test('a restricted ward with all that lies in it is open to the roles and accounts named, and to nobody else', () => {
    expect(viewingFault({ zone: 'W4-C1' }, officer, zones, rules)).toEqual({ why: 'restricted', zone: 'W4' })
    expect(viewingFault({ zone: 'YARD', watches: ['W4-C1'] }, officer, zones, rules)?.why).toBe('restricted')
    expect(viewingFault({ zone: 'W4-C1' }, { id: 'zhao', role: 'officer' }, zones, rules)).toBeNull()
    expect(viewingFault({ zone: 'W4-C1' }, { id: 'wang', role: 'chief' }, zones, rules)).toBeNull()
    expect(viewingFault({ zone: 'YARD' }, officer, zones, rules)).toBeNull()
  })

  test('a medical zone is closed without a word in the site file, with all that lies in it, and by what it sees', () => {
    for (const camera of [{ zone: 'MED' }, { zone: 'MED-R1' }, { zone: 'MED-COR' }, { zone: 'YARD', watches: ['MED'] }])
      for (const role of ['officer', 'chief', 'wall'] as const)
        expect(viewingFault(camera, { id: 'x', role }, zones, [])).toMatchObject({ why: 'medical' })
    expect(viewingFault({ zone: 'B1' }, officer, zones, [])).toBeNull()
  })

  test('a medical zone is opened to those named for it or for a medical one around it, not by a rule for the building', () => {
    const open = (names: string[]) => [{ zones: names, roles: ['chief'], accounts: ['zhao'] }]
    const chief = { id: 'wang', role: 'chief' as const }
    expect(viewingFault({ zone: 'MED-R1' }, chief, zones, open(['MED']))).toBeNull()
    expect(viewingFault({ zone: 'MED' }, { id: 'zhao', role: 'officer' }, zones, open(['MED']))).toBeNull()
    expect(viewingFault({ zone: 'MED-R1' }, officer, zones, open(['MED']))).toEqual({ why: 'medical', zone: 'MED-R1' })
    expect(viewingFault({ zone: 'MED-R1' }, chief, zones, open(['B1']))?.why).toBe('medical')
    // Opening one room opens not what lies beside it.
    expect(viewingFault({ zone: 'MED-COR' }, chief, zones, open(['MED-R1']))?.why).toBe('medical')
  })

  test('a room in a medical zone can be opened by its own name, alone', () => {
    const rules = [{ zones: ['MED-R1'], roles: ['chief'] }]
    expect(viewingFault({ zone: 'MED-R1' }, { id: 'wang', role: 'chief' }, zones, rules)).toBeNull()
    expect(viewingFault({ zone: 'MED' }, { id: 'wang', role: 'chief' }, zones, rules)?.why).toBe('medical')
  })

  test('a zone that lodges women is closed with all that lies in it, by a word of the zone and none of console.viewing', () => {
    for (const camera of [{ zone: 'F1' }, { zone: 'F1-C1' }, { zone: 'F1-M' }, { zone: 'YARD', watches: ['F1-COR'] }])
      for (const role of ['officer', 'chief', 'engineer', 'wall'] as const)
        expect(viewingFault(camera, { id: 'x', role }, zones, [])).toMatchObject({ why: 'women' })
    expect(viewingFault({ zone: 'F1-C1' }, officer, zones, [])).toEqual({ why: 'women', zone: 'F1' })
    expect(viewingFault({ zone: 'M1' }, officer, zones, [])).toBeNull()
  })

  test('it is opened to those an entry names for it or for a room in it, not by an entry for the building around it', () => {
    const open = (names: string[]) => [{ zones: names, roles: ['chief'], accounts: ['zhao'] }]
    const chief = { id: 'wang', role: 'chief' as const }
    for (const zone of ['F1', 'F1-C1', 'F1-COR']) {
      expect(viewingFault({ zone }, chief, zones, open(['F1']))).toBeNull()
      expect(viewingFault({ zone }, { id: 'zhao', role: 'officer' }, zones, open(['F1']))).toBeNull()
      expect(viewingFault({ zone }, officer, zones, open(['F1']))?.why).toBe('women')
      expect(viewingFault({ zone }, chief, zones, open(['B1']))?.why).toBe('women')
    }
    expect(viewingFault({ zone: 'F1-COR' }, chief, zones, open(['F1-COR']))).toBeNull()
    expect(viewingFault({ zone: 'F1-C1' }, chief, zones, open(['F1-COR']))?.why).toBe('women')
    // Two reasons to be closed are two to be opened: the ward's name does not open the infirmary in it.
    expect(viewingFault({ zone: 'F1-MED' }, chief, zones, open(['F1']))?.why).toBe('medical')
    expect(viewingFault({ zone: 'F1-MED' }, chief, zones, open(['F1-MED']))).toBeNull()
  })

  test('zones in a circle and cameras without a zone end nowhere', () => {
    expect(viewingFault({ zone: 'LOOP' }, officer, zones, rules)).toBeNull()
    expect(viewingFault({}, officer, zones, rules)).toBeNull()
  })

  test('near an alert: its zone, what lies in it or around it, and next to it', () => {
    expect(showsNear({ zone: 'W4-C1' }, ['W4'], zones)).toBe(true)
    expect(showsNear({ zone: 'W4' }, ['W4-C1'], zones)).toBe(true)
    expect(showsNear({ zone: 'YARD' }, ['B1'], zones)).toBe(true)
    expect(showsNear({ zone: 'B1' }, ['YARD'], zones)).toBe(true)
    expect(showsNear({ zone: 'YARD' }, ['W4-C1'], zones)).toBe(false)
    expect(showsNear({ zone: 'YARD', watches: ['W4-C1'] }, ['W4-C1'], zones)).toBe(true)
    expect(showsNear({}, ['W4'], zones)).toBe(false)
  })
})
