import { defineCommand } from '../../command.ts';
import { checkLabel, collectPairs } from '../../parse/key-value.ts';

export const command = defineCommand({
  name: 'volume create',
  summary: 'Create a volume',
  usage: '[VOLUME]',
  options: {
    driver: { kind: 'string', short: 'd', default: 'local', summary: 'Specify volume driver name' },
    label: { kind: 'list', summary: 'Set metadata for a volume', check: checkLabel },
    name: { kind: 'string', summary: 'Specify volume name', hidden: true },
    opt: { kind: 'map', short: 'o', summary: 'Set driver specific options' },
  },
  args: { min: 0, max: 1 },
  examples: [
    'silo volume create data',
    'silo volume create -o type=nfs -o device=:/export -o o=addr=nas.example,vers=4.1 share',
  ],
  async run({ options, args, io, client }) {
    const volume = await (
      await client()
    ).volumes.create({
      Name: args[0] ?? options.name,
      Driver: options.driver,
      DriverOpts: collectPairs(options.opt),
      Labels: collectPairs(options.label),
    });
    io.stdout.write(`${volume.Name}\n`);
    return 0;
  },
});
