// A program that uses every method of the client, for the type checker: nobody runs it.

import {
  AuthenticationError,
  type DocumentCollection,
  type IDocument,
  type ISession,
  type Job,
  Memory,
  MemorySearchPayload,
  type MemorySearchResult,
  Message,
  NotFoundError,
  Session,
  type Summary,
  User,
  ZepClient,
  ZepError,
} from "recollect";
import type * as recollect from "recollect";
// @ts-expect-error
import type { Sesion } from "recollect";
import type * as wire from "../../dist/esm/wire.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? A : never;
function is<Expected>() {
  return <Given>(_: Same<Given, Expected>) => {};
}

// Every field that the server sends has its place in the client's model: a field that has none does not compile.
type Read<Sent, Model> = Exclude<keyof Sent, keyof Model> extends never ? true : Exclude<keyof Sent, keyof Model>;
export const read: true[] = [
  true satisfies Read<wire.Session, recollect.Session>,
  true satisfies Read<wire.User, recollect.User>,
  true satisfies Read<wire.Message, recollect.Message>,
  true satisfies Read<wire.Summary, recollect.Summary>,
  true satisfies Read<wire.Memory, recollect.Memory>,
  true satisfies Read<wire.Collection, recollect.DocumentCollection>,
  true satisfies Read<wire.DocumentResult, recollect.Document>,
  true satisfies Read<wire.JobState, recollect.Job>,
  true satisfies Read<wire.RankedResult, recollect.MemorySearchResult>,
  true satisfies Read<wire.Feature, recollect.Feature>,
];

export async function useMemory(client: ZepClient, signal: AbortSignal): Promise<void> {
  const data: ISession = { session_id: "trip", user_id: undefined, metadata: {} };
  is<Session>()(await client.memory.addSession(new Session(data), { signal, timeout: 1000 }));
  const session = await client.memory.getSession("trip");
  is<Session>()(session);
  is<string | undefined>()(session.user_id);
  const topic: string = session.metadata["topic"];
  is<Session>()(await client.memory.updateSession({ session_id: "trip", metadata: { topic } }));
  is<Session[]>()(await client.memory.listSessions(10, 0, { signal }));
  for await (const sessions of client.memory.listSessionsChunked(10, { signal })) {
    is<number | undefined>()(sessions[0]?.id);
  }
  const memory = await client.memory.getMemory("trip", 3, { keyMessages: 5 });
  is<Message[] | undefined>()(memory.key_messages);
  is<Summary[]>()(await client.memory.listSummaries("trip", 10, "uuid"));
  for await (const summaries of client.memory.listSummariesChunked("trip", 10)) is<Summary[]>()(summaries);
  is<Memory>()(memory);
  is<Summary | undefined>()(memory.summary);
  is<string>()(memory.toDict().messages?.[0]?.content ?? "");
  is<string>()(await client.memory.addMemory("trip", memory, { wait: 1, signal }));
  is<string>()(await client.memory.addMemory("trip", { messages: [{ role: "Ana", content: "Hi" }] }));
  is<string>()(await client.memory.deleteMemory("trip"));
  const payload = new MemorySearchPayload({
    text: "x",
    search_type: "hybrid",
    search_scope: "messages",
    mmr_lambda: 0.5,
  });
  const results = await client.memory.searchMemory("trip", payload, 3, { explain: true, signal });
  is<MemorySearchResult[]>()(results);
  is<Message | undefined>()(results[0]?.message);
  is<Float32Array | undefined>()(results[0]?.embedding);
  is<number | undefined>()(results[0]?.features?.["meaning"]?.share);
}

export async function useMessages(client: ZepClient): Promise<void> {
  is<Message[]>()(await client.message.getSessionMessages("trip", 10, 1));
  is<Message>()(await client.message.getSessionMessage("trip", "uuid"));
  is<Message>()(await client.message.updateSessionMessageMetadata("trip", "uuid", { a: 1 }));
}

