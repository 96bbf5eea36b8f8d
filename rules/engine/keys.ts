/** Names of key parts in rule files and what they mean for one reading. A key that cannot be known is null: no alert. */
import type { Cx, Input } from './operator.ts'

export const KEY_PARTS = [
  'device',
  'zone',
  'facility',
  'subject',
  'subject-or-device',
  'subject-or-zone',
  'door',
  'door-or-device',
  'credential',
  'holder',
] as const
export type KeyPart = (typeof KEY_PARTS)[number]

export function keyPart(part: KeyPart, input: Input, cx: Cx<never>): string | null {
  switch (part) {
    case 'device':
      return input.device
    case 'zone':
      return input.zone
    case 'facility':
      return cx.site.facility
    case 'subject':
      return subjectOf(input, cx)
    case 'subject-or-device':
      return subjectOf(input, cx) ?? input.device
    case 'subject-or-zone':
      return subjectOf(input, cx) ?? input.zone
    case 'door':
      return (input.value.door as string | undefined) ?? cx.site.doorOf(input.device)
    case 'door-or-device':
      return keyPart('door', input, cx) ?? input.device
    case 'credential':
      return (input.value.credential as string | undefined) ?? null
    case 'holder': {
      const credential = input.value.credential as string | undefined
      return credential === undefined ? null : (cx.site.holderOfCredential(credential) ?? credential)
    }
  }
}

/** The parts joined by "|", or null when one of them is unknown. */
export function keyOf(parts: readonly KeyPart[], input: Input, cx: Cx<never>): string | null {
  if (parts.length === 1) return keyPart(parts[0] as KeyPart, input, cx)
  const out: string[] = []
  for (const part of parts) {
    const value = keyPart(part, input, cx)
    if (value === null) return null
    out.push(value)
  }
  return out.join('|')
}

/** The person a reading is about: the wearer; for a panic button the person it names; for a card its holder. */
export function subjectOf(input: Input, cx: Cx<never>): string | null {
  if (input.subject !== null) return input.subject
  const named = input.value.person
  if (typeof named === 'string') return named
  const credential = input.value.credential
  return typeof credential === 'string' ? cx.site.holderOfCredential(credential) : null
}

/**
 * Zones a detection speaks for: the one it names itself; else its own zone and those that the camera watches. A zone equal
 * to that of the device entry was filled in on the way and names nothing.
 */
export function zonesSeen(input: Input, cx: Cx<never>): readonly string[] {
  if (input.zone !== null && input.zone !== input.dev?.zone) return [input.zone]
  const zones = cx.site.zonesOfCamera(input.device)
  return zones.length > 0 ? zones : input.zone !== null ? [input.zone] : []
}
