import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import {
  type IMemory,
  type IMemorySearchPayload,
  type ISession,
  Memory,
  type MemorySearchResult,
  Session,
  Summary,
} from "./memory_models.js";
import { given } from "./plain.js";
import { chunks, resultOf } from "./rows.js";
import { newUuid } from "./uuid.js";

/** How memory is added. */
export interface AddMemoryOptions extends CallOptions {
  /** Seconds, at most 60, to wait until the messages can be found by meaning. */
  wait?: number | undefined;
}

/** How memory is read. */
export interface GetMemoryOptions extends CallOptions {
  /** So many, at most 100, of the older messages, those that say most. */
  keyMessages?: number | undefined;
}

/** How memory is searched. */
export interface SearchMemoryOptions extends CallOptions {
  /** Whether a hybrid search says what each feature contributed to the score. */
  explain?: boolean | undefined;
}

/** Sessions, and the memory of each. */
export class MemoryManager {
  constructor(readonly client: ZepClient) {}

  /**
   * Create a session, and return it as the server has it.
   *
   * Throws BadRequest if its id is taken, also by a deleted session, or its user does not exist.
   *
   * @example
   * const session = new Session({ session_id: "trip", user_id: "ana", metadata: { topic: "Lisbon" } });
   * await client.memory.addSession(session);
   */
  async addSession(session: ISession, options?: CallOptions): Promise<Session> {
    const { session_id, user_id, metadata } = session;
    const body = { session_id, user_id, metadata };
    return new Session(given(await this.client.connection.one("POST /sessions", { body }, options)));
  }

  /**
   * Return a session. Throws NotFoundError if there is none, or it was deleted.
   *
   * @example
   * const known = await client.memory.getSession("trip");
   * console.log(known.metadata);
   */
  async getSession(sessionId: string, options?: CallOptions): Promise<Session> {
    const call = { ids: { session_id: sessionId } };
    return new Session(given(await this.client.connection.one("GET /sessions/{session_id}", call, options)));
  }

  /**
   * Merge metadata into a session: keys that are not named stay. A deleted session comes back, without messages.
   *
   * Throws NotFoundError if there never was one.
   */
  async updateSession(session: ISession, options?: CallOptions): Promise<Session> {
    const call = { ids: { session_id: session.session_id }, body: { metadata: session.metadata } };
    return new Session(given(await this.client.connection.one("PATCH /sessions/{session_id}", call, options)));
  }

  /** Return at most `limit` sessions (all, unless said otherwise) whose `id` is greater than `cursor`. */
  async listSessions(limit?: number, cursor?: number, options?: CallOptions): Promise<Session[]> {
    const rows = await this.client.connection.many("GET /sessions", { query: { limit, cursor } }, options);
    return rows.map((row) => new Session(given(row)));
  }

  /**
   * Yield all sessions, `chunkSize` at a time, each exactly once whatever is deleted meanwhile.
   *
   * @example
   * for await (const sessions of client.memory.listSessionsChunked())
   *   console.log(sessions.map((each) => each.session_id));
   */
  listSessionsChunked(chunkSize: number = 100, options?: CallOptions): AsyncGenerator<Session[], void, unknown> {
    const list = (cursor?: number) => this.listSessions(chunkSize, cursor, options);
    return chunks(chunkSize, list, (session) => session.id);
  }

  /**
   * Return what to begin the next turn with: the summary so far and the messages after it, oldest first.
   *
   * With `lastn`, the last so many messages instead. With `keyMessages`, also so many of the older ones, those that
   * say most. A session that does not exist has an empty memory.
   *
   * @example
   * const memory = await client.memory.getMemory("trip", 6);
   * const prompt = memory.messages.map((message) => `${message.role}: ${message.content}`);
   */
  async getMemory(sessionId: string, lastn?: number, options: GetMemoryOptions = {}): Promise<Memory> {
    const call = { ids: { session_id: sessionId }, query: { lastn, key_messages: options.keyMessages } };
    return new Memory(await this.client.connection.one("GET /sessions/{session_id}/memory", call, options));
  }

  /**
   * Return at most `limit` summaries of a session (100 unless said otherwise), oldest first.
   *
   * Only those after the one whose uuid is `cursor`. Each carries the one before it forward.
   */
  async listSummaries(sessionId: string, limit?: number, cursor?: string, options?: CallOptions): Promise<Summary[]> {
    const call = { ids: { session_id: sessionId }, query: { limit, cursor } };
    const rows = await this.client.connection.many("GET /sessions/{session_id}/summaries", call, options);
    return rows.map((row) => new Summary(row));
  }

  /** Yield all summaries of a session, oldest first, `chunkSize` at a time, each exactly once. */
  listSummariesChunked(
    sessionId: string,
    chunkSize: number = 100,
    options?: CallOptions,
  ): AsyncGenerator<Summary[], void, unknown> {
    const list = (cursor?: string) => this.listSummaries(sessionId, chunkSize, cursor, options);
    return chunks(chunkSize, list, (summary) => summary.uuid);
  }

  /**
   * Add messages to a session, which is created if there is none. Returns "OK" once they are on the disk.
   *
   * With `wait`, once they can be found by meaning; "stored" if that takes longer. A message with a uuid that the
   * session already has replaces it. Throws BadRequest.
   *
   * @example
   * const said = new Memory({ messages: [{ role: "Ana", content: "We leave on Friday." }] });
   * await client.memory.addMemory("trip", said);
   */
  async addMemory(sessionId: string, memory: IMemory, options: AddMemoryOptions = {}): Promise<string> {
    const { wait } = options;
    // With uuids of our own a lost answer does no harm: sent again, the messages are not stored twice.
    const messages = (memory.messages ?? []).map((message) => ({ ...message, uuid: message.uuid ?? newUuid() }));
    const call = {
      ids: { session_id: sessionId },
      query: { wait },
      body: { messages },
      repeatable: true,
      seconds: wait,
    };
    return this.client.connection.done("POST /sessions/{session_id}/memory", call, options);
  }

  /**
   * Delete a session with all its messages, and return "OK". Throws NotFoundError.
   *
   * @example
   * await client.memory.deleteMemory("trip");
   */
  async deleteMemory(sessionId: string, options?: CallOptions): Promise<string> {
    const call = { ids: { session_id: sessionId } };
    return this.client.connection.done("DELETE /sessions/{session_id}/memory", call, options);
  }

  /**
   * Find at most `limit` messages or, with the scope "summary", summaries of a session, the best first.
   *
   * 10 unless said otherwise, at most 1,000. Throws BadRequest for a filter that is none, Unavailable without an
   * embedding model. An unknown session holds nothing.
   *
   * @example
   * const payload = new MemorySearchPayload({ text: "When do we leave?", search_type: "hybrid" });
   * const results = await client.memory.searchMemory("trip", payload, 3);
   */
  async searchMemory(
    sessionId: string,
    searchPayload: IMemorySearchPayload,
    limit?: number,
    options: SearchMemoryOptions = {},
  ): Promise<MemorySearchResult[]> {
    const call = {
      ids: { session_id: sessionId },
      query: { limit, explain: options.explain },
      body: { ...searchPayload },
      repeatable: true,
    };
    return (await this.client.connection.many("POST /sessions/{session_id}/search", call, options)).map(resultOf);
  }
}
