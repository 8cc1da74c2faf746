import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import { DocumentCollection } from "./document_collection.js";
import { dated } from "./document_models.js";
import { given } from "./plain.js";
import type { Json } from "./wire.js";
import type * as wire from "./wire.js";

/** A collection to add. */
export interface IAddCollectionParams {
  /** 3 to 40 letters, digits, _ and -, in lower case from then on. */
  name: string;
  /** 8 to 2,000; that of the server's own model is 384. */
  embeddingDimensions: number;
  description?: string | undefined;
  metadata?: Json | undefined;
  /** Whether the server embeds the documents, as it does unless said otherwise. */
  isAutoEmbedded?: boolean | undefined;
}

/** What to replace of a collection. */
export interface IUpdateCollectionParams {
  name: string;
  description?: string | undefined;
  metadata?: Json | undefined;
}

const COLLECTION = "/collection/{collection_name}";

/** Collections of documents. */
export class DocumentManager {
  constructor(readonly client: ZepClient) {}

  /**
   * Create a collection of documents that the server embeds, or that come with vectors of yours.
   *
   * Throws BadRequest, also if the name is taken.
   *
   * @example
   * const notes = await client.document.addCollection({ name: "travel-notes", embeddingDimensions: 384 });
   * console.log(notes.status);
   */
  async addCollection(params: IAddCollectionParams, options?: CallOptions): Promise<DocumentCollection> {
    const { name, description, metadata, embeddingDimensions, isAutoEmbedded = true } = params;
    const body = {
      name,
      description,
      metadata,
      embedding_dimensions: embeddingDimensions,
      is_auto_embedded: isAutoEmbedded,
    };
    await this.client.connection.done(`POST ${COLLECTION}`, { ids: { collection_name: name }, body }, options);
    return this.getCollection(name, options);
  }

  /** Return a collection, with the numbers of its documents. Throws NotFoundError. */
  async getCollection(name: string, options?: CallOptions): Promise<DocumentCollection> {
    const call = { ids: { collection_name: name } };
    return this.#of(await this.client.connection.one(`GET ${COLLECTION}`, call, options));
  }

  /** Replace a collection's description and metadata, each if it is given. Throws NotFoundError. */
  async updateCollection(params: IUpdateCollectionParams, options?: CallOptions): Promise<DocumentCollection> {
    const { name, description, metadata } = params;
    if (description === undefined && metadata === undefined) {
      throw new TypeError("neither description nor metadata is given");
    }
    const call = { ids: { collection_name: name }, body: { description, metadata } };
    await this.client.connection.done(`PATCH ${COLLECTION}`, call, options);
    return this.getCollection(name, options);
  }

  /** Return all collections, the oldest first. */
  async listCollections(options?: CallOptions): Promise<DocumentCollection[]> {
    const rows = await this.client.connection.many("GET /collection", {}, options);
    return rows.map((row) => this.#of(row));
  }

  /** Delete a collection with all its documents. Throws NotFoundError. */
  async deleteCollection(collectionName: string, options?: CallOptions): Promise<void> {
    const call = { ids: { collection_name: collectionName } };
    await this.client.connection.done(`DELETE ${COLLECTION}`, call, options);
  }

  #of(sent: wire.Collection): DocumentCollection {
    return new DocumentCollection(this.client, { ...given(sent), ...dated(sent) });
  }
}
