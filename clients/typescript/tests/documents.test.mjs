import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { BadRequest, Document, DocumentCollection, NotFoundError } from "recollect";
import { connect, newName, range, until } from "./case.mjs";

const { document } = await connect();
const WIDTH = 8;
const vector = (direction) => range(WIDTH).map((place) => (place === direction ? 1 : 0.125));
const newCollection = () => newName().slice(0, 40);

async function withVectors(count) {
  const name = newCollection();
  const collection = await document.addCollection({ name, embeddingDimensions: WIDTH, isAutoEmbedded: false });
  const documents = range(count).map((n) => ({
    content: `text ${n}`,
    document_id: `id-${n}`,
    metadata: { n },
    embedding: n % 2 ? vector(n) : Float32Array.from(vector(n)),
  }));
  return [collection, await collection.addDocuments(documents, { batchSize: 2 })];
}

test("a collection goes through its whole life, and each answer tells its state", async () => {
  const name = newCollection();
  const made = await document.addCollection({
    name,
    embeddingDimensions: 384,
    description: "Notes",
    metadata: { a: 1 },
  });
  assert.ok(made instanceof DocumentCollection && made.created_at instanceof Date);
  assert.deepEqual([made.name, made.description, made.metadata], [name, "Notes", { a: 1 }]);
  assert.deepEqual([made.embedding_dimensions, made.is_auto_embedded, made.status], [384, true, "pending"]);
  const changed = await document.updateCollection({ name, metadata: { b: 2 } });
  assert.deepEqual([changed.description, changed.metadata], ["Notes", { b: 2 }]);
  const listed = (await document.listCollections()).find((collection) => collection.name === name);
  assert.deepEqual(listed.toDict(), changed.toDict());
  await document.deleteCollection(name);
  await assert.rejects(document.getCollection(name), {
    name: "NotFoundError",
    message: `collection: ${name} not found`,
  });
  await assert.rejects(made.search({ text: "x" }), NotFoundError);
  await assert.rejects(document.updateCollection({ name }), TypeError);
});

test("documents added in batches are found under the uuids that adding them returned, in order", async () => {
  const [collection, uuids] = await withVectors(5);
  const found = await collection.getDocuments(uuids);
  assert.deepEqual(
    found.map((each) => each.content),
    range(5).map((n) => `text ${n}`),
  );
  const one = await collection.getDocument(uuids[3]);
  assert.ok(one instanceof Document && one.created_at instanceof Date);
  assert.deepEqual([one.document_id, one.metadata, one.is_embedded], ["id-3", { n: 3 }, true]);
  assert.deepEqual(one.embedding, Float32Array.from(vector(3)));
  assert.deepEqual(
    (await collection.getDocumentsById(["id-4", "id-0"])).map((each) => each.uuid),
    [uuids[4], uuids[0]],
  );
  assert.equal((await document.getCollection(collection.name)).status, "ready");
  assert.deepEqual(await collection.addDocuments([]), []);
});

test("what is given replaces what there was; what is deleted is gone", async () => {
  const [collection, uuids] = await withVectors(4);
  await collection.updateDocument({ uuid: uuids[0], metadata: { m: 1 } });
  await collection.updateDocument({ uuid: uuids[0], documentId: "other" });
  const changed = await collection.getDocument(uuids[0]);
  assert.deepEqual([changed.document_id, changed.metadata], ["other", { m: 1 }]);
  await collection.deleteDocument(uuids[0]);
  await collection.deleteDocuments(uuids.slice(1, 3));
  assert.deepEqual(
    (await collection.getDocuments(uuids)).map((each) => each.uuid),
    uuids.slice(3),
  );
  await assert.rejects(collection.getDocument(uuids[0]), NotFoundError);
});

test("documents are found by vector with their scores, and filtered by metadata", async () => {
  const [collection, uuids] = await withVectors(4);
  const embedding = Float32Array.from(vector(2));
  const [found, query] = await collection.searchReturnQueryVector({ embedding }, 2);
  assert.deepEqual([found[0].uuid, found.length, query], [uuids[2], 2, embedding]);
  assert.ok(found[0].score > 0.9999);
  const diverse = await collection.search({ embedding, searchType: "mmr", mmrLambda: 0.9 }, 3);
  assert.equal(diverse[0].uuid, uuids[2]);
  const filtered = await collection.search({ metadata: { where: { jsonpath: "$ ? (@.n == 1)" } } });
  assert.deepEqual(
    filtered.map((each) => each.uuid),
    [uuids[1]],
  );
});

test("documents that the server embeds are found by what they mean", async () => {
  const collection = await document.addCollection({ name: newCollection(), embeddingDimensions: 384 });
  await collection.addDocuments([{ content: "The ferry leaves at noon." }, { content: "Bring a coat." }]);
  await until(async () => (await document.getCollection(collection.name)).status === "ready");
  for (const searchType of ["similarity", "hybrid"]) {
    const found = await collection.search({ text: "When does the ship go?", searchType }, 1);
    assert.deepEqual(
      found.map((each) => each.content),
      ["The ferry leaves at noon."],
    );
  }
});

test("asking for an index that is not needed does no harm; without one there is no recall", async () => {
  const [collection] = await withVectors(1);
  await collection.createIndex();
  await collection.createIndex(true);
  assert.equal(await collection.measureIndex(), undefined);
});

test("mistakes are told by the client where it can know, else by the server", async () => {
  const [collection, [uuid]] = await withVectors(1);
  await assert.rejects(collection.updateDocument({ uuid }), TypeError);
  await assert.rejects(collection.getDocuments([]), TypeError);
  await assert.rejects(collection.deleteDocuments([]), TypeError);
  await assert.rejects(collection.addDocuments([], { batchSize: 0 }), RangeError);
  await assert.rejects(collection.getDocument(randomUUID()), NotFoundError);
  await assert.rejects(collection.addDocuments([{ content: "x", embedding: [1] }]), BadRequest);
  await assert.rejects(collection.search({}), BadRequest);
});
