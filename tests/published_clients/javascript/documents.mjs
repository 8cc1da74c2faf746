// Collections and documents, on a server that embeds.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect, NotFoundError, published, range, refused, until } from "./case.mjs";

const { document } = await connect();
const width = 8;
const axis = (place, more = 0.25) => {
  const vector = new Float32Array(width);
  vector[place] = 0.75;
  vector[(place + 1) % width] = more;
  return vector;
};
const add = (name, more) =>
  document.addCollection({ name, embeddingDimensions: width, isAutoEmbedded: false, ...more });

test("102 109 a collection is added, read, changed and deleted", async () => {
  const added = await add("papers", { description: "mine", metadata: { a: 1 }, isAutoEmbedded: true });
  assert.deepEqual([added.name, added.description, added.metadata], ["papers", "mine", { a: 1 }]);
  assert.deepEqual([added.document_count, added.status], [0, "pending"]);
  const changed = await document.updateCollection({ name: "papers", metadata: { b: 2 } });
  assert.deepEqual([changed.description, changed.metadata], ["mine", { b: 2 }]);
  const [listed] = (await document.listCollections()).filter((collection) => collection.name === "papers");
  assert.deepEqual([listed.uuid, listed.embedding_dimensions, listed.is_auto_embedded], [added.uuid, width, true]);
  await document.deleteCollection("papers");
  await assert.rejects(document.getCollection("papers"), NotFoundError);
  await assert.rejects(document.deleteCollection("papers"), NotFoundError);
  await assert.rejects(document.updateCollection({ name: "papers", description: "x" }), NotFoundError);
});

test("106 what cannot be added throws APIError", async () => {
  await add("taken");
  await assert.rejects(add("taken"), refused(/collection already exists/));
});

test("111 116 118 119 120 documents are added, read and changed", async () => {
  const uuids = await (await add("books1")).addDocuments([
    { content: "one", embedding: axis(0), document_id: "first", metadata: { n: 1 } },
    { content: "two", embedding: axis(3) },
  ]);
  const books = await document.getCollection("books1");
  assert.deepEqual([books.document_count, books.status], [2, "ready"]);
  const found = await books.getDocuments(uuids);
  assert.deepEqual(found.map((d) => d.uuid), uuids);
  assert.deepEqual(found.map((d) => d.embedding), [axis(0), axis(3)]);
  assert.deepEqual([found[0].document_id, found[0].metadata, found[0].is_embedded], ["first", { n: 1 }, true]);
  assert.deepEqual(await books.getDocument(uuids[1]), found[1]);
  await books.updateDocument({ uuid: uuids[0], documentId: "renamed", metadata: { m: 2 } });
  const changed = await books.getDocument(uuids[0]);
  assert.deepEqual([changed.document_id, changed.metadata], ["renamed", { m: 2 }]);
  await assert.rejects(books.getDocument(randomUUID()), NotFoundError);
  await assert.rejects(books.updateDocument({ uuid: randomUUID(), documentId: "x" }), NotFoundError);
});

test("123 documents are deleted", async () => {
  const books = await add("books2");
  const uuids = await books.addDocuments(range(3).map((n) => ({ content: `${n}`, embedding: axis(n) })));
  await books.deleteDocument(uuids[1]);
  await assert.rejects(books.deleteDocument(uuids[1]), NotFoundError);
  assert.deepEqual((await books.getDocuments(uuids)).map((d) => d.content), ["0", "2"]);
});

test("111 many documents come in batches at the same time", async () => {
  const books = await add("books3");
  const many = range(1000).map((n) => ({ content: `number ${n}`, embedding: axis(n % width) }));
  assert.equal(new Set(await books.addDocuments(many)).size, 1000);
  assert.equal((await document.getCollection("books3")).document_count, 1000);
});

test("125 126 127 129 documents are found by embedding, by metadata and by both", async () => {
  const books = await add("books4");
  await books.addDocuments(
    range(6).map((n) => ({ content: `${n}`, embedding: axis(n, 0.125 * n), metadata: { odd: n % 2 } })),
  );
  const [found, vector] = await books.searchReturnQueryVector({ embedding: axis(2) }, 3);
  assert.deepEqual([found[0].content, found.length, vector], ["2", 3, axis(2)]);
  assert.ok(found[0].score > 0.9999 && found[0].score >= found[1].score && found[1].score >= found[2].score);
  const metadata = { where: { jsonpath: "$[*] ? (@.odd == 1)" } };
  for (const query of [{ metadata }, { metadata, embedding: axis(2) }]) {
    assert.deepEqual((await books.search(query)).map((d) => d.content).sort(), ["1", "3", "5"]);
  }
  const diverse = await books.search({ embedding: axis(2), searchType: "mmr", mmrLambda: 0.3 }, 2);
  assert.deepEqual([diverse[0].content, diverse.length], ["2", 2]);
  await assert.rejects(books.search({ embedding: axis(2), text: "both" }), refused());
});

test("128 a search in an unknown collection throws NotFoundError", async () => {
  const books = await add("books5");
  assert.deepEqual(await books.search({ embedding: axis(0) }), []);
  await document.deleteCollection("books5");
  await assert.rejects(books.search({ embedding: axis(0) }), NotFoundError);
});

test("117 125 127 texts are embedded and found", async () => {
  const stories = await add("stories", { embeddingDimensions: 384, isAutoEmbedded: true });
  const texts = ["The puppy fetched a ball.", "Volcanoes shape Iceland.", "Espresso needs fine coffee."];
  const uuids = await stories.addDocuments(texts.map((content) => ({ content })));
  await until(async () => (await document.getCollection("stories")).status === "ready");
  assert.equal((await stories.getDocument(uuids[0])).embedding.length, 384);
  const [found, vector] = await stories.searchReturnQueryVector({ text: "a dog at play" }, 2);
  assert.deepEqual([found[0].content, found.length, vector.length], [texts[0], 2, 384]);
});

test("110 an index can be asked for", async () => {
  const books = await add("books6");
  await books.createIndex();
  await books.addDocuments([{ content: "one", embedding: axis(0) }]);
  const asking = (await document.getCollection("books6")).createIndex();
  if (published) await assert.rejects(asking, /must have at least/); // ours leaves that to the server
  else await asking;
  await books.createIndex(true);
});
