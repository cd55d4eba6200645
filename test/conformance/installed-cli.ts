import { spawnSync } from 'node:child_process';

/** The client that the facts were recorded with; other versions have other words. */
const recordedWith = '28.2';

/** `28.2` of the installed Docker CLI, or the empty text. */
export function cliVersion(): string {
  const { stdout } = spawnSync('docker', ['--version'], { encoding: 'utf8' });
  return /version (\d+\.\d+)/.exec(stdout ?? '')?.[1] ?? '';
}

/** Why the comparison cannot be made with the installed client, or undefined. */
export function needsCli(isRecording: boolean): string | undefined {
  const version = cliVersion();
  if (version === '') return 'the docker CLI is not installed';
  if (version === recordedWith || isRecording) return undefined;
  return `the facts are those of the docker CLI ${recordedWith}, and ${version} is installed`;
}
