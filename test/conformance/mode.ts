/** The real engine's answers become the recorded facts. */
export const isRecording = process.env['SILO_RECORD'] === '1';

/** A real engine answers too, rather than the facts. */
export const isLive = isRecording || process.env['SILO_LIVE_DOCKER'] === '1';
