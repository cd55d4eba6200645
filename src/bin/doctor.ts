import { examine } from '../engine/host/doctor/doctor.ts';
import { renderFindings, renderJson } from '../engine/host/doctor/render.ts';
import { defaultSettings, readStandardFile } from '../engine/host/settings.ts';
import type { DoctorOptions } from '../frontends/cli/deps.ts';

/** `silo doctor`: needs no daemon. Resolves to the exit code, 1 only when containers will not run. */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { dataRoot, execRoot, bridge } = { ...defaultSettings, ...readStandardFile() };
  const findings = await examine({
    dataRoot: options.dataRoot ?? dataRoot,
    execRoot: options.execRoot ?? execRoot,
    bridge,
  });
  const { isTTY, columns } = process.stdout;
  const colour = isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb';
  process.stdout.write(
    options.json ? renderJson(findings) : renderFindings(findings, { colour, columns: columns ?? 100 }),
  );
  return findings.some(({ status }) => status === 'problem') ? 1 : 0;
}
