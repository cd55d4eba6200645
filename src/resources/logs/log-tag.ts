import { invalid } from '../../foundation/base/errors.ts';

export interface TagFacts {
  id: string;
  name: string;
  imageId: string;
  imageName: string;
}

const fields: Record<string, (facts: TagFacts) => string> = {
  ID: ({ id }) => id.slice(0, 12),
  FullID: ({ id }) => id,
  Name: ({ name }) => name,
  ImageID: ({ imageId }) => imageId.replace(/^sha256:/, '').slice(0, 12),
  ImageFullID: ({ imageId }) => imageId,
  ImageName: ({ imageName }) => imageName,
  DaemonName: () => 'docker',
};

/** The option `tag`: Docker's fields in double braces, no functions. */
export function formatTag(template: string, facts: TagFacts): string {
  return template.replaceAll(/\{\{\s*(.*?)\s*\}\}/g, (_, name: string) => {
    const field = fields[name.replace(/^\./, '')];
    if (!field || !name.startsWith('.'))
      throw invalid(`the log tag knows no {{${name.slice(0, 80)}}}`, {
        code: 'bad-log-config',
        hint: `known: ${Object.keys(fields)
          .map((known) => `{{.${known}}}`)
          .join(' ')}`,
      });
    return field(facts);
  });
}
