import { invalid, unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { renderSecurityReport } from '../output/security-report.ts';
import { readableWidth } from '../output/sentences.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'Check that this machine can run containers, and explain what is wrong',
  usage: '',
  options: {
    'data-root': { kind: 'string', summary: 'Root directory of persistent state to check' },
    'exec-root': { kind: 'string', summary: 'Root directory for execution state files to check' },
    format: { kind: 'string', summary: '"json" prints the findings as JSON', completion: ['json'] },
    json: { kind: 'bool', summary: 'Print the findings as JSON' },
    security: {
      kind: 'bool',
      summary:
        'Ask the engine how safe it, its host and the running containers are; exit code 1 when one gives away the host',
    },
  },
  args: { min: 0, max: 0 },
  examples: ['silo doctor', 'silo doctor --security', 'silo doctor --security --format json'],
  async run({ options, given, deps, io, client }) {
    if (options.format !== '' && options.format !== 'json')
      throw invalid(`invalid format ${JSON.stringify(options.format)}: the only one is "json"`);
    const json = options.json || options.format === 'json';
    if (options.security) {
      const report = await (await client()).system.security();
      io.stdout.write(
        json
          ? `${JSON.stringify(report, undefined, 2)}\n`
          : renderSecurityReport(report, readableWidth(io.stdout.columns)),
      );
      return report.Findings.some(({ Status }) => Status === 'fail') ? 1 : 0;
    }
    if (!deps.runDoctor) throw unsupported('this program has no doctor');
    return deps.runDoctor({
      json,
      ...(given.has('data-root') ? { dataRoot: options['data-root'] } : {}),
      ...(given.has('exec-root') ? { execRoot: options['exec-root'] } : {}),
    });
  },
});
