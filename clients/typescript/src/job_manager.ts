import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import { given } from "./plain.js";
import { chunks } from "./rows.js";

/** Work of the server's that waits, runs or has failed; what is done is gone. */
export interface Job {
  id: string;
  kind: string;
  state: string;
  /** The uuid of the session or collection that it is for. */
  about: string;
  /** How many messages or documents it is about. */
  items: number;
  attempts: number;
  run_at: Date;
  created_at: Date;
  failed_at?: Date | undefined;
  error?: string | undefined;
}

/** Which jobs to list. */
export interface JobListOptions extends CallOptions {
  /** Only those in this state. */
  state?: "due" | "leased" | "failed" | undefined;
  /** Only those of this kind. */
  kind?: string | undefined;
  /** At most so many, 100 unless said otherwise. */
  limit?: number | undefined;
  /** Only those after the one with this id. */
  cursor?: string | undefined;
}

/** The server's work in the background, for operators. */
export class JobManager {
  constructor(readonly client: ZepClient) {}

  /** Return jobs in the order in which they were enqueued. */
  async list(options: JobListOptions = {}): Promise<Job[]> {
    const { state, kind, limit, cursor } = options;
    const rows = await this.client.connection.many("GET /jobs", { query: { state, kind, limit, cursor } }, options);
    return rows.map((row) => ({
      ...given(row),
      run_at: new Date(row.run_at),
      created_at: new Date(row.created_at),
      failed_at: row.failed_at === null ? undefined : new Date(row.failed_at),
    }));
  }

  /** Yield all jobs, `chunkSize` at a time. */
  listChunked(
    chunkSize: number = 100,
    options: Omit<JobListOptions, "limit" | "cursor"> = {},
  ): AsyncGenerator<Job[], void, unknown> {
    const list = (cursor?: string) => this.list({ ...options, limit: chunkSize, cursor });
    return chunks(chunkSize, list, (job) => job.id);
  }

  /** Run a failed job again, with all its attempts before it. Throws NotFoundError if none such has failed. */
  async retry(jobId: string, options?: CallOptions): Promise<void> {
    await this.client.connection.done("POST /jobs/{job_uuid}/retry", { ids: { job_uuid: jobId } }, options);
  }
}
