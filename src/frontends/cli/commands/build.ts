import { buildOptions } from '../build/options.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'build',
  summary: 'Build an image from a Dockerfile',
  description:
    'Build an image from a Dockerfile\n\nPATH is the folder that holds the files of the build; "-" reads a tar, or a Dockerfile alone, from standard input.\nWith --check nothing is built: everything that would make a build fail before it starts is told, and the rules of\ndocs/build-checks. The exit code is then 1 when something was found.',
  usage: 'PATH | URL | -',
  aliases: ['image build', 'build'],
  options: buildOptions,
  args: { min: 1, max: 1 },
  completion: 'files',
  examples: [
    'silo build -t site:1 .',
    'silo build -t app --target app --build-arg VERSION=1.2 -f deploy/Dockerfile .',
    'silo build --secret id=npmrc,src=$HOME/.npmrc --ssh default --progress=plain .',
    'silo build --check --format json . | jq .warnings',
    'silo build --call=outline --target app .',
  ],
  async run({ options, args: [context = '.'], io, client, target }) {
    if (options.call === 'targets') {
      const { listTargets } = await import('../build/check.ts');
      return await listTargets(context, options, io);
    }
    if (options.call === 'outline') {
      const { showOutline } = await import('../build/outline.ts');
      return await showOutline(context, options, io);
    }
    if (options.check || options.call === 'check') {
      const { runCheck } = await import('../build/check.ts');
      return await runCheck(context, options, io);
    }
    const { runBuild } = await import('../build/run-build.ts');
    return await runBuild(context, options, { io, client, target });
  },
});
