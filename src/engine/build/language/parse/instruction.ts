import type { From, HereDocument, Instruction, InstructionName, OnBuild } from '../instruction.ts';
import { faultAt } from '../text/fault.ts';
import type { Comment, LineReader } from '../text/line-reader.ts';
import { lineFrom, spanIn, wordIn } from '../text/logical-line.ts';
import type { LogicalLine } from '../text/logical-line.ts';
import { didYouMean } from '../text/nearest.ts';
import type { Source } from '../text/source.ts';
import { isSpace } from '../words/split.ts';
import { parseCommand, parseExpose, parsePlain, parseShell, parseVolume } from './command.ts';
import type { Parsing } from './context.ts';
import { readFlags } from './flags.ts';
import { parseFrom } from './from.ts';
import { readHereDocuments } from './here-documents.ts';
import { parseHealthcheck } from './healthcheck.ts';
import { parseArgs, parsePairs } from './pairs.ts';
import { parseRun } from './run.ts';
import { parseAdd, parseCopy } from './transfer.ts';

/** Every instruction, with what it reads of its own line; ONBUILD is read by `parseInstruction`, because it holds another one. */
const parsers = {
  FROM: (parsing) => ({ name: 'FROM', ...parseFrom(parsing) }),
  ARG: (parsing) => ({ name: 'ARG', ...parseArgs(parsing) }),
  ENV: (parsing) => ({ name: 'ENV', ...parsePairs(parsing) }),
  LABEL: (parsing) => ({ name: 'LABEL', ...parsePairs(parsing) }),
  RUN: (parsing) => ({ name: 'RUN', ...parseRun(parsing) }),
  COPY: (parsing) => ({ name: 'COPY', ...parseCopy(parsing) }),
  ADD: (parsing) => ({ name: 'ADD', ...parseAdd(parsing) }),
  CMD: (parsing) => ({ name: 'CMD', ...parseCommand(parsing) }),
  ENTRYPOINT: (parsing) => ({ name: 'ENTRYPOINT', ...parseCommand(parsing) }),
  EXPOSE: (parsing) => ({ name: 'EXPOSE', ...parseExpose(parsing) }),
  VOLUME: (parsing) => ({ name: 'VOLUME', ...parseVolume(parsing) }),
  MAINTAINER: (parsing) => ({ name: 'MAINTAINER', ...parsePlain(parsing, 'MAINTAINER') }),
  STOPSIGNAL: (parsing) => ({ name: 'STOPSIGNAL', ...parsePlain(parsing, 'STOPSIGNAL') }),
  USER: (parsing) => ({ name: 'USER', ...parsePlain(parsing, 'USER') }),
  WORKDIR: (parsing) => ({ name: 'WORKDIR', ...parsePlain(parsing, 'WORKDIR') }),
  SHELL: (parsing) => ({ name: 'SHELL', ...parseShell(parsing) }),
  HEALTHCHECK: (parsing) => ({ name: 'HEALTHCHECK', ...parseHealthcheck(parsing) }),
} as const satisfies Record<Exclude<InstructionName, 'ONBUILD'>, (parsing: Parsing) => object>;

const instructionNames: readonly InstructionName[] = [
  ...(Object.keys(parsers) as Exclude<InstructionName, 'ONBUILD'>[]),
  'ONBUILD',
];

const withHereDocuments = new Set(['RUN', 'COPY', 'ADD']);

export interface InstructionText {
  line: LogicalLine;
  comments: readonly Comment[];
  reader: LineReader;
}

/** Reads one instruction, with the lines of its here-documents. */
export function parseInstruction(
  { source, escape }: { source: Source; escape: string },
  { line, comments, reader }: InstructionText,
): Instruction {
  const keyword = wordIn(line, 0, keywordEnd(line.text));
  const name = keyword.text.toUpperCase();
  if (!isInstruction(name))
    throw faultAt(source, keyword.span, {
      code: 'unknown-instruction',
      message: `unknown instruction: ${keyword.text.slice(0, 60)}${didYouMean(name, instructionNames)}`,
      hint: 'an instruction starts the line; a line that goes on needs the escape character at its end',
    });
  const { flags, end } = readFlags({ source, line, escape }, name, keyword.text.length);
  let restAt = end;
  while (isSpace(line.text.charCodeAt(restAt))) restAt++;
  const hereDocuments: HereDocument[] = withHereDocuments.has(name)
    ? readHereDocuments({ source, line, escape }, restAt, reader)
    : [];
  const rest = wordIn(line, restAt, line.text.length);
  const trigger =
    name === 'ONBUILD' ? parseTrigger({ source, escape }, { line, comments: [], reader }, restAt) : undefined;
  const span = { ...spanIn(line, 0, line.text.length), endLine: Math.max(line.lastLine, reader.lastLine()) };
  const common = { keyword, span, flags, rest, emptyLines: line.emptyLines, comments };
  if (trigger !== undefined) return { ...common, name: 'ONBUILD', trigger };
  const parsing: Parsing = { source, escape, line, name, restAt, rest, span, flags, hereDocuments };
  // The table pairs each name with its own fields; the compiler cannot follow a call through the union of all.
  return { ...common, ...parsers[name as keyof typeof parsers](parsing) } as Instruction;
}

function parseTrigger(
  around: { source: Source; escape: string },
  { line, reader }: InstructionText,
  start: number,
): OnBuild['trigger'] {
  if (start >= line.text.length)
    throw faultAt(around.source, spanIn(line, 0, line.text.length), {
      code: 'missing-argument',
      message: 'ONBUILD requires at least one argument',
      hint: 'for example: ONBUILD COPY . /srv/app/',
    });
  const inner = lineFrom(line, start);
  const name = inner.text.slice(0, keywordEnd(inner.text)).toUpperCase();
  const refuse = (message: string) =>
    faultAt(around.source, spanIn(inner, 0, name.length), { code: 'invalid-trigger', message });
  if (name === 'ONBUILD') throw refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (name === 'FROM' || name === 'MAINTAINER') throw refuse(`${name} isn't allowed as an ONBUILD trigger`);
  const trigger: Exclude<Instruction, From> = notFrom(
    parseInstruction(around, { line: inner, comments: [], reader }),
  );
  if (trigger.name === 'ONBUILD') throw refuse("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  return trigger;
}

function notFrom(instruction: Instruction): Exclude<Instruction, From> {
  if (instruction.name === 'FROM') throw new TypeError('FROM was refused before');
  return instruction;
}

function keywordEnd(text: string): number {
  let at = 0;
  while (at < text.length && !isSpace(text.charCodeAt(at))) at++;
  return at;
}

const isInstruction = (name: string): name is InstructionName =>
  instructionNames.some((known) => known === name);
