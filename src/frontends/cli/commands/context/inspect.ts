import { defaultHost } from '../../../client/host.ts';
import { defineCommand } from '../../command.ts';
import { defaultContext } from '../../contexts/target.ts';
import { type ContextStore, createContextStore, pemFiles } from '../../contexts/store.ts';
import { reportError } from '../../exit.ts';
import { checkObjectFormat, formatObjects } from '../../output/objects.ts';
import { formatShortOption } from '../../output/option-specs.ts';

export const command = defineCommand({
  name: 'context inspect',
  summary: 'Display detailed information on one or more contexts',
  usage: '[CONTEXT] [CONTEXT...]',
  options: { format: formatShortOption },
  args: { min: 0 },
  completion: 'contexts',
  examples: ['silo context inspect', "silo context inspect -f '{{.Endpoints.docker.Host}}' lab"],
  async run({ options, args, io, choice }) {
    checkObjectFormat(options.format);
    const store = createContextStore(io.env);
    const found: unknown[] = [];
    let code = 0;
    for (const name of args.length > 0 ? args : [choice.context]) {
      try {
        found.push(name === defaultContext ? describeDefault(choice.host) : await describe(store, name));
      } catch (error) {
        code = reportError(io.stderr, error);
      }
    }
    io.stdout.write(formatObjects(found, options.format));
    return code;
  },
});

const describeDefault = (host = defaultHost): unknown => ({
  Name: defaultContext,
  Metadata: {},
  Endpoints: { docker: { Host: host, SkipTLSVerify: false } },
  TLSMaterial: {},
  Storage: { MetadataPath: '<IN MEMORY>', TLSPath: '<IN MEMORY>' },
});

async function describe(store: ContextStore, name: string): Promise<unknown> {
  const [document, pems] = await Promise.all([store.get(name), store.pems(name)]);
  const { meta, tls } = store.places(name);
  const files = Object.entries(pemFiles).flatMap(([key, file]) => (key in pems ? [file] : []));
  return {
    ...document,
    TLSMaterial: files.length === 0 ? {} : { docker: files },
    Storage: { MetadataPath: meta, TLSPath: files.length === 0 ? '<IN MEMORY>' : tls },
  };
}
