// Made by tools/make_typescript_wire.py of the server's description of its API. Do not change it by hand.

/** A JSON object. */
export type Json = Record<string, any>;

/** A session to create. */
export interface NewSession {
  session_id: string;
  user_id?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** What changes of a session: metadata is merged, everything else stays. */
export interface SessionPatch {
  metadata?: Json | null | undefined;
}

/** Messages to add, in their order. */
export interface MemoryBody {
  messages?: Array<MessageBody> | null | undefined;
}

/** A message to add. The server counts its tokens itself. */
export interface MessageBody {
  uuid?: string | null | undefined;
  role?: string | null | undefined;
  content?: string | null | undefined;
  metadata?: Json | null | undefined;
  token_count?: number | null | undefined;
  created_at?: string | null | undefined;
  updated_at?: string | null | undefined;
}

/** What changes of a message: metadata is merged, role and content stay. */
export interface MessagePatch {
  metadata?: Json | null | undefined;
  token_count?: number | null | undefined;
}

/** What to look for: a text, a filter on metadata and dates, or both. `search_type` is similarity (the default), mmr or hybrid. */
export interface SearchBody {
  text?: string | null | undefined;
  metadata?: Json | null | undefined;
  search_scope?: string | null | undefined;
  search_type?: string | null | undefined;
  mmr_lambda?: number | null | undefined;
}

/** Likewise across a user's sessions, or those named; here `search_type` is hybrid unless said otherwise. */
export interface UserSearchBody {
  text?: string | null | undefined;
  metadata?: Json | null | undefined;
  search_scope?: string | null | undefined;
  search_type?: string | null | undefined;
  mmr_lambda?: number | null | undefined;
  session_ids?: Array<string> | null | undefined;
  start_date?: string | null | undefined;
  end_date?: string | null | undefined;
}

/** A user to create. */
export interface NewUser {
  user_id: string;
  email?: string | null | undefined;
  first_name?: string | null | undefined;
  last_name?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** What changes of a user: empty fields keep the old value, metadata is merged. */
export interface UserPatch {
  email?: string | null | undefined;
  first_name?: string | null | undefined;
  last_name?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** A collection to create. `embedding_dimensions`: 8 to 2000; `name`: 3 to 40 letters, digits, _ and -. */
export interface NewCollection {
  name: string;
  description?: string | null | undefined;
  metadata?: Json | null | undefined;
  embedding_dimensions: number;
  is_auto_embedded: boolean;
}

/** What to replace; empty or absent keeps what there is. */
export interface CollectionPatch {
  description?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** What to look for: a text or a vector, and a filter on metadata. `search_type` is similarity (the default), mmr or, for a text, hybrid. */
export interface DocumentSearch {
  text?: string | null | undefined;
  embedding?: Array<number> | null | undefined;
  metadata?: Json | null | undefined;
  search_type?: string | null | undefined;
  mmr_lambda?: number | null | undefined;
}

/** A document to add: its text, its vector, or both. */
export interface DocumentBody {
  content?: string | null | undefined;
  embedding?: Array<number> | null | undefined;
  document_id?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** What to replace; empty or absent keeps what there is. */
export interface DocumentPatch {
  document_id?: string | null | undefined;
  metadata?: Json | null | undefined;
}

/** Documents by their uuids, or by the ids that clients gave them; neither: all. */
export interface Wanted {
  uuids?: Array<string> | null | undefined;
  document_ids?: Array<string> | null | undefined;
}

/** What to replace in which document. */
export interface ListedPatch {
  document_id?: string | null | undefined;
  metadata?: Json | null | undefined;
  uuid?: string | null | undefined;
}

/** One conversation. */
export interface Session {
  uuid: string;
  id: number;
  created_at: string;
  updated_at: string;
  session_id: string;
  metadata: Json | null;
  user_id: string | null;
  deleted_at: null;
}

/** What an assistant should know at its next turn: the summary so far and the messages after it, oldest first. */
export interface Memory {
  messages: Array<Message>;
  summary: Summary;
  key_messages?: Array<Message> | undefined;
}

/** One message of a session. */
export interface Message {
  uuid: string;
  created_at: string;
  updated_at: string;
  role: string;
  content: string;
  token_count: number;
  metadata?: Json | undefined;
}

/** What a session was about up to and including one message. */
export interface Summary {
  uuid: string;
  created_at: string;
  content: string;
  recent_message_uuid: string;
  token_count: number;
  metadata?: Json | undefined;
}

/** One page of a session's messages. `total_count` is 0 on a page past the end. */
export interface MessagePage {
  messages: Array<Message>;
  total_count: number;
  row_count: number;
}

/** What was found among all of a user's, or by a hybrid search. `features` explain the score, when asked for. */
export interface RankedResult {
  message: Message | null;
  summary: Summary | null;
  dist: number;
  embedding: Array<number> | null;
  session_id: string;
  score: number;
  features?: Record<string, Feature> | undefined;
}

/** One feature of a result, and what it contributed to the score. */
export interface Feature {
  value: number;
  share: number;
}

/** A message or summary found. `dist` is the cosine similarity, higher is nearer; 0 when no text was given. */
export interface SearchResult {
  message: Message | null;
  summary: Summary | null;
  dist: number;
  embedding: Array<number> | null;
}

/** Somebody whose sessions belong together. */
export interface User {
  uuid: string;
  id: number;
  created_at: string;
  updated_at: string;
  user_id: string;
  email?: string | undefined;
  first_name?: string | undefined;
  last_name?: string | undefined;
  metadata?: Json | undefined;
  deleted_at: null;
}

/** A named set of documents. Clients refuse any other key. */
export interface Collection {
  uuid: string;
  created_at: string;
  updated_at: string;
  name: string;
  description: string;
  embedding_dimensions: number;
  is_auto_embedded: boolean;
  is_normalized: boolean;
  is_indexed: boolean;
  document_count: number;
  document_embedded_count: number;
  metadata?: Json | undefined;
}

/** Documents found, the nearest first, and the vector they were compared with; empty when there was none. */
export interface DocumentSearchResult {
  results: Array<DocumentResult>;
  query_vector: Array<number>;
  result_count: number;
  total_pages: number;
  current_page: number;
}

/** A document found. `score` is (1 + cosine similarity) / 2, from 0 to 1; 0 when nothing was compared. */
export interface DocumentResult {
  uuid: string;
  created_at: string;
  updated_at: string;
  document_id: string;
  content: string;
  embedding: Array<number> | null;
  is_embedded: boolean;
  metadata?: Json | undefined;
  score: number;
}

/** The share of the exact nearest neighbours that a collection's index finds; null while there is no index. */
export interface Recall {
  recall: number | null;
}

/** A text of a collection, with its vector once it has one, as JSON. */
export interface Document {
  uuid: string;
  created_at: string;
  updated_at: string;
  document_id: string;
  content: string;
  embedding: Array<number> | null;
  is_embedded: boolean;
  metadata?: Json | undefined;
}

/** A job of the queue as operators see it. */
export interface JobState {
  id: string;
  kind: string;
  state: string;
  about: string;
  items: number;
  attempts: number;
  run_at: string;
  created_at: string;
  failed_at: string | null;
  error: string | null;
}

/** What each route takes and answers. */
export interface Routes {
  /** List live sessions by ascending id. */
  "GET /sessions": {
    query: { limit?: number | undefined; cursor?: number | undefined };
    answer: Array<Session>;
  };
  /** Create a session, for a user or for nobody. */
  "POST /sessions": {
    body: NewSession;
    answer: Session;
  };
  /** Return a session. */
  "GET /sessions/{session_id}": {
    ids: { session_id: string };
    answer: Session;
  };
  /** Merge metadata into a session; a deleted session comes back, without its messages. */
  "PATCH /sessions/{session_id}": {
    ids: { session_id: string };
    body: SessionPatch;
    answer: Session;
  };
  /** Return the newest summary and the messages after it, or the last `lastn` messages. */
  "GET /sessions/{session_id}/memory": {
    ids: { session_id: string };
    query: { lastn?: number | undefined; key_messages?: number | undefined };
    answer: Memory;
  };
  /** Add messages to a session, which is created when it does not exist and comes back when it was deleted. */
  "POST /sessions/{session_id}/memory": {
    ids: { session_id: string };
    query: { wait?: number | undefined };
    body: MemoryBody;
    answer: string;
  };
  /** Delete a session and all its messages. */
  "DELETE /sessions/{session_id}/memory": {
    ids: { session_id: string };
    answer: string;
  };
  /** List a session's summaries, oldest first: each carries the one before it forward. */
  "GET /sessions/{session_id}/summaries": {
    ids: { session_id: string };
    query: { limit?: number | undefined; cursor?: string | undefined };
    answer: Array<Summary>;
  };
  /** List messages, oldest first; here `cursor` is a page number, from 1, and `limit` the page's size. */
  "GET /sessions/{session_id}/messages": {
    ids: { session_id: string };
    query: { limit?: number | undefined; cursor?: number | undefined };
    answer: MessagePage;
  };
  /** Return one message. */
  "GET /sessions/{session_id}/messages/{message_uuid}": {
    ids: { session_id: string; message_uuid: string };
    answer: Message;
  };
  /** Merge metadata into a message; set its token count where given. */
  "PATCH /sessions/{session_id}/messages/{message_uuid}": {
    ids: { session_id: string; message_uuid: string };
    body: MessagePatch;
    answer: Message;
  };
  /** Find messages of a session, by meaning, by metadata and by date. `dist` is the similarity: higher is nearer. */
  "POST /sessions/{session_id}/search": {
    ids: { session_id: string };
    query: { limit?: number | undefined; explain?: boolean | undefined };
    body: SearchBody;
    answer: Array<RankedResult> | Array<SearchResult>;
  };
  /** Find messages among all that a user's sessions hold, best first. */
  "POST /user/{user_id}/search": {
    ids: { user_id: string };
    query: { limit?: number | undefined; explain?: boolean | undefined };
    body: UserSearchBody;
    answer: Array<RankedResult>;
  };
  /** List users by ascending id. */
  "GET /user": {
    query: { limit?: number | undefined; cursor?: number | undefined };
    answer: Array<User>;
  };
  /** Create a user. */
  "POST /user": {
    body: NewUser;
    answer: User;
  };
  /** Return a user. */
  "GET /user/{user_id}": {
    ids: { user_id: string };
    answer: User;
  };
  /** Change a user's fields and merge metadata. */
  "PATCH /user/{user_id}": {
    ids: { user_id: string };
    body: UserPatch;
    answer: User;
  };
  /** Delete a user with all sessions and messages, at once and for good. */
  "DELETE /user/{user_id}": {
    ids: { user_id: string };
    answer: string;
  };
  /** List a user's live sessions by ascending id; none for an unknown user. */
  "GET /user/{user_id}/sessions": {
    ids: { user_id: string };
    answer: Array<Session>;
  };
  /** List the collections, the oldest first. */
  "GET /collection": {
    answer: Array<Collection>;
  };
  /** Create a collection, by the name in the body. */
  "POST /collection/{collection_name}": {
    ids: { collection_name: string };
    body: NewCollection;
    answer: string;
  };
  /** Return a collection with the numbers of its documents. */
  "GET /collection/{collection_name}": {
    ids: { collection_name: string };
    answer: Collection;
  };
  /** Replace a collection's description and metadata, each if it is given. */
  "PATCH /collection/{collection_name}": {
    ids: { collection_name: string };
    body: CollectionPatch;
    answer: string;
  };
  /** Delete a collection with all its documents. */
  "DELETE /collection/{collection_name}": {
    ids: { collection_name: string };
    answer: string;
  };
  /** Find documents by meaning, by a vector, by metadata, or by one of the first two and the third. */
  "POST /collection/{collection_name}/search": {
    ids: { collection_name: string };
    query: { limit?: number | undefined };
    body: DocumentSearch;
    answer: DocumentSearchResult;
  };
  /** Index a collection, if it is large enough to need it; with `measure`, tell what its index is worth instead. */
  "POST /collection/{collection_name}/index/create": {
    ids: { collection_name: string };
    query: { force?: boolean | undefined; measure?: boolean | undefined };
    answer: string | Recall;
  };
  /** Add documents, all or none; answer their uuids in order. */
  "POST /collection/{collection_name}/document": {
    ids: { collection_name: string };
    body: Array<DocumentBody>;
    answer: Array<string>;
  };
  /** Return one document. */
  "GET /collection/{collection_name}/document/uuid/{document_uuid}": {
    ids: { collection_name: string; document_uuid: string };
    answer: Document;
  };
  /** Replace a document's id and metadata, each if it is given. */
  "PATCH /collection/{collection_name}/document/uuid/{document_uuid}": {
    ids: { collection_name: string; document_uuid: string };
    body: DocumentPatch;
    answer: string;
  };
  /** Delete one document, for good. */
  "DELETE /collection/{collection_name}/document/uuid/{document_uuid}": {
    ids: { collection_name: string; document_uuid: string };
    answer: string;
  };
  /** Return one document. */
  "GET /collection/{collection_name}/document/{document_uuid}": {
    ids: { collection_name: string; document_uuid: string };
    answer: Document;
  };
  /** Replace a document's id and metadata, each if it is given. */
  "PATCH /collection/{collection_name}/document/{document_uuid}": {
    ids: { collection_name: string; document_uuid: string };
    body: DocumentPatch;
    answer: string;
  };
  /** Return the documents that exist among those asked for. */
  "POST /collection/{collection_name}/document/list/get": {
    ids: { collection_name: string };
    body: Wanted;
    answer: Array<Document>;
  };
  /** Delete documents, for good; those that do not exist are passed over, unless none does. */
  "POST /collection/{collection_name}/document/list/delete": {
    ids: { collection_name: string };
    body: Array<string>;
    answer: string;
  };
  /** Replace ids and metadata of several documents, each by itself. */
  "PATCH /collection/{collection_name}/document/list/update": {
    ids: { collection_name: string };
    body: Array<ListedPatch>;
    answer: string;
  };
  /** List jobs in the order they were enqueued; those that are done are gone. */
  "GET /jobs": {
    query: { state?: "due" | "failed" | "leased" | undefined; kind?: string | undefined; limit?: number | undefined; cursor?: string | undefined };
    answer: Array<JobState>;
  };
  /** Run a failed job again, with all its attempts before it. */
  "POST /jobs/{job_uuid}/retry": {
    ids: { job_uuid: string };
    answer: string;
  };
}
