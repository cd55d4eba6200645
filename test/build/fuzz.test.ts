import { expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, readAll } from './describe.ts';
import { parseIgnoreFile } from '../../src/engine/build/language/ignore/ignore.ts';
import { SiloError } from '../../src/foundation/base/errors.ts';

const folder = join(import.meta.dir, 'dockerfiles');
const corpus = ['good', 'bad'].flatMap((kind) =>
  readdirSync(join(folder, kind)).map((file) => readFileSync(join(folder, kind, file))),
);
const seed = Number(process.env['FUZZ_SEED'] ?? 20_261_121);
const rounds = Number(process.env['FUZZ_ROUNDS'] ?? 2000);

/** Mulberry32: small, and the same everywhere. */
function createRandom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const pieces = [
  '\\\n', '\\', '"', "'", '`', '$', '${', '}', ':-', '<<EOF', '<<-"E"', '\n', '\r\n', '\t', ' ', '=', '--', '[', ']', '#', '\0',
  '--from=', '--mount=', ',', '\ufeff', 'FROM a AS b\n', 'COPY --from=0 a b\n', 'ARG x\n', 'ONBUILD ', 'EOF\n', '\xff', '*', '/',
]; // prettier-ignore

function mutate(random: (below: number) => number): Buffer {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  let bytes: Buffer = Buffer.from(pick(corpus));
  for (let change = random(4) + 1; change > 0; change--) {
    const at = random(bytes.length + 1);
    const to = Math.min(bytes.length, at + random(12));
    const middle = [
      () => Buffer.from(pick(pieces)),
      () => Buffer.of(random(256)),
      () => Buffer.alloc(0),
      () => Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to)]),
      () => pick(corpus).subarray(0, random(80)),
    ];
    bytes = Buffer.concat([bytes.subarray(0, at), pick(middle)(), bytes.subarray(random(2) === 0 ? at : to)]);
  }
  return bytes;
}

test(`${rounds} mutations (FUZZ_SEED=${seed}) are read or refused with an error of ours`, () => {
  const random = createRandom(seed);
  let read = 0;
  for (let round = 0; round < rounds; round++) {
    const bytes = mutate(random);
    try {
      readAll('Dockerfile', bytes);
      read++;
    } catch (error) {
      if (!(error instanceof SiloError) || error.kind !== 'invalid')
        throw new Error(`round ${round}: ${JSON.stringify(bytes.toString('latin1'))}`, { cause: error });
    }
    try {
      parseIgnoreFile(bytes.toString('latin1')).ignores('a/b/c.txt');
    } catch (error) {
      expect(error).toBeInstanceOf(SiloError);
    }
  }
  expect(read).toBeGreaterThan(rounds / 20);
}, 60_000);

const big = (unit: string, count = 20_000): string => unit.repeat(count);
const hostile: Record<string, string> = {
  'continuation lines': `FROM scratch\nRUN ${big('a \\\n', 100_000)}`,
  'empty continuation lines': `FROM scratch\nRUN a \\\n${big('\n', 100_000)}b\n`,
  'comments between lines': `FROM scratch\nRUN a \\\n${big('# x\n', 100_000)}b\n`,
  'spaces': `FROM scratch\nRUN ${' '.repeat(1_000_000)}a${' '.repeat(1_000_000)}`,
  'quotes': `FROM scratch\nENV a=${big('"a"', 100_000)}`,
  'open quotes': `FROM scratch\nENV ${big("a='x ", 50_000)}`,
  'escapes': `FROM scratch\nENV a=${big('\\\\', 500_000)}b`,
  'flags': `FROM scratch\nRUN ${big('--mount=target=/x ', 10_000)}x`,
  'pairs': `FROM scratch\nLABEL ${big('a=b ', 60_000)}`,
  'here-documents': `FROM scratch\nRUN ${big('<<a ', 1000)}\n${big('a\n', 1000)}`,
  'unended here-documents': `FROM scratch\n${big('RUN <<a\n', 9000)}`,
  'stages': big('FROM scratch\n', 999),
  'a chain of stages': Array.from({ length: 999 }, (_, n) => `FROM ${n === 0 ? 'scratch' : `s${n - 1}`} AS s${n}\nENV a${n}=1\n`).join(''),
  'stages that all need each other': Array.from({ length: 900 }, (_, n) => `FROM scratch AS s${n}\n${n === 0 ? '' : 'COPY --from=0 a b\n'.repeat(9)}`).join(''),
  'doubling variables': `FROM scratch\nENV a=xxxxxxxxxxxxxxxx\n${big('ENV a=$a$a$a$a\n', 5000)}`,
  'doubling defaults': `ARG a=xxxxxxxxxxxxxxxx\n${big('ARG a=$a$a$a$a\n', 5000)}FROM scratch\n`,
  'misspelt variables': `FROM scratch\nENV variable_name=1\nLABEL ${big('a=$variable_nam ', 20_000)}`,
  'variables': `FROM scratch\n${Array.from({ length: 9000 }, (_, n) => `ENV v${n}=$w${n}\n`).join('')}`,
  'nested substitutions': `FROM scratch\nENV a=${big('${a:-', 200_000)}`,
  'json': `FROM scratch\nRUN ${big('[', 500_000)}`,
  'json words': `FROM scratch\nRUN [${big('"a",', 100_000)}"b"]`,
  'ports': `FROM scratch\nEXPOSE ${big('80 ', 60_000)}`,
  'directives': big('# escape=\\\n', 100_000),
  'a check directive': `# check=skip=${big('a,', 500_000)}\nFROM scratch\n`,
  'onbuild': `FROM scratch\n${big('ONBUILD RUN a\n', 9000)}`,
  'labels': `FROM scratch\n${Array.from({ length: 9000 }, (_, n) => `LABEL l${n}=1\n`).join('')}`,
  'port ranges': `FROM scratch\n${big('EXPOSE 1-65535\n', 9000)}`,
  'contents of a long variable': `FROM scratch\nENV a=${'x'.repeat(200_000)}\n${big('COPY <<E /f\n$a$a$a\nE\n', 3000)}`,
  'commands with many variables': `FROM scratch\nENV ${Array.from({ length: 1900 }, (_, n) => `v${n}=${'x'.repeat(100)}`).join(' ')}\n${big('RUN a\n', 8000)}`,
  'too many bytes': 'x'.repeat(5_000_000),
  'too many lines': big('\n', 300_000),
  'too many instructions': `FROM scratch\n${big('RUN a\n', 12_000)}`,
}; // prettier-ignore

for (const [what, text] of Object.entries(hostile))
  test(`a file of ${what} is read or refused in time`, () => {
    expect(describe('Dockerfile', Buffer.from(text)).length).toBeGreaterThan(0);
  }, 60_000);
