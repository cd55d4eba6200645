/** A container that writes this many lines of about 80 bytes and ends. */
export const lineCount = 200_000;
const text = 'the quick brown fox jumps over the lazy dog and writes one line of a log about it';
export const writeLines = ['sh', '-c', `yes "${text}" | head -n ${lineCount}`];
