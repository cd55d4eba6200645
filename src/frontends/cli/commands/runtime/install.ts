import { defineCommand } from '../../command.ts';
import { fromFolder, fromImage, insistOnDigest } from '../../runtime/find-program.ts';

export const command = defineCommand({
  name: 'runtime install',
  summary: 'Keep an OCI runtime with the engine, for --runtime NAME',
  description:
    'Keep an OCI runtime with the engine: the program is copied below the data root and compared with its digest at each start of the engine. Under the name crun or runc it takes the place of the machine’s own. It comes from a file, a folder, or an image that is named by its digest; nothing of the image is run.',
  usage: 'NAME FOLDER|FILE|IMAGE@DIGEST',
  options: {
    digest: { kind: 'string', summary: 'Refuse a program that has not this digest (sha256:…)' },
    force: { kind: 'bool', summary: 'Replace another program of that name' },
    path: { kind: 'string', summary: 'Where the program is in the folder or the image' },
  },
  args: { min: 2, max: 2 },
  completion: 'files',
  examples: [
    'silo runtime install crun ./crun-1.28-linux-amd64 --digest sha256:…',
    'silo runtime install runc-next registry.example.org/runc@sha256:… --path /usr/bin/runc',
  ],
  async run({ options, args, client, io }) {
    const [name = '', source = ''] = args;
    const { digest, force, path } = options;
    const wanted = { name, path };
    let content = await fromFolder(source, { ...wanted, cwd: io.cwd });
    if (content === undefined) {
      insistOnDigest(source, digest);
      const program = await fromImage(await client(), source, { ...wanted, io });
      content = (async function* () {
        yield await Promise.resolve(program);
      })();
    }
    const installed = await (
      await client()
    ).system.installRuntime(name, content, { force, ...(digest === '' ? {} : { digest }) });
    io.stdout.write(
      `${installed.Program} ${installed.Version} is kept as ${installed.Name} (${installed.Digest}); the next start of the engine uses it.\n`,
    );
    return 0;
  },
});
