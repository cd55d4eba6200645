import { unsupported } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'doctor',
  summary: 'Check that this machine can run containers, and explain what is wrong',
  usage: '',
  options: {
    'data-root': { kind: 'string', summary: 'Root directory of persistent state to check' },
    'exec-root': { kind: 'string', summary: 'Root directory for execution state files to check' },
    json: { kind: 'bool', summary: 'Print the findings as JSON' },
  },
  args: { min: 0, max: 0 },
  run({ options, given, deps }) {
    if (!deps.runDoctor) throw unsupported('this program has no doctor');
    return deps.runDoctor({
      json: options.json,
      ...(given.has('data-root') ? { dataRoot: options['data-root'] } : {}),
      ...(given.has('exec-root') ? { execRoot: options['exec-root'] } : {}),
    });
  },
});
