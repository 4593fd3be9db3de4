-- account, version 1
ALTER TABLE users ADD COLUMN "kind" TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN "legacy";
ALTER TABLE users ADD COLUMN "tier" TEXT NOT NULL DEFAULT 'it''s free';
ALTER TABLE users ADD COLUMN "order" INTEGER NOT NULL DEFAULT -3;
ALTER TABLE users ADD COLUMN "news" INTEGER NOT NULL DEFAULT 1;
CREATE INDEX IF NOT EXISTS "users_tier" ON users ("tier");
-- account, version 2
ALTER TABLE users ADD COLUMN "factor" REAL NOT NULL DEFAULT 1.0;
ALTER TABLE users ADD COLUMN "tiny" REAL DEFAULT 1e-300;
ALTER TABLE users ADD COLUMN "picture" BLOB NOT NULL DEFAULT x'';
ALTER TABLE users ADD COLUMN "handle" TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS "users_handle" ON users ("handle");
CREATE INDEX IF NOT EXISTS "users_tier+kind" ON users ("tier", "kind");
-- account, version 3
DROP INDEX IF EXISTS "users_kind";
ALTER TABLE users RENAME COLUMN "kind" TO "sort";
ALTER TABLE users ADD COLUMN "say ""hi""" TEXT;
UPDATE users SET tier = legacy WHERE legacy IS NOT NULL;
DROP INDEX IF EXISTS "users_legacy";
ALTER TABLE users DROP COLUMN "legacy";
CREATE INDEX IF NOT EXISTS "users_sort" ON users ("sort");
CREATE INDEX IF NOT EXISTS "users_order+factor" ON users ("order", "factor");
-- aggregate, version 1
ALTER TABLE users ADD COLUMN "kind" TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN "legacy";
ALTER TABLE users ADD COLUMN "tier" TEXT NOT NULL DEFAULT 'it''s free';
ALTER TABLE users ADD COLUMN "order" INTEGER NOT NULL DEFAULT -3;
ALTER TABLE users ADD COLUMN "news" INTEGER NOT NULL DEFAULT 1;
CREATE INDEX IF NOT EXISTS "users_tier" ON users ("tier");
-- aggregate, version 2
ALTER TABLE users ADD COLUMN "factor" REAL NOT NULL DEFAULT 1.0;
ALTER TABLE users ADD COLUMN "tiny" REAL DEFAULT 1e-300;
ALTER TABLE users ADD COLUMN "picture" BLOB NOT NULL DEFAULT x'';
ALTER TABLE users ADD COLUMN "handle" TEXT;
CREATE INDEX IF NOT EXISTS "users_handle" ON users ("handle");
CREATE INDEX IF NOT EXISTS "users_tier+kind" ON users ("tier", "kind");
-- aggregate, version 3
DROP INDEX IF EXISTS "users_kind";
ALTER TABLE users RENAME COLUMN "kind" TO "sort";
ALTER TABLE users ADD COLUMN "say ""hi""" TEXT;
UPDATE users SET tier = legacy WHERE legacy IS NOT NULL;
DROP INDEX IF EXISTS "users_legacy";
ALTER TABLE users DROP COLUMN "legacy";
CREATE INDEX IF NOT EXISTS "users_sort" ON users ("sort");
CREATE INDEX IF NOT EXISTS "users_order+factor" ON users ("order", "factor");
-- note, version 1
CREATE TABLE "note" ("id" INTEGER PRIMARY KEY AUTOINCREMENT, "text" TEXT NOT NULL DEFAULT '', "tag" TEXT, "legacy");
-- note, version 2
DROP INDEX IF EXISTS "note_tag";
ALTER TABLE "note" RENAME COLUMN "tag" TO "label";
ALTER TABLE "note" ADD COLUMN "pinned" INTEGER NOT NULL DEFAULT 0;
UPDATE note SET text = legacy;
DROP INDEX IF EXISTS "note_legacy";
ALTER TABLE "note" DROP COLUMN "legacy";
CREATE INDEX IF NOT EXISTS "note_label" ON "note" ("label");
CREATE INDEX IF NOT EXISTS "note_pinned+id" ON "note" ("pinned", "id");
-- setting, version 1
CREATE TABLE "setting" ("name" TEXT PRIMARY KEY, "value" REAL NOT NULL DEFAULT 0.0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "setting_value" ON "setting" ("value");
