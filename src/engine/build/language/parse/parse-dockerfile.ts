import type { Dockerfile, Stage } from '../dockerfile.ts';
import type { Arg, From, Instruction } from '../instruction.ts';
import { readDirectives } from '../text/directives.ts';
import { faultAt } from '../text/fault.ts';
import { sourceLimits } from '../text/limits.ts';
import { createLineReader } from '../text/line-reader.ts';
import type { Source } from '../text/source.ts';
import { parseInstruction } from './instruction.ts';

type Step = Exclude<Instruction, From>;

/** Reads a whole Dockerfile. Kind `invalid`, with the place, at the first thing that is wrong. */
export function parseDockerfile(source: Source, limits = sourceLimits): Dockerfile {
  const directives = readDirectives(source);
  const reader = createLineReader(source, directives.escape, directives.firstLine);
  const globals: Arg[] = [];
  const stages: (Stage & { instructions: Step[] })[] = [];
  let count = 0;
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    const instruction = parseInstruction({ source, escape: directives.escape }, { ...next, reader });
    if (++count > limits.instructions || stages.length > limits.stages)
      throw faultAt(source, instruction.keyword.span, {
        code: 'too-many-instructions',
        message: `the file has more than ${limits.instructions} instructions or ${limits.stages} stages`,
      });
    const stage = stages.at(-1);
    if (instruction.name === 'FROM') stages.push(openStage(instruction, stages.length));
    else if (stage !== undefined) stage.instructions.push(instruction);
    else if (instruction.name === 'ARG') globals.push(instruction);
    else
      throw faultAt(source, instruction.keyword.span, {
        code: 'no-stage',
        message: `no build stage in current context: ${instruction.name} stands before the first FROM`,
        hint: 'only ARG may stand there; start with FROM IMAGE',
      });
  }
  if (stages.length === 0) throw withoutStages(source, count);
  return { source, directives, globals, stages };
}

function openStage(from: From, index: number): Stage & { instructions: Step[] } {
  return {
    index,
    from,
    instructions: [],
    ...(from.as === undefined ? {} : { name: from.as.text.toLowerCase() }),
  };
}

function withoutStages(source: Source, count: number): Error {
  const line = Math.max(1, source.lines.length);
  return faultAt(
    source,
    { line, column: 1, length: 1, endLine: line },
    {
      code: count === 0 ? 'empty-dockerfile' : 'no-stage',
      message: count === 0 ? 'file with no instructions' : 'dockerfile contains no stages to build',
      hint: 'a Dockerfile needs at least FROM IMAGE',
    },
  );
}
