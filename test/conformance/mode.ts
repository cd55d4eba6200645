/** The real engine's answers become the recorded facts. */
export const isRecording = process.env['SILO_RECORD'] === '1';

/** A real engine answers too, rather than the facts. */
export const isLive = isRecording || process.env['SILO_LIVE_DOCKER'] === '1';

/** The table of differences is not complete yet (docs/roadmap.md): the comparison runs when it is asked for. */
export const notByDefault: string | undefined =
  process.env['SILO_CONFORMANCE'] === '1'
    ? undefined
    : 'SILO_CONFORMANCE=1 compares with recorded answers of a real Docker';
