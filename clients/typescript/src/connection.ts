import { APIError, refusal, Unreachable } from "./errors.js";
import type { Json, Routes } from "./wire.js";

/** How a client calls. */
export interface ClientOptions {
  /** Milliseconds that one attempt may take, 10,000 unless said otherwise; Infinity for no end. */
  timeout?: number | undefined;
  /** How many further attempts follow a lost connection or an answer of 503 or 429, 3 unless said otherwise. */
  retries?: number | undefined;
  /** What to call in place of the `fetch` that the platform has. */
  fetch?: typeof fetch | undefined;
}

/** How one call is made. */
export interface CallOptions {
  /** Ends the call, also between attempts: it then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that one attempt may take, in place of the client's. */
  timeout?: number | undefined;
}

type Route = keyof Routes;
type Answering<Kind> = {
  [R in Route]: Extract<Routes[R]["answer"], Kind> extends never ? never : R;
}[Route];
type Rows<R extends Route> = Extract<Routes[R]["answer"], readonly unknown[]>;
type Thing<R extends Route> = Exclude<Extract<Routes[R]["answer"], object>, readonly unknown[]>;
type Sent = { ids?: Record<string, string>; query?: Record<string, unknown>; body?: unknown };

/** What a call of a route sends, as the description of the API has it, and how it may be treated. */
type Call<R extends Route> = Omit<Routes[R], "answer"> & Treatment;

interface Treatment {
  /** Whether doing it twice is doing it once, whatever its method. */
  repeatable?: boolean;
  /** How long the server was asked to wait before it answers. */
  seconds?: number | undefined;
}

interface Request {
  method: string;
  url: string;
  headers: Headers;
  body: string | undefined;
  safe: boolean;
  timeout: number;
  signal: AbortSignal | undefined;
}

interface Answer {
  response: Response;
  text: string;
}

interface Loss {
  cause: unknown;
  late: boolean;
}

// Every PATCH of this API replaces or merges: what it was sent for holds after the second time as after the first.
const REPEATABLE = new Set(["GET", "PATCH"]);
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 10_000;
const LONGEST_TIMER = 2 ** 31 - 1;
// Where the platform tells that a call never left, it can be made again whatever it does.
const NEVER_LEFT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "ConnectionRefused"]);

/** Sends calls, and sends them again where that is safe. */
export class Connection {
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #options: ClientOptions;

  constructor(base: string, headers: Record<string, string>, options: ClientOptions) {
    this.#base = base;
    this.#headers = headers;
    this.#options = options;
  }

  /** Return the object that a route answers. */
  async one<R extends Answering<Json>>(route: R, call: Call<R>, options?: CallOptions): Promise<Thing<R>> {
    return this.#json(route, call, options, isObject);
  }

  /** Return the list that a route answers. */
  async many<R extends Answering<readonly unknown[]>>(
    route: R,
    call: Call<R>,
    options?: CallOptions,
  ): Promise<Rows<R>> {
    return this.#json(route, call, options, Array.isArray);
  }

  /** Return what a command answers: "OK", or "stored" where the server did not wait to the end. */
  async done<R extends Answering<string>>(route: R, call: Call<R>, options?: CallOptions): Promise<string> {
    const request = this.#request(route, call, options);
    const answer = await this.#send(request);
    if (answer.text !== "OK") throw foreign(request, answer);
    return answer.response.status === 202 ? "stored" : answer.text;
  }

