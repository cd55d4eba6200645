import { defineCommand } from '../command.ts';
import { alignTabs } from '../output/tabs.ts';
import { visible } from '../output/text.ts';

export const command = defineCommand({
  name: 'top',
  summary: 'Display the running processes of a container',
  usage: 'CONTAINER [ps OPTIONS]',
  aliases: ['container top', 'top'],
  options: {},
  args: { min: 1 },
  optionsFirst: true,
  completion: 'running-containers',
  examples: ['silo top web', 'silo top web -eo pid,rss,args --sort=-rss'],
  async run({ args, client, io }) {
    const [container = '', ...psArgs] = args;
    const answer = await (
      await client()
    ).containers.top(container, psArgs.length > 0 ? { psArgs: psArgs.join(' ') } : {});
    const lines = [answer.Titles, ...answer.Processes].map((cells) => cells.map(visible).join('\t'));
    io.stdout.write(`${alignTabs(lines.join('\n'), { minimumWidth: 20, padding: 3 })}\n`);
    return 0;
  },
});