export async function useUsers(client: ZepClient): Promise<void> {
  const user = await client.user.add({ user_id: "ana", email: undefined });
  is<User>()(user);
  is<Date | undefined>()(user.created_at);
  is<User>()(await client.user.get("ana"));
  is<User>()(await client.user.update(user));
  is<User[]>()(await client.user.list(1, 0));
  for await (const users of client.user.listChunked(5)) is<User[]>()(users);
  is<Session[]>()(await client.user.getSessions("ana"));
  const options = {
    sessionIds: ["trip"],
    searchType: "mmr",
    startDate: new Date(),
    endDate: "2024-05-01",
    explain: true,
  } as const;
  const found = await client.user.search("ana", "x", { ...options, sessionIds: ["trip"] });
  is<MemorySearchResult[]>()(found);
  is<string>()(await client.user.delete("ana"));
}

export async function useDocuments(client: ZepClient): Promise<void> {
  const notes = await client.document.addCollection({ name: "notes", embeddingDimensions: 384, isAutoEmbedded: true });
  is<DocumentCollection>()(notes);
  is<"ready" | "pending">()(notes.status);
  is<DocumentCollection>()(await client.document.getCollection("notes"));
  is<DocumentCollection>()(await client.document.updateCollection({ name: "notes", description: "" }));
  is<DocumentCollection[]>()(await client.document.listCollections());
  const documents: IDocument[] = [{ content: "x" }, { content: "y", embedding: new Float32Array(8) }];
  const uuids = await notes.addDocuments(documents, { batchSize: 10 });
  is<string[]>()(uuids);
  const [uuid = ""] = uuids;
  is<Date | undefined>()((await notes.getDocument(uuid)).created_at);
  is<recollect.Document[]>()(await notes.getDocuments(uuids));
  is<recollect.Document[]>()(await notes.getDocumentsById(["x"]));
  await notes.updateDocument({ uuid, documentId: "y", metadata: {} });
  await notes.deleteDocument(uuid);
  await notes.deleteDocuments(uuids);
  await notes.createIndex(true);
  is<number | undefined>()(await notes.measureIndex());
  is<recollect.Document[]>()(await notes.search({ text: "x", searchType: "hybrid" }, 3));
  is<[recollect.Document[], Float32Array]>()(await notes.searchReturnQueryVector({ embedding: [0.1] }));
  is<string>()(notes.toDict().name);
  await client.document.deleteCollection(notes.name);
}

export async function useJobs(client: ZepClient): Promise<void> {
  const jobs = await client.job.list({ state: "failed", kind: "embed", limit: 1, cursor: "uuid" });
  is<Job[]>()(jobs);
  for await (const page of client.job.listChunked(10, { state: "due" })) is<Job[]>()(page);
  await client.job.retry(jobs[0]?.id ?? "");
}

export async function useTheClient(): Promise<void> {
  const client = await ZepClient.init("http://127.0.0.1:8000", "key", { timeout: 5000, retries: 0, fetch });
  await client.check();
  is<Session>()(await client.addSession(new Session({ session_id: "trip" })));
  is<Session>()(await client.getSession("trip"));
  is<string>()(await client.addMemory("trip", new Memory({ messages: [new Message({ role: "Ana", content: "Hi" })] })));
  is<Memory>()(await client.getMemory("trip"));
  is<MemorySearchResult[]>()(await client.searchMemory("trip", new MemorySearchPayload({ text: "x" })));
  is<string>()(await client.deleteMemory("trip"));
  is<string>()(client.getFullUrl("/sessions"));
}

export function useErrors(error: unknown): string | undefined {
  if (error instanceof NotFoundError || error instanceof AuthenticationError) return error.hint;
  return error instanceof ZepError ? `${error.code} ${error.call}` : undefined;
}

// What does not pass the type checker: a misspelt field, kind of search, method or class, and a text for a number.
export async function mistakes(client: ZepClient, _: Sesion): Promise<void> {
  // @ts-expect-error
  new Session({ session: "trip" });
  // @ts-expect-error
  new MemorySearchPayload({ search_type: "semantic" });
  // @ts-expect-error
  await client.memory.getSesion("trip");
  // @ts-expect-error
  await client.memory.listSessions("10");
}
