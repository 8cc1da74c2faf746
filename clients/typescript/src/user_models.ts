// Users. Timestamps are Dates. What the server sets is undefined in what you make.

import { plain } from "./plain.js";
import type { Json } from "./wire.js";

/** The fields of a user to add. */
export interface ICreateUserRequest {
  user_id: string;
  email?: string | undefined;
  first_name?: string | undefined;
  last_name?: string | undefined;
  metadata?: Json | undefined;
}

/** A user to add. */
export class CreateUserRequest implements ICreateUserRequest {
  user_id: string;
  email?: string | undefined;
  first_name?: string | undefined;
  last_name?: string | undefined;
  metadata?: Json | undefined;

  constructor(data: ICreateUserRequest) {
    this.user_id = data.user_id;
    this.email = data.email;
    this.first_name = data.first_name;
    this.last_name = data.last_name;
    this.metadata = data.metadata;
  }

  /** Return the fields as a plain object. */
  toDict(): ICreateUserRequest {
    return plain(this);
  }
}

/** The fields of what to change of a user. */
export interface IUpdateUserRequest extends ICreateUserRequest {
  uuid?: string | undefined;
}

/** What to change of a user: fields that are undefined or empty stay, metadata is merged. */
export class UpdateUserRequest extends CreateUserRequest implements IUpdateUserRequest {
  uuid?: string | undefined;

  constructor(data: IUpdateUserRequest) {
    super(data);
    this.uuid = data.uuid;
  }

  /** Return the fields as a plain object. */
  override toDict(): IUpdateUserRequest {
    return plain(this);
  }
}

/** The fields of a user. */
export interface IUser extends IUpdateUserRequest {
  id?: number | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  deleted_at?: Date | undefined;
}

/** Somebody whose sessions belong together. `id` is its place in lists. */
export class User extends UpdateUserRequest implements IUser {
  id?: number | undefined;
  created_at?: Date | undefined;
  updated_at?: Date | undefined;
  deleted_at?: Date | undefined;

  constructor(data: IUser) {
    super(data);
    this.id = data.id;
    this.created_at = data.created_at;
    this.updated_at = data.updated_at;
    this.deleted_at = data.deleted_at;
  }

  /** Return the fields as a plain object. */
  override toDict(): IUser {
    return plain(this);
  }
}
