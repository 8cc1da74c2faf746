// Rows of lists.

import { MemorySearchResult } from "./memory_models.js";
import { given } from "./plain.js";
import type * as wire from "./wire.js";

/** Yield the chunks of a list, each from behind the last row of the one before, until one is empty. */
export async function* chunks<Row extends { id?: Id | undefined }, Id>(
  chunkSize: number,
  list: (cursor?: Id) => Promise<Row[]>,
): AsyncGenerator<Row[], void, unknown> {
  if (!(chunkSize >= 1)) throw new RangeError(`chunkSize is ${chunkSize}, less than 1`);
  let rows = await list();
  while (rows.length > 0) {
    const cursor = rows.at(-1)?.id; // before it is yielded, for then it is the caller's
    yield rows;
    rows = await list(cursor);
  }
}

/** Return what a search found as the server sent it. */
export function resultOf(sent: wire.SearchResult | wire.RankedResult): MemorySearchResult {
  const { embedding, ...rest } = given(sent);
  return new MemorySearchResult({ ...rest, embedding: embedding && Float32Array.from(embedding) });
}
