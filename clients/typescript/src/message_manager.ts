import type { ZepClient } from "./client.js";
import type { CallOptions } from "./connection.js";
import { Message } from "./memory_models.js";
import type { Json } from "./wire.js";

const MESSAGE = "/sessions/{session_id}/messages/{message_uuid}";

/** The messages of a session, one by one or page by page. */
export class MessageManager {
  constructor(readonly client: ZepClient) {}

  /**
   * Return the page numbered `cursor`, from 1, of a session's messages, oldest first, `limit` to a page.
   *
   * Without a limit all of them; an unknown session has none.
   *
   * @example
   * const messages = await client.message.getSessionMessages("trip", 50);
   * console.log(messages[0]?.content);
   */
  async getSessionMessages(
    sessionId: string,
    limit?: number,
    cursor?: number,
    options?: CallOptions,
  ): Promise<Message[]> {
    const call = { ids: { session_id: sessionId }, query: { limit, cursor } };
    const page = await this.client.connection.one("GET /sessions/{session_id}/messages", call, options);
    return page.messages.map((message) => new Message(message));
  }

  /** Return the message with this uuid. Throws NotFoundError, BadRequest for what is no uuid. */
  async getSessionMessage(sessionId: string, messageId: string, options?: CallOptions): Promise<Message> {
    const ids = { session_id: sessionId, message_uuid: messageId };
    return new Message(await this.client.connection.one(`GET ${MESSAGE}`, { ids }, options));
  }

  /**
   * Merge metadata into a message: keys that are not named stay. Throws NotFoundError.
   *
   * @example
   * const message = await client.message.updateSessionMessageMetadata("trip", messages[0]!.uuid!, { mood: "merry" });
   * console.log(message.metadata);
   */
  async updateSessionMessageMetadata(
    sessionId: string,
    messageId: string,
    metadata: Json,
    options?: CallOptions,
  ): Promise<Message> {
    const call = { ids: { session_id: sessionId, message_uuid: messageId }, body: { metadata } };
    return new Message(await this.client.connection.one(`PATCH ${MESSAGE}`, call, options));
  }
}
