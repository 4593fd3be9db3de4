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
