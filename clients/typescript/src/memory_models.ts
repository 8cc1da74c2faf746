// Sessions, messages and memory. Timestamps are RFC 3339 texts. What the server sets is undefined in what you make.

import { plain } from "./plain.js";
import type { Feature, Json } from "./wire.js";

export type { Feature, Json };
export type SearchType = "similarity" | "mmr" | "hybrid";
export type SearchScope = "messages" | "summary";

/** The fields of a session. */
export interface ISession {
  uuid?: string | undefined;
  id?: number | undefined;
  created_at?: string | undefined;
  updated_at?: string | undefined;
  deleted_at?: string | undefined;
  session_id: string;
  metadata?: Json | undefined;
  user_id?: string | undefined;
}

/** One conversation, of a user or of nobody. `id` is its place in lists. */
export class Session implements ISession {
  uuid?: string | undefined;
  id?: number | undefined;
  created_at?: string | undefined;
  updated_at?: string | undefined;
  deleted_at?: string | undefined;
  session_id: string;
  metadata: Json;
  user_id?: string | undefined;

  constructor(data: ISession) {
    this.uuid = data.uuid;
    this.id = data.id;
    this.created_at = data.created_at;
    this.updated_at = data.updated_at;
    this.deleted_at = data.deleted_at;
    this.session_id = data.session_id;
    this.metadata = data.metadata ?? {};
    this.user_id = data.user_id;
  }

  /** Return the fields as a plain object. */
  toDict(): ISession & { metadata: Json } {
    return plain(this);
  }
}

/** The fields of a message. */
export interface IMessage {
  uuid?: string | undefined;
  created_at?: string | undefined;
  updated_at?: string | undefined;
  role: string;
  content: string;
  token_count?: number | undefined;
  metadata?: Json | undefined;
}

/** One message. A `uuid` or `created_at` that you choose is kept; `token_count` is the server's. */
export class Message implements IMessage {
  uuid?: string | undefined;
  created_at?: string | undefined;
  updated_at?: string | undefined;
  role: string;
  content: string;
  token_count?: number | undefined;
  metadata?: Json | undefined;

  constructor(data: IMessage) {
    this.uuid = data.uuid;
    this.created_at = data.created_at;
    this.updated_at = data.updated_at;
    this.role = data.role;
    this.content = data.content;
    this.token_count = data.token_count;
    this.metadata = data.metadata;
  }

  /** Return the fields as a plain object. */
  toDict(): IMessage {
    return plain(this);
  }
}

/** The fields of a summary. */
export interface ISummary {
  uuid: string;
  created_at: string;
  content: string;
  metadata?: Json | undefined;
  recent_message_uuid: string;
  token_count: number;
}

/** What a session was about, up to and including one message. Its uuids are zeros when there is none yet. */
export class Summary implements ISummary {
  uuid: string;
  created_at: string;
  content: string;
  metadata?: Json | undefined;
  recent_message_uuid: string;
  token_count: number;

  constructor(data: ISummary) {
    this.uuid = data.uuid;
    this.created_at = data.created_at;
    this.content = data.content;
    this.metadata = data.metadata;
    this.recent_message_uuid = data.recent_message_uuid;
    this.token_count = data.token_count;
  }

  /** Return the fields as a plain object. */
  toDict(): ISummary {
    return plain(this);
  }
}

/** The fields of a memory. */
export interface IMemory {
  messages?: IMessage[] | undefined;
  metadata?: Json | undefined;
  summary?: ISummary | undefined;
  key_messages?: IMessage[] | undefined;
  uuid?: string | undefined;
  created_at?: string | undefined;
  token_count?: number | undefined;
}

/**
 * Messages, oldest first: to add, or with the summary of those before them to begin the next turn with.
 *
 * `key_messages` are older ones that say most, when asked for.
 */
export class Memory implements IMemory {
  messages: Message[];
  metadata: Json;
  summary?: Summary | undefined;
  key_messages?: Message[] | undefined;
  uuid?: string | undefined;
  created_at?: string | undefined;
  token_count?: number | undefined;

  constructor(data: IMemory = {}) {
    this.messages = (data.messages ?? []).map((message) => new Message(message));
    this.metadata = data.metadata ?? {};
    this.summary = data.summary && new Summary(data.summary);
    this.key_messages = data.key_messages?.map((message) => new Message(message));
    this.uuid = data.uuid;
    this.created_at = data.created_at;
    this.token_count = data.token_count;
  }

  /** Return the fields, down to each message's, as a plain object. */
  toDict(): IMemory {
    return plain(this);
  }
}

/** The fields of a search in a session. */
export interface IMemorySearchPayload {
  text?: string | undefined;
  metadata?: Json | undefined;
  search_scope?: SearchScope | undefined;
  search_type?: SearchType | undefined;
  mmr_lambda?: number | undefined;
}

/**
 * What to look for in a session: a text, a filter on metadata and dates, or both.
 *
 * `metadata` is `{ where: { jsonpath: ... }, start_date: ..., end_date: ... }`. `search_type` is "similarity" (nearest
 * vectors), "mmr" (likewise, but diverse; `mmr_lambda` from 0, all for diversity, to 1, 0.5 unless said otherwise) or
 * "hybrid" (words, meaning, names, dates and the turns around).
 */
export class MemorySearchPayload implements IMemorySearchPayload {
  metadata?: Json | undefined;
  text?: string | undefined;
  search_scope?: SearchScope | undefined;
  search_type?: SearchType | undefined;
  mmr_lambda?: number | undefined;

  constructor(data: IMemorySearchPayload) {
    this.metadata = data.metadata;
    this.text = data.text;
    this.search_scope = data.search_scope ?? "messages";
    this.search_type = data.search_type ?? "similarity";
    this.mmr_lambda = data.mmr_lambda ?? 0.5;
  }
}

/** The fields of what a search found. */
export interface IMemorySearchResult {
  message?: IMessage | undefined;
  summary?: ISummary | undefined;
  metadata?: Json | undefined;
  dist?: number | undefined;
  embedding?: Float32Array | undefined;
  session_id?: string | undefined;
  score?: number | undefined;
  features?: Record<string, Feature> | undefined;
}

/**
 * A message or summary found. `dist` is the cosine similarity: higher is nearer, 0 without a text.
 *
 * `session_id` and `score` come with hybrid searches and those across a user's sessions; `features`, if explained.
 */
export class MemorySearchResult implements IMemorySearchResult {
  message?: Message | undefined;
  summary?: Summary | undefined;
  metadata: Json;
  dist?: number | undefined;
  embedding?: Float32Array | undefined;
  session_id?: string | undefined;
  score?: number | undefined;
  features?: Record<string, Feature> | undefined;

  constructor(data: IMemorySearchResult = {}) {
    this.message = data.message && new Message(data.message);
    this.summary = data.summary && new Summary(data.summary);
    this.metadata = data.metadata ?? {};
    this.dist = data.dist;
    this.embedding = data.embedding;
    this.session_id = data.session_id;
    this.score = data.score;
    this.features = data.features;
  }
}
