import { defineCommand } from '../../command.ts';
import { errorText } from '../../exit.ts';
import { createManifestLists, noSuchList, readName } from '../../manifests.ts';

export const command = defineCommand({
  name: 'manifest rm',
  summary: 'Delete one or more manifest lists from local storage',
  usage: 'MANIFEST_LIST [MANIFEST_LIST...]',
  options: {},
  args: { min: 1 },
  examples: ['silo manifest rm registry.example/app:v1'],
  async run({ args, io }) {
    const lists = createManifestLists(io.env);
    let exitCode = 0;
    for (const name of args) {
      try {
        const list = readName(name);
        if (!(await lists.find(list))) throw noSuchList(list);
        await lists.remove(list);
      } catch (error) {
        io.stderr.write(`${errorText(error)}\n`);
        exitCode = 1;
      }
    }
    return exitCode;
  },
});
