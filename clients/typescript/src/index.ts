export { ZepClient } from "./client.js";
export type { CallOptions, ClientOptions } from "./connection.js";
export {
  type AddDocumentsOptions,
  DocumentCollection,
  type ISearchQuery,
  type IUpdateDocumentParams,
} from "./document_collection.js";
export { DocumentManager, type IAddCollectionParams, type IUpdateCollectionParams } from "./document_manager.js";
export { Document, DocumentCollectionModel, type IDocument, type IDocumentCollectionModel } from "./document_models.js";
export {
  APIError,
  AuthenticationError,
  BadRequest,
  type ErrorDetails,
  MethodNotAllowed,
  NotFoundError,
  OutOfSpace,
  TooLarge,
  Unavailable,
  Unreachable,
  ZepError,
} from "./errors.js";
export { type Job, JobManager, type JobListOptions } from "./job_manager.js";
export {
  type AddMemoryOptions,
  type GetMemoryOptions,
  MemoryManager,
  type SearchMemoryOptions,
} from "./memory_manager.js";
export {
  type Feature,
  type IMemory,
  type IMemorySearchPayload,
  type IMemorySearchResult,
  type IMessage,
  type ISession,
  type ISummary,
  type Json,
  Memory,
  MemorySearchPayload,
  MemorySearchResult,
  Message,
  type SearchScope,
  type SearchType,
  Session,
  Summary,
} from "./memory_models.js";
export { MessageManager } from "./message_manager.js";
export {
  CreateUserRequest,
  type ICreateUserRequest,
  type IUpdateUserRequest,
  type IUser,
  UpdateUserRequest,
  User,
} from "./user_models.js";
export { UserManager, type UserSearchOptions } from "./user_manager.js";
