import { internal, invalid, type SiloError } from '../../../foundation/base/errors.ts';

export interface FailedCall {
  call: 'create' | 'exec';
  /** `crun` or `runc`, for the text. */
  runtime: string;
  /** What the runtime or conmon printed. */
  output: string;
  program: string;
  cwd: string;
}

interface Reading {
  text: string;
  code?: string;
  hint?: string;
}

/**
 * The error that Docker would give. Clients match on parts of the text (`executable file not found`, `no such file or directory`,
 * `permission denied`, `not a directory`) and exit with 127 or 126.
 */
export function toRuntimeError(failed: FailedCall): SiloError {
  const raw = plainMessage(failed.output);
  const reading = readings.map((read) => read(raw, failed)).find((found) => found !== undefined);
  const { text, code, hint } = reading ?? { text: raw || 'it ended without a message' };
  const prefix =
    failed.call === 'create'
      ? `failed to create task for container: failed to create shim task: OCI runtime create failed: ${failed.runtime} create failed`
      : 'OCI runtime exec failed: exec failed';
  const message = `${prefix}: unable to start container process: ${text}: unknown`;
  const options = { ...(code ? { code } : {}), ...(hint ? { hint } : {}) };
  return code ? invalid(message, options) : internal(message, options);
}

type Read = (raw: string, failed: FailedCall) => Reading | undefined;

const readings: Read[] = [
  (raw, { program }) =>
    /executable file .*not found|exec: ".*": stat .*no such file/i.test(raw)
      ? {
          text: program.includes('/')
            ? `exec: "${program}": stat ${program}: no such file or directory`
            : `exec: "${program}": executable file not found in $PATH`,
          code: 'command-not-found',
          hint: 'check the spelling, and that the image contains the program',
        }
      : undefined,
  // crun answers EPERM for a folder.
  (raw, { program }) =>
    /open executable: (permission denied|operation not permitted)|exec: ".*": permission denied/i.test(raw)
      ? {
          text: `exec: "${program}": permission denied`,
          code: 'command-not-executable',
          hint: 'it must be a file with the execute permission for the user',
        }
      : undefined,
  (raw, { cwd }) => {
    const reason = /(?:chdir|mkdir).*?(no such file or directory|not a directory|permission denied)/i.exec(
      raw,
    )?.[1];
    return reason && mentions(raw, cwd)
      ? {
          text: `chdir to cwd ("${cwd}") set in config.json failed: ${reason.toLowerCase()}`,
          code: 'working-directory',
          hint: 'give a folder that exists in the container with --workdir',
        }
      : undefined;
  },
  (raw) => {
    const source =
      /stat'ing file [`'](.*?)[`']: no such file/i.exec(raw)?.[1] ??
      /stat (\/.*?): no such file/.exec(raw)?.[1];
    return source
      ? {
          text: `error mounting "${source}" to rootfs: stat ${source}: no such file or directory`,
          code: 'bind-source-missing',
          hint: 'the path to mount does not exist on the host',
        }
      : undefined;
  },
  (raw) =>
    /^mount .*not a directory|error mounting .*not a directory/i.test(raw)
      ? {
          text: `${raw}: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type`,
          code: 'mount-type-mismatch',
        }
      : undefined,
  (raw) =>
    /memory limit could be too low|unable to set memory limit/i.test(raw)
      ? { text: raw, code: 'memory-limit-too-low', hint: 'give more memory with --memory' }
      : undefined,
];

/** Exactly this path, not a longer one that begins with it. */
function mentions(raw: string, path: string): boolean {
  const at = raw.indexOf(path);
  return at !== -1 && !/[\w./-]/.test(raw[at + path.length] ?? ' ');
}

/** runc logs `level=error msg="…"` lines; crun prints the message; conmon's own begin with `[conmon:e]: `. */
function plainMessage(output: string): string {
  const logged = [...output.matchAll(/level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"/g)].map((match) =>
    (match[1] ?? '').replace(/\\(.)/g, '$1'),
  );
  const last = logged.at(-1);
  const text = (last ?? output).replace(
    /^(runc (create|exec) failed: )?unable to start container process: /,
    '',
  );
  // strerror(3) begins with a capital, Go's texts do not.
  return text
    .trim()
    .replace(/^\[conmon:e\]: /, '')
    .replace(/: ([A-Z])(?=[a-z]+ )/g, (_, letter: string) => `: ${letter.toLowerCase()}`);
}
