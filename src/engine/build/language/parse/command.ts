import type { Command, CommandLine, Expose, Plain, Shell, Volume } from '../instruction.ts';
import { spanIn, wordIn } from '../text/logical-line.ts';
import type { Word } from '../text/span.ts';
import { splitPlain } from '../words/split.ts';
import { fault, missing, words } from './context.ts';
import type { Parsing } from './context.ts';
import { jsonWords } from './json-words.ts';

/** A JSON array of strings, or whatever else stands there for the shell. */
export function commandLine(parsing: Parsing, from = parsing.restAt): CommandLine {
  const list = jsonWords(parsing, from);
  return list === undefined
    ? { form: 'shell', text: wordIn(parsing.line, from, parsing.line.text.length) }
    : { form: 'exec', words: list };
}

/** CMD and ENTRYPOINT. Without words they give the shell nothing to do, as in Docker; `[]` clears what the base image has. */
export const parseCommand = (parsing: Parsing): Pick<Command, 'command'> => ({
  command: commandLine(parsing),
});

/** A JSON array and nothing else: text could not be given to a shell that is only now chosen. */
export function parseShell(parsing: Parsing): Pick<Shell, 'words'> {
  if (parsing.rest.text === '') throw missing(parsing, 'at least one argument', 'SHELL ["/bin/bash", "-c"]');
  const list = jsonWords(parsing);
  if (list === undefined || list.length === 0)
    throw fault(parsing, parsing.rest.span, {
      code: list === undefined ? 'not-json' : 'missing-argument',
      message:
        list === undefined
          ? 'SHELL requires the arguments to be in JSON form'
          : 'SHELL requires at least one argument',
      hint: 'write SHELL ["/bin/bash", "-c"]; strings of JSON have double quotes',
    });
  return { words: list };
}

export function parseVolume(parsing: Parsing): Pick<Volume, 'paths' | 'form'> {
  const list = jsonWords(parsing);
  const paths = list ?? words(parsing, splitPlain(parsing.line.text, parsing.restAt));
  if (paths.length === 0) throw missing(parsing, 'at least one argument', 'VOLUME /var/lib/data');
  const blank = paths.find(({ text }) => text.trim() === '');
  if (blank)
    throw fault(parsing, blank.span, {
      code: 'blank-volume',
      message: 'VOLUME specified can not be an empty string',
    });
  return { paths, form: list === undefined ? 'shell' : 'exec' };
}

export function parseExpose(parsing: Parsing): Pick<Expose, 'ports'> {
  const ports = words(parsing, splitPlain(parsing.line.text, parsing.restAt));
  if (ports.length === 0) throw missing(parsing, 'at least one argument', 'EXPOSE 8080/tcp');
  for (const port of ports) if (!/[$"'\\`]/.test(port.text)) checkPort(parsing, port);
  return { ports };
}

/** `80`, `80/udp`, `8000-8010/tcp`; addresses and ports of the host are ignored by Docker, which a check tells. */
function checkPort(parsing: Parsing, { text, span }: Word): void {
  const bad = (message: string): never => {
    throw fault(parsing, span, {
      code: 'invalid-port',
      message,
      hint: 'write EXPOSE 8080, 53/udp or 8000-8010/tcp',
    });
  };
  const [range = '', protocol = 'tcp'] = text.split(/\/(.*)/s);
  if (!/^(tcp|udp|sctp)$/i.test(protocol)) bad(`invalid proto: ${protocol}`);
  const container = range.slice(range.lastIndexOf(':') + 1);
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(container);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (!match || last > 65_535 || first > last) bad(`invalid containerPort: ${container}`);
}

const examples: Record<Plain['name'], string> = {
  MAINTAINER: 'LABEL org.opencontainers.image.authors="me@example.com"',
  STOPSIGNAL: 'STOPSIGNAL SIGTERM',
  USER: 'USER app',
  WORKDIR: 'WORKDIR /srv/app',
};

export function parsePlain(parsing: Parsing, name: Plain['name']): Pick<Plain, 'value'> {
  const { rest, line, restAt } = parsing;
  if (rest.text === '') throw missing(parsing, 'exactly one argument', examples[name]);
  if (
    name === 'STOPSIGNAL' &&
    !/[$"'\\`]/.test(rest.text) &&
    !/^(\d{1,2}|(SIG)?[A-Z][A-Z0-9+-]*)$/i.test(rest.text)
  )
    throw fault(parsing, spanIn(line, restAt, line.text.length), {
      code: 'invalid-signal',
      message: `invalid signal: ${rest.text.slice(0, 60)}`,
      hint: 'write a name, as SIGTERM, or a number',
    });
  return { value: rest };
}
