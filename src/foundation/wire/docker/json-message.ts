/** One line of the progress streams of pull, push, load, import and build. */
export interface JsonMessage {
  stream?: string;
  status?: string;
  progressDetail?: ProgressDetailJson;
  /** The bar as text, for clients that do not draw. */
  progress?: string;
  id?: string;
  errorDetail?: { code?: number; message: string };
  error?: string;
  aux?: unknown;
}

export interface ProgressDetailJson {
  current?: number;
  total?: number;
  start?: number;
  hidecounts?: boolean;
  units?: string;
}
