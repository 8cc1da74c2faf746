// Documents and their collections. Timestamps are Dates. What the server sets is undefined in what you make.

import { given, plain } from "./plain.js";
import type { Json } from "./wire.js";
import type * as wire from "./wire.js";

/** The fields of a document. */
export interface IDocument {
  uuid?: string | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  document_id?: string | undefined;
  content: string;
  metadata?: Json | undefined;
  is_embedded?: boolean | undefined;
  embedding?: Float32Array | number[] | undefined;
  score?: number | undefined;
}

/** A text of a collection, its vector, or both. `score` is (1 + cosine similarity) / 2, in search results only. */
export class Document implements IDocument {
  uuid?: string | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  document_id?: string | undefined;
  content: string;
  metadata?: Json | undefined;
  is_embedded?: boolean | undefined;
  embedding?: Float32Array | undefined;
  score?: number | undefined;

  constructor(data: IDocument) {
    this.uuid = data.uuid;
    this.created_at = data.created_at;
    this.updated_at = data.updated_at;
    this.document_id = data.document_id;
    this.content = data.content;
    this.metadata = data.metadata;
    this.is_embedded = data.is_embedded;
    this.embedding = data.embedding && Float32Array.from(data.embedding);
    this.score = data.score;
  }

  /** Return the fields as a plain object. */
  toDict(): IDocument {
    return plain(this);
  }
}

/** The fields of a collection. */
export interface IDocumentCollectionModel {
  uuid?: string | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  name: string;
  description?: string | undefined;
  metadata?: Json | undefined;
  embedding_dimensions?: number | undefined;
  is_auto_embedded?: boolean | undefined;
  is_indexed?: boolean | undefined;
  document_count?: number | undefined;
  document_embedded_count?: number | undefined;
  is_normalized?: boolean | undefined;
}

/** What a collection of documents is. */
export class DocumentCollectionModel implements IDocumentCollectionModel {
  uuid?: string | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  name: string;
  description?: string | undefined;
  metadata?: Json | undefined;
  embedding_dimensions?: number | undefined;
  is_auto_embedded?: boolean | undefined;
  is_indexed?: boolean | undefined;
  document_count?: number | undefined;
  document_embedded_count?: number | undefined;
  is_normalized?: boolean | undefined;

  constructor(data: IDocumentCollectionModel) {
    this.uuid = data.uuid;
    this.created_at = data.created_at;
    this.updated_at = data.updated_at;
    this.name = data.name;
    this.description = data.description;
    this.metadata = data.metadata;
    this.embedding_dimensions = data.embedding_dimensions;
    this.is_auto_embedded = data.is_auto_embedded ?? true;
    this.is_indexed = data.is_indexed;
    this.document_count = data.document_count;
    this.document_embedded_count = data.document_embedded_count;
    this.is_normalized = data.is_normalized;
  }

  /** Return the fields as a plain object. */
  toDict(): IDocumentCollectionModel {
    return plain(this);
  }
}

/** Return a document as the server sent it, with its score if it was found by a search. */
export function documentOf(sent: wire.Document & { score?: number }): Document {
  const { embedding, ...rest } = given(sent);
  return new Document({ ...rest, ...dated(sent), embedding });
}

/** Return the times that a row was sent with. */
export function dated(sent: { created_at: string; updated_at: string }): { created_at: Date; updated_at: Date } {
  return { created_at: new Date(sent.created_at), updated_at: new Date(sent.updated_at) };
}
