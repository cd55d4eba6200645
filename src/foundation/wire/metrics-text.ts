/** Prometheus' text format, version 0.0.4: families of samples with labels. */
export interface MetricsText {
  /** Begins a family: its samples follow together. */
  family(name: string, type: 'counter' | 'gauge' | 'histogram', help: string): void;
  /** `suffix` is for the parts of a histogram. Values that are no number are left out. */
  sample(value: number | undefined, labels?: string, suffix?: string): void;
  text(): string;
}

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** A family without samples is not written. */
export function createMetricsText(): MetricsText {
  const parts: string[] = [];
  let current = '';
  let head = '';
  return {
    family(name, type, help) {
      current = name;
      head = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
    },
    sample(value, labels = '', suffix = '') {
      if (value === undefined || Number.isNaN(value)) return;
      parts.push(`${head}${current}${suffix}${labels === '' ? '' : `{${labels}}`} ${value}\n`);
      head = '';
    },
    text: () => parts.join(''),
  };
}

/** Names of containers and images are theirs who made them: bounded, so that no label grows without end. */
const maximumValue = 256;

/** `id="…",name="…"`, escaped. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value.slice(0, maximumValue))}"`)
    .join(',');
}

const escapes: Record<string, string> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };
const escape = (value: string): string =>
  value.replace(/[\\"\n]/g, (character) => escapes[character] ?? '').replaceAll('\r', ' ');
