// Rows of lists.

import { MemorySearchResult } from "./memory_models.js";
import { given } from "./plain.js";
import type * as wire from "./wire.js";

/** Yield the chunks of a list, each from behind the last row of the one before, until one is empty. */
export async function* chunks<Row, Cursor>(
  chunkSize: number,
  list: (cursor?: Cursor) => Promise<Row[]>,
  cursorOf: (row: Row) => Cursor | undefined,
): AsyncGenerator<Row[], void, unknown> {
  if (!(chunkSize >= 1)) throw new RangeError(`chunkSize is ${chunkSize}, less than 1`);
  let rows = await list();
  for (let last = rows.at(-1); last !== undefined; last = rows.at(-1)) {
    const cursor = cursorOf(last); // before the rows are yielded, for then they are the caller's
    yield rows;
    rows = await list(cursor);
  }
}

/** Return what a search found as the server sent it. */
export function resultOf(sent: wire.SearchResult | wire.RankedResult): MemorySearchResult {
  const { embedding, ...rest } = given(sent);
  return new MemorySearchResult({ ...rest, embedding: embedding && Float32Array.from(embedding) });
}
