/** The conditions that patterns that are code put to single readings, as CEL, for `--why`. Data only. */

/** Conditions that the operator puts to one reading of a type; names are fields, parameters and facts of the place. */
export const READING_CONDITIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'abnormal-sound': {
    'env.noise': ['db >= loud'],
    'camera.audio': ['sound == "scream" || sound == "impact"', 'level_db >= loud'],
  },
  'band-removed': { 'band.worn': ['worn == false'], 'band.charging': ['charging == false'] },
  'belt-presence': { 'camera.intrusion': ['object == "human" && confidence >= minConfidence'] },
  'camera-tamper': { 'camera.tamper': ['active == true'] },
  'door-forced': { 'door.state': ['state == "open"'] },
  'door-held': { 'door.state': ['state == "open"'], 'door.mode': ['mode == "normal"'] },
  'face-and-card': { 'camera.face': ['score >= isOther'] },
  fall: {
    'camera.behaviour': ['behaviour == "fall" && confidence >= minConfidence'],
    'band.vitals': ['activity <= 0.05', 'confidence >= 0.6'],
  },
  fight: {
    'camera.behaviour': ['behaviour == "fight" && confidence >= minConfidence'],
    'band.vitals': ['confidence >= 0.6'],
  },
  'fire-confirmed': {
    'env.smoke': ['percent_per_m >= smokeLimit'],
    'camera.behaviour': ['behaviour == "flame" && confidence >= minFlameConfidence'],
    'env.call-point': ['active == true'],
  },
  gathering: { 'camera.crowd': ['count >= yellowFrom', 'radius_m == null || radius_m <= radius'] },
  'inmate-face': { 'camera.face': ['score >= minScore', 'live == null || live == true'] },
  interlock: { 'door.state': ['state == "open"'], 'door.mode': ['mode == "normal"'] },
  'life-signs': {
    'radar.vitals': ['present == true', 'resp == null', 'confidence >= 0.6'],
    'band.vitals': ['hr == null', 'activity <= 0.05', 'confidence >= 0.6'],
    'band.worn': ['worn == true'],
  },
  'lock-up': {
    'door.lock': ['state == "unlocked"'],
    'door.state': ['state == "open"'],
    'door.mode': ['mode == "normal"'],
  },
  'lone-officer': { 'door.state': ['state == "open"'] },
  'mass-offline': { 'device.status': ['online == false'] },
  'officer-down': { 'tag.activity': ['activity <= still'] },
  'partial-news2': { 'band.vitals': ['confidence >= 0.6'], 'radar.vitals': ['confidence >= 0.6'] },
  'perimeter-single': { 'camera.intrusion': ['object == "human"'] },
  'person-lost': {
    'camera.face': ['score >= minFaceScore'],
    'radar.vitals': ['present == true'],
    'band.worn': ['worn == true'],
  },
  'sally-port-cycle': { 'gate.life': ['present == true && confidence >= minConfidence'] },
  'self-harm': {
    'camera.behaviour': ['behaviour == "ligature" && confidence >= minConfidence'],
    'band.vitals': ['activity <= 0.05', 'confidence >= 0.6'],
  },
  'video-lost': { 'camera.signal': ['present == false'] },
  withdrawal: {
    'band.vitals': ['hr > pulseHigh', 'hr >= pulseRaised', 'confidence >= 0.6'],
    'clinical.score': ['scale == "COWS" && score >= cowsOrange', 'scale == "CIWA" && score >= ciwaOrange'],
  },
}
