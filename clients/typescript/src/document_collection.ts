import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import {
  type Document,
  DocumentCollectionModel,
  documentOf,
  type IDocument,
  type IDocumentCollectionModel,
} from "./document_models.js";
import type { SearchType } from "./memory_models.js";
import type { Json } from "./wire.js";

/** What to look for in a collection: a text or a vector, and a filter on metadata. */
export interface ISearchQuery {
  text?: string | undefined;
  metadata?: Json | undefined;
  embedding?: Float32Array | number[] | undefined;
  /** "similarity" unless said otherwise, "mmr" or, with a text, "hybrid". */
  searchType?: SearchType | undefined;
  mmrLambda?: number | undefined;
}

/** What to replace of a document. */
export interface IUpdateDocumentParams {
  uuid: string;
  documentId?: string | undefined;
  metadata?: Json | undefined;
}

/** How documents are added. */
export interface AddDocumentsOptions extends CallOptions {
  /** How many to send at a time, 500 unless said otherwise; each batch is stored whole or not at all. */
  batchSize?: number | undefined;
}

const COLLECTION = "/collection/{collection_name}";
const DOCUMENT = `${COLLECTION}/document/uuid/{document_uuid}` as const;

/** What a collection of documents is, and what can be done with it. */
export class DocumentCollection extends DocumentCollectionModel {
  readonly #client: ZepClient;

  constructor(client: ZepClient, params: IDocumentCollectionModel) {
    super(params);
    this.#client = client;
  }

  /** Whether all documents had their vectors when this was read; an empty collection is "pending". */
  get status(): "ready" | "pending" {
    return this.document_count && this.document_count === this.document_embedded_count ? "ready" : "pending";
  }

  /**
   * Add documents, and return their uuids in order.
   *
   * Throws BadRequest (an id is taken, a vector is of the wrong width, has to be there or must not be), TooLarge.
   *
   * @example
   * const uuids = await notes.addDocuments([{ content: "The ferry leaves at noon.", metadata: { port: "north" } }]);
   * console.log(uuids.length);
   */
  async addDocuments(documents: IDocument[], options: AddDocumentsOptions = {}): Promise<string[]> {
    const { batchSize = 500 } = options;
    if (!(batchSize >= 1)) throw new RangeError(`batchSize is ${batchSize}, less than 1`);
    const uuids: string[] = [];
    for (let start = 0; start < documents.length; start += batchSize) {
      const body = documents.slice(start, start + batchSize).map(({ content, document_id, metadata, embedding }) => ({
        content,
        document_id,
        metadata,
        embedding: embedding && Array.from(embedding),
      }));
      const call = { ids: this.#ids, body };
      uuids.push(...(await this.#client.connection.many(`POST ${COLLECTION}/document`, call, options)));
    }
    return uuids;
  }

  /** Replace a document's id and metadata, each if it is given. Throws NotFoundError, BadRequest. */
  async updateDocument(params: IUpdateDocumentParams, options?: CallOptions): Promise<void> {
    const { uuid, documentId, metadata } = params;
    if (documentId === undefined && metadata === undefined) {
      throw new TypeError("neither documentId nor metadata is given");
    }
    const call = { ids: { ...this.#ids, document_uuid: uuid }, body: { document_id: documentId, metadata } };
    await this.#client.connection.done(`PATCH ${DOCUMENT}`, call, options);
  }

  /** Delete a document, for good. Throws NotFoundError. */
  async deleteDocument(uuid: string, options?: CallOptions): Promise<void> {
    await this.#client.connection.done(`DELETE ${DOCUMENT}`, { ids: { ...this.#ids, document_uuid: uuid } }, options);
  }

  /** Delete documents, for good; those that do not exist are passed over. Throws NotFoundError if none does. */
  async deleteDocuments(uuids: string[], options?: CallOptions): Promise<void> {
    const call = { ids: this.#ids, body: named(uuids, "uuids") };
    await this.#client.connection.done(`POST ${COLLECTION}/document/list/delete`, call, options);
  }

  /** Return a document with its vector. Throws NotFoundError, BadRequest for what is no uuid. */
  async getDocument(uuid: string, options?: CallOptions): Promise<Document> {
    const ids = { ...this.#ids, document_uuid: uuid };
    return documentOf(await this.#client.connection.one(`GET ${DOCUMENT}`, { ids }, options));
  }

  /** Return the documents that exist among those with these uuids, in order. Throws NotFoundError if none does. */
  async getDocuments(uuids: string[], options?: CallOptions): Promise<Document[]> {
    return this.#some({ uuids: named(uuids, "uuids") }, options);
  }

  /** Likewise by the ids that you gave them. */
  async getDocumentsById(documentIds: string[], options?: CallOptions): Promise<Document[]> {
    return this.#some({ document_ids: named(documentIds, "documentIds") }, options);
  }

  async #some(body: { uuids: string[] } | { document_ids: string[] }, options?: CallOptions): Promise<Document[]> {
    const call = { ids: this.#ids, body, repeatable: true };
    return (await this.#client.connection.many(`POST ${COLLECTION}/document/list/get`, call, options)).map(documentOf);
  }

  /** Likewise as `search`, with the vector that the documents were compared with; empty if there was none. */
  async searchReturnQueryVector(
    query: ISearchQuery,
    limit?: number,
    options?: CallOptions,
  ): Promise<[Document[], Float32Array]> {
    const { text, embedding, metadata, searchType, mmrLambda } = query;
    const body = {
      text,
      embedding: embedding && Array.from(embedding),
      metadata,
      search_type: searchType,
      mmr_lambda: mmrLambda,
    };
    const call = { ids: this.#ids, query: { limit }, body, repeatable: true };
    const { results, query_vector } = await this.#client.connection.one(`POST ${COLLECTION}/search`, call, options);
    return [results.map(documentOf), Float32Array.from(query_vector)];
  }

  /**
   * Find at most `limit` documents (20 unless said otherwise) by text or by vector, by metadata, or by both.
   *
   * The best come first; `score` is (1 + cosine similarity) / 2, 0 if metadata alone was asked for. Throws BadRequest,
   * NotFoundError.
   *
   * @example
   * const documents = await notes.search({ text: "When does the ferry leave?" }, 3);
   * console.log(documents.map((document) => [document.content, document.score]));
   */
  async search(query: ISearchQuery, limit?: number, options?: CallOptions): Promise<Document[]> {
    const [documents] = await this.searchReturnQueryVector(query, limit, options);
    return documents;
  }

  /** Have the collection indexed if it is large enough to need it; the server also does so by itself. */
  async createIndex(force?: boolean, options?: CallOptions): Promise<void> {
    await this.#client.connection.done(
      `POST ${COLLECTION}/index/create`,
      { ids: this.#ids, query: { force } },
      options,
    );
  }

  /** Return the share of the exact nearest neighbours that the index finds; undefined while there is no index. */
  async measureIndex(options?: CallOptions): Promise<number | undefined> {
    const call = { ids: this.#ids, query: { measure: true }, repeatable: true };
    const { recall } = await this.#client.connection.one(`POST ${COLLECTION}/index/create`, call, options);
    return recall ?? undefined;
  }

  get #ids(): { collection_name: string } {
    return { collection_name: this.name };
  }
}

function named(ids: string[], what: string): string[] {
  if (ids.length === 0) throw new TypeError(`${what} is empty`);
  return ids;
}
