import { corrupt } from '../../foundation/base/errors.ts';

/** A line longer than this is not a message. */
const maximumLine = 64 * 1024 * 1024;

/** Each non-empty line of a stream, cut anywhere into chunks. */
export async function* readLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  let rest: Buffer[] = [];
  let restSize = 0;
  for await (const chunk of body) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at)])
        .toString('utf8')
        .trim();
      rest = [];
      restSize = 0;
      from = at + 1;
      if (line !== '') yield line;
    }
    if (from === chunk.length) continue;
    rest.push(Buffer.from(chunk.subarray(from)));
    restSize += chunk.length - from;
    if (restSize > maximumLine) throw corrupt('the server sent an endless line');
  }
  const last = Buffer.concat(rest).toString('utf8').trim();
  if (last !== '') yield last;
}

/** JSON messages, one per line. */
export async function* readJsonLines<T>(body: AsyncIterable<Uint8Array>): AsyncGenerator<T, void, void> {
  for await (const line of readLines(body)) yield parseLine<T>(line);
}

export function parseLine<T>(line: string): T {
  try {
    return JSON.parse(line) as T;
  } catch (cause) {
    throw corrupt(`the server sent a line that is not JSON: ${line.slice(0, 200)}`, { cause });
  }
}
