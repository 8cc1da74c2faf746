import { type CallOptions, type ClientOptions, Connection } from "./connection.js";
import { DocumentManager } from "./document_manager.js";
import { JobManager } from "./job_manager.js";
import {
  type AddMemoryOptions,
  type GetMemoryOptions,
  MemoryManager,
  type SearchMemoryOptions,
} from "./memory_manager.js";
import type { IMemory, IMemorySearchPayload, ISession, Memory, MemorySearchResult, Session } from "./memory_models.js";
import { MessageManager } from "./message_manager.js";
import { UserManager } from "./user_manager.js";

const API = "/api/v1";

/**
 * A client of a Recollect server.
 *
 * `baseURL` is its address, `apiKey` a token where it wants one. A connection that breaks, and an answer of 503 or
 * 429, is met with further attempts where a call can be repeated safely: reading, searching, changing, and adding
 * memory. The pauses double from a tenth of a second, with chance in them, or follow the server's Retry-After; a
 * server that asks for more than ten seconds is not waited for. Making a client sends nothing, `ZepClient.init` also
 * asks whether all is well. Throws TypeError for an address that is none.
 *
 * @example
 * const client = await ZepClient.init("http://127.0.0.1:8000");
 * await client.check();
 */
export class ZepClient {
  /** The server's address, without a slash at its end. */
  readonly baseURL: string;
  readonly memory: MemoryManager;
  readonly message: MessageManager;
  readonly user: UserManager;
  readonly document: DocumentManager;
  readonly job: JobManager;
  /** @internal */
  readonly connection: Connection;
  readonly #headers: Record<string, string>;

  constructor(baseURL: string, apiKey?: string, options: ClientOptions = {}) {
    if (!isAddress(baseURL)) {
      throw new TypeError(`baseURL is ${JSON.stringify(baseURL)}, which is not like "http://127.0.0.1:8000"`);
    }
    this.baseURL = baseURL.replace(/\/+$/, "");
    this.#headers = apiKey ? { Authorization: `Bearer ${apiKey}` } : {};
    this.connection = new Connection(this.baseURL + API, this.#headers, options);
    this.memory = new MemoryManager(this);
    this.message = new MessageManager(this);
    this.user = new UserManager(this);
    this.document = new DocumentManager(this);
    this.job = new JobManager(this);
  }

  /** Return a client once the server answers, is ready and takes the token; else throw what a call would throw. */
  static async init(baseURL: string, apiKey?: string, options?: ClientOptions): Promise<ZepClient> {
    const client = new ZepClient(baseURL, apiKey, options);
    await client.check();
    return client;
  }

  /** Return if the server answers, is ready and takes the token; else throw what a call would throw. */
  async check(options?: CallOptions): Promise<void> {
    await this.user.list(1, undefined, options);
  }

  /** What the token is sent in. */
  get headers(): Record<string, string> {
    return { ...this.#headers };
  }

  /** Return the address of a path of the API, such as "/sessions". */
  getFullUrl(endpoint: string): string {
    return `${this.baseURL}${API}/${endpoint.replace(/^\/+/, "")}`;
  }

  /** Likewise `client.memory.getSession`. */
  getSession(sessionId: string, options?: CallOptions): Promise<Session> {
    return this.memory.getSession(sessionId, options);
  }

  /** Likewise `client.memory.addSession`. */
  addSession(session: ISession, options?: CallOptions): Promise<Session> {
    return this.memory.addSession(session, options);
  }

  /** Likewise `client.memory.getMemory`. */
  getMemory(sessionId: string, lastn?: number, options?: GetMemoryOptions): Promise<Memory> {
    return this.memory.getMemory(sessionId, lastn, options);
  }

  /** Likewise `client.memory.addMemory`. */
  addMemory(sessionId: string, memory: IMemory, options?: AddMemoryOptions): Promise<string> {
    return this.memory.addMemory(sessionId, memory, options);
  }

  /** Likewise `client.memory.deleteMemory`. */
  deleteMemory(sessionId: string, options?: CallOptions): Promise<string> {
    return this.memory.deleteMemory(sessionId, options);
  }

  /** Likewise `client.memory.searchMemory`. */
  searchMemory(
    sessionId: string,
    searchPayload: IMemorySearchPayload,
    limit?: number,
    options?: SearchMemoryOptions,
  ): Promise<MemorySearchResult[]> {
    return this.memory.searchMemory(sessionId, searchPayload, limit, options);
  }
}

function isAddress(text: string): boolean {
  try {
    return /^https?:$/.test(new URL(text).protocol);
  } catch {
    return false;
  }
}
