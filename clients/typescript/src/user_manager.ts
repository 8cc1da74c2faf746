import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import { dated } from "./document_models.js";
import { type MemorySearchResult, type SearchScope, type SearchType, Session } from "./memory_models.js";
import { given } from "./plain.js";
import { chunks, resultOf } from "./rows.js";
import {
  CreateUserRequest,
  type ICreateUserRequest,
  type IUpdateUserRequest,
  UpdateUserRequest,
  User,
} from "./user_models.js";
import type { Json } from "./wire.js";
import type * as wire from "./wire.js";

/** What a search across a user's sessions looks for beside its text, and how. */
export interface UserSearchOptions extends CallOptions {
  /** At most so many results, 10 unless said otherwise. */
  limit?: number | undefined;
  /** "hybrid" unless said otherwise. */
  searchType?: SearchType | undefined;
  /** "messages" unless said otherwise, or "summary". */
  searchScope?: SearchScope | undefined;
  /** A filter, as in MemorySearchPayload. */
  metadata?: Json | undefined;
  /** Only these sessions. */
  sessionIds?: string[] | undefined;
  /** Only messages from then on. */
  startDate?: Date | string | undefined;
  /** Only messages until then. */
  endDate?: Date | string | undefined;
  /** For "mmr": from 0, all for diversity, to 1; 0.5 unless said otherwise. */
  mmrLambda?: number | undefined;
  /** Whether to say what each feature contributed to the score. */
  explain?: boolean | undefined;
}

/** Users, their sessions, and search across these. */
export class UserManager {
  constructor(readonly client: ZepClient) {}

  /**
   * Create a user, and return it as the server has it. Throws BadRequest if the id is taken.
   *
   * @example
   * const user = await client.user.add({ user_id: "ana", email: "ana@example.com" });
   * console.log(user.created_at?.getFullYear());
   */
  async add(user: ICreateUserRequest, options?: CallOptions): Promise<User> {
    const body = new CreateUserRequest(user).toDict();
    return userOf(await this.client.connection.one("POST /user", { body }, options));
  }

  /** Return a user. Throws NotFoundError. */
  async get(userId: string, options?: CallOptions): Promise<User> {
    return userOf(await this.client.connection.one("GET /user/{user_id}", { ids: { user_id: userId } }, options));
  }

  /** Change a user: fields that are undefined or empty stay, metadata is merged. Throws NotFoundError. */
  async update(user: IUpdateUserRequest, options?: CallOptions): Promise<User> {
    const call = { ids: { user_id: user.user_id }, body: new UpdateUserRequest(user).toDict() };
    return userOf(await this.client.connection.one("PATCH /user/{user_id}", call, options));
  }

  /** Delete a user with all sessions and messages, at once and for good, and return "OK". Throws NotFoundError. */
  async delete(userId: string, options?: CallOptions): Promise<string> {
    return this.client.connection.done("DELETE /user/{user_id}", { ids: { user_id: userId } }, options);
  }

  /** Return at most `limit` users (all, unless said otherwise) whose `id` is greater than `cursor`. */
  async list(limit?: number, cursor?: number, options?: CallOptions): Promise<User[]> {
    return (await this.client.connection.many("GET /user", { query: { limit, cursor } }, options)).map(userOf);
  }

  /** Yield all users, `chunkSize` at a time, each exactly once whatever is deleted meanwhile. */
  listChunked(chunkSize: number = 100, options?: CallOptions): AsyncGenerator<User[], void, unknown> {
    const list = (cursor?: number) => this.list(chunkSize, cursor, options);
    return chunks(chunkSize, list, (user) => user.id);
  }

  /** Return a user's sessions by ascending `id`; none for an unknown user. */
  async getSessions(userId: string, options?: CallOptions): Promise<Session[]> {
    const call = { ids: { user_id: userId } };
    const rows = await this.client.connection.many("GET /user/{user_id}/sessions", call, options);
    return rows.map((row) => new Session(given(row)));
  }

  /**
   * Find messages or, with the scope "summary", summaries in all of a user's sessions, or in those named.
   *
   * The best come first. Throws NotFoundError for an unknown user, BadRequest.
   *
   * @example
   * const found = await client.user.search("ana", "When do they leave?", { limit: 3 });
   * console.log(found.map((result) => result.message?.content));
   */
  async search(userId: string, text?: string, options: UserSearchOptions = {}): Promise<MemorySearchResult[]> {
    const body = {
      text,
      search_scope: options.searchScope,
      search_type: options.searchType,
      metadata: options.metadata,
      session_ids: options.sessionIds,
      start_date: written(options.startDate),
      end_date: written(options.endDate),
      mmr_lambda: options.mmrLambda,
    };
    const query = { limit: options.limit, explain: options.explain };
    const call = { ids: { user_id: userId }, query, body, repeatable: true };
    return (await this.client.connection.many("POST /user/{user_id}/search", call, options)).map(resultOf);
  }
}

function userOf(sent: wire.User): User {
  return new User({ ...given(sent), ...dated(sent), deleted_at: undefined });
}

function written(date: Date | string | undefined): string | undefined {
  return date instanceof Date ? date.toISOString() : date;
}