  async #json(
    route: Route,
    call: Sent & Treatment,
    options: CallOptions | undefined,
    fits: (value: unknown) => boolean,
  ): Promise<any> {
    const request = this.#request(route, call, options);
    const answer = await this.#send(request);
    const value = parsed(answer.text);
    if (!fits(value)) throw foreign(request, answer);
    return value;
  }

  #request(route: Route, call: Sent & Treatment, options: CallOptions = {}): Request {
    const [method = "", path = ""] = route.split(" ");
    const query = Object.entries(call.query ?? {}).filter(([, value]) => value !== undefined && value !== null);
    const search = query.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
    const headers = new Headers(this.#headers);
    if (call.body !== undefined) headers.set("Content-Type", "application/json");
    return {
      method,
      url: this.#base + filled(path, call.ids ?? {}) + (search && `?${search}`),
      headers,
      body: call.body === undefined ? undefined : JSON.stringify(call.body),
      safe: REPEATABLE.has(method) || call.repeatable === true,
      timeout: (options.timeout ?? this.#options.timeout ?? 10_000) + (call.seconds ?? 0) * 1000,
      signal: options.signal,
    };
  }

  /** Return the answer to a request that all went well with. */
  async #send(request: Request): Promise<Answer> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(request);
      const again = pause(request, outcome, attempt);
      if (again === undefined || attempt >= (this.#options.retries ?? 3)) return settled(request, outcome);
      await sleep(again, request.signal);
    }
  }

  /** Return the answer, or why there is none. Throws the reason for which the caller ended the call. */
  async #attempt(request: Request): Promise<Answer | Loss> {
    const { method, url, headers, body, timeout, signal } = request;
    signal?.throwIfAborted();
    const fetch = this.#options.fetch ?? globalThis.fetch; // browsers refuse it as a method of another object
    const ending = new AbortController();
    const end = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", end, { once: true });
    let late = false;
    const expire = () => {
      late = true;
      ending.abort();
    };
    const timer = timeout <= LONGEST_TIMER ? setTimeout(expire, timeout) : undefined;
    try {
      const init: RequestInit = { method, headers, redirect: "manual", signal: ending.signal };
      const response = await fetch(url, body === undefined ? init : { ...init, body });
      return { response, text: await response.text() };
    } catch (cause) {
      signal?.throwIfAborted();
      return { cause, late };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }
}

function told({ method, url }: Request): string {
  return `${method} ${url}`;
}

/** Fill ids into a path, percent-encoded. */
function filled(path: string, ids: Record<string, string>): string {
  return path.replace(/{(\w+)}/g, (_, name: string) => {
    const id: unknown = ids[name];
    if (typeof id !== "string" || id === "") throw new TypeError(`${name} is ${JSON.stringify(id)}, not a text`);
    // Whatever its encoding, `fetch` takes such a segment for a step in the path.
    if (id === "." || id === "..") throw new TypeError(`${name} is "${id}", which no URL can hold`);
    return encodeURIComponent(id);
  });
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Return after how many milliseconds to send a request again; undefined if the outcome stands. */
function pause(request: Request, outcome: Answer | Loss, attempt: number): number | undefined {
  const backoff = (0.5 + Math.random()) * FIRST_PAUSE * 2 ** attempt;
  if ("late" in outcome) return !outcome.late && (request.safe || neverLeft(outcome.cause)) ? backoff : undefined;
  const { status, headers } = outcome.response;
  if (status !== 429 && (status !== 503 || !request.safe)) return undefined;
  const wait = backoff + asked(headers.get("Retry-After"));
  return wait <= LONGEST_PAUSE ? wait : undefined;
}

function neverLeft(error: unknown): boolean {
  const { code, cause } = Object(error) as { code?: string; cause?: { code?: string } };
  return NEVER_LEFT.has(cause?.code ?? code ?? "");
}

/** Return the milliseconds that a Retry-After asks for, in seconds or by a date. */
function asked(header: string | null): number {
  if (header === null) return 0;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Math.max(0, milliseconds || 0);
}

function settled(request: Request, outcome: Answer | Loss): Answer {
  if ("late" in outcome) throw unanswered(request, outcome);
  const { response, text } = outcome;
  if (response.ok) return outcome;
  const call = told(request);
  if (response.type !== "opaqueredirect" && !response.headers.has("Location"))
    throw refusal(call, response.status, text);
  const hint = `Take the address it leads to in place of yours: ${response.headers.get("Location") ?? "not told"}`;
  throw new APIError(`${call} was answered with a redirect`, response.status, text, { call, hint });
}

/** Return the error of an answer that no server with this API gives, such as another server's page. */
function foreign(request: Request, { response, text }: Answer): APIError {
  const call = told(request);
  const details = { call, hint: "Is this the address of a Recollect server?" };
  return new APIError(`the answer to ${call} is not what the API answers`, response.status, text, details);
}

function unanswered(request: Request, { cause, late }: Loss): Unreachable {
  const call = told(request);
  const details = { call, cause, hint: "Is the server running (`recollect serve`), and is this its address?" };
  if (!late) {
    const { message, cause: deeper } = Object(cause) as {
      message?: string;
      cause?: { message?: string; code?: string };
    };
    const why = [message ?? String(cause), deeper?.message || deeper?.code].filter(Boolean).join(": ");
    return new Unreachable(`${call} got no answer: ${why}`, undefined, undefined, details);
  }
  details.hint = "Pass a longer `timeout`, or see what keeps the server.";
  return new Unreachable(`${call} got no answer within ${request.timeout} ms`, undefined, undefined, details);
}

/** Wait, unless the caller ends the call first. */
function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve();
    }, milliseconds);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
  });
}
