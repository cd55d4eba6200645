import type { HereDocument, Instruction } from '../instruction.ts';
import type { Word } from '../text/span.ts';

/** What of an instruction is expanded. RUN, CMD, ENTRYPOINT, HEALTHCHECK and SHELL leave variables to the shell in the container. */
export function expandedWords(instruction: Instruction): readonly Word[] {
  switch (instruction.name) {
    case 'FROM':
      return [instruction.image, ...some(instruction.platform)];
    case 'ARG':
      return instruction.args.flatMap(({ key, value }) => [key, ...some(value)]);
    case 'ENV':
    case 'LABEL':
      return instruction.pairs.flatMap(({ key, value }) => [key, value]);
    case 'COPY':
    case 'ADD':
      return [
        ...some(instruction.chown),
        ...some(instruction.chmod),
        ...instruction.exclude,
        ...(instruction.name === 'ADD' ? some(instruction.checksum) : []),
        ...instruction.sources,
        instruction.destination,
      ];
    case 'RUN':
      return instruction.mounts.flatMap(({ fields, span }) =>
        fields.flatMap(({ key, value }) =>
          value === undefined || key === 'from' ? [] : [{ text: value, span }],
        ),
      );
    case 'EXPOSE':
      return instruction.ports;
    case 'VOLUME':
      return instruction.paths;
    case 'USER':
    case 'WORKDIR':
    case 'STOPSIGNAL':
      return [instruction.value];
    case 'CMD':
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
    case 'MAINTAINER':
    case 'ONBUILD':
    case 'SHELL':
      return [];
  }
}

/** Contents that are expanded: those of COPY and ADD whose terminator is not quoted. RUN's belong to the shell. */
export function expandedHereDocuments(instruction: Instruction): readonly HereDocument[] {
  return instruction.name === 'COPY' || instruction.name === 'ADD'
    ? instruction.hereDocuments.filter(({ expand }) => expand)
    : [];
}

/** The content as a word, at the place of its first line. */
export const contentWord = ({ content, firstLine }: HereDocument): Word => ({
  text: content,
  span: { line: firstLine, column: 1, length: content.split('\n', 1)[0]?.length ?? 0, endLine: firstLine },
});

const some = (word: Word | undefined): readonly Word[] => (word === undefined ? [] : [word]);
