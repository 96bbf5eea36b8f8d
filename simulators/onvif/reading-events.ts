/**
 * How the twin tells each camera reading of the catalogue as an ONVIF event: documented topics of the standard where it
 * has one, else the namespace tnsww (README.md). Written for itself; the driver's model file is the other half.
 */
export interface TwinEvent {
  topic: string
  source: Record<string, string>
  data: Record<string, string>
  /** The event is a property: a new subscription is told its present state. */
  property: boolean
}

type Value = Record<string, unknown>

/** Topics and the items of their Data, as the camera lists them in GetEventProperties. */
export const TOPICS: Record<string, string[]> = {
  'tns1:VideoSource/MotionAlarm': ['State'],
  'tns1:RuleEngine/TamperDetector/Tamper': ['IsTamper'],
  'tns1:VideoSource/GlobalSceneChange/ImagingService': ['State'],
  'tns1:VideoSource/ImageTooBlurry/ImagingService': ['State'],
  'tns1:VideoSource/tnsww:CameraMoved/ImagingService': ['State'],
  'tns1:VideoSource/SignalLoss': ['State'],
  'tns1:VideoSource/tnsww:DayNight': ['Night'],
  'tns1:AudioAnalytics/Audio/DetectedSound': ['State', 'LevelDb', 'Class'],
  'tns1:RuleEngine/LineDetector/Crossed': ['ObjectId', 'ClassTypes', 'Direction', 'Count'],
  'tns1:RuleEngine/LoiteringDetector/ObjectIsLoitering': ['State', 'ClassTypes', 'Seconds'],
  'tns1:RuleEngine/tnsww:IntrusionDetector/Intrusion': ['Active', 'ClassTypes', 'Likelihood', 'Count'],
  'tns1:RuleEngine/tnsww:CrowdDetector/Crowd': ['Active', 'Count', 'RadiusM'],
  'tns1:RuleEngine/tnsww:BehaviourDetector/Behaviour': ['Active', 'Behaviour', 'Likelihood'],
  'tns1:RuleEngine/tnsww:FaceMatcher/Match': ['Active', 'List', 'Person', 'Score', 'Live'],
  'tns1:RuleEngine/tnsww:DroneDetector/Drone': ['Active', 'Sensor', 'Likelihood', 'Drop'],
}

const TAMPERS: Record<string, string> = {
  covered: 'tns1:RuleEngine/TamperDetector/Tamper',
  moved: 'tns1:VideoSource/tnsww:CameraMoved/ImagingService',
  defocused: 'tns1:VideoSource/ImageTooBlurry/ImagingService',
  'scene-change': 'tns1:VideoSource/GlobalSceneChange/ImagingService',
}

const CLASSES: Record<string, string> = { human: 'Human', animal: 'Animal', vehicle: 'Vehicle' }

/** Items in order; those whose value is absent or null are left out, as a camera that did not measure does. */
function itemsOf(pairs: Record<string, unknown>): Record<string, string> {
  const items: Record<string, string> = {}
  for (const [name, value] of Object.entries(pairs))
    if (value !== undefined && value !== null) items[name] = String(value)
  return items
}

const video = { Source: 'VideoSource_1' }
const rule = (name: string) => ({
  VideoSourceConfigurationToken: 'VSC_1',
  VideoAnalyticsConfigurationToken: 'VAC_1',
  Rule: name,
})

/** @throws Error for a type that no camera tells, or a value that is none of its type. */
export function eventOfReading(type: string, value: Value, objectId: number): TwinEvent {
  const classTypes = CLASSES[String(value.object)]
  const property = typeof value.active === 'boolean'
  const analytic = (detector: string, data: Record<string, unknown>): TwinEvent => ({
    topic: `tns1:RuleEngine/${detector}`,
    source: rule(`My${detector.split('/')[0]?.split(':').at(-1)}`),
    data: itemsOf(data),
    property,
  })
  switch (type) {
    case 'camera.motion':
      return {
        topic: 'tns1:VideoSource/MotionAlarm',
        source: video,
        data: itemsOf({ State: value.active }),
        property: true,
      }
    case 'camera.tamper': {
      const topic = TAMPERS[String(value.tamper)]
      if (!topic) throw new Error(`no camera tells the tamper "${String(value.tamper)}"`)
      if (topic.includes('TamperDetector'))
        return {
          topic,
          source: rule('MyTamperDetectorRule'),
          data: itemsOf({ IsTamper: value.active }),
          property: true,
        }
      return { topic, source: video, data: itemsOf({ State: value.active }), property: true }
    }
    case 'camera.signal':
      return {
        topic: 'tns1:VideoSource/SignalLoss',
        source: video,
        data: itemsOf({ State: !value.present }),
        property: true,
      }
    case 'camera.day-night':
      return {
        topic: 'tns1:VideoSource/tnsww:DayNight',
        source: video,
        data: itemsOf({ Night: value.night }),
        property: true,
      }
    case 'camera.audio':
      return {
        topic: 'tns1:AudioAnalytics/Audio/DetectedSound',
        source: {
          AudioSourceConfigurationToken: 'ASC_1',
          AudioAnalyticsConfigurationToken: 'AAC_1',
          Rule: 'MySoundRule',
        },
        data: itemsOf({ State: value.active, LevelDb: value.level_db, Class: value.sound }),
        property,
      }
    case 'camera.line-crossed':
      return {
        topic: 'tns1:RuleEngine/LineDetector/Crossed',
        source: rule(String(value.line)),
        data: itemsOf({
          ObjectId: objectId,
          ClassTypes: classTypes,
          Direction: value.direction,
          Count: value.count,
          Door: value.door,
          Likelihood: value.confidence,
          Active: value.active,
        }),
        property,
      }
    case 'camera.loitering':
      return analytic('LoiteringDetector/ObjectIsLoitering', {
        State: value.active,
        ObjectId: objectId,
        ClassTypes: classTypes,
        Seconds: value.seconds,
      })
    case 'camera.intrusion':
      return analytic('tnsww:IntrusionDetector/Intrusion', {
        Active: value.active,
        ObjectId: objectId,
        ClassTypes: classTypes,
        Likelihood: value.confidence,
        Count: value.count,
      })
    case 'camera.crowd':
      return analytic('tnsww:CrowdDetector/Crowd', {
        Active: value.active,
        Count: value.count,
        RadiusM: value.radius_m,
      })
    case 'camera.behaviour':
      return analytic('tnsww:BehaviourDetector/Behaviour', {
        Active: value.active,
        Behaviour: value.behaviour,
        Likelihood: value.confidence,
      })
    case 'camera.face':
      return analytic('tnsww:FaceMatcher/Match', {
        Active: value.active,
        List: value.list,
        Person: value.person,
        Score: value.score,
        Live: value.live,
      })
    case 'drone.detected':
      return analytic('tnsww:DroneDetector/Drone', {
        Active: value.active,
        Sensor: value.source,
        Likelihood: value.confidence,
        Drop: value.drop,
      })
    default:
      throw new Error(`a camera has no event for the reading type "${type}"`)
  }
}
