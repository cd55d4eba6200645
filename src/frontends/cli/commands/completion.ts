import { completionScripts } from '../completion/scripts.ts';
import { defineCommand } from '../command.ts';
import { invalid } from '../../../foundation/base/errors.ts';

export const command = defineCommand({
  name: 'completion',
  summary: 'Print the completion script for a shell',
  usage: 'bash|zsh|fish',
  options: {},
  args: { min: 1, max: 1 },
  completion: ['bash', 'zsh', 'fish'],
  examples: ['source <(silo completion bash)', 'silo completion fish > ~/.config/fish/completions/silo.fish'],
  run({ args, io }) {
    const [shell = ''] = args;
    const script = Object.hasOwn(completionScripts, shell) ? completionScripts[shell] : undefined;
    if (script === undefined)
      throw invalid(`unknown shell ${JSON.stringify(shell)}: there is completion for bash, zsh and fish`);
    io.stdout.write(script);
    return Promise.resolve(0);
  },
});
