import { invalid } from '../../../foundation/base/errors.ts';
import { defineCommand } from '../command.ts';
import { naturalOrder } from '../output/natural-order.ts';

export const command = defineCommand({
  name: 'port',
  summary: 'List port mappings or a specific mapping for the container',
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  aliases: ['container port', 'port'],
  options: {},
  args: { min: 1, max: 2 },
  completion: 'running-containers',
  furtherCompletion: [],
  examples: ['silo port web', 'silo port web 80/tcp'],
  async run({ args, client, io }) {
    const [container = '', wanted] = args;
    const { NetworkSettings: network } = await (await client()).containers.inspect(container);
    const entries = Object.entries(network.Ports).flatMap(([port, bindings]) =>
      (bindings ?? []).map((binding) => ({
        port,
        address: joinHostPort(binding.HostIp ?? '', binding.HostPort ?? ''),
      })),
    );
    if (wanted === undefined) {
      const lines = entries.map(({ port, address }) => `${port} -> ${address}\n`);
      lines.sort(naturalOrder);
      io.stdout.write(lines.join(''));
      return 0;
    }
    const [number = '', protocol = 'tcp'] = wanted.split('/', 2);
    if (!/^\d+$/.test(number) || Number(number) > 65535)
      throw invalid(
        `Error: invalid port (${wanted}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
      );
    const key = `${number}/${protocol}`;
    const found = entries.filter((entry) => entry.port === key);
    if (found.length === 0) throw invalid(`Error: No public port '${wanted}' published for ${container}`);
    io.stdout.write(found.map(({ address }) => `${address}\n`).join(''));
    return 0;
  },
});

const joinHostPort = (address: string, port: string): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
